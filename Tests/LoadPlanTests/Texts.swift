import LoadPlan
import Testing

/// A right plan, from which the tests make wrong ones.
enum Texts {
  static let stages = """
    name: noon
    summary: "Everybody looks."
    timeout: 5s
    payload: 1KiB

    classes:
      viewers:
        weight: 3
        role: viewer
        mix:
          health: 3
          ping: 1
        think: 100ms..2s
      deployers:
        role: admin
        work: deployment

    stages:
      - name: arrival
        users: 20
        ramp: 10/s
        duration: 10s
        judged: false
      - name: peak
        users: 40
        rate: 100/s
        duration: 2m

    thresholds:
      p95_ms: 50
      errors_percent: 0.5

    """

  static let ladder = """
    name: steps
    summary: "Until it breaks."
    classes:
      crowd:
        mix: {ping: 1}
    ladder:
      steps: [10, 25, 50]
      duration: 10s
      ramp: 50/s
      rate_per_user: 2/s
      precision: 5
      recovery: 30s

    """

  /// `old`, which must be there, replaced by `new` where it stands first.
  static func stages(_ old: String, _ new: String) -> String { replaced(stages, old, new) }
  static func ladder(_ old: String, _ new: String) -> String { replaced(ladder, old, new) }

  private static func replaced(_ text: String, _ old: String, _ new: String) -> String {
    guard let range = text.firstRange(of: old) else {
      Issue.record("no \(old) in the text")
      return text
    }
    return text.replacingCharacters(in: range, with: new)
  }

  /// What reading `text` says; empty: it is a plan.
  static func refusal(_ text: String) -> String { refusal(Array(text.utf8)) }

  static func refusal(_ bytes: [UInt8]) -> String {
    do throws(PlanError) {
      _ = try PlanReader.read(bytes, file: "noon.yaml")
      return ""
    } catch {
      return error.description
    }
  }
}

extension String {
  fileprivate func replacingCharacters(in range: Range<Index>, with new: String) -> String {
    self[..<range.lowerBound] + new + self[range.upperBound...]
  }
}

extension Plan {
  /// Its stages; fails where it is a ladder.
  func stagesOrFail() throws -> [Stage] {
    guard case .stages(let stages) = course else {
      return try #require(nil, "\(name) has no stages")
    }
    return stages
  }
}

/// SplitMix64: the same numbers from the same seed, everywhere.
struct Seeded: RandomNumberGenerator {
  private var state: UInt64

  init(_ seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}

/// A case about a plan is called like it.
extension Plan: CustomTestStringConvertible {
  public var testDescription: String { name }
}
