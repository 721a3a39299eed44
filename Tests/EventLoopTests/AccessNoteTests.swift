import Appliance
import Noise
import Testing
import Wire

@testable import EventLoop

/// What the audit is told of refusals and of what admins do: by whom, from where, what.
@Suite struct AccessNoteTests {
  private func named(_ name: StaticString, _ role: Role = .viewer, key: UInt8 = 0) -> [UInt8] {
    var wanted = KeyRequest()
    wanted.name = Name(name)
    wanted.role = role
    if key > 0 { wanted.publicKey = SealedClient.publicKey(key) }
    return MessageTests.encoded(wanted)
  }

  private func remove(_ name: StaticString) -> [UInt8] {
    MessageTests.encoded(KeyName(name: Name(name)))
  }

  /// What an admin is refused says what it was, and why.
  @Test func whatAnAdminIsRefused() throws {
    let card = try FakeCard.withKeys()
    var fixture = Fixture.with(card)
    let admin = try fixture.client(3)
    let change = MessageTests.encoded(ChangeRequest(id: 77))
    let cases: [(kind: Kind, payload: [UInt8], status: Status)] = [
      (.keyRemove, remove("admin"), .state), (.keyRemove, remove("nobody"), .notFound),
      (.keyAdd, named("viewer", key: 9), .alreadyExists),
      (.keyAdd, named("bernd", key: 1), .alreadyExists),
      (.keyChange, named("admin", .viewer), .state),
      (.changeApprove, change, .notFound), (.changeApply, change, .notFound),
      (.changeConfirm, change, .notFound), (.reboot, [1], .malformed),
      // A key of zeros is none.
      (.keyAdd, named("bernd"), .invalidArgument),
    ]
    for (kind, payload, _) in cases {
      admin.send(&fixture, request(kind, payload))
      fixture.settle(card)
    }
    expect(try admin.answers(&fixture).map(\.status), cases.map(\.status.rawValue))
    let entries = fixture.auditEntries().filter { $0.code == .adminRefused }
    let details = cases.map { UInt64($0.kind.rawValue) | UInt64($0.status.rawValue) << 16 }
    // The second keyAdd is the same once more.
    expect(entries.map(\.detail), details.enumerated().filter { $0.offset != 3 }.map(\.element))
    expect(entries.map(\.count), [1, 1, 2, 1, 1, 1, 1, 1, 1])
    for entry in entries {
      #expect(entry.key == Name("admin") && entry.role == .admin)
      #expect(entry.address == IPv4(10, 0, 0, 9).value && entry.lane == .admin)
    }
  }

  /// What only the card can refuse is noted when it does.
  @Test func whatTheCardRefuses() throws {
    let card = try FakeCard.withKeys()
    var fixture = Fixture.with(card)
    let admin = try fixture.client(3)
    card.isReadOnly = true
    admin.send(&fixture, request(.keyRemove, remove("viewer")))
    fixture.settle(card)
    let entry = try #require(fixture.auditEntries().last { $0.code == .adminRefused })
    #expect(entry.detail >> 16 == UInt64(Status.storageUnavailable.rawValue))
    #expect(entry.key == Name("admin"))
  }

  @Test func everythingThatAKeyIsRefused() throws {
    var fixture = try Fixture.withKeys()
    let viewer = try fixture.client(1)
    viewer.send(&fixture, request(.keyList), request(.reboot), request(.keyList))
    fixture.turns(5)
    let entries = fixture.auditEntries().filter { $0.code == .roleRefused }
    expect(entries.map(\.detail), [Kind.keyList, .reboot].map { UInt64($0.rawValue) })
    expect(entries.map(\.count), [2, 1])
    expect(fixture.audit().contains(.adminRefused), false)
  }

  /// What is noted goes to the card at once: the power may go.
  @Test func aRefusalIsHandedOverAtOnce() throws {
    let card = try FakeCard.withKeys()
    var fixture = Fixture.with(card)
    let viewer = try fixture.client(1)
    viewer.send(&fixture, ping(id: 1))
    fixture.rest(card)
    let before = card.lanes[0].count
    viewer.send(&fixture, request(.keyList))
    fixture.turns(3)
    card.serve(&fixture)
    #expect(card.lanes[0].count == before + AuditEntry.size)
  }

  @Test func requestsBeyondARate() throws {
    var fixture = try Fixture.withKeys { $0.control.publicRequestRate = 5 }
    let viewer = try fixture.client(1)
    let stranger = fixture.loop.system.connect(from: IPv4(10, 0, 0, 7))
    for id in 0..<UInt32(KeyDefaults.rate + 3) {
      viewer.send(&fixture, ping(id: id))
      fixture.loop.system.peers[stranger]!.chunks.append(ping(id: id))
    }
    fixture.turns(500)
    expect(try viewer.answers(&fixture).map(\.status).filter { $0 != 0 }.count, 3)
    let entries = fixture.auditEntries().filter { $0.code == .rateRefused }
    expect(entries.map { $0.key }, [Name(), Name("viewer")])
    expect(entries.map(\.count), [KeyDefaults.rate - 2, 3])
    expect(entries.map(\.address), [IPv4(10, 0, 0, 7).value, IPv4(10, 0, 0, 9).value])
  }

  @Test func whoOpensAndClosesPairing() throws {
    let card = try FakeCard.withKeys()
    var fixture = Fixture.with(card)
    let admin = try fixture.client(3)
    admin.send(
      &fixture, request(.pairingOpen, MessageTests.encoded(PairingRequest(role: .viewer))),
      request(.pairingCancel))
    fixture.settle(card)
    let entries = Array(fixture.auditEntries().suffix(2))
    expect(entries.map(\.code.known), [.pairingOpened, .pairingClosed])
    for entry in entries {
      #expect(entry.key == Name("admin") && entry.address == IPv4(10, 0, 0, 9).value)
      #expect(entry.detail == UInt64(PairingState.code.rawValue))
    }
    fixture.loop.pressed(.short)
    fixture.pass(ms: Pairing.buttonMs + 10)
    let later = Array(fixture.auditEntries().suffix(2))
    expect(later.map(\.code.known), [.pairingOpened, .pairingClosed])
    #expect(later.map(\.detail) == [2, 2] && later.allSatisfy { $0.key.isEmpty })
  }

  /// A key is gone, and who had it is still known.
  @Test func whoHadAKey() throws {
    let card = try FakeCard.withKeys()
    var fixture = Fixture.with(card)
    let (admin, viewer) = (try fixture.client(3), try fixture.client(1))
    viewer.send(&fixture, ping(id: 1))
    admin.send(
      &fixture, request(.keyChange, named("operator", .admin)),
      request(.keyRemove, remove("viewer")),
      request(.keyRemove, remove("admin")))
    fixture.settle(card)
    let entries = fixture.auditEntries()
    let removed = entries.filter { $0.code == .keyRemoved }
    expect(removed.map { $0.key }, [Name("admin"), Name("admin")])
    expect(removed.map { $0.subject }, [Name("viewer"), Name("admin")])
    #expect(removed.allSatisfy { $0.role == .admin })
    let revoked = entries.filter { $0.code == .sessionRevoked }
    #expect(revoked.contains { $0.key == Name("viewer") } && revoked.count == 2)
    #expect(revoked.contains { $0.key == Name("admin") })
  }

  @Test func plainFramesThatAreNone() throws {
    var damaged = ping(id: 1, [1, 2, 3])
    damaged[33] ^= 1
    var large = ping(id: 1)
    large[16...17] = [0xFF, 0xFF]
    large.withUnsafeMutableBytes { frame in
      let sum = CRC32C.of(UnsafeRawBufferPointer(rebasing: frame[..<28]))
      frame.storeBytes(of: sum.littleEndian, toByteOffset: 28, as: UInt32.self)
    }
    let cases: [([UInt8], Status)] = [
      (damaged, .checksum), (large, .tooLarge), ([UInt8](repeating: 0x47, count: 40), .malformed),
    ]
    for (bytes, status) in cases {
      var fixture = try Fixture.withKeys()
      _ = fixture.loop.system.connect(from: IPv4(10, 0, 0, 7), bytes)
      fixture.turns(3)
      let entries = fixture.auditEntries()
      #expect(entries.map(\.code.known) == [.frameRefused])
      #expect(entries.map(\.detail) == [UInt64(status.rawValue)])
      #expect(entries.map(\.address) == [IPv4(10, 0, 0, 7).value])
    }
  }

  /// A client that changes its key all the time neither pushes anything out of the audit nor wears
  /// out the card.
  @Test func aClientMayChangeItsKeyOnceAMinute() throws {
    let card = try FakeCard.withKeys()
    var fixture = Fixture.with(card)
    let viewer = try fixture.client(1)
    let before = card.log.filter { $0 == .clients }.count
    for number in UInt8(20)..<60 {
      let key = MessageTests.encoded(KeyRotation(publicKey: SealedClient.publicKey(number)))
      viewer.send(&fixture, request(.keyRotate, id: UInt32(number), key))
    }
    fixture.turns(50)
    fixture.settle(card)
    let answers = try viewer.answers(&fixture)
    #expect(answers.filter { $0.status == 0 }.map(\.id) == [20])
    let refused = answers.filter { $0.status == Status.rateLimited.rawValue }
    #expect(refused.count == 39)
    let refusal = try #require(refused.first).payload.withUnsafeBytes { payload in
      var reader = ByteReader(payload)
      return Refusal(from: &reader)
    }
    #expect((1...60_000).contains(refusal.retryAfterMs))
    // That is of no other request.
    viewer.send(&fixture, request(.keyList))
    fixture.settle(card)
    let denied = try #require(try viewer.answers(&fixture).first)
    #expect(denied.status == Status.permission.rawValue)
    #expect(denied.payload[..<4].allSatisfy { $0 == 0 })
    #expect(card.log.filter { $0 == .clients }.count == before + 1)
    expect(fixture.audit().filter { $0.lane == .keys }, [.keyRotated])
    let counted = fixture.auditEntries().filter { $0.code == .keyRefused }
    expect(counted.map(\.count), [39])
    fixture.pass(ms: 60_000)
    viewer.send(
      &fixture,
      request(.keyRotate, MessageTests.encoded(KeyRotation(publicKey: SealedClient.publicKey(60)))))
    fixture.settle(card)
    expect(try viewer.answers(&fixture).map(\.status), [0])
    expect(fixture.auditEntries().filter { $0.code == .keyRotated }.map(\.count), [2])
  }
}
