import Appliance
import Noise
import Testing
import Wire

@testable import EventLoop

/// What is kept of keys, pairing and the audit: nothing that somebody was told is lost with the
/// power, and nothing that could not be kept is told.
@Suite struct KeepingTests {
  private func keyRequest(_ name: StaticString, _ number: UInt8, _ role: Role) -> [UInt8] {
    var wanted = KeyRequest()
    wanted.name = Name(name)
    wanted.publicKey = SealedClient.publicKey(number)
    wanted.role = role
    return request(.keyAdd, id: 9, encoded(wanted))
  }

  private func encoded(_ payload: some Payload) -> [UInt8] {
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 512, alignment: 8)
    defer { memory.deallocate() }
    var writer = ByteWriter(memory)
    payload.encode(into: &writer)
    return Array(writer.written)
  }

  @Test func theFirstOneToPairIsAdminAndStaysSo() throws {
    let card = FakeCard()
    do {
      var fixture = Fixture.with(card)
      let code = String(card.note.prefix(14))
      #expect(code.count == 14 && PairingCode(typed: code) != nil)
      let secret = PairingSecret.of(code)
      let client = SealedClient(7, secret: secret, to: &fixture)
      let began = try client.begin(&fixture, name: "anna")
      let welcome = try #require(client.welcome)
      #expect(began && welcome.isPaired && welcome.role == .admin)
      client.send(&fixture, ping(id: 3))
      fixture.settle(card)
      expect(try client.answers(&fixture).map(\.status), [0])
      #expect(card.note == "")
      expect(fixture.audit().suffix(2), [.keyPaired, .sessionOpened])
    }
    // The power goes; the secret is that of the welcome.
    let later = Fixture.with(card)
    expect(later.loop.access.keys.count, 1)
    expect(later.loop.access.keys.hasAdmin, true)
    #expect(card.note == "")
    expect(later.audit().contains(.keyPaired), true)
  }

  @Test func keysAreToldWhenTheCardHasThem() throws {
    let card = try FakeCard.withKeys()
    var fixture = Fixture.with(card)
    let admin = try fixture.client(3)
    card.hangs = true
    admin.send(&fixture, keyRequest("bernd", 9, .viewer), ping(id: 10))
    fixture.turns(6)
    card.serve(&fixture)
    fixture.turns(6)
    // The ping is not kept waiting, the key is not told.
    expect(try admin.answers(&fixture).map(\.id), [10])
    card.hangs = false
    fixture.settle(card)
    let answers = try admin.answers(&fixture)
    #expect(answers.map(\.id) == [9] && answers[0].status == 0)
    #expect(answers[0].payload.count == KeyGrant.size)

    let later = Fixture.with(card)
    expect(later.loop.access.keys.count, 4)
    expect(later.audit().contains(.keyAdded), true)
  }

  @Test func aCardThatCannotBeWrittenIsTold() throws {
    let card = try FakeCard.withKeys()
    var fixture = Fixture.with(card)
    let admin = try fixture.client(3)
    card.isReadOnly = true
    admin.send(&fixture, keyRequest("bernd", 9, .viewer))
    fixture.settle(card)
    expect(try admin.answers(&fixture).map(\.status), [Status.storageUnavailable.rawValue])
    // Nobody has the secret of that key: it may be asked for once more.
    expect(fixture.loop.access.keys.count, 3)
    expect(fixture.audit().suffix(3), [.keyAdded, .adminRefused, .keyRemoved])
    card.isReadOnly = false
    fixture.pass(ms: KeptImage.retryMs + 100)
    fixture.settle(card)
    admin.send(&fixture, keyRequest("bernd", 9, .viewer))
    fixture.settle(card)
    expect(try admin.answers(&fixture).map(\.status), [0])
    let later = Fixture.with(card)
    expect(later.loop.access.keys.count, 4)
  }

  /// A client whose new key could not be kept goes on with the one that it has.
  @Test func aNewKeyThatTheCardDoesNotTake() throws {
    let card = try FakeCard.withKeys()
    var fixture = Fixture.with(card)
    let viewer = try fixture.client(1)
    let key = MessageTests.encoded(KeyRotation(publicKey: SealedClient.publicKey(9)))
    card.isReadOnly = true
    viewer.send(&fixture, request(.keyRotate, key))
    fixture.settle(card)
    expect(try viewer.answers(&fixture).map(\.status), [Status.storageUnavailable.rawValue])
    card.isReadOnly = false
    fixture.pass(ms: ClientKeys.formerMs + 1000)
    fixture.settle(card)
    var later = Fixture.with(card)
    let again = try later.client(1)
    again.send(&later, request(.keyRotate, key))
    later.settle(card)
    expect(try again.answers(&later).map(\.status), [0])
  }

  /// Keys that a later version has written are there when that version comes back.
  @Test func keysOfAnotherVersionStayAsTheyAre() throws {
    let card = try FakeCard.withKeys()
    var image = try #require(card.clients)
    image[4] = 9
    image.withUnsafeMutableBytes { image in
      let sum = CRC32C.of(UnsafeRawBufferPointer(rebasing: image[..<(image.count - 4)]))
      image.storeBytes(of: sum.littleEndian, toByteOffset: image.count - 4, as: UInt32.self)
    }
    (card.clients, card.note) = (image, "")
    var fixture = Fixture.with(card)
    let client = SealedClient(3, secret: SealedClient.bytes(53), to: &fixture)
    #expect(try !client.begin(&fixture, name: "anna"))
    fixture.loop.pressed(.short)
    card.restart(&fixture)
    fixture.settle(card)
    fixture.pass(ms: 10_000)
    fixture.settle(card)
    expect(fixture.loop.access.pairing.status, .closed)
    expect(fixture.audit().filter { $0 == .keysUnreadable }.count, 1)
    #expect(card.clients == image && card.note == "")
    // A factory reset ends it.
    fixture.loop.pressed(.long)
    fixture.settle(card)
    expect(fixture.loop.access.keys.isLoaded, true)
    #expect(card.clients != image && PairingCode(typed: String(card.note.prefix(14))) != nil)
  }

  /// What was on its way already is nobody's.
  @Test func whatAFormerClientHadSent() throws {
    var fixture = try Fixture.withKeys()
    let client = try fixture.client(1)
    client.send(&fixture, ping(id: 1))
    fixture.turns(2)
    _ = try client.answers(&fixture)
    try fixture.loop.access.keys.remove(Name("viewer"))
    client.send(&fixture, request(.cameraList))
    fixture.turns(2)
    expect(try client.answers(&fixture).map(\.status), [Status.authentication.rawValue])
    expect(fixture.loop.counters[.requestsRateLimited], 0)
  }

  /// A text with passwords in it is nowhere once it was told.
  @Test func aTextThatWasToldIsWiped() throws {
    let card = try FakeCard.withKeys()
    card.inForce = Array("rtsp.password = geheim\n".utf8)
    var fixture = Fixture.with(card)
    let admin = try fixture.client(3)
    admin.send(
      &fixture, request(.configurationText, MessageTests.encoded(ChangeRequest(id: 0))))
    fixture.settle(card)
    #expect(try admin.answers(&fixture).last?.payload == card.inForce)
    expect(fixture.loop.keeping.text[..<24].allSatisfy { $0 == 0 }, true)
  }

  @Test func aKeeperThatEndsLosesNothing() throws {
    let card = try FakeCard.withKeys()
    var fixture = Fixture.with(card)
    let admin = try fixture.client(3)
    card.hangs = true
    admin.send(&fixture, keyRequest("bernd", 9, .viewer))
    fixture.turns(6)
    card.restart(&fixture)
    card.hangs = false
    fixture.settle(card)
    expect(try admin.answers(&fixture).map(\.status), [0])
    // What was handed to the keeper that ended is handed over again.
    fixture.pass(ms: AuditRing.retryMs + 100)
    fixture.settle(card)
    let later = Fixture.with(card)
    expect(later.loop.access.keys.count, 4)
    expect(later.audit().contains(.keyAdded), true)
  }

  /// Clients know the device by its key: one that is for the time being is none while it has one.
  @Test func aCardThatCannotBeReadTakesNoKeyAway() throws {
    let card = try FakeCard.withKeys()
    var fixture = Fixture.with(card)
    let key = fixture.loop.deviceKey.publicKey
    card.isUnreadable = true
    card.restart(&fixture)
    fixture.settle(card)
    expect(fixture.loop.deviceKey.publicKey == key, true)
    // At the start there is nothing else.
    fixture = Fixture.with(card)
    expect(fixture.loop.deviceKey.publicKey.isNone, false)
  }

  @Test func aKeyThatIsRemovedEndsItsSessions() throws {
    let card = try FakeCard.withKeys()
    var fixture = Fixture.with(card)
    let admin = try fixture.client(3)
    let viewer = try fixture.client(1)
    viewer.send(&fixture, ping(id: 1))
    fixture.turns(2)
    admin.send(&fixture, request(.keyRemove, id: 4, encoded(KeyName(name: Name("viewer")))))
    fixture.settle(card)
    expect(try admin.answers(&fixture).map(\.status), [0])
    expect(viewer.isClosed(fixture), true)
    expect(fixture.audit().contains(.sessionRevoked), true)
    admin.send(&fixture, request(.keyRemove, id: 5, encoded(KeyName(name: Name("admin")))))
    fixture.settle(card)
    expect(try admin.answers(&fixture).map(\.status), [Status.state.rawValue])
  }

  /// What is told to be busy has changed nothing.
  @Test func whatFindsNoPlaceToWaitIsNotDone() throws {
    let card = try FakeCard.withKeys()
    var fixture = Fixture.with(card)
    let admin = try fixture.client(3)
    let viewer = try fixture.client(1)
    card.hangs = true
    var change = KeyRequest()
    change.name = Name("viewer")
    for id in 0..<128 as Range<UInt32> {
      admin.send(&fixture, request(.keyChange, id: id, encoded(change)))
      fixture.turns(1)
    }
    admin.send(&fixture, request(.keyRemove, id: 500, encoded(KeyName(name: Name("viewer")))))
    fixture.turns(4)
    let answers = try admin.answers(&fixture)
    #expect(answers.map(\.id) == [500] && answers[0].status == Status.busy.rawValue)
    expect(fixture.loop.access.keys.count, 3)
    expect(viewer.isClosed(fixture), false)
  }

  /// What has to do with keys is nobody's without one, wherever it comes from.
  /// A device that is another one after the next boot is a stranger to all its clients.
  @Test func theDeviceKeyIsTriedAgainUntilTheCardHasIt() throws {
    let card = FakeCard()
    (card.hasDeviceKey, card.isReadOnly) = (false, true)
    var fixture = Fixture.with(card)
    let key = fixture.loop.deviceKey.publicKey
    func pass(_ times: UInt64) {
      fixture.pass(ms: times * Keeping.retryMs + 100)
      fixture.settle(card)
    }
    for _ in 0..<3 { pass(1) }
    expect(fixture.audit().filter { $0 == .deviceKeyMade }.count, 1)
    #expect(!card.hasDeviceKey)
    card.isReadOnly = false
    pass(1)
    #expect(card.hasDeviceKey)
    let tries = card.log.filter { $0 == .retry }.count
    pass(3)
    #expect(card.log.filter { $0 == .retry }.count == tries)
    expect(fixture.loop.deviceKey.publicKey == key, true)
  }

  @Test func withoutAKeyThereAreNone() throws {
    let card = try FakeCard.withKeys()
    var fixture = Fixture.with(card)
    let local = fixture.loop.system.connect(
      from: IPv4(127, 0, 0, 1), keyRequest("bernd", 9, .admin),
      request(.pairingOpen, id: 2, encoded(PairingRequest(role: .admin))),
      request(.changeApprove, id: 3, encoded(ChangeRequest(id: 1))), request(.keyList),
      request(.auditList, encoded(AuditRequest())), request(.changeList),
      request(.changeHistory))
    fixture.settle(card)
    let answers = try #require(replies(fixture.loop.system.peers[local]!.received))
    #expect(answers.allSatisfy { $0.status == Status.permission.rawValue } && answers.count == 7)
    expect(fixture.loop.access.keys.count, 3)
  }

  /// The button lets one client in, as what somebody who is there may be.
  @Test func aShortPressLetsOneIn() throws {
    let card = try FakeCard.withKeys()
    var fixture = Fixture.with(card)
    fixture.loop.step(.button(isDown: true))
    fixture.pass(ms: 200)
    fixture.loop.step(.button(isDown: false))
    fixture.pass(ms: Button.steadyMs)
    expect(fixture.loop.access.pairing.status, .button)
    expect(fixture.loop.pairingTold, true)
    let client = SealedClient(7, secret: PairingSecret.button, to: &fixture)
    #expect(try client.begin(&fixture, name: "anna"))
    client.send(&fixture, ping(id: 3))
    fixture.settle(card)
    expect(try client.answers(&fixture).map(\.status), [0])
    #expect(client.welcome?.role.known == .operator)
    expect(fixture.audit().suffix(3), [.pairingOpened, .keyPaired, .sessionOpened])
    expect(fixture.loop.pairingTold, false)
    let late = SealedClient(8, secret: PairingSecret.button, to: &fixture)
    #expect(try !late.begin(&fixture, name: "bernd"))
    // Its time ends, too.
    fixture.loop.step(.button(isDown: true))
    fixture.pass(ms: 200)
    fixture.loop.step(.button(isDown: false))
    fixture.pass(ms: Button.steadyMs + Pairing.buttonMs)
    expect(fixture.loop.access.pairing.status, .closed)
    expect(fixture.loop.pairingTold, false)
    expect(fixture.loop.access.keys.count, 4)
  }

  /// A button that is stuck resets nothing.
  @Test func aButtonThatIsDownAtTheStartSaysNothing() throws {
    let card = try FakeCard.withKeys()
    var facts = BootFacts()
    facts.buttonIsDown = true
    var fixture = Fixture(facts: facts)
    fixture.insert(card)
    fixture.pass(ms: 2 * Button.longMs)
    fixture.settle(card)
    expect(fixture.loop.access.keys.count, 3)
    expect(fixture.loop.access.pairing.status, .closed)
  }

  @Test func aLongPressForgetsEverybody() throws {
    let card = try FakeCard.withKeys()
    var fixture = Fixture.with(card)
    let admin = try fixture.client(3)
    let before = fixture.loop.deviceKey.publicKey
    fixture.loop.step(.button(isDown: true))
    fixture.pass(ms: Button.longMs - 1)
    expect(fixture.loop.access.keys.count, 3)
    fixture.pass(ms: 1)
    fixture.settle(card)
    expect(admin.isClosed(fixture), true)
    expect(fixture.loop.access.keys.count, 0)
    expect(fixture.loop.deviceKey.publicKey == before, false)
    #expect(card.note != "")
    expect(fixture.audit().contains(.factoryReset), true)
    let later = Fixture.with(card)
    expect(later.loop.access.keys.count, 0)
    expect(later.loop.access.keys.isLoaded, true)
  }
}

extension PairingSecret {
  /// What the button stands for.
  static var button: [UInt8] {
    var secret = PairingSecret()
    secret.deriveForButton()
    return secret.lend { Array($0) }
  }

  /// What a person derives from a code.
  static func of(_ code: String) -> [UInt8] {
    var secret = PairingSecret()
    Array(code.utf8).withUnsafeBytes { secret.derive(from: $0) }
    return secret.lend { Array($0) }
  }
}

extension PairingCode {
  init?(typed text: String) {
    let code = Array(text.utf8).withUnsafeBytes { PairingCode(typed: $0) }
    guard let code else { return nil }
    self = code
  }
}
