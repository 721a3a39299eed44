/// UTF-8 text of at most `capacity` bytes that lives where it is declared: no heap, no reference.
///
/// On the wire a text is `capacity` bytes, zero-padded; the first zero byte ends it.
public struct Text<let capacity: Int>: Equatable, Sendable {
  private var storage: InlineArray<capacity, UInt8>
  /// The number of bytes in use, 0 … `capacity`.
  public private(set) var count: Int

  public static var empty: Self { Self() }

  public init() {
    storage = InlineArray(repeating: 0)
    count = 0
  }

  /// The literal's bytes; what does not fit is cut at a character boundary.
  public init(_ literal: StaticString) {
    self.init()
    append(literal)
  }

  /// The bytes up to the first zero; what does not fit is cut at a character boundary.
  public init(_ bytes: UnsafeRawBufferPointer) {
    self.init()
    append(bytes)
  }

  /// A copy of a text of another capacity; what does not fit is cut at a character boundary.
  public init<let other: Int>(_ text: Text<other>) {
    self.init()
    append(text)
  }

  public var isEmpty: Bool { count == 0 }

  /// The byte at `index`, which must be below `count`.
  public subscript(index: Int) -> UInt8 {
    precondition(index < count, "text index out of range")
    return storage[index]
  }

  public mutating func append(_ byte: UInt8) {
    guard count < capacity, byte != 0 else { return }
    storage[count] = byte
    count += 1
  }

  public mutating func append(_ literal: StaticString) {
    append(UnsafeRawBufferPointer(start: literal.utf8Start, count: literal.utf8CodeUnitCount))
  }

  public mutating func append(_ bytes: UnsafeRawBufferPointer) {
    for byte in bytes {
      if byte == 0 { return }
      if count == capacity {
        cutAtCharacter(next: byte)
        return
      }
      storage[count] = byte
      count += 1
    }
  }

  public mutating func append<let other: Int>(_ text: Text<other>) {
    text.withBytes { append($0) }
  }

  /// Appends `value` in decimal.
  public mutating func append(decimal value: UInt64) {
    var digits = InlineArray<20, UInt8>(repeating: 0)
    var length = 0
    var rest = value
    repeat {
      digits[length] = UInt8(ascii: "0") + UInt8(rest % 10)
      rest /= 10
      length += 1
    } while rest > 0
    while length > 0 {
      length -= 1
      append(digits[length])
    }
  }

  /// Appends `value` in lower-case hexadecimal with at least `width` digits, 1 … 16.
  public mutating func append(hexadecimal value: UInt64, width: Int = 1) {
    let significant = (64 - value.leadingZeroBitCount + 3) / 4
    var digits = max(significant, min(max(width, 1), 16))
    while digits > 0 {
      digits -= 1
      let digit = UInt8(truncatingIfNeeded: value >> UInt64(4 * digits)) & 15
      append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
    }
  }

  /// Runs `body` over the bytes in use. The buffer is valid only during the call.
  public borrowing func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    let used = count
    return storage.span.withUnsafeBytes {
      body(UnsafeRawBufferPointer(rebasing: $0[..<used]))
    }
  }

  public static func == (left: Self, right: Self) -> Bool {
    guard left.count == right.count else { return false }
    for index in 0..<left.count where left.storage[index] != right.storage[index] { return false }
    return true
  }

  public static func == (left: Self, right: StaticString) -> Bool {
    guard left.count == right.utf8CodeUnitCount else { return false }
    for index in 0..<left.count where left.storage[index] != right.utf8Start[index] { return false }
    return true
  }

  /// Drops a character whose last byte did not fit, so that the text stays valid UTF-8.
  private mutating func cutAtCharacter(next: UInt8) {
    guard next & 0xC0 == 0x80 else { return }
    // At most three bytes lie before the last one of a character; more is no UTF-8 and stays.
    for length in 1...3 where length <= count {
      guard storage[count - length] & 0xC0 != 0x80 else { continue }
      for index in count - length..<count { storage[index] = 0 }
      count -= length
      return
    }
  }
}

/// A camera's, stream's or event subject's name: `[a-z0-9-]`, stable for good.
public typealias Name = Text<32>

extension Text {
  /// True for one or more of `[a-z0-9-]`.
  public var isName: Bool {
    for index in 0..<count {
      switch storage[index] {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
        UInt8(ascii: "-"):
        continue
      default: return false
      }
    }
    return count > 0
  }
}
