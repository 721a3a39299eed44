/// A JSON value whose objects keep the order of their members, because MediaMTX's answers have one.
///
/// Numbers keep their text: nothing here computes with them, and what came in goes out unchanged.
enum JSON: Sendable {
  case null
  case bool(Bool)
  case number(String)
  case string(String)
  case array([JSON])
  case object([Member])

  struct Member: Sendable {
    var key: String
    var value: JSON
  }

  /// Go's name for the type, as `encoding/json` says it in its errors.
  var typeName: String {
    switch self {
    case .null: "null"
    case .bool: "bool"
    case .number: "number"
    case .string: "string"
    case .array: "array"
    case .object: "object"
    }
  }

  subscript(key: String) -> JSON? {
    guard case .object(let members) = self else { return nil }
    return members.value(of: key)
  }

  var text: String? {
    if case .string(let text) = self { text } else { nil }
  }

  var flag: Bool? {
    if case .bool(let flag) = self { flag } else { nil }
  }

  var list: [JSON] {
    if case .array(let items) = self { items } else { [] }
  }

  var members: [Member] {
    if case .object(let members) = self { members } else { [] }
  }
}

extension JSON {
  static func int(_ value: Int) -> JSON { .number(String(value)) }
  static func int(_ value: UInt64) -> JSON { .number(String(value)) }

  static func object(_ pairs: (String, JSON)...) -> JSON {
    .object(pairs.map { Member(key: $0.0, value: $0.1) })
  }
}

extension [JSON.Member] {
  func value(of key: String) -> JSON? {
    for member in self where member.key == key { return member.value }
    return nil
  }

  /// Sets a member in its place, or appends it.
  mutating func set(_ key: String, to value: JSON) {
    for index in indices where self[index].key == key {
      self[index].value = value
      return
    }
    append(JSON.Member(key: key, value: value))
  }
}

// MARK: - Writing

extension JSON {
  /// The text as Go's `encoding/json` writes it: no spaces, and `<`, `>` and `&` escaped.
  func encoded() -> [UInt8] {
    var output: [UInt8] = []
    append(to: &output)
    return output
  }

  private func append(to output: inout [UInt8]) {
    switch self {
    case .null: output += "null".utf8
    case .bool(let flag): output += (flag ? "true" : "false").utf8
    case .number(let text): output += text.utf8
    case .string(let text): JSON.appendQuoted(text, to: &output)
    case .array(let items):
      output.append(UInt8(ascii: "["))
      for (index, item) in items.enumerated() {
        if index > 0 { output.append(UInt8(ascii: ",")) }
        item.append(to: &output)
      }
      output.append(UInt8(ascii: "]"))
    case .object(let members):
      output.append(UInt8(ascii: "{"))
      for (index, member) in members.enumerated() {
        if index > 0 { output.append(UInt8(ascii: ",")) }
        JSON.appendQuoted(member.key, to: &output)
        output.append(UInt8(ascii: ":"))
        member.value.append(to: &output)
      }
      output.append(UInt8(ascii: "}"))
    }
  }

  private static func appendQuoted(_ text: String, to output: inout [UInt8]) {
    output.append(UInt8(ascii: "\""))
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"):
        output.append(UInt8(ascii: "\\"))
        output.append(byte)
      case UInt8(ascii: "\n"): output += "\\n".utf8
      case UInt8(ascii: "\r"): output += "\\r".utf8
      case UInt8(ascii: "\t"): output += "\\t".utf8
      case 0..<0x20, UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "&"):
        output += "\\u00".utf8
        output += hexadecimal([byte]).utf8
      default: output.append(byte)
      }
    }
    output.append(UInt8(ascii: "\""))
  }
}
