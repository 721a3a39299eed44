import LoadGenerator
import LoadPlan
import LoadReport

// What a crowd has done, in the words of a result.

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

extension RunResult.StageResult {
  /// One under way, of which nothing is known but what was asked.
  init(_ standing: Tally) {
    self.init(
      name: "", isJudged: true, users: 0, rate: nil, start: 0, seconds: 0,
      operations: [
        RunResult.OperationResult(Roster.Label(userClass: "", operation: ""), standing)
      ], connects: RunResult.OperationResult(userClass: "", operation: "connect"))
  }

  /// What a device has said not to have; nil: nothing.
  var unknownOperation: String? {
    operations.first { $0.failures[CrowdFailure.refused(.unknownOperation).name] != nil }?.operation
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
