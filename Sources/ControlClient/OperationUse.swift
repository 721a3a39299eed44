import Wire

/// How an operation was used in this life of the agent.
public struct OperationUse: Sendable {
  /// `unknown`: operations that the device does not know. A number: one that this build does not.
  public let operation: String
  public let requests: UInt64
  public let statistics: OperationStatistics
}

extension MetricValues {
  /// Every operation that this build knows and those others that were used, in the order of their
  /// numbers, then `unknown`.
  public var operations: [OperationUse] {
    (Array(1..<64) + [0]).compactMap { number in
      let known = number == 0 ? "unknown" : Kind(rawValue: UInt16(number)).map { "\($0)" }
      let requests = requests(of: number)
      guard known != nil || requests > 0 else { return nil }
      return OperationUse(
        operation: known ?? "\(number)", requests: requests, statistics: self[operation: number])
    }
  }

  /// Names and values in the order of their places; reserved places are left out.
  public var named: [(name: String, value: UInt64)] {
    (0..<UInt16(Metric.count)).compactMap { Metric(rawValue: $0) }
      .map { (name: "\($0)", value: self[$0]) }
  }
}

/// What `wpctl metrics --json` prints: the names of `Metric` with their values and, beside them,
/// `operations`.
public struct MetricsDocument: Encodable, Sendable {
  public struct Operation: Codable, Sendable {
    public var operation: String
    public var requests: UInt64
    /// Answered with another status than `ok`.
    public var errors: UInt64
    public var p50Us: UInt64
    public var p95Us: UInt64
    public var p99Us: UInt64
    /// Of the last 30 to 60 seconds, as the percentiles are.
    public var largestUs: UInt64
    /// Of this life of the agent.
    public var longestUs: UInt64

    public init(_ use: OperationUse) {
      operation = use.operation
      requests = use.requests
      errors = use.statistics.errors
      p50Us = use.statistics.p50Us
      p95Us = use.statistics.p95Us
      p99Us = use.statistics.p99Us
      largestUs = use.statistics.largestUs
      longestUs = use.statistics.longestUs
    }
  }

  public var values: [(name: String, value: UInt64)]
  /// Those that were used.
  public var operations: [Operation]

  public init(_ metrics: MetricValues) {
    values = metrics.named
    operations = metrics.operations.filter { $0.requests > 0 }.map(Operation.init)
  }

  private struct Name: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }
    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Name.self)
    for (name, value) in values { try container.encode(value, forKey: Name(stringValue: name)) }
    try container.encode(operations, forKey: Name(stringValue: "operations"))
  }
}
