import Appliance
import Testing
import Wire

@testable import EventLoop

@Suite struct RequestTests {
  /// Twenty devices, each read for 5 ms: a client waits for one of them, not for all.
  @Test func slowSourcesLetClientsThrough() throws {
    var fixture = Fixture()
    let client = fixture.loop.system.connect()
    fixture.turns(2)
    fixture.loop.system.inputUs = 5000
    fixture.loop.system.inputs = [Input](
      repeating: .networkChanged(address: IPv4(192, 0, 2, 1), linkUp: true), count: 20)
    for id in 1...4 as ClosedRange<UInt32> {
      fixture.loop.system.peers[client]!.chunks.append(ping(id: id))
      let before = fixture.loop.system.timeUs
      fixture.turns(1)
      #expect(fixture.loop.system.timeUs - before == 5000)
      let answers = try #require(replies(fixture.loop.system.peers[client]!.received))
      #expect(answers.map(\.id) == Array(1...id))
    }
    #expect(fixture.loop.system.inputs.count == 16)
    // Quick ones are taken by the batch.
    fixture.loop.system.inputUs = 10
    fixture.turns(1)
    #expect(fixture.loop.system.inputs.isEmpty)
  }

  /// Processes start between the turns' other work, and before they get a signal.
  @Test func processesStartOneByOne() throws {
    var spawns = Spawns()
    spawns.append(.spawnProbe(slot: 1, life: 1, node: Text("video0")))
    spawns.append(.spawnFeed(slot: 1, life: 1))
    spawns.append(.spawnFeed(slot: 2, life: 7))
    #expect(spawns.remove(.feed(slot: 1), life: 2) == nil)
    #expect(spawns.remove(.probe(slot: 2), life: 7) == nil)
    #expect(spawns.remove(.feed(slot: 1), life: 1) == .spawnFeed(slot: 1, life: 1))
    #expect(spawns.removeFirst() == .spawnProbe(slot: 1, life: 1, node: Text("video0")))
    for life in 0..<UInt32(Spawns.capacity - 1) { spawns.append(.spawnMediaServer(life: life)) }
    #expect(spawns.removeFirst() == .spawnFeed(slot: 2, life: 7))
    #expect(spawns.remove(.mediaServer, life: 3) == .spawnMediaServer(life: 3))
    #expect(
      (0..<3).map { _ in spawns.removeFirst() } == (0..<3).map { .spawnMediaServer(life: $0) })
    #expect(spawns.removeFirst() == .spawnMediaServer(life: 4))
    #expect(spawns.count == Spawns.capacity - 6)
  }

  @Test func pipelinedRequestsAreAnsweredInOrderByOneSend() throws {
    var fixture = Fixture()
    var all: [UInt8] = []
    for id in 0..<40 { all += ping(id: UInt32(id), [UInt8(id)]) }
    let client = fixture.loop.system.connect(all)
    fixture.turns(2)
    let peer = try #require(fixture.loop.system.peers[client])
    let answers = try #require(replies(peer.received))
    let wanted = [UInt32](0..<40)
    #expect(answers.map(\.id) == wanted)
    #expect(answers.allSatisfy { $0.status == 0 && $0.payload == [UInt8($0.id)] })
    #expect(peer.sends == 1)
  }

  /// Every split of a stream of requests into two readings gives the same answers.
  @Test func everySplitIntoTwoReadings() throws {
    let stream =
      ping(id: 1, [1, 2, 3]) + request(.health, id: 2) + subscribe(.health)
      + request(.cameraList, id: 4)
    for cut in 1..<stream.count {
      var fixture = Fixture()
      let client = fixture.loop.system.connect(Array(stream[..<cut]), Array(stream[cut...]))
      fixture.turns(3)
      let answers = try #require(replies(fixture.loop.system.peers[client]!.received))
      #expect(answers.map(\.id) == [1, 2, 1, 4], "cut at \(cut)")
      #expect(answers.allSatisfy { $0.status == 0 }, "cut at \(cut)")
    }
  }

  /// However little a client takes at a time, it gets every byte once and in order.
  @Test(arguments: [1, 7, 31, 32, 33, 500, 1535, 1536, 1537])
  func everyWriteInPieces(step: Int) throws {
    var fixture = Fixture()
    for _ in 0..<100 { fixture.loop.log(LogLine(.info, Text("a line of the agent's own log"))) }
    var stream: [UInt8] = []
    for id in 0..<6 { stream += ping(id: UInt32(3 * id)) + logTail(id: UInt32(3 * id + 1)) }
    let client = fixture.loop.system.connect(stream)
    fixture.loop.system.peers[client]!.budget = 0
    for _ in 0..<80_000 {
      fixture.turns(1)
      if fixture.loop.system.peers[client]!.interest == .readable,
        fixture.loop.system.peers[client]!.chunks.isEmpty, fixture.loop.sessions.used == 1,
        fixture.loop.system.peers[client]!.received.count > 0
      {
        break
      }
      fixture.loop.system.peers[client]!.budget = step
    }
    let answers = try #require(replies(fixture.loop.system.peers[client]!.received))
    let wanted: [UInt32] = [0, 1, 3, 4, 6, 7, 9, 10, 12, 13, 15, 16]
    #expect(answers.map(\.id) == wanted)
    #expect(fixture.loop.buffers.free == Buffers.pooled)
  }

  @Test func strangersMayPingAndAskForHealthOnly() throws {
    for kind: Kind in [.ping, .health] {
      #expect(try status(of: request(kind), from: IPv4(10, 9, 8, 7)) == .ok)
    }
    for kind: Kind in [
      .serverInfo, .cameraList, .streamList, .metrics, .reboot, .shutdown, .mediaServer,
      .subscriptionStatistics,
    ] {
      #expect(try status(of: request(kind), from: IPv4(10, 9, 8, 7)) == .permission)
    }
    #expect(try status(of: subscribe(.all), from: IPv4(10, 9, 8, 7)) == .permission)
    #expect(try status(of: logTail(id: 1), from: IPv4(10, 9, 8, 7)) == .permission)
  }

  private func status(of frame: [UInt8], from address: IPv4) throws -> Status {
    var fixture = Fixture()
    let client = fixture.loop.system.connect(from: address, frame)
    fixture.turns(2)
    let answers = try #require(replies(fixture.loop.system.peers[client]!.received))
    try #require(answers.count == 1)
    return try #require(Status(rawValue: answers[0].status))
  }

  /// What leaves no frame boundary to trust is told, and the connection ends in order.
  @Test func badStreamsAreToldAndEnded() throws {
    var wrongSum = ping(id: 1)
    wrongSum[9] ^= 1
    for stream in [Array("GET / HTTP/1.1\r\n\r\n".utf8), wrongSum, [0x57, 0x50, 0x4F, 0x54]] {
      var fixture = Fixture()
      let client = fixture.loop.system.connect(stream)
      fixture.turns(2)
      var peer = fixture.loop.system.peers[client]!
      let answers = try #require(replies(peer.received))
      #expect(answers.count == 1 && answers[0].status != 0)
      #expect(peer.shutDown && !peer.closed)
      fixture.pass(ms: SessionLimits.lingerMs + 40)
      peer = fixture.loop.system.peers[client]!
      #expect(peer.closed)
      #expect(fixture.loop.sessions.used == 0)
    }
  }

  @Test func aChangedPayloadIsRefusedAndTheConnectionGoesOn() throws {
    var fixture = Fixture()
    var wrong = ping(id: 1, [1, 2, 3])
    wrong[wrong.count - 1] ^= 0x80
    let client = fixture.loop.system.connect(wrong + ping(id: 2))
    fixture.turns(2)
    let answers = try #require(replies(fixture.loop.system.peers[client]!.received))
    #expect(answers.map(\.status) == [Status.checksum.rawValue, 0])
    #expect(answers.map(\.id) == [1, 2])
  }

  /// What is left of a reading is the beginning of the next one.
  @Test func framesThatCrossReadingsAreWhole() throws {
    var fixture = Fixture()
    let flood = (0..<2000).flatMap { ping(id: UInt32($0), [UInt8($0 % 251)]) }
    let client = fixture.loop.system.connect(flood)
    fixture.turns(8)
    let answers = try #require(replies(fixture.loop.system.peers[client]!.received))
    let wanted = [UInt32](0..<2000)
    #expect(answers.map(\.id) == wanted)
    #expect(answers.allSatisfy { $0.payload == [UInt8($0.id % 251)] })
  }

  /// A refusal that does not fit at once arrives before the connection ends.
  @Test func theLastWordsAreTakenInPieces() throws {
    var fixture = Fixture()
    let client = fixture.loop.system.connect(ping(id: 1) + Array("GET / HTTP/1.1\r\n\r\n".utf8))
    fixture.loop.system.peers[client]!.budget = 5
    fixture.turns(2)
    #expect(fixture.loop.system.peers[client]!.shutDown == false)
    fixture.loop.system.peers[client]!.budget = 100
    fixture.turns(1)
    #expect(fixture.loop.system.peers[client]!.shutDown == false)
    fixture.loop.system.peers[client]!.budget = .max
    fixture.turns(1)
    let answers = try #require(replies(fixture.loop.system.peers[client]!.received))
    #expect(answers.map(\.status) == [0, Status.malformed.rawValue])
    #expect(fixture.loop.system.peers[client]!.shutDown == true)
  }

  /// Whoever finds no large buffer for as long as a frame may take is told that it is busy.
  @Test func whoWaitsTooLongForABufferIsTold() throws {
    var fixture = Fixture(slots: 80) {
      ($0.control.frameTimeoutMs, $0.control.writeTimeoutMs) = (1000, 60_000)
    }
    for _ in 0..<300 { fixture.loop.log(LogLine(.info, Text("a line of the agent's own log"))) }
    var clients: [Int32] = []
    for id in 0..<66 as Range<UInt32> {
      clients.append(fixture.loop.system.connect(logTail(id: id)))
      if id < 64 { fixture.loop.system.peers[clients[Int(id)]]!.budget = 0 }
      fixture.turns(2)
    }
    expect(fixture.loop.buffers.waiting > 0, true)
    let late = try #require(clients.last)
    fixture.pass(ms: 900)
    #expect(fixture.loop.system.peers[late]!.received.isEmpty)
    fixture.pass(ms: 200)
    let answers = try #require(replies(fixture.loop.system.peers[late]!.received))
    #expect(answers.map(\.status) == [Status.busy.rawValue])
    #expect(fixture.loop.system.peers[late]!.shutDown == true)
    expect(fixture.loop.buffers.waiting, 0)
  }
}
