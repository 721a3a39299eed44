import Glibc
import Wire

/// A client that publishes messages and many that have subscribed to them.
///
/// Messages follow one another: the next is published when all subscribers have all of the last.
/// Every byte that a subscriber gets is checked (`DeliveryStream`). One thread and one epoll.
public struct BroadcastLoad: ~Copyable {
  /// Taken from a socket with one call.
  private static let scratchSize = 256 * 1024

  private struct Subscriber {
    /// -1: not connected, or failed.
    var descriptor: Int32 = -1
    /// Bytes of the present message that have come.
    var received = 0
  }

  /// Messages alternate, so that an old one is not taken for a new one.
  private struct Publication {
    let message: [UInt8]
    let bytes: [UInt8]

    init(_ dialect: BroadcastDialect, bytes count: Int, seed: Int) {
      message = (0..<count).map { UInt8(truncatingIfNeeded: ($0 &* 31) ^ ($0 >> 8) &+ seed) }
      bytes = dialect.publication(of: message)
    }
  }

  private let dialect: BroadcastDialect
  private let target: Endpoint
  private let origins: Origins
  private let poller: Poller
  // Not `let`: Tests/README.md, Sanitizers.
  private var subscribers: UnsafeMutableBufferPointer<Subscriber>
  private let publications: [Publication]
  private let scratch: UnsafeMutableRawPointer
  private var stream: DeliveryStream
  private var publisher: Int32 = -1
  private var sent = 0
  private var isBlocked = false
  private var acknowledged: [UInt8] = []
  private let acknowledgementSize: Int
  private var published = 0
  /// Subscribers that are there, and those of them that lack something of the present message.
  private var present = 0
  private var lacking = 0
  private var lastDeliveryNs: UInt64 = 0
  private var result = LoadResult()

  /// Prepares a publisher of messages of so many bytes and so many subscribers.
  public init(
    _ dialect: BroadcastDialect, to target: Endpoint, subscribers count: Int, bytes: Int,
    from origins: Origins = .spread(250)
  ) throws(LoadError) {
    precondition(count > 0 && (1...Limits.messageSize).contains(bytes), "out of range")
    try raiseDescriptorLimit(to: count + 64)
    poller = try Poller()
    self.dialect = dialect
    self.target = target
    self.origins = origins
    subscribers = .allocate(capacity: count)
    subscribers.initialize(repeating: Subscriber())
    publications = [1, 2].map { Publication(dialect, bytes: bytes, seed: $0) }
    scratch = .allocate(byteCount: BroadcastLoad.scratchSize, alignment: 64)
    stream = DeliveryStream(dialect, bytes: bytes)
    acknowledgementSize = dialect.acknowledgementSize(bytes)
  }

  deinit {
    for subscriber in subscribers where subscriber.descriptor >= 0 { close(subscriber.descriptor) }
    if publisher >= 0 { close(publisher) }
    subscribers.deallocate()
    scratch.deallocate()
  }

  // MARK: Connecting

  /// Connects the publisher and all subscribers, one after the other, each within `seconds`.
  /// Returns how many did not come about.
  public mutating func connect(seconds: Double = 5) throws(LoadError) -> Int {
    let patience = Int32(seconds * 1000)
    var failed = 0
    publisher =
      try introduce(dialect.introduction, dialect.introductionAnswerSize, 0, patience) ?? -1
    if publisher >= 0 {
      try poller.watch(publisher, token: subscribers.count, for: Poller.readable)
    } else {
      failed += 1
    }
    for index in subscribers.indices {
      guard
        let descriptor = try introduce(
          dialect.subscription, dialect.subscriptionAnswerSize, index + 1, patience)
      else {
        failed += 1
        continue
      }
      subscribers[index] = Subscriber(descriptor: descriptor)
      present += 1
      try poller.watch(descriptor, token: index, for: Poller.readable)
    }
    return failed
  }

  /// A connection that has said `opening` and was answered.
  private func introduce(
    _ opening: [UInt8], _ answerSize: Int, _ number: Int, _ milliseconds: Int32
  ) throws(LoadError) -> Int32? {
    let origin = origins.address(of: number)
    guard let descriptor = try startConnecting(to: target, from: origin) else { return nil }
    var answer = [UInt8](repeating: 0, count: answerSize)
    var filled = 0
    var isAnswered =
      isReady(descriptor, POLLOUT, milliseconds) && connectError(descriptor) == 0
      && (opening.isEmpty
        || Glibc.send(descriptor, opening, opening.count, Int32(MSG_NOSIGNAL)) == opening.count)
    while isAnswered, filled < answerSize {
      let count =
        isReady(descriptor, POLLIN, milliseconds)
        ? answer.withUnsafeMutableBytes {
          recv(descriptor, $0.baseAddress! + filled, answerSize - filled, 0)
        } : 0
      filled += max(0, count)
      isAnswered = count > 0
    }
    if isAnswered, answerSize == 0 || dialect.accepts(answer) { return descriptor }
    close(descriptor)
    return nil
  }

  // MARK: Publishing

  /// Publishes one message after the other for so many seconds, at least one. `answers` are
  /// messages times subscribers, `latency` is from publishing a message to the last of its bytes
  /// that came to anybody.
  public mutating func run(seconds: Double, spinning: Bool = false) throws(LoadError) -> LoadResult
  {
    result = LoadResult()
    let ownCPU = threadCPUNs()
    let start = monotonicNs()
    let end = start + UInt64(seconds * 1e9)
    while try broadcast(publications[published % 2], spinning: spinning), monotonicNs() < end {}
    result.seconds = Double(monotonicNs() - start) / 1e9
    result.ownCPUSeconds = Double(threadCPUNs() - ownCPU) / 1e9
    return result
  }

  /// One message; false when there cannot be another one.
  private mutating func broadcast(
    _ publication: Publication, spinning: Bool
  ) throws(LoadError) -> Bool {
    guard publisher >= 0, present > 0 else {
      result.failures.connect += 1
      return false
    }
    stream.expect(publication.message, publication: publication.bytes)
    published += 1
    for index in subscribers.indices { subscribers[index].received = 0 }
    lacking = present
    sent = 0
    acknowledged.removeAll(keepingCapacity: true)
    let start = monotonicNs()
    var progress = start
    try publish(publication.bytes)
    while lacking > 0 || sent < publication.bytes.count || acknowledged.count < acknowledgementSize
    {
      guard publisher >= 0 else { return false }
      let ready = poller.wait(nanoseconds: spinning ? 0 : 10_000_000)
      for event in 0..<ready {
        let token = poller.token(event)
        if token < subscribers.count {
          receive(token)
        } else {
          if poller.isReadable(event) { takeAcknowledgement() }
          if poller.isWritable(event) { try publish(publication.bytes) }
        }
      }
      let now = monotonicNs()
      if ready > 0 { progress = now }
      guard now - progress <= LoadGenerator.patienceNs else {
        result.failures.unanswered += lacking
        return false
      }
    }
    result.latency.record(lastDeliveryNs - start)
    guard isAcknowledged else {
      result.failures.wrong += 1
      return false
    }
    return present > 0
  }

  /// Hands over what the socket takes, and waits for room while there is more.
  private mutating func publish(_ bytes: [UInt8]) throws(LoadError) {
    guard publisher >= 0, sent < bytes.count else { return }
    let count = bytes.withUnsafeBytes {
      Glibc.send(publisher, $0.baseAddress! + sent, bytes.count - sent, Int32(MSG_NOSIGNAL))
    }
    guard count >= 0 || errno == EAGAIN else { return losePublisher() }
    sent += max(0, count)
    guard isBlocked != (sent < bytes.count) else { return }
    isBlocked.toggle()
    try poller.change(
      publisher, token: subscribers.count,
      to: isBlocked ? Poller.readable | Poller.writable : Poller.readable)
  }

  private mutating func takeAcknowledgement() {
    guard publisher >= 0 else { return }
    let count = recv(publisher, scratch, BroadcastLoad.scratchSize, 0)
    guard count > 0 || (count < 0 && errno == EAGAIN) else { return losePublisher() }
    acknowledged += UnsafeRawBufferPointer(start: scratch, count: max(0, count))
  }

  private mutating func losePublisher() {
    result.failures.closed += 1
    close(publisher)
    publisher = -1
  }

  /// Every part was taken, and the message had the number and the subscribers that it should have.
  private var isAcknowledged: Bool {
    guard acknowledged.count == acknowledgementSize else { return false }
    guard case .watchpost = dialect else { return true }
    return acknowledged.withUnsafeBytes { all in
      var offset = 0
      while offset < all.count {
        let rest = UnsafeRawBufferPointer(rebasing: all[offset...])
        guard case .frame(let header, let payload, let size) = Header.next(in: rest),
          header.isReply, header.kind == Kind.publish.rawValue, header.status == 0,
          payload.count == PublishReply.size
        else { return false }
        offset += size
        var reader = ByteReader(payload)
        let reply = PublishReply(from: &reader)
        let isLast = offset == all.count
        guard reply.sequence == (isLast ? stream.sequence : 0),
          !isLast || Int(reply.subscribers) >= present
        else { return false }
      }
      return true
    }
  }

  // MARK: Subscribers

  private mutating func receive(_ index: Int) {
    let subscriber = subscribers[index]
    guard subscriber.descriptor >= 0 else { return }
    let count = recv(subscriber.descriptor, scratch, BroadcastLoad.scratchSize, 0)
    guard count > 0 else {
      if count < 0 && errno == EAGAIN { return }
      return lose(index, \.closed)
    }
    guard stream.take(scratch, count, at: subscriber.received) else { return lose(index, \.wrong) }
    subscribers[index].received += count
    guard subscribers[index].received == stream.size else { return }
    result.answers += 1
    lacking -= 1
    lastDeliveryNs = monotonicNs()
  }

  private mutating func lose(_ index: Int, _ reason: WritableKeyPath<Failures, Int>) {
    result.failures[keyPath: reason] += 1
    if subscribers[index].received < stream.size { lacking -= 1 }
    present -= 1
    close(subscribers[index].descriptor)
    subscribers[index] = Subscriber()
  }
}
