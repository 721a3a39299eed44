/// What is wrong with a configuration, in the words that MediaMTX uses for it.
struct Refusal: Error {
  var reason: String

  init(_ reason: String) { self.reason = reason }
}

/// Reads one JSON document (RFC 8259) of bounded depth.
struct JSONParser {
  private static let maximumDepth = 16

  private let bytes: [UInt8]
  private var position = 0

  private init(_ bytes: [UInt8]) { self.bytes = bytes }

  static func parse(_ bytes: [UInt8]) throws(Refusal) -> JSON {
    var parser = JSONParser(bytes)
    parser.skipSpace()
    if parser.position == bytes.count { throw Refusal("EOF") }
    let value = try parser.value(depth: 0)
    parser.skipSpace()
    if parser.position < bytes.count { throw parser.unexpected("after top-level value") }
    return value
  }

  private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

  private func unexpected(_ place: String) -> Refusal {
    guard let next else { return Refusal("unexpected EOF") }
    let character = String(decoding: [next], as: UTF8.self)
    return Refusal("invalid character '\(character)' \(place)")
  }

  private mutating func skipSpace() {
    while let byte = next, byte == 0x20 || (0x09...0x0D).contains(byte) { position += 1 }
  }

  private mutating func take(_ byte: UInt8) -> Bool {
    guard next == byte else { return false }
    position += 1
    return true
  }

  private mutating func value(depth: Int) throws(Refusal) -> JSON {
    if depth > JSONParser.maximumDepth { throw Refusal("exceeded max depth") }
    switch next {
    case UInt8(ascii: "{"): return .object(try members(depth: depth + 1))
    case UInt8(ascii: "["): return .array(try items(depth: depth + 1))
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try literal("true", .bool(true))
    case UInt8(ascii: "f"): return try literal("false", .bool(false))
    case UInt8(ascii: "n"): return try literal("null", .null)
    default: return .number(try number())
    }
  }

  private mutating func literal(_ word: StaticString, _ value: JSON) throws(Refusal) -> JSON {
    for index in 0..<word.utf8CodeUnitCount where !take(word.utf8Start[index]) {
      throw unexpected("in literal")
    }
    return value
  }

  private mutating func number() throws(Refusal) -> String {
    let start = position
    scan: while let byte = next {
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "+"),
        UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E"):
        position += 1
      default: break scan
      }
    }
    if position == start { throw unexpected("looking for beginning of value") }
    return String(decoding: bytes[start..<position], as: UTF8.self)
  }

  private mutating func items(depth: Int) throws(Refusal) -> [JSON] {
    position += 1
    var items: [JSON] = []
    skipSpace()
    if take(UInt8(ascii: "]")) { return items }
    while true {
      skipSpace()
      items.append(try value(depth: depth))
      skipSpace()
      if take(UInt8(ascii: "]")) { return items }
      if !take(UInt8(ascii: ",")) { throw unexpected("after array element") }
    }
  }

  private mutating func members(depth: Int) throws(Refusal) -> [JSON.Member] {
    position += 1
    var members: [JSON.Member] = []
    skipSpace()
    if take(UInt8(ascii: "}")) { return members }
    while true {
      skipSpace()
      if next != UInt8(ascii: "\"") {
        throw unexpected("looking for beginning of object key string")
      }
      let key = try string()
      skipSpace()
      if !take(UInt8(ascii: ":")) { throw unexpected("after object key") }
      skipSpace()
      members.set(key, to: try value(depth: depth))
      skipSpace()
      if take(UInt8(ascii: "}")) { return members }
      if !take(UInt8(ascii: ",")) { throw unexpected("after object key:value pair") }
    }
  }

  private mutating func string() throws(Refusal) -> String {
    position += 1
    var text: [UInt8] = []
    while let byte = next {
      position += 1
      switch byte {
      case UInt8(ascii: "\""): return String(decoding: text, as: UTF8.self)
      case UInt8(ascii: "\\"): try escape(into: &text)
      case 0..<0x20: throw Refusal("invalid character in string literal")
      default: text.append(byte)
      }
    }
    throw Refusal("unexpected EOF")
  }

  private mutating func escape(into text: inout [UInt8]) throws(Refusal) {
    guard let byte = next else { throw Refusal("unexpected EOF") }
    position += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
    case UInt8(ascii: "b"): text.append(0x08)
    case UInt8(ascii: "f"): text.append(0x0C)
    case UInt8(ascii: "n"): text.append(0x0A)
    case UInt8(ascii: "r"): text.append(0x0D)
    case UInt8(ascii: "t"): text.append(0x09)
    case UInt8(ascii: "u"):
      guard position + 4 <= bytes.count,
        let code = UInt32(
          String(decoding: bytes[position..<position + 4], as: UTF8.self), radix: 16)
      else { throw Refusal("invalid character in \\u hexadecimal character escape") }
      position += 4
      // A lone half of a surrogate pair becomes U+FFFD, as in Go; pairs are not needed here.
      let scalar = Unicode.Scalar(code) ?? "\u{FFFD}"
      text += String(Character(scalar)).utf8
    default: throw Refusal("invalid character in string escape code")
    }
  }
}
