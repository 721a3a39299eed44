import Foundation
import LoadGenerator
import LoadPlan
import LoadReport

/// How a run goes on from stage to stage.
final class Course: @unchecked Sendable {
  /// Of a judged stage, before a run is ended because of it: a slow beginning is no verdict.
  private static let firstJudgementSeconds = 5.0
  /// What a step without any answer breaks.
  private static let silent = "answers"

  private let run: LoadRun
  private let desks: [DeviceDesk]
  private let labels: [Roster.Label]
  private let start: UInt64
  private let lock = NSLock()
  private var seconds: [RunResult.Second] = []
  private var states: [(health: String?, memoryKiB: Double?)] = []
  private var silence = Silence()
  /// Judged stages that are over, and what the one under way has done by now (nil: it ends no run).
  private var judged: [RunResult.StageResult] = []
  private var standing: Tally?
  private var standingSince = 0.0
  /// Of the stage under way.
  private var present = 0
  private(set) lazy var log = SecondLog(threads: run.options.threads, start: start) {
    [weak self] in self?.note($0, $1)
  }

  init(_ run: LoadRun, desks: [DeviceDesk], labels: [Roster.Label], start: UInt64) {
    (self.run, self.desks, self.labels, self.start) = (run, desks, labels, start)
    _ = log
  }

  var series: [RunResult.Second] { lock.withLock { seconds } }
  private var now: Double { Double(monotonicNs() - start) / 1e9 }

  private func note(_ second: RunResult.Second, _ tally: Tally) {
    let (states, reason) = lock.withLock {
      seconds.append(second)
      standing?.add(tally)
      let silent = silence.note(second, timeouts: tally.failures[.timeout] ?? 0)
      return (
        self.states, silent.map { "no target has answered for \($0) s" } ?? broken(by: second)
      )
    }
    if let reason { run.end(because: reason) }
    // Which one, the stage's figures tell.
    if tally.failures[.refused(.unknownOperation)] != nil { run.stop.set() }
    run.tell(.second(second, targets: states))
  }

  /// Which threshold the judged stages have broken by now, where that ends the run.
  private func broken(by second: RunResult.Second) -> String? {
    guard run.options.abortsOnFail, let standing,
      second.second - standingSince >= Course.firstJudgementSeconds
    else { return nil }
    let judge = Judge(judged + [RunResult.StageResult(standing)])
    let broken = run.plan.thresholds.first { threshold in
      switch threshold.quantity {
      case .p50, .p95, .p99, .errorPercent:
        judge.measure(threshold.quantity) != nil && !judge.judge(threshold).holds
      // The rest is known when a stage is over.
      case .connectP99, .busyPercent, .droppedPercent, .answersPerSecond, .memoryGrowthKiB,
        .memoryKiB, .cpuPercent, .recoverySeconds:
        false
      }
    }
    return broken.map { "\($0.quantity.rawValue) broke its threshold" }
  }

  /// Reads the devices' figures once a second until it is cancelled.
  func read() async {
    while !Task.isCancelled {
      var states: [(health: String?, memoryKiB: Double?)] = []
      for desk in desks {
        await desk.read(at: now)
        let (health, reading) = await desk.state()
        states.append((health, reading?.memoryKiB))
      }
      lock.withLock { self.states = states }
      try? await Task.sleep(for: .seconds(1))
    }
    for desk in desks { await desk.read(at: now) }
  }

  func run(_ squad: Squad, into result: inout RunResult) async {
    await keep(result)
    do throws(LoadTestError) {
      switch run.plan.course {
      case .stages(let stages):
        for stage in stages where !run.stop.isSet {
          result.stages.append(try await carry(out: stage, squad))
          breakOff(result)
          await keep(result)
        }
        result.recoverySeconds = Recovery.seconds(after: stages, result.stages, series: series)
      case .ladder(let ladder): try await climb(ladder, squad, &result)
      }
    } catch { run.end(because: error.phrase) }
    result.ended = run.reason
  }

  /// Tells what is known by now.
  private func keep(_ result: RunResult) async {
    var standing = result
    standing.series = series
    standing.seconds = now
    for (index, desk) in desks.enumerated() {
      standing.targets[index].readings = await desk.readings
    }
    standing.ended = run.reason ?? "wpload itself did not come to the end of it"
    run.conclude(&standing)
    run.tell(.standing(standing))
  }

  /// Ends a run in which a threshold is broken, where that was asked for.
  private func breakOff(_ result: RunResult) {
    guard run.options.abortsOnFail, result.stages.last?.isJudged == true else { return }
    let judge = Judge(result)
    let broken = run.plan.thresholds.map { judge.judge($0) }
      .first { !$0.holds && $0.measured != nil }
    guard let broken else { return }
    run.end(because: "\(broken.quantity) broke its threshold")
  }

  // MARK: Stages

  private func carry(
    out stage: Stage, _ squad: Squad
  ) async throws(LoadTestError) -> RunResult.StageResult {
    log.begin(stage.name)
    let begin = now
    let endsRun = run.options.abortsOnFail && stage.isJudged
    lock.withLock { (standing, standingSince) = (endsRun ? Tally() : nil, begin) }
    // What those who leave have handed in would keep the places of those who stay.
    let clearing = stage.users < present && run.deploys ? clearChanges() : nil
    defer { clearing?.cancel() }
    run.tell(.began(RunResult.StageResult(stage, start: begin)))
    let (own, busiest) = try await squad.run(
      CrowdStage(users: stage.users, ramp: stage.ramp, rate: stage.rate, seconds: stage.seconds))
    var result = RunResult.StageResult(stage, start: begin)
    result.take(own, labels, busiest: busiest)
    lock.withLock {
      standing = nil
      if stage.isJudged { judged.append(result) }
    }
    if let operation = result.unknownOperation {
      run.end(because: "the target does not know `\(operation)`, which the plan asks for")
    }
    present = stage.users
    run.tell(.ended(result))
    return result
  }

  private func clearChanges() -> Task<Void, Never> {
    Task { [desks] in
      try? await Task.sleep(for: .milliseconds(500))
      guard !Task.isCancelled else { return }
      for desk in desks { await desk.clearChanges() }
    }
  }

  // MARK: Ladder

  private func climb(
    _ ladder: Ladder, _ squad: Squad, _ result: inout RunResult
  ) async throws(LoadTestError) {
    var climbed = RunResult.LadderResult()
    var queue = ladder.steps
    while !run.stop.isSet {
      let users: Int
      if let broke = climbed.broke {
        guard let next = ladder.between(held: climbed.held, broke: broke) else { break }
        users = next
      } else if queue.isEmpty {
        break
      } else {
        users = queue.removeFirst()
      }
      let stage = try await carry(out: ladder.stage(users, after: present), squad)
      let broken = broken(by: stage)
      if broken == Course.silent, let broke = climbed.broke {
        // It was too much for good, and says nothing about fewer.
        run.end(because: "the target has not come back since users-\(broke)")
      }
      // What breaks is looked for, and says nothing about how well it goes below.
      var kept = stage
      kept.isJudged = broken == nil && !run.stop.isSet
      result.stages.append(kept)
      guard !run.stop.isSet else { break }
      climbed.steps.append(step(stage, users, holds: broken == nil))
      if let broken {
        (climbed.broke, climbed.reason) = (users, broken)
      } else {
        climbed.held = max(users, climbed.held ?? 0)
      }
      result.ladder = climbed
      await keep(result)
    }
    if climbed.broke != nil, ladder.recoverySeconds > 0, !run.stop.isSet {
      try await recover(ladder, squad, &result)
    }
  }

  private func step(
    _ stage: RunResult.StageResult, _ users: Int, holds: Bool
  ) -> RunResult.LadderResult.Step {
    let judge = Judge(stage)
    return RunResult.LadderResult.Step(
      users: users, stage: stage.name, answersPerSecond: judge.measure(.answersPerSecond) ?? 0,
      p95Ns: UInt64((judge.measure(.p95) ?? 0) * 1e6),
      errorPercent: judge.measure(.errorPercent) ?? 0,
      busyPercent: judge.measure(.busyPercent) ?? 0, holds: holds)
  }

  /// What a step breaks; nil: it holds. A device without a place for everybody is at its limit,
  /// whatever the plan allows.
  private func broken(by stage: RunResult.StageResult) -> String? {
    let judge = Judge(stage)
    if stage.busy > 0 { return "busy" }
    if judge.measure(.p95) == nil { return Course.silent }
    let broken = run.plan.thresholds.first { threshold in
      switch threshold.quantity {
      case .p50, .p95, .p99, .connectP99, .errorPercent, .busyPercent, .droppedPercent:
        // Where nobody had to connect, no connection was slow.
        judge.measure(threshold.quantity) != nil && !judge.judge(threshold).holds
      case .answersPerSecond, .memoryGrowthKiB, .memoryKiB, .cpuPercent, .recoverySeconds: false
      }
    }
    return broken?.quantity.rawValue
  }

  /// Goes back to the first step once more beyond the break, and waits until all is as it was.
  private func recover(
    _ ladder: Ladder, _ squad: Squad, _ result: inout RunResult
  ) async throws(LoadTestError) {
    guard let broke = result.ladder?.broke, let first = ladder.steps.first else { return }
    var over = ladder.stage(broke, after: present)
    (over.name, over.isJudged) = ("over", false)
    result.stages.append(try await carry(out: over, squad))
    var after = ladder.stage(first, after: 0)
    (after.name, after.isJudged, after.ramp) = ("recovery", false, nil)
    after.seconds = min(ladder.recoverySeconds, max(ladder.seconds, 3))
    result.stages.append(try await carry(out: after, squad))
    let base = result.stages.first { $0.users == first && $0.name != "recovery" }
    result.recoverySeconds = Recovery.seconds(
      in: result.stages[result.stages.count - 1], as: base, series: lock.withLock { seconds })
  }
}
