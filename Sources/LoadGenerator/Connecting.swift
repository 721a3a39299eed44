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
      for index in next..<end {
        guard connections[index].descriptor < 0 else { continue }
        let origin = origins.address(of: index)
        guard let descriptor = try startConnecting(to: target, from: origin) else {
          result.failures.connect += 1
          continue
        }
        connections[index] = Connection(descriptor: descriptor)
        connected += 1
      }
      for index in next..<end where connections[index].descriptor >= 0 {
        try complete(index, milliseconds: Int32(seconds * 1000))
      }
      next = end
    }
    return result.failures.total
  }

  private mutating func complete(_ index: Int, milliseconds: Int32) throws(LoadError) {
    let descriptor = connections[index].descriptor
    guard isReady(descriptor, POLLOUT, milliseconds), connectError(descriptor) == 0,
      exchangeOpening(descriptor, milliseconds)
    else { return fail(index, \.connect) }
    try poller.watch(descriptor, token: index, for: Poller.readable)
  }

  private func isReady(_ descriptor: Int32, _ events: Int32, _ milliseconds: Int32) -> Bool {
    var entry = pollfd(fd: descriptor, events: Int16(events), revents: 0)
    return poll(&entry, 1, milliseconds) == 1
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
