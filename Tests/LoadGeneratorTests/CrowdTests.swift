import Testing
import Wire

@testable import LoadGenerator

/// Crowds against real sockets.
@Suite struct CrowdTests {
  static let connect = 0
  static let ping = 1

  /// Pings, and checks that they come back.
  private final class Pings: Conduct {
    private let bytes: [UInt8]
    private let leaves: Bool
    private(set) var losses = 0

    init(bytes count: Int = 8, leaves: Bool = false) {
      bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0) }
      self.leaves = leaves
    }

    func next(now: UInt64) -> Move { leaves ? .leave : .ask(Ask(CrowdTests.ping, .ping, bytes)) }

    func answer(
      _ label: Int, _ refusal: Status?, _ payload: UnsafeRawBufferPointer, now: UInt64
    ) -> Verdict {
      payload.elementsEqual(bytes) ? .right : .wrong
    }

    func lost() -> Bool {
      losses += 1
      return false
    }
  }

  private func crowd(
    _ endpoint: Endpoint, identity: SealedIdentity? = nil, think: ClosedRange<Double> = 0...0,
    depth: Int = 1, timeout: Double = 5, leaves: Bool = false,
    onSecond: @escaping (CrowdSecond) -> Void = { _ in }
  ) throws -> Crowd {
    try Crowd(labels: 2, timeout: timeout, seed: 1, onSecond: onSecond) { number in
      Newcomer(
        to: endpoint, from: 0x7F40_0001 + UInt32(number), identity: identity,
        // The loopback device answers pings without bytes.
        conduct: Pings(bytes: identity == nil ? 8 : 0, leaves: leaves), label: CrowdTests.connect,
        think: think, depth: depth)
    }
  }

  @Test(arguments: [1, 16, 128]) func everybodyIsAnswered(depth: Int) throws {
    let server = try LoopbackServer(.answers)
    let crowd = try crowd(server.endpoint, depth: depth)
    let result = try crowd.run(CrowdStage(users: 7, seconds: 0.2))
    #expect(result.tallies[Self.connect].latency.count == 7)
    #expect(result.tallies[Self.ping].latency.count > 7 * UInt64(depth))
    #expect(result.tallies.allSatisfy { $0.failures.isEmpty && $0.heldBack == 0 })
    #expect(result.tallies[Self.ping].bytes == 8 * Int(result.tallies[Self.ping].latency.count))
    #expect(result.dropped == 0 && result.busy == 0)
    #expect(result.seconds >= 0.2 && result.ownCPUSeconds > 0)
  }

  /// Every request of the open model is sent, and none more, at any number of users.
  @Test(arguments: [1, 3, 50]) func theRateIsKept(users: Int) throws {
    let server = try LoopbackServer(.answers)
    let crowd = try crowd(server.endpoint)
    let result = try crowd.run(CrowdStage(users: users, rate: 1000, seconds: 0.5))
    #expect(result.tallies[Self.ping].latency.count == 500)
    #expect(result.lateness.count == 500)
    #expect(result.dropped == 0)
  }

  /// 200 ms in which nothing is answered are charged to the 200 requests that came due meanwhile,
  /// although no user was free to send them.
  @Test func aPauseIsChargedToAllThatCameDueMeanwhile() throws {
    let server = try LoopbackServer(.pauses(after: 304, milliseconds: 200))
    let crowd = try crowd(server.endpoint)
    let result = try crowd.run(CrowdStage(users: 4, rate: 1000, seconds: 1))
    let latency = result.tallies[Self.ping].latency
    #expect(latency.count == 1000)
    #expect(latency.quantile(0.90) > 80_000_000)
    #expect(latency.quantile(0.99) > 150_000_000)
    // That was not the crowd's own doing.
    #expect(result.lateness.quantile(0.9) < 50_000_000)
  }

  /// The rate says when users ask, not what they think.
  @Test func nobodyThinksInTheOpenModel() throws {
    let server = try LoopbackServer(.answers)
    let crowd = try crowd(server.endpoint, think: 60...60)
    let result = try crowd.run(CrowdStage(users: 5, rate: 1000, seconds: 0.2))
    #expect(result.tallies[Self.ping].latency.count == 200 && result.dropped == 0)
  }

  @Test func whoThinksAsksLess() throws {
    let server = try LoopbackServer(.answers)
    let crowd = try crowd(server.endpoint, think: 0.05...0.05)
    let result = try crowd.run(CrowdStage(users: 10, seconds: 0.5))
    // At once, and then at most every 50 ms.
    #expect((20...100).contains(result.tallies[Self.ping].latency.count))
  }

  @Test func usersComeAndGo() throws {
    let server = try LoopbackServer(.answers)
    var present: [Int] = []
    let crowd = try crowd(server.endpoint, think: 0.01...0.01) { present.append($0.present) }
    let first = try crowd.run(CrowdStage(users: 20, ramp: 100, seconds: 0.3))
    #expect(first.tallies[Self.connect].latency.count == 20)
    let second = try crowd.run(CrowdStage(users: 5, seconds: 0.1))
    #expect(second.tallies[Self.connect].latency.count == 0)
    _ = try crowd.run(CrowdStage(users: 8, seconds: 0.1))
    #expect(present == [20, 5, 8])
  }

  /// On their way somebody may give all of them one address.
  @Test func nobodyHasAnothersPort() throws {
    let server = try LoopbackServer(.answers)
    let crowds = try (0..<2).map { _ in try crowd(server.endpoint, think: 1...1) }
    for crowd in crowds {
      let result = try crowd.run(CrowdStage(users: 400, seconds: 0.5))
      #expect(result.tallies[Self.connect].latency.count == 400)
    }
    let ports = crowds.flatMap(\.users).compactMap { $0.port?.number }
    #expect(ports.count == 800 && Set(ports).count == 800)
    #expect(ports.allSatisfy { Ports.range.contains($0) })
    for crowd in crowds { crowd.dismiss() }
  }

  @Test func aPortIsGivenAgainAfterAllOthers() {
    var ports = Ports()
    let all = Ports.range.map { _ in ports.take() }
    #expect(all == Ports.range.map { $0 })
    #expect(ports.take() == nil)
    ports.letGo(20_000)
    ports.letGo(10_240)
    #expect([ports.take(), ports.take(), ports.take()] == [10_240, 20_000, nil])
    ports.letGo(10_300)
    ports.letGo(20_001)
    #expect(ports.take() == 20_001, "not the one that was let go first")
  }

  @Test func aRampIsKept() throws {
    let server = try LoopbackServer(.answers)
    let crowd = try crowd(server.endpoint, think: 1...1)
    // The first comes at once, the fifth after 0.8 s: a busy machine has 0.1 s.
    let result = try crowd.run(CrowdStage(users: 100, ramp: 5, seconds: 0.9))
    #expect(result.tallies[Self.connect].latency.count == 5)
  }

  @Test func whoIsToldBusyComesAgain() throws {
    let server = try LoopbackServer(.refuses)
    let crowd = try crowd(server.endpoint)
    let result = try crowd.run(CrowdStage(users: 3, seconds: 1.2))
    // At once and after a second.
    #expect(result.busy == 6)
    #expect(result.tallies[Self.connect].ended == 0)
  }

  @Test func whoIsToLeaveIsNotToldBusyAgain() throws {
    let server = try LoopbackServer(.refuses)
    let crowd = try crowd(server.endpoint)
    #expect(try crowd.run(CrowdStage(users: 8, seconds: 0.2)).busy == 8)
    // Six leave one after another; the others come again at once.
    #expect(try crowd.run(CrowdStage(users: 2, ramp: 10, seconds: 0.8)).busy == 2)
  }

  @Test func everyKindOfFailureIsCounted() throws {
    #expect(try failures(.damages)[.wrong] == 2)
    // The greeting is the first answer, two pings the next ones.
    #expect(try failures(.closes(after: 3))[.closed] == 2)
    #expect(try failures(.staysSilent)[.timeout] == 2)
    let nobody = try crowd(Endpoint(port: 1)).run(CrowdStage(users: 2, seconds: 0.2))
    #expect(nobody.tallies[Self.connect].failures == [.unreachable: 2])
  }

  private func failures(_ conduct: LoopbackServer.Conduct) throws -> [CrowdFailure: Int] {
    let server = try LoopbackServer(conduct)
    let result = try crowd(server.endpoint, timeout: 0.1).run(CrowdStage(users: 2, seconds: 0.2))
    var all = result.tallies[0]
    all.add(result.tallies[1])
    return all.failures
  }

  @Test func visitorsComeAgainAndAgain() throws {
    let server = try LoopbackServer(.answers)
    let crowd = try crowd(server.endpoint, leaves: true)
    let result = try crowd.run(CrowdStage(users: 2, seconds: 0.3))
    #expect(result.tallies[Self.connect].latency.count > 4)
    #expect(result.tallies.allSatisfy { $0.failures.isEmpty })
  }

  @Test func sealedUsersAreAnswered() throws {
    let device = try LoopbackDevice(.answers)
    let crowd = try crowd(device.endpoint, identity: device.identity)
    let result = try crowd.run(CrowdStage(users: 3, seconds: 0.2))
    #expect(result.tallies[Self.connect].latency.count == 3)
    #expect(result.tallies[Self.ping].latency.count > 3)
    #expect(result.tallies.allSatisfy { $0.failures.isEmpty })
  }

  /// A device that hears no more handshakes now is asked again when it says so: nothing has failed.
  @Test func aThrottledHandshakeIsMadeLater() throws {
    let device = try LoopbackDevice(.limits)
    let crowd = try crowd(device.endpoint, identity: device.identity)
    let result = try crowd.run(CrowdStage(users: 2, seconds: 0.2))
    // It refuses the first handshake of every connection, and hears the second.
    #expect(result.throttled == 2)
    #expect(result.tallies[Self.connect].latency.count == 2)
    #expect(result.tallies[Self.ping].latency.count > 2)
    #expect(result.tallies.allSatisfy { $0.failures.isEmpty })
  }

  @Test func forgedAnswersAreFailures() throws {
    let device = try LoopbackDevice(.forges)
    let result = try crowd(device.endpoint, identity: device.identity).run(
      CrowdStage(users: 2, seconds: 0.2))
    #expect(result.tallies[Self.ping].failures == [.wrong: 2])
    #expect(result.tallies[Self.ping].latency.count == 0)
  }

  @Test func itStopsWhenItIsTold() throws {
    let server = try LoopbackServer(.staysSilent)
    let sign = StopSign()
    let crowd = try Crowd(labels: 2, seed: 1, stop: sign) { _ in
      Newcomer(to: server.endpoint, conduct: Pings(), label: Self.connect)
    }
    sign.set()
    let result = try crowd.run(CrowdStage(users: 2, seconds: 100))
    #expect(result.seconds < 10)
  }
}
