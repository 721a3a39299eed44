import Wire

/// Why a sealed frame was refused. After any but `.header(.reservedBits)` nothing that follows can
/// be trusted, and the connection ends.
public enum SealedFrameError: Error, Equatable, Sendable {
  /// The first four bytes are others. A plain frame in their place is an attempt to go back to
  /// plain text.
  case badMagic
  /// Bytes 6 and 7 are not zero.
  case reservedBits
  /// No frame has that many bytes behind the prefix.
  case badLength(UInt16)
  case unauthentic
  /// The peer sealed a header that is wrong in itself. Of checksums it has none.
  case header(FrameError)
  /// The length in the sealed header is not the payload's.
  case lyingLength(UInt32)

  public var endsConnection: Bool { self != .header(.reservedBits) }

  public var status: Status {
    switch self {
    case .badMagic, .badLength, .lyingLength: .malformed
    case .reservedBits: .reservedBits
    case .unauthentic: .authentication
    case .header(let error): error.status
    }
  }
}

/// What lies at the front of a receive buffer.
public enum SealedStep {
  /// Not yet decidable: at least this many bytes are needed in all.
  case incomplete(needed: Int)
  /// A whole frame from the peer of the handshake; `size` bytes of the buffer belong to it.
  case opened(Header, payload: UnsafeRawBufferPointer, size: Int)
  /// A frame that cannot be accepted. `header` is nil where the error ends the connection.
  /// Otherwise `size` bytes are to be skipped.
  case refused(SealedFrameError, Header?, size: Int)
}

/// A frame as it stands on the wire after a handshake, little-endian.
///
/// ```
/// offset size
///      0    4 magic      57 50 53 45 ("WPSE")
///      4    2 length     of what follows byte 8: 40 + n, 40 … 16,376
///      6    2 reserved   zero
///      8   24 sealed     bytes 0 … 23 of the plain header: magic … reserved
///     32    n sealed     payload, 0 … 16,336 bytes
///   32+n   16 tag        Poly1305
/// ```
///
/// The checksums give way to the tag, so that the payload stands at 32 as in a plain frame, and
/// both directions work in place. The first eight bytes are the associated data.
public enum SealedFrame {
  public static let magic: UInt32 = 0x4553_5057
  /// Bytes that it has more than a plain one.
  public static let overhead = Handshake.tagSize
  /// Bytes of the largest one: that of the largest plain one with a payload so bounded.
  public static let frameSize = Limits.frameSize
  static let prefixSize = 8
  /// Bytes of the plain header that are sealed.
  static let sealedHeaderSize = Limits.headerSize - prefixSize
  static let lengths =
    UInt16(sealedHeaderSize + overhead)...UInt16(frameSize - prefixSize)

  /// Seals the plain frame of `size` bytes that stands at the front of `frame`, in place. Returns
  /// the size of the sealed one, `overhead` bytes more, which must fit.
  public static func seal(
    _ frame: UnsafeMutableRawBufferPointer, size: Int, with transport: inout Transport
  ) -> Int {
    let whole = size + overhead
    precondition(
      size >= Limits.headerSize && whole <= min(frameSize, frame.count),
      "a sealed frame larger than its buffer")
    let start = frame.baseAddress!
    precondition(
      start.loadUnaligned(as: UInt32.self).littleEndian == Header.magic, "no plain frame to seal")
    (start + prefixSize).copyMemory(from: start, byteCount: sealedHeaderSize)
    start.storeBytes(of: magic.littleEndian, as: UInt32.self)
    start.storeBytes(
      of: UInt16(whole - prefixSize).littleEndian, toByteOffset: 4, as: UInt16.self)
    start.storeBytes(of: 0, toByteOffset: 6, as: UInt16.self)
    let bytes = start.assumingMemoryBound(to: UInt8.self)
    transport.seal(
      bytes + prefixSize, count: size - prefixSize, associated: bytes, count: prefixSize)
    return whole
  }

  /// Examines the front of `buffer`, cheapest check first: magic, reserved bytes and length, then –
  /// once all bytes are there – the tag, and what was sealed. Touches no byte beyond the frame, and
  /// the frame only once it is whole.
  ///
  /// An opened frame stands at the front of `buffer` as a plain one with zeros for checksums; the
  /// header's checksum of the payload is 0. One whose tag is wrong leaves zeros.
  ///
  /// A device refuses reserved bits, a client ignores them in what was sealed (`ignoringReserved`),
  /// as in `Header.next`.
  public static func next(
    in buffer: UnsafeMutableRawBufferPointer, with transport: inout Transport,
    ignoringReserved: Bool = false
  ) -> SealedStep {
    func refused(_ error: SealedFrameError) -> SealedStep {
      .refused(error, nil, size: buffer.count)
    }
    guard startsLikeMagic(buffer) else { return refused(.badMagic) }
    guard buffer.count >= prefixSize else { return .incomplete(needed: prefixSize) }
    var reader = ByteReader(UnsafeRawBufferPointer(buffer))
    reader.skip(4)
    let length = reader.read(UInt16.self)
    guard reader.read(UInt16.self) == 0 else { return refused(.reservedBits) }
    guard lengths.contains(length) else { return refused(.badLength(length)) }
    let size = prefixSize + Int(length)
    guard buffer.count >= size else { return .incomplete(needed: size) }
    let bytes = buffer.baseAddress!.assumingMemoryBound(to: UInt8.self)
    do throws(NoiseError) {
      try transport.open(
        bytes + prefixSize, count: size - prefixSize - overhead, associated: bytes,
        count: prefixSize)
    } catch {
      return refused(.unauthentic)
    }
    return opened(buffer, size, ignoringReserved)
  }

  /// Bytes on the wire of the sealed frame that had this header.
  public static func size(of header: Header) -> Int {
    Limits.headerSize + Int(header.length) + overhead
  }

  /// The frame at the front of `buffer`, which `next` has opened before.
  public static func opened(
    _ buffer: UnsafeRawBufferPointer
  ) -> (header: Header, payload: UnsafeRawBufferPointer) {
    var reader = ByteReader(UnsafeRawBufferPointer(rebasing: buffer[..<sealedHeaderSize]))
    precondition(reader.read(UInt32.self) == Header.magic, "a frame that was not opened")
    reader.skip(1)
    var header = Header(flags: reader.read(), kind: reader.read(), requestID: reader.read())
    header.status = reader.read()
    reader.skip(2)
    header.length = reader.read()
    let end = Limits.headerSize + Int(header.length)
    return (header, UnsafeRawBufferPointer(rebasing: buffer[Limits.headerSize..<end]))
  }

  /// A frame whose tag was right: its header goes to where a plain one stands.
  private static func opened(
    _ buffer: UnsafeMutableRawBufferPointer, _ size: Int, _ ignoringReserved: Bool
  ) -> SealedStep {
    let start = buffer.baseAddress!
    start.copyMemory(from: start + prefixSize, byteCount: sealedHeaderSize)
    (start + sealedHeaderSize).initializeMemory(as: UInt8.self, repeating: 0, count: prefixSize)
    var reader = ByteReader(UnsafeRawBufferPointer(start: start, count: sealedHeaderSize))
    func refused(_ error: SealedFrameError) -> SealedStep {
      .refused(error, nil, size: buffer.count)
    }
    guard reader.read(UInt32.self) == Header.magic else { return refused(.header(.badMagic)) }
    let version = reader.read(UInt8.self)
    guard version == Header.version else {
      return refused(.header(.unsupportedVersion(version)))
    }
    var header = Header(flags: reader.read(), kind: reader.read(), requestID: reader.read())
    header.status = reader.read()
    var reserved = UInt32(reader.read(UInt16.self))
    header.length = reader.read()
    reserved |= reader.read(UInt32.self)
    let count = size - Limits.headerSize - overhead
    guard header.length == UInt32(count) else { return refused(.lyingLength(header.length)) }
    guard ignoringReserved || (header.flags & ~Header.replyFlag == 0 && reserved == 0) else {
      return .refused(.header(.reservedBits), header, size: size)
    }
    let payload = UnsafeRawBufferPointer(start: start + Limits.headerSize, count: count)
    return .opened(header, payload: payload, size: size)
  }

  /// A peer that speaks plain text is refused on its first bytes instead of being waited for.
  private static func startsLikeMagic(_ buffer: UnsafeMutableRawBufferPointer) -> Bool {
    for index in 0..<min(buffer.count, 4)
    where buffer[index] != UInt8(truncatingIfNeeded: magic >> UInt32(8 * index)) { return false }
    return true
  }
}
