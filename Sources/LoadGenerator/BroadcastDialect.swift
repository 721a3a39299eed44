import Wire

/// How a message is published, and what its subscribers then get.
public enum BroadcastDialect: Sendable {
  /// Watchpost's `publish` and its topic `messages`.
  case watchpost
  /// MQTT 3.1.1 (OASIS standard of 2014), quality of service 0.
  case mqtt

  /// What a subscriber says once.
  var subscription: [UInt8] {
    switch self {
    case .watchpost:
      var frame = [UInt8](repeating: 0, count: Limits.headerSize + SubscriptionRequest.size)
      frame.withUnsafeMutableBytes {
        var writer = FrameWriter($0)
        SubscriptionRequest(topics: .messages).encode(into: &writer.payload)
        _ = writer.seal(Header(kind: Kind.subscribe.rawValue, requestID: 1))
      }
      return frame
    case .mqtt:
      // Section 3.8: packet 1, one topic filter, quality of service 0.
      let body = [0, 1] + BroadcastDialect.topic + [0]
      return BroadcastDialect.connect + [0x82, UInt8(body.count)] + body
    }
  }

  /// What a publisher says once.
  var introduction: [UInt8] {
    switch self {
    case .watchpost: []
    case .mqtt: BroadcastDialect.connect
    }
  }

  /// Bytes of the answer to `subscription`, and to `introduction`.
  var subscriptionAnswerSize: Int {
    switch self {
    case .watchpost: Limits.headerSize + SubscriptionReply.size
    case .mqtt: 9
    }
  }

  var introductionAnswerSize: Int {
    switch self {
    case .watchpost: 0
    case .mqtt: 4
    }
  }

  /// Whether the answer to `subscription` or `introduction` says yes.
  func accepts(_ answer: [UInt8]) -> Bool {
    switch self {
    case .watchpost:
      answer.withUnsafeBytes {
        guard case .frame(let header, _, _) = Header.next(in: $0, ignoringReserved: true) else {
          return false
        }
        return header.isReply && header.kind == Kind.subscribe.rawValue && header.status == 0
      }
    case .mqtt:
      // Sections 3.2 and 3.9: accepted, and quality of service 0 granted.
      [[0x20, 2, 0, 0], [0x20, 2, 0, 0, 0x90, 3, 0, 1, 0]].contains(answer)
    }
  }

  /// What publishes `message`.
  func publication(of message: [UInt8]) -> [UInt8] {
    switch self {
    case .watchpost: BroadcastDialect.parts(of: message)
    case .mqtt:
      // Section 3.3: no packet number with quality of service 0.
      [0x30] + BroadcastDialect.remaining(BroadcastDialect.topic.count + message.count)
        + BroadcastDialect.topic + message
    }
  }

  /// Bytes that answer the publication of a message of so many bytes.
  func acknowledgementSize(_ bytes: Int) -> Int {
    switch self {
    case .watchpost:
      (bytes + PublishPart.capacity - 1) / PublishPart.capacity
        * (Limits.headerSize + PublishReply.size)
    case .mqtt: 0
    }
  }

  /// Bytes that each subscriber gets of it.
  func deliverySize(_ bytes: Int) -> Int {
    switch self {
    case .watchpost: MessagePart.wireSize(bytes)
    case .mqtt:
      1 + BroadcastDialect.remaining(BroadcastDialect.topic.count + bytes).count
        + BroadcastDialect.topic.count + bytes
    }
  }

  private static func parts(of message: [UInt8]) -> [UInt8] {
    var frames: [UInt8] = []
    var frame = [UInt8](repeating: 0, count: Limits.frameSize)
    for offset in stride(from: 0, to: message.count, by: PublishPart.capacity) {
      let bytes = message[offset..<min(offset + PublishPart.capacity, message.count)]
      let size = frame.withUnsafeMutableBytes {
        var writer = FrameWriter($0)
        PublishPart(
          total: UInt32(message.count), offset: UInt32(offset), count: UInt32(bytes.count)
        ).encode(into: &writer.payload)
        bytes.withUnsafeBytes { writer.payload.write($0) }
        return writer.seal(Header(kind: Kind.publish.rawValue, requestID: UInt32(offset)))
      }
      frames += frame[..<size]
    }
    return frames
  }

  /// Section 3.1: protocol level 4, a clean session, no keep-alive, a name given by the server.
  private static let connect: [UInt8] =
    [0x10, 12, 0, 4] + Array("MQTT".utf8) + [4, 2, 0, 0, 0, 0]

  private static let topic: [UInt8] = [0, 1] + Array("m".utf8)

  /// Section 2.2.3: seven bits a byte, the lowest first.
  private static func remaining(_ count: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    var rest = count
    repeat {
      bytes.append(UInt8(rest & 0x7F) | (rest > 0x7F ? 0x80 : 0))
      rest >>= 7
    } while rest > 0
    return bytes
  }
}
