import Testing
import Wire

@testable import Appliance

/// What must hold whatever happens: bounded effects, bounded answers, no spinning.
@Suite struct BoundsTests {
  private func crowded() -> World {
    let world = World.up()
    for number in 0..<Limits.cameras + 4 {
      world.plug(
        World.webcam("video\(number)", port: "2-\(number)", serial: "SERIAL\(number)X"))
    }
    world.run(5000)
    for path in 0..<Limits.streams { world.addPath("stranger-\(path)") }
    world.run(1100)
    return world
  }

  @Test func theLargestStepsFit() {
    let world = crowded()
    world.exitServer(.signal(9))
    world.run(500)
    world.enumerate([])
    world.run(500)
    // Every camera gives the same serial.
    world.enumerate(
      (0..<40).map { World.webcam("video\($0)", port: "3-\($0)", serial: "ONEANDALL") })
    world.run(5000)
    world.serverAnswers = false
    world.run(5000)
    world.send(.stopRequested)
    world.run(20_000)
    #expect(world.mostEffects > 32, "the test must reach what it bounds")
    #expect(world.mostEffects < Effects.capacity)
  }

  /// Random inputs, all lives and slots included: nothing traps, deadlines lie ahead after a turn,
  /// and the server is never doubled.
  @Test(arguments: UInt64(1)...8)
  func arbitraryInputs(seed: UInt64) {
    var random = SplitMix(state: seed)
    let world = World.up()
    var starts = 0
    for _ in 0..<1000 {
      let number = Int.random(in: 0..<40, using: &random)
      let life = UInt32.random(in: 0..<4, using: &random)
      switch Int.random(in: 0..<16, using: &random) {
      case 0...3:
        let serial = number % 3 == 0 ? "SHARED-77" : "SERIAL\(number)X"
        world.plug(
          World.webcam(
            "video\(number)", port: "1-\(number / 2)", serial: number % 5 == 0 ? "" : serial,
            index: UInt16(number % 2)))
      case 4...6: world.unplug("video\(number)")
      case 7: world.send(.devicesEnumerating)
      case 8: world.send(.devicesEnumerated)
      case 9: world.send(.childExited(.probe(slot: number), life: life, .code(0)))
      case 10: world.answerProbe(number, life, World.capture)
      case 11: world.reports["video\(number)"] = number % 2 == 0 ? World.report(.notCapture) : nil
      case 12: world.serverAnswers.toggle()
      case 13: world.remember(world.known)
      case 14: if number < 4 { world.exitServer(.code(1)) }
      default: world.run(UInt64.random(in: 0..<3000, using: &random))
      }
    }
    for effect in world.asked {
      if case .spawnMediaServer = effect { starts += 1 }
    }
    #expect(UInt32(starts) == world.read { $0.mediaServer.child.starts })
    #expect(world.mostEffects < Effects.capacity)
    #expect(Set(world.cameras.keys).count == world.cameras.count)
  }

  @Test func listsFitTheirFrames() throws {
    let world = crowded()
    let bytes = UnsafeMutableRawBufferPointer.allocate(
      byteCount: Limits.payloadSize, alignment: 8)
    defer { bytes.deallocate() }
    var cameras = ByteWriter(bytes)
    world.read { $0.writeCameraList(now: world.instant, into: &cameras) }
    #expect(try CameraListHead.open(cameras.written).0.count == 32)
    var streams = ByteWriter(bytes)
    world.read { $0.writeStreamList(now: world.instant, into: &streams) }
    let (head, _) = try StreamListHead.open(streams.written)
    #expect(head.count == 32 && head.rtspPort == 8554)
  }

  @Test func answersAgreeWithTheState() {
    let world = World.up { $0.name = "barn" }
    world.plug(World.webcam())
    world.run(1000)
    world.unplug("video0")
    world.plug(World.webcam("video2", port: "1-7", serial: "OTHER-88"))
    world.run(1000)
    let report = world.read { $0.healthReport(now: world.instant) }
    #expect(report.state == .healthy && report.mediaState == .up && report.mediaPid == 101)
    #expect(report.camerasKnown == 2 && report.camerasPresent == 1 && report.camerasFailed == 0)
    #expect(String(report.name) == "barn" && report.uptimeMs == world.now)
    #expect(report.clockTrusted && report.unixMs > 1_800_000_000_000)
    let server = world.read { $0.mediaServerReport(now: world.instant) }
    #expect(server.state == .up && server.life == 1 && server.restarts == 0)
    #expect(server.lastExit == Wire.LastExit() && server.lastAnswerAgeMs <= 1100)
    #expect(String(server.version) == "v1.20.1")
    var metrics = MetricValues()
    world.read { $0.fillMetrics(&metrics, now: world.instant) }
    #expect(metrics[.cameraConnects] == 2 && metrics[.cameraDisconnects] == 1)
    #expect(metrics[.mediaServerStarts] == 1 && metrics[.mediaServerExits] == 0)
    #expect(throws: Status.unknownCamera) {
      _ = try world.read { try $0.cameraStatus("nobody", now: world.instant) }
    }
  }

  @Test func theMemorySumIsItemised() {
    var sum = 0
    for index in 0..<ApplianceMemory.itemCount {
      let item = ApplianceMemory.item(index)
      #expect(item.count > 0 && item.bytes == item.count * item.size)
      sum += item.bytes
    }
    #expect(sum < 512 * 1024)
  }
}

/// SplitMix64, so that a failure repeats.
struct SplitMix: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var value = state
    value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
    return value ^ value >> 31
  }
}
