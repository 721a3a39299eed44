import Appliance
import Testing
import Wire

@testable import EventLoop

/// What a keeper that ends, or takes nothing, means for what is to be kept.
@Suite struct KeeperLossTests {
  /// A loop whose keeper has told that nothing is kept yet.
  private func begun() -> Fixture {
    var fixture = Fixture()
    fixture.loop.system.hasKeeper = true
    fixture.tell([.began, .said(fixture.blob(.clients)), .said(fixture.blob(.changes))])
    return fixture
  }

  @Test func aQueueThatStaysFullDoesNotKeepTheLoopBusy() {
    var fixture = begun()
    var requests = fixture.requests
    #expect(requests == [.hello, .pairing])
    fixture.loop.access.keys.reset()
    fixture.loop.accessWake = fixture.loop.now
    fixture.loop.system.hasKeeper = false
    let before = fixture.loop.counters[.loopTurns]
    fixture.pass(ms: 2000)
    let turns = fixture.loop.counters[.loopTurns] - before
    #expect(turns < 50)
    fixture.loop.system.hasKeeper = true
    fixture.pass(ms: 300)
    requests = fixture.requests
    #expect(requests.contains(.clients))
  }

  @Test func aFactoryResetIsAskedForUntilItIsDone() {
    var fixture = begun()
    fixture.loop.pressed(.long)
    var requests = fixture.requests
    #expect(requests.last == .forget)
    // The keeper dies with it.
    fixture.loop.system.asked = []
    fixture.tell([.ended, .began])
    requests = fixture.requests
    #expect(requests.contains(.forget))
    fixture.answer(.forget, .failing)
    fixture.pass(ms: KeptImage.retryMs)
    requests = fixture.requests
    #expect(requests.contains(.forget))
    // Whoever has come in since is kept again: a reset takes everything with it.
    fixture.answer(.forget, .done)
    fixture.pass(ms: 3 * KeptImage.retryMs)
    requests = fixture.requests
    #expect(requests.contains(.clients) && !requests.contains(.forget))
  }

  /// What the keeper says may end anywhere: the loop goes on.
  @Test(arguments: [KeeperReply.facts, .blob, .audit, .staged, .text, .done])
  func whatIsCutShortHarmsNobody(reply: KeeperReply) throws {
    var fixture = begun()
    for length in 0..<80 {
      fixture.tell([.said(fixture.message(reply) { $0.zero(length) })])
    }
    fixture.tell([.said([]), .said([reply.rawValue])])
    let client = fixture.loop.system.connect(ping(id: 3))
    fixture.turns(2)
    #expect(replies(fixture.loop.system.peers[client]!.received)?.map(\.id) == [3])
  }

  /// Another configuration is in force than the agent has begun with.
  @Test(arguments: [
    (KeeperFacts.Repair.notNeeded, false), (.finished, true), (.putBack, true), (.damaged, false),
  ])
  func aRepairThatChangedTheConfigurationIsFollowed(
    repair: KeeperFacts.Repair, reloads: Bool
  ) {
    var fixture = begun()
    var facts = KeeperFacts()
    (facts.place, facts.repair) = (.kept, repair)
    fixture.tell([.said(fixture.message(.facts) { facts.encode(into: &$0) })])
    fixture.turns(3)
    expect(fixture.loop.stopping, reloads ? .reload : nil)
  }

  /// A keeper that was started again carries a reset out that a person has asked for.
  @Test func keysThatTheCardHasForgottenHoldNoLonger() throws {
    var fixture = try Fixture.withKeys()
    fixture.loop.system.hasKeeper = true
    fixture.tell([.began])
    let client = try fixture.client(3)
    var facts = KeeperFacts()
    (facts.place, facts.reset) = (.kept, .carriedOut)
    fixture.tell([.said(fixture.message(.facts) { facts.encode(into: &$0) })])
    fixture.turns(3)
    let (isClosed, count) = (client.isClosed(fixture), fixture.loop.access.keys.count)
    #expect(isClosed && count == 0)
  }
}

extension Fixture {
  fileprivate mutating func tell(_ news: [FakeSystem.FakeNews]) {
    loop.system.keeperNews += news
    loop.system.extraReady = [.keeper]
    turns(2)
  }

  fileprivate var requests: [KeeperRequest] {
    loop.system.asked.compactMap { KeeperRequest(rawValue: $0[0]) }
  }

  fileprivate func message(
    _ reply: KeeperReply, _ body: (inout ByteWriter) -> Void
  ) -> [UInt8] {
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 256, alignment: 8)
    defer { memory.deallocate() }
    var writer = ByteWriter(memory)
    writer.write(reply.rawValue)
    writer.zero(KeeperMessage.replyHead - 1)
    body(&writer)
    return Array(writer.written)
  }

  fileprivate func blob(_ blob: Blob) -> [UInt8] {
    message(.blob) { BlobNews(blob).encode(into: &$0) }
  }

  /// Answers the newest request of a kind; `requests` are those that come then.
  fileprivate mutating func answer(_ request: KeeperRequest, _ outcome: KeeperOutcome) {
    let asked = loop.system.asked.last { $0[0] == request.rawValue } ?? []
    loop.system.asked = []
    var done = KeeperDone(outcome)
    done.number = (0..<4).reduce(0) { $0 | UInt32(asked[4 + $1]) << (8 * $1) }
    tell([.said(message(.done) { done.encode(into: &$0) })])
  }
}
