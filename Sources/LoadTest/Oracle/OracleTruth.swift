import LoadReport

/// What a tester must find out about an oracle, calculated.
///
/// A request that arrives while the oracle is frozen is read when it thaws; its answer is due a
/// delay later, and leaves at the first moment from then on that is not frozen. An ideal network
/// takes no time.
public struct OracleTruth: Equatable, Sendable {
  /// Of the answered requests, from their intended times to their answers.
  public var latencies: Latencies
  /// Requests that are never answered: lost, or due after the oracle's death.
  public var unanswered: Int

  /// Of the first requests that the oracle gets: an open loop of `rate` (above 0) requests a second
  /// over `seconds`, the first of which is intended `phaseNs` after the oracle's start.
  ///
  /// With a log-normal delay these are the draws of the options' seed, exactly, so far as requests
  /// arrive in the order of their intended times; otherwise the same draws in another order. For
  /// the distribution itself see `OracleDelay.quantile` and `OracleDelay.mean`.
  public init(_ options: OracleOptions, rate: Double, seconds: Double, phaseNs: UInt64 = 0) {
    precondition(rate > 0 && seconds >= 0, "out of range")
    var draws = OracleDraws(options.delay, lossPercent: options.lossPercent, seed: options.seed)
    let total = Int(rate * seconds)
    let death = options.diesAfterNs ?? .max
    var durations: [UInt64] = []
    durations.reserveCapacity(total)
    for number in 0..<total {
      let intended = phaseNs + UInt64(Double(number) * 1e9 / rate)
      guard let delay = draws.next() else { continue }
      let leaves = options.thaw(options.thaw(intended) + delay)
      if leaves < death { durations.append(leaves - intended) }
    }
    unanswered = total - durations.count
    latencies = Latencies(of: durations)
  }
}

extension OracleOptions {
  /// The first moment, from this one on, at which the oracle is not frozen. Nanoseconds since its
  /// start.
  func thaw(_ moment: UInt64) -> UInt64 { freeze?.thaw(moment) ?? moment }
}

extension Latencies {
  /// The distribution of these durations in nanoseconds, exactly.
  init(of durations: [UInt64]) {
    self.init(sum: durations.reduce(0) { $0 + Double($1) })
    for duration in durations.sorted() {
      if values.last == duration {
        counts[counts.count - 1] += 1
      } else {
        values.append(duration)
        counts.append(1)
      }
    }
    max = values.last ?? 0
  }
}
