import Wire

// A supervised child process.
//
//            start                started
//   idle ───────────▶ spawning ───────────▶ running ──── exited ────┐
//    ▲                 ▲  │ failed             │ end                ▼
//    │                 │  ▼                    ▼              (restart?) ── no ──▶ idle
//    │           due   │ waiting ◀─────── terminating ── exited ──▶ │
//    │                 └────┘  yes             │ 3 s                │
//    │                                         ▼                    │
//    │                                       killed ─── exited ─────┤
//    │                                         │ 5 s                │
//    │                                         ▼                    │
//    └─────────────────── rest ──────── quarantined ─ late exit ────┘
//
// A quarantined child sits in an uninterruptible call of the kernel. It is never waited for; should
// it end after all, life goes on from there.

/// Every number of a child's supervision.
public struct ChildPolicy: Equatable, Sendable {
  /// Started again whenever it ends. One that is not goes back to `idle`.
  public var restarts: Bool
  /// The delay before the second restart in a row; the first is immediate.
  public var firstDelayMs: UInt64
  /// Each further delay is this many times the one before, up to `delayCapMs`.
  public var delayGrowth: UInt64
  public var delayCapMs: UInt64
  /// Having worked for this long – counted from the owner's `worked`, not from the spawn: a slow
  /// board takes seconds to fail – forgives all earlier bad runs.
  public var goodRunMs: UInt64
  /// From SIGTERM to SIGKILL.
  public var terminateMs: UInt64
  /// From SIGKILL to giving up on it.
  public var killMs: UInt64

  public static let mediaServer = ChildPolicy(
    restarts: true, firstDelayMs: 250, delayGrowth: 2, delayCapMs: 30_000, goodRunMs: 1000,
    terminateMs: 3000, killMs: 5000)
  /// A probe runs once for each start; its camera decides when to try again.
  public static let probe = ChildPolicy(
    restarts: false, firstDelayMs: 1000, delayGrowth: 2, delayCapMs: 30_000, goodRunMs: 60_000,
    terminateMs: 1000, killMs: 5000)

  /// The delay before the next start after `failures` bad runs in a row.
  public func delayMs(failures: UInt32) -> UInt64 {
    guard failures > 1 else { return failures == 0 ? 0 : firstDelayMs }
    var delay = firstDelayMs
    for _ in 1..<min(failures, 32) {
      delay = min(delay * delayGrowth, delayCapMs)
    }
    return delay
  }
}

/// How a child's life ended.
public enum ChildExit: Equatable, Sendable {
  case exited(ExitStatus)
  case spawnFailed(errno: Int32)
}

/// What a child's owner has to do after a step.
public enum ChildAction: Equatable, Sendable {
  case none
  case spawn(life: UInt32)
  case signal(life: UInt32, Signal)
}

/// One supervised process slot: its owner turns the returned actions into effects.
///
/// Every spawn gets a new life number. The owner drops what belongs to another life (`isCurrent`).
public struct Child: Sendable {
  /// What follows when a child that is being ended has gone.
  public enum Afterwards: Equatable, Sendable { case restart, rest }

  public enum Event: Equatable, Sendable {
    case start
    /// Ends it with this signal first.
    case end(Signal, Afterwards)
    case started(pid: Int32)
    /// It does its job: its first sign of that in this life.
    case worked
    case ended(ChildExit)
    case tick
  }

  private enum Wish: Equatable {
    case run
    case end(Signal, Afterwards)
  }

  private enum State {
    // `since`: when it began to work in this life; nil before.
    case idle
    case spawning(Wish)
    case running(pid: Int32, since: Instant?)
    case terminating(pid: Int32, since: Instant?, killAt: Instant, Afterwards)
    case killed(pid: Int32, since: Instant?, giveUpAt: Instant, Afterwards)
    case quarantined(pid: Int32, Afterwards)
    case waiting(until: Instant)
  }

  public let policy: ChildPolicy
  private var state = State.idle
  /// The number of the latest life; 0 before the first.
  public private(set) var life: UInt32 = 0
  /// Spawns in all.
  public private(set) var starts: UInt32 = 0
  /// Bad runs in a row.
  public private(set) var failures: UInt32 = 0
  /// nil before the first end.
  public private(set) var lastExit: ChildExit?

  public init(_ policy: ChildPolicy) { self.policy = policy }

  /// Whether something that happened to `life` happened to the process now in this slot.
  public func isCurrent(_ life: UInt32) -> Bool {
    guard life == self.life else { return false }
    switch state {
    case .idle, .waiting: return false
    case .spawning, .running, .terminating, .killed, .quarantined: return true
    }
  }

  public mutating func step(_ event: Event, now: Instant) -> ChildAction {
    switch (state, event) {
    case (.idle, .start):
      return spawn()
    case (.idle, .end), (.idle, .started), (.idle, .worked), (.idle, .ended), (.idle, .tick):
      return .none

    case (.spawning(.run), .start), (.spawning, .worked), (.spawning, .tick):
      return .none
    case (.spawning(.end(let signal, _)), .start):
      state = .spawning(.end(signal, .restart))
      return .none
    case (.spawning, .end(let signal, let next)):
      state = .spawning(.end(signal, next))
      return .none
    case (.spawning(.run), .started(let pid)):
      state = .running(pid: pid, since: nil)
      return .none
    case (.spawning(.end(let signal, let next)), .started(let pid)):
      return end(pid: pid, since: nil, with: signal, next, now: now)
    case (.spawning(let wish), .ended(let exit)):
      return ended(exit, after(wish), since: nil, now: now)

    case (.running, .start), (.running, .started), (.running, .tick):
      return .none
    case (.running(let pid, let since), .worked):
      state = .running(pid: pid, since: since ?? now)
      return .none
    case (.running(let pid, let since), .end(let signal, let next)):
      return end(pid: pid, since: since, with: signal, next, now: now)
    case (.running(_, let since), .ended(let exit)):
      return ended(exit, after(.run), since: since, now: now)

    case (.terminating(let pid, let since, let killAt, _), .start):
      state = .terminating(pid: pid, since: since, killAt: killAt, .restart)
      return .none
    case (.terminating(let pid, let since, let killAt, _), .end(.terminate, let next)):
      state = .terminating(pid: pid, since: since, killAt: killAt, next)
      return .none
    case (.terminating(let pid, let since, _, _), .end(.kill, let next)):
      return end(pid: pid, since: since, with: .kill, next, now: now)
    case (.terminating(let pid, let since, let killAt, let next), .tick):
      guard now >= killAt else { return .none }
      return end(pid: pid, since: since, with: .kill, next, now: now)
    case (.terminating(_, let since, _, let next), .ended(let exit)),
      (.killed(_, let since, _, let next), .ended(let exit)):
      return ended(exit, next, since: since, now: now)

    case (.killed(let pid, let since, let giveUpAt, _), .start):
      state = .killed(pid: pid, since: since, giveUpAt: giveUpAt, .restart)
      return .none
    case (.killed(let pid, let since, let giveUpAt, _), .end(_, let next)):
      state = .killed(pid: pid, since: since, giveUpAt: giveUpAt, next)
      return .none
    case (.killed(let pid, _, let giveUpAt, let next), .tick):
      guard now >= giveUpAt else { return .none }
      state = .quarantined(pid: pid, next)
      return .none

    case (.quarantined(let pid, _), .start):
      state = .quarantined(pid: pid, .restart)
      return .none
    case (.quarantined(let pid, _), .end(_, let next)):
      state = .quarantined(pid: pid, next)
      return .none
    case (.quarantined(_, let next), .ended(let exit)):
      return ended(exit, next, since: nil, now: now)
    case (.terminating, .started), (.killed, .started), (.quarantined, .started),
      (.terminating, .worked), (.killed, .worked), (.quarantined, .worked), (.quarantined, .tick):
      return .none

    case (.waiting, .start), (.waiting, .end(_, .restart)), (.waiting, .started),
      (.waiting, .worked), (.waiting, .ended):
      return .none
    case (.waiting, .end(_, .rest)):
      state = .idle
      return .none
    case (.waiting(let until), .tick):
      return now >= until ? spawn() : .none
    }
  }

  private mutating func spawn() -> ChildAction {
    life &+= 1
    starts &+= 1
    state = .spawning(.run)
    return .spawn(life: life)
  }

  private mutating func end(
    pid: Int32, since: Instant?, with signal: Signal, _ next: Afterwards, now: Instant
  ) -> ChildAction {
    switch signal {
    case .terminate:
      state = .terminating(pid: pid, since: since, killAt: now + policy.terminateMs, next)
    case .kill:
      state = .killed(pid: pid, since: since, giveUpAt: now + policy.killMs, next)
    }
    return .signal(life: life, signal)
  }

  private func after(_ wish: Wish) -> Afterwards {
    switch wish {
    case .run: policy.restarts ? .restart : .rest
    case .end(_, let next): next
    }
  }

  private mutating func ended(
    _ exit: ChildExit, _ next: Afterwards, since: Instant?, now: Instant
  ) -> ChildAction {
    lastExit = exit
    if let since, now.since(since) >= policy.goodRunMs { failures = 0 }
    let delay = policy.delayMs(failures: failures)
    failures = failures == .max ? .max : failures + 1
    switch next {
    case .rest:
      state = .idle
      return .none
    case .restart where delay == 0:
      return spawn()
    case .restart:
      state = .waiting(until: now + delay)
      return .none
    }
  }
}

extension Child {
  /// What others may see of the state.
  public enum Phase: Equatable, Sendable {
    case idle, spawning, running, ending, quarantined, waiting
  }

  public var phase: Phase {
    switch state {
    case .idle: .idle
    case .spawning: .spawning
    case .running: .running
    case .terminating, .killed: .ending
    case .quarantined: .quarantined
    case .waiting: .waiting
    }
  }

  /// The process id, 0 where there is no process.
  public var pid: Int32 {
    switch state {
    case .idle, .spawning, .waiting: 0
    case .running(let pid, _), .terminating(let pid, _, _, _), .killed(let pid, _, _, _),
      .quarantined(let pid, _):
      pid
    }
  }

  /// When something is to happen without further input.
  public var nextDeadline: Instant {
    switch state {
    case .idle, .spawning, .running, .quarantined: .never
    case .terminating(_, _, let killAt, _): killAt
    case .killed(_, _, let giveUpAt, _): giveUpAt
    case .waiting(let until): until
    }
  }

  /// Starts after the first.
  public var restarts: UInt32 { starts > 0 ? starts - 1 : 0 }
}
