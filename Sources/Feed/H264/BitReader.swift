/// Reads the payload of a NAL unit bit by bit, passing the bytes that prevent start codes (H.264,
/// section 7.3.1). Behind the end it reads zeros and says so.
struct BitReader {
  private let bytes: UnsafeRawBufferPointer
  private var offset: Int
  private var mask: UInt8 = 0x80
  /// Zero bytes directly before `offset`, at most two.
  private var zeros = 0
  /// More bits were read than there are, or a code was longer than any that means something.
  private(set) var isExhausted = false

  init(_ bytes: UnsafeRawBufferPointer, from offset: Int) {
    self.bytes = bytes
    self.offset = offset
  }

  mutating func flag() -> Bool {
    guard offset < bytes.count else {
      isExhausted = true
      return false
    }
    let bit = bytes[offset] & mask != 0
    mask >>= 1
    if mask == 0 { advance() }
    return bit
  }

  private mutating func advance() {
    mask = 0x80
    zeros = bytes[offset] == 0 ? min(zeros + 1, 2) : 0
    offset += 1
    if zeros == 2, offset < bytes.count, bytes[offset] == 3 {
      offset += 1
      zeros = 0
    }
  }

  mutating func skip(_ count: Int) {
    for _ in 0..<count { _ = flag() }
  }

  /// An Exp-Golomb code (section 9.1) of at most 32 bits behind its prefix.
  mutating func unsigned() -> UInt64 {
    var length = 0
    while !flag() {
      length += 1
      if isExhausted || length > 32 {
        isExhausted = true
        return 0
      }
    }
    var value: UInt64 = 1
    for _ in 0..<length { value = value << 1 | (flag() ? 1 : 0) }
    return value - 1
  }

  /// The same with a sign (section 9.1.1).
  mutating func signed() -> Int64 {
    let code = Int64(unsigned())
    return code & 1 == 0 ? -(code / 2) : (code + 1) / 2
  }
}
