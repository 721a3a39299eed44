import Wire

// The life of the agent from its first input to its last effect.
//
//   idle ── started ──▶ starting ── cameras enumerated and MediaMTX answered, or 10 s ──▶ ready
//                          │                                                               │
//                          └──────────── stop, reboot, shutdown ────────────┬──────────────┘
//                                                                           ▼
//                                stopped ◀── MediaMTX gone, or 10 s ──── stopping

/// The numbers of starting and stopping.
public enum BootTiming {
  /// What has not come up by then is a fault of its own and no longer part of the start.
  public static let startMs: UInt64 = 10_000
  /// What has not ended by then is left to init, which kills what is left. Longer than MediaMTX's
  /// SIGTERM and SIGKILL together.
  public static let stopMs: UInt64 = 10_000
}

public struct Boot: Equatable {
  enum State: Equatable {
    case idle
    case starting(until: Instant)
    case ready
    case stopping(until: Instant, PowerAction)
    case stopped
  }

  private(set) var state = State.idle
  /// When the agent started.
  public private(set) var startedAt = Instant(ms: 0)

  init() {}

  mutating func started(now: Instant) {
    switch state {
    case .idle:
      startedAt = now
      state = .starting(until: now + BootTiming.startMs)
    case .starting, .ready, .stopping, .stopped: break
    }
  }

  /// Looks whether the start is over. True in the step in which it is.
  mutating func settle(camerasEnumerated: Bool, mediaServerSettled: Bool, now: Instant) -> Bool {
    switch state {
    case .starting(let until) where now >= until || camerasEnumerated && mediaServerSettled:
      state = .ready
      return true
    case .idle, .starting, .ready, .stopping, .stopped:
      return false
    }
  }

  /// Begins to stop. False when that is under way already.
  mutating func stop(_ action: PowerAction, now: Instant) -> Bool {
    switch state {
    case .idle, .starting, .ready:
      state = .stopping(until: now + BootTiming.stopMs, action)
      return true
    case .stopping, .stopped:
      return false
    }
  }

  /// Looks whether everything has ended. The power action in the step in which it has.
  mutating func finish(childrenGone: Bool, now: Instant) -> PowerAction? {
    switch state {
    case .stopping(let until, let action) where childrenGone || now >= until:
      state = .stopped
      return action
    case .idle, .starting, .ready, .stopping, .stopped:
      return nil
    }
  }

  var isStopping: Bool {
    switch state {
    case .stopping, .stopped: true
    case .idle, .starting, .ready: false
    }
  }

  var nextDeadline: Instant {
    switch state {
    case .starting(let until), .stopping(let until, _): until
    case .idle, .ready, .stopped: .never
    }
  }
}
