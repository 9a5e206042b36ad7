/// Linux's TCP_INFO, read by offset: glibc's structure ends before the members that matter most here, and an older kernel
/// fills fewer bytes. Members that did not come read as 0.
struct TCPInformation {
  static let size = 320

  private(set) var state: UInt8 = 0
  private(set) var retransmits: UInt8 = 0
  private(set) var retransmissionTimeout: UInt32 = 0  // µs
  private(set) var sendMaximumSegment: UInt32 = 0
  private(set) var smoothedRoundTrip: UInt32 = 0  // µs
  private(set) var roundTripVariance: UInt32 = 0  // µs
  private(set) var congestionWindow: UInt32 = 0  // segments
  private(set) var totalRetransmits: UInt32 = 0
  private(set) var bytesReceived: UInt64 = 0
  private(set) var segmentsOut: UInt32 = 0
  private(set) var segmentsIn: UInt32 = 0
  private(set) var bytesNotSent: UInt32 = 0
  private(set) var dataSegmentsIn: UInt32 = 0
  private(set) var dataSegmentsOut: UInt32 = 0
  private(set) var bytesSent: UInt64 = 0
  private(set) var bytesRetransmitted: UInt64 = 0
  private(set) var sendWindow: UInt32 = 0
  private(set) var receiveWindow: UInt32 = 0

  init(_ bytes: UnsafeRawBufferPointer) {
    func read<T: FixedWidthInteger>(_ offset: Int, _ type: T.Type) -> T {
      offset + MemoryLayout<T>.size <= bytes.count
        ? bytes.loadUnaligned(fromByteOffset: offset, as: T.self) : 0
    }
    state = read(0, UInt8.self)
    retransmits = read(2, UInt8.self)
    retransmissionTimeout = read(8, UInt32.self)
    sendMaximumSegment = read(16, UInt32.self)
    smoothedRoundTrip = read(68, UInt32.self)
    roundTripVariance = read(72, UInt32.self)
    congestionWindow = read(80, UInt32.self)
    totalRetransmits = read(100, UInt32.self)
    bytesReceived = read(128, UInt64.self)
    segmentsOut = read(136, UInt32.self)
    segmentsIn = read(140, UInt32.self)
    bytesNotSent = read(144, UInt32.self)
    dataSegmentsIn = read(152, UInt32.self)
    dataSegmentsOut = read(156, UInt32.self)
    bytesSent = read(200, UInt64.self)
    bytesRetransmitted = read(208, UInt64.self)
    sendWindow = read(228, UInt32.self)
    receiveWindow = read(232, UInt32.self)
  }
}
