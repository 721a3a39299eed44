import LoadPlan
import LoadReport

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
