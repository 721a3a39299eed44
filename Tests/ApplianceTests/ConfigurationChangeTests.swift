import Testing
import Wire

@testable import Appliance

/// One change on its way, client by client and answer by answer.
@Suite struct ConfigurationChangeTests {
  @Test func theWholeWay() throws {
    let desk = ChangeDesk()
    let id = try desk.stage()
    #expect(id == 1 && desk.state(id) == .checking && desk.keeps == 1)
    #expect(desk.asked == [.tell(ChangeNews(.staged, id: 1, by: "anna")), .check(id: 1)])
    desk.checked(id)
    #expect(desk.state(id) == .pending && desk.asked.isEmpty && desk.keeps == 2)
    try desk.approve(id)
    #expect(desk.state(id) == .approved && desk.keeps == 3)
    #expect(desk.asked == [.tell(ChangeNews(.approved, id: 1, by: "bernd"))])
    try desk.apply(id)
    #expect(desk.state(id) == .applying && desk.asked == [.apply(id: 1)] && desk.keeps == 4)
    desk.applied(id)
    #expect(desk.state(id) == .unconfirmed && desk.keeps == 5)
    #expect(desk.asked == [.tell(ChangeNews(.applied, id: 1, by: "carla"))])
    desk.pass(40_000)
    try desk.confirm(id, begunAt: 40_000)
    #expect(desk.state(id) == .confirmed && desk.keeps == 6)
    #expect(
      desk.asked == [.tell(ChangeNews(.confirmed, id: 1, by: "carla")), .forget(id: 1)])
    #expect(desk.read { $0.inForce?.id } == 1 && desk.read { $0.openCount } == 0)
    #expect(desk.nextDeadline == .max)
  }

  @Test func anEntryTellsWhoAndWhen() throws {
    let desk = ChangeDesk()
    let id = try desk.stage(ChangeDesk.text("2.1-a_b", ring: "all", digest: 3, size: 8192))
    desk.checked(id)
    desk.pass(1500)
    var entry = try #require(desk.entry(id))
    #expect(entry.version == "2.1-a_b" && entry.ring == "all" && entry.bytes == 8192)
    #expect(entry.digest == ChangeDesk.digest(3) && entry.stager == "anna")
    #expect(entry.stagedMs == 5000 && entry.stagedUnixMs == 1_767_225_605_000)
    #expect(entry.stagedBoot == 0x0101_0101 && entry.decider.isEmpty && entry.decidedMs == 0)
    #expect(entry.remainingS == 7 * 86_400 - 1)
    try desk.reject(id)
    entry = try #require(desk.entry(id))
    #expect(entry.state == .rejected && entry.reason == .none && entry.decider == "bernd")
    #expect(entry.decidedMs == 6500 && entry.endedMs == 6500 && entry.endedBoot == 0x0101_0101)
    #expect(entry.endedUnixMs == 1_767_225_606_500 && entry.remainingS == 0)
  }

  // MARK: Staging

  @Test(arguments: [
    (ChangeDesk.text(""), Status.invalidArgument), (ChangeDesk.text("1 0"), .invalidArgument),
    (ChangeDesk.text(".1"), .invalidArgument), (ChangeDesk.text("1/2"), .invalidArgument),
    (ChangeDesk.text(ring: ""), .invalidArgument),
    (ChangeDesk.text(ring: "Barn"), .invalidArgument),
    (ChangeDesk.text(size: 0), .invalidArgument), (ChangeDesk.text(size: 8193), .tooLarge),
    (ChangeDesk.text(size: .max), .tooLarge),
  ])
  func whatCannotBeTaken(_ text: ConfigurationText, _ status: Status) {
    let desk = ChangeDesk()
    #expect(throws: status) { try desk.stage(text) }
    #expect(desk.asked.isEmpty && desk.keeps == 0 && desk.read { $0.openCount } == 0)
  }

  @Test func somebodyMustStageIt() {
    let desk = ChangeDesk()
    #expect(throws: Status.invalidArgument) { try desk.stage(by: "") }
  }

  @Test func wrongTextsAreRefusedAndRemembered() throws {
    let desk = ChangeDesk()
    let id = try desk.stage()
    let error = ConfigurationError(line: 7, column: 13, message: "`control.slot` is no key.")
    desk.checked(id, .wrong(error))
    let news = ChangeNews(.refused, id: id, by: "anna", .wrongText)
    #expect(desk.asked == [.tell(news), .forget(id: id)])
    let entry = try #require(try desk.list(ended: true).first)
    #expect(entry.state == .refused && entry.reason == .wrongText)
    #expect(entry.line == 7 && entry.column == 13 && entry.message == error.message)
    #expect(throws: Status.state) { try desk.approve(id) }
    // The next try is another change.
    #expect(try desk.stage() == id + 1)
    desk.checked(id + 1, .lost)
    #expect(desk.reason(id + 1) == .textLost && desk.entry(id + 1)?.line == 0)
  }

  @Test func stagedAgainItIsTheSame() throws {
    let desk = ChangeDesk()
    let id = try desk.stage()
    func again() throws {
      #expect(try desk.stage() == id)
      #expect(desk.asked.isEmpty && desk.read { $0.openCount } <= 1)
      #expect(throws: Status.alreadyExists) { try desk.stage(ChangeDesk.text(digest: 8)) }
      #expect(throws: Status.alreadyExists) { try desk.stage(ChangeDesk.text(size: 501)) }
      #expect(throws: Status.alreadyExists) { try desk.stage(by: "bernd") }
    }
    try again()
    desk.checked(id)
    try again()
    try desk.approve(id)
    try again()
    try desk.apply(id)
    try again()
    desk.applied(id)
    try again()
    // In force it is still known; elsewhere and in another version it is something else.
    try desk.confirm(id, begunAt: desk.now + 1)
    try again()
    #expect(try desk.stage(ChangeDesk.text("1.1", digest: 8)) == id + 1)
    #expect(try desk.stage(ChangeDesk.text(ring: "cows", digest: 8)) == id + 2)
  }

  /// A load test found that whoever staged it once more was told `notFound`.
  @Test func whatIsInForceIsKnownHoweverManyHaveEndedSince() throws {
    let desk = ChangeDesk()
    let id = try desk.unconfirmed()
    try desk.confirm(id, begunAt: desk.now + 1)
    for number in 0...Limits.endedChanges {
      let other = try desk.stage(ChangeDesk.text("2.\(number)"))
      desk.checked(other)
      try desk.reject(other)
    }
    #expect(try !desk.list(ended: true).contains { $0.id == id })
    #expect(try desk.stage() == id)
    let entry = try #require(desk.entry(id))
    #expect(entry.state == .confirmed && entry.version == ChangeDesk.text().version)
    #expect(entry.stager == "anna" && entry.digest == ChangeDesk.text().digest)
    try desk.restart()
    #expect(desk.entry(id) == entry)
  }

  @Test func whatCameToNothingMayBeStagedAgain() throws {
    let desk = ChangeDesk()
    let rejected = try desk.stage()
    desk.checked(rejected)
    try desk.reject(rejected)
    let rolledBack = try desk.unconfirmed()
    #expect(rolledBack == rejected + 1)
    desk.pass(ChangeTiming.confirmMs)
    desk.rolledBack(rolledBack)
    #expect(try desk.stage(ChangeDesk.text(digest: 9), by: "bernd") == rolledBack + 1)
  }

  @Test func aConfigurationFromElsewhereIsNotTheOneInForce() throws {
    let desk = ChangeDesk()
    let id = try desk.unconfirmed()
    desk.found(ChangeDesk.digest(1))
    try desk.confirm(id, begunAt: desk.now + 1)
    desk.found(ChangeDesk.digest(7))
    #expect(desk.read { $0.inForce?.id } == id)
    desk.found(ChangeDesk.digest(1))
    #expect(desk.read { $0.inForce == nil })
    #expect(try desk.stage() == id + 1)
  }

  @Test func eightAreOpenAtMost() throws {
    let desk = ChangeDesk()
    for number in 0..<Limits.openChanges {
      #expect(try desk.stage(ChangeDesk.text("1.\(number)")) == UInt32(number + 1))
    }
    #expect(throws: Status.busy) { try desk.stage(ChangeDesk.text("2.0")) }
    #expect(try desk.stage(ChangeDesk.text("1.3")) == 4)
    desk.checked(3)
    try desk.reject(3)
    #expect(try desk.stage(ChangeDesk.text("2.0")) == 9)
    // In the order in which they were staged, whatever places they have.
    #expect(try desk.list(ended: false).map(\.id) == [1, 2, 4, 5, 6, 7, 8, 9])
  }

  // MARK: Decisions

  /// Eight approved changes that nobody applies would keep everybody from staging another one.
  @Test func anApprovalCanBeTakenBack() throws {
    let desk = ChangeDesk()
    for number in 1...Limits.openChanges { _ = try desk.approved(ChangeDesk.text("1.\(number)")) }
    #expect(throws: Status.busy) { try desk.stage(ChangeDesk.text("2")) }
    try desk.reject(1, by: "carla")
    let entry = try #require(desk.entry(1))
    #expect(entry.state == .rejected && entry.decider == "carla")
    #expect(throws: Status.state) { try desk.apply(1) }
    #expect(try desk.stage(ChangeDesk.text("2")) == UInt32(Limits.openChanges + 1))

    try desk.apply(2)
    #expect(throws: Status.state) { try desk.reject(2) }
  }

  @Test func oneDecision() throws {
    let desk = ChangeDesk()
    let first = try desk.stage()
    let second = try desk.stage(ChangeDesk.text("1.1"))
    #expect(throws: Status.state) { try desk.approve(first) }
    desk.checked(first)
    desk.checked(second)
    try desk.approve(first, by: "bernd")
    try desk.reject(second, by: "bernd")
    for id in [first, second] {
      #expect(throws: Status.state) { try desk.approve(id, by: "bernd") }
      #expect(throws: Status.state) { try desk.approve(id, by: "carla") }
      #expect(desk.entry(id)?.decider == "bernd")
    }
    #expect(throws: Status.state) { try desk.reject(second, by: "carla") }
    for id: UInt32 in [0, 3, .max] {
      #expect(throws: Status.notFound) { try desk.approve(id) }
      #expect(throws: Status.notFound) { try desk.reject(id) }
      #expect(throws: Status.notFound) { try desk.apply(id) }
      #expect(throws: Status.notFound) { try desk.confirm(id, begunAt: 9000) }
    }
  }

  @Test func whereAnotherKeyIsNeeded() throws {
    var policy = ChangePolicy()
    policy.needsAnotherKey = true
    let desk = ChangeDesk(policy)
    let id = try desk.stage()
    desk.checked(id)
    #expect(throws: Status.permission) { try desk.approve(id, by: "anna") }
    #expect(throws: Status.invalidArgument) { try desk.approve(id, by: "") }
    #expect(desk.state(id) == .pending)
    try desk.approve(id, by: "bernd")
    // Taking back what is one's own needs nobody.
    let own = try desk.stage(ChangeDesk.text("1.1"))
    desk.checked(own)
    try desk.reject(own, by: "anna")
    #expect(desk.news == [ChangeNews(.rejected, id: own, by: "anna")])
    desk.policy.needsAnotherKey = false
    let alone = try desk.stage(ChangeDesk.text("1.2"))
    desk.checked(alone)
    try desk.approve(alone, by: "anna")
  }

  // MARK: In force

  @Test func onlyApprovedChangesAreApplied() throws {
    let desk = ChangeDesk()
    let id = try desk.stage()
    #expect(throws: Status.state) { try desk.apply(id) }
    desk.checked(id)
    #expect(throws: Status.state) { try desk.apply(id) }
    try desk.approve(id)
    try desk.apply(id)
    #expect(throws: Status.state) { try desk.apply(id) }
    #expect(throws: Status.state) { try desk.confirm(id, begunAt: desk.now + 1) }
  }

  @Test func oneAtATime() throws {
    let desk = ChangeDesk()
    let first = try desk.approved()
    let second = try desk.approved(ChangeDesk.text("1.1"))
    try desk.apply(first)
    #expect(throws: Status.busy) { try desk.apply(second) }
    desk.applied(first)
    #expect(throws: Status.busy) { try desk.apply(second) }
    desk.pass(ChangeTiming.confirmMs)
    #expect(desk.state(first) == .rollingBack)
    #expect(throws: Status.busy) { try desk.apply(second) }
    desk.rolledBack(first)
    try desk.apply(second)
    #expect(throws: Status.state) { try desk.apply(first) }
  }

  @Test func confirmedOnlyInALaterLife() throws {
    let desk = ChangeDesk()
    let id = try desk.unconfirmed()
    let appliedAt = desk.now
    desk.pass(1000)
    for earlier in [0, appliedAt - 1, appliedAt] {
      #expect(throws: Status.state) { try desk.confirm(id, begunAt: earlier) }
    }
    #expect(desk.state(id) == .unconfirmed && desk.entry(id)?.remainingS == 119)
    try desk.confirm(id, begunAt: appliedAt + 1)
    #expect(throws: Status.state) { try desk.confirm(id, begunAt: appliedAt + 1) }
  }

  @Test func unconfirmedItGoesBack() throws {
    let desk = ChangeDesk()
    let id = try desk.unconfirmed()
    #expect(desk.nextDeadline == desk.now + 120_000)
    desk.pass(119_999)
    #expect(desk.state(id) == .unconfirmed)
    desk.pass(1)
    #expect(desk.asked == [.rollBack(id: id)] && desk.reason(id) == .notConfirmed)
    #expect(throws: Status.state) { try desk.confirm(id, begunAt: desk.now) }
    desk.rolledBack(id)
    let news = ChangeNews(.rolledBack, id: id, by: "", .notConfirmed)
    #expect(desk.asked == [.tell(news), .forget(id: id)])
    #expect(desk.state(id) == .rolledBack && desk.reason(id) == .notConfirmed)
    #expect(desk.read { $0.inForce == nil })
  }

  @Test func aConfirmationThatComesTooLateIsNone() throws {
    let desk = ChangeDesk()
    let id = try desk.unconfirmed()
    let late = ChangeTime(now: Instant(ms: desk.now + 120_000), unixMs: 0)
    // The loop has not come to its deadlines yet.
    #expect(throws: Status.state) {
      try desk.step { changes, effects throws(Status) in
        try changes.confirm(id, by: "carla", begunAt: late.now, at: late, &effects)
      }
    }
  }

  @Test func whatCannotBeAppliedIsRolledBack() throws {
    let desk = ChangeDesk()
    let failed = try desk.approved()
    try desk.apply(failed)
    desk.applied(failed, false)
    #expect(desk.asked == [.rollBack(id: failed)])
    desk.rolledBack(failed)
    #expect(desk.state(failed) == .rolledBack && desk.reason(failed) == .applyFailed)
    let silent = try desk.approved(ChangeDesk.text("1.1"))
    try desk.apply(silent)
    desk.pass(ChangeTiming.applyMs)
    #expect(desk.asked == [.rollBack(id: silent)])
    // An answer that comes after all changes nothing.
    desk.applied(silent)
    #expect(desk.asked.isEmpty && desk.state(silent) == .rollingBack)
  }

  @Test func aRollBackThatFailsIsTriedAgain() throws {
    let desk = ChangeDesk()
    let id = try desk.unconfirmed()
    desk.pass(ChangeTiming.confirmMs)
    var pauses: [UInt64] = []
    for round in 0..<300 {
      if round == 1 {
        desk.pass(ChangeTiming.rollBackMs)
      } else {
        desk.rolledBack(id, false)
      }
      #expect(desk.asked == [.tell(ChangeNews(.rollBackFailed, id: id, by: "", .notConfirmed))])
      pauses.append(desk.nextDeadline - desk.now)
      // Nobody waits for an answer now.
      desk.rolledBack(id, false)
      #expect(desk.asked.isEmpty)
      desk.pass(desk.nextDeadline - desk.now)
      #expect(desk.asked == [.rollBack(id: id)])
    }
    #expect(pauses.prefix(8) == [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000])
    #expect(pauses.allSatisfy { $0 <= ChangeTiming.retryCapMs })
    desk.rolledBack(id)
    #expect(desk.state(id) == .rolledBack)
  }

  @Test func appliedAtOnceOneAfterTheOther() throws {
    var policy = ChangePolicy()
    policy.appliesAtOnce = true
    let desk = ChangeDesk(policy)
    let first = try desk.approved()
    #expect(desk.work == [.apply(id: first)])
    let third = try desk.stage(ChangeDesk.text("1.2"))
    let second = try desk.approved(ChangeDesk.text("1.1"))
    desk.checked(third)
    try desk.approve(third)
    #expect(desk.work.isEmpty)
    desk.applied(first)
    #expect(desk.news == [ChangeNews(.applied, id: first, by: "bernd")])
    try desk.confirm(first, begunAt: desk.now + 1)
    #expect(desk.work == [.forget(id: first), .apply(id: third)] && third < second)
    desk.applied(third, false)
    desk.rolledBack(third)
    #expect(desk.work == [.forget(id: third), .apply(id: second)])
  }

  @Test func aPolicyThatChangesHoldsForWhatIsThere() throws {
    let desk = ChangeDesk()
    let id = try desk.approved()
    #expect(desk.nextDeadline > desk.now)
    desk.policy.appliesAtOnce = true
    #expect(desk.nextDeadline <= desk.now)
    desk.pass(0)
    #expect(desk.work == [.apply(id: id)])
  }
}
