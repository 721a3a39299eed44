import Wire

/// The last steps of a camera's recovery, and how many there were of each kind.
public struct RecoveryHistory: Sendable {
  /// One thing that was done.
  public struct Step: Equatable, Sendable {
    public var at = Instant(ms: 0)
    public var rung = RecoveryRung.none
    public var outcome = RecoveryOutcome.pending
    /// What was wrong.
    public var cause = CameraReason.none
  }

  private var steps = InlineArray<16, Step>(repeating: Step())
  private var start = 0
  public private(set) var count = 0
  /// Steps since the camera worked last.
  public private(set) var attempts: UInt32 = 0
  public private(set) var reopens: UInt32 = 0
  public private(set) var restarts: UInt32 = 0
  public private(set) var reauthorisations: UInt32 = 0
  public private(set) var powerCycles: UInt32 = 0

  /// The step at `index`, the oldest first.
  public subscript(index: Int) -> Step {
    precondition(index < count, "no such step")
    return steps[(start + index) % steps.count]
  }

  mutating func add(_ rung: RecoveryRung, cause: CameraReason, now: Instant) {
    // Whatever was done before has not helped, or this would not be done.
    judge(.failed)
    if count == steps.count { start = (start + 1) % steps.count } else { count += 1 }
    steps[(start + count - 1) % steps.count] = Step(at: now, rung: rung, cause: cause)
    attempts = attempts == .max ? .max : attempts + 1
    switch rung {
    case .none: break
    case .reopen: reopens &+= 1
    // What is tried from time to time is the feed.
    case .restart, .rest: restarts &+= 1
    case .reauthorise: reauthorisations &+= 1
    case .portPower: powerCycles &+= 1
    }
  }

  /// Tells what came of the last step, unless that is known.
  mutating func judge(_ outcome: RecoveryOutcome) {
    guard count > 0 else { return }
    let last = (start + count - 1) % steps.count
    if steps[last].outcome == .pending { steps[last].outcome = outcome }
  }

  /// The camera works.
  mutating func forgetAttempts() { attempts = 0 }
}
