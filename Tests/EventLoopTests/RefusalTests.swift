import Appliance
import Testing
import Wire

@testable import EventLoop

/// Who is refused is counted, and at which request that begins.
@Suite struct RefusalTests {
  private func statuses(_ fixture: borrowing Fixture, _ client: Int32) throws -> [UInt16] {
    let peer = try #require(fixture.loop.system.peers[client])
    return try #require(replies(peer.received)).map(\.status)
  }

  /// Where there is no place even for being told BUSY, a stranger is counted twice: by its reason,
  /// and as one that was told nothing.
  @Test func whoIsToldNothingIsCountedByItsReason() throws {
    var fixture = Fixture(slots: 8) { $0.control.publicSlots = 1 }
    let crowd = 1 + SessionLimits.trials + SessionLimits.refusals + 3
    var clients: [Int32] = []
    for number in 0..<crowd {
      let address = IPv4(192, 0, 2, UInt8(number))
      clients.append(fixture.loop.system.connect(from: address))
      if number == 0 { fixture.loop.system.peers[clients[0]]!.chunks.append(ping(id: 1)) }
      fixture.turns(2)
    }
    #expect(try statuses(fixture, clients[0]) == [0])
    #expect(fixture.loop.counters[.refusedSilently] == 3)
    #expect(fixture.loop.counters[.refusedPublic] == UInt64(SessionLimits.refusals) + 3)
    for client in clients.suffix(3) {
      let peer = try #require(fixture.loop.system.peers[client])
      #expect(peer.closed && peer.received.isEmpty)
    }
  }

  /// A picture that does not come is an answer that has failed.
  @Test func aPictureThatDoesNotComeIsCounted() throws {
    var fixture = PictureTests.fixture()
    let before = fixture.loop.counters[.requestsFailed]
    _ = fixture.loop.system.connect(PictureTests.snapshot(id: 3))
    fixture.turns(2)
    fixture.loop.system.answerPictures()
    fixture.turns(3)
    #expect(fixture.loop.counters[.requestsFailed] == before + 1)
    expect(fixture.loop.statistics.summary(Int(Kind.snapshot.rawValue)).errors, 1)
  }

  /// Whoever is told to wait is told for how long.
  @Test func refusalsTellWhenToComeBack() throws {
    var fixture = Fixture(slots: 1) { $0.control.publicRequestRate = 1 }
    let stranger = fixture.loop.system.connect(
      from: IPv4(192, 0, 2, 1), ping(id: 1) + ping(id: 2))
    fixture.turns(2)
    let busy = fixture.loop.system.connect(ping(id: 1))
    fixture.turns(2)
    for (client, status, ms) in [(stranger, .rateLimited, 100), (busy, .busy, 1000)]
      as [(Int32, Status, UInt32)]
    {
      let peer = try #require(fixture.loop.system.peers[client])
      let answer = try #require(replies(peer.received)?.last)
      let refusal = try answer.payload.withUnsafeBytes { try Refusal.decode($0) }
      #expect(answer.status == status.rawValue && refusal.retryAfterMs == ms)
    }
  }

  /// A connection that dies while one answer is sent takes the others along in the same turn:
  /// between two turns there are none for connections that are gone.
  @Test func whoDiesInTheMiddleLeavesNothing() throws {
    var fixture = PictureTests.fixture()
    var facts = StorageFacts()
    facts.state = .writable
    (facts.totalBytes, facts.freeBytes) = (1 << 40, 1 << 39)
    fixture.loop.step(.storageChanged(facts))
    let file = FileRequest(kind: .recording, camera: Text("cam"), name: Text("a.mp4"))
    let verify = request(.fileVerify, MessageTests.encoded(file))
    let client = fixture.loop.system.connect(PictureTests.snapshot(id: 1) + verify + verify)
    fixture.turns(3)
    #expect(fixture.loop.pictures.used == 1 && fixture.loop.jobs.used == 2)
    let entry = try #require(fixture.loop.system.jobs.keys.max())
    fixture.loop.system.answerJob(entry, .notFound)
    fixture.loop.system.peers[client]!.refusesSends = true
    fixture.turns(1)
    #expect(fixture.loop.system.peers[client]!.closed == true)
    #expect(fixture.loop.orphans == 0 && fixture.loop.system.askedPictures.isEmpty)
    #expect(fixture.loop.pictures.used == 0 && fixture.loop.jobs.used == 0)
  }

  /// A key without limits of its own: 200 requests a second and 16 connections. One for load tests
  /// has neither.
  @Test(arguments: [KeyFlags.none, .loadTest])
  func aKeyHasTheDefaultLimits(flags: KeyFlags) throws {
    var fixture = try Fixture.withKeys(slots: 32)
    try fixture.loop.access.keys.change(
      Name("viewer"), role: .viewer, limits: KeyLimits(flags: flags))
    var clients: [SealedClient] = []
    for number in 0..<17 as Range<UInt8> {
      let client = try fixture.client(1, from: IPv4(10, 0, 1, number))
      client.send(&fixture, ping(id: 1))
      fixture.turns(2)
      clients.append(client)
    }
    let isFree = flags == .loadTest
    let told = try clients.map { try $0.answers(&fixture).map(\.status) }
    #expect(told.dropLast().allSatisfy { $0 == [0] })
    #expect(told.last == (isFree ? [0] : [Status.busy.rawValue]))
    fixture.pass(ms: 1000)
    for id in 0..<201 as Range<UInt32> {
      clients[0].send(&fixture, ping(id: id))
      fixture.turns(1)
    }
    fixture.turns(2)
    let answers = try clients[0].answers(&fixture).map(\.status)
    #expect(answers.count == 201)
    #expect(answers.dropLast().allSatisfy { $0 == 0 })
    #expect(answers.last == (isFree ? 0 : Status.rateLimited.rawValue))
  }
}
