import Foundation
import NIOConcurrencyHelpers
import NIOCore
import NIOEmbedded
import Noise
import Wire

@testable import ControlClient

/// A client at one end of a line: the channel handler of every connection, in a channel whose time
/// stands still until it is told to pass.
final class Client {
  /// A request, and what came of it.
  struct Asked {
    let kind: Kind
    /// Tells its answer from those to others of its kind.
    let number: UInt8
    let askedAt: NIODeadline
    /// Every end that it has had: there must be exactly one.
    var ends: [Result<Answer, any Error>] = []
  }

  static let device = DeviceAddress(host: "127.0.0.1", port: 4710)
  /// How long an answer may take, and how far one step of time goes.
  static let timeout = TimeAmount.seconds(2)
  static let step = TimeAmount.seconds(1)

  let line: Line
  /// What the device has told, and whether it has come to its end.
  let events: AsyncStream<EventMessage>
  private(set) var asked: [Asked] = []
  /// Of what the connection has ended, as a test sees it.
  var endedOf: ControlError?
  /// When a part of an answer that was still waited for came last.
  private(set) var lastPart: NIODeadline = .uptimeNanoseconds(0)

  private let loop = EmbeddedEventLoop()
  private let channel: EmbeddedChannel
  private let exchange: Exchange
  private let ending = NIOLockedValueBox<ControlError?>(nil)
  private let messages: AsyncStream<Message>
  private let streams: (AsyncStream<EventMessage>.Continuation, AsyncStream<Message>.Continuation)
  /// The channel has forgotten its handlers.
  private var isGone = false

  init(_ line: Line, flaw: Network.Flaw) throws {
    self.line = line
    let (events, continuation) = AsyncStream.makeStream(
      of: EventMessage.self, bufferingPolicy: .bufferingOldest(ControlConnection.eventQueue))
    let (messages, messageContinuation) = AsyncStream.makeStream(
      of: Message.self, bufferingPolicy: .bufferingOldest(ControlConnection.messageQueue))
    (self.events, self.messages) = (events, messages)
    streams = (continuation, messageContinuation)
    exchange = Exchange(
      device: Self.device, events: continuation, messages: messageContinuation, ending: ending)
    channel = EmbeddedChannel(loop: loop)
    let pipeline = channel.pipeline.syncOperations
    try pipeline.addHandler(Socket(line))
    if flaw == .keepsClientWaiting { try pipeline.addHandler(Deaf()) }
    try pipeline.addHandler(exchange)
    let ends = ends
    continuation.onTermination = { _ in ends.events.withLockedValue { $0 += 1 } }
    messageContinuation.onTermination = { _ in ends.messages.withLockedValue { $0 += 1 } }
    channel.connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: 4710), promise: nil)
  }

  /// How often the streams have ended.
  private struct Ends: Sendable {
    let events = NIOLockedValueBox(0)
    let messages = NIOLockedValueBox(0)
  }
  private let ends = Ends()

  // MARK: What it does

  var isOpen: Bool { channel.isActive }
  /// A handshake has succeeded.
  var isSealed: Bool {
    guard let first = asked.first, first.kind == .handshake, case .success? = first.ends.first
    else { return false }
    return isOpen
  }
  var waiting: [Int] { asked.indices.filter { asked[$0].ends.isEmpty } }

  func ask(_ kind: Kind, _ body: [UInt8], number: UInt8, terms: HandshakeTerms? = nil) {
    let promise = loop.makePromise(of: Answer.self)
    let call = Call(kind: kind, body: body, timeout: Self.timeout, terms: terms, answer: promise)
    let index = asked.count
    asked.append(Asked(kind: kind, number: number, askedAt: loop.now))
    let written =
      isGone
      ? loop.makeFailedFuture(ChannelError.ioOnClosedChannel) : channel.writeAndFlush(call)
    call.answer(afterWriting: written, to: Self.device, ending).assumeIsolated().whenComplete {
      self.asked[index].ends.append($0)
    }
  }

  /// `count` bytes that are on their way to it arrive, or it is told of the end behind them.
  func receive(_ count: Int, spoiling: ([UInt8]) -> [UInt8]) throws {
    let before = waiting
    let bytes = spoiling(line.deliver(count))
    if !isOpen {
      // Nobody reads it: the kernel answers with a reset.
      if count > 0 { line.clientEnd = .reset }
    } else if !bytes.isEmpty {
      try channel.writeInbound(channel.allocator.buffer(bytes: bytes))
    }
    for tag in line.completed {
      let isPart = before.contains { asked[$0].kind == .fileRead && Frames.isPart(tag, of: $0 + 1) }
      if isPart { lastPart = loop.now }
    }
    guard line.toClient.isEmpty, line.agentEnd > line.clientSees else { return }
    line.clientSees = line.agentEnd
    guard isOpen else { return }
    if line.agentEnd == .reset {
      channel.pipeline.fireErrorCaught(IOError(errnoCode: ECONNRESET, reason: "read"))
    }
    close()
  }

  func close() { channel.close(promise: nil) }

  func pass() {
    loop.advanceTime(by: Self.step)
    isGone = !isOpen
  }

  // MARK: What is to be seen of it

  /// The silence after this request has lasted for as long as it may.
  func isDue(_ index: Int) -> Bool {
    let mayBeLong = asked[index].kind == .fileRead
    let last = mayBeLong ? max(asked[index].askedAt, lastPart) : asked[index].askedAt
    return last + Self.timeout <= loop.now
  }

  /// Requests that the handler waits for the answers of.
  var tableSize: Int {
    let table = Mirror(reflecting: exchange).descendant("pending")
    return table.map { Mirror(reflecting: $0).children.count } ?? -1
  }

  /// What is left of the connection, which has ended. Ends what would wait for ever.
  func leaks() -> [String] {
    var found: [String] = []
    func hold(_ value: Int, _ wanted: Int, _ name: String) {
      if value != wanted { found.append("\(name): \(value) instead of \(wanted)") }
    }
    hold(ends.events.withLockedValue { $0 }, 1, "ends of the stream of events")
    hold(ends.messages.withLockedValue { $0 }, 1, "ends of the stream of messages")
    streams.0.finish()
    streams.1.finish()
    hold(tableSize, 0, "requests in the table")
    let received = Mirror(reflecting: exchange).descendant("received") as? ByteBuffer
    if received.map({ $0.capacity > 4 * Limits.frameSize }) ?? true {
      found.append("bytes of memory: \(received?.capacity ?? -1)")
    }
    for index in asked.indices {
      hold(asked[index].ends.count, 1, "ends of request \(index + 1)")
    }
    loop.advanceTime(by: .hours(1))
    return found
  }

  func hash(into hasher: inout Hasher) {
    hasher.combine(isOpen)
    hasher.combine(isGone)
    hasher.combine(asked.count)
    for index in waiting {
      hasher.combine(index)
      hasher.combine(asked[index].kind)
      hasher.combine((loop.now - asked[index].askedAt).nanoseconds)
      if asked[index].kind == .fileRead {
        hasher.combine((loop.now - max(asked[index].askedAt, lastPart)).nanoseconds)
      }
    }
  }
}

/// The network's side of the channel.
private final class Socket: ChannelDuplexHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundIn = ByteBuffer
  private let line: Line

  init(_ line: Line) { self.line = line }

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    guard context.channel.isActive else {
      promise?.fail(ChannelError.ioOnClosedChannel)
      return
    }
    line.send(Array(buffer: unwrapOutboundIn(data)))
    promise?.succeed()
  }

  func channelInactive(context: ChannelHandlerContext) {
    line.clientEnd = max(line.clientEnd, .finished)
    context.fireChannelInactive()
  }
}

/// A planted fault: the end of the connection is not passed on.
private final class Deaf: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  func channelInactive(context: ChannelHandlerContext) {}
}
