import Appliance
import Wire

/// Connections: accept, receive, answer, flush, end.
extension EventLoop where System: ~Copyable {
  // MARK: Accepting

  /// Takes a batch of connections from the backlog, to serve them or to tell them BUSY.
  mutating func acceptBatch() {
    for _ in 0..<Self.batch {
      guard sessions.canAdmit else { return }
      switch system.accept() {
      case .connection(let descriptor, let address): admit(descriptor, from: address)
      case .none: return
      case .exhausted:
        // The entry stays in the backlog, and a level-triggered backlog would spin.
        backlogRetry = now + Self.exhaustedMs
        return
      }
    }
  }

  private mutating func admit(_ descriptor: Int32, from address: IPv4) {
    let displaced = sessions.displaced(by: address, now: now)
    if let displaced {
      counters[.closedDisplaced] &+= 1
      close(displaced)
    } else if let overdue = sessions.overdue(for: address, now: now) {
      endTrial(overdue)
    }
    let inPlace = displaced != nil
    switch sessions.admit(descriptor: descriptor, from: address, inPlace: inPlace, now: now) {
    case .open(let index):
      countPeak()
      watch(index)
    case .refuse(let index, let reason):
      count(reason)
      guard watch(index) else { return }
      let size = busy(into: buffers.output)
      // A fresh socket takes this much, or it is dead.
      _ = system.send(descriptor, UnsafeRawBufferPointer(rebasing: buffers.output[..<size]))
      system.shutdownWrite(descriptor)
    case .drop(let reason):
      count(reason)
      counters[.refusedSilently] &+= 1
      system.close(descriptor)
    }
  }

  /// Somebody has got a slot.
  mutating func countPeak() {
    let open = UInt64(sessions.placed)
    if open > counters[.connectionsPeak] { counters[.connectionsPeak] = open }
  }

  /// Somebody is told BUSY after all.
  mutating func turnAway(_ index: Int) {
    if sessions.slots[index].isOnTrial { count(sessions.reason(ofTrial: index)) }
    if sessions.slots[index].isUnproven { counters[.closedHandshake] &+= 1 }
    let size = seal(index, buffers.output, busy(into: buffers.output))
    guard let unsent = send(index, size) else { return }
    // Whoever does not even take this much is not told.
    if unsent > 0 { close(index) } else { end(index) }
  }

  /// Frees a place on trial at once. Who is silent has sent nothing that would make the kernel
  /// reset the connection, and lose the answer (RFC 1122, 4.2.2.13); who was told its end before
  /// has had its time to read it.
  private mutating func endTrial(_ index: Int) {
    let generation = sessions.slots[index].generation
    if sessions.slots[index].phase == .open { turnAway(index) }
    if sessions.find(index, generation: generation) != nil { close(index) }
  }

  /// The frame that tells BUSY; its bytes.
  func busy(into room: UnsafeMutableRawBufferPointer) -> Int {
    Frame.refusal(to: nil, .busy, retryAfterMs: SessionLimits.retryAfterMs, into: room)
  }

  /// Where keys have taken more slots than there are, as many without a key make room. Where all
  /// have one, a place beyond is for those who can help: a viewer is told BUSY itself.
  mutating func makeRoomForKeys() {
    mustMakeRoom = false
    while let newcomer = sessions.takeBeyond() {
      // Somebody may have ended meanwhile.
      guard sessions.placed > sessions.ordinary else { continue }
      if let keyless = sessions.keyless() {
        counters[.closedDisplaced] &+= 1
        turnAway(keyless)
      } else if sealed[newcomer].role < .operator {
        count(.full)
        turnAway(newcomer)
      }
    }
  }

  mutating func count(_ refusal: SessionTable.Refusal) {
    switch refusal {
    case .full: counters[.refusedBusy] &+= 1
    case .publicFull: counters[.refusedPublic] &+= 1
    case .addressFull: counters[.refusedAddress] &+= 1
    }
  }

  @discardableResult
  private mutating func watch(_ index: Int) -> Bool {
    let session = sessions.slots[index]
    sessions.setInterest(index, Interest.readable.rawValue)
    let watched = system.watch(
      session.descriptor, slot: index, generation: session.generation, .readable)
    if !watched { close(index) }
    return watched
  }

  /// The backlog wakes the loop only while there is a place for what it holds.
  mutating func watchBacklog() {
    let wanted = sessions.canAdmit && backlogRetry == .never
    guard wanted != backlogWatched else { return }
    backlogWatched = wanted
    system.watchBacklog(wanted)
  }

  // MARK: Serving

  /// A connection is ready for something.
  mutating func serve(_ slot: Int, _ generation: UInt32, _ readiness: Readiness) {
    guard let index = sessions.find(slot, generation: generation) else { return }
    switch (sessions.slots[index].phase, readiness) {
    case (.free, _): return
    case (_, .broken):
      counters[.closedByPeer] &+= 1
      noteCutOff(index)
      close(index)
    case (.lingering, _): discard(index)
    case (.open, .readable): receive(index)
    case (.open, .writable), (.ending, .writable): flushRest(index)
    case (.ending, .readable): return
    }
  }

  /// The last `unsent` of `output` bytes and the input from `consumed` on stay with the slot.
  mutating func keep(
    _ index: Int, consumed: Int, filled: Int, unsent: Int, of output: Int = 0, wait: Bool
  ) {
    if consumed < filled || unsent > 0 {
      let held = UnsafeRawBufferPointer(rebasing: buffers.input[consumed..<filled])
      let rest = UnsafeRawBufferPointer(rebasing: buffers.output[(output - unsent)..<output])
      let start = buffers.keep(index, held: held, rest: rest, sessions)
      if unsent > 0 {
        sessions.keepRest(index, start: start, count: unsent, now: now)
      }
    }
    sessions.hold(index, filled - consumed, consumed: consumed, now: now)
    if wait && !sessions.slots[index].waiting {
      sessions.setWaiting(index, true)
      buffers.enqueue(index)
    }
    updateInterest(index)
  }

  /// Sends the first `count` bytes of the output. Returns how many of them are unsent, nil when the
  /// connection is gone.
  mutating func send(_ index: Int, _ count: Int) -> Int? {
    guard count > 0 else { return 0 }
    let bytes = UnsafeRawBufferPointer(rebasing: buffers.output[..<count])
    return send(index, bytes)
  }

  mutating func send(_ index: Int, _ bytes: UnsafeRawBufferPointer) -> Int? {
    switch system.send(sessions.slots[index].descriptor, bytes) {
    case .moved(let count):
      counters[.bytesSent] &+= UInt64(count)
      return bytes.count - count
    case .wouldBlock: return bytes.count
    case .end, .broken:
      counters[.closedByPeer] &+= 1
      close(index)
      return nil
    }
  }

  /// The socket takes bytes again.
  private mutating func flushRest(_ index: Int) {
    let rest = unsent(index)
    guard !rest.isEmpty else {
      updateInterest(index)
      return
    }
    guard let unsent = send(index, rest) else { return }
    let start = Int(sessions.slots[index].restStart) + rest.count - unsent
    sessions.keepRest(index, start: start, count: unsent, now: now)
    guard unsent == 0 else { return }
    giveBackRest(index)
    if sessions.slots[index].phase == .ending {
      end(index)
      return
    }
    resume(index)
  }

  /// Goes on with what a slot holds: whole frames may wait there, and events.
  mutating func resume(_ index: Int) {
    let generation = sessions.slots[index].generation
    if sessions.slots[index].held > 0 {
      answerAll(index, filled: buffers.restore(index, sessions))
    } else {
      updateInterest(index)
    }
    if sessions.find(index, generation: generation) != nil { deliver(to: index) }
  }

  /// Slots that wait for a large buffer, in their order, while there are buffers.
  mutating func resumeWaiting() {
    var left = min(buffers.waiting, Self.batch)
    while left > 0 && buffers.free >= 2 {
      left -= 1
      let index = buffers.dequeue()
      sessions.setWaiting(index, false)
      if sessions.slots[index].rest == 0 { resume(index) }
    }
  }

  mutating func updateInterest(_ index: Int) {
    let session = sessions.slots[index]
    let wanted: Interest
    if session.phase == .lingering {
      wanted = .readable
    } else if session.rest > 0 {
      wanted = .writable
    } else {
      wanted = session.waiting ? .nothing : .readable
    }
    guard wanted.rawValue != session.interest else { return }
    sessions.setInterest(index, wanted.rawValue)
    system.change(
      session.descriptor, slot: index, generation: session.generation, wanted)
  }

  // MARK: Ending

  /// Answers under way to connections that are gone: between two turns there are none.
  public var orphans: Int {
    var count = 0
    for entry in 0..<Pictures.capacity where pictures[entry].state != .free {
      if isGone(pictures[entry].slot, pictures[entry].generation) { count += 1 }
    }
    for entry in jobs.table.indices where jobs.table[entry].state != .free {
      if isGone(jobs.table[entry].slot, jobs.table[entry].generation) { count += 1 }
    }
    for entry in decisions.table.indices where decisions.table[entry].state != .free {
      if isGone(decisions.table[entry].slot, decisions.table[entry].generation) { count += 1 }
    }
    return count
  }

  /// Connections that are in the queue for large buffers, or wait for the card: as many as say so.
  public var awaited: Int {
    guard let newcomer, !isGone(newcomer.slot, newcomer.generation),
      sessions.slots[newcomer.slot].waiting
    else { return buffers.waiting }
    return buffers.waiting + 1
  }

  private func isGone(_ slot: Int, _ generation: UInt32) -> Bool {
    sessions.find(slot, generation: generation) == nil
  }

  /// Ends a connection whose answers so far shall arrive.
  mutating func end(_ index: Int) {
    buffers.giveBackHeld(index, sessions)
    sessions.hold(index, 0, consumed: 0, now: now)
    noteSubscriberLeft(index)
    messages.leave(index)
    messages.forgetUpload(of: index)
    if sessions.end(index, now: now) {
      system.shutdownWrite(sessions.slots[index].descriptor)
    }
    updateInterest(index)
  }

  /// Throws input away until the peer ends its direction.
  private mutating func discard(_ index: Int) {
    switch system.receive(sessions.slots[index].descriptor, into: buffers.waste) {
    case .moved, .wouldBlock: return
    case .end, .broken: close(index)
    }
  }

  /// Frees a slot at once.
  mutating func close(_ index: Int) {
    let descriptor = sessions.slots[index].descriptor
    if sessions.slots[index].waiting { buffers.forget(index) }
    giveBackRest(index)
    buffers.giveBackHeld(index, sessions)
    messages.leave(index)
    messages.forgetUpload(of: index)
    dropPictures(of: index)
    dropJobs(of: index)
    dropDecisions(of: index)
    noteSubscriberLeft(index)
    if sessions.slots[index].isSealed { forgetClient(index) }
    sessions.free(index)
    system.close(descriptor)
  }

  /// The list of subscribers closes its gaps with its last entry: a round must begin again.
  private mutating func noteSubscriberLeft(_ index: Int) {
    countOverwritten(index)
    if sweep != nil && sessions.slots[index].isSubscribed { sweepAgain = true }
  }

  /// Ends what took too long, a batch per turn.
  mutating func expireSessions() {
    for _ in 0..<Self.batch {
      guard let index = sessions.expired(now: now) else { return }
      let session = sessions.slots[index]
      switch session.phase {
      case .free: continue
      case .lingering: close(index)
      case .ending:
        counters[.closedWriteTimeout] &+= 1
        close(index)
      case .open:
        if session.rest > 0 {
          counters[.closedWriteTimeout] &+= 1
          close(index)
        } else {
          expireOpen(index)
        }
      }
    }
  }

  /// Tells a silent or unfinished connection why it ends.
  private mutating func expireOpen(_ index: Int) {
    let session = sessions.slots[index]
    let status: Status
    if session.waiting {
      buffers.forget(index)
      sessions.setWaiting(index, false)
      status = .busy
    } else {
      status = session.isOnTrial ? .busy : .timeout
    }
    noteCutOff(index)
    if session.isOnTrial {
      count(sessions.reason(ofTrial: index))
    } else if session.isUnknown || session.isUnproven {
      counters[.closedHandshake] &+= 1
    } else if session.held > 0 {
      counters[.closedFrameTimeout] &+= 1
    } else {
      counters[.closedIdle] &+= 1
    }
    let size = Frame.refusal(
      to: nil, status, retryAfterMs: SessionLimits.retryAfterMs, into: buffers.output)
    guard let unsent = send(index, seal(index, buffers.output, size)) else { return }
    // Whoever does not even take this much is not told.
    if unsent > 0 { close(index) } else { end(index) }
  }
}
