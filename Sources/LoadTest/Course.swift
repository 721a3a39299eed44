import Foundation
import LoadGenerator
import LoadPlan
import LoadReport

/// How a run goes on from stage to stage.
final class Course: @unchecked Sendable {
  /// Nobody is there for so long: the target has died.
  private static let deadSeconds = 10

  private let run: LoadRun
  private let desks: [DeviceDesk]
  private let labels: [Roster.Label]
  private let start: UInt64
  private let lock = NSLock()
  private var seconds: [RunResult.Second] = []
  private var states: [(health: String?, memoryKiB: Double?)] = []
  private var lonely = 0
  private var reason: String?
  /// Of the stage under way.
  private var present = 0
  private(set) lazy var log = SecondLog(threads: run.options.threads, start: start) {
    [weak self] in self?.note($0)
  }

  init(_ run: LoadRun, desks: [DeviceDesk], labels: [Roster.Label], start: UInt64) {
    (self.run, self.desks, self.labels, self.start) = (run, desks, labels, start)
    _ = log
  }

  var series: [RunResult.Second] { lock.withLock { seconds } }
  private var now: Double { Double(monotonicNs() - start) / 1e9 }

  private func note(_ second: RunResult.Second) {
    let states = lock.withLock {
      seconds.append(second)
      // Whoever is told BUSY is answered.
      let isAnswered = second.requests > second.failures || second.busy > 0 || second.users > 0
      lonely = isAnswered ? 0 : lonely + 1
      if lonely == Course.deadSeconds, reason == nil {
        reason = "no target has answered for \(Course.deadSeconds) s"
        run.stop.set()
      }
      return self.states
    }
    run.tell(.second(second, targets: states))
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

  func run(_ squad: Squad, into result: inout RunResult) async throws(LoadTestError) {
    switch run.plan.course {
    case .stages(let stages):
      for stage in stages where !run.stop.isSet {
        result.stages.append(try await carry(out: stage, squad))
        try breakOff(result)
      }
      result.recoverySeconds = Recovery.seconds(
        after: stages, result.stages, series: lock.withLock { seconds })
    case .ladder(let ladder): try await climb(ladder, squad, &result)
    }
    result.ended = lock.withLock { reason } ?? (run.stop.isSet ? "it was interrupted" : nil)
  }

  /// Ends a run in which a threshold is broken, where that was asked for.
  private func breakOff(_ result: RunResult) throws(LoadTestError) {
    guard run.options.abortsOnFail, result.stages.last?.isJudged == true else { return }
    let judge = Judge(result)
    let broken = run.plan.thresholds.map { judge.judge($0) }
      .first { !$0.holds && $0.measured != nil }
    guard let broken else { return }
    lock.withLock { reason = reason ?? "\(broken.quantity) broke its threshold" }
    run.stop.set()
  }

  // MARK: Stages

  private func carry(
    out stage: Stage, _ squad: Squad
  ) async throws(LoadTestError) -> RunResult.StageResult {
    log.begin(stage.name)
    let begin = now
    // What those who leave have handed in would keep the places of those who stay.
    let clearing = stage.users < present && run.deploys ? clearChanges() : nil
    defer { clearing?.cancel() }
    run.tell(.began(RunResult.StageResult(stage, start: begin)))
    let (own, busiest) = try await squad.run(
      CrowdStage(users: stage.users, ramp: stage.ramp, rate: stage.rate, seconds: stage.seconds))
    var result = RunResult.StageResult(stage, start: begin)
    result.take(own, labels, busiest: busiest)
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
      // What breaks is looked for, and says nothing about how well it goes below.
      var kept = stage
      kept.isJudged = broken == nil
      result.stages.append(kept)
      climbed.steps.append(step(stage, users, holds: broken == nil))
      if let broken {
        (climbed.broke, climbed.reason) = (users, broken)
      } else {
        climbed.held = max(users, climbed.held ?? 0)
      }
      result.ladder = climbed
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
    if judge.measure(.p95) == nil { return "answers" }
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

/// How long it takes until a device is as it was before it had too much to do.
enum Recovery {
  /// Slower by so much is as before.
  static let factor = 2.0
  static let marginNs: UInt64 = 10_000_000

  /// After the stage with the most users, where there is one after it and one before.
  static func seconds(
    after stages: [Stage], _ results: [RunResult.StageResult], series: [RunResult.Second]
  ) -> Double? {
    guard let peak = stages.indices.max(by: { stages[$0].users < stages[$1].users }),
      peak > 0, peak + 1 < min(stages.count, results.count),
      stages[peak + 1].users < stages[peak].users
    else { return nil }
    return seconds(in: results[peak + 1], as: results[peak - 1], series: series)
  }

  /// Until the first second from which on nothing fails and answers are as fast as in `base`; nil:
  /// there is none.
  static func seconds(
    in stage: RunResult.StageResult, as base: RunResult.StageResult?, series: [RunResult.Second]
  ) -> Double? {
    var before = Latencies()
    for operation in base?.operations ?? [] where !operation.isWhole {
      before.add(operation.latency)
    }
    let usual = before.quantile(0.95)
    let bound = max(UInt64(Double(usual) * factor), usual + marginNs)
    let own = series.filter { $0.stage == stage.name }
    guard
      let last = own.lastIndex(where: {
        $0.failures > 0 || $0.busy > 0 || $0.p95Ns > bound || $0.requests == 0
      })
    else { return own.isEmpty ? nil : 0 }
    return last + 1 < own.count ? own[last].second - stage.start : nil
  }
}

extension RunResult.StageResult {
  init(_ stage: Stage, start: Double) {
    self.init(
      name: stage.name, isJudged: stage.isJudged, users: stage.users, rate: stage.rate,
      start: start, seconds: 0, operations: [],
      connects: RunResult.OperationResult(userClass: "", operation: "connect"))
  }

  mutating func take(_ own: CrowdResult, _ labels: [Roster.Label], busiest: Double) {
    seconds = own.seconds
    for (label, tally) in zip(labels, own.tallies) {
      let result = RunResult.OperationResult(label, tally)
      if label.isConnect {
        connects.requests += result.requests
        connects.failures.merge(result.failures, uniquingKeysWith: +)
        connects.latency.add(result.latency)
      } else if result.requests > 0 || result.heldBack > 0 {
        operations.append(result)
      }
    }
    (busy, throttled, dropped) = (own.busy, own.throttled, own.dropped)
    testerCPUPercent = busiest
    lateness = Latencies(own.lateness)
  }
}

extension RunResult.OperationResult {
  init(_ label: Roster.Label, _ tally: Tally) {
    self.init(
      userClass: label.userClass, operation: label.operation, isWhole: label.isWhole,
      requests: tally.ended,
      failures: Dictionary(
        tally.failures.map { ($0.key.name, $0.value) }, uniquingKeysWith: +),
      heldBack: tally.heldBack, bytes: tally.bytes, latency: Latencies(tally.latency))
  }
}
