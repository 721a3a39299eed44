import Appliance
import CLinux
import EventLoop
import Wire

/// What has to be told to the loop, source by source.
extension LinuxSystem {
  public mutating func nextInput(from source: Int, logs: inout LogRings) -> Input? {
    let slot = source >> 8
    guard let source = Source(rawValue: source & 0xFF) else { return nil }
    switch source {
    case .results: return nextResult()
    case .signals: return nextSignal(&logs)
    case .udev: return devices.next()
    case .mailbox: return nextMessage()
    case .network: return nextNetworkChange()
    case .storage: return nextStored()
    case .mediaServerOutput:
      readMediaOutput(&logs)
      return nil
    case .mediaCall: return nextAnswer()
    case .feed: return nextReport(slot)
    case .job:
      jobs.read(slot)
      return nil
    // Pictures are the loop's business: `nextPicture`.
    case .pictures: return nil
    // So is the keeper: `nextKept`.
    case .keeper: return nil
    case .button:
      let edge = lx_button_next(button)
      return edge < 0 ? nil : .button(isDown: edge == 1)
    }
  }

  // MARK: Signals and children

  private mutating func nextSignal(_ logs: inout LogRings) -> Input? {
    while true {
      while let ended = children.nextEnded() {
        if let title = children.forbidden {
          var line = Text<160>(title)
          line.append(" made a forbidden system call and was ended (SIGSYS)")
          note(LogLine(.error, line))
        }
        if let input = told(of: ended, &logs) { return input }
      }
      let signal = lx_signals_next(signals.number)
      guard signal > 0 else { return nil }
      switch UInt32(signal) {
      case LX_SIGCHLD.rawValue: children.reapAll()
      case LX_SIGTERM.rawValue, LX_SIGINT.rawValue: return .stopRequested
      // SIGHUP asks other programs to read their configuration again; ours is read at the start.
      default: continue
      }
    }
  }

  private mutating func told(of ended: Children.Ended, _ logs: inout LogRings) -> Input? {
    switch ended {
    case .mediaServer(let life, let status):
      // Its last words first: they say why.
      readMediaOutput(&logs)
      logs.mediaServer.endLine()
      forget(mediaOutput)
      mediaOutput = -1
      return .childExited(.mediaServer, life: life, status)
    case .probe(let slot, let life, let status, let output, let node):
      let answered = readReport(output, of: node)
      lx_close(output)
      tell(.childExited(.probe(slot: slot), life: life, status))
      return answered ? .probeAnswered(slot: slot, life: life, report) : nil
    case .feed(let slot, let life, let status):
      // Its last words first: they say why.
      let last = nextReport(slot)
      closeFeed(slot, life)
      guard let last else { return .childExited(.feed(slot: slot), life: life, status) }
      tell(.childExited(.feed(slot: slot), life: life, status))
      return last
    case .recovery(let slot, let life, let status):
      return .childExited(.recovery(slot: slot), life: life, status)
    case .storage:
      if let channel = storage.ended(now: now) { forget(channel) }
      jobs.storageEnded()
      return nil
    case .job(let worker):
      if let channel = jobs.ended(worker, now: now) { forget(channel) }
      return nil
    case .keeper:
      if let channel = keeper.ended(now: now) { forget(channel) }
      note(LogLine(.warning, Text("the keeper of the keys has ended; it is started again")))
      return nil
    case .picture:
      if let channel = pictures.ended(now: now) { forget(channel) }
      return nil
    }
  }

  /// A probe writes its report in one piece before it ends.
  private func readReport(_ output: Int32, of node: Text<16>) -> Bool {
    let count = lx_read(output, scratch.baseAddress!, scratch.count)
    guard count > 0,
      let decoded = ProbeReport(
        decoding: UnsafeRawBufferPointer(rebasing: scratch[..<Int(count)]))
    else { return false }
    report.pointee = decoded
    if decoded.outcome == .busy {
      (report.pointee.holder, report.pointee.holderName) = Devices.holder(of: node)
    }
    return true
  }

  /// Keeps what MediaMTX printed. One reading a turn: a child that floods its log must not hold the
  /// loop.
  private mutating func readMediaOutput(_ logs: inout LogRings) {
    guard mediaOutput >= 0 else { return }
    let count = lx_read(mediaOutput, scratch.baseAddress!, scratch.count)
    if count > 0 {
      let text = UnsafeRawBufferPointer(rebasing: scratch[..<Int(count)])
      logs.mediaServer.append(text)
      keep(.mediaServer, text)
    } else if count == 0 {
      forget(mediaOutput)
      mediaOutput = -1
    }
  }

  // MARK: The board

  private mutating func nextMessage() -> Input? {
    while true {
      let count = lx_receive(mailbox, scratch.baseAddress!, AgentMessage.size + 1)
      guard count > 0 else { return nil }
      let bytes = UnsafeRawBufferPointer(rebasing: scratch[..<Int(count)])
      switch AgentMessage(bytes) {
      case .clockTrusted(let unixMs): return .clockTrusted(unixMs: unixMs)
      case .storage(let state):
        storage.partition = .known(state)
        startStorageWhenMounted()
        return .storageChanged(storage.judged)
      case nil: continue
      }
    }
  }

  private mutating func nextStored() -> Input? {
    let input = storage.next(now: now) { reply, memory in jobs.took(reply, memory) }
    if storage.takeBeginning() { tell(.storageStarted) }
    // Told in the next turn: if the start has waited for it, that comes first.
    if let history = storage.takeHistory() { tell(.historyLoaded(history)) }
    return input
  }

  private mutating func nextNetworkChange() -> Input? {
    guard let state = network?.changed() else { return nil }
    return .networkChanged(address: state.address, linkUp: state.linkUp)
  }
}
