import Foundation

/// A strict reading of the Prometheus exposition format 0.0.4: what Prometheus itself would accept,
/// and the naming rules that it only recommends.
struct ExpositionReading {
  /// What is wrong, with the line; empty: nothing.
  private(set) var faults: [String] = []
  /// Values by name and labels as written: `name{label="value"}`.
  private(set) var values: [String: String] = [:]
  /// Types by family.
  private(set) var types: [String: String] = [:]

  private var helps: Set<String> = []
  /// The family whose lines these are: a family is one block.
  private var family = ""
  private var labelSets: Set<[String]> = []

  init(_ text: String) {
    if !text.hasSuffix("\n") { faults.append("the last line does not end") }
    for (index, line) in text.split(separator: "\n").enumerated() {
      if let fault = line.hasPrefix("#") ? comment(String(line)) : sample(String(line)) {
        faults.append("line \(index + 1): \(fault): \(line)")
      }
    }
  }

  private mutating func comment(_ line: String) -> String? {
    if let match = line.wholeMatch(of: /# HELP ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)/) {
      family = String(match.1)
      if !helps.insert(family).inserted { return "a second HELP" }
      let plain = match.2.replacing("\\\\", with: "").replacing("\\n", with: "")
      return plain.contains("\\") ? "a wrong escape" : nil
    }
    if let match = line.wholeMatch(
      of: /# TYPE ([a-zA-Z_:][a-zA-Z0-9_:]*) (counter|gauge|summary|histogram|untyped)/)
    {
      let (name, type) = (String(match.1), String(match.2))
      if family != name { return "not below its HELP" }
      if types.updateValue(type, forKey: name) != nil { return "a second TYPE" }
      if (type == "counter") != name.hasSuffix("_total") { return "_total is for counters" }
      return nil
    }
    return line.hasPrefix("# ") && !line.hasPrefix("# HELP") && !line.hasPrefix("# TYPE")
      ? nil : "no comment"
  }

  private mutating func sample(_ line: String) -> String? {
    guard
      let match = line.wholeMatch(
        of: /([a-zA-Z_:][a-zA-Z0-9_:]*)(\{(.*)\})? (-?[0-9.]+(?:e[+-]?[0-9]+)?|NaN|[+-]Inf)/)
    else { return "no sample" }
    let (name, value) = (String(match.1), String(match.4))
    guard let labels = Self.labels(match.3.map(String.init) ?? "") else { return "wrong labels" }
    let names = labels.map(\.name)
    if Set(names).count != names.count { return "a label twice" }
    guard let type = types[family], isOf(type, name, names) else { return "no TYPE above it" }
    if value != "NaN", Double(value) == nil, !value.hasSuffix("Inf") { return "no number" }
    if type == "counter", !((Double(value) ?? -1) >= 0) { return "a counter below zero" }
    let set = [name] + labels.map { "\($0.name)=\($0.value)" }.sorted()
    if !labelSets.insert(set).inserted { return "the same twice" }
    values[name + (match.2.map(String.init) ?? "")] = value
    return nil
  }

  /// Whether a sample belongs to the family above it.
  private func isOf(_ type: String, _ name: String, _ labels: [String]) -> Bool {
    guard type == "summary" else { return name == family && !labels.contains("quantile") }
    return name == family
      ? labels.contains("quantile")
      : ["_count", "_sum"].contains { name == family + $0 } && !labels.contains("quantile")
  }

  /// nil: the text between the braces is no list of labels.
  static func labels(_ text: String) -> [(name: String, value: String)]? {
    var labels: [(name: String, value: String)] = []
    var rest = text[...]
    while !rest.isEmpty {
      guard
        let match = rest.prefixMatch(
          of: /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\\\|\\"|\\n)*)"(,|$)/)
      else { return nil }
      labels.append((String(match.1), unescaped(String(match.2))))
      rest = rest[match.range.upperBound...]
    }
    return labels
  }

  private static func unescaped(_ text: String) -> String {
    var result = ""
    var isEscaped = false
    for character in text {
      if isEscaped {
        result.append(character == "n" ? "\n" : character)
        isEscaped = false
      } else if character == "\\" {
        isEscaped = true
      } else {
        result.append(character)
      }
    }
    return result
  }
}
