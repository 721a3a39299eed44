import Foundation

/// What came out for one demand.
struct Outcome {
  enum Verdict: String {
    case ok
    case broken = "BROKEN"
    /// Nothing is demanded.
    case told = "–"
  }

  /// What the result has to be.
  enum Bar {
    case atMost(Double)
    case atLeast(Double)
    case exactly(Double)
    case none

    func admits(_ value: Double) -> Bool {
      switch self {
      case .atMost(let most): value <= most
      case .atLeast(let least): value >= least
      case .exactly(let wanted): value == wanted
      case .none: true
      }
    }
  }

  /// Shares of a processor while Watchpost was measured.
  struct Busy {
    let server: Double
    let generator: Double
  }

  let row: String
  let measure: String
  let against: String
  /// Of `ours` and `theirs`; empty: a number.
  let unit: String
  let ours: Double
  let theirs: Double?
  /// The median of the pairs' ratios where there is a range – the least and the largest of them –,
  /// otherwise a value in `unit`.
  let result: Double
  let range: ClosedRange<Double>?
  let bar: Bar
  /// What failed, at both.
  let failures: Int
  let busy: Busy?
  let pairs: Int

  var verdict: Verdict {
    if failures > 0 { return .broken }
    if case .none = bar { return .told }
    return bar.admits(result) ? .ok : .broken
  }

  /// The ratios of interleaved measurements, pair by pair: a slow phase of the machine hits both.
  init(
    _ row: String, _ measure: Measure, against: String, ours: [Double], theirs: [Double], bar: Bar,
    failures: Int = 0, busy: Busy? = nil
  ) {
    let ratios = zip(ours, theirs).map { $0 / $1 }
    self.row = row
    self.measure = measure.rawValue
    self.against = against
    unit = measure.unit
    self.ours = median(ours) * measure.scale
    self.theirs = median(theirs) * measure.scale
    result = median(ratios)
    range = (ratios.min() ?? 0)...(ratios.max() ?? 0)
    self.bar = bar
    self.failures = failures
    self.busy = busy
    pairs = ratios.count
  }

  /// The same of samples.
  init(
    _ row: String, _ measure: Measure, against: String, ours: [Sample], theirs: [Sample], bar: Bar
  ) {
    self.init(
      row, measure, against: against, ours: ours.map { $0.value(of: measure) },
      theirs: theirs.map { $0.value(of: measure) }, bar: bar,
      failures: (ours + theirs).map(\.failures).reduce(0, +),
      busy: Busy(
        server: median(ours.map(\.serverBusy)), generator: median(ours.map(\.generatorBusy))))
  }

  /// A value that is judged by itself; `reference` is told beside it.
  init(
    _ row: String, _ measure: String, against: String = "–", unit: String = "", _ value: Double,
    ours: Double? = nil, reference: Double? = nil, bar: Bar, failures: Int = 0, of pairs: Int = 1
  ) {
    self.row = row
    self.measure = measure
    self.against = against
    self.unit = unit
    self.ours = ours ?? value
    theirs = reference
    result = value
    range = nil
    self.bar = bar
    self.failures = failures
    busy = nil
    self.pairs = pairs
  }

  /// A row that ended with an error.
  static func unmeasured(_ row: String, _ error: any Error) -> Outcome {
    Outcome(row, "not measured: \(error)", 1, bar: .exactly(0), failures: 1)
  }

  /// By how much resident memory has grown, KiB.
  static func growth(_ row: String, from idle: Int, to largest: Int, atMost bar: Int) -> Outcome {
    Outcome(
      row, "growth of memory", against: "itself when idle", unit: "KiB", Double(largest - idle),
      ours: Double(largest), reference: Double(idle), bar: .atMost(Double(bar)))
  }
}
