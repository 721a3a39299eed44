import Testing
import Wire

@testable import Appliance

/// Feeds from plug to picture, and what becomes of them when something goes wrong.
@Suite struct FeedTests {
  private func streaming(
    _ plan: FakeFeed.Plan = .works, _ format: UInt32 = PixelFormat.h264
  ) throws -> (World, String) {
    let world = World.up(feedPlan: plan) { $0.cameras.modes[0] = .wish("*", format: format) }
    world.plug(World.webcam())
    world.run(1500)
    return (world, try #require(world.name(at: "video0")))
  }

  private func states(_ world: World) -> [CameraState] {
    world.events(.cameraStatus).map { CameraState(rawValue: UInt8($0.event.value & 0xFF))! }
  }

  /// How long it takes from now until the camera streams; nil: not within `limit`.
  private func timeToStream(_ world: World, _ name: String, within limit: UInt64 = 10_000)
    -> UInt64?
  {
    let start = world.now
    while world.now - start < limit {
      if world.cameras[name] == .streaming { return world.now - start }
      world.run(10)
    }
    return nil
  }

  // MARK: The ordinary way

  @Test func pluggedStreams() throws {
    let world = World.up()
    world.clearLog()
    world.plug(World.webcam())
    world.run(20)
    #expect(world.feeds.isEmpty, "the probe has the device")
    let name = "hd-webcam-c270-deb2"
    let took = try #require(timeToStream(world, name))
    #expect(took < 1000)
    #expect(states(world) == [.starting, .streaming])
    let entry = world.camera(name)
    #expect(entry.format == PixelFormat.h264 && entry.width == 1280 && entry.height == 720)
    #expect(entry.rateMilli == 30_000 && entry.measuredRateMilli == 30_000)
    #expect(entry.delivery == .passThrough && entry.enabled && entry.attempts == 0)
    world.run(1000)
    #expect(world.camera(name).frames > entry.frames)
    let report = world.read { $0.healthReport(now: world.instant) }
    #expect(report.camerasStreaming == 1 && report.camerasFailed == 0)
    #expect(world.health.state == .healthy)
  }

  @Test func aFeedIsToldToPublishOnceItsPathIsListed() throws {
    let (world, _) = try streaming()
    let publish = try #require(
      world.time { if case .publishFeed(0, 1) = $0 { true } else { false } })
    let idle = try #require(world.events(.streamStatus).first)
    #expect(idle.event.value == UInt32(StreamState.idle.rawValue) && publish >= idle.ms)
    #expect(world.count { if case .publishFeed = $0 { true } else { false } } == 1)
    #expect(world.count { if case .silenceFeed = $0 { true } else { false } } == 0)
  }

  /// A path that is ready proves nothing.
  @Test func framesInErrorAreNoStream() throws {
    let (world, name) = try streaming(.broken, PixelFormat.mjpeg)
    world.run(10_000)
    let entry = world.camera(name)
    #expect(entry.state == .stalled && entry.reason == .notPublished)
    #expect(world.health.reasons.contains(.cameraStalled))
    // The pictures are there all the same.
    #expect(throws: Never.self) { try world.picture(name) }
  }

  @Test func unpluggedAndBackStreamsAtOnce() throws {
    let (world, name) = try streaming()
    for _ in 0..<20 {
      world.unplug("video0")
      #expect(world.cameras[name] == .absent)
      world.run(UInt64.random(in: 0..<300))
      world.plug(World.webcam())
      #expect(try #require(timeToStream(world, name)) < 1000)
    }
    #expect(world.feeds.count == 1)
  }

  // MARK: Faults of the process

  @Test func killedAtAnyMomentItStreamsAgain() throws {
    let (world, name) = try streaming()
    for round in 0..<100 {
      world.run(UInt64(round * 37 % 1100))
      world.killFeed(of: name)
      #expect(world.cameras[name] == .starting)
      #expect(try #require(timeToStream(world, name)) < 1500)
    }
    #expect(world.feeds.count == 1)
  }

  @Test func stoppedItIsKilledAndStartedAgain() throws {
    let (world, name) = try streaming()
    for round in 0..<100 {
      world.run(UInt64(round * 37 % 1100))
      let slot = world.slot(of: name)
      world.feeds[slot]?.isStopped = true
      world.run(1010)
      #expect(world.feeds[slot]?.isStopped != true)
      #expect(try #require(timeToStream(world, name)) < 1500)
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
      #expect(try #require(timeToStream(world, name)) < 2000)
    }
  }

  @Test func aMuteFeedIsTriedAtGrowingIntervals() throws {
    let world = World.up(feedPlan: .mute)
    world.plug(World.webcam())
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
    #expect(try #require(timeToStream(world, name, within: 20_000)) < 16_000)
    #expect(world.camera(name).attempts == 0 && world.health.state == .healthy)
  }

  @Test func aCrashingFeedIsNotStartedInALoop() throws {
    let (world, name) = try streaming(.crashes)
    world.run(60_000)
    #expect(world.feedSpawns(0).count < 16)
    let entry = world.camera(name)
    #expect(entry.state == .failed && entry.reason == .feedFailed && entry.nextAttemptInMs > 0)
    // The log tells the first ones, then ever fewer.
    #expect(world.count { if case .log = $0 { true } else { false } } <= 6)
  }

  @Test func anUnkillableFeedHoldsItsCamera() throws {
    let (world, name) = try streaming()
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
    #expect(timeToStream(world, name) != nil)
  }

  // MARK: Faults of the camera

  @Test func aCameraThatStopsSendingIsStalledWithinThreeSeconds() throws {
    let (world, name) = try streaming()
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
    #expect(states(world) == [.stalled])
    #expect(world.feedSpawns(0).count >= 1)
    #expect(world.read { $0.healthReport(now: world.instant) }.camerasFailed == 1)
    #expect(throws: Status.cameraNotStreaming) { try world.picture(name) }
    world.feedPlan = .works
    #expect(timeToStream(world, name, within: 30_000) != nil)
  }

  @Test func onlyDamagedPicturesAreNone() throws {
    let (world, name) = try streaming(.damaged)
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
    let (world, name) = try streaming(.fails(failure))
    world.run(30_000)
    let entry = world.camera(name)
    #expect(entry.state == state && entry.reason == reason && entry.attempts > 2)
    #expect(entry.nextAttemptInMs > 0 && world.health.reasons.contains(health))
    if failure == .busy {
      #expect(entry.holder == 77 && String(entry.holderName) == "motion")
    }
    world.feedPlan = .works
    #expect(timeToStream(world, name, within: 40_000) != nil)
    #expect(world.health.state == .healthy)
  }

  @Test func anOccupiedCameraIsAskedEverRarer() throws {
    let (world, _) = try streaming(.fails(.busy))
    world.run(200_000)
    let starts = world.feedSpawns(0)
    let pauses = zip(starts.dropFirst(), starts).map { $0 - $1 - 20 }
    #expect(pauses.prefix(5) == [2000, 4000, 8000, 16_000, 30_000])
    #expect(pauses.dropFirst(5).allSatisfy { $0 == 30_000 })
  }

  @Test func aSlowRateIsAReason() throws {
    let (world, _) = try streaming()
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
    let (world, name) = try streaming(.works, PixelFormat.mjpeg)
    for round in 0..<100 {
      world.run(UInt64(round * 37 % 1100))
      world.clearLog()
      world.exitServer(.signal(9))
      let entry = world.camera(name)
      #expect(entry.state == .starting && entry.reason == .notPublished)
      #expect(throws: Never.self) { try world.picture(name) }
      #expect(try #require(timeToStream(world, name)) < 1500)
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
      #expect(try #require(timeToStream(world, name)) < 2000, "killed after \(delay) ms")
    }
  }

  @Test func aHangingServerSilencesItsFeeds() throws {
    let (world, name) = try streaming()
    world.clearLog()
    world.serverAnswers = false
    world.run(6000)
    #expect(world.count { if case .silenceFeed = $0 { true } else { false } } == 1)
    #expect(timeToStream(world, name) != nil && world.feedSpawns(0).isEmpty)
  }

  @Test func theListIsAskedOftenOnlyWhileBytesAreExpected() throws {
    let (world, _) = try streaming()
    func lists(_ ms: UInt64) -> Int {
      world.clearLog()
      world.run(ms)
      return world.count { if case .media(.listPaths) = $0 { true } else { false } }
    }
    #expect((9...10).contains(lists(10_000)))
    let broken = try streaming(.broken).0
    broken.run(12_000)
    broken.clearLog()
    broken.run(10_000)
    #expect(broken.count { if case .media(.listPaths) = $0 { true } else { false } } <= 10)
  }

  // MARK: Start and stop

  @Test func stoppedByRequestItStaysStopped() throws {
    let (world, name) = try streaming()
    world.clearLog()
    try world.ask { try $0.stopStream(Text(name), now: $1, effects: &$2) }
    world.run(30_000)
    #expect(world.feeds.isEmpty && world.feedSpawns(0).isEmpty)
    let entry = world.camera(name)
    #expect(entry.state == .ready && entry.reason == .stopped && !entry.enabled)
    #expect(world.streams[name] == .idle && world.health.state == .healthy)
    #expect(world.asked.contains(.rememberIdentities) && world.known.first?.stopped == true)
    #expect(world.asked.contains(.signal(.feed(slot: 0), life: 1, .terminate)))
    #expect(throws: Status.cameraNotStreaming) { try world.picture(name) }
    // Also after a replug and a reboot.
    world.unplug("video0")
    world.plug(World.webcam())
    world.run(2000)
    #expect(world.cameras[name] == .ready && world.feeds.isEmpty)
    let next = World()
    next.remember(world.known)
    next.plug(World.webcam())
    next.run(3000)
    #expect(next.cameras[name] == .ready && next.camera(name).reason == .stopped)
    try next.ask { try $0.startStream(Text(name), now: $1, effects: &$2) }
    #expect(try #require(timeToStream(next, name)) < 1000)
    #expect(next.known.first?.stopped == false)
  }

  /// A late memory of an earlier wish stops what has begun.
  @Test func theMemoryMayComeLate() throws {
    var known = KnownCamera()
    known.name = "hd-webcam-c270-deb2"
    known.rung = .serial
    (known.vendorID, known.productID) = (0x046D, 0x0825)
    known.serial = "A3B2C1D0"
    known.stopped = true
    let world = World()
    world.plug(World.webcam())
    world.run(4000)
    #expect(world.cameras["hd-webcam-c270-deb2"] == .streaming)
    world.remember([known])
    world.run(100)
    #expect(world.cameras["hd-webcam-c270-deb2"] == .ready && world.feeds.isEmpty)
  }

  @Test func stoppedInEveryState() throws {
    for plan in [
      FakeFeed.Plan.works, .mute, .dark, .damaged, .broken, .fails(.busy), .crashes, .absent,
    ] {
      for delay in stride(from: UInt64(0), to: 700, by: 41) {
        let world = World.up(feedPlan: plan)
        world.plug(World.webcam())
        world.run(55 + delay)
        let name = try #require(world.name(at: "video0"))
        try world.ask { try $0.stopStream(Text(name), now: $1, effects: &$2) }
        world.run(3000)
        #expect(world.cameras[name] == .ready && world.feeds.isEmpty, "\(plan) \(delay)")
        #expect(world.camera(name).attempts == 0 && world.camera(name).nextAttemptInMs == 0)
        world.feedPlan = .works
        try world.ask { try $0.startStream(Text(name), now: $1, effects: &$2) }
        #expect(timeToStream(world, name) != nil)
      }
    }
  }

  @Test func startingTriesAtOnce() throws {
    let (world, name) = try streaming(.fails(.busy))
    world.run(100_000)
    world.feedPlan = .works
    #expect(world.camera(name).nextAttemptInMs > 1000)
    try world.ask { try $0.startStream(Text(name), now: $1, effects: &$2) }
    #expect(try #require(timeToStream(world, name)) < 1000)
    #expect(throws: Status.unknownCamera) {
      try world.ask { try $0.startStream("nobody", now: $1, effects: &$2) }
    }
    #expect(throws: Status.unknownCamera) {
      try world.ask { try $0.stopStream("nobody", now: $1, effects: &$2) }
    }
  }

  @Test func theApplianceEndsAfterItsFeeds() throws {
    let (world, _) = try streaming()
    world.clearLog()
    try world.stop(.reboot)
    world.run(12_000)
    let ended = try #require(world.time { $0 == .stop(.reboot) })
    #expect(world.feeds.isEmpty && ended - world.log[0].ms < 1000)
    let stuck = try streaming().0
    stuck.feedsIgnoreKill = true
    stuck.clearLog()
    try stuck.stop(.powerOff)
    stuck.run(12_000)
    #expect(stuck.asked.contains(.signal(.feed(slot: 0), life: 1, .kill)))
    #expect(stuck.asked.contains(.stop(.powerOff)), "what does not end is left to init")
  }

  @Test func noFeedInSafeMode() throws {
    let (world, _) = try streaming()
    world.send(
      .historyLoaded(BootHistory(reset: .watchdog, bootCount: 4, recentWatchdogResets: 3)))
    world.run(5000)
    #expect(world.isSafeMode && world.feeds.isEmpty)
  }

  // MARK: Pictures

  @Test func picturesComeFromFeedsThatHaveOne() throws {
    let world = World.up { $0.cameras.modes[0] = .wish("*", format: PixelFormat.mjpeg) }
    world.plug(World.webcam())
    world.run(1500)
    let name = try #require(world.name(at: "video0"))
    let source = try world.picture(name)
    #expect(source == PictureSource(slot: 0, life: 1, intervalUs: 33_333, transcoded: false))
    world.killFeed(of: name)
    #expect(throws: Status.cameraNotStreaming) { try world.picture(name) }
    world.run(1500)
    #expect(try world.picture(name).life == 2)
    world.unplug("video0")
    #expect(throws: Status.cameraNotStreaming) { try world.picture(name) }
    #expect(throws: Status.unknownCamera) { try world.picture("nobody") }
    let (other, h264) = try streaming()
    #expect(throws: Status.notSupported) { try other.picture(h264) }
  }

  // MARK: Modes

  @Test func theConfigurationNamesTheMode() throws {
    let world = World.up {
      $0.cameras.modes[0] = .wish("*", format: PixelFormat.h264)
      $0.cameras.modes[1] = .wish("hd-webcam-c270-deb2", format: PixelFormat.mjpeg)
    }
    world.plug(World.webcam())
    world.run(1500)
    #expect(world.read { $0.feedOrder(0).mode.format } == PixelFormat.mjpeg)
    #expect(world.read { $0.feedOrder(0).camera } == "hd-webcam-c270-deb2")
    #expect(world.read { $0.feedOrder(0).node } == "video0")
  }

  @Test func aModeThatIsNotThereIsSaid() throws {
    let world = World.up {
      $0.cameras.modes[0] = .wish("*", format: PixelFormat.mjpeg, 1920, 1080)
    }
    world.plug(World.webcam())
    world.run(1500)
    let name = try #require(world.name(at: "video0"))
    let entry = world.camera(name)
    #expect(entry.state == .failed && entry.reason == .modeRefused && world.feeds.isEmpty)
    let lines = world.asked.compactMap {
      if case .log(let line) = $0 { String(line.text) } else { nil }
    }
    #expect(
      lines.contains("\(name): no mode MJPG:1920x1080; it has MJPG:1280x720 H264:1280x720"))
    #expect(world.health.reasons.contains(.cameraFailed))
  }

  // MARK: Playback

  @Test func filesArePlayedAsCameras() throws {
    let world = World.up {
      $0.cameras.enabled = false
      $0.cameras.playback[0] = .file("/data/porch.mjpeg", 30)
      $0.cameras.playback[1] = .file("/data/yard.h264", 15)
    }
    world.run(3000)
    #expect(world.cameras.count == 2 && world.cameras.values.allSatisfy { $0 == .streaming })
    let porch = try #require(world.cameras.keys.first { $0.hasPrefix("porch-mjpeg-") })
    #expect(world.camera(porch).rung == .bus && String(world.camera(porch).node) == "file0")
    let orders = (0..<2).map { slot in world.read { $0.feedOrder(slot) } }
    #expect(orders.map { String($0.node) } == ["file0", "file1"])
    #expect(orders.map(\.mode.format) == [PixelFormat.mjpeg, PixelFormat.h264])
    #expect(orders.map(\.mode.rateMilli) == [30_000, 15_000])
    #expect(world.count { if case .spawnProbe = $0 { true } else { false } } == 0)
    // What udev does not tell is not gone for that.
    world.enumerate([])
    world.run(1000)
    #expect(world.cameras.values.allSatisfy { $0 == .streaming })
  }

  // MARK: Bounds

  @Test func thirtyTwoCameras() throws {
    let world = World.up()
    for number in 0..<Limits.cameras {
      world.plug(
        World.webcam("video\(number)", port: "2-\(number)", serial: "SERIAL\(number)X"))
    }
    for number in 0..<Limits.sources {
      try world.ask {
        try $0.addSource(Text("source-\(number)"), url: "rtsp://h/x", now: $1, effects: &$2)
      }
    }
    world.run(6000)
    #expect(world.feeds.count == 32 && world.cameras.values.allSatisfy { $0 == .streaming })
    #expect(world.streams.count == Limits.streams)
    for path in 0..<40 { world.addPath("stranger-\(path)") }
    world.run(1100)
    for name in world.cameras.keys { world.killFeed(of: name) }
    world.exitServer(.signal(9))
    world.run(3000)
    #expect(world.cameras.values.allSatisfy { $0 == .streaming })
    world.exitServer(.signal(9))
    for slot in world.feeds.keys { world.feeds[slot]?.isStopped = true }
    world.run(4000)
    #expect(world.cameras.values.allSatisfy { $0 == .streaming })
    world.serverAnswers = false
    for slot in world.feeds.keys { world.feeds[slot]?.isFrozen = true }
    world.run(8000)
    // Thirty-two others, all at once.
    world.enumerate(
      (0..<40).map { World.webcam("video\($0)", port: "3-\($0)", serial: "ONEANDALL") })
    world.run(8000)
    #expect(world.feeds.count == 32)
    try world.stop(.reboot)
    world.run(12_000)
    #expect(world.feeds.isEmpty && world.asked.contains(.stop(.reboot)))
    #expect(world.mostEffects > 128, "the test must reach what it bounds: \(world.mostEffects)")
    #expect(world.mostEffects < Effects.capacity)
  }
}

extension World {
  func picture(_ name: String) throws -> PictureSource {
    try read { try $0.pictureSource(of: Text(name)) }
  }
}

extension Configuration.CameraMode {
  static func wish(
    _ camera: String, format: UInt32 = 0, _ width: UInt16 = 0, _ height: UInt16 = 0,
    rate: UInt32 = 0
  ) -> Self {
    var mode = Self()
    mode.camera = Text(camera)
    mode.format = format
    mode.width = width
    mode.height = height
    mode.rateMilli = rate
    return mode
  }
}

extension Configuration.PlaybackFile {
  static func file(_ path: String, _ rate: UInt32) -> Self {
    var file = Self()
    file.path = Text(path)
    file.rate = rate
    return file
  }
}
