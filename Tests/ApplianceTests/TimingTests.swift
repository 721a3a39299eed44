import Testing
import Wire

@testable import Appliance

/// Numbers of the smaller machines at their edges.
@Suite struct TimingTests {
  private func at(_ ms: UInt64) -> Instant { Instant(ms: ms) }

  /// The agent starts within ten seconds and stops within ten, whatever else does not.
  @Test func theStartAndTheEndHaveTenSeconds() {
    var boot = Boot()
    boot.started(now: at(1000))
    #expect(boot.nextDeadline == at(11_000))
    #expect(
      boot.settle(camerasEnumerated: false, mediaServerSettled: false, now: at(10_999)) == false)
    #expect(
      boot.settle(camerasEnumerated: false, mediaServerSettled: false, now: at(11_000)) == true)
    #expect(boot.stop(.reboot, now: at(20_000)) == true)
    #expect(boot.nextDeadline == at(30_000))
    #expect(boot.finish(childrenGone: false, now: at(29_999)) == nil)
    #expect(boot.finish(childrenGone: false, now: at(30_000)) == .reboot)
  }

  /// A second more or less is a jump of the clock, and told; less is drift.
  @Test func aSecondIsAJump() {
    let world = World()
    var told: [Int] = []
    for unixMs in [0, 999, 1999, 1000, 0] as [UInt64] {
      world.send(.clockTrusted(unixMs: 1_800_000_000_000 + unixMs))
      told.append(world.events(.clockTrusted).count)
    }
    #expect(told == [1, 1, 2, 2, 3])
  }

  /// Everybody who dates something is told when the kernel started.
  @Test func theOriginOfTheClockIsTheKernelsStart() {
    let world = World(at: 4000)
    #expect(world.read { $0.clock.originMs } == 0)
    world.send(.clockTrusted(unixMs: 3999))
    #expect(!world.read { $0.clock.isTrusted }, "before the kernel's start")
    world.send(.clockTrusted(unixMs: 1_800_000_004_000))
    #expect(world.read { $0.clock.originMs } == 1_800_000_000_000)
    #expect(world.read { $0.clock.unixMs(at: Instant(ms: 4001)) } == 1_800_000_004_001)
  }

  /// Cameras wait two seconds for what is remembered of them.
  @Test func namesWaitForTwoSeconds() {
    let world = World()
    world.plug(World.webcam())
    world.run(1999)
    #expect(world.name(at: "video0") == "")
    world.run(1)
    #expect(world.name(at: "video0")?.isEmpty == false)
  }

  /// A loop without a vital sign is looked at ten times a second.
  @Test func aMissingVitalIsLookedForSoon() {
    var settings = Configuration.WatchdogSettings()
    settings.timeoutS = 8
    var watchdog = Watchdog(settings)
    var facts = BootFacts()
    facts.watchdogAvailable = true
    watchdog.start(facts, now: at(1000))
    let room = UnsafeMutableBufferPointer<Effect>.allocate(capacity: Effects.capacity)
    defer { room.deallocate() }
    var effects = Effects(room)
    watchdog.turnCompleted(.turn, now: at(1000), &effects)
    #expect(effects.count == 0 && watchdog.nextDeadline == at(1100))
    watchdog.turnCompleted(.all, now: at(1100), &effects)
    #expect(effects.count == 1 && watchdog.nextDeadline == at(3100))
    // Nobody has to look again before it is to be petted.
    watchdog.turnCompleted(.turn, now: at(1200), &effects)
    #expect(watchdog.nextDeadline == at(3100))
  }

  /// A row of resets is over when a boot has lived for ten minutes.
  @Test(arguments: [(599_999, true), (600_000, false)] as [(UInt64, Bool)])
  func aRowOfResetsEnds(ms: UInt64, isSafe: Bool) {
    var watchdog = Watchdog(Configuration.WatchdogSettings())
    watchdog.start(BootFacts(), now: at(1000))
    var facts = BootFacts()
    (facts.reset, facts.recentWatchdogResets) = (.watchdog, 3)
    watchdog.learned(facts, now: at(ms))
    #expect((watchdog.mode == .safe) == isSafe)
  }

  /// That all keys are forgotten is shown for five seconds.
  @Test func whatIsForgottenIsShownForFiveSeconds() {
    let world = World.up()
    world.send(.button(isDown: true))
    world.run(10_000)
    guard let pressed = world.time(of: { $0 == .press(.long) }) else {
      Issue.record("no long press")
      return
    }
    world.send(.button(isDown: false))
    world.clearLog()
    world.run(pressed + 4999 - world.now)
    let lights = world.count { if case .light(.camera, _) = $0 { true } else { false } }
    #expect(lights > 10, "300 ms on, 300 ms off")
    world.clearLog()
    world.run(5000)
    #expect(
      world.log.allSatisfy { $0.ms == pressed + 5000 || $0.effect != .light(.camera, on: true) })
    #expect(world.count { if case .light(.camera, _) = $0 { true } else { false } } <= 1)
  }

  /// A call that fails at once is made again after a quarter of a second.
  @Test func aFailedCallIsMadeAgain() {
    let world = World.up()
    world.serverAnswers = false
    world.run(1100)
    #expect(world.serverCallOutstanding)
    world.clearLog()
    world.refuse(.listPaths(life: 1, page: 0))
    world.run(249)
    #expect(world.count { if case .media = $0 { true } else { false } } == 0)
    world.run(1)
    #expect(world.count { if case .media = $0 { true } else { false } } == 1)
  }

  /// A press that nobody has looked at for more than a second is none that resets.
  @Test(arguments: [(1000, Button.Press.long), (1001, nil)] as [(UInt64, Button.Press?)])
  func aPressMustBeWatched(gapMs: UInt64, press: Button.Press?) {
    var button = Button(isDown: false)
    _ = button.edge(isDown: true, now: at(1000))
    #expect(button.deadline == at(1030))
    _ = button.tick(now: at(1030))
    #expect(button.deadline == at(1530))
    var last: Button.Press?
    for ms in stride(from: 1030 + gapMs, to: 11_000, by: 500) { last = button.tick(now: at(ms)) }
    #expect(last == nil)
    #expect(button.tick(now: at(10_999)) == nil)
    #expect(button.tick(now: at(11_000)) == press)
  }

  /// Less than three seconds is short.
  @Test(arguments: [(2999, Button.Press.short), (3000, nil)] as [(UInt64, Button.Press?)])
  func aShortPressIsShort(ms: UInt64, press: Button.Press?) {
    var button = Button(isDown: false)
    _ = button.edge(isDown: true, now: at(1000))
    _ = button.tick(now: at(1030))
    _ = button.edge(isDown: false, now: at(1000 + ms))
    #expect(button.tick(now: at(1029 + ms)) == nil)
    #expect(button.tick(now: at(1030 + ms)) == press)
  }

  // MARK: Room

  /// Sixty-four cameras are remembered, and thirty-two devices wait for a slot.
  @Test func camerasHaveSoMuchRoom() {
    let world = World.up(feedPlan: .absent)
    for number in 0..<66 {
      world.plug(
        World.webcam("video\(number)", port: "2-\(number)", serial: "SERIAL\(number)X"))
      if number == 64 { #expect(world.read { $0.cameras.waitingCount } == 32) }
    }
    #expect(world.read { $0.cameras.waitingCount } == 32)
    let other = World(configure: { $0.mediaServer.path = "" })
    other.remember(
      (0..<70).map { number in
        var camera = KnownCamera()
        camera.name = Text("cam-\(number)")
        (camera.rung, camera.port) = (.port, Text("1-\(number)"))
        return camera
      })
    other.run(3000)
    #expect(other.known.count == 64)
  }

  /// Of a device's nodes eight are known.
  @Test func aDeviceHasEightNodes() {
    let world = World.up(feedPlan: .absent)
    for number in 0..<10 as Range<UInt16> {
      world.plug(World.webcam("video\(number)", index: number))
    }
    #expect(world.read { $0.cameras[0].nodeCount } == 8)
    #expect(world.name(at: "video7") != nil && world.name(at: "video8") == nil)
  }

  /// An address is remembered while it has no connection; there are 512 places for that beyond
  /// those of connections, and a power of two of hashes.
  @Test func addressesHaveSoMuchRoom() {
    #expect(PeerTable.entries(4) == 516 && PeerTable.entries(0) == 512)
    #expect(PeerTable.hashes(0) == 512 && PeerTable.hashes(1) == 1024)
    #expect(PeerTable.hashes(512) == 1024 && PeerTable.hashes(513) == 2048)
    // The document of the configuration says how many connections there may be.
    #expect(SessionLimits.slots == 16_384 && SessionLimits.beyond == 80)
  }
}
