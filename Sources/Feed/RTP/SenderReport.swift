/// Tells receivers which wall-clock time a timestamp means (RFC 3550, section 6.4.1), with the
/// source description that every report must carry (section 6.1).
public struct SenderReport: Equatable, Sendable {
  /// Bytes that `write` writes: the report (28) and the description (20).
  public static let size = 48
  /// How often one is sent, in milliseconds (section 6.2 recommends 5 s).
  public static let intervalMs: UInt64 = 5000

  /// Seconds since 1900 and their 2^-32 parts, of the moment that `timestamp` names.
  public var ntpTime: UInt64
  /// The same moment on the stream's media clock.
  public var timestamp: UInt32

  public init(ntpTime: UInt64, timestamp: UInt32) {
    self.ntpTime = ntpTime
    self.timestamp = timestamp
  }

  /// From nanoseconds since 1970.
  public init(unixNs: UInt64, timestamp: UInt32) {
    let (seconds, rest) = unixNs.quotientAndRemainder(dividingBy: 1_000_000_000)
    let fraction = (rest << 32) / 1_000_000_000
    // 1970 in seconds since 1900; the sum begins anew in 2036, as it should.
    self.init(
      ntpTime: (seconds &+ 2_208_988_800) << 32 | fraction, timestamp: timestamp)
  }

  /// The canonical name (section 6.5.1): one source, one media; nothing about the device.
  private static let name: StaticString = "watchpost"

  /// Writes `SenderReport.size` bytes about `stream` to the front of `buffer`. They belong on the
  /// channel after the stream's own.
  public func write(
    about stream: RTPStream, into buffer: UnsafeMutableRawBufferPointer
  ) -> Int {
    precondition(buffer.count >= SenderReport.size, "no room for a sender report")
    // Version 2, no reception reports; packet type 200; six words follow the first.
    buffer.store(bigEndian: 0x80C8_0006 as UInt32, at: 0)
    buffer.store(bigEndian: stream.source, at: 4)
    buffer.store(bigEndian: ntpTime, at: 8)
    buffer.store(bigEndian: timestamp, at: 16)
    buffer.store(bigEndian: UInt32(truncatingIfNeeded: stream.packets), at: 20)
    buffer.store(bigEndian: UInt32(truncatingIfNeeded: stream.payloadBytes), at: 24)
    // Version 2, one chunk; packet type 202; four words follow.
    buffer.store(bigEndian: 0x81CA_0004 as UInt32, at: 28)
    buffer.store(bigEndian: stream.source, at: 32)
    let name = SenderReport.name
    buffer[36] = 1  // CNAME
    buffer[37] = UInt8(name.utf8CodeUnitCount)
    buffer.copy(UnsafeRawBufferPointer(start: name.utf8Start, count: 9), at: 38)
    buffer[47] = 0  // end of the items
    return SenderReport.size
  }
}
