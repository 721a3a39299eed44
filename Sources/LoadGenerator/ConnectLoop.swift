import Glibc

/// Connect, ask once, read the answer, close – again and again, with several such visits under way.
///
/// The visitor closes first, as real clients do, so the closed pair of addresses stays with the
/// kernel for a minute: without `spread` origins a few seconds use up all of them.
public struct ConnectLoop: ~Copyable {
  private let dialect: Dialect
  private let target: Endpoint
  private let origins: Origins
  private let poller: Poller
  private let reader: AnswerReader
  private let visits: UnsafeMutableBufferPointer<Visit>
  private let buffer: UnsafeMutableRawBufferPointer
  private var started = 0
  private var underWay = 0
  private var result = LoadResult()

  private struct Visit {
    var descriptor: Int32 = -1
    var startedAt: UInt64 = 0
    /// Position of its request in the dialect's ring.
    var id = 0
    var hasAsked = false
  }

  /// Prepares `concurrency` visits at a time. Dialects with an opening are not for this.
  public init(
    _ dialect: Dialect, to target: Endpoint, concurrency: Int, from origins: Origins = .spread(250)
  ) throws(LoadError) {
    precondition(concurrency > 0 && dialect.opening.isEmpty, "out of range")
    poller = try Poller()
    self.dialect = dialect
    self.target = target
    self.origins = origins
    reader = AnswerReader(dialect.expectation)
    visits = .allocate(capacity: concurrency)
    visits.initialize(repeating: Visit())
    buffer = .allocate(byteCount: dialect.answerSize, alignment: 16)
  }

  deinit {
    for visit in visits where visit.descriptor >= 0 { close(visit.descriptor) }
    visits.deallocate()
    buffer.deallocate()
  }

  /// Visits for so many seconds, and waits for the last to end. `answers` are the visits that were
  /// answered, `latency` from connecting to the answer.
  public mutating func run(seconds: Double) throws(LoadError) -> LoadResult {
    result = LoadResult()
    let ownCPU = threadCPUNs()
    let start = monotonicNs()
    let end = start + UInt64(seconds * 1e9)
    for index in visits.indices { try begin(index) }
    var now = start
    var progress = start
    while underWay > 0 {
      let ready = poller.wait(nanoseconds: 10_000_000)
      now = monotonicNs()
      for event in 0..<ready {
        let index = poller.token(event)
        guard try advance(index, isReadable: poller.isReadable(event)) else { continue }
        if now < end { try begin(index) }
      }
      if ready > 0 { progress = now }
      if now - progress > LoadGenerator.patienceNs { break }
    }
    for index in visits.indices where visits[index].descriptor >= 0 { leave(index, \.unanswered) }
    result.seconds = Double(now - start) / 1e9
    result.ownCPUSeconds = Double(threadCPUNs() - ownCPU) / 1e9
    return result
  }

  private mutating func begin(_ index: Int) throws(LoadError) {
    let origin = origins.address(of: started)
    started += 1
    let now = monotonicNs()
    guard let descriptor = try startConnecting(to: target, from: origin) else {
      result.failures.connect += 1
      return
    }
    visits[index] = Visit(descriptor: descriptor, startedAt: now, id: started % Dialect.ring)
    underWay += 1
    try poller.watch(descriptor, token: index, for: Poller.writable)
  }

  /// Takes a visit one step further. Returns true when it has ended.
  private mutating func advance(_ index: Int, isReadable: Bool) throws(LoadError) -> Bool {
    let visit = visits[index]
    guard visit.descriptor >= 0 else { return false }
    if visit.hasAsked { return isReadable && read(index) }
    guard connectError(visit.descriptor) == 0 else {
      leave(index, \.connect)
      return true
    }
    let sent = dialect.requests.withUnsafeBytes {
      Glibc.send(
        visit.descriptor, $0.baseAddress! + visit.id * dialect.requestSize, dialect.requestSize,
        Int32(MSG_NOSIGNAL))
    }
    guard sent == dialect.requestSize else {
      leave(index, \.closed)
      return true
    }
    visits[index].hasAsked = true
    try poller.change(visit.descriptor, token: index, to: Poller.readable)
    return false
  }

  /// Reads the answer without taking it until it is whole: a visit holds no bytes.
  private mutating func read(_ index: Int) -> Bool {
    let visit = visits[index]
    let count = recv(
      visit.descriptor, buffer.baseAddress!, buffer.count, Int32(MSG_PEEK))
    guard count > 0 else {
      if count < 0 && errno == EAGAIN { return false }
      leave(index, \.closed)
      return true
    }
    let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<count])
    switch reader.read(bytes, to: visit.id) {
    case .incomplete where count < buffer.count: return false
    case .incomplete, .wrong: leave(index, \.wrong)
    case .busy: leave(index, \.busy)
    case .refused: leave(index, \.refused)
    case .accepted(let size):
      // Closing with unread bytes would reset the connection.
      _ = recv(visit.descriptor, buffer.baseAddress!, size, 0)
      result.answers += 1
      result.latency.record(monotonicNs() - visit.startedAt)
      leave(index, nil)
    }
    return true
  }

  private mutating func leave(_ index: Int, _ failure: WritableKeyPath<Failures, Int>?) {
    if let failure { result.failures[keyPath: failure] += 1 }
    close(visits[index].descriptor)
    visits[index] = Visit()
    underWay -= 1
  }
}
