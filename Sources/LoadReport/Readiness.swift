/// How ready a device is for such a load: a score for each component, each with its evidence.
public struct Readiness: Sendable, Equatable {
  public struct Component: Sendable, Equatable {
    public var name: String
    /// 0 … 100; nil: it was not measured, and takes no part.
    public var score: Int?
    public var evidence: String
    var weight: Int

    public var grade: String { score.map(Readiness.grade) ?? "–" }
  }

  /// What the components count in the whole, 100 where all were measured.
  private enum Weight {
    static let responses = 25
    static let errors = 25
    static let connections = 10
    static let capacity = 10
    static let memory = 10
    static let processor = 5
    static let recovery = 10
    static let stability = 5
    /// It says nothing of the device; but where it was the limit, nothing else does either.
    static let tester = 0
  }

  /// Where the tester was the limit, it alone.
  public let components: [Component]

  private let isValid: Bool

  /// Of what was measured, by weight; nil: nothing was, or the tester was the limit.
  public var score: Int? {
    guard isValid else { return nil }
    let measured = components.filter { $0.score != nil }
    let weight = measured.reduce(0) { $0 + $1.weight }
    guard weight > 0 else { return nil }
    let sum = measured.reduce(0) { $0 + $1.weight * ($1.score ?? 0) }
    return Int((Double(sum) / Double(weight)).rounded())
  }

  public var grade: String { score.map(Readiness.grade) ?? "–" }

  /// The score in words: `81 of 100`.
  var whole: String {
    score.map { "\($0) of 100" } ?? (isValid ? "not measured" : "not judged")
  }

  static func grade(_ score: Int) -> String {
    switch score {
    case 90...: "A"
    case 80...: "B"
    case 70...: "C"
    case 60...: "D"
    default: "F"
    }
  }

  public init(_ run: RunResult) {
    let figures = RunFigures(run)
    isValid = run.tester.isValid
    let device = [
      Self.responses(figures), Self.errors(figures), Self.connections(figures),
      Self.capacity(figures), Self.memory(figures), Self.processor(figures),
      Self.recovery(figures), Self.stability(figures),
    ]
    components = (isValid ? device : []) + [Self.tester(figures)]
  }

  /// 100 up to `good`, 0 from `bad` on, and evenly in between.
  static func score(_ value: Double, good: Double, bad: Double) -> Int {
    Int((100 * min(1, max(0, (bad - value) / (bad - good)))).rounded())
  }

  // Bars: REQ-PERF 001, 003, 004 and the thresholds of its monitoring.

  private static func responses(_ figures: RunFigures) -> Component {
    guard let p95 = figures.milliseconds(0.95), let p99 = figures.milliseconds(0.99) else {
      return Component(
        name: "responses", evidence: "not measured: nothing was answered", weight: Weight.responses)
    }
    return Component(
      name: "responses", score: score(p95, good: 100, bad: 1000),
      evidence: "95 % within \(Figures.time(milliseconds: p95)), 99 % within "
        + "\(Figures.time(milliseconds: p99)); full marks to 100 ms at 95 %, none from 1 s on",
      weight: Weight.responses)
  }

  private static func errors(_ figures: RunFigures) -> Component {
    guard let percent = figures.errorPercent else {
      return Component(
        name: "errors", evidence: "not measured: nothing was asked", weight: Weight.errors)
    }
    return Component(
      name: "errors", score: score(percent, good: 0.1, bad: 5),
      evidence:
        "\(Figures.grouped(figures.failed)) of \(Figures.grouped(figures.requests)) requests "
        + "failed (\(Figures.number(percent)) %); full marks to 0.1 %, none from 5 % on",
      weight: Weight.errors
    )
  }

  private static func connections(_ figures: RunFigures) -> Component {
    let connects = figures.connects
    guard connects.requests > 0 else {
      return Component(
        name: "connections", evidence: "not measured: nobody connected", weight: Weight.connections)
    }
    guard connects.latency.count > 0 else {
      return Component(
        name: "connections", score: 0,
        evidence: "none of \(Figures.grouped(connects.requests)) was made",
        weight: Weight.connections)
    }
    let p99 = Double(connects.latency.quantile(0.99)) / 1e6
    let lost = 100 * Double(connects.failed) / Double(max(1, connects.requests))
    return Component(
      name: "connections",
      score: min(score(p99, good: 200, bad: 2000), score(lost, good: 0, bad: 5)),
      evidence: "\(Figures.grouped(connects.requests - connects.failed)) made, 99 % within "
        + "\(Figures.time(milliseconds: p99)), \(connects.failed) failed; none from 2 s or 5 % on",
      weight: Weight.connections)
  }

  private static func capacity(_ figures: RunFigures) -> Component {
    guard let ladder = figures.run.ladder, let slots = figures.slots, slots > 0 else {
      return Component(
        name: "capacity", evidence: "not measured: it takes a ladder of users",
        weight: Weight.capacity)
    }
    let held = ladder.held ?? 0
    // What was never asked for is not the device's shortcoming.
    guard ladder.broke != nil || Double(held) >= 0.9 * Double(slots) else {
      return Component(
        name: "capacity",
        evidence:
          "not measured: the ladder ended at \(held) users, of \(slots) slots, and all held",
        weight: Weight.capacity)
    }
    return Component(
      name: "capacity", score: score(-Double(held), good: -0.9 * Double(slots), bad: 0),
      evidence: "\(held) users held, of \(slots) slots; full marks from 90 % of them on",
      weight: Weight.capacity
    )
  }

  private static func memory(_ figures: RunFigures) -> Component {
    guard let growth = figures.memoryGrowthKiB, let most = figures.memoryKiB else {
      return Component(
        name: "memory", evidence: "not measured: the device told no figures", weight: Weight.memory)
    }
    return Component(
      name: "memory", score: score(growth, good: 512, bad: 10 * 1024),
      evidence:
        "\(Figures.memory(most)) at most, \(Figures.memory(max(0, growth))) more at the end "
        + "than at the beginning; full marks to 512 KiB of growth, none from 10 MiB on",
      weight: Weight.memory)
  }

  private static func processor(_ figures: RunFigures) -> Component {
    guard let percent = figures.cpuPercent else {
      return Component(
        name: "processor", evidence: "not measured: the device told no figures",
        weight: Weight.processor)
    }
    return Component(
      name: "processor", score: score(percent, good: 50, bad: 100),
      evidence: "\(Figures.number(percent)) % of a core in the busiest stage; full marks to 50 %",
      weight: Weight.processor)
  }

  private static func recovery(_ figures: RunFigures) -> Component {
    guard figures.hadTooMuch else {
      return Component(
        name: "recovery", evidence: "not measured: it was never too much", weight: Weight.recovery)
    }
    guard let seconds = figures.run.recoverySeconds else {
      return Component(
        name: "recovery", score: 0, evidence: "it was not as before while it was watched",
        weight: Weight.recovery)
    }
    return Component(
      name: "recovery", score: score(seconds, good: 5, bad: 60),
      evidence: "as before \(Figures.number(seconds)) s after the load; full marks to 5 s, none "
        + "from 60 s on", weight: Weight.recovery)
  }

  private static func stability(_ figures: RunFigures) -> Component {
    guard let drift = figures.drift else {
      return Component(
        name: "stability", evidence: "not measured: no stage of a minute or more",
        weight: Weight.stability)
    }
    return Component(
      name: "stability", score: score(drift.factor, good: 1.2, bad: 3),
      evidence: "95 % within \(Figures.time(drift.first)) in the first third of stage "
        + "\(drift.stage), \(Figures.time(drift.last)) in the last; none from three times on",
      weight: Weight.stability)
  }

  private static func tester(_ figures: RunFigures) -> Component {
    let tester = figures.run.tester
    guard tester.invalidBecause.isEmpty else {
      return Component(
        name: "tester", score: 0,
        evidence: "it was the limit: \(Figures.list(tester.invalidBecause))", weight: Weight.tester)
    }
    guard !figures.judged.isEmpty else {
      return Component(
        name: "tester", evidence: "not measured: no stage was judged", weight: Weight.tester)
    }
    return Component(
      name: "tester", score: 100,
      evidence: "it was not the limit: its busiest thread used "
        + "\(Figures.number(tester.cpuPercent)) % of a core", weight: Weight.tester)
  }
}
