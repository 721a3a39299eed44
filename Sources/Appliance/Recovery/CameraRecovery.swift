import Wire

/// The ladder in its camera slot: what failed, who holds the device, who is held back.
extension Cameras {
  // MARK: What happens

  /// A feed's life is over without having been asked for: its next one may have to wait.
  mutating func feedFailed(_ slot: Int, now: Instant) {
    guard table[slot].feed.isWaiting else { return }
    let fault = table[slot].feed.fault
    let reach = reach(of: slot, fault.reach)
    if table[slot].recovery.failed(fault.reason, reach: reach, now: now) {
      table[slot].feed.hold()
    }
  }

  /// Looks whether a probe has found a fault since there were `faults` of them.
  mutating func probeFailed(_ slot: Int, since faults: UInt64, now: Instant) {
    guard table[slot].faults != faults, case .present = table[slot].state else { return }
    let reason = table[slot].reason
    let reach = reach(of: slot, reason.reach)
    if table[slot].recovery.failed(reason, reach: reach, now: now) {
      table[slot].holdExamination()
    }
  }

  /// What a feed's report says of its camera, beyond the feed before it.
  mutating func feedHeard(_ slot: Int, _ before: (good: UInt64, reopens: UInt32), now: Instant) {
    if table[slot].feed.goodPictures > before.good { table[slot].recovery.pictures(now: now) }
    if table[slot].feed.report.reopens > before.reopens {
      table[slot].recovery.reopened(now: now)
    }
  }

  mutating func recoveryStarted(
    slot: Int, life: UInt32, pid: Int32, now: Instant, _ effects: inout Effects
  ) {
    guard table.indices.contains(slot), table[slot].recovery.child.isCurrent(life) else { return }
    apply(table[slot].recovery.started(pid: pid, now: now), slot, now: now, &effects)
  }

  mutating func recoveryEnded(
    slot: Int, life: UInt32, _ exit: ChildExit, streams: inout Streams, now: Instant,
    _ effects: inout Effects
  ) {
    guard table.indices.contains(slot), table[slot].recovery.child.isCurrent(life) else { return }
    logEnd(slot, exit, &effects)
    apply(table[slot].recovery.ended(exit, now: now), slot, now: now, &effects)
    admitWaiting(streams: &streams, now: now, &effects)
  }

  // MARK: Supervision

  /// Looks after a slot's ladder, after every input.
  mutating func recover(_ index: Int, now: Instant, _ effects: inout Effects) {
    // Most slots are in order, most of the time.
    guard table[index].recovery.isBusy || table[index].isQuarantined || table[index].stopped
    else { return }
    if table[index].isQuarantined, table[index].recovery.isTrying {
      let reach = reach(of: index, .device)
      _ = table[index].recovery.failed(.quarantined, reach: reach, now: now)
    }
    if table[index].stopped || naming == .closed, table[index].recovery.forgive() {
      release(index, now: now)
    }
    let action = table[index].recovery.tick(
      reach: reach(of: index, .device), isVacant: !table[index].isHeld, isTurn: stepsRunning == 0,
      now: now)
    apply(action, index, now: now, &effects)
  }

  private mutating func apply(
    _ action: Recovery.Action, _ slot: Int, now: Instant, _ effects: inout Effects
  ) {
    let port = table[slot].device.port
    switch action {
    case .none: break
    case .release: release(slot, now: now)
    case .step(let rung, let life):
      tellStep(rung, slot, &effects)
      if rung == .portPower {
        effects.append(.cyclePower(slot: slot, life: life, port: port))
      } else {
        effects.append(.reauthorise(slot: slot, life: life, port: port))
      }
    case .signal(let life, let signal):
      effects.append(.signal(.recovery(slot: slot), life: life, signal))
    }
  }

  private mutating func release(_ slot: Int, now: Instant) {
    table[slot].feed.release(now: now)
    if case .present(let verdict, .idle) = table[slot].state, verdict != .ready {
      table[slot].examineAgain(now: now)
    }
  }

  /// How far a step may reach in this slot. A device that others use, too, is left alone.
  private func reach(of slot: Int, _ wanted: Recovery.Reach) -> Recovery.Reach {
    let port = table[slot].device.port
    guard wanted == .device, !port.isEmpty, !table[slot].stopped, naming != .closed else {
      return .process
    }
    for index in slots
    where index != slot && table[index].isPresent && table[index].device.port == port {
      return .process
    }
    return .device
  }

  /// Steps at the USB that go on now, all cameras together.
  @inline(__always)
  var stepsRunning: Int {
    var count = 0
    for index in slots where table[index].recovery.isAlive { count += 1 }
    return count
  }

  @inline(__always)
  func recoveryDeadline(_ index: Int) -> Instant {
    guard table[index].recovery.isBusy else { return .never }
    return table[index].recovery.nextDeadline(isVacant: !table[index].isHeld)
  }

  // MARK: What others are told

  private func tellStep(_ rung: RecoveryRung, _ slot: Int, _ effects: inout Effects) {
    let name = table[slot].name
    effects.append(
      .publish(Event(.cameraRecovery, value: UInt32(rung.rawValue), subject: name)))
    var text = Text<160>(name)
    text.append(rung == .portPower ? ": switching USB port " : ": re-authorising USB device ")
    text.append(table[slot].device.port)
    effects.append(.log(LogLine(.warning, text)))
  }

  private func logEnd(_ slot: Int, _ exit: ChildExit, _ effects: inout Effects) {
    var text = Text<160>(table[slot].name)
    switch exit {
    case .exited(.code(RecoveryExit.done)): return
    case .exited(.code(RecoveryExit.unsupported)): text.append(": its USB port cannot do that")
    case .exited(.code(RecoveryExit.notThere)): text.append(": nothing is in its USB port")
    case .exited, .spawnFailed:
      text.append(": the step at its USB port failed, ")
      text.append(exit.text)
    }
    effects.append(.log(LogLine(.warning, text)))
  }
}

extension Camera {
  /// A process has the device that can still be ended: nothing is done to it meanwhile.
  var isHeld: Bool {
    switch probe.phase {
    case .spawning, .running, .ending: true
    case .idle, .waiting, .quarantined: feed.isAlive
    }
  }

  var isQuarantined: Bool {
    if case .present(.failed(.quarantined), _) = state { true } else { false }
  }

  /// The next probe waits until its recovery asks for it.
  mutating func holdExamination() {
    guard case .present(let verdict, let examination) = state else { return }
    switch examination {
    case .due: state = .present(verdict, .idle)
    case .closing(let until, _):
      state = .present(verdict, .closing(until: until, retryAt: .never))
    case .idle, .running: break
    }
  }
}

extension FeedFault {
  /// As clients are told.
  var reason: CameraReason {
    switch self {
    case .none: .none
    case .stalled: .stalled
    case .noPictures: .noPictures
    case .busy: .heldByOther
    case .noBandwidth: .noBandwidth
    case .modeRefused: .modeRefused
    case .openFailed: .openFailed
    case .failed, .crashed: .feedFailed
    }
  }

  /// What may help. A device that answers as it should is not reset.
  var reach: Recovery.Reach {
    switch self {
    case .stalled, .noPictures, .openFailed, .failed: .device
    case .none, .busy, .noBandwidth, .modeRefused, .crashed: .process
    }
  }
}

extension CameraReason {
  /// What may help a camera in which a probe has found this.
  var reach: Recovery.Reach {
    switch self {
    case .probeTimeout, .openFailed, .quarantined: .device
    // A camera that offers no format offers none the next time; a probe that crashed is at fault
    // itself.
    case .none, .probeCrashed, .heldByOther, .noFormats, .noSlot, .unplugged, .stalled,
      .noBandwidth, .feedFailed, .modeRefused, .stopped, .notPublished, .noPictures:
      .process
    }
  }
}
