import Foundation

/// What came out for one demand: the medians of the pairs.
struct Outcome {
  enum Verdict: String {
    case ok
    case broken = "BROKEN"
    /// Nothing is demanded.
    case told = "–"
  }

  let row: String
  let measure: String
  let against: String
  let unit: String
  let ours: Double
  let theirs: Double
  /// The median of the pairs' ratios, and the least and the largest of them.
  let ratio: Double
  let range: ClosedRange<Double>
  let bar: Double?
  let isBetterWhenHigher: Bool
  /// Requests that failed, at both.
  let failures: Int
  /// Shares of a processor while Watchpost was measured.
  let serverBusy: Double
  let generatorBusy: Double
  let pairs: Int

  var verdict: Verdict {
    if failures > 0 { return .broken }
    guard let bar else { return .told }
    return (isBetterWhenHigher ? ratio >= bar : ratio <= bar) ? .ok : .broken
  }

  /// The ratios of interleaved samples, pair by pair: a slow phase of the machine hits both.
  init(_ row: Row, _ comparison: Comparison, ours: [Sample], theirs: [Sample]) {
    let measure = comparison.measure
    let ratios = zip(ours, theirs).map { $0.value(of: measure) / $1.value(of: measure) }
    self.row = row.name
    self.measure = measure.rawValue
    against = comparison.against.rawValue
    unit = measure == .rate ? "1/s" : "µs"
    let scale = measure == .rate ? 1.0 : 1e-3
    self.ours = median(ours.map { $0.value(of: measure) }) * scale
    self.theirs = median(theirs.map { $0.value(of: measure) }) * scale
    ratio = median(ratios)
    range = (ratios.min() ?? 0)...(ratios.max() ?? 0)
    bar = comparison.bar
    isBetterWhenHigher = measure.isBetterWhenHigher
    failures = ours.map(\.failures).reduce(0, +) + theirs.map(\.failures).reduce(0, +)
    serverBusy = median(ours.map(\.serverBusy))
    generatorBusy = median(ours.map(\.generatorBusy))
    pairs = ratios.count
  }
}
