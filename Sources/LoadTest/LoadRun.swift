import ControlClient
import Foundation
import LoadGenerator
import LoadPlan
import LoadReport
import Synchronization
import Wire

/// One run of a plan.
///
/// ```swift
/// let run = LoadRun(plan, options) { print($0) }
/// let result = try await run.run()
/// ```
public final class LoadRun: Sendable {
  /// What is told while it runs.
  public enum News: Sendable {
    case began(RunResult.StageResult)
    /// A second is over. What each target says of its health, and its memory in KiB.
    case second(RunResult.Second, targets: [(health: String?, memoryKiB: Double?)])
    case ended(RunResult.StageResult)
    /// What is known by now, as the result of a run that did not come to its end: told before the
    /// first stage and after each.
    case standing(RunResult)
  }

  let plan: Plan
  let options: LoadOptions
  let stop = StopSign()
  private let cause = Mutex<String?>(nil)
  let tell: @Sendable (News) -> Void

  public init(
    _ plan: Plan, _ options: LoadOptions, tell: @escaping @Sendable (News) -> Void = { _ in }
  ) {
    (self.plan, self.options, self.tell) = (plan, options, tell)
  }

  /// Ends it soon; what was measured is kept, and `reason` stands in the result.
  public func cancel(because reason: String = "it was interrupted") { end(because: reason) }

  /// The first reason counts.
  func end(because reason: String) {
    cause.withLock { $0 = $0 ?? reason }
    stop.set()
  }

  /// Why it ends before its time; nil: it does not.
  var reason: String? { cause.withLock { $0 } }

  /// Throws where nothing could be measured. What goes wrong later ends the run, and stands in the
  /// result.
  public func run() async throws(LoadTestError) -> RunResult {
    let desks = options.targets.map { DeviceDesk($0, options.credentials) }
    let result: RunResult
    do throws(LoadTestError) {
      result = try await run(over: desks)
    } catch {
      await tidy(desks)
      throw error
    }
    await tidy(desks)
    return result
  }

  private func run(over desks: [DeviceDesk]) async throws(LoadTestError) -> RunResult {
    let start = monotonicNs()
    var result = RunResult(
      plan: plan.name, summary: plan.summary, startedUnixS: Date().timeIntervalSince1970,
      seed: options.seed, targets: [],
      tester: RunResult.Tester(version: options.version, threads: options.threads))
    let roster = Roster(
      plan, targets: options.targets, seed: options.seed, startedUnixS: result.startedUnixS)
    var rings: [Keyring] = []
    var texts: [[UInt8]] = []
    for (index, desk) in desks.enumerated() {
      result.targets.append(try await desk.meet())
      rings.append(try await keys(roster, index, desk))
      texts.append(try await deploys ? desk.configuration() : [])
    }
    let course = Course(self, desks: desks, labels: roster.labels, start: start)
    let squad = try squad(roster, rings, texts, course)
    let reading = Task { await course.read() }
    await course.run(squad, into: &result)
    reading.cancel()
    await reading.value
    squad.dismiss()
    for (index, desk) in desks.enumerated() { result.targets[index].readings = await desk.readings }
    result.series = course.series
    result.seconds = Double(monotonicNs() - start) / 1e9
    conclude(&result)
    return result
  }

  var deploys: Bool { plan.classes.contains { $0.work == .deployment } }
  private var hasKeys: Bool {
    options.credentials != .none && plan.classes.contains { $0.role != .anybody }
  }

  private func keys(
    _ roster: Roster, _ target: Int, _ desk: DeviceDesk
  ) async throws(LoadTestError) -> Keyring {
    hasKeys ? try await desk.makeKeys(plan, counts: roster.counts(at: target)) : Keyring()
  }

  private func squad(
    _ roster: Roster, _ rings: [Keyring], _ texts: [[UInt8]], _ course: Course
  ) throws(LoadTestError) -> Squad {
    try Squad(
      threads: options.threads, labels: roster.labels.count, timeout: plan.timeout,
      seed: options.seed, seconds: course.log, stop: stop
    ) { user in
      let target = roster.place(of: user).target
      return roster.newcomer(
        user, identities: { rings[target].identity(of: $0) }, text: texts[target])
    }
  }

  private func tidy(_ desks: [DeviceDesk]) async {
    // Whoever has never answered has nothing of this run.
    for desk in desks where await desk.isMet {
      if deploys { await desk.endChanges() }
      if hasKeys { await desk.takeKeysAway() }
      await desk.leave()
    }
  }

  func conclude(_ result: inout RunResult) {
    let judged = result.stages.filter(\.isJudged)
    result.tester.cpuPercent = judged.map(\.testerCPUPercent).max() ?? 0
    var lateness = Latencies()
    for stage in judged { lateness.add(stage.lateness) }
    result.tester.latenessP99Ns = lateness.quantile(0.99)
    result.tester.invalidBecause = Validity.objections(to: result.stages)
    result.thresholds = Judge(result).judge(plan.thresholds)
  }
}
