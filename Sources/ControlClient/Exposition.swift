/// Text in the Prometheus exposition format 0.0.4, family by family.
///
/// Source: prometheus.io/docs/instrumenting/exposition_formats, "Text-based format".
struct Exposition {
  /// What a family's values are.
  enum Kind: String {
    /// Only grows; falls to zero with a restart.
    case counter
    /// Goes up and down.
    case gauge
    /// Quantiles.
    case summary
  }

  typealias Labels = [(name: String, value: String)]

  private(set) var text = ""

  /// Begins a family: the samples that follow are its.
  mutating func family(_ name: String, _ kind: Kind, _ help: String) {
    // Help texts are ours: one line without a backslash, so there is nothing to escape.
    text += "# HELP \(name) \(help)\n# TYPE \(name) \(kind.rawValue)\n"
  }

  mutating func sample(_ name: String, _ labels: Labels, _ value: Double) {
    line(name, labels, Self.number(value))
  }

  mutating func sample(_ name: String, _ labels: Labels, _ value: UInt64) {
    line(name, labels, "\(value)")
  }

  /// A family of one sample.
  mutating func single(_ name: String, _ kind: Kind, _ help: String, _ value: UInt64) {
    family(name, kind, help)
    sample(name, [], value)
  }

  private mutating func line(_ name: String, _ labels: Labels, _ value: String) {
    let pairs = labels.map { "\($0.name)=\"\(Self.escaped($0.value))\"" }.joined(separator: ",")
    text += pairs.isEmpty ? "\(name) \(value)\n" : "\(name){\(pairs)} \(value)\n"
  }

  /// A remark to whoever reads the text; readers of the format pass over it.
  mutating func comment(_ words: String) {
    let line = words.map { $0.isNewline ? " " : String($0) }.joined()
    text += "# \(line)\n"
  }

  /// In a label's value, backslash, quote and line feed are escaped; nothing else may be.
  static func escaped(_ value: String) -> String {
    var result = ""
    for scalar in value.unicodeScalars {
      switch scalar {
      case "\\": result += "\\\\"
      case "\"": result += "\\\""
      case "\n": result += "\\n"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }

  /// As Go's `ParseFloat` reads it; whole numbers without a fraction.
  static func number(_ value: Double) -> String {
    if value.isNaN { return "NaN" }
    if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
    // Above 2^53 doubles are whole, but no longer exact.
    return value == value.rounded() && value.magnitude < 9_007_199_254_740_992
      ? "\(Int64(value))" : "\(value)"
  }
}
