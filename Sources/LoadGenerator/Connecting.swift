import Glibc

extension LoadGenerator {
  /// Connections under way at a time: below the backlog that servers usually ask for (128 … 511).
  private static let window = 100

  /// Connects all connections, and has their opening answered where the dialect has one. Returns
  /// how many did not come about, within `seconds` each.
  ///
  /// A kernel completes connections that a server has not accepted; only an answer tells that it
  /// has.
  public mutating func connect(seconds: Double = 5) throws(LoadError) -> Int {
    result = LoadResult()
    var next = 0
    while next < connections.count {
      let end = min(next + LoadGenerator.window, connections.count)
      for index in next..<end { try start(index) }
      for index in next..<end where connections[index].descriptor >= 0 {
        try complete(index, milliseconds: Int32(seconds * 1000))
      }
      next = end
    }
    return result.failures.total
  }

  /// Connects all that are not, a window of them at a time, and each asks once as soon as it is
  /// connected: who is served stays, who is refused or fails is closed and counted.
  ///
  /// Latency is that of the requests. A window is over when all in it have their answer.
  public mutating func arrive(seconds: Double = 5) throws(LoadError) -> LoadResult {
    begin()
    let start = monotonicNs()
    var next = 0
    while next < connections.count {
      let window = next..<min(next + LoadGenerator.window, connections.count)
      let newcomers = window.filter { connections[$0].descriptor < 0 }
      for index in newcomers { try self.start(index) }
      allowance = newcomers.count
      for index in newcomers where connections[index].descriptor >= 0 {
        try complete(index, milliseconds: Int32(seconds * 1000))
        ask(index, 1, now: monotonicNs())
      }
      allowance = 0
      converse(until: .max, spinning: false)
      giveUpUnanswered()
      next = window.upperBound
    }
    return finish(start)
  }

  /// Closes all connections. They can be made again.
  public mutating func leave() {
    for index in connections.indices where connections[index].descriptor >= 0 {
      Glibc.close(connections[index].descriptor)
      connections[index] = Connection()
    }
    awaited = 0
    connected = 0
  }

  private mutating func start(_ index: Int) throws(LoadError) {
    guard connections[index].descriptor < 0 else { return }
    let target = targets[index % targets.count]
    let origin = origins.address(of: index)
    guard let descriptor = try startConnecting(to: target, from: origin) else {
      result.failures.connect += 1
      return
    }
    connections[index] = Connection(descriptor: descriptor)
    connected += 1
  }

  private mutating func complete(_ index: Int, milliseconds: Int32) throws(LoadError) {
    let descriptor = connections[index].descriptor
    guard isReady(descriptor, POLLOUT, milliseconds), connectError(descriptor) == 0,
      exchangeOpening(descriptor, milliseconds)
    else { return fail(index, \.connect) }
    try poller.watch(descriptor, token: index, for: Poller.readable)
  }

  /// Sends the dialect's opening and reads up to the empty line that ends its answer.
  private func exchangeOpening(_ descriptor: Int32, _ milliseconds: Int32) -> Bool {
    let opening = dialect.opening
    guard !opening.isEmpty else { return true }
    guard
      Glibc.send(descriptor, opening, opening.count, Int32(MSG_NOSIGNAL))
        == opening.count
    else { return false }
    var answer: [UInt8] = []
    while !answer.suffix(4).elementsEqual("\r\n\r\n".utf8) {
      var byte: UInt8 = 0
      guard answer.count < 4096, isReady(descriptor, POLLIN, milliseconds),
        recv(descriptor, &byte, 1, 0) == 1
      else { return false }
      answer.append(byte)
    }
    return answer.starts(with: "HTTP/1.1 101".utf8)
  }
}
