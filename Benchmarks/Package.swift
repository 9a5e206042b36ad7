// swift-tools-version: 6.1
import PackageDescription

// A package of its own, so that nobody who uses or tests MacTCP has to build SwiftNIO.

let package = Package(
  name: "MacTCPBenchmarks",
  platforms: [.macOS("26.0")],
  dependencies: [
    .package(name: "MacTCP", path: ".."),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
  ],
  targets: [
    .target(name: "CSockets"),
    .executableTarget(
      name: "streambench",
      dependencies: [
        "CSockets",
        .product(name: "MacTCP", package: "MacTCP"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
      ],
      // As in MacTCP itself: async functions stay on their caller's executor, where they can.
      swiftSettings: [.enableUpcomingFeature("NonisolatedNonsendingByDefault")]),
    .executableTarget(
      name: "stackbench", dependencies: [.product(name: "MacTCPEngine", package: "MacTCP")]),
  ],
  swiftLanguageModes: [.v6]
)
