import Foundation
import NIOCore
import NIOPosix
import Synchronization

@testable import Wire

/// A device made of the golden vectors: it answers each request with its operation's vector, under
/// the request's id.
final class FakeDevice: Sendable {
  enum Behaviour: Sendable {
    case golden
    /// Accepts and never answers.
    case silent
    /// Answers these operations with a refusal, the others with their vectors.
    case refusing([Kind: Status])
    /// Says BUSY at once and ends.
    case busy
    /// Says something else than the protocol.
    case garbage
    /// Closes the connection on the first request.
    case hangingUp
    /// Sends every answer byte by byte, with events between.
    case piecemeal
    /// Answers the requests of a burst in reverse order.
    case reversed(count: Int)
    /// Health with another state.
    case health(HealthState)
    /// Has these files and logs; answers everything else with its vector.
    case files(FakeFiles)
    /// Has one change of the configuration; answers everything else with its vector.
    case changing(FakeChange)
    /// The event that confirms a recording comes after so many milliseconds; nil: never.
    case recording(beginsAfterMs: Int64?)
    /// Has a key, and behaves like this to those who have one, too.
    indirect case sealed(FakeKeys, Behaviour)
  }

  let channel: any Channel
  private let connections = Connections()
  /// Connections that it has now.
  var openConnections: Int { connections.open.withLock { $0 } }
  var port: Int { channel.localAddress!.port! }
  var name: String { "127.0.0.1:\(port)" }

  private final class Connections: Sendable {
    let open = Mutex(0)
    let channels = Mutex<[any Channel]>([])
  }

  /// At an address of this machine.
  init(_ behaviour: Behaviour, on host: String = "127.0.0.1") async throws {
    let connections = connections
    channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelInitializer { channel in
        connections.open.withLock { $0 += 1 }
        connections.channels.withLock { $0.append(channel) }
        channel.closeFuture.whenComplete { _ in connections.open.withLock { $0 -= 1 } }
        return channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(Answering(behaviour))
        }
      }
      .bind(host: host, port: 0).get()
  }

  func stop() async { try? await channel.close() }

  /// Ends all connections.
  func disconnect() async {
    for channel in connections.channels.withLock({ $0 }) { try? await channel.close() }
  }
}

/// The bytes of a golden vector.
func vector(_ name: String) -> [UInt8] {
  let folder = sourceFolder.appending(path: "Wire/Wire.docc/Vectors")
  let text = try! String(contentsOf: folder.appending(path: name + ".hex"), encoding: .utf8)
  return text.split(separator: "\n").flatMap { line in
    line.prefix { $0 != "#" }.split(separator: " ").map { UInt8($0, radix: 16)! }
  }
}

let packageFolder = URL(filePath: #filePath).deletingLastPathComponent()
  .deletingLastPathComponent().deletingLastPathComponent()
let sourceFolder = packageFolder.appending(path: "Sources")

/// The event that confirms the recording of the golden vectors.
private let recordingBegins: EventMessage = {
  var event = EventMessage()
  event.sequence = 1
  event.topic = .recordings
  event.code = Code(.recordingStarted)
  event.value = 17
  event.subject = "cam-front"
  return event
}()

private final class Answering: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private let behaviour: FakeDevice.Behaviour
  private let seal: FakeSeal?
  private var received = ByteBuffer()
  private var held: [[UInt8]] = []
  private var logAsked = false
  /// When a slow line has sent everything.
  private var lineFree = NIODeadline.uptimeNanoseconds(0)
  /// The payload of the request being answered; a ping's comes back.
  private var pinged: [UInt8] = []

  init(_ behaviour: FakeDevice.Behaviour) {
    if case .sealed(let keys, let inner) = behaviour {
      (self.behaviour, seal) = (inner, FakeSeal(keys))
    } else {
      (self.behaviour, seal) = (behaviour, nil)
    }
  }

  func channelActive(context: ChannelHandlerContext) {
    switch behaviour {
    case .busy: send(vector("busy"), context, thenClose: true)
    case .garbage: send([UInt8]("HTTP/1.1 400 Bad Request\r\n\r\n".utf8), context)
    case .files(let files) where !files.accept(): context.close(promise: nil)
    default: break
    }
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    var incoming = unwrapInboundIn(data)
    received.writeBuffer(&incoming)
    while let (header, payload, size) = front() {
      received.moveReaderIndex(forwardBy: size)
      pinged = payload
      answer(header, context)
    }
  }

  private func front() -> (Header, [UInt8], size: Int)? {
    received.withUnsafeMutableReadableBytes { bytes in
      if let seal, seal.isOpen { return seal.next(in: bytes) }
      guard
        case .frame(let header, let payload, let size) = Header.next(
          in: UnsafeRawBufferPointer(bytes))
      else { return nil }
      return (header, [UInt8](payload), size)
    }
  }

  private func answer(_ header: Header, _ context: ChannelHandlerContext) {
    let isSealed = seal?.isOpen == true
    if let answer = seal?.answer(header, pinged) {
      return answer.isEmpty
        ? context.close(promise: nil) : send(answer, sealed: isSealed, context)
    }
    switch behaviour {
    case .sealed: return
    case .silent, .busy, .garbage: return
    case .hangingUp: context.close(promise: nil)
    case .golden: send(reply(header), context)
    case .refusing(let statuses):
      guard let status = statuses[Kind(rawValue: header.kind)!] else {
        return send(reply(header), context)
      }
      send(built { Frame.refusal(to: header, status, into: $0) }, context)
    case .piecemeal:
      for byte in vector("event") + reply(header) + vector("event") { send([byte], context) }
    case .reversed(let count):
      held.append(reply(header))
      guard held.count == count else { return }
      for frame in held.reversed() { send(frame, context) }
    case .health(let state): send(reply(header, state: state), context)
    case .files(let files): answer(header, from: files, context)
    case .changing(let change):
      guard let answer = change.answer(header) else {
        context.close(promise: nil)
        return
      }
      send(answer ?? reply(header), context)
    case .recording(let delay):
      send(reply(header), context)
      guard header.kind == Kind.recordingStart.rawValue, let delay else { return }
      let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
      let event = built { Frame.event(recordingBegins, into: $0) }
      context.eventLoop.scheduleTask(in: .milliseconds(delay)) {
        bound.value.0.send(event, bound.value.1)
      }
    }
    guard header.kind == Kind.subscribe.rawValue, case .golden = behaviour else { return }
    for name in ["event", "event", "message", "message-losses", "message"] {
      send(vector(name), context)
    }
  }

  private func answer(
    _ header: Header, from files: FakeFiles, _ context: ChannelHandlerContext
  ) {
    switch files.answer(header, pinged) {
    case .golden: send(reply(header), context)
    case .silence: return
    case .refusal(let status): send(built { Frame.refusal(to: header, status, into: $0) }, context)
    case .payload(let payload): send(frame(header, payload), context)
    case .parts(let bytes, let cut):
      var frames: [[UInt8]] = []
      for offset in stride(from: 0, to: max(bytes.count, 1), by: BulkPart.capacity) {
        let part = bytes[offset..<min(offset + BulkPart.capacity, bytes.count)]
        let head = BulkPart(
          total: UInt32(bytes.count), offset: UInt32(offset), count: UInt32(part.count))
        frames.append(frame(header, encoded(head) + part))
      }
      let pause = files.state.withLock { $0.faults.partMs }
      guard pause == 0 else { return send(frames, every: pause, context) }
      let whole = frames.flatMap(\.self)
      guard cut else { return send(whole, context) }
      send(Array(whole.prefix(whole.count / 2)), context, thenClose: true)
    }
  }

  /// Sends frames on a slow line: each takes so many milliseconds, behind all earlier ones.
  private func send(_ frames: [[UInt8]], every pauseMs: Int64, _ context: ChannelHandlerContext) {
    let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
    for frame in frames {
      lineFree = max(lineFree, .now()) + .milliseconds(pauseMs)
      context.eventLoop.scheduleTask(deadline: lineFree) {
        bound.value.0.send(frame, bound.value.1)
      }
    }
  }

  /// The operation's vector under the request's id.
  private func reply(_ header: Header, state: HealthState? = nil) -> [UInt8] {
    let kind = Kind(rawValue: header.kind)!
    let words = "\(kind)".map { $0.isUppercase ? "-" + $0.lowercased() : String($0) }
    var payload = Array(vector(words.joined() + "-reply").dropFirst(Limits.headerSize))
    if kind == .health, let state { payload[0] = state.rawValue }
    if kind == .ping { payload = pinged }
    if kind == .logTail {
      // The second time there is nothing new.
      if logAsked { payload = Array(payload[..<16]) + [UInt8](repeating: 0, count: 8) }
      logAsked = true
    }
    return frame(header, payload)
  }

  private func frame(_ header: Header, _ payload: [UInt8]) -> [UInt8] {
    built { buffer in
      var writer = FrameWriter(buffer)
      payload.withUnsafeBytes { writer.payload.write($0) }
      return writer.seal(header.reply())
    }
  }

  /// `sealed` nil: if the connection is.
  private func send(
    _ bytes: [UInt8], sealed: Bool? = nil, _ context: ChannelHandlerContext,
    thenClose: Bool = false
  ) {
    let isSealed = sealed ?? (seal?.isOpen == true)
    let bytes = isSealed ? seal!.seal(bytes) : bytes
    let done = context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: bytes)))
    if thenClose {
      let context = NIOLoopBound(context, eventLoop: context.eventLoop)
      done.whenComplete { _ in context.value.close(mode: .output, promise: nil) }
    }
  }
}
