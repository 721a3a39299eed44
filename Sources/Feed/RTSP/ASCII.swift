import Wire

/// A piece of a text of the protocol, in place.
struct ASCII {
  let bytes: UnsafeRawBufferPointer

  init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  var count: Int { bytes.count }

  func prefix(_ count: Int) -> ASCII { ASCII(UnsafeRawBufferPointer(rebasing: bytes[..<count])) }

  func suffix(from start: Int) -> ASCII {
    ASCII(UnsafeRawBufferPointer(rebasing: bytes[start...]))
  }

  func firstIndex(of byte: UInt8) -> Int? {
    for index in 0..<count where bytes[index] == byte { return index }
    return nil
  }

  func lastIndex(of byte: UInt8) -> Int? {
    for index in stride(from: count - 1, through: 0, by: -1) where bytes[index] == byte {
      return index
    }
    return nil
  }

  /// Takes `word`, in lower case, off the front in whatever case it stands there.
  mutating func removePrefix(_ word: StaticString) -> Bool {
    guard count >= word.utf8CodeUnitCount else { return false }
    for index in 0..<word.utf8CodeUnitCount
    where ASCII.lowercased(bytes[index]) != word.utf8Start[index] { return false }
    self = suffix(from: word.utf8CodeUnitCount)
    return true
  }

  /// Without spaces and tabs at both ends.
  var trimmed: ASCII {
    var (start, end) = (0, count)
    while start < end, ASCII.isBlank(bytes[start]) { start += 1 }
    while end > start, ASCII.isBlank(bytes[end - 1]) { end -= 1 }
    return ASCII(UnsafeRawBufferPointer(rebasing: bytes[start..<end]))
  }

  /// A number of one to nine digits and nothing else.
  var decimal: Int? {
    guard (1...9).contains(count) else { return nil }
    var value = 0
    for byte in bytes {
      guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
      value = value * 10 + Int(byte - UInt8(ascii: "0"))
    }
    return value
  }

  /// The part before the first `separator` outside quotes; leaves what stands behind it. Nil when
  /// nothing is left.
  mutating func nextPart(_ separator: UInt8) -> ASCII? {
    guard count > 0 else { return nil }
    var isQuoted = false
    for index in 0..<count {
      if bytes[index] == UInt8(ascii: "\"") { isQuoted.toggle() }
      if bytes[index] == separator, !isQuoted {
        let part = prefix(index)
        self = suffix(from: index + 1)
        return part.trimmed
      }
    }
    let part = self
    self = suffix(from: count)
    return part.trimmed
  }

  /// Printable, and without what would end a request line or a header early.
  var isURLPath: Bool {
    for byte in bytes {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"): return false
      case 0x21...0x7E: continue
      default: return false
      }
    }
    return true
  }

  /// Nil for a text that is too long or holds control characters or a broken escape.
  var percentDecoded: Text<64>? {
    var text = Text<64>()
    var index = 0
    while index < count {
      var byte = bytes[index]
      index += 1
      if byte == UInt8(ascii: "%") {
        guard count - index >= 2, let high = ASCII.hexadecimal(bytes[index]),
          let low = ASCII.hexadecimal(bytes[index + 1])
        else { return nil }
        byte = high << 4 | low
        index += 2
      }
      guard byte >= 0x20, byte != 0x7F, text.count < 64 else { return nil }
      text.append(byte)
    }
    return text
  }

  private static func hexadecimal(_ byte: UInt8) -> UInt8? {
    switch lowercased(byte) {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): lowercased(byte) - UInt8(ascii: "a") + 10
    default: nil
    }
  }

  private static func lowercased(_ byte: UInt8) -> UInt8 {
    (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
  }

  private static func isBlank(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t")
  }
}
