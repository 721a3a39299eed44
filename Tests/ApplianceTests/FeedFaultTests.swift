import Testing
import Wire

@testable import Appliance

/// What becomes of a feed when its process, its camera or MediaMTX fails.
@Suite struct FeedFaultTests {
  // MARK: Faults of the process

  @Test func killedAtAnyMomentItStreamsAgain() throws {
    let (world, name) = try World.streaming()
    for round in 0..<100 {
      // A run of a second is a good one; shorter ones are restarted less and less often.
      world.run(1000 + UInt64(round * 37 % 1100))
      world.killFeed(of: name)
      #expect(world.cameras[name] == .starting)
      #expect(try #require(world.timeToStream(name)) < 1500)
    }
    #expect(world.feeds.count == 1)
  }

  @Test func stoppedItIsKilledAndStartedAgain() throws {
    let (world, name) = try World.streaming()
    for round in 0..<100 {
      // A run of a second is a good one; shorter ones are restarted less and less often.
      world.run(1000 + UInt64(round * 37 % 1100))
      let slot = world.slot(of: name)
      world.feeds[slot]?.isStopped = true
      world.run(1010)
      #expect(world.feeds[slot]?.isStopped != true)
      #expect(try #require(world.timeToStream(name)) < 1500)
    }
  }

  /// In the middle of the start, at every millisecond of it.
  @Test func killedWhileStarting() throws {
    for delay in stride(from: UInt64(0), to: 400, by: 7) {
      let world = World.up()
      world.plug(World.webcam())
      world.run(60 + delay)
      let name = try #require(world.name(at: "video0"))
      world.killFeed(of: name)
      #expect(try #require(world.timeToStream(name)) < 2000)
    }
  }

  @Test func aMuteFeedIsTriedAtGrowingIntervals() throws {
    let world = World.up(feedPlan: .mute)
    world.plug(World.portless)
    world.run(200_000)
    let name = try #require(world.name(at: "video0"))
    let starts = world.feedSpawns(0)
    let pauses = zip(starts.dropFirst(), starts).map { $0 - $1 - 5002 }
    #expect(pauses.prefix(7) == [0, 250, 500, 1000, 2000, 4000, 8000])
    #expect(pauses.allSatisfy { $0 <= 10_000 })
    let entry = world.camera(name)
    #expect(entry.state == .failed && entry.reason == .feedFailed && entry.attempts > 5)
    #expect(world.health.reasons.contains(.cameraFailed))
    world.feedPlan = .works
    #expect(try #require(world.timeToStream(name, within: 20_000)) < 16_000)
    #expect(world.camera(name).attempts == 0 && world.health.state == .healthy)
  }

  @Test func aCrashingFeedIsNotStartedInALoop() throws {
    let (world, name) = try World.streaming(.crashes)
    world.run(60_000)
    #expect(world.feedSpawns(0).count < 16)
    let entry = world.camera(name)
    #expect(entry.state == .failed && entry.reason == .feedFailed && entry.nextAttemptInMs > 0)
    // The log tells the first ones, then ever fewer.
    #expect(world.count { if case .log = $0 { true } else { false } } <= 6)
  }

  @Test func anUnkillableFeedHoldsItsCamera() throws {
    let (world, name) = try World.streaming()
    world.feedsIgnoreKill = true
    world.feeds[0]?.isStopped = true
    world.run(8000)
    #expect(world.camera(name).reason == .quarantined && world.cameras[name] == .failed)
    #expect(world.health.reasons.contains(.childQuarantined))
    world.unplug("video0")
    world.plug(World.webcam())
    world.run(20_000)
    #expect(world.camera(name).reason == .quarantined && world.feedSpawns(0).count == 1)
    world.feedsIgnoreKill = false
    world.endFeed(0, 1, .signal(9))
    #expect(world.timeToStream(name) != nil)
  }

  // MARK: Faults of the camera

  @Test func aCameraThatStopsSendingIsStalledWithinThreeSeconds() throws {
    let (world, name) = try World.streaming()
    world.feedPlan = .dark
    world.feeds[0]?.isFrozen = true
    world.clearLog()
    let stopped = world.now
    world.run(10_000)
    let stalled = try #require(world.events(.cameraStatus).first)
    #expect(stalled.ms - stopped < 3000)
    #expect(
      stalled.event.value == CameraState.stalled.value(.stalled),
      "it says so, and stays so while its feed is tried again")
    #expect(world.toldStates == [.stalled])
    #expect(world.feedSpawns(0).count >= 1)
    #expect(world.read { $0.healthReport(now: world.instant) }.camerasFailed == 1)
    #expect(throws: Status.cameraNotStreaming) { try world.picture(name) }
    world.feedPlan = .works
    #expect(world.timeToStream(name, within: 30_000) != nil)
  }

  @Test func onlyDamagedPicturesAreNone() throws {
    let (world, name) = try World.streaming(.damaged)
    world.run(10_000)
    let entry = world.camera(name)
    #expect(entry.state == .stalled && entry.reason == .noPictures)
    var metrics = MetricValues()
    world.read { $0.fillMetrics(&metrics, now: world.instant) }
    #expect(metrics[.framesDamaged] > 100 && metrics[.framesPublished] == 0)
    #expect(metrics[.feedStalls] >= 1 && metrics[.feedStarts] > metrics[.feedStalls])
  }

  @Test func aSlowCameraIsNoStalledOne() throws {
    let world = World.up()
    var report = World.capture
    report.modeCount = 1
    report.modes[0].intervalDenominator = 1
    world.reports["video0"] = report
    world.plug(World.webcam())
    world.run(1500)
    world.feeds[0]?.isFrozen = true
    world.run(3500)
    #expect(world.feedSpawns(0).count == 1, "four intervals of a second are not over")
    world.run(1000)
    #expect(world.feedSpawns(0).count == 2)
  }

  @Test(arguments: [
    (FeedFailure.busy, CameraState.busy, CameraReason.heldByOther, HealthReasons.cameraBusy),
    (.noBandwidth, .noBandwidth, .noBandwidth, .cameraNoBandwidth),
    (.modeRefused, .failed, .modeRefused, .cameraFailed),
    (.openFailed, .failed, .openFailed, .cameraFailed),
    (.unreadable, .failed, .openFailed, .cameraFailed),
    (.deviceError, .failed, .feedFailed, .cameraFailed),
    (.gone, .failed, .feedFailed, .cameraFailed),
  ])
  func failuresHaveTheirState(
    _ failure: FeedFailure, _ state: CameraState, _ reason: CameraReason, _ health: HealthReasons
  ) throws {
    let (world, name) = try World.streaming(.fails(failure))
    world.run(32_000)
    let entry = world.camera(name)
    #expect(entry.state == state && entry.reason == reason && entry.attempts > 2)
    #expect(entry.nextAttemptInMs > 0 && world.health.reasons.contains(health))
    if failure == .busy {
      #expect(entry.holder == 77 && String(entry.holderName) == "motion")
    }
    world.feedPlan = .works
    #expect(world.timeToStream(name, within: 50_000) != nil)
    #expect(world.health.state == .healthy)
  }

  @Test func anOccupiedCameraIsAskedEverRarer() throws {
    let (world, _) = try World.streaming(.fails(.busy))
    world.run(200_000)
    let starts = world.feedSpawns(0)
    let pauses = zip(starts.dropFirst(), starts).map { $0 - $1 - 20 }
    #expect(pauses.prefix(5) == [2000, 4000, 8000, 16_000, 30_000])
    #expect(pauses.dropFirst(5).allSatisfy { $0 == 30_000 })
  }

  @Test func aSlowRateIsAReason() throws {
    let (world, _) = try World.streaming()
    world.feeds[0]?.rateMilli = 20_000
    world.run(4000)
    #expect(!world.health.reasons.contains(.cameraSlow))
    world.run(2000)
    #expect(world.health.reasons.contains(.cameraSlow) && world.health.state == .degraded)
    world.feeds[0]?.rateMilli = 26_000
    world.run(2000)
    #expect(world.health.reasons.contains(.cameraSlow), "no flapping between the two bounds")
    world.feeds[0]?.rateMilli = 29_000
    world.run(1000)
    #expect(world.health.state == .healthy)
  }

  // MARK: MediaMTX

  @Test func aFeedSurvivesMediaMTX() throws {
    let (world, name) = try World.streaming(.works, PixelFormat.mjpeg)
    for round in 0..<100 {
      // A run of a second is a good one; shorter ones are restarted less and less often.
      world.run(1000 + UInt64(round * 37 % 1100))
      world.clearLog()
      world.exitServer(.signal(9))
      let entry = world.camera(name)
      #expect(entry.state == .starting && entry.reason == .notPublished)
      #expect(throws: Never.self) { try world.picture(name) }
      #expect(try #require(world.timeToStream(name)) < 1500)
      #expect(
        world.asked.filter { if case .silenceFeed(0, 1) = $0 { true } else { false } }.count == 1)
      #expect(
        world.asked.filter { if case .publishFeed(0, 1) = $0 { true } else { false } }.count == 1)
      #expect(world.feedSpawns(0).isEmpty)
    }
  }

  @Test func mediaMTXMayDieWhileTheFeedStarts() throws {
    for delay in stride(from: UInt64(0), to: 500, by: 7) {
      let world = World.up()
      world.plug(World.webcam())
      world.run(delay)
      world.exitServer(.signal(9))
      world.run(100)
      let name = try #require(world.name(at: "video0"))
      let took = try #require(world.timeToStream(name))
      #expect(took < 2000, "killed after \(delay) ms")
    }
  }

  @Test func aHangingServerSilencesItsFeeds() throws {
    let (world, name) = try World.streaming()
    world.clearLog()
    world.serverAnswers = false
    world.run(6000)
    #expect(world.count { if case .silenceFeed = $0 { true } else { false } } == 1)
    #expect(world.timeToStream(name) != nil && world.feedSpawns(0).isEmpty)
  }

  @Test func theListIsAskedOftenOnlyWhileBytesAreExpected() throws {
    let (world, _) = try World.streaming()
    func lists(_ ms: UInt64) -> Int {
      world.clearLog()
      world.run(ms)
      return world.count { if case .media(.listPaths) = $0 { true } else { false } }
    }
    #expect((9...10).contains(lists(10_000)))
    let broken = try World.streaming(.broken).0
    broken.run(12_000)
    broken.clearLog()
    broken.run(10_000)
    #expect(broken.count { if case .media(.listPaths) = $0 { true } else { false } } <= 10)
  }
}
