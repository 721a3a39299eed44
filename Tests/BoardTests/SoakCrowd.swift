import EmulatedBoard
import Foundation
import Wire

/// Connections to the control port without the client library, which takes no notice of what a
/// device must not do: answer twice, or what nobody has asked.
struct SoakCrowd: Sendable {
  /// Port of 127.0.0.1 that leads to the control port.
  let port: UInt16
  let connections: Int
  /// So many are told one by one.
  private static let complaints = 4

  struct Outcome: Sendable {
    var answers = 0
    /// Connections that ended before they were closed here; those that were told why among them.
    var ended = 0
    var complaints: [String] = []
  }

  /// Each connection sends so many requests at once, and stays for `lasts` when all have their
  /// answers or have ended. Complains of every request that has not exactly one answer on a
  /// connection that is still open after `limit`.
  func ask(requests: Int, lasts: Duration, within limit: Duration) async -> Outcome {
    await onThread {
      let bytes = Self.requests(requests)
      let clients = open(until: { $0.isAnswered(1) }) { bytes }
      pump(clients, for: limit) { $0.isAnswered(requests) }
      pump(clients, for: lasts) { _ in false }
      var outcome = Outcome()
      for (number, client) in clients.enumerated() {
        outcome.answers += client.answers.count
        if client.hasEnded { outcome.ended += 1 }
        outcome.complaints += client.complaints(number, requests)
      }
      let more = outcome.complaints.count - Self.complaints
      if more > 0 {
        outcome.complaints.removeLast(more)
        outcome.complaints.append("and \(more) more")
      }
      return outcome
    }
  }

  /// Each connection sends bytes that mean nothing; complains of those that are not ended within
  /// `limit`.
  func babble(seed: UInt64, within limit: Duration) async -> Outcome {
    await onThread {
      var generator = SplitMix(seed: seed)
      let clients = open(until: { $0.hasEnded }) { Self.junk(&generator) }
      pump(clients, for: limit) { $0.hasEnded }
      var outcome = Outcome()
      outcome.ended = clients.count { $0.hasEnded }
      if outcome.ended < clients.count {
        outcome.complaints = [
          "\(clients.count - outcome.ended) of \(clients.count) connections that sent garbage are "
            + "open after \(limit)"
        ]
      }
      return outcome
    }
  }

  /// Each connection asks and asks, and reads nothing for `lasts`.
  func stall(lasts: Duration) async -> Outcome {
    await onThread {
      let bytes = Self.requests(8000)
      let clients = open(isDeaf: true, until: { _ in false }) { bytes }
      pump(clients, for: lasts) { _ in false }
      var outcome = Outcome()
      outcome.ended = clients.count { $0.hasEnded }
      return outcome
    }
  }

  private func onThread(_ body: @escaping @Sendable () -> Outcome) async -> Outcome {
    await withCheckedContinuation { continuation in
      Thread.detachNewThread { continuation.resume(returning: body()) }
    }
  }

  /// One after the other, each as soon as the one before is noticed: behind QEMU's forwards only
  /// one connection may wait (libslirp listens with a backlog of 1), and further ones would wait
  /// for seconds without the board's having heard of them.
  private func open(
    isDeaf: Bool = false, until isNoticed: (RawClient) -> Bool, _ bytes: () -> [UInt8]
  ) -> [RawClient] {
    (0..<connections).map { _ in
      let client = RawClient(port: port, sending: bytes(), isDeaf: isDeaf)
      pump([client], for: .milliseconds(isDeaf ? 100 : 1000), until: isNoticed)
      return client
    }
  }

  /// Sends and receives until `isDone` holds of all, or the time is over.
  private func pump(
    _ clients: [RawClient], for limit: Duration, until isDone: (RawClient) -> Bool
  ) {
    let deadline = ContinuousClock.now + limit
    while ContinuousClock.now < deadline {
      let open = clients.filter { !$0.hasEnded }
      if clients.allSatisfy({ isDone($0) || $0.hasEnded && $0.isDeaf }) { return }
      var polled = open.map { pollfd(fd: $0.descriptor, events: $0.wanted, revents: 0) }
      poll(&polled, nfds_t(polled.count), 50)
      for (client, entry) in zip(open, polled) where entry.revents != 0 { client.turn() }
    }
  }

  /// Pings and questions for health by turns, with ids from 1.
  private static func requests(_ count: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    var memory = [UInt8](repeating: 0, count: 128)
    for id in 1...UInt32(count) {
      let size = memory.withUnsafeMutableBytes { buffer in
        var writer = FrameWriter(buffer)
        let kind = id % 2 == 0 ? Kind.health : .ping
        if kind == .ping { writer.payload.write(UInt64(id)) }
        return writer.seal(Header(kind: kind.rawValue, requestID: id))
      }
      bytes += memory[..<size]
    }
    return bytes
  }

  /// Noise; or a request one byte of whose head is another.
  private static func junk(_ generator: inout SplitMix) -> [UInt8] {
    if Bool.random(using: &generator) {
      let count = Int.random(in: 4...600, using: &generator)
      return (0..<count).map { _ in .random(in: 0...255, using: &generator) }
    }
    var bytes = requests(1)
    // The head's checksum finds it, wherever it is.
    bytes[.random(in: 0..<28, using: &generator)] ^= .random(in: 1...255, using: &generator)
    return bytes
  }
}

/// One connection; a thread uses it.
private final class RawClient {
  let descriptor: Int32
  private(set) var hasEnded = false
  /// Answers by the id of their request.
  private(set) var answers: [UInt32: Int] = [:]
  /// Reads nothing, nor sees an end.
  let isDeaf: Bool
  private var unsent: ArraySlice<UInt8>
  private var received: [UInt8] = []
  /// The device has said that the connection is over: that answers everything.
  private var isRefused = false
  private var isBroken = false

  init(port: UInt16, sending bytes: [UInt8], isDeaf: Bool) {
    self.isDeaf = isDeaf
    unsent = bytes[...]
    let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
    descriptor = socket(AF_INET, kind | Int32(SOCK_NONBLOCK.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = INADDR_LOOPBACK.bigEndian
    // What nobody reads shall reach the board soon.
    var room: Int32 = 4096
    if isDeaf {
      setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &room, socklen_t(MemoryLayout<Int32>.size))
    }
    let result = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    hasEnded = result != 0 && errno != EINPROGRESS
  }

  deinit { close(descriptor) }

  var wanted: Int16 {
    Int16(isDeaf ? 0 : POLLIN) | Int16(unsent.isEmpty ? 0 : POLLOUT)
  }

  func isAnswered(_ requests: Int) -> Bool { hasEnded || isRefused || answers.count >= requests }

  func turn() {
    while !unsent.isEmpty {
      let count = unsent.withUnsafeBytes {
        send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else {
        if errno != EAGAIN { hasEnded = true }
        break
      }
      unsent = unsent.dropFirst(count)
    }
    if !isDeaf { receive() }
  }

  private func receive() {
    var bytes = [UInt8](repeating: 0, count: 16_384)
    while true {
      let count = recv(descriptor, &bytes, bytes.count, 0)
      if count > 0 {
        received += bytes[..<count]
        continue
      }
      if count == 0 || errno != EAGAIN { hasEnded = true }
      break
    }
    while !isBroken, let size = frame() { received.removeFirst(size) }
  }

  /// Takes the frame in front; its size.
  private func frame() -> Int? {
    received.withUnsafeBytes { buffer in
      switch Header.next(in: buffer, ignoringReserved: true) {
      case .incomplete: return nil
      case .refused:
        isBroken = true
        return nil
      case .frame(let header, _, let size):
        if header.kind == Kind.connection.rawValue {
          isRefused = true
        } else {
          answers[header.requestID, default: 0] += 1
        }
        return size
      }
    }
  }

  func complaints(_ number: Int, _ requests: Int) -> [String] {
    var complaints: [String] = []
    if isBroken, !received.isEmpty { complaints.append("connection \(number) got no frame") }
    for (id, count) in answers where count > 1 {
      complaints.append("request \(id) of connection \(number) has \(count) answers")
    }
    if let id = answers.keys.first(where: { $0 == 0 || $0 > UInt32(requests) }) {
      complaints.append("connection \(number) has an answer \(id) to no request")
    }
    if !isAnswered(requests) {
      complaints.append(
        "connection \(number) is open with \(answers.count) answers to \(requests) requests")
    }
    return complaints
  }
}
