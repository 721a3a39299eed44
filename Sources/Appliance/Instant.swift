/// A point on the machine's monotonic clock (CLOCK_BOOTTIME), in milliseconds since the kernel
/// started.
///
/// The machines never read a clock; every `step` is told the time.
public struct Instant: Equatable, Comparable, Sendable {
  public var ms: UInt64

  public init(ms: UInt64) { self.ms = ms }

  /// Later than any time a machine meets: "no deadline".
  public static let never = Instant(ms: .max)

  public static func < (left: Self, right: Self) -> Bool { left.ms < right.ms }

  /// `ms` milliseconds later; `never` stays `never`.
  public static func + (left: Self, ms: UInt64) -> Self {
    let (sum, overflow) = left.ms.addingReportingOverflow(ms)
    return overflow ? .never : Instant(ms: sum)
  }

  /// Milliseconds from `earlier` to this instant, 0 if it lies ahead.
  public func since(_ earlier: Instant) -> UInt64 { ms > earlier.ms ? ms - earlier.ms : 0 }
}
