import Yams

/// A mapping of a plan: its keys are known, and each stands once.
struct PlanFields {
  let source: PlanSource
  /// `a stage`, for sentences.
  let what: String
  let mark: Mark?
  private var fields: [String: PlanField] = [:]

  init(
    _ node: Node, of what: String, known: [String], in source: PlanSource
  ) throws(PlanError) {
    self.source = source
    self.what = what
    mark = node.mark
    guard let mapping = node.mapping else {
      throw source.error(
        node.mark, "\(PlanField.shown(node)) is no \(what.bare); write lines of `KEY: VALUE`.")
    }
    for (key, value) in mapping {
      guard let name = key.scalar?.string, known.contains(name) else {
        throw source.error(key.mark, PlanFields.unknown(key, of: what, known: known))
      }
      fields[name] = PlanField(source: source, name: name, key: key, node: value)
    }
  }

  subscript(key: String) -> PlanField? { fields[key] }

  /// The field of this name; `wayOut` says what to write where it is missing.
  func required(_ key: String, _ wayOut: String) throws(PlanError) -> PlanField {
    guard let field = fields[key] else {
      throw source.error(mark, "\(what) has no `\(key)`; \(wayOut).")
    }
    return field
  }

  /// What others call it.
  private static let elsewhere = [
    "spawn_rate": "ramp", "spawn-rate": "ramp", "wait_time": "think", "run_time": "duration",
    "run-time": "duration", "seconds": "duration", "target": "users", "vus": "users",
    "tasks": "mix", "arrival_rate": "rate", "scenarios": "classes", "judge": "judged",
    "rate": "rate_per_user",
  ]

  private static func unknown(_ key: Node, of what: String, known: [String]) -> String {
    guard let name = key.scalar?.string else {
      return "\(PlanField.shown(key)) is no key of \(what); write one word before the colon."
    }
    let other = elsewhere[name].flatMap { known.contains($0) ? $0 : nil }
    let wayOut =
      (other ?? Notation.nearest(to: name, of: known)).map { "`\($0)`" } ?? known.alternatives
    return "\(Notation.quoted(name)) is no key of \(what); write \(wayOut)."
  }
}

/// A key and its value, which is read as what the key holds.
struct PlanField {
  let source: PlanSource
  let name: String
  let key: Node
  let node: Node

  /// Says what stands in the value's place.
  static func shown(_ node: Node) -> String {
    switch node {
    case .scalar(let scalar): scalar.string.isEmpty ? "nothing" : Notation.quoted(scalar.string)
    case .sequence: "a list"
    case .mapping: "a mapping"
    case .alias: "an alias"
    }
  }

  /// Refuses the value: it is no `noun`.
  private func refused(_ noun: String, _ wayOut: String) -> PlanError {
    let fault = isEmpty ? "`\(name)` is empty" : "\(PlanField.shown(node)) is no \(noun)"
    return source.error(node.mark, "\(fault); \(wayOut).")
  }

  private var isEmpty: Bool {
    switch node {
    case .scalar(let scalar): scalar.string.isEmpty
    case .sequence(let sequence): sequence.isEmpty
    case .mapping(let mapping): mapping.isEmpty
    case .alias: false
    }
  }

  /// The value's text as `read` understands it.
  private func value<Value>(
    _ noun: String, _ wayOut: String, _ read: (String) -> Value?
  ) throws(PlanError) -> Value {
    guard let text = node.scalar?.string, let value = read(text) else {
      throw refused(noun, wayOut)
    }
    return value
  }

  private func amount(
    _ noun: String, in range: ClosedRange<Double>, _ form: String, _ text: (Double) -> String,
    _ read: (String) -> Double?
  ) throws(PlanError) -> Double {
    let wayOut = "write \(form), from \(text(range.lowerBound)) to \(text(range.upperBound))"
    return try value(noun, wayOut) { read($0).flatMap { range.contains($0) ? $0 : nil } }
  }

  func whole(_ noun: String, in range: ClosedRange<Int>) throws(PlanError) -> Int {
    let wayOut = "write a whole number from \(range.text)"
    return try value(noun, wayOut) {
      Notation.whole($0).flatMap { range.contains($0) ? $0 : nil }
    }
  }

  func bytes(_ noun: String, in range: ClosedRange<Int>) throws(PlanError) -> Int {
    let ends = (Notation.text(bytes: range.lowerBound), Notation.text(bytes: range.upperBound))
    return try value(noun, "write bytes like 64 or 16KiB, from \(ends.0) to \(ends.1)") {
      Notation.bytes($0).flatMap { range.contains($0) ? $0 : nil }
    }
  }

  func number(_ noun: String, in range: ClosedRange<Double>) throws(PlanError) -> Double {
    try amount(noun, in: range, "a number", Notation.text(number:), Notation.number)
  }

  func seconds(_ noun: String, in range: ClosedRange<Double>) throws(PlanError) -> Double {
    try amount(noun, in: range, "one like 90s", Notation.text(seconds:), Notation.seconds)
  }

  func rate(_ noun: String, in range: ClosedRange<Double>) throws(PlanError) -> Double {
    try amount(noun, in: range, "one like 10/s", Notation.text(rate:), Notation.rate)
  }

  func secondsRange(
    _ noun: String, in range: ClosedRange<Double>
  ) throws(PlanError) -> ClosedRange<Double> {
    let longest = Notation.text(seconds: range.upperBound)
    return try value(noun, "write one like 1s or 100ms..2s, at most \(longest)") {
      Notation.secondsRange($0).flatMap { range.contains($0.upperBound) ? $0 : nil }
    }
  }

  func flag(_ noun: String) throws(PlanError) -> Bool {
    try value(noun, "write true or false") { ["true": true, "false": false][$0] }
  }

  func identifier(_ noun: String) throws(PlanError) -> String {
    try value(noun, PlanField.nameRule) { Notation.isName($0) ? $0 : nil }
  }

  static let nameRule =
    "write 1 to \(PlanBounds.name.upperBound) of a-z, 0-9 and -, which does not come first"

  func line(_ noun: String, in range: ClosedRange<Int>) throws(PlanError) -> String {
    try value(noun, "write one line of at most \(range.upperBound) characters") {
      let scalars = $0.unicodeScalars
      return range.contains(scalars.count) && scalars.allSatisfy(Notation.isPrintable) ? $0 : nil
    }
  }

  /// One of a few words.
  func choice<Value>(
    _ noun: String, _ choices: [(word: String, value: Value)]
  ) throws(PlanError) -> Value {
    let words = choices.map(\.word)
    let near = node.scalar.flatMap { Notation.nearest(to: $0.string, of: words) }
    return try value(noun, near.map { "write `\($0)`" } ?? "write \(words.alternatives)") { text in
      choices.first { $0.word == text }?.value
    }
  }

  /// What is in a list, each like a field of the same name.
  func items(
    _ noun: String, in range: ClosedRange<Int>, _ wayOut: String
  ) throws(PlanError) -> [PlanField] {
    guard let sequence = node.sequence, !sequence.isEmpty else { throw refused(noun, wayOut) }
    try check(sequence.count, in: range)
    return sequence.map { PlanField(source: source, name: name, key: key, node: $0) }
  }

  /// The keys of a mapping and what they hold, in their order.
  func entries(
    _ noun: String, in range: ClosedRange<Int>, _ wayOut: String
  ) throws(PlanError) -> [PlanField] {
    guard let mapping = node.mapping, mapping.count >= range.lowerBound else {
      throw refused(noun, wayOut)
    }
    try check(mapping.count, in: range)
    return mapping.map { key, value in
      PlanField(source: source, name: key.scalar?.string ?? "", key: key, node: value)
    }
  }

  private func check(_ count: Int, in range: ClosedRange<Int>) throws(PlanError) {
    guard range.contains(count) else {
      throw source.error(
        node.mark, "`\(name)` has \(count) entries; write \(range.upperBound) at most.")
    }
  }

  /// The key itself, to be read as a value.
  var asValue: PlanField { PlanField(source: source, name: name, key: key, node: key) }
}

extension String {
  /// Without its article.
  fileprivate var bare: Substring {
    self[(firstIndex(of: " ").map { index(after: $0) } ?? startIndex)...]
  }
}

extension [String] {
  /// `a`, `b` or `c`.
  var alternatives: String {
    let names = map { "`\($0)`" }
    guard let last = names.last, names.count > 1 else { return names.joined() }
    return names.dropLast().joined(separator: ", ") + " or " + last
  }
}

extension ClosedRange<Int> {
  fileprivate var text: String { "\(lowerBound) to \(upperBound)" }
}
