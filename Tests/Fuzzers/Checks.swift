import Glibc
import Wire

/// Ends the process, which libFuzzer takes for a crash, unless `condition` holds.
func require(
  _ condition: Bool, _ sentence: @autoclosure () -> String, file: StaticString = #fileID,
  line: UInt = #line
) {
  guard !condition else { return }
  complain("\(file):\(line): does not hold: \(sentence())\n")
  abort()
}

/// Writes to the standard error output.
func complain(_ sentence: String) {
  let bytes = Array(sentence.utf8)
  _ = Glibc.write(2, bytes, bytes.count)
}

/// Runs `body` over a copy in memory of exactly that size, where AddressSanitizer sees a step
/// beyond either end.
func withCopy<Result>(
  _ bytes: UnsafeRawBufferPointer, _ body: (UnsafeMutableRawBufferPointer) -> Result
) -> Result {
  let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
  defer { memory.deallocate() }
  memory.copyMemory(from: bytes)
  return body(memory)
}

func isEqual(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Bool {
  left.count == right.count
    && (left.count == 0 || memcmp(left.baseAddress!, right.baseAddress!, left.count) == 0)
}

/// Whether `inner` lies in `outer`.
func lies(_ inner: UnsafeRawBufferPointer, in outer: UnsafeRawBufferPointer) -> Bool {
  guard let start = inner.baseAddress, inner.count > 0 else { return true }
  return start >= outer.baseAddress! && start + inner.count <= outer.baseAddress! + outer.count
}

/// An input, from its front to its end; behind it there are zeros.
struct Bytes {
  private(set) var rest: UnsafeRawBufferPointer

  init(_ bytes: UnsafeRawBufferPointer) { rest = bytes }

  var isEmpty: Bool { rest.isEmpty }

  mutating func byte() -> UInt8 { take(1).first ?? 0 }

  mutating func number() -> UInt16 { UInt16(byte()) | UInt16(byte()) << 8 }

  mutating func number64() -> UInt64 {
    var value: UInt64 = 0
    for _ in 0..<8 { value = value << 8 | UInt64(byte()) }
    return value
  }

  /// As many as there are, at most `count`.
  mutating func take(_ count: Int) -> UnsafeRawBufferPointer {
    let count = min(count, rest.count)
    let taken = UnsafeRawBufferPointer(rebasing: rest[..<count])
    rest = UnsafeRawBufferPointer(rebasing: rest[count...])
    return taken
  }

  /// Exactly `count`.
  mutating func fill(_ count: Int) -> [UInt8] {
    let taken = [UInt8](take(count))
    return taken + [UInt8](repeating: 0, count: count - taken.count)
  }
}

/// Pieces of an input that say nothing but where it is cut: chosen by its own bytes, so that the
/// same input is always cut alike. Each has memory of its own size.
func chopped(_ bytes: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) -> Void) {
  var state = UInt64(CRC32C.of(bytes)) | 1
  var offset = 0
  while offset < bytes.count {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    let draw = state >> 33
    // Mostly single bytes and short pieces, sometimes long ones.
    let longest = draw & 7 == 0 ? 512 : draw & 1 == 0 ? 16 : 2
    let count = min(1 + Int(draw >> 3) % longest, bytes.count - offset)
    withCopy(UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + count])) {
      body(UnsafeRawBufferPointer($0))
    }
    offset += count
  }
}

/// What `encode` writes into memory of `size` bytes.
func encoded(_ size: Int, _ encode: (inout ByteWriter) -> Void) -> [UInt8] {
  [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
    var writer = ByteWriter(UnsafeMutableRawBufferPointer(buffer))
    encode(&writer)
    count = writer.count
  }
}

func text(_ words: String) -> [UInt8] { Array(words.utf8) }

extension Text: ExpressibleByStringLiteral {
  public init(stringLiteral value: StaticString) { self.init(value) }
}
