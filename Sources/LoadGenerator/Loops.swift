/// How load is put on a server.
extension LoadGenerator {
  /// Closed loop: every connection always has `depth` requests under way, the next one sent when an
  /// answer has come. Several answers that come together are followed by as many requests at once.
  /// Waits for the last answers before it returns.
  ///
  /// `spinning`: asks for events without ever sleeping. Then no answer waits for the generator to
  /// wake up, which in a virtual machine takes longer than a hundred requests.
  public mutating func closedLoop(
    depth: Int, for extent: Extent, spinning: Bool = false
  ) throws(LoadError) -> LoadResult {
    precondition((1...deepest).contains(depth), "deeper than the generator was made for")
    begin()
    let start = monotonicNs()
    var end = UInt64.max
    allowance = Int.max
    switch extent {
    case .seconds(let seconds): end = start + UInt64(seconds * 1e9)
    case .requests(let count): allowance = count
    }
    for index in connections.indices where connections[index].descriptor >= 0 {
      ask(index, depth, now: start)
    }
    converse(until: end, spinning: spinning)
    return finish(start)
  }

  /// Takes answers and asks on until `end`, then waits for what is awaited.
  mutating func converse(until end: UInt64, spinning: Bool) {
    var now = monotonicNs()
    var progress = now
    while awaited > 0 {
      let ready = poller.wait(nanoseconds: spinning ? 0 : 10_000_000)
      now = monotonicNs()
      if now >= end { allowance = 0 }
      for event in 0..<ready {
        let index = poller.token(event)
        if poller.isWritable(event) { unblock(index, now: now) }
        guard poller.isReadable(event) else { continue }
        let moment = monotonicNs()
        let answers = receive(index, now: moment, since: .sending)
        if answers > 0 { ask(index, answers, now: moment) }
      }
      if ready > 0 { progress = now }
      if now - progress > LoadGenerator.patienceNs { break }
    }
  }

  mutating func ask(_ index: Int, _ count: Int, now: UInt64) {
    let granted = min(count, allowance)
    guard granted > 0, connections[index].descriptor >= 0 else { return }
    allowance -= granted
    connections[index].due += granted
    transmit(index, now: now)
  }

  /// Open loop: `rate` requests a second on all connections in turn, whether or not answers come.
  ///
  /// Latency counts from the moment a request was to be sent, so a server (or generator) that
  /// stalls is charged for all the requests that came due meanwhile – no coordinated omission. A
  /// connection with 128 unanswered requests (or as many as the generator was made for) sends the
  /// next when it may, and that counts, too.
  ///
  /// `spinning`: asks for events without ever sleeping, which takes a processor and gives exact
  /// times; otherwise a request is sent when the kernel's timer wakes the thread, 50 µs late at
  /// least (`lateness` tells).
  public mutating func openLoop(
    rate: Double, seconds: Double, spinning: Bool = true
  ) throws(LoadError) -> LoadResult {
    begin()
    let total = Int(rate * seconds)
    let period = 1e9 / rate
    let start = monotonicNs() + 1_000_000
    let latency = LatencyStart.intention(origin: start, periodNs: period)
    var next = 0
    var now = monotonicNs()
    var progress = now
    while next < total || awaited > 0 {
      now = monotonicNs()
      while next < total, start + UInt64(Double(next) * period) <= now {
        let index = next % connections.count
        if connections[index].descriptor >= 0 {
          connections[index].due += 1
          result.lateness.record(now - (start + UInt64(Double(next) * period)))
          transmit(index, now: now)
        } else {
          result.failures.unanswered += 1
        }
        next += 1
        now = monotonicNs()
      }
      let intended = start + UInt64(Double(next) * period)
      let pause = next < total ? (intended > now ? intended - now : 0) : 10_000_000
      let ready = poller.wait(nanoseconds: spinning && next < total ? 0 : pause)
      serve(ready, latency)
      if ready > 0 || next < total { progress = now }
      if now - progress > LoadGenerator.patienceNs { break }
    }
    return finish(start)
  }

  private mutating func serve(_ ready: Int, _ latency: LatencyStart) {
    for event in 0..<ready {
      let index = poller.token(event)
      let now = monotonicNs()
      if poller.isWritable(event) { unblock(index, now: now) }
      guard poller.isReadable(event) else { continue }
      if receive(index, now: now, since: latency) > 0 { transmit(index, now: now) }
    }
  }

  mutating func begin() {
    result = LoadResult()
    result.ownCPUSeconds = Double(threadCPUNs()) / 1e9
    for index in connections.indices { connections[index].base = connections[index].answered }
  }

  mutating func finish(_ start: UInt64) -> LoadResult {
    result.seconds = Double(monotonicNs() - start) / 1e9
    result.ownCPUSeconds = Double(threadCPUNs()) / 1e9 - result.ownCPUSeconds
    giveUpUnanswered()
    return result
  }

  /// Closes the connections that still await something, and counts what.
  mutating func giveUpUnanswered() {
    guard awaited > 0 else { return }
    for index in connections.indices where connections[index].awaited > 0 {
      result.failures.unanswered += connections[index].awaited - 1
      fail(index, \.unanswered)
    }
  }
}
