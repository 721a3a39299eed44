import Appliance
import Noise
import Testing
import Wire

@testable import EventLoop

/// What the keeper says besides yes and no.
@Suite struct KeeperAnswerTests {
  /// Clients do not know a device whose key is another one, whatever has become of the first.
  @Test(arguments: [BlobNews.State.madeAnew, .damaged, .loaded])
  func anotherDeviceKeyIsInTheAudit(state: BlobNews.State) {
    let card = FakeCard()
    (card.hasDeviceKey, card.madeKeyIs) = (false, state)
    let fixture = Fixture.with(card)
    expect(fixture.audit().contains(.deviceKeyMade), state != .loaded)
    expect(fixture.loop.deviceKey.publicKey.isNone, false)
  }

  /// Whoever asks once more, because the answer was lost, is told that the card has it.
  @Test(arguments: [KeeperRequest.clients, .forget, .append])
  func whatTheCardHasHadIsKept(request kind: KeeperRequest) throws {
    let card = try FakeCard.withKeys()
    var fixture = Fixture.with(card)
    let admin = try fixture.client(3)
    card.hasDone = kind
    if kind == .forget { fixture.loop.pressed(.long) }
    let request = request(.keyRemove, id: 4, MessageTests.encoded(KeyName(name: Name("viewer"))))
    if kind == .clients { admin.send(&fixture, request) }
    fixture.settle(card)
    if kind == .clients { expect(try admin.answers(&fixture).map(\.status), [0]) }
    fixture.rest(card)
    expect(fixture.loop.isKept, true)
    let asked = card.log.filter { $0 == kind }.count
    #expect(asked > 0)
    fixture.rest(card)
    #expect(card.log.filter { $0 == kind }.count == asked)
    #expect(!fixture.loop.system.kept.contains { $0.contains("does not keep") })
  }

  /// Where both copies of the keys are damaged the device is as new, and says so; where the disk
  /// does not give them nobody gets in before it does.
  @Test(arguments: [BlobNews.State.damaged, .unreadable, .none])
  func keysThatAreNotThere(state: BlobNews.State) {
    var fixture = Fixture()
    fixture.loop.system.hasKeeper = true
    fixture.loop.system.keeperNews = [.began]
    fixture.loop.system.extraReady = [.keeper]
    fixture.turns(2)
    var news = BlobNews(.clients)
    news.state = state
    say(.blob, bytes { news.encode(into: &$0) }, &fixture)
    expect(fixture.loop.access.keys.isLoaded, state != .unreadable)
    expect(fixture.audit().contains(.keysUnreadable), state == .damaged)
    expect(fixture.loop.keeping.isMissing, state == .unreadable)
  }

  /// The port listens before the card has answered. Whoever comes too soon is told when to come
  /// again; when the card does not give the keys, nobody can tell when it will.
  @Test func aClientThatComesBeforeTheKeys() throws {
    var fixture = Fixture()
    fixture.loop.system.hasKeeper = true
    // Without one there is no handshake to send.
    SealedClient.bytes(100).withUnsafeBytes { fixture.loop.deviceKey.load($0) }
    func refusal(_ number: UInt8) throws -> (status: UInt16, retryAfterMs: UInt32) {
      let client = SealedClient(number, secret: SealedClient.bytes(52), to: &fixture)
      fixture.loop.system.peers[client.peer]!.chunks.append(try client.hello())
      fixture.turns(2)
      let received = fixture.loop.system.peers[client.peer]!.received
      let answer = try #require(replies(received)?.first)
      let refusal = answer.payload.withUnsafeBytes {
        var reader = ByteReader($0)
        return Refusal(from: &reader)
      }
      return (answer.status, refusal.retryAfterMs)
    }
    for number in 1...2 as ClosedRange<UInt8> {
      // Of the second one the keeper has begun, and has not told yet.
      if number == 2 {
        fixture.loop.system.keeperNews.append(.began)
        fixture.loop.system.extraReady.append(.keeper)
      }
      let early = try refusal(number)
      #expect(early.status == Status.notSupported.rawValue)
      #expect(early.retryAfterMs == Keeping.soonMs)
    }
    var news = BlobNews(.clients)
    news.state = .unreadable
    say(.blob, bytes { news.encode(into: &$0) }, &fixture)
    let late = try refusal(3)
    #expect(late.status == Status.notSupported.rawValue && late.retryAfterMs == 0)
  }

  /// A former key is taken for ten minutes; that it no longer is stands in the audit.
  @Test func aFormerKeyIsRetired() throws {
    let card = try FakeCard.withKeys()
    var fixture = Fixture.with(card)
    let viewer = try fixture.client(1)
    let key = MessageTests.encoded(KeyRotation(publicKey: SealedClient.publicKey(9)))
    viewer.send(&fixture, request(.keyRotate, key))
    fixture.settle(card)
    expect(try viewer.answers(&fixture).map(\.status), [0])
    fixture.pass(ms: 598_000)
    expect(fixture.audit().contains(.keyRetired), false)
    fixture.pass(ms: 3000)
    let retired = fixture.auditEntries(.keys).filter { $0.code == .keyRetired }
    #expect(retired.map(\.subject) == [Name("viewer")])
  }

  /// The audit lies on the data partition: the keeper is told when that has come.
  @Test func aPartitionThatComesIsTold() {
    let card = FakeCard()
    var fixture = Fixture.with(card)
    expect(fixture.loop.keeping.hasData, false)
    let retries = card.log.filter { $0 == .retry }.count
    var facts = StorageFacts()
    facts.state = .writable
    (facts.totalBytes, facts.freeBytes) = (1 << 40, 1 << 39)
    fixture.loop.system.inputs = [.storageChanged(facts)]
    fixture.settle(card)
    expect(fixture.loop.keeping.hasData, true)
    #expect(card.log.filter { $0 == .retry }.count == retries + 1)
  }

  // MARK: Lines of the log

  /// The keeper says this.
  private func say(_ reply: KeeperReply, _ bytes: [UInt8], _ fixture: inout Fixture) {
    fixture.loop.system.keeperNews.append(.said([reply.rawValue, 0, 0, 0] + bytes))
    fixture.loop.system.extraReady.append(.keeper)
    fixture.turns(2)
  }

  private func bytes(_ body: (inout ByteWriter) -> Void) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: 512) { buffer, count in
      var writer = ByteWriter(UnsafeMutableRawBufferPointer(buffer))
      body(&writer)
      count = writer.count
    }
  }

  @Test(
    arguments: [
      (.missing, "keys: the card's boot partition is missing"), (.kept, nil),
      (.memory, "keys: no card, they are gone after a restart"),
    ] as [(KeeperFacts.Place, String?)])
  func whereKeysLieIsSaid(place: KeeperFacts.Place, line: String?) {
    var fixture = Fixture.with(FakeCard())
    let before = fixture.loop.system.kept.count
    var facts = KeeperFacts()
    facts.place = place
    say(.facts, bytes { facts.encode(into: &$0) }, &fixture)
    let lines = fixture.loop.system.kept[before...]
    #expect(
      lines.map { String($0.drop { $0 != " " }) } == (line.map { [" warning \($0)\n"] } ?? []))
    // It is asked again where there is no card.
    expect(fixture.loop.keeping.isMissing, place == .missing)
  }

  private static let reasons: [(KeeperOutcome, String)] = [
    (.changedElsewhere, "changed by hand"), (.wrong, "wrong"), (.unknown, "unknown"),
    (.damaged, "damaged"), (.tooLarge, "too large"), (.tooMany, "too many"),
    (.malformed, "malformed"), (.readOnly, "read-only"), (.full, "full"), (.missing, "missing"),
    (.failing, "failing"),
  ]

  /// Why a card does not keep what it is to keep, in words; it is asked again two seconds later.
  @Test(
    arguments: [
      (.clients, "client keys"), (.changes, "configuration changes"), (.forget, "factory reset"),
    ] as [(KeeperRequest, String)])
  func whyACardKeepsNothingIsSaid(kind: KeeperRequest, what: String) throws {
    let card = try FakeCard.withKeys()
    var fixture = Fixture.with(card)
    switch kind {
    case .clients: fixture.loop.keeping.clients.change()
    case .changes: fixture.loop.keeping.changes.change()
    default: fixture.loop.pressed(.long)
    }
    fixture.loop.accessWake = fixture.loop.now
    fixture.turns(2)
    for (outcome, word) in Self.reasons {
      let message = fixture.loop.system.asked.last { $0[0] == kind.rawValue }
      let number = try #require(message)[4..<8].reversed()
      var done = KeeperDone(outcome)
      done.number = number.reduce(0) { $0 << 8 | UInt32($1) }
      fixture.loop.system.asked = []
      say(.done, bytes { done.encode(into: &$0) }, &fixture)
      let line = " warning the card does not keep the \(what) (\(word)); it is tried again\n"
      #expect(fixture.loop.system.kept.contains { $0.hasSuffix(line) })
      expect(fixture.loop.isKept, false)
      fixture.pass(ms: 2000)
      fixture.turns(1)
    }
  }

  /// A device key that the card does not take is another one after a restart: said once.
  @Test func aDeviceKeyThatIsNotKeptIsSaid() {
    let card = FakeCard()
    (card.hasDeviceKey, card.isReadOnly) = (false, true)
    var fixture = Fixture.with(card)
    fixture.pass(ms: Keeping.retryMs + 100)
    fixture.settle(card)
    let line =
      " warning keys: the card does not keep the device key (read-only); "
      + "it is another one after a restart\n"
    #expect(fixture.loop.system.kept.filter { $0.hasSuffix(line) }.count == 1)
  }
}
