import Histogram

/// How often durations of each length occurred: an HDR histogram of nanoseconds with three
/// significant digits, so that a quantile is at most 0.1 % above the truth.
///
/// Recording costs no heap and a constant time. Durations beyond an hour count as an hour; `max`
/// and `sum` are exact always.
public struct LatencyHistogram: Sendable {
  /// One hour.
  private static let longest: UInt64 = 3_600_000_000_000

  private var histogram = Histogram<UInt64>(highestTrackableValue: LatencyHistogram.longest)
  /// The longest, in nanoseconds.
  public private(set) var max: UInt64 = 0
  /// All together, in nanoseconds.
  public private(set) var sum: UInt64 = 0

  public init() {}

  /// Recorded durations.
  public var count: UInt64 { histogram.totalCount }

  /// Records one duration in nanoseconds.
  @inline(__always)
  public mutating func record(_ nanoseconds: UInt64) {
    histogram.record(Swift.min(nanoseconds, LatencyHistogram.longest))
    sum &+= nanoseconds
    if nanoseconds > max { max = nanoseconds }
  }

  /// Adds what another one has recorded, exactly.
  public mutating func add(_ other: LatencyHistogram) {
    histogram.add(other.histogram)
    sum &+= other.sum
    max = Swift.max(max, other.max)
  }

  /// Forgets everything.
  public mutating func reset() {
    if count > 0 { histogram.reset() }
    (sum, max) = (0, 0)
  }

  /// The shortest duration that `share` (0 … 1) of all do not exceed, in ns; 0 without any.
  public func quantile(_ share: Double) -> UInt64 {
    guard count > 0 else { return 0 }
    guard (share * Double(count)).rounded(.up) < Double(count) else { return max }
    return Swift.min(histogram.valueAtPercentile(share * 100), max)
  }

  /// The mean in nanoseconds; 0 without any.
  public var mean: Double { count == 0 ? 0 : Double(sum) / Double(count) }

  /// The durations that occurred, at the resolution of the histogram and in ascending order, and
  /// how often each did.
  public var entries: [(value: UInt64, count: UInt64)] {
    histogram.recordedValues().map { ($0.value, $0.count) }
  }
}
