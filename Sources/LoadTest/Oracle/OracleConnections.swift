import Glibc
import LoadGenerator
import Wire

/// A place for a connection. It is taken again when its connection has ended.
struct OracleConnection {
  /// -1: nobody is here.
  var descriptor: Int32 = -1
  var generation: UInt32 = 0
  /// Told `busy`: what it says is discarded.
  var isRefused = false
  /// Bytes of an incomplete request.
  var held: [UInt8] = []
  /// What is due and not yet sent.
  var unsent: [UInt8] = []
  /// The socket is full: nothing more is read until it takes the rest.
  var isBlocked = false
  /// Its bytes made no sense: it is told so, and closed a little later.
  var isLost = false
}

extension OracleServer {
  /// Takes all connections that wait. Those beyond the slots are told so.
  mutating func acceptAll() {
    while let descriptor = listener.accept() {
      if served < options.slots {
        tally.served += 1
        place(descriptor, isRefused: false)
        continue
      }
      tally.refused += 1
      guard refused < OracleServer.mostRefused else {
        close(descriptor)
        continue
      }
      if let index = place(descriptor, isRefused: true) { refuse(index) }
    }
  }

  /// Gives a connection a place; nil: the kernel will not watch it, and it is closed.
  @discardableResult
  private mutating func place(_ descriptor: Int32, isRefused: Bool) -> Int? {
    if free.isEmpty {
      free.append(connections.count)
      connections.append(OracleConnection())
    }
    let index = free.removeLast()
    connections[index].descriptor = descriptor
    connections[index].isRefused = isRefused
    if isRefused { refused += 1 } else { served += 1 }
    watch(index, for: Poller.readable, isNew: true)
    return connections[index].descriptor >= 0 ? index : nil
  }

  /// Accepting, answering and closing would lose the answer to a reset when the client has already
  /// written: it is left a while to read.
  private mutating func refuse(_ index: Int) {
    let descriptor = connections[index].descriptor
    let busy = OracleAnswer.refusal(to: nil, .busy, retryAfterMs: OracleServer.retryAfterMs)
    // A new socket has room for it; a client that is gone needs none.
    _ = send(descriptor, busy, busy.count, Int32(MSG_NOSIGNAL))
    shutdown(descriptor, Int32(SHUT_WR))
    add(.ending, to: index, at: elapsed() + OracleServer.refusalNs)
  }

  private mutating func add(_ act: DueAct.Act, to index: Int, at moment: UInt64) {
    due.add(
      DueAct(
        moment: moment, connection: index, generation: connections[index].generation, act: act))
  }

  private mutating func watch(_ index: Int, for interest: UInt32, isNew: Bool = false) {
    let (descriptor, token) = (
      connections[index].descriptor, OracleToken.firstConnection + index
    )
    do throws(LoadError) {
      if isNew {
        try poller.watch(descriptor, token: token, for: interest)
      } else {
        try poller.change(descriptor, token: token, to: interest)
      }
    } catch { end(index) }
  }

  /// Closes a connection. Its place is free, and what was due on it is dropped.
  mutating func end(_ index: Int) {
    guard connections[index].descriptor >= 0 else { return }
    close(connections[index].descriptor)
    if connections[index].isRefused { refused -= 1 } else { served -= 1 }
    connections[index] = OracleConnection(generation: connections[index].generation &+ 1)
    free.append(index)
  }

  // MARK: Reading

  /// Reads once, and takes all whole requests.
  mutating func receive(_ index: Int, now: UInt64) {
    let connection = connections[index]
    guard connection.descriptor >= 0, !connection.isBlocked else { return }
    let count = recv(connection.descriptor, scratch.baseAddress, scratch.count, 0)
    guard count > 0 else {
      if count < 0 && (errno == EAGAIN || errno == EINTR) { return }
      return end(index)
    }
    guard !connection.isRefused, !connection.isLost else { return }
    let new = UnsafeRawBufferPointer(rebasing: scratch[..<count])
    if connection.held.isEmpty {
      take(new, from: index, now: now)
    } else {
      (connection.held + new).withUnsafeBytes { take($0, from: index, now: now) }
    }
  }

  /// Takes the whole requests at the front of `bytes`, and keeps the rest.
  private mutating func take(
    _ bytes: UnsafeRawBufferPointer, from index: Int, now: UInt64
  ) {
    var offset = 0
    while offset < bytes.count {
      let rest = UnsafeRawBufferPointer(rebasing: bytes[offset...])
      switch Header.next(in: rest) {
      case .incomplete:
        connections[index].held = Array(rest)
        return
      case .frame(let header, let payload, let size):
        offset += size
        tally.requests += 1
        guard let delay = draws.next() else {
          tally.lost += 1
          continue
        }
        let answer = OracleAnswer.frame(to: header, payload, health: health(at: now))
        add(.answer(answer), to: index, at: now + delay)
      case .refused(let error, let header, let size):
        offset += size
        add(.answer(OracleAnswer.refusal(to: header, error.status)), to: index, at: now)
        guard error.endsConnection else { continue }
        connections[index].isLost = true
        return add(.ending, to: index, at: now + OracleServer.refusalNs)
      }
    }
    connections[index].held = []
  }

  private func health(at moment: UInt64) -> HealthReport {
    var report = HealthReport()
    report.state = Code(.healthy)
    report.uptimeMs = (startedAtNs + moment) / 1_000_000
    report.agentUptimeMs = moment / 1_000_000
    report.slotsTotal = UInt32(options.slots)
    report.slotsUsed = UInt32(served)
    report.refused = UInt64(tally.refused)
    report.requests = UInt64(tally.requests)
    report.name = Text("oracle")
    report.version = Text(productVersion)
    report.address = endpoint.address
    return report
  }

  // MARK: Writing

  /// Sends what is due, as far as the socket takes it.
  mutating func flush(_ index: Int) {
    let connection = connections[index]
    guard connection.descriptor >= 0, !connection.isBlocked, !connection.unsent.isEmpty else {
      return
    }
    let sent = send(
      connection.descriptor, connection.unsent, connection.unsent.count, Int32(MSG_NOSIGNAL))
    guard sent >= 0 || errno == EAGAIN || errno == EINTR else { return end(index) }
    connections[index].unsent.removeFirst(max(0, sent))
    guard !connections[index].unsent.isEmpty else { return }
    connections[index].isBlocked = true
    watch(index, for: Poller.writable)
  }

  /// The socket takes something again.
  mutating func unblock(_ index: Int) {
    guard connections[index].descriptor >= 0, connections[index].isBlocked else { return }
    connections[index].isBlocked = false
    flush(index)
    guard !connections[index].isBlocked else { return }
    watch(index, for: Poller.readable)
  }
}
