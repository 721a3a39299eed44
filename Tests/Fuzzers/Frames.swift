import Wire

extension Fuzzer {
  /// In: a byte of options (1: right checksums are put in, 2: reserved bits are ignored), then a
  /// stream. Holds: a frame lies in the buffer and is made again byte by byte from what was read,
  /// what is needed is more than what is there, and pieces tell what the whole tells.
  static let frames = Fuzzer("frames", longest: 2048) {
    let ping = encoded(256) { writer in
      for kind: Kind in [.ping, .health, .event] {
        writer.write(UnsafeRawBufferPointer(start: nil, count: 0))
        var frame = [UInt8](repeating: 0, count: 64)
        let size = frame.withUnsafeMutableBytes { bytes in
          var frame = FrameWriter(bytes)
          if kind == .ping { frame.payload.write(UInt64(0x0807_0605_0403_0201)) }
          return frame.seal(Header(kind: kind.rawValue, requestID: 7))
        }
        frame.withUnsafeBytes { writer.write(UnsafeRawBufferPointer(rebasing: $0[..<size])) }
      }
    }
    return [[0] + ping, [1] + ping, [2] + ping, [3] + ping.dropLast()]
  } run: { bytes in
    var input = Bytes(bytes)
    let options = input.byte()
    withCopy(input.rest) { stream in
      if options & 1 != 0 { FrameStream.seal(stream) }
      let stream = UnsafeRawBufferPointer(stream)
      var whole = FrameStream(ignoringReserved: options & 2 != 0)
      whole.take(stream)
      var pieces = FrameStream(ignoringReserved: options & 2 != 0)
      chopped(stream) { pieces.take($0) }
      require(whole.told == pieces.told, "pieces tell what the whole tells")
    }
  }
}

/// A reader's end of a connection.
private struct FrameStream {
  enum Told: Equatable {
    case frame(Header, [UInt8])
    case refused(FrameError, Header?)
  }

  private let ignoringReserved: Bool
  private var buffer: [UInt8] = []
  private var hasEnded = false
  private(set) var told: [Told] = []

  init(ignoringReserved: Bool) { self.ignoringReserved = ignoringReserved }

  mutating func take(_ piece: UnsafeRawBufferPointer) {
    buffer += piece
    while !hasEnded, !buffer.isEmpty {
      let taken = buffer.withUnsafeBytes { buffer in withCopy(buffer) { look(.init($0)) } }
      if taken == 0 { return }
      buffer.removeFirst(taken)
    }
  }

  /// Bytes that are done with.
  private mutating func look(_ buffer: UnsafeRawBufferPointer) -> Int {
    switch Header.next(in: buffer, ignoringReserved: ignoringReserved) {
    case .incomplete(let needed):
      require(needed > buffer.count, "more is needed than what is there")
      require(needed <= Limits.plainSize, "no more is needed than a frame has")
      return 0
    case .frame(let header, let payload, let size):
      require(size == Limits.headerSize + payload.count && size <= buffer.count, "its own size")
      require(lies(payload, in: buffer), "the payload lies in the buffer")
      require(Int(header.length) == payload.count, "the header names the length")
      if !ignoringReserved { isMadeAgain(header, payload, buffer, size) }
      told.append(.frame(header, [UInt8](payload)))
      return size
    case .refused(let error, let header, let size):
      require(size > 0 && size <= buffer.count, "what is skipped is there")
      require(error.endsConnection == (header == nil), "a header where the stream goes on")
      told.append(.refused(error, header))
      hasEnded = error.endsConnection
      return size
    }
  }

  private func isMadeAgain(
    _ header: Header, _ payload: UnsafeRawBufferPointer, _ buffer: UnsafeRawBufferPointer,
    _ size: Int
  ) {
    var again = [UInt8](repeating: 0xA5, count: size)
    again.withUnsafeMutableBytes { bytes in
      var writer = FrameWriter(bytes)
      writer.payload.write(payload)
      require(writer.seal(header) == size, "the same size")
      require(
        isEqual(.init(bytes), .init(rebasing: buffer[..<size])), "the same bytes are made again")
    }
  }

  /// Puts magic, version and checksums where frames begin, as far as lengths are believable.
  static func seal(_ stream: UnsafeMutableRawBufferPointer) {
    var place = 0
    while stream.count - place >= Limits.headerSize {
      let frame = UnsafeMutableRawBufferPointer(rebasing: stream[place...])
      let head = UnsafeRawBufferPointer(rebasing: frame[..<(Limits.headerSize - 4)])
      frame.storeBytes(of: Header.magic.littleEndian, as: UInt32.self)
      frame[4] = Header.version
      let length = head.loadUnaligned(fromByteOffset: 16, as: UInt32.self)
      let end = min(frame.count, Limits.headerSize + Int(UInt32(littleEndian: length)))
      let payload = Limits.headerSize..<end
      let sum = CRC32C.of(UnsafeRawBufferPointer(rebasing: frame[payload]))
      frame.storeBytes(of: sum.littleEndian, toByteOffset: 24, as: UInt32.self)
      frame.storeBytes(of: CRC32C.of(head).littleEndian, toByteOffset: 28, as: UInt32.self)
      place += payload.upperBound
    }
  }
}
