import Appliance
import Testing
import Wire

@testable import EventLoop

/// Changes of the configuration through the loop: the machine's own rules are tested with it.
@Suite struct ChangingTests {
  private func device(
    _ card: FakeCard, slots: Int = 8, _ settings: (inout Configuration) -> Void = { _ in }
  ) throws -> Fixture {
    var fixture = Fixture.with(card, slots: slots, settings)
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
    var fixture = try device(card)
    // Only a connection that is younger than the change shows anything.
    fixture.pass(ms: 1000)
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
    var fixture = try device(card)
    #expect(card.inForce.starts(with: Array("network".utf8)))
    fixture.pass(ms: ChangeTiming.confirmMs + 1000)
    fixture.settle(card)
    #expect(card.inForce == Array("name = barn\n".utf8))
    let last = fixture.audit().last
    expect(fixture.loop.stopping, .reload)
    expect(last, .changeRolledBack)
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
        // The first ones decide; of the last round, the changes stay.
        let approves = index < open.count ? round == 9 : index.isMultiple(of: 2)
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
