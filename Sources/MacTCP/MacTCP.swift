// The umbrella: everything a program needs comes with `import MacTCP`.
@_exported public import MacDNR
@_exported public import MacTCPCore
@_exported public import MacTCPHost
@_exported public import MacTCPWire

/// Opens a driver: the host's TCP/IP.
///
/// - Parameter configuration: Which network interface stands for the driver, and where it logs.
/// - Throws: `ipBadLapErr` when the interface that was asked for does not exist.
public func open(_ configuration: HostDriver.Configuration = HostDriver.Configuration())
  throws(MacTCPError) -> any Driver
{
  try HostDriver(configuration)
}
