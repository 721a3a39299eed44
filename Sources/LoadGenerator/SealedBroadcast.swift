import Glibc
import Wire

/// A client that publishes small messages over a sealed connection and many that have subscribed
/// over others; each opens what it gets and compares it with what was published.
public struct SealedBroadcast: ~Copyable {
  private let publisher: SealedConnection
  private let subscribers: [SealedConnection]
  private let poller: Poller
  private let bytes: Int
  private var published: UInt8 = 0
  private var result = LoadResult()

  /// Connects at the pace at which the device hears handshakes. A message must fit one frame.
  public init(
    _ identity: SealedIdentity, to target: Endpoint, subscribers count: Int, bytes: Int,
    from origins: Origins = .spread(250)
  ) throws(LoadError) {
    precondition((1...MessagePart.capacity).contains(bytes), "a message of one frame")
    try raiseDescriptorLimit(to: count + 64)
    let poller = try Poller()
    let publisher = try SealedConnection.open(identity, to: target, from: origins.address(of: 0))
    _ = try publisher.ask(.ping)
    var request = [UInt8](repeating: 0, count: SubscriptionRequest.size)
    request.withUnsafeMutableBytes {
      var writer = ByteWriter($0)
      SubscriptionRequest(topics: .messages).encode(into: &writer)
    }
    var opened: [SealedConnection] = []
    for index in 0..<count {
      let connection = try SealedConnection.open(
        identity, to: target, from: origins.address(of: index + 1))
      _ = try connection.ask(.subscribe, request)
      try poller.watch(connection.descriptor, token: index, for: Poller.readable)
      opened.append(connection)
    }
    self.bytes = bytes
    self.poller = poller
    self.publisher = publisher
    subscribers = opened
  }

  /// Publishes one message after the other for so many seconds; `answers` and `latency` as in
  /// `BroadcastLoad`.
  public mutating func run(seconds: Double, spinning: Bool = false) throws(LoadError) -> LoadResult
  {
    result = LoadResult()
    let ownCPU = threadCPUNs()
    let start = monotonicNs()
    let end = start + UInt64(seconds * 1e9)
    repeat { try broadcast(spinning) } while monotonicNs() < end && result.failures.total == 0
    result.seconds = Double(monotonicNs() - start) / 1e9
    result.ownCPUSeconds = Double(threadCPUNs() - ownCPU) / 1e9
    return result
  }

  private mutating func broadcast(_ spinning: Bool) throws(LoadError) {
    published &+= 1
    let message = [UInt8](repeating: published, count: bytes)
    var request = [UInt8](repeating: 0, count: PublishPart.size) + message
    request.withUnsafeMutableBytes {
      var writer = ByteWriter($0)
      PublishPart(total: UInt32(bytes), offset: 0, count: UInt32(bytes)).encode(into: &writer)
    }
    let start = monotonicNs()
    guard publisher.send(.publish, request) else { throw .system("send", errno) }
    var lacking = subscribers.count
    var last = start
    var progress = start
    while lacking > 0 {
      let ready = poller.wait(nanoseconds: spinning ? 0 : 10_000_000)
      for event in 0..<ready {
        let got = receive(subscribers[poller.token(event)], message)
        lacking -= got
        result.answers += got
        if got > 0 { last = monotonicNs() }
      }
      let now = monotonicNs()
      if ready > 0 { progress = now }
      guard now - progress <= LoadGenerator.patienceNs, result.failures.total == 0 else {
        result.failures.unanswered += lacking
        return
      }
    }
    result.latency.record(last - start)
    try takeAcknowledgement()
  }

  /// How many of this message have come: one, or none yet.
  private mutating func receive(_ subscriber: SealedConnection, _ message: [UInt8]) -> Int {
    guard subscriber.receive() >= 0 else {
      result.failures.closed += 1
      return 0
    }
    var got = 0
    let isRight = subscriber.drain { header, payload in
      guard header.kind == Kind.message.rawValue, header.status == 0,
        let (part, bytes) = try? MessagePart.open(payload), part.total == message.count,
        part.missed == 0, bytes.elementsEqual(message)
      else { return false }
      got += 1
      return got == 1
    }
    if !isRight { result.failures.wrong += 1 }
    return got
  }

  private mutating func takeAcknowledgement() throws(LoadError) {
    var isThere = false
    while !isThere {
      guard isReady(publisher.descriptor, POLLIN, 2000), publisher.receive() > 0 else {
        result.failures.unanswered += 1
        return
      }
      let isRight = publisher.drain { header, _ in
        isThere = header.kind == Kind.publish.rawValue && header.status == 0
        return isThere
      }
      if !isRight {
        result.failures.wrong += 1
        return
      }
    }
  }
}
