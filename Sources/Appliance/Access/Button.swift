// A push button, as edges of a line with their times.
//
//   up ── down for 30 ms ──▶ pressed ── up for 30 ms ──▶ up: a short press, nothing, …
//                               └ after 10 s ─▶ spent ── up for 30 ms ──▶ up    … or a long one
//
// Contacts bounce for some milliseconds (Ganssle, "A guide to debouncing", 2004: 6 ms at most for
// good ones): a level counts once it has held for 30.
//
// An executor that was kept from looking learns of an edge late: while it is down somebody looks at
// it twice a second, and a press that nobody has looked at for a second is no long one.

/// Makes presses of the edges of one button.
public struct Button {
  /// Milliseconds for which a level must hold.
  public static let steadyMs: UInt64 = 30
  /// A press of less is a short one. One that is neither short nor long was thought better of.
  public static let shortMs: UInt64 = 3000
  /// A press of so many milliseconds is a long one; it is told while the button is still down.
  public static let longMs: UInt64 = 10_000
  /// Milliseconds between two looks at one that is down.
  public static let lookMs: UInt64 = 500
  /// Milliseconds without a look after which nobody knows how long a press was.
  public static let unseenMs: UInt64 = 1000

  /// What somebody meant.
  public enum Press: Equatable, Sendable {
    /// Let a client in.
    case short
    /// Forget everything.
    case long
  }

  private enum State {
    case up
    case pressed(since: Instant)
    /// Told already, or down since the start: a button that is stuck must not reset the device at
    /// every boot.
    case spent
  }

  private var state: State
  /// The line, and since when it has been so.
  private var isDown: Bool
  private var since = Instant(ms: 0)
  /// The level that has held last.
  private var isSteadyDown: Bool
  /// When somebody looked last, and whether often enough since it is down.
  private var seen = Instant(ms: 0)
  private var isWatched = false

  /// - Parameter isDown: the line at the start.
  public init(isDown: Bool) {
    self.isDown = isDown
    isSteadyDown = isDown
    state = isDown ? .spent : .up
  }

  /// The line has changed at `now`. What came before is settled first.
  public mutating func edge(isDown: Bool, now: Instant) -> Press? {
    let press = tick(now: now)
    if self.isDown != isDown {
      self.isDown = isDown
      since = now
      if isDown, !isSteadyDown { isWatched = true }
    }
    return press
  }

  /// Time has passed.
  public mutating func tick(now: Instant) -> Press? {
    if now.since(seen) > Button.unseenMs { isWatched = false }
    seen = now
    if isDown != isSteadyDown, now.since(since) >= Button.steadyMs {
      isSteadyDown = isDown
      return isDown ? press(now) : release()
    }
    return hold(now)
  }

  /// When `tick` has something to do.
  public var deadline: Instant {
    if isDown != isSteadyDown { return since + Button.steadyMs }
    guard case .pressed(let start) = state else { return .never }
    let end = start + Button.longMs
    return isWatched ? min(end, seen + Button.lookMs) : end
  }

  private mutating func press(_ now: Instant) -> Press? {
    state = .pressed(since: since)
    return hold(now)
  }

  private mutating func release() -> Press? {
    defer { state = .up }
    guard case .pressed(let start) = state else { return nil }
    let length = since.since(start)
    if length >= Button.longMs { return isWatched ? .long : nil }
    return length < Button.shortMs ? .short : nil
  }

  /// The line went up for less than it must to count: the press goes on.
  private mutating func hold(_ now: Instant) -> Press? {
    guard case .pressed(let start) = state, isSteadyDown, isDown else { return nil }
    guard now.since(start) >= Button.longMs else { return nil }
    state = .spent
    return isWatched ? .long : nil
  }
}
