import LoadPlan
import LoadReport

/// What was measured, in the words of thresholds.
struct Judge {
  private let stages: [RunResult.StageResult]
  /// Connections are made where users come, which is not always judged.
  private let arrivals: [RunResult.StageResult]
  private let targets: [RunResult.Target]
  private let recoverySeconds: Double?
  /// A ladder to whose end everything held: there was nothing to recover from.
  private let neverBroke: Bool

  /// Of the judged stages of a run.
  init(_ run: RunResult) {
    stages = run.stages.filter(\.isJudged)
    arrivals = run.stages.filter { $0.isJudged || run.ladder == nil }
    targets = run.targets
    recoverySeconds = run.recoverySeconds
    neverBroke = run.ladder != nil && run.ladder?.broke == nil
  }

  init(_ stages: RunResult.StageResult...) { self.init(stages) }

  /// Of stages alone, without what devices say.
  init(_ stages: [RunResult.StageResult]) {
    (self.stages, arrivals, targets, recoverySeconds) = (stages, stages, [], nil)
    neverBroke = true
  }

  /// nil: it was not measured.
  func measure(_ quantity: Threshold.Quantity) -> Double? {
    switch quantity {
    case .p50: milliseconds(0.5)
    case .p95: milliseconds(0.95)
    case .p99: milliseconds(0.99)
    case .connectP99: milliseconds(connects.latency, 0.99)
    case .errorPercent: percent(failed, of: requests)
    case .busyPercent: percent(busy, of: connects.requests + busy)
    case .droppedPercent: percent(dropped, of: requests + dropped)
    case .answersPerSecond:
      seconds > 0 ? Double(requests - failed) / seconds : nil
    case .memoryGrowthKiB: growth.max()
    case .memoryKiB: readings.flatMap { $0.map(\.memoryKiB) }.max()
    case .cpuPercent: readings.compactMap(Judge.processor).max()
    case .recoverySeconds: recoverySeconds
    }
  }

  /// All that say something about this run.
  func judge(_ thresholds: [Threshold]) -> [RunResult.ThresholdResult] {
    thresholds.filter { $0.quantity != .recoverySeconds || !neverBroke }.map { judge($0) }
  }

  func judge(_ threshold: Threshold) -> RunResult.ThresholdResult {
    let measured = measure(threshold.quantity)
    let holds = measured.map {
      threshold.quantity == .answersPerSecond ? $0 >= threshold.limit : $0 <= threshold.limit
    }
    return RunResult.ThresholdResult(
      quantity: threshold.quantity.rawValue, limit: threshold.limit, measured: measured,
      holds: holds ?? false)
  }

  // MARK: Sums

  private var operations: [RunResult.OperationResult] {
    stages.flatMap(\.operations).filter { !$0.isWhole }
  }
  /// Connections that failed are failures, too: without one, nobody can ask.
  private var requests: Int { operations.reduce(0) { $0 + $1.requests } + connects.failed }
  private var failed: Int { operations.reduce(0) { $0 + $1.failed } + connects.failed }
  private var busy: Int { arrivals.reduce(0) { $0 + $1.busy } }
  private var dropped: Int { stages.reduce(0) { $0 + $1.dropped } }
  private var seconds: Double { stages.reduce(0) { $0 + $1.seconds } }

  private var connects: RunResult.OperationResult {
    var all = RunResult.OperationResult(userClass: "", operation: "connect")
    for stage in arrivals {
      all.requests += stage.connects.requests
      all.failures.merge(stage.connects.failures, uniquingKeysWith: +)
      all.latency.add(stage.connects.latency)
    }
    return all
  }

  private func milliseconds(_ share: Double) -> Double? {
    var all = Latencies()
    for operation in operations { all.add(operation.latency) }
    return milliseconds(all, share)
  }

  private func milliseconds(_ latencies: Latencies, _ share: Double) -> Double? {
    latencies.count == 0 ? nil : Double(latencies.quantile(share)) / 1e6
  }

  private func percent(_ part: Int, of whole: Int) -> Double? {
    whole == 0 ? nil : 100 * Double(part) / Double(whole)
  }

  // MARK: The device's own figures

  /// Of each target, those within the judged stages.
  private var readings: [[RunResult.Reading]] {
    targets.map { target in
      target.readings.filter { reading in
        stages.contains { ($0.start...$0.start + $0.seconds).contains(reading.second) }
      }
    }
  }

  private var growth: [Double] {
    readings.compactMap { own in
      guard let first = own.first, let last = own.last, own.count > 1 else { return nil }
      return last.memoryKiB - first.memoryKiB
    }
  }

  /// Percent of a core; a device that began anew in between counts from then on.
  private static func processor(_ own: [RunResult.Reading]) -> Double? {
    var used = 0.0
    for (before, after) in zip(own, own.dropFirst()) {
      used += max(0, after.cpuMs - before.cpuMs)
    }
    guard let first = own.first, let last = own.last, last.second > first.second else { return nil }
    return used / (last.second - first.second) / 10
  }
}

/// Whether the tester was the limit: then the run says nothing about the device.
struct Validity {
  /// Of a core, in percent: whoever works that much may be late.
  static let processorPercent = 95.0
  /// Late by less never matters.
  static let latenessNs: UInt64 = 2_000_000
  /// Nor does late by this share of what was measured.
  static let latenessShare = 0.1

  static func objections(to stages: [RunResult.StageResult]) -> [String] {
    let judged = stages.filter(\.isJudged)
    let busy = judged.filter { $0.testerCPUPercent >= processorPercent }
    let late = judged.filter(isLate)
    var found: [String] = []
    if let most = busy.map(\.testerCPUPercent).max() {
      found.append(
        "it used up to \(Int(most)) % of a core (\(names(busy))); use more `--threads`, or a "
          + "machine of its own")
    }
    if let worst = late.max(by: { lateness(of: $0) < lateness(of: $1) }) {
      let percent = Int((100 - 100 * promptShare(of: worst)).rounded(.up))
      found.append(
        "it sent \(percent) % of the requests up to \(lateness(of: worst) / 1_000_000) ms late or "
          + "later (\(names(late))); free the machine of other work")
    }
    return found
  }

  private static func isLate(_ stage: RunResult.StageResult) -> Bool {
    let all = stage.operations.filter { !$0.isWhole }
      .reduce(into: Latencies()) { $0.add($1.latency) }
    return isLate(lateness(of: stage), of: all.quantile(0.95))
  }

  /// So many of a stage's requests were sent no later.
  private static func lateness(of stage: RunResult.StageResult) -> UInt64 {
    stage.lateness.count < 2 ? 0 : stage.lateness.quantile(promptShare(of: stage))
  }

  /// 99 % have to be sent in time. Of a few a single one that was not is no verdict, nor are five
  /// of some hundred, for which this machine stood still for a moment; 5 % always are.
  private static func promptShare(of stage: RunResult.StageResult) -> Double {
    let count = Double(max(stage.lateness.count, 1))
    return min(0.99, max(min(0.95, 1 - 1 / count), 1 - 5 / count))
  }

  /// Whether what was sent so late (99 % of it no later) matters to answers that took so long (95 %
  /// of them no longer), in nanoseconds.
  static func isLate(_ lateness: UInt64, of latency: UInt64) -> Bool {
    lateness > latenessNs && Double(lateness) > latenessShare * Double(latency)
  }

  private static func names(_ stages: [RunResult.StageResult]) -> String {
    let word = stages.count == 1 ? "stage" : "stages"
    let more = stages.count > 3 ? " and \(stages.count - 3) more" : ""
    return "\(word) \(stages.prefix(3).map(\.name).joined(separator: ", "))\(more)"
  }
}
