/// What a run comes to, over its judged stages.
struct RunFigures {
  let run: RunResult
  let judged: [RunResult.StageResult]
  let latency: Latencies
  let connects: RunResult.OperationResult

  init(_ run: RunResult) {
    self.run = run
    judged = run.stages.filter(\.isJudged)
    latency = judged.flatMap(\.operations).filter { !$0.isWhole }
      .reduce(into: Latencies()) { $0.add($1.latency) }
    var connects = RunResult.OperationResult(userClass: "", operation: "connect")
    for stage in run.stages where stage.isJudged || run.ladder == nil {
      connects.add(stage.connects)
    }
    self.connects = connects
  }

  private var operations: [RunResult.OperationResult] {
    judged.flatMap(\.operations).filter { !$0.isWhole }
  }

  var requests: Int { operations.reduce(0) { $0 + $1.requests } }
  var failed: Int { operations.reduce(0) { $0 + $1.failed } }
  var seconds: Double { judged.reduce(0) { $0 + $1.seconds } }
  var errorPercent: Double? {
    requests == 0 ? nil : 100 * Double(failed) / Double(requests)
  }

  /// nil: nothing was judged.
  var answersPerSecond: Double? {
    seconds > 0 ? Double(requests - failed) / seconds : nil
  }

  /// nil: nothing was answered.
  func milliseconds(_ share: Double) -> Double? {
    latency.count == 0 ? nil : Double(latency.quantile(share)) / 1e6
  }

  // MARK: The devices' own

  /// All targets together; nil: one did not tell.
  var slots: Int? {
    run.targets.reduce(0) { sum, target in sum.flatMap { sum in target.slots.map { sum + $0 } } }
  }

  /// Of the target that needs most.
  var memoryKiB: Double? { run.targets.flatMap(\.readings).map(\.memoryKiB).max() }

  var memoryGrowthKiB: Double? {
    run.targets.compactMap { target in
      guard target.readings.count > 1, let first = target.readings.first,
        let last = target.readings.last
      else { return nil }
      return last.memoryKiB - first.memoryKiB
    }.max()
  }

  /// Percent of a core, of the busiest target in its busiest judged stage.
  var cpuPercent: Double? { judged.compactMap(cpuPercent(in:)).max() }

  /// The same of one stage.
  func cpuPercent(in stage: RunResult.StageResult) -> Double? {
    run.targets.compactMap { Self.processor($0.readings, in: stage) }.max()
  }

  /// nil: fewer than two readings. A device that began anew counts from then on.
  static func processor(
    _ readings: [RunResult.Reading], in stage: RunResult.StageResult
  ) -> Double? {
    let own = readings.filter {
      $0.second >= stage.start && $0.second <= stage.start + stage.seconds
    }
    guard let first = own.first, let last = own.last, last.second > first.second else { return nil }
    let used = zip(own, own.dropFirst()).reduce(0) { $0 + max(0, $1.1.cpuMs - $1.0.cpuMs) }
    return used / (last.second - first.second) / 10
  }

  /// There was a load that was meant to be too much, and one after it.
  var hadTooMuch: Bool {
    if run.ladder != nil { return run.stages.contains { $0.name == "recovery" } }
    guard let peak = run.stages.indices.max(by: { run.stages[$0].users < run.stages[$1].users })
    else { return false }
    return peak > 0 && peak + 1 < run.stages.count
      && run.stages[peak - 1].users < run.stages[peak].users
      && run.stages[peak + 1].users < run.stages[peak].users
  }

  /// How the longest judged stage has changed from its first third to its last: the median of the
  /// seconds' 95th percentiles.
  var drift: (stage: String, first: UInt64, last: UInt64, factor: Double)? {
    guard let stage = judged.max(by: { $0.seconds < $1.seconds }), stage.seconds >= 60 else {
      return nil
    }
    // A second without an answer has no percentiles.
    let own = run.series.filter { $0.stage == stage.name && $0.requests > $0.failures }
      .map(\.p95Ns)
    let third = own.count / 3
    guard third > 0 else { return nil }
    let first = own.prefix(third).sorted()[third / 2]
    let last = own.suffix(third).sorted()[third / 2]
    return (stage.name, first, last, Double(last) / Double(max(1, first)))
  }
}
