// swift-tools-version: 6.1
import PackageDescription

/// The parsers are compiled anew here, with coverage counters: `Sources/MacTCPWire` is the package's own folder by a
/// symbolic link, so that what has `package` access can be reached.
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
    .executableTarget(
      name: "FuzzDNS", dependencies: ["CFuzzer", "MacTCPWire"], swiftSettings: settings,
      linkerSettings: linkerSettings),
    .executableTarget(
      name: "FuzzPackets", dependencies: ["CFuzzer", "MacTCPWire"], swiftSettings: settings,
      linkerSettings: linkerSettings),
  ],
  swiftLanguageModes: [.v6]
)
