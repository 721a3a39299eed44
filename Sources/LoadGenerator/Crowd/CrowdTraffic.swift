import Glibc
import Wire

// What goes out and what comes in.

extension Crowd {
  // MARK: Out

  /// Closed model: the user asks as often as it may, all of it in one go.
  func fill(_ index: Int, due: UInt64, now: UInt64) {
    let user = users[index]
    guard user.isWanted, user.phase == .present, user.unsent.isEmpty else { return }
    var filled = 0
    while user.pending.count < user.newcomer.depth {
      let asked = act(index, due: due, now: now, filled: &filled)
      if !asked { break }
      if Crowd.outputSize - filled < Limits.frameSize { break }
    }
    flush(index, filled: filled)
  }

  /// Open model: it is given a request when it can take one.
  func stand(_ index: Int) {
    let user = users[index]
    guard !user.isInLine, user.isWanted, user.hasRoom, !isOver || isOpen else { return }
    user.isInLine = true
    user.freeSince = max(user.freeSince, 1)
    line.append(index)
  }

  /// What the user does next; true: it has asked. The request stands in `output` behind `filled`.
  func act(_ index: Int, due: UInt64, now: UInt64, filled: inout Int) -> Bool {
    let user = users[index]
    switch user.newcomer.conduct.next(now: now) {
    case .ask(let ask):
      let id = user.nextID()
      let room = UnsafeMutableRawBufferPointer(rebasing: output[filled...])
      filled += user.encode(ask, id: id, into: room)
      user.pending.append(
        User.Pending(label: ask.label, id: id, kind: ask.kind, intended: due, sent: now))
      underWay += 1
      return true
    case .rest(let seconds):
      if user.pending.isEmpty { expect(index, at: now + UInt64(seconds * 1e9)) }
      return false
    case .leave:
      absent(index, until: now + thought(user))
      return false
    }
  }

  /// Sends what stands in `output`, behind what the socket has not taken before.
  func flush(_ index: Int, filled: Int) {
    let user = users[index]
    guard user.descriptor >= 0 else { return }
    if !user.unsent.isEmpty {
      user.unsent += output[..<filled]
      let sent = user.unsent.withUnsafeBytes { send(user, $0) }
      guard let sent else { return lose(index, .closed, now: monotonicNs()) }
      user.unsent.removeFirst(sent)
    } else if filled > 0 {
      guard let sent = send(user, UnsafeRawBufferPointer(rebasing: output[..<filled])) else {
        return lose(index, .closed, now: monotonicNs())
      }
      if sent < filled { user.unsent = Array(output[sent..<filled]) }
    }
    watch(index)
  }

  /// How much the socket has taken; nil: the connection has ended.
  private func send(_ user: User, _ bytes: UnsafeRawBufferPointer) -> Int? {
    let sent = Glibc.send(user.descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
    if sent >= 0 { return sent }
    return errno == EAGAIN ? 0 : nil
  }

  private func watch(_ index: Int) {
    let user = users[index]
    let interest = user.unsent.isEmpty ? Poller.readable : Poller.readable | Poller.writable
    guard interest != user.interest else { return }
    user.interest = interest
    do throws(LoadError) {
      try poller.change(user.descriptor, token: index, to: interest)
    } catch { lose(index, .closed, now: monotonicNs()) }
  }

  /// In the open model the rate says when: who thinks would make what is due wait, and the device
  /// would be charged for it.
  private func thought(_ user: User) -> UInt64 {
    let think = user.newcomer.think
    guard !isOpen, think.upperBound > 0, !user.newcomer.conduct.isMidway else { return 0 }
    return UInt64(Double.random(in: think, using: &random) * 1e9)
  }

  // MARK: In

  /// Waits for what happens, at most so many nanoseconds, and sees to it.
  func serve(within nanoseconds: UInt64) throws(LoadError) {
    let ready = poller.wait(nanoseconds: nanoseconds)
    for event in 0..<ready {
      let index = poller.token(event)
      let user = users[index]
      guard user.descriptor >= 0 else { continue }
      if user.phase == .connecting {
        connected(index, now: monotonicNs())
        continue
      }
      if poller.isWritable(event), !user.unsent.isEmpty {
        flush(index, filled: 0)
        settle(index, due: monotonicNs(), now: monotonicNs())
      }
      if poller.isReadable(event), user.descriptor >= 0 { receive(index) }
      // Megabytes take their time: whose turn has come meanwhile does not wait for all of them.
      if !agenda.isEmpty { try keepAppointments(now: monotonicNs(), isMidway: true) }
    }
  }

  /// Reads once and sees to all whole frames.
  private func receive(_ index: Int) {
    let user = users[index]
    let held = user.held.count
    user.held.withUnsafeBytes { input.copyMemory(from: $0) }
    let count = recv(
      user.descriptor, input.baseAddress! + held, Crowd.inputSize - held, 0)
    let now = monotonicNs()
    guard count > 0 else {
      if count < 0 && errno == EAGAIN { return }
      return lose(index, .closed, now: now)
    }
    let filled = held + count
    var offset = 0
    frames: while offset < filled {
      let rest = UnsafeMutableRawBufferPointer(rebasing: input[offset..<filled])
      switch user.nextFrame(in: rest) {
      case .incomplete: break frames
      case .wrong: return lose(index, .wrong, now: now)
      case .frame(let header, let payload, let size):
        offset += size
        take(index, header, payload, now: now)
        // It may have gone, or be a newer connection.
        guard user.phase == .present else { return }
      }
    }
    if offset < filled {
      user.held = Array(input[offset..<filled])
    } else if held > 0 {
      user.held.removeAll(keepingCapacity: true)
    }
    settle(index, due: now, now: now)
  }

  private func take(
    _ index: Int, _ header: Header, _ payload: UnsafeRawBufferPointer, now: UInt64
  ) {
    let user = users[index]
    if header.kind == Kind.connection.rawValue, let refusal = TurnedDown(header, payload) {
      return turnedAway(index, refusal, now: now)
    }
    if user.phase == .greeting { return welcomed(index, header, payload, now: now) }
    guard header.isReply else {
      guard let notice = user.newcomer.conduct.told(header, payload, now: now) else { return }
      return note(notice, payload.count)
    }
    guard let place = user.pending.firstIndex(where: { $0.id == header.requestID }) else {
      // Its time was over; whatever else it may be, nobody has asked for it.
      return
    }
    let request = user.pending[place]
    guard header.kind == request.kind.rawValue else { return lose(index, .wrong, now: now) }
    let refusal = TurnedDown(header, payload)
    let verdict = user.newcomer.conduct.answer(
      request.label, refusal?.status, payload, now: now)
    if case .goesOn = verdict, refusal == nil { return }
    user.pending.remove(at: place)
    underWay -= 1
    if let refusal { return refused(index, request.label, refusal, verdict, now: now) }
    switch verdict {
    case .wrong: count(request.label, .wrong)
    case .completes(let notice):
      note(notice, 0, inSecond: false)
      fallthrough
    case .right, .expected, .goesOn:
      note(Notice(request.label, .took(now - request.intended)), payload.count)
    }
  }

  /// Too busy to hear it now is no failure where the device says when it will: it comes again.
  private func refused(
    _ index: Int, _ label: Int, _ refusal: TurnedDown, _ verdict: Verdict, now: UInt64
  ) {
    let isBusy = refusal.status == .busy || refusal.status == .rateLimited
    if case .expected = verdict {
      result.tallies[label].heldBack += 1
    } else if isBusy && refusal.retryAfterMs > 0 {
      result.tallies[label].heldBack += 1
    } else {
      count(label, .refused(refusal.status))
    }
    users[index].pause(until: now + UInt64(refusal.retryAfterMs) * 1_000_000)
  }

  private func note(_ notice: Notice, _ bytes: Int, inSecond: Bool = true) {
    let label = notice.label
    switch notice.outcome {
    case .took(let nanoseconds):
      result.tallies[label].latency.record(nanoseconds)
      if inSecond { second.tally.latency.record(nanoseconds) }
    case .came:
      result.tallies[label].untimed += 1
      if inSecond { second.tally.untimed += 1 }
    case .failed(let failure): return count(label, failure)
    }
    result.tallies[label].bytes += bytes
    second.tally.bytes += bytes
  }

  /// Something has ended: the user asks on, now or when it has thought.
  func settle(_ index: Int, due: UInt64, now: UInt64) {
    let user = users[index]
    guard user.phase == .present else { return }
    guard user.isWanted else {
      if user.pending.isEmpty { part(index) }
      return
    }
    guard user.hasRoom else { return }
    user.freeSince = now
    guard !isOver || isOpen else { return }
    let pause = max(thought(user), user.pausedUntil > now ? user.pausedUntil - now : 0)
    if pause > 0 {
      expect(index, at: now + pause)
    } else if isOpen {
      stand(index)
    } else {
      fill(index, due: due, now: now)
    }
  }
}
