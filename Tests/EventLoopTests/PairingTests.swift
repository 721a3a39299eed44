import Appliance
import Noise
import Testing
import Wire

@testable import EventLoop

/// Who opens the door to pairing, and for how long what was opened lets somebody in.
@Suite struct PairingTests {
  /// A card of a device that has two admins: `admin` 3 and `xad` 4.
  private func card() throws -> FakeCard {
    let card = try FakeCard.withKeys()
    var fixture = Fixture.with(card)
    try SealedClient.bytes(54).withUnsafeBytes { secret in
      _ = try fixture.loop.access.keys.add(
        Name("xad"), SealedClient.publicKey(4), secret: secret, role: .admin, addedBy: Name(),
        unixMs: 0)
    }
    fixture.loop.accessWake = fixture.loop.now
    fixture.settle(card)
    return card
  }

  /// What `client` is told when it opens pairing.
  private func open(
    _ role: Role, _ client: SealedClient, _ fixture: inout Fixture, _ card: FakeCard
  ) throws -> String {
    let wanted = MessageTests.encoded(PairingRequest(role: role))
    client.send(&fixture, request(.pairingOpen, id: 20, wanted))
    fixture.settle(card)
    let answer = try #require(try client.answers(&fixture).last)
    #expect(answer.status == 0)
    return String(decoding: answer.payload[4..<18], as: UTF8.self)
  }

  private func key(_ name: StaticString, _ role: Role = .viewer) -> [UInt8] {
    var wanted = KeyRequest()
    wanted.name = Name(name)
    wanted.role = role
    return MessageTests.encoded(wanted)
  }

  /// Who has asked for a code reads it on the card at once.
  @Test func aCodeIsShownAtOnce() throws {
    let card = try card()
    var fixture = Fixture.with(card)
    let admin = try fixture.client(3)
    admin.send(&fixture, ping(id: 1))
    fixture.rest(card)
    admin.send(
      &fixture, request(.pairingOpen, MessageTests.encoded(PairingRequest(role: .viewer))))
    fixture.turns(3)
    card.serve(&fixture)
    let answer = try #require(try admin.answers(&fixture).last)
    let code = String(decoding: answer.payload[4..<18], as: UTF8.self)
    #expect(PairingCode(typed: code) != nil && card.note.prefix(14) == code)
  }

  /// An admin that is removed, or becomes less, does not come back by what it has opened.
  @Test(arguments: [Kind.keyRemove, .keyChange]) func aFormerAdminsCodeIsVoid(kind: Kind) throws {
    let card = try card()
    var fixture = Fixture.with(card)
    let admin = try fixture.client(3)
    let code = try open(.admin, try fixture.client(4), &fixture, card)
    // Somebody who has its handshake behind it already is too late as well.
    let early = SealedClient(7, secret: PairingSecret.of(code), to: &fixture)
    #expect(try early.begin(&fixture, name: "early"))
    let wanted =
      kind == .keyRemove ? MessageTests.encoded(KeyName(name: Name("xad"))) : key("xad", .operator)
    admin.send(&fixture, request(kind, id: 4, wanted))
    fixture.settle(card)
    expect(try admin.answers(&fixture).map(\.status), [0])
    expect(fixture.loop.access.pairing.status, .closed)
    #expect(card.note == "")
    early.send(&fixture, ping(id: 1))
    fixture.settle(card)
    expect(early.isClosed(fixture), true)
    fixture.pass(ms: Pairing.pauseMs + 1)
    let late = SealedClient(4, secret: PairingSecret.of(code), to: &fixture)
    #expect(try !late.begin(&fixture, name: "again"))
    let names = ["early", "again"].map { fixture.loop.access.keys.find(Name($0)) != nil }
    #expect(names == [false, false])
  }

  /// Others may go: what an admin has opened stays open.
  @Test func anotherOnesCodeStaysValid() throws {
    let card = try card()
    var fixture = Fixture.with(card)
    let admin = try fixture.client(3)
    let code = try open(.viewer, admin, &fixture, card)
    admin.send(&fixture, request(.keyRemove, MessageTests.encoded(KeyName(name: Name("xad")))))
    fixture.settle(card)
    let client = SealedClient(7, secret: PairingSecret.of(code), to: &fixture)
    #expect(try client.begin(&fixture, name: "anna"))
    client.send(&fixture, ping(id: 3))
    fixture.settle(card)
    expect(try client.answers(&fixture).map(\.status), [0])
    // Who has let it in is known.
    let entries = (0..<ClientKeys.capacity).compactMap { place in
      fixture.loop.access.keys.entry(place, now: fixture.loop.now)
    }
    #expect(entries.first { $0.name == Name("anna") }?.addedBy == Name("admin"))
  }

  /// After a factory reset the code is another one, and it is shown.
  @Test(arguments: [false, true]) func noCodeOutlivesAFactoryReset(isAsked: Bool) throws {
    let card = try card()
    var fixture = Fixture.with(card)
    let code = try open(.viewer, try fixture.client(3), &fixture, card)
    #expect(card.note.hasPrefix(code))
    // The card may be slow: the code of before may be shown until it has done it.
    card.hangs = true
    fixture.loop.step(.button(isDown: true))
    fixture.pass(ms: Button.longMs)
    fixture.turns(4)
    if isAsked { card.serve(&fixture) }
    card.hangs = false
    fixture.settle(card)
    expect(fixture.loop.access.keys.count, 0)
    #expect(PairingCode(typed: String(card.note.prefix(14))) != nil && !card.note.hasPrefix(code))
    let client = SealedClient(7, secret: PairingSecret.of(code), to: &fixture)
    #expect(try !client.begin(&fixture, name: "guest"))
    fixture.loop.system.peers[client.peer]!.ended = true
    fixture.settle(card)
    expect(fixture.loop.access.keys.count, 0)
    // Who reads what is shown is the first admin.
    fixture.pass(ms: Pairing.pauseMs * 2 + 1)
    let shown = PairingSecret.of(String(card.note.prefix(14)))
    let owner = SealedClient(8, secret: shown, to: &fixture)
    #expect(try owner.begin(&fixture, name: "owner"))
    #expect(owner.welcome?.role.known == .admin)
  }

  // MARK: The first answer

  /// A client that an admin lets in, whose first request has been sent to a card that `is` like
  /// this since.
  private func newcomer(
    _ fixture: inout Fixture, _ card: FakeCard, is change: (FakeCard) -> Void
  ) throws -> SealedClient {
    let code = try open(.viewer, try fixture.client(3), &fixture, card)
    let client = SealedClient(7, secret: PairingSecret.of(code), to: &fixture)
    #expect(try client.begin(&fixture, name: "anna"))
    change(card)
    client.send(&fixture, ping(id: 3), request(.cameraList, id: 4))
    fixture.settle(card)
    return client
  }

  /// Who was told that it has a key has one after a power cut.
  @Test func whoIsPairedIsToldWhenTheCardHasIt() throws {
    let card = try card()
    var fixture = Fixture.with(card)
    let client = try newcomer(&fixture, card) { $0.hangs = true }
    expect(try client.answers(&fixture).map(\.id), [])
    let anna = Array("anna".utf8)
    #expect(try #require(card.clients).firstRange(of: anna) == nil)
    // Nobody else waits.
    let other = try fixture.client(1)
    other.send(&fixture, ping(id: 9))
    fixture.settle(card)
    expect(try other.answers(&fixture).map(\.id), [9])

    card.hangs = false
    fixture.settle(card)
    expect(try client.answers(&fixture).map(\.id), [3, 4])
    #expect(try #require(card.clients).firstRange(of: anna) != nil)
    let later = Fixture.with(card)
    #expect(later.loop.access.keys.find(Name("anna")) != nil)
  }

  /// It can work with the device at least until that starts anew.
  @Test func whoIsPairedIsToldThoughTheCardRefuses() throws {
    let card = try card()
    var fixture = Fixture.with(card)
    let client = try newcomer(&fixture, card) { $0.isReadOnly = true }
    expect(try client.answers(&fixture).map(\.status), [0, 0])
  }

  @Test func whoIsPairedIsToldThoughTheCardHangs() throws {
    let card = try card()
    var fixture = Fixture.with(card)
    let client = try newcomer(&fixture, card) { $0.hangs = true }
    fixture.pass(ms: Newcomer.waitMs - 100)
    fixture.settle(card)
    expect(try client.answers(&fixture).map(\.id), [])
    fixture.pass(ms: 200)
    fixture.settle(card)
    expect(try client.answers(&fixture).map(\.id), [3, 4])
  }

  /// One that goes while it waits leaves nothing to whoever has its slot next.
  @Test func aNewcomerMayGo() throws {
    let card = try card()
    var fixture = Fixture.with(card)
    let client = try newcomer(&fixture, card) { $0.hangs = true }
    fixture.loop.system.peers[client.peer]!.broken = true
    fixture.settle(card)
    expect(fixture.loop.newcomer == nil, true)
    let next = try fixture.client(1)
    next.send(&fixture, ping(id: 5))
    fixture.settle(card)
    expect(try next.answers(&fixture).map(\.id), [5])
  }

  /// Where an unfinished frame may take 100 ms, nobody is told BUSY because of a slow card.
  @Test func noRequestWaitsLongerThanAFrameMayTake() throws {
    let card = try card()
    var fixture = Fixture.with(card) { $0.control.frameTimeoutMs = 100 }
    let client = try newcomer(&fixture, card) { $0.hangs = true }
    fixture.pass(ms: 60)
    fixture.settle(card)
    expect(try client.answers(&fixture).map(\.status), [0, 0])
  }
}
