import LoadGenerator
import Testing

/// The generator against real sockets.
@Suite struct LoadTests {
  @Test(arguments: [1, 7, 128]) func everyRequestIsAnsweredOnce(depth: Int) throws {
    let server = try LoopbackServer(.answers)
    var load = try LoadGenerator(.ping(), to: server.endpoint, connections: 9, deepest: depth)
    #expect(try load.connect() == 0)
    for count in [1, 500, 3001] {
      let result = try load.closedLoop(depth: depth, for: .requests(count))
      #expect(result.answers == count)
      #expect(result.failures == Failures())
      #expect(result.latency.count == UInt64(count))
    }
    #expect(load.connected == 9)
  }

  @Test func answersInPiecesArePutTogether() throws {
    // 128 answers of 96 bytes are more than one read of the server takes apart at frame ends.
    let server = try LoopbackServer(.answers)
    var load = try LoadGenerator(
      .ping(bytes: 64), to: server.endpoint, connections: 2, from: .spread(2), deepest: 128)
    #expect(try load.connect() == 0)
    let result = try load.closedLoop(depth: 128, for: .seconds(0.2))
    #expect(result.answers > 256)
    #expect(result.failures == Failures())
    #expect(result.seconds >= 0.2)
    #expect(result.ownCPUSeconds > 0 && result.ownCPUSeconds <= result.seconds)
  }

  @Test func everyKindOfFailureIsCounted() throws {
    #expect(try failures(of: .refuses).busy == 4)
    #expect(try failures(of: .damages).wrong == 4)
    #expect(try failures(of: .closes(after: 3)).closed == 4)
    #expect(try failures(of: .staysSilent).unanswered == 4)
  }

  private func failures(of conduct: LoopbackServer.Conduct) throws -> Failures {
    let server = try LoopbackServer(conduct)
    var load = try LoadGenerator(.ping(), to: server.endpoint, connections: 4)
    #expect(try load.connect() == 0)
    let result = try load.closedLoop(depth: 1, for: .seconds(0.2))
    #expect(load.connected == 0)
    #expect(result.failures.total == 4)
    return result.failures
  }

  @Test func nobodyListens() throws {
    var load = try LoadGenerator(.ping(), to: Endpoint(port: 1), connections: 3)
    #expect(try load.connect() == 3)
    var visits = try ConnectLoop(.ping(), to: Endpoint(port: 1), concurrency: 2)
    #expect(try visits.run(seconds: 0.05).failures.connect > 0)
  }

  @Test func aPauseIsChargedToAllThatCameDueMeanwhile() throws {
    // 1000 a second; after 300 answers nothing happens for 200 ms. A closed loop would see one slow
    // answer for each connection, the intended times see 200 of 1000.
    let server = try LoopbackServer(.pauses(after: 300, milliseconds: 200))
    var load = try LoadGenerator(.ping(), to: server.endpoint, connections: 4, deepest: 128)
    #expect(try load.connect() == 0)
    let result = try load.openLoop(rate: 1000, seconds: 1)
    #expect(result.answers == 1000)
    #expect(result.failures == Failures())
    #expect(result.latency.quantile(0.90) > 80_000_000)
    #expect(result.latency.quantile(0.99) > 150_000_000)
  }

  @Test(arguments: [true, false]) func theRateIsKept(spinning: Bool) throws {
    let server = try LoopbackServer(.answers)
    var load = try LoadGenerator(.ping(), to: server.endpoint, connections: 5)
    #expect(try load.connect() == 0)
    let result = try load.openLoop(rate: 2000, seconds: 0.5, spinning: spinning)
    #expect(result.answers == 1000)
    #expect(result.lateness.count == 1000)
    #expect(result.seconds > 0.49 && result.seconds < 1)
  }

  @Test func visitsComeAndGo() throws {
    let server = try LoopbackServer(.answers)
    var visits = try ConnectLoop(.ping(), to: server.endpoint, concurrency: 4)
    let result = try visits.run(seconds: 0.2)
    #expect(result.answers > 10)
    #expect(result.failures == Failures())
  }

  @Test func whoArrivesStaysOrIsToldNo() throws {
    let server = try LoopbackServer(.answers)
    var load = try LoadGenerator(.ping(), to: server.endpoint, connections: 250)
    for _ in 1...2 {
      let result = try load.arrive()
      #expect(result.answers == 250)
      #expect(result.failures == Failures())
      #expect(load.connected == 250)
      #expect(try load.closedLoop(depth: 1, for: .requests(500)).answers == 500)
      load.leave()
      #expect(load.connected == 0)
    }
    let busy = try LoopbackServer(.refuses)
    var refused = try LoadGenerator(.ping(), to: busy.endpoint, connections: 120)
    let result = try refused.arrive()
    #expect(result.answers == 0)
    #expect(result.failures.busy == 120)
    #expect(result.failures.total == 120)
  }

  @Test func connectionsAreDealtOut() throws {
    // One of two servers refuses: every other connection meets it.
    let servers = [try LoopbackServer(.answers), try LoopbackServer(.refuses)]
    var load = try LoadGenerator(.ping(), to: servers.map(\.endpoint), connections: 50)
    let result = try load.arrive()
    #expect(result.answers == 25)
    #expect(result.failures.busy == 25)
  }
}
