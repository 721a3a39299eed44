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

  /// Who reads the log of the boot before wants to know what had happened.
  @Test func eventsAreLinesOfTheLog() throws {
    var fixture = Fixture()
    fixture.turns(2)
    #expect(fixture.loop.system.kept.contains { $0.contains(" event systemStarted") })
    let before = fixture.loop.system.kept.count
    let details = ["", "sends no more pictures"]
    for (value, detail) in details.enumerated() {
      var event = Event(.cameraStatus, value: UInt32(value))
      event.subject.append("cam")
      for byte in detail.utf8 { event.detail.append(byte) }
      fixture.loop.log(event)
    }
    fixture.loop.log(Event(.alertChanged, value: 1))
    let kept = fixture.loop.system.kept[before...].map { $0.drop { $0 != " " } }
    #expect(
      kept == [" event cameraStatus cam\n", " event cameraStatus cam 1 sends no more pictures\n"])
  }

  @Test(arguments: [
    (7, "0.007"), (999, "0.999"), (1000, "1.000"), (12_045, "12.045"), (86_400_999, "86400.999"),
  ])
  func linesBeginWithTheirSecond(ms: UInt64, told: String) {
    var fixture = Fixture()
    fixture.loop.now = Instant(ms: ms)
    fixture.loop.log(LogLine(.info, Text<160>("a line")))
    #expect(fixture.loop.system.kept.last == told + " info a line\n")
  }

  /// A camera that fails for days must not push everything else out of the log.
  @Test func whatHappensAgainAndAgainIsLoggedNowAndThen() {
    var fixture = Fixture()
    fixture.turns(2)
    let before = fixture.loop.system.kept.count
    let start = fixture.loop.now
    // A day of a camera that comes and goes every ten seconds, and another one that went once.
    for second in stride(from: UInt64(0), to: 86_400, by: 10) {
      fixture.loop.now = start + 1000 * second
      for (code, subject) in [(EventCode.cameraStatus, "bad"), (.cameraRecovery, "bad")] {
        var event = Event(code, value: UInt32(second))
        for byte in subject.utf8 { event.subject.append(byte) }
        fixture.loop.log(event)
      }
    }
    var other = Event(.cameraStatus)
    for byte in "other".utf8 { other.subject.append(byte) }
    fixture.loop.log(other)
    let lines = fixture.loop.system.kept[before...]
    #expect(lines.last?.hasSuffix(" event cameraStatus other\n") == true)
    let status = lines.dropLast().filter { $0.contains("cameraStatus") }
    #expect(status.prefix(16).allSatisfy { !$0.contains("left out") })
    // One in ten minutes, and every event is in a line or counted by one.
    #expect((140...160).contains(status.count), "\(status.count)")
    let left = status.compactMap { line in
      line.firstMatch(of: /\((\d+) like it left out before\)/).flatMap { Int($0.1) }
    }
    #expect((8580...8640).contains(status.count + left.reduce(0, +)))
  }

  /// More kinds of events than there are accounts: the ones heard of longest ago begin anew.
  @Test func accountsAreBounded() {
    var fixture = Fixture()
    fixture.turns(2)
    let before = fixture.loop.system.kept.count
    for round in 0..<20 {
      for number in 0..<(EventThrift.capacity + 50) {
        var event = Event(.streamStatus)
        for byte in "s\(number)".utf8 { event.subject.append(byte) }
        fixture.loop.now = fixture.loop.now + 1
        fixture.loop.log(event)
      }
      #expect(fixture.loop.system.kept.count - before == (round + 1) * (EventThrift.capacity + 50))
    }
  }

  @Test func everyEventHasTheWordOfItsCode() {
    let codes = (0...UInt16.max).compactMap { EventCode(rawValue: $0) }
    #expect(codes.count > 20)
    for code in codes { #expect(code.word.description == "\(code)") }
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

  /// More events in one turn than the ring holds, before those who lag behind are served: whoever
  /// asks then, or leaves, has lost the oldest.
  @Test func whatWasOverwrittenIsCountedAtOnce() throws {
    var fixture = Fixture()
    let asks = fixture.loop.system.connect(subscribe(.cameras))
    let leaves = fixture.loop.system.connect(subscribe(.cameras))
    let unsubscribes = fixture.loop.system.connect(subscribe(.cameras))
    fixture.turns(2)
    for number in 0..<753 { publish(&fixture, .cameraStatus, number) }
    fixture.loop.system.peers[asks]!.chunks.append(request(.subscriptionStatistics, id: 3))
    fixture.loop.system.peers[leaves]!.broken = true
    let all = withUnsafeBytes(of: Topics.all.rawValue.littleEndian) { Array($0) } + [0, 0, 0, 0]
    fixture.loop.system.peers[unsubscribes]!.chunks.append(request(.unsubscribe, id: 4, all))
    fixture.turns(1)
    let answers = try #require(replies(fixture.loop.system.peers[asks]!.received))
    let answer = try #require(answers.first { $0.id == 3 })
    let told = try answer.payload.withUnsafeBytes { try SubscriptionStatistics.decode($0) }
    let lost = UInt64(753 - EventRing.capacity)
    #expect(told.delivered == 0 && told.queued == UInt32(EventRing.capacity))
    #expect(told.missed == lost)
    // With its next event it is told as well, and not counted twice.
    let got = try events(fixture.loop.system.peers[asks]!)
    #expect(got.first?.missed == UInt32(lost) && got.count == EventRing.capacity)
    let total = fixture.loop.events.missedTotal
    #expect(total == 3 * lost, "of who has left, and who wants none any more, as well")
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
