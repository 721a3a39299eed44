import Appliance
import Testing
import Wire

@testable import EventLoop

@Suite struct ConnectionTests {
  /// Beyond the slots everybody is told BUSY, the first ones as soon as they show that they have no
  /// key, and beyond the places for that the backlog waits.
  @Test func busyArrivesAndTheRestWaits() throws {
    var fixture = Fixture(slots: 4)
    var clients: [Int32] = []
    for id in 0..<100 { clients.append(fixture.loop.system.connect(ping(id: UInt32(id)))) }
    fixture.turns(4)
    #expect(fixture.loop.sessions.placed == 4)
    #expect(fixture.loop.sessions.used == 4 + SessionLimits.trials)
    #expect(fixture.loop.sessions.refusing == SessionLimits.refusals)
    #expect(fixture.loop.system.backlog.count == 100 - 4 - SessionLimits.beyond)
    #expect(fixture.loop.system.backlogWatched == false)
    for client in clients[4..<(4 + SessionLimits.beyond)] {
      let peer = fixture.loop.system.peers[client]!
      let answers = try #require(replies(peer.received))
      #expect(answers.map(\.status) == [Status.busy.rawValue])
      #expect(answers[0].kind == Kind.connection.rawValue)
      #expect(peer.shutDown && !peer.closed)
      #expect(peer.chunks.isEmpty, "its input is thrown away")
    }
    // Those that were told make room for the others, at the latest when the time is over.
    fixture.pass(ms: 3 * SessionLimits.lingerMs)
    for client in clients[4...] {
      let answers = try #require(replies(fixture.loop.system.peers[client]!.received))
      #expect(answers.map(\.status) == [Status.busy.rawValue])
      #expect(fixture.loop.system.peers[client]!.closed == true)
    }
    #expect(fixture.loop.counters[.refusedBusy] == 96)
  }

  @Test func aFreedSlotServesAgain() {
    var fixture = Fixture(slots: 1)
    let first = fixture.loop.system.connect()
    fixture.turns(2)
    fixture.loop.system.peers[first]!.ended = true
    fixture.turns(1)
    #expect(fixture.loop.system.peers[first]!.closed == true)
    let second = fixture.loop.system.connect(ping(id: 9))
    fixture.turns(2)
    #expect(replies(fixture.loop.system.peers[second]!.received)?.first?.id == 9)
  }

  /// An event for a connection that is gone must not touch its successor in the slot.
  @Test func staleEventsAreDropped() {
    var fixture = Fixture(slots: 1)
    let first = fixture.loop.system.connect()
    fixture.turns(2)
    let old = fixture.loop.system.peers[first]!
    fixture.loop.system.peers[first]!.ended = true
    fixture.turns(1)
    let second = fixture.loop.system.connect()
    fixture.turns(2)
    #expect(fixture.loop.system.peers[second]!.slot == old.slot)
    for readiness: Readiness in [.readable, .writable, .broken] {
      fixture.loop.system.extraReady = [
        .connection(slot: old.slot, generation: old.generation, readiness)
      ]
      fixture.turns(1)
    }
    #expect(fixture.loop.system.peers[second]!.closed == false)
  }

  /// 64 clients that do not read hold all large buffers: the 65th waits for its large answer, small
  /// ones are served all the while, and in the end everybody has everything.
  @Test func exhaustedPoolMakesLargeAnswersWait() throws {
    var fixture = Fixture(slots: 200)
    for _ in 0..<300 { fixture.loop.log(LogLine(.info, Text("a line of the agent's own log"))) }
    var clients: [Int32] = []
    for id in 0..<100 {
      clients.append(fixture.loop.system.connect(logTail(id: UInt32(id)) + ping(id: 1000)))
      fixture.loop.system.peers[clients[id]]!.budget = 0
    }
    fixture.turns(6)
    #expect(fixture.loop.buffers.free <= 1)
    #expect(fixture.loop.buffers.waiting > 0)
    let small = fixture.loop.system.connect(ping(id: 5) + request(.health, id: 6))
    fixture.turns(2)
    #expect(replies(fixture.loop.system.peers[small]!.received)?.map(\.id) == [5, 6])
    for client in clients { fixture.loop.system.peers[client]!.budget = .max }
    fixture.turns(20)
    for (id, client) in clients.enumerated() {
      let answers = try #require(replies(fixture.loop.system.peers[client]!.received))
      #expect(answers.map(\.id) == [UInt32(id), 1000])
    }
    #expect(fixture.loop.buffers.free == Buffers.pooled)
    #expect(fixture.loop.buffers.waiting == 0)
  }

  /// What fits into a slot's own buffer takes none of the large ones.
  @Test(arguments: [0, 1, 2]) func theLastLargeBufferIsEnoughForOneOfTwo(free: Int) {
    var fixture = Fixture(slots: 80)
    for _ in 0..<300 { fixture.loop.log(LogLine(.info, Text("a line of the agent's own log"))) }
    for id in 0..<UInt32(Buffers.pooled - free) {
      fixture.loop.system.peers[fixture.loop.system.connect(logTail(id: id))]!.budget = 0
      fixture.turns(2)
    }
    expect(fixture.loop.buffers.free, free)
    let own = Buffers.slotSize
    let cases: [(input: Int, output: Int, buffers: Int)] = [
      (own, 0, 0), (0, own, 0), (1, own - 1, 0), (1, own, 1), (own, own, 1),
      (own, Limits.frameSize, 1), (Limits.frameSize, own, 1), (own + 1, own + 1, 2),
      (0, Limits.frameSize + 1, Buffers.pooled),
    ]
    for (input, output, buffers) in cases {
      let fits = fixture.loop.buffers.fits(input: input, output: output)
      #expect(fits == (buffers <= free), "\(input) and \(output)")
    }
  }

  /// Answers that fill a large buffer to its last byte.
  @Test func everyByteOfALargeBufferIsUsed() throws {
    var fixture = Fixture()
    var requests: [UInt8] = []
    for (id, size) in [64, 64, 32].enumerated() {
      requests += ping(id: UInt32(id), [UInt8](repeating: 7, count: size))
    }
    for id in 3..<59 { requests += request(.health, id: UInt32(id)) }
    let clients = (0..<2).map { _ in fixture.loop.system.connect(requests) }
    for client in clients { fixture.loop.system.peers[client]!.budget = 0 }
    fixture.turns(3)
    expect(fixture.loop.buffers.free, Buffers.pooled - 2)
    for client in clients { fixture.loop.system.peers[client]!.budget = .max }
    fixture.turns(3)
    for client in clients {
      let received = fixture.loop.system.peers[client]!.received
      #expect(received.count == Limits.frameSize)
      #expect(try #require(replies(received)).map(\.id) == Array(0..<59))
    }
  }

  /// Clients that vanish while they wait or hold buffers give everything back.
  @Test func brokenClientsGiveBuffersBack() {
    var fixture = Fixture(slots: 200)
    for _ in 0..<300 { fixture.loop.log(LogLine(.info, Text("a line of the agent's own log"))) }
    var clients: [Int32] = []
    for id in 0..<100 {
      clients.append(fixture.loop.system.connect(logTail(id: UInt32(id)) + logTail(id: 1000)))
      fixture.loop.system.peers[clients[id]]!.budget = id % 3 == 0 ? 100 : 0
    }
    fixture.turns(6)
    for client in clients { fixture.loop.system.peers[client]!.broken = true }
    fixture.turns(4)
    #expect(fixture.loop.sessions.used == 0)
    #expect(fixture.loop.buffers.free == Buffers.pooled)
    #expect(fixture.loop.buffers.waiting == 0)
  }

  /// A flood on one connection costs another one no more than a turn.
  @Test func aFloodDoesNotStarveOthers() {
    var fixture = Fixture()
    var flood: [UInt8] = []
    for id in 0..<20_000 { flood += ping(id: UInt32(id)) }
    let greedy = fixture.loop.system.connect(flood)
    fixture.turns(2)
    let modest = fixture.loop.system.connect(ping(id: 77))
    fixture.turns(2)
    #expect(replies(fixture.loop.system.peers[modest]!.received)?.map(\.id) == [77])
    #expect(fixture.loop.system.peers[greedy]!.chunks.isEmpty == false)
    fixture.turns(60)
    #expect(replies(fixture.loop.system.peers[greedy]!.received)?.count == 20_000)
  }

  /// Without descriptors the backlog waits without the loop spinning, and is served afterwards.
  @Test func exhaustedDescriptorsLeaveTheBacklogAlone() {
    var fixture = Fixture()
    fixture.loop.system.exhausted = true
    let client = fixture.loop.system.connect(ping(id: 3))
    fixture.turns(1)
    #expect(fixture.loop.system.backlogWatched == false)
    fixture.loop.system.exhausted = false
    fixture.pass(ms: 300)
    #expect(replies(fixture.loop.system.peers[client]!.received)?.map(\.id) == [3])
    #expect(fixture.loop.system.backlogWatched == true)
  }

  // MARK: Deadlines

  /// A byte now and then does not prolong a frame's deadline.
  @Test func anUnfinishedFrameIsEndedInTime() throws {
    var fixture = Fixture { $0.control.frameTimeoutMs = 1000 }
    let frame = ping(id: 1)
    let client = fixture.loop.system.connect([frame[0]])
    for index in 1..<12 {
      fixture.pass(ms: 100)
      if fixture.loop.system.peers[client]!.shutDown {
        #expect(index >= 10)
        break
      }
      fixture.loop.system.peers[client]!.chunks.append([frame[index]])
    }
    let peer = fixture.loop.system.peers[client]!
    #expect(peer.shutDown)
    #expect(replies(peer.received)?.map(\.status) == [Status.timeout.rawValue])
    fixture.pass(ms: 300)
    #expect(fixture.loop.system.peers[client]!.closed == true)
    #expect(fixture.loop.counters[.closedFrameTimeout] == 1)
  }

  @Test func silenceEndsAConnectionUnlessItSubscribes() {
    var fixture = Fixture { $0.control.idleTimeoutMs = 2000 }
    let silent = fixture.loop.system.connect()
    let subscriber = fixture.loop.system.connect(subscribe(.all))
    let talker = fixture.loop.system.connect()
    for _ in 0..<10 {
      fixture.pass(ms: 500)
      fixture.loop.system.peers[talker]!.chunks.append(ping(id: 1))
    }
    #expect(fixture.loop.system.peers[silent]!.closed == true)
    #expect(
      replies(fixture.loop.system.peers[silent]!.received)?.map(\.status)
        == [Status.timeout.rawValue])
    #expect(fixture.loop.system.peers[subscriber]!.closed == false)
    #expect(fixture.loop.system.peers[talker]!.closed == false)
    #expect(fixture.loop.counters[.closedIdle] == 1)
  }

  @Test func whoDoesNotReadIsEnded() {
    var fixture = Fixture { $0.control.writeTimeoutMs = 3000 }
    let client = fixture.loop.system.connect(ping(id: 1))
    fixture.loop.system.peers[client]!.budget = 5
    fixture.pass(ms: 2900)
    #expect(fixture.loop.system.peers[client]!.closed == false)
    fixture.pass(ms: 200)
    #expect(fixture.loop.system.peers[client]!.closed == true)
    #expect(fixture.loop.counters[.closedWriteTimeout] == 1)
  }
}
