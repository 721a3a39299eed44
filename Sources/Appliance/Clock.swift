import Wire

// Wall-clock time, derived from the monotonic clock.
//
//   untrusted ── told by SNTP ──▶ trusted(offset) ── told again ──▶ trusted(new offset)
//                                                      └ by ≥ 1 s: a jump, counted and logged
//
// Boards have no clock of their own: nothing is ordered, kept or deleted by wall-clock time.

public struct Clock: Equatable {
  /// A correction of this size is a jump; smaller ones are drift.
  public static let jumpMs: UInt64 = 1000

  private enum State: Equatable {
    case untrusted
    /// Unix time at monotonic time 0, in milliseconds.
    case trusted(originMs: UInt64)
  }
  private var state = State.untrusted
  /// Jumps of the trusted clock in this life.
  public private(set) var jumps: UInt32 = 0

  public init() {}

  /// Takes the wall-clock time at `now`.
  mutating func told(unixMs: UInt64, now: Instant, _ effects: inout Effects) {
    // A time before the machine started can only be wrong.
    guard unixMs >= now.ms else { return }
    let origin = unixMs - now.ms
    switch state {
    case .untrusted:
      state = .trusted(originMs: origin)
      effects.append(
        .publish(Event(.clockTrusted, value: UInt32(truncatingIfNeeded: unixMs / 1000))))
    case .trusted(let known):
      state = .trusted(originMs: origin)
      let difference = max(known, origin) - min(known, origin)
      guard difference >= Clock.jumpMs else { return }
      jumps &+= 1
      var text = Text<160>("wall clock jumped ")
      text.append(origin < known ? "back by " : "ahead by ")
      text.append(decimal: difference)
      text.append(" ms")
      effects.append(.log(LogLine(.warning, text)))
      effects.append(
        .publish(Event(.clockTrusted, value: UInt32(truncatingIfNeeded: unixMs / 1000))))
    }
  }

  /// Milliseconds since 1970-01-01 UTC at `now`; 0 while the clock is not trusted.
  public func unixMs(at now: Instant) -> UInt64 {
    switch state {
    case .untrusted: 0
    case .trusted(let origin): origin + now.ms
    }
  }

  /// Unix time at monotonic time 0, in milliseconds; 0 while the clock is not trusted.
  public var originMs: UInt64 {
    if case .trusted(let origin) = state { origin } else { 0 }
  }

  public var isTrusted: Bool { state != .untrusted }
}
