import Appliance
import Testing
import Wire

@testable import EventLoop

/// What a change leaves on the card goes when it has ended, whatever the card and its keeper do
/// meanwhile: a factory reset would go back to what was in force before, and texts take all places.
@Suite struct LeftOnCardTests {
  private let key = Name("key-3")

  /// A device whose change 1 is in force, in a life that can confirm it.
  private func unconfirmed(_ card: FakeCard) throws -> Fixture {
    var fixture = Fixture.with(card)
    try stage("name = stable\n", card, &fixture)
    try step(card, &fixture) { loop, effects in
      let approver = ChangeApprover(key)
      try loop.access.changes.approve(1, by: approver, at: loop.changeTime, &effects)
      try loop.access.changes.apply(1, by: key, at: loop.changeTime, &effects)
    }
    var later = Fixture.with(card, startMs: 8000)
    later.settle(card)
    #expect(card.applied == 1)
    return later
  }

  private func stage(_ bytes: String, _ card: FakeCard, _ fixture: inout Fixture) throws {
    var text = ConfigurationText()
    text.ring = Name("barns")
    let bytes = Array(bytes.utf8)
    // Each has a version of its own.
    text.version = Text("v")
    text.version.append(decimal: UInt64(fixture.loop.access.changes.lastID) + 1)
    text.size = UInt32(bytes.count)
    text.digest = bytes.withUnsafeBytes { ConfigurationDigest(sha256Of: $0) }
    try step(card, &fixture) { loop, effects in
      let id = try loop.access.changes.stage(text, by: key, at: loop.changeTime, &effects)
      card.texts[id] = bytes
    }
  }

  private func confirm(_ card: FakeCard, _ fixture: inout Fixture) throws {
    try step(card, &fixture) { loop, effects in
      try loop.access.changes.confirm(
        1, by: key, begunAt: loop.startedAt, at: loop.changeTime, &effects)
    }
  }

  private func step(
    _ card: FakeCard, _ fixture: inout Fixture,
    _ body: (inout EventLoop<FakeSystem>, inout ChangeEffects) throws -> Void
  ) rethrows {
    var effects = ChangeEffects()
    try body(&fixture.loop, &effects)
    fixture.loop.hold(effects)
    fixture.settle(card)
  }

  @Test func aCardThatDoesNotKeepTheConfirmation() throws {
    let card = FakeCard()
    var fixture = try unconfirmed(card)
    card.isReadOnly = true
    try confirm(card, &fixture)
    #expect(card.applied == 1)
    card.isReadOnly = false
    fixture.pass(ms: 2 * KeptImage.retryMs)
    fixture.settle(card)
    #expect(card.applied == 0 && card.texts.isEmpty)
    #expect(card.inForce == Array("name = stable\n".utf8))
  }

  @Test func aCardThatKeepsTheConfirmationAndNothingMore() throws {
    let card = FakeCard()
    var fixture = try unconfirmed(card)
    card.refuses = .drop
    try confirm(card, &fixture)
    #expect(card.applied == 1 && card.log.contains(.drop))
    card.refuses = nil
    fixture.pass(ms: 2 * KeptImage.retryMs)
    fixture.settle(card)
    #expect(card.applied == 0 && card.texts.isEmpty)
  }

  @Test func aKeeperThatEndsWhenItIsAsked() throws {
    let card = FakeCard()
    var fixture = try unconfirmed(card)
    card.refuses = .drop
    try confirm(card, &fixture)
    fixture.pass(ms: KeptImage.retryMs)
    #expect(fixture.loop.keeping.left.asked != 0)
    card.refuses = nil
    card.restart(&fixture)
    fixture.settle(card)
    #expect(card.applied == 0 && card.texts.isEmpty)
  }

  @Test func whoForgetsEverythingKeepsWhatWasConfirmed() throws {
    let card = FakeCard()
    var fixture = try unconfirmed(card)
    card.refuses = .drop
    try confirm(card, &fixture)
    card.refuses = nil
    fixture.pass(ms: KeptImage.retryMs)
    fixture.loop.pressed(.long)
    fixture.settle(card)
    #expect(card.log.contains(.forget) && card.inForce == Array("name = stable\n".utf8))
  }

  /// More changes than are remembered end while the card takes nothing: the one that is in force
  /// is not given up for them.
  @Test func aCardThatTakesNothingForLong() throws {
    let card = FakeCard()
    var fixture = try unconfirmed(card)
    card.isReadOnly = true
    try confirm(card, &fixture)
    for number in 0..<LeftOnCard.capacity + 8 {
      try stage("name = n\(number)\n", card, &fixture)
      fixture.pass(ms: KeptImage.retryMs)
      fixture.settle(card)
    }
    let count = fixture.loop.keeping.left.count
    #expect(count == LeftOnCard.capacity)
    card.isReadOnly = false
    for _ in 0..<8 {
      fixture.pass(ms: KeptImage.retryMs)
      fixture.settle(card)
    }
    let left = fixture.loop.keeping.left.count
    #expect(card.applied == 0 && left == 0)
    // The next keeper tells of the others.
    card.restart(&fixture)
    for _ in 0..<8 { fixture.settle(card) }
    #expect(card.texts.isEmpty)
  }

  @Test func textsOfChangesThatNobodyKnows() throws {
    let card = FakeCard()
    for id in 5...12 as ClosedRange<UInt32> { card.texts[id] = Array("name = lost\n".utf8) }
    var fixture = Fixture.with(card)
    fixture.settle(card)
    #expect(card.texts.isEmpty)
    try stage("name = stable\n", card, &fixture)
    card.restart(&fixture)
    fixture.settle(card)
    #expect(card.texts.count == 1)
  }
}
