import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import Wire

/// A connection to a device. Requests may be sent from any number of tasks at once: they are
/// pipelined and matched by id. Every method throws `ControlError`.
public final class ControlConnection: Sendable {
  public let device: DeviceAddress
  /// What the device tells about the subscribed topics; ends with the connection. One task reads.
  public let events: AsyncStream<EventMessage>
  /// What other clients publish to the topic `messages`, likewise.
  public let messages: AsyncStream<Message>

  let credentials: Credentials
  /// That of this client's key; nil: the connection is plain.
  let role = NIOLockedValueBox<Role?>(nil)
  private let channel: any Channel
  /// Who answers, as the network sees it.
  private let peer: SocketAddress?
  private let timeout: TimeAmount
  /// When everything must be over, if there is such a time.
  private let deadline: NIODeadline?
  private let ending: NIOLockedValueBox<ControlError?>

  /// Events that wait for a slow reader at most; later ones are dropped and counted as missed.
  public static let eventQueue = 4096
  /// The same of messages, which may be large.
  public static let messageQueue = 64

  private init(
    device: DeviceAddress, credentials: Credentials, events: AsyncStream<EventMessage>,
    messages: AsyncStream<Message>, channel: any Channel, timeout: TimeAmount,
    deadline: NIODeadline?, ending: NIOLockedValueBox<ControlError?>
  ) {
    self.device = device
    self.credentials = credentials
    self.events = events
    self.messages = messages
    self.channel = channel
    peer = channel.remoteAddress
    self.timeout = timeout
    self.deadline = deadline
    self.ending = ending
  }

  /// Connects. `timeout` bounds the connecting and each answer.
  public static func open(
    _ device: DeviceAddress, timeout: Duration = .seconds(5), as credentials: Credentials = .none
  ) async throws -> ControlConnection {
    try await open(device, credentials, timeout: timeout, answers: timeout, deadline: nil)
  }

  /// Connects. `limit` bounds the connecting and all answers together.
  public static func open(
    _ device: DeviceAddress, within limit: Duration, as credentials: Credentials = .none
  ) async throws -> ControlConnection {
    try await open(
      device, credentials, timeout: limit, answers: limit, deadline: .now() + TimeAmount(limit))
  }

  /// Connects once more in the same way. `timeout` bounds the connecting, `answers` each answer
  /// (nil: the same).
  public func reopened(
    timeout: Duration, answers: Duration? = nil
  ) async throws -> ControlConnection {
    try await Self.open(
      device, credentials, timeout: timeout, answers: answers ?? timeout, deadline: nil)
  }

  private static func open(
    _ device: DeviceAddress, _ credentials: Credentials, timeout: Duration, answers: Duration,
    deadline: NIODeadline?
  ) async throws -> ControlConnection {
    let connection = try await connect(device, credentials, timeout, answers, deadline)
    do {
      try await connection.introduce()
      return connection
    } catch {
      await connection.close()
      throw error
    }
  }

  private static func connect(
    _ device: DeviceAddress, _ credentials: Credentials, _ timeout: Duration, _ answers: Duration,
    _ deadline: NIODeadline?
  ) async throws -> ControlConnection {
    let (events, continuation) = AsyncStream.makeStream(
      of: EventMessage.self, bufferingPolicy: .bufferingOldest(eventQueue))
    let (messages, messageContinuation) = AsyncStream.makeStream(
      of: Message.self, bufferingPolicy: .bufferingOldest(messageQueue))
    let ending = NIOLockedValueBox<ControlError?>(nil)
    do {
      let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        .connectTimeout(TimeAmount(timeout))
        .channelOption(.tcpOption(.tcp_nodelay), value: 1)
        .channelInitializer { channel in
          channel.eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.addHandler(
              Exchange(
                device: device, events: continuation, messages: messageContinuation,
                ending: ending))
          }
        }
        .connect(host: device.host, port: device.port).get()
      return ControlConnection(
        device: device, credentials: credentials, events: events, messages: messages,
        channel: channel, timeout: TimeAmount(answers), deadline: deadline, ending: ending)
    } catch {
      continuation.finish()
      messageContinuation.finish()
      throw ControlError(connecting: device, error, timeout: timeout)
    }
  }

  public func close() async { try? await channel.close() }

  /// Why the connection has ended; nil while it is open, or when it was closed on this side.
  public var endReason: ControlError? { ending.withLockedValue { $0 } }

  /// Sends a request and returns the payload of its answer, for which the device may take `least`
  /// even where the connection's time-out is shorter.
  func call(
    _ kind: Kind, _ body: [UInt8] = [], atLeast least: Duration = .zero,
    terms: HandshakeTerms? = nil
  ) async throws -> [UInt8] {
    guard
      role.withLockedValue({ $0 }) != nil
        || credentials.allowsPlain(kind, to: peer)
    else { throw ControlError.keyNeeded(device, operation: kind) }
    let promise = channel.eventLoop.makePromise(of: Answer.self)
    let time = max(timeout, TimeAmount(least))
    let left = deadline.map { min(time, $0 - .now()) } ?? time
    let call = Call(kind: kind, body: body, timeout: left, terms: terms, answer: promise)
    let written: EventLoopFuture<Void> = channel.writeAndFlush(call)
    let answer = try await call.answer(afterWriting: written, to: device, ending).get()
    guard answer.header.status == Status.ok.rawValue else {
      throw refusal(kind, answer)
    }
    return answer.payload
  }

  /// How long an answer may take now.
  var timeLeft: Duration {
    let left = deadline.map { min(timeout, $0 - .now()) } ?? timeout
    return .nanoseconds(left.nanoseconds)
  }

  func call<Body: Payload>(_ kind: Kind, sending body: Body, atLeast least: Duration = .zero)
    async throws -> [UInt8]
  {
    // With a capacity of zero it would write its count into the storage that all empty ones share.
    guard Body.size > 0 else { return try await call(kind, [], atLeast: least) }
    let bytes = [UInt8](unsafeUninitializedCapacity: Body.size) { buffer, count in
      var writer = ByteWriter(UnsafeMutableRawBufferPointer(buffer))
      body.encode(into: &writer)
      count = writer.count
    }
    return try await call(kind, bytes, atLeast: least)
  }

  private func refusal(_ kind: Kind, _ answer: Answer) -> ControlError {
    guard let refusal = try? answer.payload.withUnsafeBytes({ try Refusal.decode($0) }) else {
      return .malformedAnswer(kind)
    }
    if answer.header.status == Status.busy.rawValue {
      return .overloaded(
        operation: kind, retryAfterMs: refusal.retryAfterMs, message: refusal.message.string)
    }
    if answer.header.status == Status.permission.rawValue {
      return .forbidden(
        device, operation: kind, role: role.withLockedValue { $0 }, message: refusal.message.string)
    }
    // Of a handshake `detail` is not told, but for how long not to ask.
    let detail = kind == .handshake ? refusal.retryAfterMs : refusal.detail
    return .refused(
      operation: kind, status: answer.header.status, detail: detail,
      message: refusal.message.string)
  }
}

extension Call {
  /// The answer; fails with the reason of the connection's end where that was too late for the call
  /// to be `written`.
  func answer(
    afterWriting written: EventLoopFuture<Void>, to device: DeviceAddress,
    _ ending: NIOLockedValueBox<ControlError?>
  ) -> EventLoopFuture<Answer> {
    written.whenFailure { [answer] _ in
      answer.fail(ending.withLockedValue { $0 } ?? ControlError.closed(device))
    }
    return answer.futureResult
  }
}

extension ControlError {
  /// What connecting failed of.
  init(connecting device: DeviceAddress, _ error: any Error, timeout: Duration) {
    let limit = ControlError.connectTimeout(device, seconds: timeout.inSeconds)
    switch error {
    case ChannelError.connectTimeout: self = limit
    case let error as NIOConnectionError:
      let first = error.connectionErrors.first?.error
      if case .connectTimeout? = first as? ChannelError {
        self = limit
      } else if let system = first as? IOError {
        self = .unreachable(device, reason: system.reasonText)
      } else {
        self = .unreachable(device, reason: "the name \(device.host) is not known")
      }
    case let error as IOError: self = .unreachable(device, reason: error.reasonText)
    default: self = .unreachable(device, reason: "\(error)")
    }
  }
}

extension IOError {
  var reasonText: String {
    switch errnoCode {
    case EACCES: "permission denied"
    case EADDRINUSE: "address in use"
    case EADDRNOTAVAIL: "no address of this machine"
    case ECONNREFUSED: "connection refused"
    case EHOSTUNREACH: "no route to host"
    case ENETUNREACH: "network unreachable"
    case ECONNRESET: "connection reset"
    case ETIMEDOUT: "timed out"
    default: "error \(errnoCode)"
    }
  }
}

extension Duration {
  var inSeconds: Double {
    Double(components.seconds) + Double(components.attoseconds) / 1_000_000_000_000_000_000
  }
}
