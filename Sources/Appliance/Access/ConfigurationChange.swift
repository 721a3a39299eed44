import Wire

// One configuration change.
//
//   free
//    │ stage
//    ▼     in order          approve              apply                failed, no answer
//   checking ─────▶ pending ─────────▶ approved ─────────▶ applying ───────────────┐
//    │ wrong, lost   │ reject                                │ done                ▼ ┌─ failed
//    ▼               ▼ ◀── reject ─── approved               ▼       120 s     rollingBack ◀┘
//   refused       rejected          confirmed ◀──────── unconfirmed ──────────▶    │
//                                             confirm               new boot       │ done
//   checking, pending, approved: after 7 days expired                              ▼
//                                                                             rolledBack
//
// Each ends once: refused, rejected, expired, confirmed and rolledBack lead nowhere. Whatever may
// have been applied halfway is rolled back: the executor's `rollBack` does nothing where nothing
// was done.

/// When something was done to a change, for those who read it later.
struct ChangeStamp: Equatable, Sendable {
  var at = Instant(ms: 0)
  /// 0: the clock was not trusted.
  var unixMs: UInt64 = 0
  /// The first four bytes of its boot's id, the first one lowest.
  var boot: UInt32 = 0
}

/// What is known of a change beside its state.
struct ChangeFacts: Equatable, Sendable {
  /// From 1.
  var id: UInt32 = 0
  var text = ConfigurationText()
  /// Names of keys.
  var stager = Text<32>()
  var decider = Text<32>()
  var staged = ChangeStamp()
  var decided = ChangeStamp()
  var ended = ChangeStamp()
  var expiresAt = Instant.never
}

/// The machine of one change.
struct ConfigurationChange: Equatable, Sendable {
  enum State: Equatable {
    case free
    case checking(until: Instant)
    case pending
    case approved
    case applying(by: Text<32>, until: Instant)
    case unconfirmed(since: Instant)
    case rollingBack(ChangeReason, failures: UInt8, RollBack)
    case ended(End)
  }

  enum RollBack: Equatable {
    case running(until: Instant)
    case resting(until: Instant)
  }

  enum End: Equatable {
    case confirmed
    case rejected
    case expired
    case refused(ChangeReason, ConfigurationError)
    case rolledBack(ChangeReason)
  }

  enum Decision {
    /// With the approval of a key that has to be somebody else's, or not.
    case approve(ChangeApprover, needsAnother: Bool)
    case reject(by: Text<32>)
  }

  private(set) var state = State.free
  private(set) var facts = ChangeFacts()

  init() {}

  /// One that an earlier life has left; `resume` makes it go on.
  init(_ facts: ChangeFacts, _ state: State) {
    self.facts = facts
    self.state = state
  }

  /// A new one.
  init(
    id: UInt32, _ text: ConfigurationText, by stager: Text<32>, at stamp: ChangeStamp,
    _ effects: inout ChangeEffects
  ) {
    facts.id = id
    facts.text = text
    facts.stager = stager
    facts.staged = stamp
    facts.expiresAt = stamp.at + ChangeTiming.expiryMs
    enter(.checking(until: stamp.at + ChangeTiming.checkMs), &effects)
    effects.append(.tell(ChangeNews(.staged, id: id, by: stager)))
    effects.append(.check(id: id))
  }

  /// Every step that the image has to tell of.
  private mutating func enter(_ state: State, _ effects: inout ChangeEffects) {
    self.state = state
    effects.keep()
  }

  // MARK: What clients ask for

  mutating func decide(
    _ decision: Decision, at stamp: ChangeStamp, _ effects: inout ChangeEffects
  ) throws(Status) {
    switch (state, decision) {
    case (.pending, .approve(let approver, let needsAnother)):
      if needsAnother && approver.maySpeakFor(facts) { throw .permission }
      let key = approver.name
      facts.decider = key
      facts.decided = stamp
      enter(.approved, &effects)
      effects.append(.tell(ChangeNews(.approved, id: id, by: key)))
    case (.pending, .reject(let key)), (.approved, .reject(let key)):
      facts.decider = key
      facts.decided = stamp
      end(.rejected, ChangeNews(.rejected, id: id, by: key), at: stamp, &effects)
    case (.free, _), (.checking, _), (.approved, .approve), (.applying, _), (.unconfirmed, _),
      (.rollingBack, _), (.ended, _):
      throw .state
    }
  }

  mutating func apply(
    by key: Text<32>, now: Instant, _ effects: inout ChangeEffects
  ) throws(Status) {
    switch state {
    case .approved:
      enter(.applying(by: key, until: now + ChangeTiming.applyMs), &effects)
      effects.append(.apply(id: id))
    case .free, .checking, .pending, .applying, .unconfirmed, .rollingBack, .ended: throw .state
    }
  }

  /// `begunAt`: when the life of the agent began over which it is confirmed.
  mutating func confirm(
    by key: Text<32>, begunAt: Instant, at stamp: ChangeStamp, _ effects: inout ChangeEffects
  ) throws(Status) {
    switch state {
    // Within the same millisecond it may have begun before.
    case .unconfirmed(let since)
    where begunAt > since && stamp.at < since + ChangeTiming.confirmMs:
      end(.confirmed, ChangeNews(.confirmed, id: id, by: key), at: stamp, &effects)
    case .free, .checking, .pending, .approved, .applying, .unconfirmed, .rollingBack, .ended:
      throw .state
    }
  }

  // MARK: What the executor answers

  /// An answer that nobody waits for any longer is dropped, here and below.
  mutating func checked(
    _ check: ChangeCheck, at stamp: ChangeStamp, _ effects: inout ChangeEffects
  ) {
    switch (state, check) {
    case (.checking, .right): enter(.pending, &effects)
    case (.checking, .wrong(let error)): refuse(.wrongText, error, at: stamp, &effects)
    case (.checking, .lost): refuse(.textLost, ConfigurationError(), at: stamp, &effects)
    case (.free, _), (.pending, _), (.approved, _), (.applying, _), (.unconfirmed, _),
      (.rollingBack, _), (.ended, _):
      return
    }
  }

  private mutating func refuse(
    _ reason: ChangeReason, _ error: ConfigurationError, at stamp: ChangeStamp,
    _ effects: inout ChangeEffects
  ) {
    let news = ChangeNews(.refused, id: id, by: facts.stager, reason)
    end(.refused(reason, error), news, at: stamp, &effects)
  }

  mutating func applied(_ succeeded: Bool, now: Instant, _ effects: inout ChangeEffects) {
    switch state {
    case .applying(let key, _) where succeeded:
      enter(.unconfirmed(since: now), &effects)
      effects.append(.tell(ChangeNews(.applied, id: id, by: key)))
    case .applying: rollBack(.applyFailed, failures: 0, now: now, &effects)
    case .free, .checking, .pending, .approved, .unconfirmed, .rollingBack, .ended: return
    }
  }

  mutating func rolledBack(
    _ succeeded: Bool, at stamp: ChangeStamp, _ effects: inout ChangeEffects
  ) {
    switch state {
    case .rollingBack(let reason, _, _) where succeeded:
      let news = ChangeNews(.rolledBack, id: id, by: .empty, reason)
      end(.rolledBack(reason), news, at: stamp, &effects)
    case .rollingBack(let reason, let failures, .running):
      rollBackFailed(reason, failures, now: stamp.at, &effects)
    case .free, .checking, .pending, .approved, .applying, .unconfirmed, .rollingBack, .ended:
      return
    }
  }

  // MARK: Time

  mutating func tick(at stamp: ChangeStamp, _ effects: inout ChangeEffects) {
    guard stamp.at >= nextDeadline else { return }
    switch state {
    case .checking(let until) where stamp.at < facts.expiresAt && stamp.at >= until:
      enter(.checking(until: stamp.at + ChangeTiming.checkMs), &effects)
      effects.append(.check(id: id))
    case .checking, .pending, .approved:
      end(.expired, ChangeNews(.expired, id: id, by: .empty), at: stamp, &effects)
    case .applying: rollBack(.applyFailed, failures: 0, now: stamp.at, &effects)
    case .unconfirmed: rollBack(.notConfirmed, failures: 0, now: stamp.at, &effects)
    case .rollingBack(let reason, let failures, .running):
      rollBackFailed(reason, failures, now: stamp.at, &effects)
    case .rollingBack(let reason, let failures, .resting):
      rollBack(reason, failures: failures, now: stamp.at, &effects)
    case .free, .ended: return
    }
  }

  /// When `tick` is due.
  var nextDeadline: Instant {
    switch state {
    case .checking(let until): min(until, facts.expiresAt)
    case .pending, .approved: facts.expiresAt
    case .applying(_, let until): until
    case .unconfirmed(let since): since + ChangeTiming.confirmMs
    case .rollingBack(_, _, .running(let until)), .rollingBack(_, _, .resting(let until)): until
    case .free, .ended: .never
    }
  }

  private mutating func rollBack(
    _ reason: ChangeReason, failures: UInt8, now: Instant, _ effects: inout ChangeEffects
  ) {
    let until = now + ChangeTiming.rollBackMs
    enter(.rollingBack(reason, failures: failures, .running(until: until)), &effects)
    effects.append(.rollBack(id: id))
  }

  private mutating func rollBackFailed(
    _ reason: ChangeReason, _ failures: UInt8, now: Instant, _ effects: inout ChangeEffects
  ) {
    let pause = min(ChangeTiming.firstRetryMs << UInt64(min(failures, 16)), ChangeTiming.retryCapMs)
    let more = failures < .max ? failures + 1 : failures
    enter(.rollingBack(reason, failures: more, .resting(until: now + pause)), &effects)
    effects.append(.tell(ChangeNews(.rollBackFailed, id: id, by: .empty, reason)))
  }

  private mutating func end(
    _ end: End, _ news: ChangeNews, at stamp: ChangeStamp, _ effects: inout ChangeEffects
  ) {
    enter(.ended(end), &effects)
    facts.ended = stamp
    effects.append(.tell(news))
    effects.append(.forget(id: id))
  }

  // MARK: Another life

  /// Goes on in another life of the agent. `leftMs`: what is left of its time where the boot is
  /// another one, too; nil: it is the same. What the executor was at is asked for again.
  mutating func resume(leftMs: UInt64?, now: Instant, _ effects: inout ChangeEffects) {
    // Time since the kernel started counts.
    if let leftMs { facts.expiresAt = Instant(ms: leftMs) }
    let isSameBoot = leftMs == nil
    switch state {
    case .checking:
      enter(.checking(until: now + ChangeTiming.checkMs), &effects)
      effects.append(.check(id: id))
    case .applying where isSameBoot: effects.append(.apply(id: id))
    case .unconfirmed where isSameBoot: return
    case .applying, .unconfirmed: rollBack(.restarted, failures: 0, now: now, &effects)
    case .rollingBack(let reason, let failures, _):
      rollBack(reason, failures: failures, now: now, &effects)
    case .free, .pending, .approved, .ended: return
    }
  }
}

extension ConfigurationChange {
  var id: UInt32 { facts.id }

  var isFree: Bool { state == .free }

  var hasEnded: Bool { if case .ended = state { true } else { false } }

  /// It is in force without being so for good, or may be.
  var isUnderWay: Bool {
    switch state {
    case .applying, .unconfirmed, .rollingBack: true
    case .free, .checking, .pending, .approved, .ended: false
    }
  }

  /// Whether its time to be applied runs.
  var canExpire: Bool {
    switch state {
    case .checking, .pending, .approved: true
    case .free, .applying, .unconfirmed, .rollingBack, .ended: false
    }
  }
}
