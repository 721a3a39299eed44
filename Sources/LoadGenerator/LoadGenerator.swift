import Glibc

/// Many connections that ask one server and check what it answers.
///
/// One thread and one epoll; nothing on the way of a request uses the heap. All memory is claimed
/// by `init`. Whether the generator is the limit of a measurement shows in
/// `LoadResult.ownCPUSeconds` beside the processor time of the server.
///
/// ```swift
/// var load = try LoadGenerator(.ping(), to: Endpoint(port: 4710), connections: 100)
/// _ = try load.connect()
/// let result = try load.closedLoop(depth: 1, for: .seconds(1))
/// print(result.answers, result.latency.quantile(0.99))
/// ```
public struct LoadGenerator: ~Copyable {
  /// How long a closed loop goes on.
  public enum Extent: Sendable {
    case seconds(Double)
    /// So many requests in all: for counting what each costs.
    case requests(Int)
  }

  static let scratchSize = 64 * 1024
  /// How long answers may take after the last request, in nanoseconds.
  static let patienceNs: UInt64 = 2_000_000_000

  public let dialect: Dialect
  /// Connections go to these in turn.
  public let targets: [Endpoint]
  public let origins: Origins

  let poller: Poller
  let reader: AnswerReader
  // Not `let`: Tests/README.md, Sanitizers.
  var connections: UnsafeMutableBufferPointer<Connection>
  private let requests: UnsafeMutableRawPointer
  private let scratch: UnsafeMutableRawPointer
  /// Where incomplete answers wait, `dialect.answerSize` bytes for each connection.
  private let kept: UnsafeMutableRawPointer
  /// When requests were sent: a ring for each connection, as long as one may await answers.
  private let sentAt: UnsafeMutableBufferPointer<UInt64>
  let deepest: Int

  /// Connections that can be used.
  public internal(set) var connected = 0
  /// Requests without an answer yet, on all connections.
  var awaited = 0
  /// Requests that may still be sent by a closed loop.
  var allowance = 0
  var result = LoadResult()

  /// Makes a generator with so many connections, none of them connected yet, each of which awaits
  /// at most `deepest` (1 … 128) answers at a time.
  ///
  /// Throws when the process may not open that many descriptors and cannot change it.
  public init(
    _ dialect: Dialect, to target: Endpoint, connections count: Int,
    from origins: Origins = .automatic, deepest: Int = 16
  ) throws(LoadError) {
    try self.init(dialect, to: [target], connections: count, from: origins, deepest: deepest)
  }

  /// The same with several servers, among which the connections are dealt out one by one.
  public init(
    _ dialect: Dialect, to targets: [Endpoint], connections count: Int,
    from origins: Origins = .automatic, deepest: Int = 16
  ) throws(LoadError) {
    precondition(count > 0 && (1...Dialect.ring).contains(deepest), "out of range")
    precondition(!targets.isEmpty, "nobody to ask")
    try raiseDescriptorLimit(to: count + 64)
    poller = try Poller()
    self.dialect = dialect
    self.targets = targets
    self.origins = origins
    self.deepest = deepest
    reader = AnswerReader(dialect.expectation)
    connections = .allocate(capacity: count)
    connections.initialize(repeating: Connection())
    requests = .allocate(byteCount: dialect.requests.count, alignment: 16)
    requests.copyMemory(from: dialect.requests, byteCount: dialect.requests.count)
    scratch = .allocate(byteCount: LoadGenerator.scratchSize, alignment: 64)
    kept = .allocate(byteCount: count * dialect.answerSize, alignment: 16)
    sentAt = .allocate(capacity: count * deepest)
    sentAt.initialize(repeating: 0)
  }

  deinit {
    for connection in connections where connection.descriptor >= 0 {
      Glibc.close(connection.descriptor)
    }
    connections.deallocate()
    requests.deallocate()
    scratch.deallocate()
    kept.deallocate()
    sentAt.deallocate()
  }

  // MARK: One connection

  /// Writes what is due and not yet written, as far as the socket takes it and the ring goes.
  mutating func transmit(_ index: Int, now: UInt64) {
    while true {
      let connection = connections[index]
      let count = min(connection.due - connection.sent, deepest - connection.awaited)
      guard count > 0, !connection.isBlocked else { return }
      let place = (connection.sent % Dialect.ring) * dialect.requestSize + connection.partial
      let size = count * dialect.requestSize - connection.partial
      let sent = Glibc.send(
        connection.descriptor, requests + place, size, Int32(MSG_NOSIGNAL))
      guard sent >= 0 else {
        if errno == EAGAIN { return block(index) }
        return fail(index, \.closed)
      }
      let written = connection.partial + sent
      let whole = written / dialect.requestSize
      for request in connection.sent..<connection.sent + whole {
        sentAt[index * deepest + request % deepest] = now
      }
      connections[index].sent += whole
      connections[index].partial = written % dialect.requestSize
      awaited += whole
      if sent < size { return block(index) }
    }
  }

  /// The socket is full: waits until it is not.
  private mutating func block(_ index: Int) {
    connections[index].isBlocked = true
    watch(index, for: Poller.readable | Poller.writable)
  }

  mutating func unblock(_ index: Int, now: UInt64) {
    guard connections[index].isBlocked else { return }
    connections[index].isBlocked = false
    watch(index, for: Poller.readable)
    transmit(index, now: now)
  }

  private mutating func watch(_ index: Int, for interest: UInt32) {
    do throws(LoadError) {
      try poller.change(connections[index].descriptor, token: index, to: interest)
    } catch { fail(index, \.closed) }
  }

  /// Reads once and checks all whole answers. Returns how many there were.
  mutating func receive(_ index: Int, now: UInt64, since start: LatencyStart) -> Int {
    let connection = connections[index]
    guard connection.descriptor >= 0 else { return 0 }
    let home = kept + index * dialect.answerSize
    if connection.held > 0 { scratch.copyMemory(from: home, byteCount: connection.held) }
    let count = recv(
      connection.descriptor, scratch + connection.held, LoadGenerator.scratchSize - connection.held,
      0)
    guard count > 0 else {
      if count < 0 && errno == EAGAIN { return 0 }
      fail(index, \.closed)
      return 0
    }
    let filled = connection.held + count
    var offset = 0
    var answered = connection.answered
    while offset < filled {
      guard answered < connection.sent else {
        fail(index, \.wrong)
        return 0
      }
      let rest = UnsafeRawBufferPointer(start: scratch + offset, count: filled - offset)
      switch reader.read(rest, to: answered % Dialect.ring) {
      case .accepted(let size):
        result.latency.record(now &- begin(index, answered, start))
        offset += size
        answered += 1
        continue
      case .incomplete where filled - offset < dialect.answerSize: break
      case .busy:
        fail(index, \.busy)
        return 0
      case .refused:
        fail(index, \.refused)
        return 0
      case .incomplete, .wrong:
        fail(index, \.wrong)
        return 0
      }
      break
    }
    if offset < filled { home.copyMemory(from: scratch + offset, byteCount: filled - offset) }
    connections[index].held = filled - offset
    connections[index].answered = answered
    let answers = answered - connection.answered
    awaited -= answers
    result.answers += answers
    return answers
  }

  /// From when on an answer's latency counts.
  enum LatencyStart {
    /// When its request was handed to the kernel.
    case sending
    /// When it should have been, at a constant rate: request `k` of all at `origin + k * period`.
    case intention(origin: UInt64, periodNs: Double)
  }

  @inline(__always)
  private func begin(_ index: Int, _ request: Int, _ start: LatencyStart) -> UInt64 {
    switch start {
    case .sending: return sentAt[index * deepest + request % deepest]
    case .intention(let origin, let periodNs):
      let number = (request - connections[index].base) * connections.count + index
      return origin &+ UInt64(Double(number) * periodNs)
    }
  }

  /// Gives a connection up.
  mutating func fail(_ index: Int, _ reason: WritableKeyPath<Failures, Int>) {
    guard connections[index].descriptor >= 0 else { return }
    result.failures[keyPath: reason] += 1
    awaited -= connections[index].awaited
    connected -= 1
    Glibc.close(connections[index].descriptor)
    connections[index] = Connection()
  }
}

/// Lets this process open so many descriptors, as far as its hard limit goes.
package func raiseDescriptorLimit(to count: Int) throws(LoadError) {
  let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
  var limit = rlimit()
  guard getrlimit(resource, &limit) == 0 else { throw .system("getrlimit", errno) }
  guard limit.rlim_cur < rlim_t(count) else { return }
  limit.rlim_cur = limit.rlim_max
  guard limit.rlim_max >= rlim_t(count), setrlimit(resource, &limit) == 0 else {
    throw .system("setrlimit", EMFILE)
  }
}
