/// The fixed head of every frame, 32 bytes, little-endian.
///
/// ```
/// offset size field
///      0    4 magic          57 50 4F 53 ("WPOS")
///      4    1 version        1
///      5    1 flags          bit 0: reply; bits 1–7 reserved, zero
///      6    2 kind           the operation; 0x8000: event; 0: about the connection itself
///      8    4 request id     chosen by the client, returned in the reply
///     12    2 status         0 in requests and events, a `Status` in replies
///     14    2 reserved       zero
///     16    4 length         payload bytes that follow, 0 … 16,336
///     20    4 reserved       zero
///     24    4 payload CRC    CRC-32C of the payload
///     28    4 header CRC     CRC-32C of bytes 0 … 27
/// ```
public struct Header: Equatable, Sendable {
  public static let magic: UInt32 = 0x534F_5057
  public static let version: UInt8 = 1
  public static let replyFlag: UInt8 = 1

  public var flags: UInt8
  public var kind: UInt16
  public var requestID: UInt32
  public var status: UInt16
  public var length: UInt32
  public var payloadChecksum: UInt32

  public init(
    flags: UInt8 = 0, kind: UInt16, requestID: UInt32, status: UInt16 = 0, length: UInt32 = 0,
    payloadChecksum: UInt32 = 0
  ) {
    self.flags = flags
    self.kind = kind
    self.requestID = requestID
    self.status = status
    self.length = length
    self.payloadChecksum = payloadChecksum
  }

  public var isReply: Bool { flags & Header.replyFlag != 0 }
}

/// Why a frame was refused. The first four leave the byte stream without a trustworthy frame
/// boundary: the connection is told and ended. After the others it goes on.
public enum FrameError: Error, Equatable, Sendable {
  case badMagic
  case headerChecksum
  case unsupportedVersion(UInt8)
  case tooLarge(length: UInt32)
  case payloadChecksum
  case reservedBits
  /// A sealed frame that cannot be accepted: it is not the next one of its peer.
  case seal

  /// True when nothing after this frame can be trusted.
  public var endsConnection: Bool {
    switch self {
    case .badMagic, .headerChecksum, .unsupportedVersion, .tooLarge, .seal: true
    case .payloadChecksum, .reservedBits: false
    }
  }

  public var status: Status {
    switch self {
    case .badMagic: .malformed
    case .headerChecksum, .payloadChecksum: .checksum
    case .unsupportedVersion: .unsupportedVersion
    case .tooLarge: .tooLarge
    case .reservedBits: .reservedBits
    case .seal: .authentication
    }
  }
}

/// What lies at the front of a receive buffer.
public enum FrameStep {
  /// Not yet decidable: at least this many bytes are needed in all.
  case incomplete(needed: Int)
  /// A whole, checked frame; `size` bytes of the buffer belong to it.
  case frame(Header, payload: UnsafeRawBufferPointer, size: Int)
  /// A frame that cannot be accepted. `header` is nil where the error ends the connection: the
  /// refusal is then about the connection, not about a request. Otherwise `size` bytes are to be
  /// skipped.
  case refused(FrameError, Header?, size: Int)
}

extension Header {
  /// Examines the front of `buffer`, cheapest check first: magic, header checksum, version, length,
  /// then – once all bytes are there – payload checksum and reserved bits. Touches no byte beyond
  /// the frame and reserves nothing.
  ///
  /// A device refuses reserved bits so that they can be given a meaning later; a client ignores
  /// them in answers (`ignoringReserved`), which is how they get one.
  @inline(__always)
  public static func next(
    in buffer: UnsafeRawBufferPointer, ignoringReserved: Bool = false
  ) -> FrameStep {
    guard buffer.count >= Limits.headerSize else {
      return startsLikeMagic(buffer)
        ? .incomplete(needed: Limits.headerSize) : .refused(.badMagic, nil, size: buffer.count)
    }
    guard field(0, of: buffer) == magic else { return .refused(.badMagic, nil, size: buffer.count) }
    let head = UnsafeRawBufferPointer(start: buffer.baseAddress, count: Limits.headerSize - 4)
    guard CRC32C.of(head) == field(28, of: buffer) else {
      return .refused(.headerChecksum, nil, size: buffer.count)
    }
    let version: UInt8 = field(4, of: buffer)
    guard version == Header.version else {
      return .refused(.unsupportedVersion(version), nil, size: buffer.count)
    }
    let length: UInt32 = field(16, of: buffer)
    guard length <= UInt32(Limits.payloadSize) else {
      return .refused(.tooLarge(length: length), nil, size: buffer.count)
    }
    let size = Limits.headerSize + Int(length)
    guard buffer.count >= size else { return .incomplete(needed: size) }
    let header = Header(
      flags: field(5, of: buffer), kind: field(6, of: buffer), requestID: field(8, of: buffer),
      status: field(12, of: buffer), length: length, payloadChecksum: field(24, of: buffer))
    let payload = UnsafeRawBufferPointer(
      start: buffer.baseAddress! + Limits.headerSize, count: Int(length))
    guard CRC32C.of(payload) == header.payloadChecksum else {
      return .refused(.payloadChecksum, header, size: size)
    }
    let reserved = field(14, of: buffer, as: UInt16.self) == 0 && field(20, of: buffer) == UInt32(0)
    guard ignoringReserved || (header.flags & ~replyFlag == 0 && reserved) else {
      return .refused(.reservedBits, header, size: size)
    }
    return .frame(header, payload: payload, size: size)
  }

  /// A field of the header that stands at the front of `buffer`, which is long enough.
  @inline(__always)
  private static func field<Value: FixedWidthInteger>(
    _ offset: Int, of buffer: UnsafeRawBufferPointer, as _: Value.Type = Value.self
  ) -> Value {
    Value(littleEndian: buffer.loadUnaligned(fromByteOffset: offset, as: Value.self))
  }

  /// A peer that speaks another protocol is refused on its first bytes instead of being waited for.
  private static func startsLikeMagic(_ buffer: UnsafeRawBufferPointer) -> Bool {
    for index in 0..<min(buffer.count, 4)
    where buffer[index] != UInt8(truncatingIfNeeded: magic >> UInt32(8 * index)) { return false }
    return true
  }

  /// Writes the header with both checksums in front of `payloadSize` bytes that already stand at
  /// offset 32 of `frame`. Returns the size of the whole frame.
  @inline(__always)
  public func seal(_ frame: UnsafeMutableRawBufferPointer, payloadSize: Int) -> Int {
    precondition(payloadSize <= Limits.payloadSize, "payload larger than a frame")
    let size = Limits.headerSize + payloadSize
    precondition(frame.count >= size, "a frame larger than its buffer")
    let start = UnsafeRawPointer(frame.baseAddress!)
    func set<Value: FixedWidthInteger>(_ offset: Int, _ value: Value) {
      frame.storeBytes(of: value.littleEndian, toByteOffset: offset, as: Value.self)
    }
    set(0, Header.magic)
    set(4, Header.version)
    set(5, flags)
    set(6, kind)
    set(8, requestID)
    set(12, status)
    set(14, UInt16(0))
    set(16, UInt32(payloadSize))
    set(20, UInt32(0))
    set(24, CRC32C.of(UnsafeRawBufferPointer(start: start + Limits.headerSize, count: payloadSize)))
    set(28, CRC32C.of(UnsafeRawBufferPointer(start: start, count: Limits.headerSize - 4)))
    return size
  }
}
