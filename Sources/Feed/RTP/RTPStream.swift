/// What is counted along one RTP stream (RFC 3550): sequence numbers, and what its sender reports
/// tell. The start values come from outside and should be random (section 5.1).
public struct RTPStream: Equatable, Sendable {
  /// Bytes of the header: no contributing sources, no extension.
  public static let headerSize = 12
  /// Bytes of the largest packet, header included. MediaMTX splits larger ones again, and says so
  /// in its log.
  public static let packetSize = 1440
  /// Ticks of the media clock in a second, for both of our formats.
  public static let clockRate: UInt64 = 90_000

  public let payloadType: UInt8
  public let source: UInt32
  /// The sequence number of the next packet.
  public private(set) var sequence: UInt16
  /// Packets and bytes of payload written so far, modulo 2^32 in reports.
  public private(set) var packets: UInt64 = 0
  public private(set) var payloadBytes: UInt64 = 0

  public init(payloadType: UInt8, source: UInt32, sequence: UInt16) {
    precondition(payloadType < 128, "a payload type has seven bits")
    self.payloadType = payloadType
    self.source = source
    self.sequence = sequence
  }

  /// Writes the header in front of a payload of `payloadSize` bytes and counts the packet.
  @inline(__always)
  mutating func writeHeader(
    timestamp: UInt32, marker: Bool, payloadSize: Int,
    into packet: UnsafeMutableRawBufferPointer
  ) {
    packet[0] = 0x80  // version 2
    packet[1] = payloadType | (marker ? 0x80 : 0)
    packet.store(bigEndian: sequence, at: 2)
    packet.store(bigEndian: timestamp, at: 4)
    packet.store(bigEndian: source, at: 8)
    sequence &+= 1
    packets &+= 1
    payloadBytes &+= UInt64(payloadSize)
  }
}

/// Turns monotonic nanoseconds into ticks of the media clock. `base` should be random.
public struct RTPClock: Equatable, Sendable {
  /// What two pictures are apart at least.
  public static let leastNs: UInt64 = 1_000_000

  public let base: UInt32
  /// The earliest moment that the next picture may have.
  private var earliestNs: UInt64 = 0

  public init(base: UInt32) { self.base = base }

  /// The timestamp of the next picture, which always lies behind the one before: a driver may stamp
  /// pictures alike that came together, and receivers drop what goes back in time.
  public mutating func next(ns: UInt64) -> UInt32 {
    let later = max(ns, earliestNs)
    earliestNs = later + RTPClock.leastNs
    return timestamp(ns: later)
  }

  /// Wraps after 13 hours, as timestamps do; exact, since the seconds are taken apart first.
  public func timestamp(ns: UInt64) -> UInt32 {
    let (seconds, rest) = ns.quotientAndRemainder(dividingBy: 1_000_000_000)
    let ticks = seconds &* RTPStream.clockRate &+ rest * RTPStream.clockRate / 1_000_000_000
    return base &+ UInt32(truncatingIfNeeded: ticks)
  }
}
