import Appliance
import Testing
import Wire

@testable import EventLoop

/// Messages of a client to all subscribers.
@Suite struct MessageTests {
  /// A message's requests, each with as many bytes as `sizes` says in turn.
  private static func publish(
    _ message: [UInt8], id: UInt32 = 1, by size: Int = PublishPart.capacity
  )
    -> [[UInt8]]
  {
    stride(from: 0, to: message.count, by: size).map { offset in
      let bytes = Array(message[offset..<min(offset + size, message.count)])
      let head = PublishPart(
        total: UInt32(message.count), offset: UInt32(offset), count: UInt32(bytes.count))
      return request(.publish, id: id, encoded(head) + bytes)
    }
  }

  static func encoded(_ payload: some Payload) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: 4096) { buffer, count in
      var writer = ByteWriter(UnsafeMutableRawBufferPointer(buffer))
      payload.encode(into: &writer)
      count = writer.count
    }
  }

  private static func noise(_ count: Int, _ seed: UInt64) -> [UInt8] {
    (0..<count).map { UInt8(((UInt64($0) << 8 | seed) &* 0x9E37_79B9_7F4A_7C15) >> 56) }
  }

  /// What a subscriber has understood of its bytes: whole messages by number, and losses.
  private struct Understood {
    var messages: [UInt64: [UInt8]] = [:]
    var order: [UInt64] = []
    var missed: UInt32 = 0
    var broken = 0
    var pings: [UInt32] = []

    init(_ bytes: [UInt8]) throws {
      var current: [UInt8] = []
      var sequence: UInt64 = 0
      for frame in try #require(replies(bytes)) {
        guard frame.kind == Kind.message.rawValue else {
          if frame.kind == Kind.ping.rawValue { pings.append(frame.id) }
          continue
        }
        #expect(frame.id == 0, "nobody has asked for it")
        let (part, content) = try frame.payload.withUnsafeBytes {
          let (part, content) = try MessagePart.open($0)
          return (part, [UInt8](content))
        }
        missed += part.missed
        guard part.total > 0 else { continue }
        if part.offset == 0 {
          if !current.isEmpty { broken += 1 }
          (current, sequence) = ([], part.sequence)
        }
        #expect(part.sequence == sequence && Int(part.offset) == current.count)
        current += content
        if current.count == Int(part.total) {
          messages[sequence] = current
          order.append(sequence)
          current = []
        }
      }
    }
  }

  @Test(arguments: [1, 64, MessagePart.capacity, MessagePart.capacity + 1, 100_000, 2 << 20])
  func allSubscribersGetAllOfIt(size: Int) throws {
    var fixture = Fixture()
    let listeners = (0..<3).map { _ in fixture.loop.system.connect(subscribe(.messages)) }
    let other = fixture.loop.system.connect(subscribe(.health))
    fixture.turns(2)
    let message = Self.noise(size, 1)
    let publisher = fixture.loop.system.connect()
    fixture.turns(2)
    fixture.loop.system.peers[publisher]!.chunks = Self.publish(message)
    fixture.turns(160)
    for listener in listeners {
      let peer = try #require(fixture.loop.system.peers[listener])
      #expect(try Understood(peer.received).messages == [1: message])
    }
    #expect(try Understood(fixture.loop.system.peers[other]!.received).messages.isEmpty)
    let answers = try #require(replies(fixture.loop.system.peers[publisher]!.received))
    #expect(answers.allSatisfy { $0.status == 0 })
    let reply = try answers.last!.payload.withUnsafeBytes { try PublishReply.decode($0) }
    #expect(reply == PublishReply(sequence: 1, subscribers: 3))
    let isIdle = fixture.loop.messages.isIdle
    #expect(isIdle)
    // Large ones leave no memory behind, a second later.
    #expect(fixture.loop.system.discarded == 0)
    fixture.pass(ms: 2500)
    #expect((fixture.loop.system.discarded >= size) == (size > 64 * 1024))
  }

  /// Whatever a connection takes at a time, frames stay whole, and a ping gets through between two.
  @Test(arguments: [1, 7, 1000, 16_383, 16_384, 16_385, 40_000])
  func everyCutOfAConnection(step: Int) throws {
    var fixture = Fixture()
    let listener = fixture.loop.system.connect(subscribe(.messages))
    let publisher = fixture.loop.system.connect()
    fixture.turns(2)
    let messages = [Self.noise(50_000, 2), Self.noise(10, 3), Self.noise(17_000, 4)]
    fixture.loop.system.peers[listener]!.budget = 0
    fixture.loop.system.peers[publisher]!.chunks = messages.flatMap { Self.publish($0, by: 9000) }
    fixture.turns(20)
    fixture.loop.system.peers[listener]!.chunks.append(ping(id: 77))
    for _ in 0..<200_000 / step + 40 {
      fixture.loop.system.peers[listener]!.budget = step
      fixture.turns(1)
    }
    let understood = try Understood(fixture.loop.system.peers[listener]!.received)
    #expect(understood.order == [1, 2, 3])
    #expect(understood.messages == [1: messages[0], 2: messages[1], 3: messages[2]])
    #expect(understood.pings == [77] && understood.missed == 0)
    let isIdle = fixture.loop.messages.isIdle
    #expect(isIdle)
  }

  /// One that does not read delays nobody, and learns what it has lost.
  @Test func aSlowSubscriberLosesAndIsTold() throws {
    var fixture = Fixture()
    let slow = fixture.loop.system.connect(subscribe(.messages))
    let quick = fixture.loop.system.connect(subscribe(.messages))
    let publisher = fixture.loop.system.connect()
    fixture.turns(2)
    fixture.loop.system.peers[slow]!.budget = 20
    let count = 1000
    for number in 0..<count {
      fixture.loop.system.peers[publisher]!.chunks.append(
        contentsOf: Self.publish(Self.noise(64, UInt64(number)), id: UInt32(number)))
      fixture.turns(2)
    }
    let answers = try #require(replies(fixture.loop.system.peers[publisher]!.received))
    #expect(answers.count == count && answers.allSatisfy { $0.status == 0 })
    #expect(
      try Understood(fixture.loop.system.peers[quick]!.received).order
        == (1...UInt64(count)).map { $0 })
    fixture.loop.system.peers[slow]!.budget = .max
    fixture.turns(10)
    let late = try Understood(fixture.loop.system.peers[slow]!.received)
    // The one that it was in the middle of, and what was still there.
    #expect(late.order.first == 1 && late.order.last == UInt64(count))
    #expect(late.order.count + Int(late.missed) == count)
    #expect(late.missed >= UInt32(count - MessageRing.capacity - 1))
    let missedTotal = fixture.loop.messages.missedTotal
    #expect(missedTotal == UInt64(late.missed))
  }

  /// What it has lost counts, also when it leaves without having been told.
  @Test func whoLeavesHasLostAllTheSame() throws {
    var fixture = Fixture()
    let slow = fixture.loop.system.connect(subscribe(.messages))
    let publisher = fixture.loop.system.connect()
    fixture.turns(2)
    fixture.loop.system.peers[slow]!.budget = 20
    for number in 0..<1000 {
      fixture.loop.system.peers[publisher]!.chunks.append(
        contentsOf: Self.publish(Self.noise(64, UInt64(number)), id: UInt32(number)))
      fixture.turns(2)
    }
    fixture.loop.system.peers[slow]!.broken = true
    fixture.turns(2)
    let missedTotal = fixture.loop.messages.missedTotal
    #expect(missedTotal >= UInt64(1000 - MessageRing.capacity - 1) && missedTotal < 1000)
  }

  /// Many that are stuck in the middle of large messages: buffers for some of them, the end for the
  /// others, and the publisher goes on.
  @Test func whoeverPinsARoomTooLongIsClosed() throws {
    var fixture = Fixture(slots: 200)
    let stuck = (0..<100).map { _ in fixture.loop.system.connect(subscribe(.messages)) }
    let publisher = fixture.loop.system.connect()
    fixture.turns(4)
    for client in stuck { fixture.loop.system.peers[client]!.budget = 5000 }
    func publish() throws -> UInt16? {
      fixture.loop.system.peers[publisher]!.chunks = Self.publish(Self.noise(2 << 20, 5))
      fixture.turns(200)
      return try replies(fixture.loop.system.peers[publisher]!.received)?.last?.status
    }
    #expect(try publish() == 0)
    #expect(try publish() == 0)
    // Both fill the ring. At first the stuck ones may have reasons; a second later they have none.
    #expect(try publish() == Status.state.rawValue)
    let first = try #require(replies(fixture.loop.system.peers[publisher]!.received))
    #expect(first.contains { $0.status == Status.busy.rawValue })
    fixture.pass(ms: 1000)
    #expect(try publish() == 0)
    let closed = stuck.filter { fixture.loop.system.peers[$0]!.closed }.count
    #expect(closed > 0 && closed <= 100 - Buffers.pooled / 2)
    #expect(fixture.loop.counters[.closedWriteTimeout] == UInt64(closed))
  }

  /// While there are buffers to spare, a message finds its room at once, and whoever is stuck in
  /// the middle of an older one gets the frame that it has begun.
  @Test func whoIsStuckHoldsNobodyUp() throws {
    var fixture = Fixture()
    let stuck = (0..<2).map { _ in fixture.loop.system.connect(subscribe(.messages)) }
    let publisher = fixture.loop.system.connect()
    fixture.turns(2)
    // One in the middle of the first message, one in the middle of the second.
    let size = MessagePart.wireSize(1 << 20)
    for (client, budget) in zip(stuck, [5000, size + 5000]) {
      fixture.loop.system.peers[client]!.budget = budget
    }
    // The last one takes the room of both.
    for (number, size) in [(1, 1), (2, 1), (3, 2), (4, 2)] as [(UInt64, Int)] {
      fixture.loop.system.peers[publisher]!.chunks = Self.publish(Self.noise(size << 20, number))
      fixture.turns(200)
    }
    let answers = try #require(replies(fixture.loop.system.peers[publisher]!.received))
    #expect(answers.allSatisfy { $0.status == 0 })
    for client in stuck { fixture.loop.system.peers[client]!.budget = .max }
    fixture.turns(40)
    for (client, first) in zip(stuck, [1, 2] as [UInt64]) {
      let late = try #require(replies(fixture.loop.system.peers[client]!.received))
      let begun = try late.filter { $0.kind == Kind.message.rawValue }.map {
        try $0.payload.withUnsafeBytes { bytes in
          let (part, content) = try MessagePart.open(bytes)
          return (part, Array(content))
        }
      }
      let frame = try #require(begun.last { $0.0.sequence == first && $0.0.missed == 0 })
      let offset = Int(frame.0.offset)
      let message = Self.noise(1 << 20, first)
      #expect(frame.1 == Array(message[offset..<(offset + frame.1.count)]))
      #expect(begun.last?.0.sequence == 4)
    }
    expect(fixture.loop.buffers.free, Buffers.pooled)
  }

  /// A message that pushes all others out and never becomes whole leaves nothing behind.
  @Test func anUploadThatIsGivenUpLeavesNothing() throws {
    var fixture = Fixture()
    let slow = fixture.loop.system.connect(subscribe(.messages))
    let publisher = fixture.loop.system.connect()
    fixture.turns(2)
    fixture.loop.system.peers[slow]!.budget = 5000
    for (number, size) in [(1, 1_400_000), (2, 2 << 20)] as [(UInt64, Int)] {
      fixture.loop.system.peers[publisher]!.chunks = Self.publish(Self.noise(size, number))
      fixture.turns(200)
    }
    fixture.loop.system.peers[publisher]!.chunks = [Self.publish(Self.noise(2 << 20, 3))[0]]
    fixture.turns(5)
    let isEmpty = fixture.loop.messages.oldest == fixture.loop.messages.next
    #expect(isEmpty)
    fixture.loop.system.peers[publisher]!.ended = true
    fixture.turns(2)
    fixture.loop.system.peers[slow]!.budget = .max
    fixture.turns(10)
    let late = try Understood(fixture.loop.system.peers[slow]!.received)
    #expect(late.missed == 2 && late.messages.isEmpty)
    let isIdle = fixture.loop.messages.isIdle
    #expect(isIdle)
    fixture.pass(ms: 2500)
    #expect(fixture.loop.system.discarded > 3 << 20)
  }

  @Test func partsMustFollowEachOther() throws {
    var fixture = Fixture()
    let publisher = fixture.loop.system.connect()
    let other = fixture.loop.system.connect()
    fixture.turns(2)
    let parts = Self.publish(Self.noise(30, 6), by: 10)
    fixture.loop.system.peers[publisher]!.chunks = [parts[0], parts[2]]
    fixture.loop.system.peers[other]!.chunks = [parts[1]]
    fixture.turns(3)
    func statuses(_ client: Int32) throws -> [UInt16] {
      try #require(replies(fixture.loop.system.peers[client]!.received)).map(\.status)
    }
    #expect(try statuses(publisher) == [0, Status.state.rawValue])
    #expect(try statuses(other) == [Status.state.rawValue])
    // Only one message at a time, until its connection ends.
    fixture.loop.system.peers[other]!.chunks = [parts[0]]
    fixture.turns(2)
    #expect(try statuses(other).last == Status.busy.rawValue)
    fixture.loop.system.peers[publisher]!.ended = true
    fixture.turns(2)
    fixture.loop.system.peers[other]!.chunks = parts
    fixture.turns(4)
    #expect(try statuses(other).suffix(3) == [0, 0, 0])
  }

  @Test func strangersPublishNothing() throws {
    var fixture = Fixture()
    let stranger = fixture.loop.system.connect(
      from: IPv4(192, 0, 2, 1), Self.publish([1, 2, 3])[0])
    fixture.turns(2)
    let answers = try #require(replies(fixture.loop.system.peers[stranger]!.received))
    #expect(answers.map(\.status) == [Status.permission.rawValue])
  }
}
