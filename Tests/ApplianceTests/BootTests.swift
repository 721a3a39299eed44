import Testing
import Wire

@testable import Appliance

/// Starting, stopping, health and the clock.
@Suite struct BootTests {
  private func stops(_ world: World) -> [PowerAction] {
    world.asked.compactMap { if case .stop(let action) = $0 { action } else { nil } }
  }

  @Test func readyWhenEverythingHasComeUp() {
    let world = World()
    world.run(100)
    #expect(world.health.state == .starting, "cameras have not been enumerated")
    world.enumerate([])
    #expect(world.health.state != .starting)
    let told = world.events(.systemStarted)
    #expect(told.count == 1 && told.first?.event.value == 1)
    #expect(told.first.map { String($0.event.detail) } == "1.0")
  }

  @Test func whatDoesNotComeUpDoesNotHoldUpTheStart() {
    let world = World(prepare: { $0.serverSpawnFails = true })
    world.run(9999)
    #expect(world.health.state == .starting)
    world.run(1)
    #expect(world.health.state == .failed && world.health.reasons.contains(.mediaServerDown))
    #expect(world.events(.systemStarted).count == 1)
  }

  @Test func theReportSaysWhatIsWrong() {
    let world = World(prepare: { $0.serverSpawnFails = true })
    world.enumerate([])
    world.run(10_000)
    let report = world.read { $0.healthReport(now: world.instant) }
    #expect(report.reasons.contains(.mediaServerDown) && report.reasons == world.health.reasons)
    #expect(report.state == Code(world.health.state) && !report.safeMode && !report.clockTrusted)
  }

  @Test func nothingHappensBeforeTheFirstInput() {
    let world = World(start: false)
    #expect(world.deadline == .max)
    world.send(.tick)
    world.send(.turnCompleted(.all))
    #expect(world.asked.isEmpty)
  }

  /// Nothing is taken for granted of the network before it has been heard of.
  @Test(arguments: [true, false]) func theFirstWordOfTheNetworkIsToldWhereItIsNews(linkUp: Bool) {
    let world = World()
    world.send(.networkChanged(address: .any, linkUp: linkUp))
    #expect(world.events(.networkChanged).map(\.event.value) == (linkUp ? [1] : []))
  }

  /// A life of the agent is younger than the kernel's.
  @Test func theAgentsAgeBeginsWithIt() {
    let world = World(at: 4000)
    world.run(250)
    let report = world.read { $0.healthReport(now: world.instant) }
    #expect(report.uptimeMs == 4250 && report.agentUptimeMs == 250)
    var metrics = MetricValues()
    world.read { $0.fillMetrics(&metrics, now: world.instant) }
    #expect(metrics[.uptimeMs] == 4250 && metrics[.agentUptimeMs] == 250)
  }

  @Test func startingTwiceStartsOnce() {
    let world = World()
    world.clearLog()
    world.send(.started(World.facts))
    #expect(world.asked.isEmpty)
  }

  @Test func rebootEndsEverythingInOrder() throws {
    let world = World.up()
    world.reports["video0"] = .some(nil)
    world.plug(World.webcam())
    world.run(100)
    world.clearLog()
    try world.stop(.reboot)
    #expect(world.health.state == .stopping && stops(world).isEmpty)
    world.run(2000)
    let order = world.asked.compactMap { effect -> String? in
      switch effect {
      case .publish(let event) where event.code == .systemStopping: "told"
      case .breadcrumb(.orderlyStop): "breadcrumb"
      case .signal(.mediaServer, _, .terminate): "terminate"
      case .signal(.probe, _, .terminate): "end probe"
      case .stop(.reboot): "stop"
      default: nil
      }
    }
    #expect(order == ["told", "breadcrumb", "end probe", "terminate", "stop"])
    #expect(world.events(.systemStopping).map(\.event.value) == [1])
    #expect(world.deadline == .max, "nothing is left to do")
    // The last levels: all dark, so that a person may cut the power.
    for led in [LED.power, .camera, .link] {
      let last = world.log.last { if case .light(led, _) = $0.effect { true } else { false } }
      #expect(last.map { $0.effect == .light(led, on: false) } ?? true)
    }
  }

  @Test func aChildThatDoesNotEndIsLeftToInit() throws {
    let world = World.up()
    world.serverIgnoresTerminate = true
    world.serverIgnoresKill = true
    try world.stop(.powerOff)
    world.run(7999)
    #expect(stops(world).isEmpty)
    world.run(2001)
    #expect(stops(world) == [.powerOff])
  }

  @Test func stoppingIsNotRepeatedNorUndone() throws {
    let world = World.up()
    world.serverIgnoresTerminate = true
    try world.stop(.reboot)
    #expect(throws: Status.state) { try world.stop(.powerOff) }
    world.send(.stopRequested)
    world.clearLog()
    world.plug(World.webcam())
    world.run(20_000)
    #expect(stops(world) == [.reboot] && world.cameras.isEmpty)
    for effect in world.asked {
      if case .spawnMediaServer = effect { Issue.record("restarted while stopping") }
      if case .spawnProbe = effect { Issue.record("probed while stopping") }
    }
  }

  @Test func initMayAskForTheStop() {
    let world = World.up()
    world.send(.stopRequested)
    world.run(100)
    #expect(stops(world) == [.none])
  }

  @Test func theWatchdogIsPettedWhileStopping() throws {
    let world = World.up { $0.watchdog.timeoutS = 2 }
    world.serverIgnoresTerminate = true
    world.serverIgnoresKill = true
    try world.stop(.reboot)
    world.clearLog()
    world.run(5000)
    #expect(world.count { $0 == .petWatchdog } >= 9)
  }

  // MARK: Health

  @Test func notesDoNotChangeTheState() {
    let world = World()
    world.remember([])
    world.enumerate([])
    world.send(.networkChanged(address: IPv4(10, 0, 0, 1), linkUp: true))
    world.run(500)
    #expect(world.health == Health(state: .healthy, reasons: .clockUntrusted))
  }

  @Test func everyReasonMakesItsState() {
    for bit in 0..<HealthReasons.names {
      let reason = HealthReasons.bit(bit)
      let state = Health.state(of: reason)
      if reason.intersects(.failures) {
        #expect(state == .failed)
      } else {
        #expect(state == (reason.intersects(.notes) ? .healthy : .degraded))
      }
      #expect(String(reason.words) != "unknown" && !reason.words.isEmpty)
    }
  }

  @Test func wordsAreNeverCutInTheMiddle() {
    let all = HealthReasons(rawValue: 1 << UInt64(HealthReasons.names) - 1)
    let names = (0..<HealthReasons.names).map { String(HealthReasons.bit($0).words) }
    #expect(String(all.words).split(separator: ", ").allSatisfy { names.contains(String($0)) })
  }

  @Test func changesAreToldOnce() {
    let world = World.up()
    world.clearLog()
    for _ in 0..<3 { world.send(.networkChanged(address: .any, linkUp: false)) }
    #expect(world.events(.healthChanged).count == 1 && world.events(.networkChanged).count == 1)
    #expect(world.health.reasons.contains(.networkDown) && world.health.state == .degraded)
    world.send(.networkChanged(address: IPv4(10, 0, 2, 15), linkUp: true))
    #expect(world.events(.networkChanged).last.map { String($0.event.detail) } == "10.0.2.15")
    #expect(world.health.state == .healthy)
  }

  @Test(arguments: [(10, true, true), (9, true, true), (100, true, false), (101, false, false)])
  func storageThresholds(free: UInt64, low: Bool, critical: Bool) {
    let world = World.up()
    var storage = StorageFacts()
    storage.state = .writable
    storage.totalBytes = 1000 << 30
    storage.freeBytes = free << 30
    world.send(.storageChanged(storage))
    #expect(world.health.reasons.contains(.storageLow) == low)
    #expect(world.health.reasons.contains(.storageCritical) == critical)
  }

  @Test func storageStatesAreReasons() {
    let world = World.up()
    var storage = StorageFacts()
    storage.state = .missing
    world.send(.storageChanged(storage))
    #expect(world.health == Health(state: .degraded, reasons: .dataMissing))
    storage.state = .readOnly
    world.send(.storageChanged(storage))
    #expect(world.health == Health(state: .degraded, reasons: .dataReadOnly))
  }

  @Test func withoutUdevCamerasCannotBeNoticed() {
    var facts = World.facts
    facts.udevAvailable = false
    let world = World(facts: facts)
    world.run(500)
    #expect(world.health.reasons.contains(.udevUnavailable) && world.health.state != .starting)
  }

  // MARK: Clock

  @Test func theClockIsUnknownUntilTrusted() {
    let world = World(at: 5000)
    func unix() -> UInt64 { world.read { $0.clock.unixMs(at: world.instant) } }
    #expect(unix() == 0)
    world.send(.clockTrusted(unixMs: 1_800_000_000_000))
    world.run(250)
    #expect(unix() == 1_800_000_000_250)
    #expect(world.events(.clockTrusted).count == 1)
    // Drift is no jump.
    world.send(.clockTrusted(unixMs: 1_800_000_000_900))
    #expect(world.read { $0.clock.jumps } == 0 && unix() == 1_800_000_000_900)
    world.send(.clockTrusted(unixMs: 1_700_000_000_000))
    #expect(world.read { $0.clock.jumps } == 1 && unix() == 1_700_000_000_000)
    #expect(world.asked.contains { if case .log = $0 { true } else { false } })
    // Nonsense: earlier than the machine's own start.
    world.send(.clockTrusted(unixMs: 3))
    #expect(unix() == 1_700_000_000_000)
  }
}
