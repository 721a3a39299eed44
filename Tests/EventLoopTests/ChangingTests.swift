import Appliance
import Testing
import Wire

@testable import EventLoop

/// Changes of the configuration through the loop: the machine's own rules are tested with it.
@Suite struct ChangingTests {
  private func device(
    _ card: FakeCard, slots: Int = 8, startMs: UInt64 = 5000,
    _ settings: (inout Configuration) -> Void = { _ in }
  ) throws -> Fixture {
    var fixture = Fixture.with(card, slots: slots, startMs: startMs, settings)
    guard fixture.loop.access.keys.count == 0 else { return fixture }
    for number in [UInt8(3), 2, 1] {
      var name = Name("key-")
      name.append(decimal: UInt64(number))
      try SealedClient.bytes(number + 50).withUnsafeBytes { secret in
        _ = try fixture.loop.access.keys.add(
          name, SealedClient.publicKey(number), secret: secret, role: .admin,
          limits: KeyLimits(rate: 100_000, slots: 200), addedBy: Name(), unixMs: 0)
      }
    }
    fixture.loop.accessWake = fixture.loop.now
    fixture.settle(card)
    return fixture
  }

  private func encoded(_ payload: some Payload) -> [UInt8] {
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 512, alignment: 8)
    defer { memory.deallocate() }
    var writer = ByteWriter(memory)
    payload.encode(into: &writer)
    return Array(writer.written)
  }

  private func stage(_ version: String, _ text: String, id: UInt32 = 1) -> [UInt8] {
    let head = StageRequest(
      version: Array(version.utf8).withUnsafeBytes { Text($0) }, ring: Name("barns"))
    return request(.configurationStage, id: id, encoded(head) + Array(text.utf8))
  }

  private func decide(_ kind: Kind, _ change: UInt32, id: UInt32 = 2) -> [UInt8] {
    request(kind, id: id, encoded(ChangeRequest(id: change)))
  }

  private func change(_ reply: Reply?) throws -> ChangeEntry {
    let reply = try #require(reply)
    #expect(reply.status == 0)
    let payload = reply.payload
    return try payload.withUnsafeBytes { try ChangeEntry.decode($0) }
  }

  @Test func aChangeIsAppliedAndConfirmed() throws {
    let card = FakeCard()
    var id: UInt32 = 0
    do {
      var fixture = try device(card)
      let admin = try fixture.client(3)
      admin.send(&fixture, stage("v2", "name = stable\n"))
      fixture.settle(card)
      id = try change(admin.answers(&fixture).first).id
      admin.send(&fixture, decide(.changeApprove, id))
      fixture.settle(card)
      #expect(try change(admin.answers(&fixture).first).state == .approved)
      admin.send(&fixture, decide(.changeApply, id))
      fixture.settle(card)
      #expect(try change(admin.answers(&fixture).first).state == .applying)
      #expect(card.inForce == Array("name = stable\n".utf8))
      expect(fixture.loop.stopping, .reload)
    }
    var fixture = try device(card, startMs: 8000)
    let admin = try fixture.client(2)
    admin.send(&fixture, decide(.changeConfirm, id))
    fixture.settle(card)
    #expect(try change(admin.answers(&fixture).first).state == .confirmed)
    fixture.pass(ms: 2 * ChangeTiming.confirmMs)
    fixture.settle(card)
    #expect(card.inForce == Array("name = stable\n".utf8))
    let codes = fixture.audit().filter { $0.lane == .changes }
    #expect(codes == [.changeStaged, .changeApproved, .changeApplied, .changeConfirmed])
  }

  /// What has applied it still runs with what was there before, and shows nothing; and whoever goes
  /// on asking does not keep the device from beginning anew.
  @Test func nobodyConfirmsWhatIsNotInForceYet() throws {
    let card = FakeCard()
    var fixture = try device(card)
    let admin = try fixture.client(3)
    admin.send(&fixture, stage("v2", "name = stable\n"))
    fixture.settle(card)
    admin.send(&fixture, decide(.changeApprove, 1), decide(.changeApply, 1, id: 3))
    // The card has the change, and takes a text for the longest time.
    for _ in 0..<20 where card.inForce != Array("name = stable\n".utf8) {
      fixture.turns(2)
      card.serve(&fixture)
      if card.log.last == .apply { admin.send(&fixture, decide(.configurationText, 0, id: 4)) }
    }
    fixture.turns(2)
    for _ in 0..<8 {
      card.serveAllBut(.text, &fixture)
      fixture.turns(2)
    }
    fixture.pass(ms: 5)
    let young = try fixture.client(2)
    _ = try admin.answers(&fixture)
    young.send(&fixture, decide(.changeConfirm, 1))
    fixture.turns(4)
    #expect(try young.answers(&fixture).map(\.status) != [0])
    let state = fixture.loop.access.changes.entry(of: 1, now: fixture.loop.now)?.state
    let isWaiting = fixture.loop.decisions.used > 0
    #expect(state == Code(.unconfirmed) && isWaiting)
    expect(fixture.loop.stopping, nil)
    fixture.pass(ms: 2000)
    expect(fixture.loop.stopping, .reload)
  }

  @Test func unconfirmedItGoesBackByItself() throws {
    let card = FakeCard()
    do {
      var fixture = try device(card)
      let admin = try fixture.client(3)
      admin.send(&fixture, stage("v2", "network.address = 10.9.9.9/24\n"))
      fixture.settle(card)
      admin.send(&fixture, decide(.changeApprove, 1), decide(.changeApply, 1, id: 3))
      fixture.settle(card)
      expect(fixture.loop.stopping, .reload)
    }
    var fixture = try device(card, startMs: 8000)
    #expect(card.inForce.starts(with: Array("network".utf8)))
    fixture.pass(ms: ChangeTiming.confirmMs + 1000)
    fixture.settle(card)
    #expect(card.inForce == Array("name = barn\n".utf8))
    let last = fixture.audit().last
    expect(fixture.loop.stopping, .reload)
    expect(last, .changeRolledBack)
  }

  /// Who gets the device next is not surprised by what the former owner has not confirmed.
  @Test func aFactoryResetTakesBackWhatIsUnconfirmed() throws {
    let card = FakeCard()
    do {
      var fixture = try device(card)
      let admin = try fixture.client(3)
      admin.send(&fixture, stage("v2", "name = theirs\n"), stage("v3", "name = next\n", id: 2))
      fixture.settle(card)
      admin.send(&fixture, decide(.changeApprove, 1), decide(.changeApply, 1, id: 3))
      fixture.settle(card)
      expect(fixture.loop.stopping, .reload)
    }
    var fixture = try device(card, startMs: 8000)
    #expect(card.inForce == Array("name = theirs\n".utf8))
    let (before, open) = (fixture.loop.stopping, fixture.loop.access.changes.openCount)
    #expect(before == nil && open == 2)
    fixture.loop.pressed(.long)
    fixture.settle(card)
    #expect(card.inForce == Array("name = barn\n".utf8))
    expect(fixture.loop.stopping, .reload)
    expect(fixture.loop.access.changes.openCount, 0)
    // In the next life nothing is left to be rolled back, or to be read by the new owner.
    var later = Fixture.with(card, startMs: 12_000)
    later.pass(ms: 2 * ChangeTiming.confirmMs)
    later.settle(card)
    let (stopping, entries) = (later.loop.stopping, later.loop.access.changes.openCount)
    #expect(stopping == nil && entries == 0 && card.inForce == Array("name = barn\n".utf8))
    let hasEnded = later.loop.access.changes.entry(of: 1, now: later.loop.now) != nil
    #expect(!hasEnded)
  }

  /// Where a second key must agree, nobody changes anything alone.
  @Test func anotherKeyMustAgree() throws {
    let card = FakeCard()
    var fixture = try device(card) { $0.access.approvals = 1 }
    let (stager, other) = (try fixture.client(3), try fixture.client(2))
    stager.send(&fixture, stage("v2", "name = stable\n"))
    fixture.settle(card)
    let id = try change(stager.answers(&fixture).first).id
    stager.send(&fixture, decide(.changeApprove, id), decide(.changeApply, id, id: 3))
    fixture.settle(card)
    let refused = try stager.answers(&fixture).map(\.status)
    #expect(refused == [Status.permission.rawValue, Status.state.rawValue])
    #expect(card.inForce == Array("name = barn\n".utf8))
    other.send(&fixture, decide(.changeApprove, id))
    fixture.settle(card)
    #expect(try change(other.answers(&fixture).first).state == .approved)
    stager.send(&fixture, decide(.changeApply, id))
    fixture.settle(card)
    #expect(try change(stager.answers(&fixture).first).state == .applying)
    #expect(card.inForce == Array("name = stable\n".utf8))
  }

  /// One person does not agree with herself in a hurry: neither with a key that she has given
  /// herself after staging, nor with one that she has only now made an admin's. Who was let in
  /// before agrees, whoever it was that did: a first admin lets in everybody.
  @Test(arguments: [false, true]) func nobodyAgreesWithHerself(isRestarted: Bool) throws {
    let card = FakeCard()
    var fixture = try device(card, slots: 32) { $0.access.approvals = 1 }
    func give(_ number: UInt8, _ name: StaticString, _ role: Role, by: StaticString) throws {
      try SealedClient.bytes(number + 50).withUnsafeBytes { secret in
        _ = try fixture.loop.access.keys.add(
          Name(name), SealedClient.publicKey(number), secret: secret, role: role,
          addedBy: Name(by), unixMs: 0)
      }
    }
    try give(12, "before", .admin, by: "key-3")
    try give(13, "late", .operator, by: "key-2")
    let stager = try fixture.client(3)
    stager.send(&fixture, stage("v2", "name = stable\n"))
    fixture.settle(card)
    let id = try change(stager.answers(&fixture).first).id
    try give(14, "after", .admin, by: "key-2")
    try fixture.loop.access.keys.change(Name("late"), role: .admin, limits: KeyLimits())
    fixture.loop.accessWake = fixture.loop.now
    fixture.settle(card)
    if isRestarted { fixture = try device(card, startMs: 8000) { $0.access.approvals = 1 } }
    for number in [13, 14] as [UInt8] {
      fixture.pass(ms: 500)
      let client = try fixture.client(number, from: IPv4(10, 0, 0, number))
      client.send(&fixture, decide(.changeApprove, id))
      fixture.settle(card)
      #expect(try client.answers(&fixture).map(\.status) == [Status.permission.rawValue])
    }
    fixture.pass(ms: 500)
    let client = try fixture.client(12, from: IPv4(10, 0, 0, 12))
    client.send(&fixture, decide(.changeApprove, id))
    fixture.settle(card)
    #expect(try change(client.answers(&fixture).first).state == .approved)
  }

  /// The audit knows whose doing it was also when that client is gone before the card has it.
  @Test func theAuditTellsWhoAndFromWhere() throws {
    let card = FakeCard()
    var fixture = try device(card)
    let stager = try fixture.client(3, from: IPv4(10, 0, 0, 3))
    let decider = try fixture.client(2, from: IPv4(10, 0, 0, 2))
    stager.send(&fixture, stage("v2", "name = stable\n"))
    fixture.settle(card)
    card.hangs = true
    decider.send(&fixture, decide(.changeApprove, 1))
    fixture.settle(card)
    fixture.loop.system.peers[decider.peer]!.ended = true
    fixture.turns(3)
    card.hangs = false
    fixture.settle(card)
    stager.send(&fixture, decide(.changeApply, 1))
    fixture.settle(card)
    let entries = fixture.auditEntries(.changes)
    #expect(entries.map(\.role) == Array(repeating: Code(Role.admin), count: 3))
    #expect(entries.map(\.key) == [Name("key-3"), Name("key-2"), Name("key-3")])
    let (three, two) = (IPv4(10, 0, 0, 3), IPv4(10, 0, 0, 2))
    #expect(entries.map(\.address) == [three, two, three].map(\.value))
  }

  /// The message with the text is lost, and the card holds one of an earlier change of this id.
  @Test func anotherTextThanTheOneThatWasStagedIsRefused() throws {
    let card = FakeCard()
    var fixture = try device(card)
    let admin = try fixture.client(3)
    admin.send(&fixture, stage("v2", "name = stable\n"))
    card.losesTexts = true
    card.texts[1] = Array("name = older\n".utf8)
    fixture.settle(card)
    let entry = fixture.loop.access.changes.entry(of: 1, now: fixture.loop.now)
    #expect(entry?.state == Code(.refused) && entry?.reason == Code(.textLost))
  }

  /// Whoever finds all places taken is told when to ask again.
  @Test func busyTellsUntilWhen() throws {
    let card = FakeCard()
    var fixture = try device(card)
    let admin = try fixture.client(3)
    for number in 0...UInt32(Limits.openChanges) {
      admin.send(&fixture, stage("v\(number)", "name = n\(number)\n", id: number))
    }
    fixture.settle(card)
    let refused = try admin.answers(&fixture).filter { $0.status != 0 }
    #expect(refused.map(\.status) == [Status.busy.rawValue])
    let waits = refused.map { reply in
      reply.payload.withUnsafeBytes { bytes in
        var reader = ByteReader(bytes)
        return Refusal(from: &reader).retryAfterMs
      }
    }
    #expect(waits == [200])
  }

  @Test func aWrongTextSaysWhere() throws {
    let card = FakeCard()
    var fixture = try device(card)
    let admin = try fixture.client(3)
    admin.send(&fixture, request(.configurationCheck, id: 1, Array("wrong = 1\n".utf8)))
    admin.send(&fixture, request(.configurationCheck, id: 2, Array("name = a\n".utf8)))
    fixture.settle(card)
    let proofs = try admin.answers(&fixture).map { reply in
      try reply.payload.withUnsafeBytes { try ConfigurationProof.decode($0) }
    }
    #expect(proofs.map(\.line) == [1, 0] && proofs.map(\.column) == [2, 0])
    admin.send(&fixture, stage("v3", "wrong = 1\n"))
    fixture.settle(card)
    admin.send(&fixture, request(.changeHistory, id: 5))
    fixture.settle(card)
    let history = try #require(try admin.answers(&fixture).last)
    let entries = try history.payload.withUnsafeBytes { bytes in
      var (head, reader) = try ChangeListHead.open(bytes)
      return (0..<head.count).map { _ in ChangeEntry(from: &reader) }
    }
    #expect(entries.map(\.state) == [Code(.refused)] && entries[0].line == 1)
  }

  @Test func textsAreToldOneAfterTheOther() throws {
    let card = FakeCard()
    var fixture = try device(card)
    let admin = try fixture.client(3)
    admin.send(&fixture, stage("v2", "name = stable\n"))
    fixture.settle(card)
    _ = try admin.answers(&fixture)
    for id in 1...6 as ClosedRange<UInt32> {
      admin.send(&fixture, decide(.configurationText, id.isMultiple(of: 2) ? 1 : 0, id: id))
    }
    for _ in 0..<4 { fixture.settle(card) }
    let answers = try admin.answers(&fixture).sorted { $0.id < $1.id }
    let texts = answers.map { String(decoding: $0.payload, as: UTF8.self) }
    #expect(texts == (0..<3).flatMap { _ in ["name = barn\n", "name = stable\n"] })
  }

  /// 100 clients stage and 50 decide, all in the same turns: each is answered once, each decision
  /// is taken once, and what is answered is on the card.
  @Test func aHundredAtOnce() throws {
    let card = FakeCard()
    var fixture = try device(card, slots: 256)
    var clients: [SealedClient] = []
    for number in UInt8(0)..<75 {
      // No faster than handshakes are taken.
      fixture.pass(ms: 50)
      for key in [3, 2] as [UInt8] {
        let client = try fixture.client(key, from: IPv4(10, 0, 1, number))
        client.send(&fixture, ping(id: 0))
        fixture.turns(2)
        expect(try client.answers(&fixture).map(\.status), [0])
        clients.append(client)
      }
    }
    var staged: [UInt32] = []
    var decided: [UInt32: Int] = [:]
    var refused = 0
    for round in 0..<10 {
      for (index, client) in clients[..<100].enumerated() {
        client.send(&fixture, stage("r\(round)-\(index)", "name = n\(index)\n"))
      }
      fixture.settle(card)
      for client in clients[..<100] {
        let reply = try #require(try client.answers(&fixture).only)
        if reply.status == 0 {
          staged.append(try change(reply).id)
        } else {
          #expect(reply.status == Status.busy.rawValue)
        }
      }
      let open = staged.suffix(8)
      for (index, client) in clients[100...].enumerated() {
        let id = open[open.startIndex + index % open.count]
        // The first ones decide; in the last round all approve, and the changes stay.
        let approves = round == 9 || (index >= open.count && index.isMultiple(of: 2))
        client.send(&fixture, decide(approves ? .changeApprove : .changeReject, id))
      }
      fixture.settle(card)
      for client in clients[100...] {
        let reply = try #require(try client.answers(&fixture).only)
        guard reply.status == 0 else {
          #expect(reply.status == Status.state.rawValue)
          refused += 1
          continue
        }
        decided[try change(reply).id, default: 0] += 1
      }
    }
    clients[0].send(&fixture, request(.changeList))
    fixture.settle(card)
    let list = try #require(try clients[0].answers(&fixture).only)
    let states = try list.payload.withUnsafeBytes { bytes in
      var (head, reader) = try ChangeListHead.open(bytes)
      return (0..<head.count).map { _ in ChangeEntry(from: &reader).state }
    }
    #expect(states == Array(repeating: Code(.approved), count: 8))
    #expect(staged == Array(1...UInt32(staged.count)) && staged.count == 80)
    #expect(decided.keys.sorted() == staged && decided.values.allSatisfy { $0 == 1 })
    #expect(refused == 10 * 50 - 80)
  }
}

extension Array {
  /// The one element; nil: there is none, or more than one.
  fileprivate var only: Element? { count == 1 ? self[0] : nil }
}
