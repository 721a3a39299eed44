import Wire

@testable import Noise

extension Fuzzer {
  /// In: a byte of options (1: changes come, 2: the rest is the stream itself), then frames: the
  /// length of a payload, a byte that says which header fields lie, and 24 bytes of header. Holds:
  /// frames that nobody has changed open in their order, each as it was sealed; behind the first
  /// one that was changed nothing opens; pieces tell what the whole tells.
  static let sealed = Fuzzer("sealed", longest: 1024) {
    [
      [0, 0, 0, 1], [0, 40, 0, 1, 2, 3, 9, 0, 0, 0],
      [0, 5, 1] + [UInt8](repeating: 0x57, count: 24),
      [1, 3, 1, 8, 0, 0, 4, 0, 0], [2] + text("WPSE") + [40, 0, 0, 0] + [UInt8](1...40),
    ]
  } run: { bytes in
    require(KnownAnswer.isReady, "libsodium is what it should be")
    var input = Bytes(bytes)
    let options = input.byte()
    var stream: [UInt8] = []
    var sent: [[UInt8]] = []
    let change = options & 1 == 0 ? [] : input.fill(3)
    if options & 2 != 0 {
      stream = [UInt8](input.rest)
    } else {
      var sender = Transport()
      SealedEnd.open(&sender)
      while !input.isEmpty, stream.count < 4096 {
        let (frame, plain) = SealedEnd.frame(&input, with: &sender)
        stream += frame
        sent.append(plain)
      }
    }
    var right = stream.count
    if change.count == 3, change[2] != 0, !stream.isEmpty {
      right = (Int(change[0]) | Int(change[1]) << 8) % stream.count
      stream[right] ^= change[2]
    }
    let whole = SealedEnd()
    let pieces = SealedEnd()
    stream.withUnsafeBytes { bytes in
      whole.take(bytes)
      chopped(bytes) { pieces.take($0) }
    }
    require(whole.told == pieces.told, "pieces tell what the whole tells")
    require(options & 2 == 0 || whole.told.isEmpty, "a stranger's frame never opens")
    whole.isOrdered(sent, untouched: right, isRaw: options & 2 != 0)
  }
}

/// One end of a sealed connection: what it opens.
private final class SealedEnd {
  private var transport = Transport()
  private var buffer: [UInt8] = []
  private var hasEnded = false
  private(set) var told: [[UInt8]] = []

  init() { SealedEnd.open(&transport) }

  static func open(_ transport: inout Transport) {
    var one = Secret()
    var other = Secret()
    [UInt8](repeating: 1, count: 32).withUnsafeBufferPointer { one.set($0.baseAddress!) }
    [UInt8](repeating: 1, count: 32).withUnsafeBufferPointer { other.set($0.baseAddress!) }
    transport.begin(sending: one, receiving: other)
  }

  /// The next frame, sealed, and its plain header and payload; empty where it must not open.
  static func frame(
    _ input: inout Bytes, with transport: inout Transport
  ) -> (sealed: [UInt8], plain: [UInt8]) {
    let count = Int(input.byte())
    let lies = input.byte()
    var header = input.fill(24)
    if lies & 1 == 0 { header.replaceSubrange(0..<5, with: text("WPOS") + [1]) }
    if lies & 2 == 0 { header[5] &= 1 }
    if lies & 4 == 0 { header.replaceSubrange(14..<16, with: [0, 0]) }
    if lies & 8 == 0 { header.replaceSubrange(16..<20, with: [UInt8(count), 0, 0, 0]) }
    if lies & 16 == 0 { header.replaceSubrange(20..<24, with: [0, 0, 0, 0]) }
    let plain = header + [UInt8](repeating: UInt8(truncatingIfNeeded: count), count: count)
    let length = plain.count + SealedFrame.overhead
    var frame = text("WPSE") + [UInt8(length & 255), UInt8(length >> 8), 0, 0] + plain
    frame += [UInt8](repeating: 0, count: SealedFrame.overhead)
    frame.withUnsafeMutableBufferPointer { frame in
      let start = frame.baseAddress!
      transport.seal(start + 8, count: plain.count, associated: start, count: 8)
    }
    let isRight =
      Array(header[0..<5]) == text("WPOS") + [1] && header[5] & ~1 == 0
      && Array(header[14..<16]) == [0, 0] && Array(header[20..<24]) == [0, 0, 0, 0]
      && Array(header[16..<20]) == [UInt8(count), 0, 0, 0]
    return (frame, isRight ? plain : [])
  }

  func take(_ piece: UnsafeRawBufferPointer) {
    buffer += piece
    while !hasEnded, !buffer.isEmpty {
      let taken = buffer.withUnsafeBytes { buffer in withCopy(buffer) { look($0) } }
      if taken == 0 { return }
      buffer.removeFirst(taken)
    }
  }

  private func look(_ buffer: UnsafeMutableRawBufferPointer) -> Int {
    switch SealedFrame.next(in: buffer, with: &transport) {
    case .incomplete(let needed):
      require(needed > buffer.count && needed <= SealedFrame.frameSize, "what is needed")
      return 0
    case .opened(let header, let payload, let size):
      require(size <= buffer.count && lies(payload, in: .init(buffer)), "it lies in the buffer")
      require(size == SealedFrame.size(of: header), "its size is its header's")
      let again = SealedFrame.opened(.init(buffer))
      require(again.header == header && isEqual(again.payload, payload), "it stays open")
      told.append([UInt8](UnsafeRawBufferPointer(rebasing: buffer[..<24])) + payload)
      return size
    case .refused(let error, let header, let size):
      require(error.endsConnection == (header == nil), "a header where the stream goes on")
      require(size > 0 && size <= buffer.count, "what is skipped is there")
      hasEnded = error.endsConnection
      require(hasEnded || header != nil, "it goes on or ends")
      if !hasEnded { told.append([]) }
      return size
    }
  }

  /// What was opened is what was sent, up to the first frame that was changed or lies.
  func isOrdered(_ sent: [[UInt8]], untouched: Int, isRaw: Bool) {
    guard !isRaw else { return }
    require(told.count <= sent.count, "no more than was sent")
    var place = 0
    for (number, plain) in sent.enumerated() {
      let size = plain.isEmpty ? 0 : 8 + plain.count + SealedFrame.overhead
      guard size > 0, place + size <= untouched else { return }
      place += size
      require(number < told.count && told[number] == plain, "frame \(number) opens as it was")
    }
  }
}
