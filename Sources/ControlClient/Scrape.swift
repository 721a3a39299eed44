import NIOCore
import NIOHTTP1

/// Ends connections on which more comes than a request for metrics has, before anything keeps it.
final class RequestLimit: ChannelDuplexHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer
  typealias OutboundIn = IOData
  typealias OutboundOut = IOData

  /// Bytes from one answer to the next.
  static let bytes = 16 * 1024

  private var received = 0

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    received += unwrapInboundIn(data).readableBytes
    guard received > Self.bytes else { return context.fireChannelRead(data) }
    let answer = ByteBuffer(
      string: "HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\n"
        + "Content-Length: 0\r\n\r\n")
    context.writeAndFlush(wrapOutboundOut(.byteBuffer(answer)), promise: nil)
    context.close(promise: nil)
  }

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    received = 0
    context.write(data, promise: promise)
  }
}

/// One connection to the exporter: a request, its answer, the next request.
///
/// ```
///   reading ──request──▶ answering ──answer──▶ sending ──sent──▶ reading, answering, or the end
///      └── patience over ──▶ the end ◀── patience over ──┘
/// ```
/// NIOHTTP1's pipelining assistance holds back requests while an answer is due, and lets the next
/// one pass as soon as the answer was written. It waits here until the client has taken the answer:
/// one who asks and does not read gets no second answer.
final class Scrape: ChannelInboundHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundOut = HTTPServerResponsePart

  private enum State {
    /// With the head of the request once it has come.
    case reading(HTTPRequestHead?, until: Scheduled<Void>)
    case answering(HTTPRequestHead)
    /// With the head of a next request, and whether all of it is there.
    case sending(next: HTTPRequestHead?, isWhole: Bool, until: Scheduled<Void>)
    case ended
  }

  private let probes: Probes
  private let patience: TimeAmount
  private var state = State.ended

  init(_ probes: Probes, patience: TimeAmount) {
    (self.probes, self.patience) = (probes, patience)
  }

  func channelActive(context: ChannelHandlerContext) {
    state = .reading(nil, until: deadline(context))
    context.fireChannelActive()
  }

  private func deadline(_ context: ChannelHandlerContext) -> Scheduled<Void> {
    context.eventLoop.assumeIsolated().scheduleTask(in: patience) { context.close(promise: nil) }
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch (unwrapInboundIn(data), state) {
    case (.head(let head), .reading(_, let deadline)): state = .reading(head, until: deadline)
    case (.head(let head), .sending(_, _, let deadline)):
      state = .sending(next: head, isWhole: false, until: deadline)
    case (.end, .reading(let head?, let deadline)):
      deadline.cancel()
      begin(head, context)
    case (.end, .sending(let head, _, let deadline)):
      state = .sending(next: head, isWhole: true, until: deadline)
    // Bodies mean nothing here; the rest does not come, or comes after the end.
    case (.body, _), (_, .answering), (_, .ended), (.end, .reading(nil, _)): break
    }
  }

  private func begin(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
    state = .answering(head)
    probes.answerAwaited()
    answer(head, context)
  }

  private func answer(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
    let promise = context.eventLoop.makePromise(of: ExporterReply.self)
    let (request, probes) = (ExporterRequest(head), probes)
    promise.completeWithTask { await probes.answer(request) }
    promise.futureResult.assumeIsolated().whenSuccess { self.send($0, context) }
  }

  private func send(_ reply: ExporterReply, _ context: ChannelHandlerContext) {
    guard case .answering(let request) = state else { return }
    state = .sending(next: nil, isWhole: false, until: deadline(context))
    let staysOpen = request.isKeepAlive && request.version == .http1_1
    var headers = reply.headers
    if !staysOpen { headers.add(name: "Connection", value: "close") }
    let head = HTTPResponseHead(version: .http1_1, status: reply.status, headers: headers)
    context.write(wrapOutboundOut(.head(head)), promise: nil)
    if request.method != .HEAD {
      let body = ByteBuffer(string: reply.body)
      context.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
    }
    context.writeAndFlush(wrapOutboundOut(.end(nil))).assumeIsolated().whenComplete { _ in
      self.sent(staysOpen: staysOpen, context)
    }
  }

  private func sent(staysOpen: Bool, _ context: ChannelHandlerContext) {
    guard case .sending(let next, let isWhole, let deadline) = state else { return }
    deadline.cancel()
    probes.answerSent()
    if !staysOpen {
      state = .ended
      context.close(promise: nil)
    } else if let next, isWhole {
      begin(next, context)
    } else {
      state = .reading(next, until: self.deadline(context))
    }
  }

  func channelInactive(context: ChannelHandlerContext) {
    switch state {
    case .reading(_, let deadline): deadline.cancel()
    case .answering: probes.answerSent()
    case .sending(_, _, let deadline):
      deadline.cancel()
      probes.answerSent()
    case .ended: break
    }
    state = .ended
    context.fireChannelInactive()
  }

  /// What is no HTTP was answered by NIOHTTP1 with 400.
  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    context.close(promise: nil)
  }
}
