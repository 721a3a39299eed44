/// Reads the part of YAML 1.1 that MediaMTX configurations are written in: nested maps and lists by
/// indentation, one-line lists and maps, quoted and plain scalars, comments. No anchors, tags,
/// folded text or several documents: those are refused, so that a file that only works here fails.
struct YAMLParser {
  private struct Line {
    var number: Int
    var indent: Int
    var text: [UInt8]
  }

  private static let maximumDepth = 8

  private var lines: [Line] = []
  private var position = 0

  static func parse(_ bytes: [UInt8]) throws(Refusal) -> JSON {
    var parser = YAMLParser()
    try parser.split(bytes)
    if parser.lines.isEmpty { return .object([]) }
    let value = try parser.block(indent: parser.lines[0].indent, depth: 0)
    if parser.position < parser.lines.count {
      throw parser.refusal("did not find expected key", parser.lines[parser.position])
    }
    return value
  }

  private func refusal(_ reason: String, _ line: Line) -> Refusal {
    Refusal("yaml: line \(line.number): \(reason)")
  }

  /// Cuts the text into lines without comments, blanks and ends.
  private mutating func split(_ bytes: [UInt8]) throws(Refusal) {
    var number = 0
    for raw in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
      number += 1
      var text = Array(raw)
      if text.last == UInt8(ascii: "\r") { text.removeLast() }
      text = YAMLParser.withoutComment(text)
      while text.last == UInt8(ascii: " ") { text.removeLast() }
      let indent = text.prefix { $0 == UInt8(ascii: " ") }.count
      if indent == text.count { continue }
      let line = Line(number: number, indent: indent, text: Array(text[indent...]))
      if line.text[0] == UInt8(ascii: "\t") {
        throw refusal("found character that cannot start any token", line)
      }
      lines.append(line)
    }
  }

  private static func withoutComment(_ text: [UInt8]) -> [UInt8] {
    var quote: UInt8 = 0
    for (index, byte) in text.enumerated() {
      if quote != 0 {
        if byte == quote { quote = 0 }
      } else if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") {
        quote = byte
      } else if byte == UInt8(ascii: "#"), index == 0 || text[index - 1] == UInt8(ascii: " ") {
        return Array(text[..<index])
      }
    }
    return text
  }

  private mutating func block(indent: Int, depth: Int) throws(Refusal) -> JSON {
    let line = lines[position]
    if depth > YAMLParser.maximumDepth { throw refusal("exceeded max depth", line) }
    if YAMLParser.isItem(line.text) { return try items(indent: indent, depth: depth) }
    return try members(indent: indent, depth: depth)
  }

  private static func isItem(_ text: [UInt8]) -> Bool {
    text[0] == UInt8(ascii: "-") && (text.count == 1 || text[1] == UInt8(ascii: " "))
  }

  private mutating func items(indent: Int, depth: Int) throws(Refusal) -> JSON {
    var items: [JSON] = []
    while position < lines.count, lines[position].indent == indent,
      YAMLParser.isItem(lines[position].text)
    {
      let line = lines[position]
      let rest = line.text.dropFirst().drop { $0 == UInt8(ascii: " ") }
      if rest.isEmpty {
        position += 1
        items.append(try nested(under: indent, depth: depth))
      } else if YAMLParser.colon(in: Array(rest)) != nil {
        // "- key: value": the map's other keys are aligned with the first.
        let column = indent + (line.text.count - rest.count)
        lines[position] = Line(number: line.number, indent: column, text: Array(rest))
        items.append(try members(indent: column, depth: depth + 1))
      } else {
        position += 1
        items.append(try scalar(Array(rest), line))
      }
    }
    return .array(items)
  }

  private mutating func members(indent: Int, depth: Int) throws(Refusal) -> JSON {
    var members: [JSON.Member] = []
    while position < lines.count, lines[position].indent == indent,
      !YAMLParser.isItem(lines[position].text)
    {
      let line = lines[position]
      guard let colon = YAMLParser.colon(in: line.text) else {
        throw refusal("could not find expected ':'", line)
      }
      guard case .string(let key) = try plain(Array(line.text[..<colon]), line, asKey: true) else {
        throw refusal("could not find expected ':'", line)
      }
      if members.value(of: key) != nil {
        throw refusal("mapping key \"\(key)\" already defined", line)
      }
      let rest = line.text[(colon + 1)...].drop { $0 == UInt8(ascii: " ") }
      position += 1
      let value =
        rest.isEmpty ? try nested(under: indent, depth: depth) : try scalar(Array(rest), line)
      members.append(JSON.Member(key: key, value: value))
    }
    if position < lines.count, lines[position].indent > indent {
      throw refusal("mapping values are not allowed in this context", lines[position])
    }
    return .object(members)
  }

  /// What stands under a key or dash without a value of its own: a deeper block or nothing. A list
  /// may stand at its key's own indentation.
  private mutating func nested(under indent: Int, depth: Int) throws(Refusal) -> JSON {
    guard position < lines.count else { return .null }
    let line = lines[position]
    if line.indent > indent || (line.indent == indent && YAMLParser.isItem(line.text)) {
      if line.indent == indent, position > 0, YAMLParser.isItem(lines[position - 1].text) {
        return .null
      }
      return try block(indent: line.indent, depth: depth + 1)
    }
    return .null
  }

  /// The colon that ends a key: followed by a space or the end, outside quotes.
  private static func colon(in text: [UInt8]) -> Int? {
    if text[0] == UInt8(ascii: "[") || text[0] == UInt8(ascii: "{") { return nil }
    var quote: UInt8 = 0
    for (index, byte) in text.enumerated() {
      if quote != 0 {
        if byte == quote { quote = 0 }
      } else if index == 0, byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") {
        quote = byte
      } else if byte == UInt8(ascii: ":"),
        index + 1 == text.count || text[index + 1] == UInt8(ascii: " ")
      {
        return index
      }
    }
    return nil
  }
}

// MARK: - Values on one line

extension YAMLParser {
  private func scalar(_ text: [UInt8], _ line: Line) throws(Refusal) -> JSON {
    var flow = Flow(text: text)
    switch text[0] {
    case UInt8(ascii: "["), UInt8(ascii: "{"):
      guard let value = flow.value(depth: 0), flow.position == text.count else {
        throw refusal("did not find expected ',' or ']'", line)
      }
      return value
    case UInt8(ascii: "&"), UInt8(ascii: "*"), UInt8(ascii: "!"), UInt8(ascii: "|"),
      UInt8(ascii: ">"), UInt8(ascii: "%"), UInt8(ascii: "@"), UInt8(ascii: "`"):
      throw refusal("found character that cannot start any token", line)
    default:
      if YAMLParser.colon(in: text) != nil {
        throw refusal("mapping values are not allowed in this context", line)
      }
      return try plain(text, line, asKey: false)
    }
  }

  private func plain(_ text: [UInt8], _ line: Line, asKey: Bool) throws(Refusal) -> JSON {
    if text.isEmpty { throw refusal("did not find expected key", line) }
    let first = text[0]
    if first == UInt8(ascii: "\"") || first == UInt8(ascii: "'") {
      var flow = Flow(text: text)
      guard let value = flow.quoted(), flow.position == text.count else {
        throw refusal("found unexpected end of stream", line)
      }
      return value
    }
    return asKey ? .string(String(decoding: text, as: UTF8.self)) : YAMLParser.resolve(text)
  }

  /// What a plain scalar means in YAML 1.1, whose truth values MediaMTX's files use.
  fileprivate static func resolve(_ text: [UInt8]) -> JSON {
    let word = String(decoding: text, as: UTF8.self)
    switch word {
    case "yes", "Yes", "YES", "on", "On", "ON", "true", "True", "TRUE": return .bool(true)
    case "no", "No", "NO", "off", "Off", "OFF", "false", "False", "FALSE": return .bool(false)
    case "~", "null", "Null", "NULL": return .null
    default: break
    }
    if Int(word) != nil { return .number(word) }
    if let (whole, fraction) = word.cut(at: "."), Int(whole) != nil, UInt(fraction) != nil {
      return .number(word)
    }
    return .string(word)
  }

  /// A list or map in brackets.
  private struct Flow {
    let text: [UInt8]
    var position = 0

    private var next: UInt8? { position < text.count ? text[position] : nil }

    private mutating func skipSpace() {
      while next == UInt8(ascii: " ") { position += 1 }
    }

    mutating func value(depth: Int) -> JSON? {
      skipSpace()
      guard depth <= YAMLParser.maximumDepth, let first = next else { return nil }
      switch first {
      case UInt8(ascii: "["): return items(depth: depth + 1)
      case UInt8(ascii: "{"): return members(depth: depth + 1)
      case UInt8(ascii: "\""), UInt8(ascii: "'"): return quoted()
      default:
        let word = bare(endingAt: ",]}")
        return word.isEmpty ? nil : YAMLParser.resolve(word)
      }
    }

    private mutating func bare(endingAt ends: StaticString) -> [UInt8] {
      let start = position
      scan: while let byte = next {
        for index in 0..<ends.utf8CodeUnitCount where ends.utf8Start[index] == byte { break scan }
        position += 1
      }
      var word = Array(text[start..<position])
      while word.last == UInt8(ascii: " ") { word.removeLast() }
      return word
    }

    /// Passes the comma between two elements, or stays at the closing bracket.
    private mutating func step(endingAt end: UInt8) -> Bool {
      if next == UInt8(ascii: ",") { position += 1 } else if next != end { return false }
      skipSpace()
      return true
    }

    private mutating func items(depth: Int) -> JSON? {
      position += 1
      var items: [JSON] = []
      skipSpace()
      while next != UInt8(ascii: "]") {
        guard let item = value(depth: depth) else { return nil }
        items.append(item)
        skipSpace()
        if !step(endingAt: UInt8(ascii: "]")) { return nil }
      }
      position += 1
      return .array(items)
    }

    private mutating func members(depth: Int) -> JSON? {
      position += 1
      var members: [JSON.Member] = []
      skipSpace()
      while next != UInt8(ascii: "}") {
        let key = bare(endingAt: ":,}")
        guard !key.isEmpty, next == UInt8(ascii: ":") else { return nil }
        position += 1
        guard let value = value(depth: depth) else { return nil }
        members.append(JSON.Member(key: String(decoding: key, as: UTF8.self), value: value))
        skipSpace()
        if !step(endingAt: UInt8(ascii: "}")) { return nil }
      }
      position += 1
      return .object(members)
    }

    mutating func quoted() -> JSON? {
      guard let quote = next else { return nil }
      position += 1
      var content: [UInt8] = []
      while let byte = next {
        position += 1
        if byte == UInt8(ascii: "\\"), quote == UInt8(ascii: "\"") {
          guard let escaped = next else { return nil }
          position += 1
          switch escaped {
          case UInt8(ascii: "n"): content.append(0x0A)
          case UInt8(ascii: "t"): content.append(0x09)
          case UInt8(ascii: "\\"), UInt8(ascii: "\""), UInt8(ascii: "/"): content.append(escaped)
          default: return nil
          }
        } else if byte == quote {
          if quote == UInt8(ascii: "'"), next == quote {
            position += 1
            content.append(quote)
            continue
          }
          return .string(String(decoding: content, as: UTF8.self))
        } else {
          content.append(byte)
        }
      }
      return nil
    }
  }
}
