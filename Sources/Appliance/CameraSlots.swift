import Wire

/// Slots: who gets one, who gives way, who waits.
extension Cameras {
  func slot(ofNode name: Text<16>) -> Int? {
    for index in slots where table[index].isPresent && table[index].node(named: name) != nil {
      return index
    }
    return nil
  }

  func slot(atPlaceOf device: DeviceFacts) -> Int? {
    for index in slots
    where table[index].isPresent && table[index].device.place == device.place {
      return index
    }
    return nil
  }

  var freeSlot: Int? {
    for index in table.indices
    where table[index].state == .free && table[index].isVacant {
      return index
    }
    return nil
  }

  var oldestAbsentSlot: Int? {
    var oldest: (slot: Int, since: Instant)?
    for index in slots
    where table[index].isVacant && !table[index].recovery.isOurDoing {
      guard case .absent(let since) = table[index].state else { continue }
      if let known = oldest, known.since <= since { continue }
      oldest = (index, since)
    }
    return oldest?.slot
  }

  @inline(__always)
  var probesRunning: Int {
    var count = 0
    for index in slots {
      switch table[index].probe.phase {
      case .spawning, .running, .ending: count += 1
      case .idle, .waiting, .quarantined: break
      }
    }
    return count
  }

  /// The slot whose examination is due first; among equals the one that arrived first.
  @inline(__always)
  var nextDue: Int? {
    var best: Int?
    for index in slots where table[index].examinationDue != .never {
      guard let known = best else {
        best = index
        continue
      }
      let (due, first) = (table[index].examinationDue, table[known].examinationDue)
      if due < first || due == first && table[index].arrival < table[known].arrival { best = index }
    }
    return best
  }

  func nextUnnamed(after arrival: UInt64) -> Int? {
    var best: Int?
    for index in slots
    where table[index].isPresent && table[index].name.isEmpty && table[index].arrival > arrival {
      if let known = best, table[known].arrival < table[index].arrival { continue }
      best = index
    }
    return best
  }

  mutating func admit(
    _ device: DeviceFacts, streams: inout Streams, now: Instant, _ effects: inout Effects
  ) {
    let identity = naming == .open ? resolve(device, slot: nil, streams, &effects) : nil
    guard let index = claimSlot(identity?.name, streams: &streams) else {
      return refuse(device, &effects)
    }
    arrivals += 1
    table[index].arrival = arrivals
    table[index].device = device
    table[index].connectedAt = now
    if !table[index].recovery.isOurDoing { table[index].attempts = 0 }
    table[index].removeNodes()
    table[index].addNode(device, sweep: sweep)
    table[index].state = .present(.undecided, .due(now))
    table[index].recovery.returned()
    if let identity { identify(index, as: identity) }
  }

  /// The slot of the camera with this name, or a fresh one.
  mutating func claimSlot(_ name: Name?, streams: inout Streams) -> Int? {
    if let name {
      for index in slots where table[index].isAbsent && table[index].name == name {
        return index
      }
    }
    if let index = freeSlot {
      reset(index)
      return index
    }
    guard let index = oldestAbsentSlot else { return nil }
    streams.unwant(table[index].name)
    reset(index)
    return index
  }

  mutating func reset(_ index: Int) {
    var fresh = Camera()
    // The process slot goes on: its lives are counted over all cameras it serves.
    fresh.probe = table[index].probe
    fresh.feed = table[index].feed
    fresh.recovery = Recovery(after: table[index].recovery)
    fresh.faults = table[index].faults
    table[index] = fresh
    firstUntouched = max(firstUntouched, index + 1)
  }

  mutating func refuse(_ device: DeviceFacts, _ effects: inout Effects) {
    for index in 0..<waitingCount where waiting[index].node == device.node { return }
    effects.append(
      .publish(
        Event(
          .cameraStatus, value: CameraState.failed.value(.noSlot),
          detail: Text(CameraReason.noSlot.sentence))))
    guard waitingCount < waiting.count else { return }
    waiting[waitingCount] = device
    waitingCount += 1
  }

  mutating func forget(waitingNode name: Text<16>) {
    for index in 0..<waitingCount where waiting[index].node == name {
      takeWaiting(index)
      return
    }
  }

  @discardableResult
  mutating func takeWaiting(_ index: Int) -> DeviceFacts {
    let device = waiting[index]
    for position in index + 1..<max(waitingCount, index + 1) {
      waiting[position - 1] = waiting[position]
    }
    waitingCount -= 1
    return device
  }

  /// Lets the longest waiting device in once there is room.
  mutating func admitWaiting(
    streams: inout Streams, now: Instant, _ effects: inout Effects
  ) {
    guard waitingCount > 0, freeSlot != nil || oldestAbsentSlot != nil else { return }
    added(takeWaiting(0), streams: &streams, now: now, &effects)
  }

  /// The device in a slot is gone, or is none of ours.
  mutating func depart(
    _ index: Int, streams: inout Streams, now: Instant, _ effects: inout Effects
  ) {
    let wasAnnounced = table[index].isAnnounced
    let isKnown = known.index(named: table[index].name) != nil
    apply(table[index].abandonProbe(now: now), index, &effects)
    let isOurDoing = table[index].recovery.isOurDoing
    applyFeed(
      table[index].feed.unwant(with: .terminate, keepingAttempts: isOurDoing, now: now), index,
      &effects)
    table[index].recovery.left(now: now)
    table[index].removeNodes()
    table[index].state = wasAnnounced || isKnown ? .absent(since: now) : .free
    if wasAnnounced {
      disconnects += 1
      table[index].disconnects &+= 1
      effects.append(
        .publish(
          Event(
            .cameraDisconnected, value: UInt32(CameraState.absent.rawValue),
            subject: table[index].name)))
    }
    admitWaiting(streams: &streams, now: now, &effects)
  }

  @inline(__always)
  func applyFeed(_ action: ChildAction, _ slot: Int, _ effects: inout Effects) {
    switch action {
    case .none: break
    case .spawn(let life): effects.append(.spawnFeed(slot: slot, life: life))
    case .signal(let life, let signal):
      effects.append(.signal(.feed(slot: slot), life: life, signal))
    }
  }

  @inline(__always)
  func apply(_ action: ChildAction, _ slot: Int, _ effects: inout Effects) {
    switch action {
    case .none: break
    case .spawn(let life):
      effects.append(.spawnProbe(slot: slot, life: life, node: table[slot].captureNodeName))
    case .signal(let life, let signal):
      effects.append(.signal(.probe(slot: slot), life: life, signal))
    }
  }
}
