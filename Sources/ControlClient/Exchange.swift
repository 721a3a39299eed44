import NIOConcurrencyHelpers
import NIOCore
import Noise
import Wire

/// One frame that a device sent, checked.
struct Answer: Sendable {
  let header: Header
  let payload: [UInt8]
}

/// A request on its way into the channel.
struct Call: Sendable {
  let kind: Kind
  let body: [UInt8]
  let timeout: TimeAmount
  /// Of a handshake; the request's payload is made from them.
  var terms: HandshakeTerms?
  let answer: EventLoopPromise<Answer>
}

/// Pairs requests with answers on one connection, and passes events on.
///
/// ```
/// plain ──handshake──▶ plain, greeting ──its answer opens──▶ sealed
/// ```
///
/// Everything happens on the channel's event loop, except that `ending` is read from outside once
/// the channel is gone.
final class Exchange: ChannelDuplexHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundIn = Call
  typealias OutboundOut = ByteBuffer

  private enum Line {
    case plain
    /// The handshake is under way; its answer is the last plain frame.
    case greeting(SealedSession)
    case sealed(SealedSession)
  }

  private struct Pending {
    let call: Call
    var deadline: Scheduled<Void>
    /// The parts of a long answer that have come.
    var parts: PartedAnswer?
    /// When something of the answer came last, or the request went out.
    var progress: NIODeadline
  }

  private let device: DeviceAddress
  private let events: AsyncStream<EventMessage>.Continuation
  private let messages: AsyncStream<Message>.Continuation
  /// Why the connection is over, for requests that come later.
  private let ending: NIOLockedValueBox<ControlError?>
  private var line = Line.plain
  /// The connection has ended; a moment later this is no longer part of it.
  private var isOver = false
  private var received = ByteBuffer()
  private var pending: [UInt32: Pending] = [:]
  private var nextID: UInt32 = 1
  /// When a part of any long answer came last: requests behind it have to wait for their turn.
  private var lastPart: NIODeadline = .uptimeNanoseconds(0)
  /// Events that the reader was too slow for; told in the next one's `missed`.
  private var dropped: UInt32 = 0
  /// The message whose parts are coming, and messages lost since the last one that was passed on.
  private var message: Message?
  private var lostMessages: UInt32 = 0

  init(
    device: DeviceAddress, events: AsyncStream<EventMessage>.Continuation,
    messages: AsyncStream<Message>.Continuation, ending: NIOLockedValueBox<ControlError?>
  ) {
    self.device = device
    self.events = events
    self.messages = messages
    self.ending = ending
  }

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    let call = unwrapOutboundIn(data)
    guard !isOver else {
      // Nobody would end the waiting for it.
      call.answer.fail(ending.withLockedValue { $0 } ?? ControlError.closed(device))
      promise?.fail(ChannelError.ioOnClosedChannel)
      return
    }
    var body = call.body
    if let terms = call.terms {
      let session = SealedSession(terms)
      guard case .plain = line, let hello = try? session.hello() else {
        // The device's key is one of those that nobody has.
        call.answer.fail(ControlError.handshakeRefused(device, .unproven))
        promise?.succeed()
        return
      }
      line = .greeting(session)
      body = hello
    }
    let id = nextID
    // Ids of four billion requests ago are free again.
    nextID = nextID == .max ? 1 : nextID + 1
    pending[id] = Pending(
      call: call, deadline: deadline(in: call.timeout, id, context.eventLoop),
      parts: PartedAnswer(to: call.kind), progress: context.eventLoop.now)
    context.write(wrapOutboundOut(frame(call.kind, body, id: id, context)), promise: promise)
  }

  private func deadline(in time: TimeAmount, _ id: UInt32, _ loop: any EventLoop)
    -> Scheduled<Void>
  {
    loop.assumeIsolated().scheduleTask(in: time) { self.expire(id, loop) }
  }

  private func frame(
    _ kind: Kind, _ body: [UInt8], id: UInt32, _ context: ChannelHandlerContext
  ) -> ByteBuffer {
    let size = Limits.headerSize + body.count + SealedFrame.overhead
    var buffer = context.channel.allocator.buffer(capacity: size)
    buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: size) { bytes in
      var writer = FrameWriter(bytes)
      body.withUnsafeBytes { writer.payload.write($0) }
      let plain = writer.seal(Header(kind: kind.rawValue, requestID: id))
      guard case .sealed(let session) = line else { return plain }
      return session.seal(bytes, size: plain)
    }
    return buffer
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    var incoming = unwrapInboundIn(data)
    received.writeBuffer(&incoming)
    while received.readableBytes > 0 {
      let step = received.withUnsafeMutableReadableBytes { next(in: $0) }
      switch step {
      case .wait:
        received.discardReadBytes()
        return
      case .refused(let error): return end(.protocolViolation(device, error), context)
      case .frame(let answer, let size):
        received.moveReaderIndex(forwardBy: size)
        take(answer, context)
      }
    }
    received.clear()
  }

  private enum Step {
    case wait
    case frame(Answer, size: Int)
    case refused(FrameError)
  }

  private func next(in bytes: UnsafeMutableRawBufferPointer) -> Step {
    if case .sealed(let session) = line {
      switch session.next(in: bytes) {
      case .incomplete: return .wait
      case .opened(let header, let payload, let size):
        return .frame(Answer(header: header, payload: [UInt8](payload)), size: size)
      case .refused: return .refused(.seal)
      }
    }
    switch Header.next(in: UnsafeRawBufferPointer(bytes), ignoringReserved: true) {
    case .incomplete: return .wait
    case .frame(let header, let payload, let size):
      return .frame(Answer(header: header, payload: [UInt8](payload)), size: size)
    case .refused(let error, _, _): return .refused(error)
    }
  }

  /// Frames of kinds and ids that nobody waits for are ignored: the device may be newer than we.
  private func take(_ answer: Answer, _ context: ChannelHandlerContext) {
    switch Kind(rawValue: answer.header.kind) {
    case .connection where answer.header.isReply: end(refusal(in: answer), context)
    case .event: pass(answer)
    case .message: passMessage(answer)
    default:
      guard answer.header.isReply,
        let waiting = pending[answer.header.requestID],
        waiting.call.kind.rawValue == answer.header.kind
      else { return }
      if waiting.parts != nil, answer.header.status == Status.ok.rawValue {
        return takePart(answer, context.eventLoop.now)
      }
      if case .greeting(let session) = line, waiting.call.terms != nil {
        line = .plain
        if answer.header.status == Status.ok.rawValue {
          guard session.finish(answer.payload) else {
            return end(.handshakeRefused(device, .unproven), context)
          }
          line = .sealed(session)
        }
      }
      finish(answer, waiting)
    }
  }

  private func finish(_ answer: Answer, _ waiting: Pending) {
    pending[answer.header.requestID] = nil
    waiting.deadline.cancel()
    waiting.call.answer.succeed(answer)
  }

  /// Adds a part to its answer; the last one completes it. Each part has the whole time.
  private func takePart(_ answer: Answer, _ now: NIODeadline) {
    // Taken out of the table, so that what has come is not copied for each part.
    guard var waiting = pending.removeValue(forKey: answer.header.requestID) else { return }
    do {
      let isWhole = try waiting.parts?.take(answer.payload) == true
      lastPart = now
      guard isWhole else {
        waiting.progress = now
        pending[answer.header.requestID] = waiting
        return
      }
      finish(Answer(header: answer.header, payload: waiting.parts?.bytes ?? []), waiting)
    } catch {
      waiting.deadline.cancel()
      waiting.call.answer.fail(ControlError.malformedAnswer(waiting.call.kind))
    }
  }

  private func refusal(in answer: Answer) -> ControlError {
    let refusal = try? answer.payload.withUnsafeBytes { try Refusal.decode($0) }
    if answer.header.status == Status.busy.rawValue {
      return .busy(device, retryAfterMs: refusal?.retryAfterMs ?? 0)
    }
    return .ended(
      status: answer.header.status, message: refusal?.message.string ?? "no reason was given.")
  }

  private func pass(_ answer: Answer) {
    guard var event = try? answer.payload.withUnsafeBytes({ try EventMessage.decode($0) }) else {
      return
    }
    event.missed += dropped
    if case .dropped = events.yield(event) { dropped = event.missed + 1 } else { dropped = 0 }
  }

  /// Adds a part to its message. One whose parts do not follow each other is lost: the device says
  /// so only where it lost all of it.
  private func passMessage(_ answer: Answer) {
    guard let part = try? answer.payload.withUnsafeBytes({ try MessagePart.open($0).0 }) else {
      return
    }
    lostMessages += part.missed
    guard part.total > 0 else { return }
    if part.offset == 0 {
      message = Message(sequence: part.sequence, missed: 0, bytes: [])
    }
    guard message?.sequence == part.sequence, message?.bytes.count == Int(part.offset) else {
      message = nil
      return
    }
    message?.bytes += answer.payload.dropFirst(MessagePart.size)
    guard var whole = message, whole.bytes.count == Int(part.total) else { return }
    message = nil
    whole.missed = lostMessages
    if case .dropped = messages.yield(whole) { lostMessages += 1 } else { lostMessages = 0 }
  }

  /// Ends the waiting for an answer, unless the silence is shorter than it may be: a part came, or
  /// – the device answers reads one after the other – one of the answers before it.
  private func expire(_ id: UInt32, _ loop: any EventLoop) {
    guard let waiting = pending[id] else { return }
    let last = waiting.parts == nil ? waiting.progress : max(waiting.progress, lastPart)
    let left = last + waiting.call.timeout - loop.now
    guard left <= .nanoseconds(0) else {
      pending[id]?.deadline = deadline(in: left, id, loop)
      return
    }
    pending[id] = nil
    waiting.call.answer.fail(
      ControlError.timeout(
        device, operation: waiting.call.kind,
        seconds: Double(waiting.call.timeout.nanoseconds) / 1_000_000_000))
  }

  private func end(_ error: ControlError, _ context: ChannelHandlerContext) {
    ending.withLockedValue { $0 = $0 ?? error }
    context.close(promise: nil)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    end(.closed(device), context)
  }

  func channelInactive(context: ChannelHandlerContext) {
    isOver = true
    let error = ending.withLockedValue { value -> ControlError in
      let error = value ?? .closed(device)
      value = error
      return error
    }
    for waiting in pending.values {
      waiting.deadline.cancel()
      waiting.call.answer.fail(error)
    }
    pending.removeAll()
    events.finish()
    messages.finish()
    context.fireChannelInactive()
  }
}
