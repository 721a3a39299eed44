import LoadGenerator
import Wire

/// Subscribes to all events and is told of them; asks once a second how many it has missed.
final class SubscriberConduct: Conduct {
  struct Labels {
    var subscribe: Int
    var statistics: Int
    var event: Int
  }

  private let labels: Labels
  private var isSubscribed = false
  private var rests = false

  init(_ labels: Labels) { self.labels = labels }

  func next(now: UInt64) -> Move {
    guard isSubscribed else {
      let topics = Topics.all - .messages
      return .ask(Ask(labels.subscribe, .subscribe, encoded(SubscriptionRequest(topics: topics))))
    }
    rests.toggle()
    return rests ? .rest(1) : .ask(Ask(labels.statistics, .subscriptionStatistics))
  }

  func answer(
    _ label: Int, _ refusal: Status?, _ payload: UnsafeRawBufferPointer, now: UInt64
  ) -> Verdict {
    if refusal != nil {
      rests = true
      return .right
    }
    if label == labels.subscribe {
      isSubscribed = (try? SubscriptionReply.decode(payload)) != nil
      return isSubscribed ? .right : .wrong
    }
    return (try? SubscriptionStatistics.decode(payload)) == nil ? .wrong : .right
  }

  func told(_ header: Header, _ payload: UnsafeRawBufferPointer, now: UInt64) -> Notice? {
    guard header.kind == Kind.event.rawValue, let event = try? EventMessage.decode(payload) else {
      return Notice(labels.event, .failed(.wrong))
    }
    return Notice(labels.event, event.missed > 0 ? .failed(.missed) : .came)
  }

  func lost() -> Bool {
    (isSubscribed, rests) = (false, false)
    return false
  }
}

/// What a publisher sends: when it was sent, in nanoseconds since boot, and bytes that everybody
/// knows.
enum Publication {
  static let stampSize = 8

  static func make(_ size: Int, at now: UInt64) -> [UInt8] {
    var bytes = (0..<max(size, stampSize)).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    withUnsafeBytes(of: now.littleEndian) { bytes.replaceSubrange(0..<stampSize, with: $0) }
    return bytes
  }

  /// Whether a part that begins at `offset` is what it has to be, but for the time.
  static func isRight(_ part: UnsafeRawBufferPointer, at offset: Int) -> Bool {
    for index in part.indices where offset + index >= stampSize {
      guard part[index] == UInt8(truncatingIfNeeded: (offset + index) &* 31) else { return false }
    }
    return true
  }
}

/// Subscribes to messages, checks each, and measures how long it was on its way from the publisher,
/// which has to be of the same test.
final class ListenerConduct: Conduct {
  struct Labels {
    var subscribe: Int
    var message: Int
  }

  private let labels: Labels
  private var isSubscribed = false
  private var sentAt: UInt64 = 0
  /// Bytes of the present message that have come; nil: its beginning was lost.
  private var taken: Int?

  init(_ labels: Labels) { self.labels = labels }

  func next(now: UInt64) -> Move {
    isSubscribed
      ? .rest(1)
      : .ask(
        Ask(labels.subscribe, .subscribe, encoded(SubscriptionRequest(topics: .messages))))
  }

  func answer(
    _ label: Int, _ refusal: Status?, _ payload: UnsafeRawBufferPointer, now: UInt64
  ) -> Verdict {
    guard refusal == nil else { return .right }
    isSubscribed = (try? SubscriptionReply.decode(payload)) != nil
    return isSubscribed ? .right : .wrong
  }

  func told(_ header: Header, _ payload: UnsafeRawBufferPointer, now: UInt64) -> Notice? {
    guard header.kind == Kind.message.rawValue, let (part, bytes) = try? MessagePart.open(payload)
    else { return Notice(labels.message, .failed(.wrong)) }
    if part.offset == 0 {
      guard bytes.count >= Publication.stampSize else {
        return Notice(labels.message, .failed(.wrong))
      }
      sentAt = UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
      taken = 0
    }
    guard let before = taken else { return nil }
    guard Int(part.offset) == before, Publication.isRight(bytes, at: before) else {
      taken = nil
      return Notice(labels.message, .failed(.wrong))
    }
    taken = before + bytes.count
    guard before + bytes.count == Int(part.total) else { return nil }
    taken = nil
    if part.missed > 0 { return Notice(labels.message, .failed(.missed)) }
    return Notice(labels.message, .took(now > sentAt ? now - sentAt : 0))
  }

  func lost() -> Bool {
    (isSubscribed, taken) = (false, nil)
    return false
  }
}

/// Publishes messages to all listeners, one after the other, each in as many parts as it takes.
final class PublisherConduct: Conduct {
  struct Labels {
    var part: Int
    /// A whole message, until the device has it.
    var publish: Int
  }

  private let labels: Labels
  private let size: Int
  private var message: [UInt8] = []
  private var offset = 0
  private var begunAt: UInt64 = 0

  /// `size`: bytes of a message, 8 … 2,097,152.
  init(_ labels: Labels, size: Int) {
    self.labels = labels
    self.size = min(max(size, Publication.stampSize), Limits.messageSize)
  }

  var isMidway: Bool { offset > 0 }

  func next(now: UInt64) -> Move {
    if offset == 0 {
      message = Publication.make(size, at: now)
      begunAt = now
    }
    let count = min(PublishPart.capacity, message.count - offset)
    let part = PublishPart(
      total: UInt32(message.count), offset: UInt32(offset), count: UInt32(count))
    return .ask(
      Ask(labels.part, .publish, encoded(part) + message[offset..<offset + count]))
  }

  func answer(
    _ label: Int, _ refusal: Status?, _ payload: UnsafeRawBufferPointer, now: UInt64
  ) -> Verdict {
    guard refusal == nil else {
      // The device has forgotten what it had of it.
      offset = 0
      return .right
    }
    guard (try? PublishReply.decode(payload)) != nil else { return .wrong }
    offset = min(offset + PublishPart.capacity, message.count)
    guard offset == message.count else { return .right }
    offset = 0
    return .completes(Notice(labels.publish, .took(now - begunAt)))
  }

  func lost() -> Bool {
    offset = 0
    return false
  }
}

/// Connects, is answered once, and leaves; what is measured is the connection.
final class VisitorConduct: Conduct {
  func next(now: UInt64) -> Move { .leave }
  func answer(
    _ label: Int, _ refusal: Status?, _ payload: UnsafeRawBufferPointer, now: UInt64
  ) -> Verdict {
    .wrong
  }
}
