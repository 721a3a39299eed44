import Appliance
import Wire

/// What goes wrong, and when it is over.
extension SimulatedWorld {
  func begin(_ fault: Fault) {
    say("fault: \(fault.text)")
    coverage.note("fault \(fault.kind)")
    let camera = Int(fault.subject) % cameras.count
    switch fault.kind {
    case .connectionResets: resetConnections(fault.subject)
    case .strangerFlood, .slowLoris, .slowReaders, .junkFrames, .copiedHandshakes: invite(fault)
    case .unplug:
      unplug(camera)
      surely(fault.durationMs) { $0.plug(camera) }
    case .udevOverflow: loseNews(camera, fault.subject)
    case .probeHang, .probeCrash, .probeBusy, .probeOpenFails, .feedFrozen, .feedSilent,
      .feedBusy, .feedNoBandwidth, .feedDamaged:
      cameras[camera].conditions[fault.kind.rawValue] += 1
      surely(fault.durationMs) { $0.cameras[camera].conditions[fault.kind.rawValue] -= 1 }
    case .feedCrash:
      if let feed = feeds.first(where: { $0.camera == camera }) {
        finish(.feed(slot: feed.slot), feed.life, .signal(11))
      }
    case .mediaExit: exitMediaServer(fault.subject)
    case .mediaPoisoned: media.isPoisoned = media.life != nil
    case .feedUnkillable, .mediaHang, .mediaSlow, .mediaForgets, .mediaNotStarted,
      .mediaUnkillable, .framesInError, .diskSlow, .descriptorsExhausted, .spawnFails,
      .keeperUnreadable:
      hold(fault)
      if fault.kind == .mediaHang { hangMediaServer(fault.durationMs) }
      // Somebody has replaced its program.
      if fault.kind == .mediaNotStarted { exitMediaServer(fault.subject) }
    case .keeperSlow, .keeperHangs, .keeperRefuses:
      hold(fault)
      // What was said meanwhile, and does not lie on the card, is lost with the power.
      if fault.subject % 3 == 0, options.keys {
        surely(fault.durationMs - 1) { $0.end = .powerCut }
      }
    case .keeperCrash: crashKeeper()
    case .factoryReset: requestReset()
    case .shortPress, .longPress: press(fault)
    case .stalledSubscribers: hold(fault) { $0.wakeStalled() }
    case .diskFull:
      hold(fault) { $0.roomChanged() }
    case .diskFails, .diskReadOnly, .diskMissing, .diskHangs:
      hold(fault) { $0.cardChanged() }
    case .networkDown: hold(fault) { $0.tellNetwork() }
    case .clockJump:
      let byMs = (fault.subject + 1) * 86_400
      let ahead = board.wallOffsetMs + byMs
      board.wallOffsetMs = fault.subject & 1 == 0 ? ahead : board.wallOffsetMs - byMs
      tellClock(0)
    case .powerCut: end = .powerCut
    case .agentCrash: end = .crash
    case .starvation: starve(fault)
    case .stopRequest: post(.children, .stopRequested)
    case .rebootRequest: requestReboot()
    case .hardHang:
      hangsLeft += 1 + Int(fault.subject % 4)
      hang(random.between(0, 1000))
    case .nodeMove, .portMove: move(camera, toOtherPort: fault.kind == .portMove)
    }
  }

  /// So it is for a while. `changed`: at its beginning and its end.
  private func hold(_ fault: Fault, _ changed: @escaping (SimulatedWorld) -> Void = { _ in }) {
    conditions[fault.kind.rawValue] += 1
    changed(self)
    surely(fault.durationMs) { world in
      world.conditions[fault.kind.rawValue] -= 1
      changed(world)
    }
  }

  /// An operator who is connected asks for it.
  private func requestReboot() {
    for client in clients where client.kind == .operator && client.connection != nil {
      return client.ask(.reboot, self)
    }
  }

  /// The loop hangs until the watchdog has reset the board.
  func hang(_ ms: UInt64) {
    later(ms) { world in
      guard world.hangsLeft > 0 else { return }
      world.hangsLeft -= 1
      world.starvedUntilUs = world.us + UInt64(world.options.watchdogS) * 2_000_000
    }
  }

  /// A camera is pulled and comes back elsewhere.
  private func move(_ camera: Int, toOtherPort: Bool) {
    unplug(camera)
    surely(random.between(100, 3000)) { world in
      // Whoever has it out of its port otherwise gives it back in its new place.
      world.moves += 1
      world.cameras[camera].node = "video\(100 + 2 * world.moves)"
      if toOtherPort { world.cameras[camera].moveToPort("1-2.\(world.moves)") }
      world.plug(camera)
    }
  }

  private func resetConnections(_ subject: UInt64) {
    for (index, socket) in sockets.enumerated() {
      guard let socket, (subject >> UInt64(index % 8)) & 1 == 0 else { continue }
      socket.isBroken = true
      socket.client.forget()
    }
  }

  /// The udev socket overflows while a camera is pulled and put back.
  private func loseNews(_ camera: Int, _ subject: UInt64) {
    conditions[FaultKind.udevOverflow.rawValue] += 1
    unplug(camera)
    surely(subject % 2 == 0 ? 40 : 300) { $0.plug(camera) }
    surely(100) { world in
      world.conditions[FaultKind.udevOverflow.rawValue] -= 1
      world.enumerate()
    }
  }

  private func exitMediaServer(_ subject: UInt64) {
    guard let life = media.life else { return }
    // Bad hot reload: code 0, although nobody asked for it.
    let status: ExitStatus =
      switch subject % 4 {
      case 0: .code(0)
      case 1: .code(1)
      case 2: .signal(11)
      default: .signal(9)
      }
    finish(.mediaServer, life, status)
  }

  /// SIGSTOP: it takes no SIGTERM either.
  private func hangMediaServer(_ durationMs: UInt64) {
    guard let life = media.life, let index = process(.mediaServer, life) else { return }
    processes[index].isHung = true
    surely(durationMs) { world in
      guard let index = world.process(.mediaServer, life) else { return }
      world.processes[index].isHung = false
    }
  }

  /// The loop is given the processor late, again and again.
  private func starve(_ fault: Fault) {
    let untilUs = us + fault.durationMs * 1000
    // Mostly less than the watchdog allows, sometimes more.
    let longestMs = fault.subject % 10 == 0 ? UInt64(options.watchdogS) * 1200 : 900
    func again(_ world: SimulatedWorld) {
      guard world.us < untilUs else { return }
      world.starvedUntilUs = world.us + world.random.between(1, longestMs) * 1000
      world.surely(longestMs + world.random.between(10, 1000), again)
    }
    again(self)
  }
}
