/// A bound on something measured, over all judged stages together.
public struct Threshold: Sendable, Equatable {
  public var quantity: Quantity
  /// In the quantity's unit; 0 … 1,000,000,000.
  public var limit: Double

  public init(_ quantity: Quantity, _ limit: Double) {
    self.quantity = quantity
    self.limit = limit
  }

  /// What is bounded. The raw values are the names in plan files.
  public enum Quantity: String, Sendable, CaseIterable {
    /// Milliseconds, at most.
    case p50 = "p50_ms"
    case p95 = "p95_ms"
    case p99 = "p99_ms"
    /// Milliseconds until a connection was there and, where its user has a key, the handshake done.
    case connectP99 = "connect_p99_ms"
    /// Failures per hundred requests, at most; a device that says BUSY is counted apart.
    case errorPercent = "errors_percent"
    /// Connections refused with BUSY per hundred, at most.
    case busyPercent = "busy_percent"
    /// Iterations that were due and never begun, per hundred, at most.
    case droppedPercent = "dropped_percent"
    /// Requests answered a second, at least.
    case answersPerSecond = "answers_per_second"
    /// Growth of the target's memory in KiB from the first to the last reading, at most.
    case memoryGrowthKiB = "memory_growth_kib"
    /// Memory of the target in KiB, at most.
    case memoryKiB = "memory_kib"
    /// Processor of the target in percent of one core, at most.
    case cpuPercent = "cpu_percent"
    /// Seconds after a spike until the device is as before it, at most.
    case recoverySeconds = "recovery_s"
  }

  /// REQ-PERF 001, 003, 004 and section 4: what holds where a plan says nothing else.
  public static let required = [
    Threshold(.p95, 100), Threshold(.connectP99, 1000), Threshold(.errorPercent, 1),
    Threshold(.droppedPercent, 1), Threshold(.memoryGrowthKiB, 5 * 1024),
  ]
}
