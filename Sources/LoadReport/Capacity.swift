/// What a device bears, and where to act before it does not.
public struct Capacity: Sendable, Equatable {
  /// Of the most users that held: what is planned for, and where somebody is told.
  public static let recommendedShare = 0.8
  public static let alertShare = 0.9

  public struct Row: Sendable, Equatable {
    public var what: String
    public var value: String
    public var evidence: String
  }

  public let rows: [Row]

  public init(_ run: RunResult) {
    let figures = RunFigures(run)
    guard run.tester.isValid else {
      rows = [
        Row(what: "break point", value: "not known", evidence: "the tester was the limit")
      ]
      return
    }
    rows = Self.bounds(run, figures) + [Self.firstToGo(run, figures)] + Self.scaling(figures)
  }

  private static func bounds(_ run: RunResult, _ figures: RunFigures) -> [Row] {
    if let ladder = run.ladder {
      let held = ladder.held ?? 0
      let found = ladder.broke.map {
        "\(held) users held, \($0) broke it (\(ladder.reason ?? "?"))"
      }
      return [
        Row(
          what: "break point", value: ladder.broke.map { "\($0) users" } ?? "not reached",
          evidence: found ?? "\(held) users held, and the ladder had no more"),
        limit("recommended limit", recommendedShare, of: held, "that held"),
        limit("alert level", alertShare, of: held, "that held"),
      ]
    }
    guard let slots = figures.slots, slots > 0 else {
      return [
        Row(
          what: "break point", value: "not measured",
          evidence: "no ladder was climbed, and the device did not tell its slots")
      ]
    }
    return [
      limit("recommended limit", recommendedShare, of: slots, "connection slots"),
      limit("alert level", alertShare, of: slots, "connection slots"),
    ]
  }

  private static func limit(_ what: String, _ share: Double, of most: Int, _ unit: String) -> Row {
    Row(
      what: what, value: "\(Int(share * Double(most))) users",
      evidence: "\(Int(share * 100)) % of the \(most) \(unit)")
  }

  /// Whatever is nearest to its end.
  private static func firstToGo(_ run: RunResult, _ figures: RunFigures) -> Row {
    if run.ladder?.reason == "busy", let slots = figures.slots {
      return Row(
        what: "first to run out", value: "connection slots",
        evidence: "the device has \(slots), and said BUSY")
    }
    var candidates: [(name: String, percent: Double, evidence: String)] = []
    if let percent = figures.cpuPercent {
      candidates.append(
        ("the device's processor", percent, "\(Figures.number(percent)) % of a core"))
    }
    for target in run.targets {
      guard let slots = target.slots, slots > 0 else { continue }
      let open = target.readings.map(\.connectionsOpen).max() ?? 0
      let percent = 100 * open / Double(slots)
      candidates.append(
        (
          "connection slots", percent,
          "\(Figures.whole(open)) of \(slots) open (\(Figures.number(percent)) %)"
        ))
    }
    candidates.append(
      (
        "the tester", run.tester.cpuPercent,
        "its busiest thread used \(Figures.number(run.tester.cpuPercent)) % of a core"
      ))
    let first = candidates.max { $0.percent < $1.percent }
    return Row(
      what: "first to run out", value: first?.name ?? "not measured",
      evidence: first?.evidence ?? "no figures")
  }

  // MARK: Scaling

  /// Bounds of section 4: out when one is passed, in when all are kept for ten minutes. There is
  /// none of memory among them: a device tells how much it uses, not of how much.
  private enum Bound {
    static let outProcessor = 70.0
    static let outP95Ms = 500.0
    static let outErrors = 2.0
    static let inProcessor = 30.0
    static let inP95Ms = 200.0
    static let inSeconds = 600.0
  }

  /// Which bounds are passed, with the figures.
  private static func passed(_ processor: Double?, _ p95: Double?, _ errors: Double?) -> [String] {
    var out: [String] = []
    if let processor, processor > Bound.outProcessor {
      out.append("processor \(Figures.number(processor)) %")
    }
    if let p95, p95 > Bound.outP95Ms { out.append("P95 \(Figures.time(milliseconds: p95))") }
    if let errors, errors > Bound.outErrors { out.append("errors \(Figures.number(errors)) %") }
    return out
  }

  /// In users, where a ladder was climbed: the fewest with which a bound was passed.
  private static func scaleOut(_ figures: RunFigures) -> String {
    guard let ladder = figures.run.ladder else {
      let out = passed(figures.cpuPercent, figures.milliseconds(0.95), figures.errorPercent)
      return out.isEmpty ? "not yet" : "now: " + out.joined(separator: ", ")
    }
    let steps = ladder.steps.sorted { $0.users < $1.users }
    for step in steps {
      let stage = figures.judged.first { $0.name == step.stage }
      let processor = stage.flatMap(figures.cpuPercent(in:))
      let out = passed(processor, Double(step.p95Ns) / 1e6, step.errorPercent)
      guard out.isEmpty else { return "at \(step.users) users: " + out.joined(separator: ", ") }
    }
    return steps.last.map { "not up to \($0.users) users" } ?? "not measured"
  }

  private static func scaling(_ figures: RunFigures) -> [Row] {
    let processor = figures.cpuPercent
    let p95 = figures.milliseconds(0.95)
    let isIdle =
      (processor ?? 100) < Bound.inProcessor && (p95 ?? 1000) < Bound.inP95Ms
      && figures.seconds >= Bound.inSeconds
    let told = [
      processor.map { "processor \(Figures.number($0)) %" } ?? "processor not measured",
      "memory not measured",
      p95.map { "P95 \(Figures.time(milliseconds: $0))" } ?? "P95 not measured",
      figures.errorPercent.map { "errors \(Figures.number($0)) %" } ?? "errors not measured",
    ].joined(separator: ", ")
    return [
      Row(
        what: "scale out", value: scaleOut(figures),
        evidence: "from 70 % processor, 80 % memory, 500 ms P95 or 2 % errors on; here \(told)"),
      Row(
        what: "scale in", value: isIdle ? "possible, as far as was measured" : "no",
        evidence: "below 30 % processor, 40 % memory and 200 ms P95 for 10 minutes; judged here: "
          + "\(Figures.number(figures.seconds / 60)) minutes, memory not measured"),
    ]
  }
}

/// What to do, and why.
public struct Recommendation: Sendable, Equatable {
  public var text: String
  public var evidence: String

  /// The most important one first; one at least.
  public static func all(for run: RunResult) -> [Recommendation] {
    let figures = RunFigures(run)
    var found: [Recommendation] = []
    if !run.tester.isValid {
      found.append(
        Recommendation(
          text: "Run it again: it says nothing about the device.",
          evidence: Figures.list(run.tester.invalidBecause)))
    }
    if let ended = run.ended {
      found.append(
        Recommendation(text: "Look at the device, and run it again to its end.", evidence: ended))
    }
    guard run.tester.isValid else { return found }
    for threshold in run.thresholds where !threshold.holds {
      let limit = Figures.threshold(threshold.quantity, threshold.limit)
      let measured = threshold.measured.map { Figures.threshold(threshold.quantity, $0) }
      found.append(
        Recommendation(
          text: "Do not put this load on the device before \(threshold.quantity) holds.",
          evidence: "\(measured ?? "not measured"), where \(limit) is the limit"))
    }
    if run.ladder?.reason == "busy", let held = run.ladder?.held {
      let planned = Int(Capacity.recommendedShare * Double(held))
      found.append(
        Recommendation(
          text: "Plan for \(planned) connections, or raise `control.slots`.",
          evidence: "\(held) held; the next one was told BUSY"))
    }
    if let growth = figures.memoryGrowthKiB, growth > 1024 {
      found.append(
        Recommendation(
          text: "Run `endurance`, to see whether memory goes on growing.",
          evidence: "\(Figures.memory(growth)) more at the end than at the beginning"))
    }
    if let processor = figures.cpuPercent, processor > 70 {
      found.append(
        Recommendation(
          text: "Spread the users over more devices.",
          evidence: "the device used \(Figures.number(processor)) % of a core"))
    }
    if found.isEmpty {
      found.append(
        Recommendation(
          text: "Nothing is to be done for this load.",
          evidence: Figures.holding(run.thresholds.count)))
    }
    return found
  }
}

/// A figure as the tester and as the device have it.
public struct SidedFigure: Sendable, Equatable {
  public var what: String
  public var client: String
  public var device: String
  public var note: String

  /// Empty: no device told its figures.
  public static func rows(_ run: RunResult) -> [SidedFigure] {
    let told = run.targets.filter { $0.readings.count > 1 }
    guard !told.isEmpty, told.count == run.targets.count else { return [] }
    func growth(_ figure: (RunResult.Reading) -> Double) -> Double {
      told.reduce(0) { sum, target in
        // A device that began anew counts from 0 again.
        sum
          + zip(target.readings, target.readings.dropFirst()).reduce(0) {
            $0 + (figure($1.1) >= figure($1.0) ? figure($1.1) - figure($1.0) : figure($1.1))
          }
      }
    }
    let operations = run.operations.filter { !$0.isWhole }
    let answered = operations.reduce(0) { $0 + $1.requests - $1.failed }
    let all = operations.reduce(into: Latencies()) { $0.add($1.latency) }
    let p95 = told.flatMap(\.readings).map(\.answersP95Us).max() ?? 0
    return [
      SidedFigure(
        what: "requests answered", client: Figures.grouped(answered),
        device: Figures.grouped(Figures.whole(growth(\.requestsSucceeded))),
        note:
          "the device also counts greetings, and what the tester asks beside the load; not what "
          + "came before its first reading and after its last"),
      SidedFigure(
        what: "connections refused", client: Figures.grouped(run.stages.reduce(0) { $0 + $1.busy }),
        device: Figures.grouped(Figures.whole(growth(\.refusedBusy))), note: "told BUSY"),
      SidedFigure(
        what: "P95", client: Figures.time(all.quantile(0.95)),
        device: Figures.time(UInt64(max(0, Figures.whole(p95 * 1000)))),
        note: "the device's from the request's arrival to its answer, the highest it told; the "
          + "difference is the network, both kernels and waiting for a user"),
    ]
  }
}
