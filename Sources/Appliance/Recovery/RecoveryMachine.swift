import Wire

// What is done to get the pictures of one camera back, the mildest first.
//
//            a try failed              tried
//   ground ───────────────▶ failing ──────────────▶ trying(rung) ── pictures for 10 s ──▶ ground
//                              ▲                      │  ▲   ▲
//                              │ restarts left,       │  │   │ back, or it never left
//                              │ or no reset helps    │  │   │
//                              └──────── failed ──────┤  │   └─────────── settling(rung) ◀──┐
//                                                     │  │                  │              │
//                   a USB step within its budget      │  │ due: tried       │ not back     │ exit
//     due(rung) ◀─────────────────────────────────────┤  │                  ▼              │
//        │ │                      no step is left     └──│──────────▶ resting(until)       │
//        │ └ nobody holds the device ──▶ stepping(rung) ─│─────────────────────────────────┘
//        └── no longer possible ──▶ failing              └────────── resting(until)
//
// A new plug, or a stream that is no longer wanted, leads back to the ground from everywhere. But
// a USB step looks like a plug as well: what leaves and returns during `stepping` and `settling` is
// our own doing. A device that we took away and that is not back is `away`: it is given back to its
// driver at every end of a rest, whatever the budget, until its port is found empty.
//
// Who tries is not this machine's business: a probe or a feed, by its own clock while `failing`,
// held back in `due`, `resting` and as long as a step takes.

/// The ladder of one camera slot.
public struct Recovery: Sendable {
  /// How far up a step can help.
  public enum Reach: Equatable, Sendable {
    /// The process only: the device is in order, in other hands, or on no USB port of its own.
    case process
    case device
  }

  enum State: Equatable {
    case ground
    case failing
    case due(RecoveryRung)
    case stepping(RecoveryRung, until: Instant)
    case settling(RecoveryRung, until: Instant)
    case trying(RecoveryRung)
    case resting(until: Instant)
  }

  /// What the owner has to do after a step.
  enum Action: Equatable {
    case none
    /// Try at once: what has held it back is over.
    case release
    case step(RecoveryRung, life: UInt32)
    case signal(life: UInt32, Signal)
  }

  private(set) var state = State.ground
  public private(set) var child = Child(.recovery)
  public private(set) var history = RecoveryHistory()
  /// Times that it worked again.
  public private(set) var recoveries: UInt32 = 0
  /// Taken from the bus by a step, and not back.
  private(set) var isAway = false
  private var cause = CameraReason.none
  private var reach = Reach.process
  /// Restarts in this climb.
  private var restarts: UInt32 = 0
  private var rests: UInt32 = 0
  /// USB steps of this round: a climb, or the end of a rest.
  private var hasReauthorised = false
  private var hasCycledPower = false
  /// Since the last plug.
  private var canReauthorise = true
  private var canCyclePower = true
  private var reauthorisations = RecoveryBudget(
    spacingMs: RecoveryTiming.reauthoriseSpacingMs)
  private var powerCycles = RecoveryBudget(spacingMs: RecoveryTiming.portPowerSpacingMs)
  /// During a step.
  private var hasLeft = false
  private var isBack = false
  /// When pictures began to come after the last step.
  private var workedSince: Instant?

  public init() {}

  /// The ladder of the next camera in a slot, whose process goes on.
  init(after earlier: Recovery) { child = earlier.child }

  // MARK: What the owner sees

  /// A probe or a feed has ended without pictures. True: the owner must not try until `release`.
  mutating func failed(_ cause: CameraReason, reach: Reach, now: Instant) -> Bool {
    switch state {
    // The device came back while its step's process still runs: that decides.
    case .stepping, .settling: return false
    case .due, .resting: return true
    case .ground, .failing, .trying: break
    }
    self.cause = cause
    self.reach = reach
    workedSince = nil
    history.judge(.failed)
    // A process that cannot be ended cannot be started again either.
    if reach == .process || restarts < RecoveryTiming.restarts && cause != .quarantined {
      state = .failing
      return false
    }
    climb(now: now)
    return true
  }

  /// The owner starts a probe or a feed.
  mutating func tried(now: Instant) {
    guard state == .failing else { return }
    history.add(.restart, cause: cause, now: now)
    if reach == .device { restarts += 1 }
    state = .trying(.restart)
  }

  /// The feed has opened its device again.
  mutating func reopened(now: Instant) {
    switch state {
    case .ground, .failing, .trying: break
    case .due, .stepping, .settling, .resting: return
    }
    cause = .stalled
    workedSince = nil
    history.add(.reopen, cause: cause, now: now)
    state = .trying(.reopen)
  }

  /// Good pictures have come.
  mutating func pictures(now: Instant) {
    switch state {
    case .ground, .stepping, .settling: return
    // It works without what was to come: a process that held it has let go of it.
    case .failing, .due, .resting: state = .trying(rung)
    case .trying: break
    }
    history.judge(.worked)
    let since = workedSince ?? now
    workedSince = since
    guard now.since(since) >= RecoveryTiming.goodRunMs else { return }
    recoveries &+= 1
    descend()
  }

  /// The device is gone from the bus.
  mutating func left(now: Instant) {
    switch state {
    case .stepping:
      hasLeft = true
      isBack = false
    case .settling(let rung, _):
      hasLeft = true
      state = .settling(rung, until: now + RecoveryTiming.returnMs)
    case .ground, .failing, .due, .trying, .resting: replugged()
    }
  }

  /// A device is here that was not.
  mutating func returned() {
    switch state {
    case .stepping: isBack = true
    case .settling(let rung, _):
      isAway = false
      state = .trying(rung)
    case .ground, .failing, .due, .trying, .resting: replugged()
    }
  }

  /// Somebody has pulled it, or plugged it in.
  private mutating func replugged() {
    history.judge(.failed)
    canReauthorise = true
    canCyclePower = true
    descend()
  }

  private mutating func descend() {
    state = .ground
    isAway = false
    workedSince = nil
    restarts = 0
    rests = 0
    hasReauthorised = false
    hasCycledPower = false
    history.forgetAttempts()
  }

  /// Nobody wants its pictures. True: the owner is free to try.
  mutating func forgive() -> Bool {
    switch state {
    case .ground, .stepping, .settling: return false
    case .failing, .due, .trying, .resting:
      guard !isAway else { return false }
      history.judge(.failed)
      descend()
      return true
    }
  }

  /// Somebody asks for its pictures: a rest is over.
  mutating func hurry(now: Instant) {
    if case .resting = state { state = .resting(until: now) }
  }

  // MARK: The way up

  /// Takes the next rung, all restarts being spent.
  private mutating func climb(now: Instant) {
    if child.phase == .quarantined {
      // The last step hangs in the kernel and cannot be ended: no second one.
      rest(now: now)
    } else if canReauthorise, !hasReauthorised, reauthorisations.allows(at: now) {
      state = .due(.reauthorise)
    } else if canCyclePower, !hasCycledPower, powerCycles.allows(at: now) {
      state = .due(.portPower)
    } else {
      rest(now: now)
    }
  }

  private mutating func rest(now: Instant) {
    let pause = RecoveryTiming.firstRestMs << UInt64(min(rests, 16))
    rests += 1
    state = .resting(until: now + min(pause, RecoveryTiming.restCapMs))
  }

  /// Begins the next round.
  private mutating func wake(_ reach: Reach, now: Instant) -> Action {
    hasReauthorised = false
    hasCycledPower = false
    if isAway {
      guard reach == .device else {
        // Somebody else sits in its place.
        descend()
        return .none
      }
      state = .due(.reauthorise)
      return .none
    }
    if reach == .device {
      climb(now: now)
      if case .due = state { return .none }
      // The rest that it has come to instead has just been taken.
      rests -= 1
    }
    history.add(.rest, cause: cause, now: now)
    state = .trying(.rest)
    return .release
  }

  // MARK: Time

  /// What is to be done now. `isVacant`: no process holds the device but one that cannot be ended;
  /// `isTurn`: no other camera is at such a step.
  mutating func tick(reach: Reach, isVacant: Bool, isTurn: Bool, now: Instant) -> Action {
    let action = child.step(.tick, now: now)
    if action != .none { return apply(action) }
    switch state {
    case .due where reach == .process:
      if isAway { descend() } else { state = .failing }
      return .release
    case .due where child.phase == .quarantined:
      rest(now: now)
      return .none
    case .due(let rung) where isVacant && isTurn && child.phase == .idle:
      return begin(rung, now: now)
    case .stepping(let rung, let until) where now >= until:
      settle(rung, now: now)
      return apply(child.step(.end(.kill, .rest), now: now))
    case .settling(let rung, let until) where now >= until:
      return settled(rung, now: now)
    case .resting(let until) where now >= until && isVacant:
      return wake(reach, now: now)
    case .ground, .failing, .due, .stepping, .settling, .trying, .resting: return .none
    }
  }

  private mutating func begin(_ rung: RecoveryRung, now: Instant) -> Action {
    history.add(rung, cause: cause, now: now)
    hasLeft = isAway
    isBack = false
    if rung == .reauthorise {
      hasReauthorised = true
      reauthorisations.spend(at: now)
    } else {
      hasCycledPower = true
      powerCycles.spend(at: now)
    }
    state = .stepping(rung, until: now + RecoveryTiming.stepTimeoutMs)
    guard case .spawn(let life) = child.step(.start, now: now) else {
      preconditionFailure("a step begins while another one runs")
    }
    return .step(rung, life: life)
  }

  private mutating func settle(_ rung: RecoveryRung, now: Instant) {
    if hasLeft, isBack {
      isAway = false
      state = .trying(rung)
    } else {
      let patience = hasLeft ? RecoveryTiming.returnMs : RecoveryTiming.leaveMs
      state = .settling(rung, until: now + patience)
    }
  }

  private mutating func settled(_ rung: RecoveryRung, now: Instant) -> Action {
    guard hasLeft else {
      // It was not even taken away; it may work for all that.
      state = .trying(rung)
      return .release
    }
    isAway = true
    history.judge(.failed)
    climb(now: now)
    return .none
  }

  private func apply(_ action: ChildAction) -> Action {
    switch action {
    case .none: return .none
    case .signal(let life, let signal): return .signal(life: life, signal)
    case .spawn: preconditionFailure("a step's child does not restart by itself")
    }
  }

  /// When `tick` is due.
  func nextDeadline(isVacant: Bool) -> Instant {
    switch state {
    case .stepping(_, let until), .settling(_, let until): min(until, child.nextDeadline)
    case .resting(let until): min(isVacant ? until : .never, child.nextDeadline)
    case .ground, .failing, .due, .trying: child.nextDeadline
    }
  }

  // MARK: What happens to the step's process

  mutating func started(pid: Int32, now: Instant) -> Action {
    apply(child.step(.started(pid: pid), now: now))
  }

  /// It has ended: what came of it.
  mutating func ended(_ exit: ChildExit, now: Instant) -> Action {
    let action = child.step(.ended(exit), now: now)
    precondition(action == .none, "a step's child does not restart by itself")
    guard case .stepping(let rung, _) = state else { return .none }
    switch exit {
    case .exited(.code(RecoveryExit.notThere)) where hasLeft && !isBack:
      // It was pulled.
      history.judge(.failed)
      descend()
    case .exited(.code(RecoveryExit.unsupported)), .exited(.code(RecoveryExit.notThere)):
      if rung == .reauthorise { canReauthorise = false } else { canCyclePower = false }
      history.judge(.unsupported)
      climb(now: now)
    // One that failed or was killed may have come halfway: the device shows.
    case .exited, .spawnFailed: settle(rung, now: now)
    }
    return .none
  }
}
