import Appliance
import Testing
import Wire

@testable import EventLoop

/// What `metrics` tells, number by number.
@Suite struct MetricsTests {
  /// What a client is told that asks now.
  private func metrics(_ fixture: inout Fixture) throws -> MetricValues {
    let client = fixture.loop.system.connect(request(.metrics))
    fixture.turns(3)
    let answer = try #require(replies(fixture.loop.system.peers[client]!.received)?.first)
    fixture.loop.system.peers[client]!.ended = true
    fixture.turns(1)
    return try answer.payload.withUnsafeBytes { try MetricValues.decode($0) }
  }

  @Test func refusedFramesAreCounted() {
    var fixture = Fixture()
    var damaged = ping(id: 1, [7])
    damaged[Limits.headerSize] ^= 1
    let client = fixture.loop.system.connect(damaged)
    fixture.turns(2)
    #expect(fixture.loop.counters[.framesRefused] == 1)
    #expect(fixture.loop.counters[.closedProtocolError] == 0)
    fixture.loop.system.peers[client]!.chunks.append([1, 2, 3, 4])
    fixture.turns(2)
    #expect(fixture.loop.counters[.framesRefused] == 2)
    #expect(fixture.loop.counters[.closedProtocolError] == 1)
  }

  /// Those that ask included.
  @Test func bytesAndConnectionsAreCounted() throws {
    var fixture = Fixture()
    let asked = ping(id: 1, [7, 8]) + request(.health)
    let client = fixture.loop.system.connect(asked)
    fixture.turns(2)
    let answered = fixture.loop.system.peers[client]!.received.count
    let first = try metrics(&fixture)
    #expect(first[.bytesReceived] == UInt64(asked.count + Limits.headerSize))
    #expect(first[.bytesSent] == UInt64(answered))
    #expect(first[.connectionsOpen] == 2 && first[.connectionsAccepted] == 2)
    #expect(first[.connectionsPeak] == 2 && first[.closedByPeer] == 0)
    let second = try metrics(&fixture)
    let size = UInt64(Limits.headerSize + MetricValues.size)
    #expect(second[.bytesSent] == UInt64(answered) + size)
    #expect(second[.connectionsOpen] == 2 && second[.connectionsAccepted] == 3)
    #expect(second[.connectionsPeak] == 2 && second[.closedByPeer] == 1)
  }

  /// Whoever ends a connection: while it is heard, while it is told something, and at once.
  @Test func thoseWhoLeaveAreCounted() {
    var fixture = Fixture()
    let clients = (0..<3).map { _ in fixture.loop.system.connect(subscribe(.health)) }
    fixture.turns(2)
    fixture.loop.system.peers[clients[0]]!.ended = true
    fixture.turns(1)
    #expect(fixture.loop.counters[.closedByPeer] == 1)
    fixture.loop.system.peers[clients[1]]!.broken = true
    fixture.turns(1)
    #expect(fixture.loop.counters[.closedByPeer] == 2)
    fixture.loop.events.publish(Event(.healthChanged), now: fixture.loop.now, unixMs: 0)
    fixture.loop.beginSweep()
    fixture.loop.system.peers[clients[2]]!.broken = true
    fixture.loop.deliverEvents()
    #expect(fixture.loop.counters[.closedByPeer] == 3)
  }

  @Test func eventsAndMessagesAreCounted() throws {
    var fixture = Fixture()
    _ = fixture.loop.system.connect(subscribe(.cameras | .messages))
    let slow = fixture.loop.system.connect(subscribe(.cameras | .messages))
    let publisher = fixture.loop.system.connect()
    fixture.turns(2)
    let before = try metrics(&fixture)
    for place in 0..<3 {
      var effects = Event(.cameraStatus, value: UInt32(place))
      effects.subject = Name("front")
      fixture.loop.effects.removeAll()
      fixture.loop.effects.append(.publish(effects))
      fixture.loop.executeAll()
    }
    fixture.turns(2)
    let events = try metrics(&fixture)
    #expect(events[.eventsPublished] - before[.eventsPublished] == 3)
    #expect(events[.eventsDelivered] - before[.eventsDelivered] == 6)
    #expect(events[.eventsMissed] == 0 && events[.subscribers] == 2)
    #expect(events[.logLines] - before[.logLines] == 3)
    fixture.loop.system.peers[slow]!.budget = 0
    let head = MessageTests.encoded(PublishPart(total: 8, offset: 0, count: 8))
    for number in 0..<300 as Range<UInt32> {
      let message = request(.publish, id: number, head + [UInt8](repeating: 1, count: 8))
      fixture.loop.system.peers[publisher]!.chunks.append(message)
      fixture.turns(1)
    }
    fixture.loop.system.peers[slow]!.budget = .max
    fixture.turns(4)
    let messages = try metrics(&fixture)
    #expect(messages[.messagesPublished] == 300)
    #expect(messages[.messagesDelivered] + messages[.messagesMissed] == 600)
    #expect(messages[.messagesMissed] > 0 && messages[.messagesMissed] <= 300 - 256 + 1)
  }

  /// What is under way is told as it is.
  @Test func gaugesAreAsTheyAre() throws {
    var fixture = PictureTests.fixture()
    var facts = StorageFacts()
    facts.state = .writable
    (facts.totalBytes, facts.freeBytes) = (1 << 40, 1 << 39)
    fixture.loop.step(.storageChanged(facts))
    fixture.turns(2)
    let file = FileRequest(kind: .recording, camera: Text("cam"), name: Text("a.mp4"))
    let verify = request(.fileVerify, MessageTests.encoded(file))
    fixture.loop.system.jobWorkers = 1
    _ = fixture.loop.system.connect(verify + verify + verify)
    _ = fixture.loop.system.connect(PictureTests.snapshot(id: 1) + PictureTests.snapshot(id: 2))
    fixture.turns(3)
    let first = try metrics(&fixture)
    #expect(first[.jobsRunning] == 1 && first[.jobsWaiting] == 2 && first[.picturesPending] == 2)
    #expect(first[.jobWaitMs] == 0 && first[.buffersLent] == 0 && first[.buffersAwaited] == 0)
    // The second waits for half a second, the third for a second and a half.
    for (ms, waited) in [(500, 500), (1000, 1500)] as [(UInt64, UInt64)] {
      fixture.pass(ms: ms)
      let entry = try #require(fixture.loop.system.jobs.keys.first)
      fixture.loop.system.answerJob(entry, .notFound)
      fixture.turns(3)
      #expect(try metrics(&fixture)[.jobWaitMs] == waited)
    }
    // One that does not wait is the newest, and not the longest.
    fixture.loop.system.jobWorkers = 2
    _ = fixture.loop.system.connect(verify)
    fixture.turns(3)
    let last = try metrics(&fixture)
    #expect(last[.jobWaitMs] == 0 && last[.jobWaitLongestMs] == 1500)
  }

  @Test func buffersAreTold() throws {
    var fixture = Fixture(slots: 80)
    for _ in 0..<300 { fixture.loop.log(LogLine(.info, Text("a line of the agent's own log"))) }
    for number in 0..<70 as Range<UInt32> {
      fixture.loop.system.peers[fixture.loop.system.connect(logTail(id: number))]!.budget = 0
      fixture.turns(2)
    }
    #expect(fixture.loop.counters[.connectionsPeak] == 70)
    let lent = UInt64(Buffers.pooled - fixture.loop.buffers.free)
    let awaited = UInt64(fixture.loop.buffers.waiting)
    #expect(lent >= 63 && awaited >= 6 && lent + awaited == 70)
    var values = MetricValues()
    fixture.loop.fillStatistics(&values)
    #expect(values[.buffersLent] == lent && values[.buffersAwaited] == awaited)
  }

  /// What the last second was like.
  @Test func ratesAreThoseOfTheLastSecond() throws {
    var fixture = Fixture(slots: 32)
    fixture.loop.system.machine.cores = 4
    fixture.pass(ms: 1000)
    fixture.turns(1)
    fixture.loop.system.sendUs = 2000
    for number in 0..<6 as Range<UInt32> {
      _ = fixture.loop.system.connect(ping(id: number) + ping(id: number))
    }
    fixture.turns(2)
    fixture.loop.system.sendUs = 0
    fixture.loop.system.machine.busyMs += 300
    fixture.loop.system.machine.wholeMs += 4000
    for core in 0..<8 { fixture.loop.system.machine.coreBusyMs[core] = 100 + UInt64(core) }
    fixture.pass(ms: 1000)
    fixture.turns(1)
    var values = MetricValues()
    fixture.loop.fillStatistics(&values)
    #expect(values[.cores] == 4 && values[.coresBusyPermille] == 75)
    for core in 0..<8 { #expect(values[core: core] == 100 + UInt64(core)) }
    #expect(values[.core0BusyMs] == 100 && values[.core7BusyMs] == 107)
    #expect((11...12).contains(values[.requestsPerSecond]))
    #expect((5...6).contains(values[.connectionsPerSecond]))
    #expect((11_000...13_000).contains(values[.answersP95Us]))
    #expect(fixture.loop.counters[.longestTurnUs] == 12_000)
  }
}
