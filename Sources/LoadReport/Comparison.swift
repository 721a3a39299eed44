import Foundation

/// In what two runs of a plan differ, where chance does not explain it.
///
/// Thousands of requests of one run are no thousands of witnesses: they come in bursts and share
/// the machine. So they count as many as their seconds bear out (`Steadiness`), a run as at most
/// `witnesses`, and a difference has to be worth mentioning, too.
public struct Comparison: Sendable {
  /// Requests of an operation, and seconds of a run, that count at most.
  static let witnesses = 400.0
  /// Two-sided; shared by all comparisons of a run (Bonferroni).
  static let significance = 0.01
  /// The least relative change of a latency or rate that is told.
  static let effect = 0.05
  /// The least change of an error rate, in percent of all requests.
  static let errorEffect = 0.1

  public struct Difference: Sendable, Equatable {
    /// `viewers ping p95`
    public var what: String
    public var before: String
    public var after: String
    /// Relative, 0.1 is ten percent more; nil: of an error rate.
    public var change: Double?
  }

  public private(set) var differences: [Difference] = []
  /// Why the two should not be compared; empty: nothing is against it.
  public private(set) var objections: [String] = []

  public init(_ before: RunResult, _ after: RunResult) {
    object(before, after)
    let (olds, news) = (before.judgedOperations, after.judgedOperations)
    let pairs = olds.compactMap { old in news.first { $0.name == old.name }.map { (old, $0) } }
    if before.plan == after.plan {
      objectToLost(olds, in: news, "before")
      objectToLost(news, in: olds, "after")
    }
    let level = Self.significance / Double(max(1, pairs.count))
    let steadiness = (Steadiness(before), Steadiness(after))
    // A run without failures tells nothing of how they come: the other one's stand for both.
    let (some, others) = (steadiness.0.failures, steadiness.1.failures)
    let failures = some.variance > others.variance ? some : others
    for (old, new) in pairs {
      compareLatency(old, new, level, steadiness)
      compareErrors(old, new, level, failures)
    }
    compareRate(before, after, (steadiness.0.rate, steadiness.1.rate))
  }

  private mutating func object(_ before: RunResult, _ after: RunResult) {
    if before.plan != after.plan {
      objections.append("they are of different plans, \(before.plan) and \(after.plan)")
    }
    let (olds, news) = (before.stages.map(Self.label), after.stages.map(Self.label))
    if before.plan == after.plan, olds != news {
      let onlyOnce = [
        Self.list(olds.filter { !news.contains($0) }, "before"),
        Self.list(news.filter { !olds.contains($0) }, "after"),
      ].compactMap(\.self)
      objections.append(
        "their stages differ: "
          + (onlyOnce.isEmpty ? "in order or number" : onlyOnce.joined(separator: "; ")))
    }
    for (run, word) in [(before, "before"), (after, "after")] {
      if !run.stages.contains(where: \.isJudged) {
        objections.append("in the run \(word) nothing was judged")
      }
      if !run.tester.invalidBecause.isEmpty {
        objections.append("in the run \(word) the tester was the limit")
      }
      if run.ended != nil { objections.append("the run \(word) ended early") }
    }
  }

  /// What one run has not asked has no figures to differ in, and is no sameness.
  private mutating func objectToLost(
    _ some: [RunResult.OperationResult], in others: [RunResult.OperationResult], _ word: String
  ) {
    let lost = some.map(\.name).filter { name in !others.contains { $0.name == name } }
    if let list = Self.list(lost, word) { objections.append("their operations differ: \(list)") }
  }

  private static func label(_ stage: RunResult.StageResult) -> String {
    let rate = stage.rate.map { ", \(Figures.number($0))/s" } ?? ""
    return "\(stage.name) (\(stage.users) users\(rate))"
  }

  /// nil: there are none.
  private static func list(_ names: [String], _ word: String) -> String? {
    names.isEmpty ? nil : "only \(word): \(Figures.list(names, separator: ", "))"
  }

  // MARK: Latencies

  private mutating func compareLatency(
    _ old: RunResult.OperationResult, _ new: RunResult.OperationResult, _ level: Double,
    _ steadiness: (Steadiness, Steadiness)
  ) {
    // So few of `witnesses` are above a 99th percentile that what is above the 95th speaks for it.
    for (name, share, bound) in [("p50", 0.5, 0.5), ("p95", 0.95, 0.95), ("p99", 0.99, 0.95)]
    where Self.differ(old.latency, new.latency, bound, level, steadiness) {
      let (was, now) = (old.latency.quantile(share), new.latency.quantile(share))
      let change = Double(now) / Double(max(1, was)) - 1
      guard abs(change) >= Self.effect else { continue }
      differences.append(
        Difference(
          what: "\(old.name) \(name)", before: Figures.time(was),
          after: Figures.time(now), change: change))
    }
  }

  /// Mann and Whitney's test with correction for ties ("On a Test of Whether one of Two Random
  /// Variables is Stochastically Larger than the Other", 1947), and that of what lies above the
  /// quantile of both together: a run in which only the slowest requests are slower has nearly the
  /// same ranks, and its median is not told for them.
  static func differ(
    _ old: Latencies, _ new: Latencies, _ share: Double, _ level: Double,
    _ steadiness: (Steadiness, Steadiness)
  ) -> Bool {
    guard old.count > 0, new.count > 0 else { return false }
    let (n1, n2) = (Double(old.count), Double(new.count))
    func counted(
      _ own: Double, _ excess: (Steadiness.Excess, Steadiness.Excess)
    ) -> (Double, Double) {
      (Steadiness.witnesses(n1, own, excess.0), Steadiness.witnesses(n2, own, excess.1))
    }
    let middle = (steadiness.0.latency(0.5), steadiness.1.latency(0.5))
    let ranks = rankScore(old, new, counted(Steadiness.ofRank, middle))
    if twoSided(ranks, freedom(middle)) < level { return true }
    var all = old
    all.add(new)
    let bound = all.quantile(share)
    let excess = (steadiness.0.latency(share), steadiness.1.latency(share))
    let score = proportionScore(
      Double(above(bound, old)), n1, Double(above(bound, new)), n2,
      counted(Steadiness.ofShare(share), excess))
    return twoSided(score, freedom(excess)) < level
  }

  private static func above(_ bound: UInt64, _ latencies: Latencies) -> UInt64 {
    zip(latencies.values, latencies.counts).reduce(0) { $0 + ($1.0 > bound ? $1.1 : 0) }
  }

  /// The standard score of the rank sum; of requests that count as `counted`, or each as one.
  static func rankScore(
    _ old: Latencies, _ new: Latencies, _ counted: (Double, Double)? = nil
  ) -> Double {
    let counted = counted ?? (Double(old.count), Double(new.count))
    let shrink = (
      min(witnesses, counted.0) / Double(old.count), min(witnesses, counted.1) / Double(new.count)
    )
    var all = old
    all.add(new)
    var (left, right) = (0, 0)
    var (below, ranks, ties) = (0.0, 0.0, 0.0)
    for value in all.values {
      var (mine, its) = (0.0, 0.0)
      if left < old.values.count, old.values[left] == value {
        mine = Double(old.counts[left]) * shrink.0
        left += 1
      }
      if right < new.values.count, new.values[right] == value {
        its = Double(new.counts[right]) * shrink.1
        right += 1
      }
      let here = mine + its
      ranks += mine * (below + (here + 1) / 2)
      ties += here * here * here - here
      below += here
    }
    let n1 = Double(old.count) * shrink.0
    let n2 = Double(new.count) * shrink.1
    let whole = n1 + n2
    let variance = n1 * n2 / 12 * (whole + 1 - ties / (whole * (whole - 1)))
    guard variance > 0 else { return 0 }
    return (ranks - n1 * (whole + 1) / 2) / variance.squareRoot()
  }

  // MARK: Shares and rates

  private mutating func compareErrors(
    _ old: RunResult.OperationResult, _ new: RunResult.OperationResult, _ level: Double,
    _ excess: Steadiness.Excess
  ) {
    let was = 100 * Double(old.failed) / Double(max(1, old.requests))
    let now = 100 * Double(new.failed) / Double(max(1, new.requests))
    let (n1, n2) = (Double(old.requests), Double(new.requests))
    let own = Steadiness.ofShare((was + now) / 200)
    let score = Self.proportionScore(
      Double(old.failed), n1, Double(new.failed), n2,
      (Steadiness.witnesses(n1, own, excess), Steadiness.witnesses(n2, own, excess)))
    guard abs(now - was) >= Self.errorEffect,
      Self.twoSided(score, Self.freedom((excess, excess))) < level
    else { return }
    differences.append(
      Difference(
        what: "\(old.name) errors", before: "\(Figures.number(was)) %",
        after: "\(Figures.number(now)) %", change: nil))
  }

  /// The standard score of the difference of two shares, with Yates's correction: of a hundred
  /// requests, five are above a 95th percentile, and so few are anything but normal.
  static func proportionScore(
    _ some: Double, _ all: Double, _ others: Double, _ whole: Double,
    _ counted: (Double, Double)? = nil
  ) -> Double {
    guard all > 0, whole > 0 else { return 0 }
    let counted = counted ?? (all, whole)
    let (n1, n2) = (min(counted.0, witnesses), min(counted.1, witnesses))
    let (p1, p2) = (some / all, others / whole)
    let common = (p1 * n1 + p2 * n2) / (n1 + n2)
    let variance = common * (1 - common) * (1 / n1 + 1 / n2)
    let difference = max(0, abs(p2 - p1) - (1 / n1 + 1 / n2) / 2)
    guard variance > 0 else { return 0 }
    return (p2 < p1 ? -difference : difference) / variance.squareRoot()
  }

  /// Answers a second, second by second.
  private mutating func compareRate(
    _ before: RunResult, _ after: RunResult, _ excess: (Steadiness.Excess, Steadiness.Excess)
  ) {
    let rates = [before, after].map { run in
      let judged = Set(run.stages.filter(\.isJudged).map(\.name))
      return run.series.filter { judged.contains($0.stage) && $0.length > 0.9 }
        .map { Double($0.requests - $0.failures) }
    }
    guard rates.allSatisfy({ $0.count >= Steadiness.leastSeconds }) else { return }
    let means = rates.map { $0.reduce(0, +) / Double($0.count) }
    let change = means[1] / max(means[0], 1e-9) - 1
    let score = Self.rankScore(
      Self.distribution(rates[0]), Self.distribution(rates[1]), (excess.0.seconds, excess.1.seconds)
    )
    guard abs(change) >= Self.effect, Self.twoSided(score, Self.freedom(excess)) < Self.significance
    else { return }
    differences.append(
      Difference(
        what: "answers a second", before: Figures.number(means[0]),
        after: Figures.number(means[1]), change: change))
  }

  private static func distribution(_ values: [Double]) -> Latencies {
    let counts = Dictionary(values.map { (UInt64(max(0, $0)), UInt64(1)) }, uniquingKeysWith: +)
      .sorted { $0.key < $1.key }
    return Latencies(values: counts.map(\.key), counts: counts.map(\.value))
  }

  /// Degrees of freedom of what is estimated from the seconds of two runs.
  private static func freedom(_ excess: (Steadiness.Excess, Steadiness.Excess)) -> Double {
    max(1, excess.0.seconds + excess.1.seconds - 2)
  }

  /// The chance of such a score: of the normal distribution or, with so many degrees of freedom, of
  /// Student's, by Wallace's approximation ("Bounds on Normal Approximations to Student's and the
  /// Chi-Square Distributions", 1959).
  static func twoSided(_ score: Double, _ freedom: Double = .infinity) -> Double {
    guard freedom.isFinite else { return erfc(abs(score) / 2.0.squareRoot()) }
    let normal =
      (8 * freedom + 1) / (8 * freedom + 3)
      * (freedom * log(1 + score * score / freedom)).squareRoot()
    return erfc(normal / 2.0.squareRoot())
  }

  // MARK: Words

  public var text: String {
    var lines = objections.map { "not to be compared: \($0)" }
    if differences.isEmpty { lines.append("no difference that chance does not explain") }
    for difference in differences {
      let change = difference.change.map { change in
        "  (\(change > 0 ? "+" : "")\(Figures.number(100 * change)) %)"
      }
      lines.append(
        "\(difference.what): \(difference.before) → \(difference.after)\(change ?? "")")
    }
    return lines.map(printable).joined(separator: "\n")
  }
}
