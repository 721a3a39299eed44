/// How often a step may be taken: never soon after the last time, and so many times an hour.
public struct RecoveryBudget: Sendable {
  /// Steps within any hour.
  public static let perHour = 6
  static let hourMs: UInt64 = 3_600_000

  /// Between two steps.
  let spacingMs: UInt64
  /// When the last ones were taken; `next` is the place of the oldest.
  private var spent = InlineArray<6, Instant?>(repeating: nil)
  private var next = 0

  init(spacingMs: UInt64) { self.spacingMs = spacingMs }

  func allows(at now: Instant) -> Bool {
    let latest = spent[(next + RecoveryBudget.perHour - 1) % RecoveryBudget.perHour]
    if let latest, now.since(latest) < spacingMs { return false }
    guard let oldest = spent[next] else { return true }
    return now.since(oldest) >= RecoveryBudget.hourMs
  }

  mutating func spend(at now: Instant) {
    spent[next] = now
    next = (next + 1) % RecoveryBudget.perHour
  }
}
