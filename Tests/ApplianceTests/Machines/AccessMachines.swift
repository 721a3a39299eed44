import Wire

@testable import Appliance

/// The door to pairing, with the tickets that were given out.
private struct Door {
  var pairing = Pairing()
  var now = Instant(ms: 1000)
  var first: Pairing.Ticket?
  var last: Pairing.Ticket?

  mutating func begin() {
    guard case .go(let ticket) = pairing.begin(now: now) else { return }
    first = first ?? ticket
    last = ticket
  }
}

extension Walk {
  static let pairing = Walk(
    "Pairing", states: ["closed", "awaited", "code", "button"], begin: { Door() },
    state: { part($0.pairing, "state") },
    key: { "\(part($0.pairing, "hasAdmin")) \($0.first != nil) \($0.pairing.opener.isEmpty)" },
    inputs: [
      (
        "open by code",
        { _ = $0.pairing.openByCode(bits: 5, opener: "anna", now: $0.now) }
      ),
      ("open by button", { _ = $0.pairing.openByButton(now: $0.now) }),
      ("renew: bits for a code", { _ = $0.pairing.renew(bits: 9, now: $0.now) }),
      (
        "renew: too late",
        {
          $0.now = $0.now + Pairing.codeMs
          _ = $0.pairing.renew(bits: 9, now: $0.now)
        }
      ),
      ("keys: an admin", { _ = $0.pairing.keys(hasAdmin: true) }),
      ("keys: no admin", { _ = $0.pairing.keys(hasAdmin: false) }),
      ("disown: who opened it", { _ = $0.pairing.disown("anna") }),
      ("disown: somebody else", { _ = $0.pairing.disown("bert") }),
      ("reset", { _ = $0.pairing.reset() }), ("cancel", { _ = $0.pairing.cancel() }),
      ("tick", { _ = $0.pairing.tick(now: $0.now) }),
      (
        "tick when due",
        {
          if $0.pairing.deadline != .never { $0.now = $0.pairing.deadline }
          _ = $0.pairing.tick(now: $0.now)
        }
      ),
      ("begin: an attempt", { $0.begin() }),
      (
        "begin: the five of them",
        {
          for _ in 0..<Pairing.attempts {
            $0.now = $0.now + Pairing.longestPauseMs
            $0.begin()
          }
        }
      ),
      (
        "paired: by this window",
        {
          $0.begin()
          if let ticket = $0.last { _ = $0.pairing.paired(ticket, now: $0.now) }
        }
      ),
      (
        "paired: by one before",
        {
          guard let ticket = $0.first else { return }
          _ = $0.pairing.openByCode(bits: 6, now: $0.now)
          _ = $0.pairing.paired(ticket, now: $0.now)
        }
      ),
      ("failed: the attempt", { if let ticket = $0.last { _ = $0.pairing.failed(ticket) } }),
      (
        "failed: all five",
        {
          for _ in 0..<Pairing.attempts {
            $0.now = $0.now + Pairing.longestPauseMs
            $0.begin()
            if let ticket = $0.last { _ = $0.pairing.failed(ticket) }
          }
        }
      ),
    ])

  /// One change, as its owner has it.
  private struct Paper {
    var change = ConfigurationChange()
    var now = Instant(ms: 1000)

    var stamp: ChangeStamp { ChangeStamp(at: now, unixMs: 0, boot: 1) }

    mutating func take(
      _ body: (inout ConfigurationChange, inout ChangeEffects) throws(Status) -> Void
    ) {
      var effects = ChangeEffects()
      try? body(&change, &effects)
    }
  }

  static let change: Walk = {
    func take(
      _ body:
        @escaping (inout ConfigurationChange, ChangeStamp, inout ChangeEffects) throws(Status) ->
        Void
    ) -> (inout Paper) -> Void {
      { paper in
        let stamp = paper.stamp
        paper.take { (change, effects) throws(Status) in try body(&change, stamp, &effects) }
      }
    }
    func decide(_ decision: ConfigurationChange.Decision) -> (inout Paper) -> Void {
      take { (change, stamp, effects) throws(Status) in
        try change.decide(decision, at: stamp, &effects)
      }
    }
    func check(_ answer: ChangeCheck) -> (inout Paper) -> Void {
      take { change, stamp, effects in change.checked(answer, at: stamp, &effects) }
    }
    func resume(_ leftMs: UInt64?) -> (inout Paper) -> Void {
      take { change, stamp, effects in
        change.resume(leftMs: leftMs, now: stamp.at, &effects)
      }
    }
    let anna = ChangeApprover("anna")
    return Walk(
      "Configuration change",
      states: [
        "free", "checking", "pending", "approved", "applying", "unconfirmed", "rollingBack",
        "ended",
      ],
      impossible: [
        Impossible(
          states: [
            "checking", "pending", "approved", "applying", "unconfirmed", "rollingBack", "ended",
          ], inputs: ["stage"], reason: "a change is staged into a free place only")
      ],
      begin: { Paper() }, state: { $0.change.state },
      key: { paper in "\(paper.change.facts.expiresAt > paper.now)" },
      inputs: [
        (
          "stage",
          { paper in
            let stamp = paper.stamp
            paper.take { (change, effects) in
              change = ConfigurationChange(
                id: 1, ConfigurationText(), by: "anna", at: stamp, &effects)
            }
          }
        ),
        ("approve", decide(.approve(ChangeApprover("bert"), needsAnother: true))),
        ("approve: by the stager alone", decide(.approve(anna, needsAnother: true))),
        ("reject", decide(.reject(by: "bert"))),
        (
          "apply",
          take { (change, stamp, effects) throws(Status) in
            try change.apply(by: "anna", now: stamp.at, &effects)
          }
        ),
        (
          "confirm: by the life that applied it",
          take { (change, stamp, effects) throws(Status) in
            try change.confirm(by: "anna", begunAt: Instant(ms: 0), at: stamp, &effects)
          }
        ),
        (
          "confirm: by the next life",
          { paper in
            paper.now = paper.now + 1
            let stamp = paper.stamp
            paper.take { (change, effects) throws(Status) in
              try change.confirm(by: "anna", begunAt: stamp.at, at: stamp, &effects)
            }
          }
        ),
        ("checked: right", check(.right)), ("checked: wrong", check(.wrong(ConfigurationError()))),
        ("checked: lost", check(.lost)),
        (
          "applied: done",
          take { change, stamp, effects in change.applied(true, now: stamp.at, &effects) }
        ),
        (
          "applied: failed",
          take { change, stamp, effects in change.applied(false, now: stamp.at, &effects) }
        ),
        (
          "rolled back: done",
          take { change, stamp, effects in change.rolledBack(true, at: stamp, &effects) }
        ),
        (
          "rolled back: failed",
          take { change, stamp, effects in change.rolledBack(false, at: stamp, &effects) }
        ),
        ("tick", take { change, stamp, effects in change.tick(at: stamp, &effects) }),
        (
          "tick when due",
          { paper in
            paper.now = paper.change.nextDeadline == .never ? paper.now : paper.change.nextDeadline
            let stamp = paper.stamp
            paper.take { (change, effects) in change.tick(at: stamp, &effects) }
          }
        ),
        (
          "tick after seven days",
          { paper in
            paper.now = paper.now + ChangeTiming.expiryMs
            let stamp = paper.stamp
            paper.take { (change, effects) in change.tick(at: stamp, &effects) }
          }
        ),
        ("resume: same boot", resume(nil)), ("resume: another boot", resume(3_600_000)),
      ])
  }()
}
