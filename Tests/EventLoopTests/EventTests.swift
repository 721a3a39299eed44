import Appliance
import Testing
import Wire

@testable import EventLoop

@Suite struct EventTests {
  @Test func subscribersGetTheirTopicsInOrder() throws {
    var fixture = Fixture()
    let cameras = fixture.loop.system.connect(subscribe(.cameras))
    let all = fixture.loop.system.connect(subscribe(.all))
    let none = fixture.loop.system.connect(ping(id: 1))
    fixture.turns(2)
    for number in 0..<10 {
      publish(&fixture, number.isMultiple(of: 2) ? .cameraConnected : .streamStatus, number)
    }
    fixture.turns(1)
    #expect(try values(fixture.loop.system.peers[cameras]!) == [0, 2, 4, 6, 8])
    let everything = try events(fixture.loop.system.peers[all]!)
    let wanted = [UInt32](0..<10)
    #expect(everything.map(\.value) == wanted)
    let first = try #require(everything.first).sequence
    for (offset, event) in everything.enumerated() {
      #expect(event.sequence == first + UInt64(offset))
      #expect(event.missed == 0)
    }
    #expect(try values(fixture.loop.system.peers[none]!) == [])
  }

  /// A slow subscriber loses the oldest events, is told how many of its own with the next one, and
  /// delays nobody.
  @Test func aSlowSubscriberIsToldWhatItMissed() throws {
    var fixture = Fixture()
    let slow = fixture.loop.system.connect(subscribe(.cameras))
    let quick = fixture.loop.system.connect(subscribe(.cameras))
    fixture.turns(2)
    fixture.loop.system.peers[slow]!.budget = 0
    for number in 0..<3000 {
      publish(&fixture, .cameraStatus, number)
      publish(&fixture, .streamStatus, number)
      if number % 50 == 0 { fixture.turns(1) }
    }
    fixture.turns(1)
    let wanted = [UInt32](0..<3000)
    #expect(try values(fixture.loop.system.peers[quick]!) == wanted)
    fixture.loop.system.peers[slow]!.budget = .max
    fixture.turns(4)
    let got = try events(fixture.loop.system.peers[slow]!)
    var next: UInt32 = 0
    for event in got {
      #expect(event.value == next + event.missed)
      next = event.value + 1
    }
    #expect(next == 3000)
    var missed = 0
    for event in got { missed += Int(event.missed) }
    #expect(missed > 0)
    #expect(missed + got.count == 3000)
    #expect(fixture.loop.events.missedTotal == UInt64(3000 - got.count))
  }

  /// Events never tear an answer apart, also when the client takes single bytes.
  @Test func eventsAndAnswersDoNotMix() throws {
    var fixture = Fixture()
    let client = fixture.loop.system.connect(subscribe(.all))
    fixture.turns(2)
    fixture.loop.system.peers[client]!.budget = 0
    for number in 0..<60 {
      publish(&fixture, .cameraStatus, number)
      fixture.loop.system.peers[client]!.chunks.append(ping(id: UInt32(number)))
    }
    for _ in 0..<40_000 {
      fixture.loop.system.peers[client]!.budget = 3
      fixture.turns(1)
    }
    let frames = try #require(replies(fixture.loop.system.peers[client]!.received))
    let pings = frames.filter { $0.kind == Kind.ping.rawValue }.map(\.id)
    let wanted = [UInt32](0..<60)
    #expect(pings == wanted)
    #expect(try values(fixture.loop.system.peers[client]!) == wanted)
  }

  /// More subscribers than are served in one turn: everybody gets everything, and a ping beside
  /// them waits for no more than a turn.
  @Test func aCrowdIsServedInTurns() throws {
    var fixture = Fixture(slots: 700)
    var crowd: [Int32] = []
    for _ in 0..<600 { crowd.append(fixture.loop.system.connect(subscribe(.all))) }
    fixture.turns(12)
    #expect(fixture.loop.sessions.subscribers == 600)
    publish(&fixture, .cameraStatus, 1)
    let asker = fixture.loop.system.connect(ping(id: 4))
    fixture.turns(2)
    #expect(replies(fixture.loop.system.peers[asker]!.received)?.map(\.id) == [4])
    // Some leave in the middle of the round.
    for client in crowd[0..<100] { fixture.loop.system.peers[client]!.broken = true }
    fixture.turns(4)
    for client in crowd[100...] {
      #expect(try values(fixture.loop.system.peers[client]!) == [1])
    }
  }

  @Test func statisticsCountWhatHappened() throws {
    var fixture = Fixture()
    let client = fixture.loop.system.connect(subscribe(.cameras))
    fixture.turns(2)
    for number in 0..<5 { publish(&fixture, .cameraStatus, number) }
    fixture.turns(1)
    fixture.loop.system.peers[client]!.chunks.append(request(.subscriptionStatistics, id: 3))
    fixture.turns(1)
    let answers = try #require(replies(fixture.loop.system.peers[client]!.received))
    let last = try #require(answers.last)
    let statistics = try last.payload.withUnsafeBytes { try SubscriptionStatistics.decode($0) }
    #expect(statistics.delivered == 5)
    #expect(statistics.missed == 0)
    #expect(statistics.queued == 0)
    #expect(statistics.subscribers == 1)
    #expect(statistics.topics == .cameras)
  }

  private func publish(_ fixture: inout Fixture, _ code: EventCode, _ number: Int) {
    fixture.loop.events.publish(
      Event(code, value: UInt32(number)), now: fixture.loop.now, unixMs: 0)
    fixture.loop.beginSweep()
  }

  private func values(_ peer: FakeSystem.Peer) throws -> [UInt32] {
    try events(peer).map(\.value)
  }

  private func events(_ peer: FakeSystem.Peer) throws -> [EventMessage] {
    let frames = try #require(replies(peer.received))
    return try frames.filter { $0.kind == Kind.event.rawValue }.map { frame in
      try frame.payload.withUnsafeBytes { try EventMessage.decode($0) }
    }
  }
}
