import Wire

// The decision to pet the watchdog, and what earlier resets mean for this life.
//
//   absent            no device: nothing to pet, a reason in health
//   armed(petAt) ── turn completed, all vitals, petAt reached ──▶ pet, armed(petAt + timeout/4)
//        └───────── a vital is missing ──▶ stays; after the device's time-out the board is reset
//
// MediaMTX, cameras, storage and network are no vitals: a bad card must not mean endless resets.
//
//   normal ── a watchdog reset, the third or later in a row ──▶ safe (until the next boot)
//
// The row is known when the history of earlier boots has been read. The start waits for it after a
// watchdog reset, but not for ever: a card under repair takes most of a minute. Then the history
// comes in the middle of a life, and it still leads to safe mode – otherwise a slow card would let
// the board be reset for ever – but only while the boot is young and was begun by the watchdog
// itself. A boot that has lived long has ended the row, whatever is written.

/// The numbers of the watchdog that are not configuration keys.
public enum WatchdogTiming {
  /// Watchdog resets in a row, each of a boot that lived less than `longLifeMs`, that lead to safe
  /// mode.
  public static let resetsToSafeMode: UInt32 = 3
  /// A boot that lives this long ends the row.
  public static let longLifeMs: UInt64 = 600_000
  /// While a vital is missing the loop is woken this often to look again.
  public static let retryMs: UInt64 = 100
}

public struct Watchdog {
  public enum Mode: Equatable, Sendable {
    case normal
    /// Only the control port and the LEDs run.
    case safe
  }

  private enum State: Equatable {
    case absent
    case armed(petAt: Instant, lookAt: Instant)
  }

  private enum Life: Equatable {
    case young(until: Instant)
    case long
  }

  private let intervalMs: UInt64
  private var state = State.absent
  private var life = Life.young(until: .never)
  private(set) var mode = Mode.normal

  init(_ settings: Configuration.WatchdogSettings) {
    intervalMs = UInt64(settings.timeoutS) * 1000 / 4
  }

  mutating func start(_ facts: BootFacts, now: Instant) {
    state = facts.watchdogAvailable ? .armed(petAt: now, lookAt: now) : .absent
    // Instants count from the kernel's start, and so does the life of the boot.
    life = .young(until: Instant(ms: WatchdogTiming.longLifeMs))
    learned(facts, now: now)
  }

  /// Decides about safe mode: at the start, and when the history of earlier boots comes later.
  mutating func learned(_ facts: BootFacts, now: Instant) {
    switch (mode, life) {
    case (.safe, _), (.normal, .long): return
    case (.normal, .young(let until)):
      guard now < until, facts.reset == .watchdog,
        facts.recentWatchdogResets >= WatchdogTiming.resetsToSafeMode
      else { return }
      mode = .safe
    }
  }

  /// A turn of the loop is complete and `vitals` have checked in.
  mutating func turnCompleted(_ vitals: Vitals, now: Instant, _ effects: inout Effects) {
    switch state {
    case .absent: return
    case .armed(let petAt, _):
      if vitals.contains(.all), now >= petAt {
        effects.append(.petWatchdog)
        state = .armed(petAt: now + intervalMs, lookAt: now + intervalMs)
      } else {
        state = .armed(petAt: petAt, lookAt: max(petAt, now + WatchdogTiming.retryMs))
      }
    }
  }

  mutating func tick(now: Instant, _ effects: inout Effects) {
    guard case .young(let until) = life, now >= until else { return }
    life = .long
    effects.append(.breadcrumb(.longLived))
  }

  /// When the loop must complete a turn at the latest.
  var nextDeadline: Instant {
    let look: Instant
    switch state {
    case .absent: look = .never
    case .armed(_, let lookAt): look = lookAt
    }
    if case .young(let until) = life { return min(look, until) }
    return look
  }
}
