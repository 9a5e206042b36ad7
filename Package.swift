// swift-tools-version: 6.1
import PackageDescription

/// Async calls run on the caller's executor: a receive that finds data must not pay for a hop.
let settings: [SwiftSetting] = [
  .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
]

let package = Package(
  name: "MacTCP",
  platforms: [.macOS("26.0"), .iOS("26.0")],
  products: [
    .library(name: "MacTCP", targets: ["MacTCP"]),
    // With the addresses that its calls take.
    .library(name: "MacTCPEngine", targets: ["MacTCPEngine", "MacTCPWire"]),
    .library(name: "MacTCPC", type: .dynamic, targets: ["MacTCPC"]),
    .library(name: "MacTCPCStatic", type: .static, targets: ["MacTCPC"]),
    .executable(name: "mactcp", targets: ["MacTCPTool"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
    .package(url: "https://github.com/swiftlang/swift-docc-plugin", from: "1.5.0"),
  ],
  targets: [
    .target(name: "CMacTCPSystem"),
    .target(name: "MacTCPWire", swiftSettings: settings),
    .target(name: "MacTCPEngine", dependencies: ["MacTCPWire"], swiftSettings: settings),
    .target(name: "CMacTCP"),
    .target(
      name: "MacTCPC", dependencies: ["CMacTCP", "MacTCPEngine", "MacTCPWire"],
      swiftSettings: settings),
    .target(
      name: "MacTCPCore",
      dependencies: ["MacTCPWire", .product(name: "DequeModule", package: "swift-collections")],
      swiftSettings: settings),
    .target(name: "MacTCPLinks", swiftSettings: settings),
    .target(
      name: "MacTCPSimulation", dependencies: ["MacTCPEngine", "MacTCPLinks"],
      swiftSettings: settings),
    .target(
      name: "MacTCPHost",
      dependencies: [
        "MacTCPCore", "CMacTCPSystem",
        .product(name: "DequeModule", package: "swift-collections"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "SystemPackage", package: "swift-system"),
      ],
      swiftSettings: settings),
    .target(
      name: "MacDNR",
      dependencies: [
        "MacTCPCore", "MacTCPWire",
        .product(name: "DequeModule", package: "swift-collections"),
        .product(name: "SystemPackage", package: "swift-system"),
      ],
      swiftSettings: settings),
    .target(
      name: "MacTCP", dependencies: ["MacDNR", "MacTCPCore", "MacTCPHost"],
      swiftSettings: settings),
    .executableTarget(
      name: "MacTCPTool",
      dependencies: [
        "MacTCP", "MacTCPEngine", "MacTCPSimulation", "MacTCPWire",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "SystemPackage", package: "swift-system"),
      ],
      swiftSettings: settings),
    .executableTarget(
      name: "EchoServer", dependencies: ["MacTCP"], path: "Examples/EchoServer",
      swiftSettings: settings),
    .executableTarget(
      name: "HTTPGet", dependencies: ["MacTCP"], path: "Examples/HTTPGet", swiftSettings: settings),
    .executableTarget(
      name: "UrgentClient", dependencies: ["MacTCP"], path: "Examples/UrgentClient",
      swiftSettings: settings),
    .testTarget(name: "WireTests", dependencies: ["MacTCPWire"], swiftSettings: settings),
    .testTarget(
      name: "EngineTests", dependencies: ["MacTCPEngine", "MacTCPWire"], swiftSettings: settings),
    .testTarget(name: "LinksTests", dependencies: ["MacTCPLinks"], swiftSettings: settings),
    .testTarget(
      name: "SimulationTests",
      dependencies: ["MacTCPSimulation", "MacTCPEngine", "MacTCPWire"],
      swiftSettings: settings),
    .testTarget(
      name: "ResolverTests",
      dependencies: ["MacTCP", "MacDNR", "MacTCPCore", "MacTCPHost", "MacTCPWire"],
      swiftSettings: settings),
    .testTarget(
      name: "DriverTests",
      dependencies: ["MacTCP", "MacTCPCore", "MacTCPHost", "CMacTCPSystem"],
      swiftSettings: settings),
    .testTarget(
      name: "NamespaceTests", dependencies: ["MacTCP", "MacTCPCore", "MacTCPWire"],
      swiftSettings: settings),
    // The engine behind a TUN device: what Tests/InteropTests/run.py lets the Linux kernel talk to.
    .executableTarget(
      name: "TunnelHost", dependencies: ["MacTCPEngine", "MacTCPWire"],
      path: "Tests/InteropTests/TunnelHost", swiftSettings: settings),
    .testTarget(
      name: "ToolTests", dependencies: ["MacTCPTool", "MacTCPSimulation"], swiftSettings: settings),
  ],
  swiftLanguageModes: [.v6]
)

/// What ThreadSanitizer looks at: the drivers and the resolver, which have threads. The engine has none, and to compile
/// it once more takes as long as all of the rest.
if Context.environment["MACTCP_THREADS_ONLY"] != nil {
  let names = [
    "CMacTCPSystem", "MacTCPWire", "MacTCPCore", "MacTCPHost", "MacDNR", "MacTCP", "DriverTests",
    "ResolverTests",
  ]
  package.products = [.library(name: "MacTCP", targets: ["MacTCP"])]
  package.targets.removeAll { !names.contains($0.name) }
}

/// The Python modules need Python's headers, whose folder `Python/setup.py` names. Tests and programs are no part of
/// that build: a source distribution has none.
if Context.environment["MACTCP_PYTHON"] != nil {
  package.products = [
    .library(name: "MacTCPPython", type: .dynamic, targets: ["MacTCPPython"])
  ]
  package.targets.removeAll { $0.type == .test || $0.type == .executable }
  package.targets += [
    .target(name: "CPythonShims"),
    .target(
      name: "MacTCPPython",
      dependencies: ["CPythonShims", "MacTCP", "MacTCPCore", "MacTCPHost", "MacTCPWire"],
      swiftSettings: settings),
  ]
  package.dependencies.removeAll { dependency in
    switch dependency.kind {
    case .sourceControl(_, let location, _):
      location.hasSuffix("swift-argument-parser") || location.hasSuffix("swift-docc-plugin")
    default: false
    }
  }
}
