/// Bits in the order in which they are sent, the most significant first.
struct BitString {
  /// Full words.
  private(set) var words: [UInt32] = []
  /// The `tailLength` (0 … 31) bits after them, in the low bits.
  private(set) var tail: UInt32 = 0
  private(set) var tailLength = 0

  /// Appends the low `length` (0 … 32) bits of a value whose other bits are zero.
  mutating func append(_ value: UInt32, length: Int) {
    let joined = UInt64(tail) << UInt64(length) | UInt64(value)
    tailLength += length
    if tailLength >= 32 {
      tailLength -= 32
      words.append(UInt32(truncatingIfNeeded: joined >> UInt64(tailLength)))
    }
    tail = UInt32(truncatingIfNeeded: joined & (1 << UInt64(tailLength) - 1))
  }
}

/// Bytes of an entropy-coded segment, with a zero after each FF (T.81, B.1.1.5).
///
/// Works in words of 32 bits: a picture's cost is the number of words that it is spliced from.
struct EntropyWriter {
  private(set) var bytes: [UInt8] = []
  /// The `pendingLength` (0 … 31) bits that do not fill a word yet.
  private var pending: UInt64 = 0
  private var pendingLength: UInt64 = 0

  init(_ head: [UInt8], capacity: Int) {
    bytes.reserveCapacity(capacity)
    bytes += head
  }

  /// Writes the low `length` (0 … 32) bits of a value whose other bits are zero.
  mutating func write(_ value: UInt32, length: Int) {
    pending = pending << UInt64(length) | UInt64(value)
    pendingLength += UInt64(length)
    if pendingLength >= 32 {
      pendingLength -= 32
      emit(UInt32(truncatingIfNeeded: pending >> pendingLength))
      pending &= 1 << pendingLength - 1
    }
  }

  /// Writes bits that were coded before, at whatever bit the segment has got to.
  mutating func write(_ bits: BitString) {
    for word in bits.words { write(word, length: 32) }
    write(bits.tail, length: bits.tailLength)
  }

  /// Ends the segment: fills the last byte with ones, as a marker demands (T.81, F.1.2.3).
  mutating func finish(marker: UInt8) {
    let padding = (8 - pendingLength % 8) % 8
    write(1 << UInt32(padding) - 1, length: Int(padding))
    while pendingLength > 0 {
      pendingLength -= 8
      emit(byte: UInt8(truncatingIfNeeded: pending >> pendingLength))
    }
    pending = 0
    bytes += [0xFF, marker]
  }

  private mutating func emit(_ word: UInt32) {
    // A byte of FF is a zero byte of the inverse; the usual test for one in a word.
    let inverse = ~word
    if (inverse &- 0x0101_0101) & ~inverse & 0x8080_8080 == 0 {
      bytes.append(UInt8(truncatingIfNeeded: word >> 24))
      bytes.append(UInt8(truncatingIfNeeded: word >> 16))
      bytes.append(UInt8(truncatingIfNeeded: word >> 8))
      bytes.append(UInt8(truncatingIfNeeded: word))
    } else {
      for shift: UInt32 in [24, 16, 8, 0] { emit(byte: UInt8(truncatingIfNeeded: word >> shift)) }
    }
  }

  private mutating func emit(byte: UInt8) {
    bytes.append(byte)
    if byte == 0xFF { bytes.append(0) }
  }
}
