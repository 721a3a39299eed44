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
///     16    4 length         payload bytes that follow, 0 … 16,352
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

  /// True when nothing after this frame can be trusted.
  public var endsConnection: Bool {
    switch self {
    case .badMagic, .headerChecksum, .unsupportedVersion, .tooLarge: true
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
  public static func next(
    in buffer: UnsafeRawBufferPointer, ignoringReserved: Bool = false
  ) -> FrameStep {
    guard buffer.count >= Limits.headerSize else {
      return startsLikeMagic(buffer)
        ? .incomplete(needed: Limits.headerSize) : .refused(.badMagic, nil, size: buffer.count)
    }
    var reader = ByteReader(buffer)
    guard reader.read(UInt32.self) == magic else {
      return .refused(.badMagic, nil, size: buffer.count)
    }
    let head = UnsafeRawBufferPointer(rebasing: buffer[..<(Limits.headerSize - 4)])
    let sum = UInt32(littleEndian: buffer.loadUnaligned(fromByteOffset: 28, as: UInt32.self))
    guard CRC32C.of(head) == sum else { return .refused(.headerChecksum, nil, size: buffer.count) }

    let version: UInt8 = reader.read()
    let flags: UInt8 = reader.read()
    let kind: UInt16 = reader.read()
    let requestID: UInt32 = reader.read()
    let status: UInt16 = reader.read()
    let reservedA: UInt16 = reader.read()
    let length: UInt32 = reader.read()
    let reservedB: UInt32 = reader.read()
    let header = Header(
      flags: flags, kind: kind, requestID: requestID, status: status, length: length,
      payloadChecksum: reader.read())
    guard version == Header.version else {
      return .refused(.unsupportedVersion(version), nil, size: buffer.count)
    }
    guard length <= UInt32(Limits.payloadSize) else {
      return .refused(.tooLarge(length: length), nil, size: buffer.count)
    }
    let size = Limits.headerSize + Int(length)
    guard buffer.count >= size else { return .incomplete(needed: size) }
    let payload = UnsafeRawBufferPointer(rebasing: buffer[Limits.headerSize..<size])
    guard CRC32C.of(payload) == header.payloadChecksum else {
      return .refused(.payloadChecksum, header, size: size)
    }
    guard ignoringReserved || (flags & ~replyFlag == 0 && reservedA == 0 && reservedB == 0) else {
      return .refused(.reservedBits, header, size: size)
    }
    return .frame(header, payload: payload, size: size)
  }

  /// A peer that speaks another protocol is refused on its first bytes instead of being waited for.
  private static func startsLikeMagic(_ buffer: UnsafeRawBufferPointer) -> Bool {
    for index in 0..<min(buffer.count, 4)
    where buffer[index] != UInt8(truncatingIfNeeded: magic >> UInt32(8 * index)) { return false }
    return true
  }

  /// Writes the header with both checksums in front of `payloadSize` bytes that already stand at
  /// offset 32 of `frame`. Returns the size of the whole frame.
  public func seal(_ frame: UnsafeMutableRawBufferPointer, payloadSize: Int) -> Int {
    precondition(payloadSize <= Limits.payloadSize, "payload larger than a frame")
    let size = Limits.headerSize + payloadSize
    let payload = UnsafeRawBufferPointer(rebasing: frame[Limits.headerSize..<size])
    var writer = ByteWriter(frame)
    writer.write(Header.magic)
    writer.write(Header.version)
    writer.write(flags)
    writer.write(kind)
    writer.write(requestID)
    writer.write(status)
    writer.write(UInt16(0))
    writer.write(UInt32(payloadSize))
    writer.write(UInt32(0))
    writer.write(CRC32C.of(payload))
    writer.write(CRC32C.of(writer.written))
    return size
  }
}
