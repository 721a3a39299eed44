/// How amounts are written in plans, both ways: `90s`, `100ms..2s`, `10/s`, `16KiB`.
enum Notation {
  /// Of times, the largest first, in seconds. `ms` is apart: a thousandth is not exact in binary.
  private static let times: [(suffix: String, seconds: Double)] = [
    ("h", 3600), ("m", 60), ("s", 1),
  ]
  private static let sizes: [(suffix: String, bytes: Int)] = [("MiB", 1 << 20), ("KiB", 1 << 10)]

  /// Digits, and digits after a point: no sign, no exponent, no `inf`.
  static func number(_ text: some StringProtocol) -> Double? {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count <= 2, parts.allSatisfy({ isDigits($0) }) else { return nil }
    return Double(text)
  }

  /// Digits alone; nil also for more than fit.
  static func whole(_ text: some StringProtocol) -> Int? { isDigits(text) ? Int(text) : nil }

  private static func isDigits(_ text: some StringProtocol) -> Bool {
    !text.isEmpty && text.utf8.allSatisfy { (0x30...0x39).contains($0) }
  }

  /// Seconds: `250ms`, `90s`, `2m`, `8h`, or a plain number of seconds.
  static func seconds(_ text: some StringProtocol) -> Double? {
    if text.hasSuffix("ms") { return number(text.dropLast(2)).map { $0 / 1000 } }
    for unit in times where text.hasSuffix(unit.suffix) {
      return number(text.dropLast(unit.suffix.count)).map { $0 * unit.seconds }
    }
    return number(text)
  }

  /// `100ms..2s`, or one time for both ends.
  static func secondsRange(_ text: String) -> ClosedRange<Double>? {
    let ends = text.split(separator: "..", omittingEmptySubsequences: false)
    guard (1...2).contains(ends.count), let lower = seconds(ends[0]),
      let upper = seconds(ends[ends.count - 1]), lower <= upper
    else { return nil }
    return lower...upper
  }

  /// So many a second: `10/s`.
  static func rate(_ text: String) -> Double? {
    text.hasSuffix("/s") ? number(text.dropLast(2)) : nil
  }

  /// Bytes: `64`, `16KiB`, `1MiB`.
  static func bytes(_ text: String) -> Int? {
    for unit in sizes where text.hasSuffix(unit.suffix) {
      guard let count = whole(text.dropLast(unit.suffix.count)) else { return nil }
      let (bytes, isTooLarge) = count.multipliedReportingOverflow(by: unit.bytes)
      return isTooLarge ? nil : bytes
    }
    return whole(text)
  }

  /// The shortest text that is read as just this number again.
  static func text(number: Double) -> String {
    if let whole = Int(exactly: number) { return "\(whole)" }
    let text = "\(number)"
    guard let exponent = text.firstRange(of: "e-"), let zeros = Int(text[exponent.upperBound...])
    else { return text }
    let digits = text[..<exponent.lowerBound].filter { $0 != "." }
    return "0." + String(repeating: "0", count: zeros - 1) + digits
  }

  static func text(seconds: Double) -> String {
    for unit in times where seconds >= unit.seconds {
      let count = (seconds / unit.seconds).rounded()
      if count * unit.seconds == seconds { return text(number: count) + unit.suffix }
    }
    let milliseconds = (seconds * 1000).rounded()
    if seconds > 0, milliseconds / 1000 == seconds { return text(number: milliseconds) + "ms" }
    return text(number: seconds) + "s"
  }

  static func text(range: ClosedRange<Double>) -> String {
    range.lowerBound == range.upperBound
      ? text(seconds: range.lowerBound)
      : text(seconds: range.lowerBound) + ".." + text(seconds: range.upperBound)
  }

  static func text(rate: Double) -> String { text(number: rate) + "/s" }

  static func text(bytes: Int) -> String {
    for unit in sizes where bytes > 0 && bytes.isMultiple(of: unit.bytes) {
      return "\(bytes / unit.bytes)\(unit.suffix)"
    }
    return "\(bytes)"
  }

  /// `[a-z0-9-]`, the first no hyphen: it would begin a list.
  static func isName(_ text: String) -> Bool {
    PlanBounds.name.contains(text.utf8.count) && text.first != "-"
      && text.utf8.allSatisfy {
        (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2D
      }
  }

  /// Whether it is seen as it stands, and moves nothing: no control character, no line end, no mark
  /// of byte order.
  static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0..<0x20, 0x7F..<0xA0, 0x2028...0x2029, 0xFEFF, 0xFFFE...0xFFFF: false
    default: true
    }
  }

  /// Whether it and what follows are an anchor, an alias or a tag of YAML, unless it is quoted or
  /// inside a word.
  static func isSign(_ scalar: Unicode.Scalar, before next: Unicode.Scalar) -> Bool {
    (scalar == "*" || scalar == "&" || scalar == "!") && isOfName(next)
  }

  /// A letter, a digit, `-` or `_`.
  static func isOfName(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar {
    case "a"..."z", "A"..."Z", "0"..."9", "-", "_": true
    default: false
    }
  }

  /// What stands in a plan, for a sentence about it.
  static func quoted(_ text: String) -> String {
    let seen = text.unicodeScalars.prefix(40).map { isPrintable($0) ? Character($0) : "?" }
    return "\"" + String(seen) + (text.unicodeScalars.count > 40 ? "…" : "") + "\""
  }

  /// Of `known`, the one that was probably meant: at most two letters are other, missing or too
  /// many, and fewer than half.
  static func nearest(to word: String, of known: [String]) -> String? {
    guard word.unicodeScalars.count <= 40 else { return nil }
    let near = known.map { ($0, distance(Array(word), Array($0))) }.min { $0.1 < $1.1 }
    guard let (name, distance) = near, distance <= 2, distance * 2 < name.count else { return nil }
    return name
  }

  /// Levenshtein's.
  private static func distance(_ left: [Character], _ right: [Character]) -> Int {
    var row = Array(0...right.count)
    for (index, character) in left.enumerated() {
      var diagonal = row[0]
      row[0] = index + 1
      for column in right.indices {
        let replaced = diagonal + (character == right[column] ? 0 : 1)
        diagonal = row[column + 1]
        row[column + 1] = min(replaced, min(diagonal, row[column]) + 1)
      }
    }
    return row[right.count]
  }
}
