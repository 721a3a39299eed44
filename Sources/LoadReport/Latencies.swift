/// A distribution of durations as it is written down: the values that occurred, at the resolution
/// of the histogram that they come from (three significant digits), and how often.
///
/// Distributions of the same resolution merge exactly.
public struct Latencies: Codable, Sendable, Equatable {
  /// Nanoseconds, ascending, each once.
  public var values: [UInt64]
  /// How often each of `values` occurred, at least once.
  public var counts: [UInt64]
  /// The longest and the sum of all, exactly, in nanoseconds.
  public var max: UInt64
  public var sum: Double

  public init(
    values: [UInt64] = [], counts: [UInt64] = [], max: UInt64 = 0, sum: Double = 0
  ) {
    self.values = values
    self.counts = counts
    self.max = max
    self.sum = sum
  }

  public var count: UInt64 { counts.reduce(0, +) }
  /// Nanoseconds; 0 without any.
  public var mean: Double { count == 0 ? 0 : sum / Double(count) }

  /// The shortest that `share` (0 … 1) of all do not exceed, in nanoseconds; 0 without any.
  public func quantile(_ share: Double) -> UInt64 {
    let count = count
    guard count > 0 else { return 0 }
    let rank = Swift.max(1, UInt64((share * Double(count)).rounded(.up)))
    guard rank < count else { return max }
    var seen: UInt64 = 0
    for (value, occurred) in zip(values, counts) {
      seen += occurred
      if seen >= rank { return Swift.min(value, max) }
    }
    return max
  }

  /// Adds what another one holds.
  public mutating func add(_ other: Latencies) {
    var merged = Latencies(max: Swift.max(max, other.max), sum: sum + other.sum)
    var (left, right) = (0, 0)
    while left < values.count || right < other.values.count {
      let isMine =
        right == other.values.count || left < values.count && values[left] <= other.values[right]
      let isIts =
        left == values.count || right < other.values.count && other.values[right] <= values[left]
      merged.values.append(isMine ? values[left] : other.values[right])
      merged.counts.append((isMine ? counts[left] : 0) + (isIts ? other.counts[right] : 0))
      left += isMine ? 1 : 0
      right += isIts ? 1 : 0
    }
    self = merged
  }
}

extension Latencies {
  /// What a file holds is not believed: whatever counts with it relies on the order and lengths.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    values = try container.decode([UInt64].self, forKey: .values)
    counts = try container.decode([UInt64].self, forKey: .counts)
    max = try container.decode(UInt64.self, forKey: .max)
    sum = try container.decode(Double.self, forKey: .sum)
    let isAscending = zip(values, values.dropFirst()).allSatisfy { $0 < $1 }
    let total = counts.reduce(0.0) { $0 + Double($1) }
    guard values.count == counts.count, isAscending, !counts.contains(0),
      total <= RunResult.mostCounted, sum >= 0, sum <= 1e18 * Swift.max(1, total)
    else {
      throw DecodingError.dataCorrupted(
        .init(codingPath: decoder.codingPath, debugDescription: "no distribution"))
    }
  }
}
