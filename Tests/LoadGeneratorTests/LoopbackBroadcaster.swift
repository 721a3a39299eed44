import Foundation
import Glibc
import LoadGenerator
import Wire

/// A server on loopback that passes messages on as Watchpost does, or spoils what it passes on.
final class LoopbackBroadcaster: Sendable {
  enum Conduct: Sendable {
    case delivers
    /// One subscriber gets every message with a byte changed.
    case damages
    /// One subscriber gets nothing.
    case forgets
    /// Messages are refused.
    case refuses
    /// One subscriber is closed when a message comes.
    case closes
  }

  let endpoint: Endpoint
  private let listener: Int32

  init(_ conduct: Conduct) throws {
    (listener, endpoint) = try listenOnLoopback()
    Thread.detachNewThread { [listener] in
      var service = Service(listener: listener, conduct: conduct)
      service.run()
    }
  }

  /// Ends the thread, which then closes everything.
  deinit { shutdown(listener, Int32(SHUT_RDWR)) }

  /// The frames of a message, as subscribers get them.
  static func frames(_ sequence: UInt64, _ message: [UInt8]) -> [UInt8] {
    var all: [UInt8] = []
    for offset in stride(from: 0, to: message.count, by: MessagePart.capacity) {
      var part = MessagePart()
      part.sequence = sequence
      part.total = UInt32(message.count)
      part.offset = UInt32(offset)
      part.count = UInt32(min(MessagePart.capacity, message.count - offset))
      all += frame(Header(kind: Kind.message.rawValue, requestID: 0)) { payload in
        part.encode(into: &payload)
        message[offset..<offset + Int(part.count)].withUnsafeBytes { payload.write($0) }
      }
    }
    return all
  }

  fileprivate static func frame(_ header: Header, _ body: (inout ByteWriter) -> Void) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: Limits.frameSize)
    let size = bytes.withUnsafeMutableBytes {
      var writer = FrameWriter($0)
      body(&writer.payload)
      return writer.seal(header)
    }
    return Array(bytes[..<size])
  }
}

private struct Service {
  let listener: Int32
  let conduct: LoopbackBroadcaster.Conduct
  var entries: [pollfd] = []
  var held: [Int32: [UInt8]] = [:]
  var subscribers: [Int32] = []
  var message: [UInt8] = []
  var sequence: UInt64 = 0

  init(listener: Int32, conduct: LoopbackBroadcaster.Conduct) {
    self.listener = listener
    self.conduct = conduct
    entries = [pollfd(fd: listener, events: Int16(POLLIN), revents: 0)]
  }

  mutating func run() {
    while poll(&entries, nfds_t(entries.count), -1) > 0 {
      if entries[0].revents != 0 {
        let descriptor = accept(listener, nil, nil)
        guard descriptor >= 0 else { break }
        entries.append(pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0))
      }
      for entry in entries.dropFirst() where entry.revents != 0 { serve(entry.fd) }
    }
    for entry in entries { close(entry.fd) }
  }

  private mutating func serve(_ descriptor: Int32) {
    var buffer = [UInt8](repeating: 0, count: 65536)
    let count = recv(descriptor, &buffer, buffer.count, 0)
    guard count > 0 else { return drop(descriptor) }
    held[descriptor, default: []] += buffer[..<count]
    while let (header, payload) = next(of: descriptor) { answer(header, payload, descriptor) }
  }

  private mutating func next(of descriptor: Int32) -> (Header, [UInt8])? {
    let found: (Header, [UInt8], Int)? = held[descriptor, default: []].withUnsafeBytes {
      guard case .frame(let header, let payload, let size) = Header.next(in: $0) else { return nil }
      return (header, Array(payload), size)
    }
    guard let (header, payload, size) = found else { return nil }
    held[descriptor]?.removeFirst(size)
    return (header, payload)
  }

  private mutating func answer(_ header: Header, _ payload: [UInt8], _ descriptor: Int32) {
    if header.kind == Kind.subscribe.rawValue {
      subscribers.append(descriptor)
      let reply = SubscriptionReply(topics: .messages, nextSequence: 1)
      send(LoopbackBroadcaster.frame(header.reply()) { reply.encode(into: &$0) }, to: descriptor)
    } else if case .refuses = conduct {
      let reply = LoopbackBroadcaster.frame(header.reply(.busy)) { $0.zero(128) }
      send(reply, to: descriptor)
    } else {
      take(header, payload, descriptor)
    }
  }

  private mutating func take(_ header: Header, _ payload: [UInt8], _ descriptor: Int32) {
    let isLast = payload.withUnsafeBytes { bytes in
      guard let (part, content) = try? PublishPart.open(bytes) else { return false }
      if part.offset == 0 { message = [] }
      message += content
      return part.isLast
    }
    var reply = PublishReply()
    if isLast {
      sequence += 1
      reply = PublishReply(sequence: sequence, subscribers: UInt32(subscribers.count))
    }
    send(LoopbackBroadcaster.frame(header.reply()) { reply.encode(into: &$0) }, to: descriptor)
    if isLast { deliver() }
  }

  private mutating func deliver() {
    let frames = LoopbackBroadcaster.frames(sequence, message)
    for (index, subscriber) in subscribers.enumerated() {
      switch conduct {
      case .damages where index == 1:
        var damaged = frames
        damaged[frames.count / 2] ^= 1
        send(damaged, to: subscriber)
      case .forgets where index == 1: continue
      case .closes where index == 1: drop(subscriber)
      case .delivers, .damages, .forgets, .closes, .refuses: send(frames, to: subscriber)
      }
    }
  }

  /// The other side always reads, so that waiting for room is safe.
  private func send(_ bytes: [UInt8], to descriptor: Int32) {
    var sent = 0
    while sent < bytes.count {
      let count = bytes.withUnsafeBytes {
        Glibc.send(descriptor, $0.baseAddress! + sent, bytes.count - sent, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { return }
      sent += count
    }
  }

  private mutating func drop(_ descriptor: Int32) {
    close(descriptor)
    entries.removeAll { $0.fd == descriptor }
    subscribers.removeAll { $0 == descriptor }
    held[descriptor] = nil
  }
}
