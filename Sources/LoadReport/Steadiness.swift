import Foundation

/// How many witnesses the requests of a run are.
///
/// Requests of one second share whatever slowed that second, and seconds share it with the next
/// ones. So the mean over a run scatters more than that of as many requests that know nothing of
/// each other. How much more is seen in the seconds' own percentiles: where in the distribution of
/// the stage each lies, against where chance alone would put it.
struct Steadiness {
  /// Fewer seconds tell nothing of how seconds scatter: then nothing is added.
  static let leastSeconds = 8
  /// Nothing is taken for more alike than this from one second to the next.
  private static let mostAlike = 0.95

  /// Seconds of judged stages in which something was answered.
  let seconds: Int
  private let judged: [[RunResult.Second]]
  /// What the seconds add to the shares of latencies below the 50th, 95th and 99th percentile.
  private let latencies: [Excess]

  init(_ run: RunResult) {
    let stages = run.stages.filter(\.isJudged)
    let judged = stages.map { stage in
      run.series.filter {
        $0.stage == stage.name && $0.requests > $0.failures && $0.length > 0.9
      }
    }
    let places = stages.map { stage in
      Places(
        stage.operations.filter { !$0.isWhole }.reduce(into: Latencies()) { $0.add($1.latency) })
    }
    self.judged = judged
    seconds = judged.reduce(0) { $0 + $1.count }
    latencies = [(0.5, \RunResult.Second.p50Ns), (0.95, \.p95Ns), (0.99, \.p99Ns)].map {
      share, value in
      Self.excess(
        zip(judged, places).map { seconds, places in
          seconds.map { Self.place(of: $0[keyPath: value], share, $0, places) }
        })
    }
  }

  /// The scatter of a mean over the run that its seconds add.
  struct Excess: Equatable {
    /// Variance of the mean.
    var variance: Double
    /// Seconds that count, those that are alike taken together.
    var seconds: Double

    /// There were too few seconds to see any.
    static let unknown = Excess(variance: 0, seconds: .infinity)
  }

  // MARK: What the seconds add

  /// Of the share of requests below the quantile `share`: 0.5, 0.95 or 0.99. That of the median
  /// also bounds what the seconds add to the mean of the ranks, which are pulled about less.
  func latency(_ share: Double) -> Excess {
    seconds < Self.leastSeconds ? .unknown : latencies[share == 0.5 ? 0 : share == 0.95 ? 1 : 2]
  }

  /// Of the share of requests that fail.
  var failures: Excess {
    guard seconds >= Self.leastSeconds else { return .unknown }
    let found = judged.map { seconds in
      let requests = Double(seconds.reduce(0) { $0 + $1.requests })
      let share = Double(seconds.reduce(0) { $0 + $1.failures }) / max(1, requests)
      let usual = requests / Double(max(1, seconds.count))
      // A second counts by its requests.
      return seconds.map { second in
        let own = Double(second.requests)
        return (
          value: (Double(second.failures) - share * own) / usual,
          noise: share * (1 - share) * own / (usual * usual)
        )
      }
    }
    return Self.excess(found)
  }

  /// Of answers a second.
  var rate: Excess {
    Self.excess(judged.map { $0.map { (Double($0.requests - $0.failures), 0) } })
  }

  /// The variance of a request's rank, all ranks being from 0 to 1.
  static let ofRank = 1.0 / 12
  /// That of whether a request is one of a share.
  static func ofShare(_ share: Double) -> Double { share * (1 - share) }

  /// How many of `count` requests count, each of the variance `own`: their scatter and that of the
  /// seconds add.
  static func witnesses(_ count: Double, _ own: Double, _ excess: Excess) -> Double {
    guard count > 0, own > 0 else { return count }
    return 1 / (1 / count + excess.variance / own)
  }

  // MARK: Places

  /// Of a second's percentile in its stage, against where chance would put it, and the variance
  /// that it has by chance: the r-th of n is Beta(r, n + 1 - r) distributed.
  private static func place(
    of value: UInt64, _ share: Double, _ second: RunResult.Second, _ places: Places
  ) -> (value: Double, noise: Double) {
    let answered = Double(second.requests - second.failures)
    let expected = max(1, (share * answered).rounded(.up)) / (answered + 1)
    return (
      places.distance(of: value, from: expected), expected * (1 - expected) / (answered + 2)
    )
  }

  private struct Places {
    private let values: [UInt64]
    /// What is at or below each value, as a share of all.
    private let shares: [Double]

    init(_ latencies: Latencies) {
      values = latencies.values
      let whole = Double(max(1, latencies.count))
      var sum: UInt64 = 0
      shares = latencies.counts.map { count in
        sum += count
        return Double(sum) / whole
      }
    }

    /// Where a value occurred often its place is a range, and what lies in it is at no distance.
    func distance(of value: UInt64, from expected: Double) -> Double {
      var (start, end) = (0, values.count)
      while start < end {
        let middle = (start + end) / 2
        if values[middle] < value { start = middle + 1 } else { end = middle }
      }
      let low = start > 0 ? shares[start - 1] : 0
      let high = start < values.count && values[start] == value ? shares[start] : low
      return low > expected ? low - expected : min(0, high - expected)
    }
  }

  /// From the values of the seconds of each stage, and the variance that chance gives each.
  ///
  /// What is more than chance is taken for a process in which each second keeps a part of the one
  /// before: the variance of its mean is (1 + r) / (1 - r) of that of seconds apart. The estimate
  /// of r is too low by (1 + 3 r) / n (Kendall, "Note on Bias in the Estimation of
  /// Autocorrelation", 1954).
  static func excess(_ stages: [[(value: Double, noise: Double)]]) -> Excess {
    let stages = stages.filter { $0.count > 1 }
    let count = Double(stages.reduce(0) { $0 + $1.count })
    guard count > 0 else { return Excess(variance: 0, seconds: 0) }
    var (squares, products, noise) = (0.0, 0.0, 0.0)
    for stage in stages {
      let mean = stage.reduce(0) { $0 + $1.value } / Double(stage.count)
      let rests = stage.map { $0.value - mean }
      squares += rests.reduce(0) { $0 + $1 * $1 }
      products += zip(rests, rests.dropFirst()).reduce(0) { $0 + $1.0 * $1.1 }
      noise += stage.reduce(0) { $0 + $1.noise }
    }
    let between = squares / (count - Double(stages.count)) - noise / count
    guard between > 0 else { return Excess(variance: 0, seconds: count) }
    let seen = products / count / between
    let alike = min(mostAlike, max(0, seen + (1 + 3 * seen) / count))
    let factor = (1 + alike) / (1 - alike)
    return Excess(variance: between * factor / count, seconds: count / factor)
  }
}
