import Wire

/// Feeds in their camera slots: who gets one, what becomes of what they say.
extension Cameras {
  /// The wish for a camera: its own entry, else the one for all.
  func wish(for name: Name) -> Configuration.CameraMode? {
    var general: Configuration.CameraMode?
    for index in settings.modes.indices {
      let mode = settings.modes[index]
      if mode.camera.isEmpty { continue }
      if mode.camera == name { return mode }
      if mode.camera == "*", general == nil { general = mode }
    }
    return general
  }

  /// Chooses what is captured, once a probe has found the camera in order.
  mutating func chooseMode(_ slot: Int, _ effects: inout Effects) {
    guard case .present(.ready, _) = table[slot].state else { return }
    // A file is what it is.
    let wish = table[slot].device.isPlayback ? nil : wish(for: table[slot].name)
    let choice = ModeChoice(reports[slot], wish: wish)
    table[slot].choose(choice)
    guard choice == .refused, let wish else { return }
    let text = ModeChoice.refusal(of: table[slot].name, wish, reports[slot])
    effects.append(.log(LogLine(.warning, text)))
  }

  // MARK: Supervision

  /// Looks after a slot's feed, after every input.
  mutating func supervise(_ index: Int, now: Instant, _ effects: inout Effects) {
    let action = table[index].feed.tick(
      timeoutMs: settings.feedTimeoutMs, stallMs: settings.stallMs, now: now)
    log(action, index, &effects)
    applyFeed(action, index, &effects)
    if naming == .open, table[index].wantsFeed {
      let wanted = table[index].feed.want(timeoutMs: settings.feedTimeoutMs, now: now)
      if wanted != .none { table[index].recovery.tried(now: now) }
      applyFeed(wanted, index, &effects)
    } else {
      // A probe waits for the device; a stream that was stopped may end in order, and who holds a
      // device that is gone lets go of it in time.
      let mayTakeItsTime = table[index].stopped || naming == .closed || !table[index].isPresent
      let signal: Signal = mayTakeItsTime ? .terminate : .kill
      let goesOn = table[index].recovery.rung != .none
      applyFeed(
        table[index].feed.unwant(with: signal, keepingAttempts: goesOn, now: now), index,
        &effects)
    }
  }

  /// Until when bytes of some feed are expected at MediaMTX; in the past: of none.
  @inline(__always)
  var bytesExpectedUntil: Instant {
    var until = Instant(ms: 0)
    for index in slots {
      until = max(until, table[index].feed.expectsBytes(table[index].flow) ?? until)
    }
    return until
  }

  /// Tells feeds and clients what has become of the streams, after MediaMTX has been looked after.
  mutating func follow(
    _ streams: inout Streams, now: Instant, _ effects: inout Effects
  ) {
    for index in slots where table[index].isPresent {
      let before = Shown(&table[index])
      let stream = table[index].name.isEmpty ? nil : streams.index(of: table[index].name)
      if let stream {
        table[index].stream = streams[stream].streamState
        table[index].flow = streams[stream].flow
      } else {
        table[index].stream = nil
        table[index].flow = nil
      }
      table[index].feed.follow(table[index].flow)
      let life = table[index].feed.child.life
      switch table[index].feed.direct(table[index].stream, now: now) {
      case .none: break
      case .publish: effects.append(.publishFeed(slot: index, life: life))
      case .silence: effects.append(.silenceFeed(slot: index, life: life))
      }
      tell(index, before, streams: &streams, now: now, &effects)
    }
  }

  @inline(__always)
  func feedDeadline(_ index: Int) -> Instant {
    table[index].feed.nextDeadline(timeoutMs: settings.feedTimeoutMs, stallMs: settings.stallMs)
  }

  mutating func feedStarted(
    slot: Int, life: UInt32, pid: Int32, now: Instant, _ effects: inout Effects
  ) {
    guard isCurrentFeed(slot, life) else { return }
    applyFeed(table[slot].feed.started(pid: pid, now: now), slot, &effects)
  }

  mutating func feedEnded(
    slot: Int, life: UInt32, _ exit: ChildExit, streams: inout Streams, now: Instant,
    _ effects: inout Effects
  ) {
    guard isCurrentFeed(slot, life) else { return }
    let before = Shown(&table[slot])
    let attempts = table[slot].feed.attempts
    table[slot].feed.ended(exit, now: now)
    feedFailed(slot, now: now)
    table[slot].released(now: now)
    if table[slot].feed.attempts > attempts { logEnd(slot, exit, &effects) }
    tell(slot, before, streams: &streams, now: now, &effects)
    admitWaiting(streams: &streams, now: now, &effects)
  }

  mutating func feedReported(
    slot: Int, life: UInt32, _ report: FeedReport, streams: inout Streams, now: Instant,
    _ effects: inout Effects
  ) {
    guard isCurrentFeed(slot, life) else { return }
    let before = Shown(&table[slot])
    let known = (table[slot].feed.goodPictures, table[slot].feed.report.reopens)
    table[slot].feed.reported(report, now: now)
    feedHeard(slot, known, now: now)
    tell(slot, before, streams: &streams, now: now, &effects)
  }

  private func isCurrentFeed(_ slot: Int, _ life: UInt32) -> Bool {
    table.indices.contains(slot) && table[slot].feed.child.isCurrent(life)
  }

  /// Feeds that have to end before the appliance may.
  @inline(__always)
  var feedsRunning: Int {
    var count = 0
    for index in slots where table[index].feed.isAlive { count += 1 }
    return count
  }

  // MARK: Start and stop

  /// The camera's stream is wanted from now on, or no longer; kept over a reboot.
  mutating func setStopped(_ index: Int, _ stopped: Bool, now: Instant) {
    table[index].stopped = stopped
    known.setStopped(table[index].name, stopped)
    guard !stopped else { return }
    // Whoever starts a stream that has failed wants it tried now.
    table[index].feed.tryNow(now)
    table[index].recovery.hurry(now: now)
    if case .present(let verdict, .due) = table[index].state, verdict != .ready {
      table[index].examineAgain(now: now)
    }
  }

  // MARK: The log

  /// `mutating`, so that nothing is copied: it is asked in every step.
  private mutating func log(_ action: ChildAction, _ index: Int, _ effects: inout Effects) {
    guard case .signal(_, .kill) = action else { return }
    var text = Text<160>(table[index].name)
    switch table[index].feed.fault {
    case .stalled: text.append(": no picture comes")
    case .noPictures: text.append(": only damaged pictures come")
    case .none, .busy, .noBandwidth, .modeRefused, .openFailed, .failed, .crashed:
      text.append(": its feed says nothing")
    }
    text.append("; the feed is ended")
    effects.append(.log(LogLine(.warning, text)))
  }

  /// The first ends of a row and then ever fewer: a camera that fails for days must not push
  /// everything else out of the log.
  private func logEnd(_ slot: Int, _ exit: ChildExit, _ effects: inout Effects) {
    let attempts = table[slot].feed.attempts
    guard attempts & (attempts - 1) == 0 else { return }
    var text = Text<160>(table[slot].name)
    text.append(": feed ended, ")
    text.append(exit.text)
    text.append(", attempt ")
    text.append(decimal: UInt64(attempts))
    effects.append(.log(LogLine(.warning, text)))
  }
}

extension Camera {
  /// True while no process holds the slot's device.
  @inline(__always)
  var isVacant: Bool { probe.phase == .idle && feed.isGone }
}

extension DeviceFacts {
  /// True for a playback file, whose node is `fileN`; V4L2 nodes are `videoN`, `v4l-touchN` and the
  /// like.
  var isPlayback: Bool {
    let name: StaticString = "file"
    guard node.count > 4 else { return false }
    for index in 0..<4 where node[index] != name.utf8Start[index] { return false }
    return true
  }
}
