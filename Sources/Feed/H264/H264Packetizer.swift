/// Why an access unit is not sent.
public enum AccessUnitError: Error, Equatable, Sendable {
  /// No bytes at all.
  case empty
  /// No start code, or no unit that is sound.
  case noUnits
  /// More units than `H264Packetizer.unitLimit`.
  case tooManyUnits
  /// A decoder could not begin here: parameter sets or a key frame have not come yet.
  case awaitsKeyFrame
}

/// RTP payload of H.264 (RFC 6184) with packetization-mode 1: single units, STAP-A for small ones,
/// FU-A for large ones. Units pass unchanged, access unit delimiters, SEI and filler too; parameter
/// sets are repeated before a key frame that comes without them.
public struct H264Packetizer: Packetizer {
  /// The dynamic payload type that `SessionDescription` names.
  public static let payloadType: UInt8 = 96
  /// Units of one access unit: a 1080-line picture with a slice per row of macroblocks has 68.
  public static let unitLimit = 256

  // RFC 6184, table 1.
  private static let aggregation: UInt8 = 24
  private static let fragment: UInt8 = 28
  private static let payloadLimit = RTPStream.packetSize - RTPStream.headerSize

  public private(set) var parameterSets = ParameterSets()
  /// Units that were left out because they are corrupt (`NALDefect`).
  public private(set) var corruptUnits: UInt64 = 0

  /// Whether a decoder can have begun.
  private var hasBegun = false
  private(set) var accessUnit = AccessUnit()
  private var timestamp: UInt32 = 0
  /// The unit that is sent next, and how many of its bytes – its header is never one of them – have
  /// gone out in fragments.
  private var index = 0
  private var fragmented = 0

  public init() {}

  public var isDone: Bool { index == accessUnit.count }

  /// Waits for a key frame again: for a receiver that has seen nothing yet. What was begun is
  /// forgotten, parameter sets stay.
  public mutating func restart() {
    hasBegun = false
    accessUnit = AccessUnit()
    index = 0
    fragmented = 0
  }

  /// Learns the parameter sets of an access unit without sending it: before a description is
  /// written, so that it can name them.
  public mutating func learn(_ accessUnit: UnsafeRawBufferPointer) {
    var reader = AnnexBReader(accessUnit)
    while let range = reader.next() {
      let unit = accessUnit.unit(range)
      if unit.defect == nil { parameterSets.learn(unit) }
    }
  }

  /// Starts an access unit in Annex B format (start codes), as V4L2 and files hold them. When it
  /// throws, there is nothing to send. One that was not finished is forgotten.
  public mutating func begin(
    _ bytes: UnsafeRawBufferPointer, timestamp: UInt32
  ) throws(AccessUnitError) {
    accessUnit = AccessUnit()
    index = 0
    fragmented = 0
    guard !bytes.isEmpty else { throw .empty }
    var found = AccessUnit()
    corruptUnits &+= try found.read(bytes, &parameterSets)
    guard found.count > 0 else { throw .noUnits }
    if found.isKey { found.complete(parameterSets) }
    guard hasBegun || found.canBegin else { throw .awaitsKeyFrame }
    hasBegun = true
    accessUnit = found
    self.timestamp = timestamp
  }

  public mutating func next(
    on stream: inout RTPStream, into buffer: UnsafeMutableRawBufferPointer
  ) -> Int {
    precondition(buffer.count >= RTPStream.packetSize, "no room for a packet")
    guard !isDone else { return 0 }
    let payload = UnsafeMutableRawBufferPointer(
      rebasing: buffer[RTPStream.headerSize..<RTPStream.packetSize])
    let size: Int
    if accessUnit.size(index) > H264Packetizer.payloadLimit {
      size = writeFragment(payload)
    } else {
      let last = lastOfAggregate()
      size = last == index ? writeSingle(payload) : writeAggregate(through: last, payload)
    }
    stream.writeHeader(timestamp: timestamp, marker: isDone, payloadSize: size, into: buffer)
    return RTPStream.headerSize + size
  }

  // MARK: Kinds of packet

  private mutating func writeSingle(_ payload: UnsafeMutableRawBufferPointer) -> Int {
    defer { index += 1 }
    return accessUnit.withUnit(index, parameterSets) { unit in
      payload.copy(unit, at: 0)
      return unit.count
    }
  }

  /// The last unit that fits into one packet together with those from `index` on.
  private func lastOfAggregate() -> Int {
    var (last, size) = (index, 1 + 2 + accessUnit.size(index))
    while last + 1 < accessUnit.count {
      size += 2 + accessUnit.size(last + 1)
      if size > H264Packetizer.payloadLimit { break }
      last += 1
    }
    return last
  }

  /// STAP-A (section 5.7.1): a header with the highest importance of the units, then each of them
  /// behind its length.
  private mutating func writeAggregate(
    through last: Int, _ payload: UnsafeMutableRawBufferPointer
  ) -> Int {
    var size = 1
    var importance: UInt8 = 0
    while index <= last {
      size += accessUnit.withUnit(index, parameterSets) { unit in
        importance = max(importance, unit[0] & 0x60)
        payload.store(bigEndian: UInt16(unit.count), at: size)
        payload.copy(unit, at: size + 2)
        return 2 + unit.count
      }
      index += 1
    }
    payload[0] = importance | H264Packetizer.aggregation
    return size
  }

  /// FU-A (section 5.8): the unit's header is taken apart over the two bytes before the fragment.
  private mutating func writeFragment(_ payload: UnsafeMutableRawBufferPointer) -> Int {
    let sent = fragmented
    let count = min(accessUnit.size(index) - 1 - sent, H264Packetizer.payloadLimit - 2)
    let isLast = 1 + sent + count == accessUnit.size(index)
    accessUnit.withUnit(index, parameterSets) { unit in
      payload[0] = unit[0] & 0xE0 | H264Packetizer.fragment
      payload[1] = unit[0] & 0x1F | (sent == 0 ? 0x80 : 0) | (isLast ? 0x40 : 0)
      payload.copy(UnsafeRawBufferPointer(rebasing: unit[1 + sent..<1 + sent + count]), at: 2)
    }
    fragmented = isLast ? 0 : sent + count
    if isLast { index += 1 }
    return 2 + count
  }
}
