import Testing
import Wire

@testable import Appliance

@Suite struct MediaServerTests {
  private func isSpawn(_ effect: Effect) -> Bool {
    if case .spawnMediaServer = effect { true } else { false }
  }

  private func isKill(_ effect: Effect) -> Bool {
    if case .signal(.mediaServer, _, .kill) = effect { true } else { false }
  }

  private func isTerminate(_ effect: Effect) -> Bool {
    if case .signal(.mediaServer, _, .terminate) = effect { true } else { false }
  }

  private func state(_ world: World) -> MediaServerState { world.read { $0.mediaServer.wireState } }

  @Test func startsAndIsReadyWithItsFirstAnswer() {
    let world = World()
    #expect(world.count(isSpawn) == 1)
    world.run(1)
    #expect(state(world) == .starting)
    world.run(20)
    #expect(state(world) == .up)
    #expect(world.events(.mediaServerStarted).map(\.event.value) == [101])
    #expect(world.events(.mediaServerReady).count == 1)
    #expect(world.asked.contains(.checkMediaSockets(life: 1)))
    #expect(world.read { String($0.mediaServer.version) } == "v1.20.1")
    #expect(world.read { $0.mediaServer.sockets } == .asWanted)
  }

  /// Nobody listens yet: every call is refused at once, and made again soon.
  @Test func firstCallsComeQuickly() {
    let world = World(prepare: { $0.serverAnswers = false })
    world.run(1)
    let started = world.now
    var calls: [UInt64] = []
    while calls.count < 30 {
      calls.append(world.now - started)
      world.refuse(.listPaths(life: 1, page: 0))
      world.run(world.read { $0.mediaServer.nextDeadline(streams: $0.streams).ms } - world.now)
    }
    #expect(calls.prefix(4) == [0, 20, 40, 60])
    let pauses = zip(calls.dropFirst(), calls).map { $0 - $1 }
    #expect(pauses.allSatisfy { (20...500).contains($0) } && pauses.last == 500)
    #expect(state(world) == .starting && world.count(isKill) == 0)
  }

  @Test func killedIsReplacedAtOnce() {
    let world = World.up()
    world.clearLog()
    let died = world.now
    world.exitServer(.signal(9))
    #expect(world.time(of: isSpawn) == died)
    world.run(100)
    #expect(world.events(.mediaServerExited).map(\.event.value) == [256 + 9])
    #expect(String(world.events(.mediaServerExited)[0].event.detail) == "signal 9")
    #expect(world.events(.mediaServerReady).count == 1)
    #expect(state(world) == .up && world.health.state == .healthy)
    #expect(world.read { $0.mediaServerReport(now: world.instant).restarts } == 1)
    var metrics = MetricValues()
    world.read { $0.fillMetrics(&metrics, now: world.instant) }
    #expect(metrics[.mediaServerStarts] == 2 && metrics[.mediaServerExits] == 1)
  }

  @Test func deathIsAFailureUntilItAnswersAgain() {
    let world = World.up()
    world.clearLog()
    world.exitServer(.code(0))
    #expect(world.health.state == .failed)
    #expect(world.health.reasons.contains(.mediaServerDown))
    world.run(100)
    let told = world.events(.healthChanged).map(\.event.value)
    #expect(told == [UInt32(HealthState.failed.rawValue), UInt32(HealthState.healthy.rawValue)])
    #expect(String(world.events(.healthChanged)[0].event.detail) == "mediaServerDown")
  }

  @Test(arguments: [UInt64(0), 300, 999, 1500])
  func aStoppedServerIsReplacedWithinTenSeconds(offset: UInt64) {
    let world = World.up()
    world.run(offset)
    world.clearLog()
    let stopped = world.now
    world.serverAnswers = false
    world.run(10_000)
    let noticed = world.events(.mediaServerUnresponsive).first?.ms
    #expect(noticed.map { $0 - stopped <= 5100 } == true)
    // SIGTERM would be ignored.
    #expect(world.count(isTerminate) == 0 && world.count(isKill) == 1)
    let ready = world.events(.mediaServerReady).first?.ms
    #expect(ready.map { $0 - stopped < 6000 } == true)
    #expect(state(world) == .up)
    #expect(world.read { $0.mediaServer.probesFailed } == 2)
    var metrics = MetricValues()
    world.read { $0.fillMetrics(&metrics, now: world.instant) }
    #expect(metrics[.mediaServerProbesFailed] == 2)
  }

  @Test func oneSlowAnswerIsForgiven() {
    let world = World.up()
    world.clearLog()
    world.serverAnswers = false
    world.run(1900)
    world.serverAnswers = true
    world.run(10_000)
    #expect(world.events(.mediaServerUnresponsive).isEmpty && world.count(isKill) == 0)
  }

  @Test func everyUnansweredCallIsCancelled() {
    let world = World.up()
    world.clearLog()
    world.serverAnswers = false
    world.run(4900)
    let calls = world.count { if case .media = $0 { true } else { false } }
    #expect(world.count { $0 == .cancelMedia } == 2 && calls == 2 + 3)
  }

  @Test func aServerThatNeverAnswersIsKilledAfterItsStartTime() {
    let world = World(prepare: { $0.serverAnswers = false })
    world.run(25_000)
    #expect(world.count(isKill) == 1 && world.events(.mediaServerReady).count == 1)
  }

  @Test func restartsAreDelayedMoreAndMoreAndVisible() {
    let world = World(prepare: {
      $0.serverExitsWith = 1
      $0.serverAnswers = false
    })
    world.run(120_000)
    let spawns = world.log.filter { isSpawn($0.effect) }.map(\.ms)
    let gaps = zip(spawns.dropFirst(), spawns).map { ($0 - $1 - 5) }
    #expect(gaps.prefix(9) == [0, 250, 500, 1000, 2000, 4000, 8000, 16_000, 30_000])
    #expect(gaps.allSatisfy { $0 <= 30_000 })
    #expect(state(world) == .waiting)
    let report = world.read { $0.mediaServerReport(now: world.instant) }
    #expect(report.attempts >= 10 && report.nextAttemptInMs > 0)
    #expect(report.lastExit == Wire.LastExit(.code, 1))
    // It comes back, however long it took.
    world.serverExitsWith = nil
    world.serverAnswers = true
    world.run(31_000)
    #expect(state(world) == .up)
  }

  @Test func aMissingProgramIsRetriedForEver() {
    let world = World(prepare: { $0.serverSpawnFails = true })
    world.run(200_000)
    #expect(state(world) == .waiting)
    #expect(world.events(.mediaServerExited).allSatisfy { $0.event.value == 512 + 2 })
  }

  @Test func inputsOfAnOldLifeAreDropped() {
    let world = World.up()
    world.exitServer(.signal(9))
    world.run(100)
    world.clearLog()
    world.send(.childExited(.mediaServer, life: 1, .code(1)))
    world.send(.childStarted(.mediaServer, life: 1, pid: 5))
    world.send(.mediaSocketsChecked(life: 1, asWanted: false))
    let empty = UnsafeBufferPointer<MediaPath>(start: nil, count: 0)
    let old = MediaAnswer(request: .listPaths(life: 1, page: 0), outcome: .failed(.closed))
    world.send(.mediaAnswered(old, paths: empty))
    #expect(world.asked.isEmpty && state(world) == .up && world.health.state == .healthy)
  }

  @Test func wrongSocketsAreToldUntilTheNextLife() {
    let world = World(prepare: { $0.serverSocketsAsWanted = false })
    world.run(100)
    #expect(world.events(.mediaServerSockets).count == 1)
    #expect(world.health.reasons.contains(.mediaServerSockets))
    world.serverSocketsAsWanted = true
    world.exitServer(.code(1))
    world.run(100)
    #expect(!world.health.reasons.contains(.mediaServerSockets))
  }

  @Test func anUnkillableServerIsQuarantinedAndNeverDoubled() {
    let world = World.up()
    world.serverIgnoresKill = true
    world.serverAnswers = false
    world.clearLog()
    world.run(60_000)
    #expect(state(world) == .quarantined && world.count(isSpawn) == 0)
    #expect(world.health.reasons.contains(.childQuarantined))
    world.serverAnswers = true
    world.exitServer(.signal(9))
    world.run(100)
    #expect(world.count(isSpawn) == 1 && state(world) == .up)
  }

  /// What clients are told while it is ended because the device stops.
  @Test func whatIsAskedToEndIsStopping() throws {
    let world = World.up()
    world.serverIgnoresTerminate = true
    try world.stop(.reboot)
    #expect(state(world) == .stopping)
    world.run(2999)
    #expect(state(world) == .stopping && world.count(isKill) == 0)
    world.run(1)
    #expect(world.count(isKill) == 1)
    world.run(10)
    #expect(state(world) == .off)
  }

  /// It has 20 s for its first answer, as seen when a call fails.
  @Test(arguments: [(19_999, 0), (20_000, 1)] as [(UInt64, Int)])
  func theFirstAnswerHasTwentySeconds(ms: UInt64, kills: Int) {
    let world = World(prepare: { $0.serverAnswers = false })
    // Its process has started.
    world.run(1)
    world.run(480)
    world.refuse(.listPaths(life: 1, page: 0))
    // From now on a call hangs for two seconds of two and a half.
    world.run(ms - 480)
    #expect(world.count(isKill) == 0)
    world.refuse(.listPaths(life: 1, page: 0))
    #expect(world.count(isKill) == kills)
  }

  @Test func noServerConfiguredIsNoFault() {
    let world = World.up { $0.mediaServer.path = "" }
    #expect(world.count(isSpawn) == 0 && state(world) == .off)
    #expect(world.health.state == .healthy)
  }
}
