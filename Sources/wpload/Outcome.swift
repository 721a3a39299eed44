import LoadGenerator
import LoadPlan
import LoadReport
import LoadTest

/// The exit codes. Documented in the README; never changed.
enum Outcome: Int32 {
  case done = 0
  case failed = 1
  case usage = 2
  case noConnection = 3
  case invalid = 98
  case broken = 99

  /// nil: no error of a test.
  init?(_ error: any Error) {
    switch error {
    case let verdict as Verdict: self = verdict.outcome
    case LoadTestError.unreachable: self = .noConnection
    case is LoadTestError, is ResultError, is LoadError, is OtherPlans: self = .failed
    case is PlanError: self = .usage
    default: return nil
    }
  }

  /// What was not measured breaks a threshold, unless the run ended before it could be. Where the
  /// tester was the limit, nothing that was measured says anything of the device.
  init(_ result: RunResult) {
    let isBroken = result.thresholds.contains { threshold in
      !threshold.holds && (threshold.measured != nil || result.ended == nil)
    }
    if result.ended != nil && !isBroken {
      self = .failed
    } else if !result.tester.invalidBecause.isEmpty {
      self = .invalid
    } else {
      self = isBroken ? .broken : .done
    }
  }
}

/// What a run comes to, and why in one sentence where it is nothing good.
struct Verdict: Error, CustomStringConvertible {
  let outcome: Outcome
  let description: String

  init(_ result: RunResult, in folder: String) {
    outcome = Outcome(result)
    let place = "`wpload report \(folder)` tells"
    let limit = "the tester was the limit: " + result.tester.invalidBecause.joined(separator: "; ")
    if let ended = result.ended {
      description =
        "The run ended early: \(ended); \(outcome == .invalid ? "\(limit); " : "")"
        + "what was measured until then is kept, and \(place) it."
    } else if outcome == .broken {
      let broken = result.thresholds.filter { !$0.holds }.map(Verdict.phrase)
      description = "\(broken.joined(separator: ", ")); \(place) where."
    } else {
      description = "The run is invalid, \(limit)."
    }
  }

  private static func phrase(_ threshold: RunResult.ThresholdResult) -> String {
    guard let measured = threshold.measured else {
      return "\(threshold.quantity) was not measured"
    }
    let word = measured > threshold.limit ? "above" : "below"
    return "\(threshold.quantity) is \(brief(measured)), \(word) its limit of "
      + brief(threshold.limit)
  }

  private static func brief(_ value: Double) -> String {
    let rounded = (value * 100).rounded() / 100
    return rounded == rounded.rounded() && abs(rounded) < 1e15 ? "\(Int(rounded))" : "\(rounded)"
  }
}

/// Two runs that say nothing about each other.
struct OtherPlans: Error, CustomStringConvertible {
  let before: String
  let after: String

  var description: String {
    "The runs are of different plans, \(before) and \(after); compare two of one plan."
  }
}
