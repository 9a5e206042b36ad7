// swift-tools-version: 6.1
import PackageDescription

/// What is fuzzed is compiled anew here, with coverage counters: `Sources/MacTCPWire` and `Sources/MacTCPEngine` are the
/// package's own folders by symbolic links, so that what has `package` access can be reached.
let settings: [SwiftSetting] = [
  .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .unsafeFlags(["-sanitize=fuzzer,address"]),
]
let linkerSettings: [LinkerSetting] = [
  .unsafeFlags(["-sanitize=fuzzer,address", "-use-ld=lld"])
]

let package = Package(
  name: "Fuzz",
  platforms: [.macOS("26.0")],
  targets: [
    .target(name: "CFuzzer"),
    .target(name: "MacTCPWire", swiftSettings: settings),
    // With the checks of debug builds.
    .target(
      name: "MacTCPEngine", dependencies: ["MacTCPWire"],
      swiftSettings: settings + [.define("DEBUG")]),
    .executableTarget(
      name: "FuzzDNS", dependencies: ["CFuzzer", "MacTCPWire"], swiftSettings: settings,
      linkerSettings: linkerSettings),
    .executableTarget(
      name: "FuzzPackets", dependencies: ["CFuzzer", "MacTCPWire"], swiftSettings: settings,
      linkerSettings: linkerSettings),
    .executableTarget(
      name: "FuzzEngine", dependencies: ["CFuzzer", "MacTCPEngine", "MacTCPWire"],
      swiftSettings: settings, linkerSettings: linkerSettings),
  ],
  swiftLanguageModes: [.v6]
)
