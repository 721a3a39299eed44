import Testing
import Wire

@testable import Appliance

@Suite struct CameraTests {
  private func probes(_ world: World) -> [String] {
    world.asked.compactMap {
      if case .spawnProbe(_, _, let node) = $0 { String(node) } else { nil }
    }
  }

  @Test func pluggedIsProbedAndTold() throws {
    let world = World.up()
    world.clearLog()
    let plugged = world.now
    world.plug(World.webcam())
    world.run(1000)
    let event = try #require(world.events(.cameraConnected).first)
    #expect(event.ms - plugged < 100)
    #expect(event.event.value == UInt32(CameraState.ready.rawValue))
    #expect(String(event.event.detail) == "HD Webcam C270")
    let entry = world.camera(String(event.event.subject))
    #expect(entry.state == .streaming && entry.rung == .serial && String(entry.node) == "video0")
    #expect(entry.modeCount == 2 && entry.formats[0] == 0x4750_4A4D)
    #expect(entry.formats[1] == 0x3436_3248 && entry.formats[2] == 0)
    #expect(world.health.state == .healthy)
  }

  @Test func unpluggedIsToldAtOnceAndKept() throws {
    let world = World.up()
    world.plug(World.webcam())
    world.run(1000)
    let name = try #require(world.name(at: "video0"))
    world.clearLog()
    let unplugged = world.now
    world.unplug("video0")
    #expect(world.events(.cameraDisconnected).map(\.ms) == [unplugged])
    let entry = world.camera(name)
    #expect(entry.state == .absent && entry.reason == .unplugged && entry.disconnects == 1)
    #expect(entry.connectedForMs == 0 && entry.node.isEmpty)
    // Its capabilities stay readable.
    let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 8)
    defer { bytes.deallocate() }
    var writer = ByteWriter(bytes)
    try world.read { try $0.writeCapabilities(Text(name), into: &writer) }
    let (head, _) = try CapabilitiesHead.open(writer.written)
    #expect(head.count == 2 && String(head.card) == "HD Webcam C270")
  }

  @Test func capturesAndMetadataOfOneDeviceAreOneCamera() {
    let world = World.up()
    world.reports["video1"] = World.report(.notCapture)
    world.clearLog()
    world.plug(World.webcam("video0"))
    world.plug(World.webcam("video1", index: 1))
    world.run(5000)
    #expect(world.cameras.count == 1 && world.name(at: "video1") == world.name(at: "video0"))
    #expect(probes(world) == ["video0"])
    world.unplug("video1")
    #expect(world.cameras.values.first == .streaming)
    world.unplug("video0")
    #expect(world.cameras.values.first == .absent)
  }

  @Test func theMetadataNodeMayComeFirst() {
    let world = World.up()
    world.reports["video1"] = World.report(.notCapture)
    world.plug(World.webcam("video1", index: 1))
    world.run(20)
    world.plug(World.webcam("video0"))
    world.run(1000)
    #expect(world.cameras.count == 1 && world.cameras.values.first == .streaming)
    #expect(String(world.camera(world.name(at: "video0")).node) == "video0")
    #expect(world.events(.cameraDisconnected).isEmpty)
    #expect(world.events(.cameraConnected).count == 1)
  }

  @Test func whatIsNoCameraIsForgotten() {
    let world = World.up()
    world.reports["video0"] = World.report(.notCapture)
    world.clearLog()
    world.plug(World.webcam())
    world.run(60_000)
    #expect(world.cameras.isEmpty && world.known.isEmpty && world.streams.isEmpty)
    #expect(world.events(.cameraConnected).isEmpty && world.events(.cameraDisconnected).isEmpty)
    #expect(probes(world).count == 1)
  }

  @Test func aHangingProbeIsKilledAndTriedAgainForEver() throws {
    let world = World.up()
    world.reports["video0"] = .some(nil)
    world.clearLog()
    let plugged = world.now
    world.plug(World.portless)
    world.run(5100)
    let event = try #require(world.events(.cameraConnected).first)
    #expect(event.ms - plugged == 5000)
    let name = String(event.event.subject)
    #expect(world.camera(name).reason == .probeTimeout)
    #expect(world.health.reasons.contains(.cameraFailed) && world.health.state == .degraded)
    let entry = world.camera(name)
    #expect(entry.attempts == 1 && entry.nextAttemptInMs > 0)
    world.run(400_000)
    let starts = world.log.filter { if case .spawnProbe = $0.effect { true } else { false } }.map(
      \.ms)
    let pauses = zip(starts.dropFirst(), starts).map { $0 - $1 - 5000 }
    #expect(pauses.prefix(6) == [1000, 2000, 4000, 8000, 16_000, 30_000])
    #expect(pauses.allSatisfy { $0 <= 30_000 })
    // The state does not flicker while it is tried again.
    #expect(world.events(.cameraStatus).isEmpty)
    world.reports["video0"] = World.capture
    world.run(40_000)
    #expect(world.camera(name).state == .streaming && world.health.state == .healthy)
    // From the fault to ready, starting, streaming.
    #expect(world.events(.cameraStatus).count == 3)
  }

  @Test func faultsHaveTheirReason() {
    var busy = World.report(.busy)
    busy.holder = 321
    busy.holderName = "motion"
    var formless = World.capture
    formless.modeCount = 0
    let cases: [(ProbeReport, CameraState, CameraReason)] = [
      (busy, .busy, .heldByOther), (World.report(.openFailed), .failed, .openFailed),
      (formless, .failed, .noFormats),
    ]
    for (report, state, reason) in cases {
      let world = World.up()
      world.reports["video0"] = report
      world.plug(World.webcam())
      world.run(500)
      let entry = world.camera(world.name(at: "video0"))
      #expect(entry.state == state && entry.reason == reason)
      if state == .busy {
        #expect(entry.holder == 321 && String(entry.holderName) == "motion")
        #expect(world.health.reasons.contains(.cameraBusy))
      }
    }
  }

  @Test func aCrashingProbeIsAFaultOfTheCamera() {
    let world = World.up()
    world.probesCrash = true
    world.plug(World.webcam())
    world.run(500)
    #expect(world.camera(world.name(at: "video0")).reason == .probeCrashed)
  }

  /// Each way in which a probe finds nothing, counted once.
  @Test func probesThatFindNothingAreCounted() {
    func failed(_ prepare: (World) -> Void, within ms: UInt64 = 500) -> UInt64 {
      let world = World.up()
      prepare(world)
      world.plug(World.webcam())
      world.run(ms)
      var metrics = MetricValues()
      world.read { $0.fillMetrics(&metrics, now: world.instant) }
      return metrics[.cameraProbesFailed]
    }
    #expect(failed { _ in } == 0)
    #expect(failed { $0.probesCrash = true } == 1)
    #expect(failed({ $0.reports["video0"] = .some(nil) }, within: 4999) == 0)
    #expect(failed({ $0.reports["video0"] = .some(nil) }, within: 5500) == 1)
    #expect(failed { $0.reports["video0"] = World.report(.openFailed) } == 1)
    #expect(failed { $0.reports["video0"] = World.report(.busy) } == 1)
  }

  /// Whose time has come is examined again, however long another one has yet to wait.
  @Test func examinationsComeInTheOrderOfTheirTimes() {
    func spawns(_ others: Bool) -> [UInt64] {
      let world = World.up()
      world.probesCrash = true
      world.plug(World.webcam())
      if others {
        for number in 1..<6 {
          world.run(130)
          world.plug(
            World.webcam("video\(number)", port: "2-\(number)", serial: "SERIAL\(number)X"))
        }
      } else {
        world.run(650)
      }
      world.run(20_000)
      return world.log.compactMap {
        if case .spawnProbe(slot: 0, _, _) = $0.effect { $0.ms } else { nil }
      }
    }
    #expect(spawns(false).count > 3)
    #expect(spawns(true) == spawns(false))
  }

  @Test func anImpossibleReportIsNoAnswer() {
    let world = World.up()
    var report = World.capture
    report.modeCount = 100_000
    world.reports["video0"] = report
    world.plug(World.webcam())
    world.run(500)
    #expect(world.camera(world.name(at: "video0")).reason == .probeCrashed)
  }

  @Test func fewProbesRunAtOnce() {
    let world = World.up()
    for number in 0..<20 {
      world.plug(
        World.webcam("video\(number)", port: "1-\(number)", serial: "SERIAL\(number)X"))
    }
    world.run(2000)
    #expect(world.mostProbesAlive == 4)
    #expect(world.cameras.count == 20 && world.cameras.values.allSatisfy { $0 == .streaming })
  }

  @Test func oneHangingCameraDoesNotHoldUpTheOthers() {
    let world = World.up()
    world.reports["video0"] = .some(nil)
    for number in 0..<10 {
      world.plug(
        World.webcam("video\(number)", port: "1-\(number)", serial: "SERIAL\(number)X"))
    }
    world.run(500)
    #expect(world.cameras.values.count { $0 == .starting || $0 == .streaming } == 9)
  }

  @Test func anUnkillableProbeQuarantinesItsSlotAndReleasesItLate() throws {
    let world = World.up()
    world.reports["video0"] = .some(nil)
    world.probesIgnoreKill = true
    world.plug(World.webcam())
    world.run(11_000)
    let name = try #require(world.name(at: "video0"))
    #expect(world.camera(name).reason == .quarantined)
    #expect(world.health.reasons.contains(.childQuarantined))
    let spawned = probes(world).count
    world.run(100_000)
    #expect(probes(world).count == spawned, "nobody else is let near the device")
    // Unplugged and back again: still held.
    world.unplug("video0")
    world.plug(World.webcam())
    world.run(1000)
    #expect(world.camera(name).reason == .quarantined && probes(world).count == spawned)
    world.reports["video0"] = World.capture
    world.endProbe(0, try #require(world.probeLives[0]), .signal(9))
    world.run(1000)
    #expect(world.camera(name).state == .streaming)
    #expect(!world.health.reasons.contains(.childQuarantined))
  }

  @Test func unpluggedDuringTheProbeLeavesNothing() {
    let world = World.up()
    world.clearLog()
    world.plug(World.webcam())
    world.run(10)
    world.unplug("video0")
    world.run(5000)
    #expect(world.cameras.isEmpty && world.events(.cameraConnected).isEmpty)
    #expect(world.probesAlive <= 0)
  }

  @Test func aProbeOfAnOldLifeIsDropped() {
    let world = World.up()
    world.reports["video0"] = .some(nil)
    world.plug(World.webcam())
    world.run(10)
    let life = world.probeLives[0]!
    world.unplug("video0")
    world.plug(World.webcam())
    world.clearLog()
    world.answerProbe(0, life, World.capture)
    world.answerProbe(0, life &+ 7, World.capture)
    world.answerProbe(31, 0, World.capture)
    #expect(world.events(.cameraConnected).isEmpty && world.cameras.isEmpty)
  }

  // MARK: Slots

  private func fill(_ world: World, _ numbers: Range<Int>) {
    for number in numbers {
      world.plug(
        World.webcam("video\(number)", port: "2-\(number)", serial: "SERIAL\(number)X"))
    }
    world.run(5000)
  }

  @Test func moreCamerasThanSlotsIsToldAndHealed() {
    let world = World.up()
    fill(world, 0..<34)
    #expect(world.cameras.count == Limits.cameras)
    #expect(world.health.reasons.contains(.noCameraSlot))
    let told = world.events(.cameraStatus).filter {
      $0.event.value >> 8 == UInt32(CameraReason.noSlot.rawValue)
    }
    #expect(told.count == 2)
    world.unplug("video5")
    world.run(1000)
    #expect(world.name(at: "video32") != nil && world.name(at: "video33") == nil)
    #expect(world.health.reasons.contains(.noCameraSlot), "one is one too many")
    world.unplug("video33")
    #expect(!world.health.reasons.contains(.noCameraSlot))
  }

  @Test func theOldestAbsentCameraGivesItsSlotAway() {
    let world = World.up()
    fill(world, 0..<32)
    let first = world.name(at: "video7")!
    let second = world.name(at: "video3")!
    world.unplug("video7")
    world.run(10)
    world.unplug("video3")
    fill(world, 40..<41)
    #expect(world.cameras[first] == nil && world.cameras[second] == .absent)
    #expect(world.streams[first] == nil, "its path goes with it")
    world.run(3000)
    #expect(world.serverPaths[first] == nil)
    // It comes back under its own name.
    world.unplug("video0")
    world.plug(World.webcam("video50", port: "9-9", serial: "SERIAL7X"))
    world.run(1000)
    #expect(world.name(at: "video50") == first)
  }

  @Test func enumerationFindsWhatWentUnnoticed() {
    let world = World.up()
    fill(world, 0..<3)
    world.clearLog()
    let kept = World.webcam("video1", port: "2-1", serial: "SERIAL1X")
    world.enumerate([kept])
    #expect(world.events(.cameraDisconnected).count == 2)
    #expect(world.cameras.values.count { $0 == .streaming } == 1)
    // Told twice is there once.
    world.enumerate([kept, kept])
    #expect(world.cameras.values.count { $0 == .streaming } == 1 && probes(world).isEmpty)
  }

  @Test func aNodeNumberTakenOverByAnotherDevice() {
    let world = World.up()
    world.plug(World.webcam())
    world.run(500)
    world.clearLog()
    world.plug(World.webcam(port: "1-4", serial: "OTHER-77"))
    world.run(500)
    #expect(world.events(.cameraDisconnected).count == 1)
    #expect(world.events(.cameraConnected).count == 1)
  }

  @Test func camerasSwitchedOff() {
    let world = World.up { $0.cameras.enabled = false }
    world.plug(World.webcam())
    world.run(5000)
    #expect(world.cameras.isEmpty && probes(world).isEmpty && world.health.state == .healthy)
  }
}
