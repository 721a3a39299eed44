import Appliance
import Wire

/// A USB camera, in its port or out of it.
struct SimulatedCamera {
  var node: String
  var port: String
  var serial: String
  var format: UInt32
  /// Reasons for it to be out of its port: faults, and steps of the agent.
  var absences = 0
  /// How often it has been pulled out: what a process has opened before is no longer it.
  var pulls = 0
  /// How often this is so now, by kind of fault.
  var conditions: [Int] = Array(repeating: 0, count: FaultKind.allCases.count)

  /// The name that it was first streamed under; empty: it has not been. A camera that has nothing
  /// but its port to be known by is another one elsewhere.
  var name = Name()

  mutating func moveToPort(_ port: String) {
    self.port = port
    if serial.isEmpty { name = .empty }
  }

  var isPlugged: Bool { absences == 0 }
  func has(_ kind: FaultKind) -> Bool { conditions[kind.rawValue] > 0 }

  var facts: DeviceFacts {
    var facts = DeviceFacts()
    facts.node = Text(of: node)
    facts.port = Text(of: port)
    facts.serial = Text(of: serial)
    facts.product = Text("HD Webcam C270")
    facts.vendorID = 0x046D
    facts.productID = 0x0825
    return facts
  }

  var report: ProbeReport {
    var report = ProbeReport()
    report.outcome = .capture
    report.card = Text("HD Webcam C270")
    report.driver = Text("uvcvideo")
    report.modeCount = 1
    report.modes[0].format = format
    report.modes[0].width = 1280
    report.modes[0].height = 720
    report.modes[0].intervalNumerator = 1
    report.modes[0].intervalDenominator = 30
    return report
  }
}

extension SimulatedWorld {
  func plugCameras() {
    var random = SplitMix(seed: options.seed, stream: 4)
    for index in 0..<options.cameras {
      cameras.append(
        SimulatedCamera(
          node: "video\(2 * index)", port: "1-1.\(index + 1)",
          serial: random.chance(80) ? "SN-00\(index)A\(random.below(1000))" : "",
          format: random.chance(50) ? PixelFormat.mjpeg : PixelFormat.h264))
    }
  }

  func camera(atNode node: String) -> Int? { cameras.firstIndex { $0.node == node } }

  /// Pulls a camera out; whoever has it open is told by the kernel.
  func unplug(_ index: Int) {
    cameras[index].absences += 1
    guard cameras[index].absences == 1 else { return }
    cameras[index].pulls += 1
    say("world: \(cameras[index].node) unplugged")
    if !isNow(.udevOverflow) {
      post(.udev, .deviceRemoved(node: Text(of: cameras[index].node)))
    }
    for feed in feeds where feed.camera == index { failFeed(feed.slot, feed.life, .gone) }
  }

  func plug(_ index: Int) {
    cameras[index].absences -= 1
    guard cameras[index].absences == 0 else { return }
    say("world: \(cameras[index].node) plugged in")
    post(.udev, .deviceAdded(cameras[index].facts))
  }

  /// The agent looks at everything that is there: at its start, and when news were lost.
  func enumerate() {
    post(.udev, .devicesEnumerating)
    for camera in cameras where camera.isPlugged {
      post(.udev, .deviceAdded(camera.facts))
    }
    post(.udev, .devicesEnumerated)
  }

  // MARK: Probes

  func spawnProbe(_ slot: Int, _ life: UInt32, _ node: String) {
    let kind = ChildKind.probe(slot: slot)
    holdAlone(node, kind)
    guard start(kind, life) else { return }
    guard let camera = camera(atNode: node) else {
      return later(5) { $0.answerProbe(slot, life, .openFailed, exitsWith: 0) }
    }
    if cameras[camera].has(.probeHang) { return }
    if cameras[camera].has(.probeCrash) {
      return later(5) { $0.finish(kind, life, .signal(11)) }
    }
    later(random.between(10, 200)) { world in
      let camera = world.cameras[camera]
      guard camera.isPlugged, !camera.has(.probeOpenFails) else {
        return world.answerProbe(slot, life, .openFailed, exitsWith: 0)
      }
      if camera.has(.probeBusy) {
        return world.answerProbe(slot, life, .busy, exitsWith: 0)
      }
      world.answerProbe(slot, life, camera.report, exitsWith: 0)
    }
  }

  private func answerProbe(
    _ slot: Int, _ life: UInt32, _ outcome: ProbeReport.Outcome, exitsWith code: UInt8
  ) {
    var report = ProbeReport()
    report.outcome = outcome
    answerProbe(slot, life, report, exitsWith: code)
  }

  private func answerProbe(
    _ slot: Int, _ life: UInt32, _ report: ProbeReport, exitsWith code: UInt8
  ) {
    guard process(.probe(slot: slot), life) != nil else { return }
    post(.children, .probe(slot: slot, life: life, report))
    later(1) { $0.finish(.probe(slot: slot), life, .code(code)) }
  }

  // MARK: Steps at the USB

  func takeStep(_ slot: Int, _ life: UInt32, port: String, cyclesPower: Bool) {
    let kind = ChildKind.recovery(slot: slot)
    guard let camera = cameras.firstIndex(where: { $0.port == port }) else {
      guard start(kind, life) else { return }
      return later(5) { $0.finish(kind, life, .code(RecoveryExit.notThere)) }
    }
    holdAlone(cameras[camera].node, kind)
    guard start(kind, life) else { return }
    if cyclesPower && !options.portPowerWorks {
      return later(5) { $0.finish(kind, life, .code(RecoveryExit.unsupported)) }
    }
    guard cameras[camera].isPlugged else {
      return later(5) { $0.finish(kind, life, .code(RecoveryExit.notThere)) }
    }
    later(20) { world in
      world.unplug(camera)
      // What the step has taken comes back even when the agent does not live to see it.
      world.surely(400) { $0.plug(camera) }
    }
    later(450) { $0.finish(kind, life, .code(RecoveryExit.done)) }
  }

  /// Notes when a process is let near a device that another one has.
  private func holdAlone(_ node: String, _ kind: ChildKind) {
    guard let camera = camera(atNode: node) else { return }
    for feed in feeds where feed.camera == camera && feed.pulls == cameras[camera].pulls {
      guard !isQuarantined(.feed(slot: feed.slot)) else { continue }
      broke(OneHolder.self, "\(kind.word) of \(node) beside the feed of slot \(feed.slot)")
    }
  }

  /// The agent has sent SIGKILL, in vain so far.
  func isQuarantined(_ kind: ChildKind) -> Bool {
    processes.contains { $0.kind == kind && $0.isEnding }
  }
}
