import Appliance
import Testing
import Wire

@testable import EventLoop

@Suite struct RequestTests {
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
}
