/// The request of `subscribe` and `unsubscribe`: which topics to add or to drop.
///
/// ```
/// offset size field
///      0    4 topics             Topics, at least one; unknown bits are refused
///      4    4 reserved           zero
/// ```
public struct SubscriptionRequest: Payload, Equatable {
  public static let size = 8
  public var topics: Topics

  public init(topics: Topics) { self.topics = topics }

  public init(from reader: inout ByteReader) throws(Status) {
    topics = reader.read()
    try reader.expectZero(4)
    guard (topics - .all).isEmpty else { throw .reservedBits }
    guard !topics.isEmpty else { throw .invalidArgument }
  }

  public func encode(into writer: inout ByteWriter) {
    writer.write(topics)
    writer.zero(4)
  }
}

/// The answer to `subscribe` and `unsubscribe`.
///
/// ```
/// offset size field
///      0    4 topics             what this connection is subscribed to from now on
///      4    4 reserved
///      8    8 nextSequence       the number of the next event of the device
/// ```
public struct SubscriptionReply: Payload, Equatable {
  public static let size = 16
  public var topics: Topics
  public var nextSequence: UInt64

  public init(topics: Topics, nextSequence: UInt64) {
    self.topics = topics
    self.nextSequence = nextSequence
  }

  public init(from reader: inout ByteReader) {
    topics = reader.read()
    reader.skip(4)
    nextSequence = reader.read()
  }

  public func encode(into writer: inout ByteWriter) {
    writer.write(topics)
    writer.zero(4)
    writer.write(nextSequence)
  }
}

/// The answer to `subscriptionStatistics`: this connection's own numbers, then the device's.
///
/// ```
/// offset size field
///      0    4 topics             this connection's topics
///      4    4 queued             events that wait for this connection now
///      8    8 delivered          events sent to this connection
///     16    8 missed             events that this connection has lost
///     24    4 subscribers        connections with at least one topic
///     28    4 reserved
///     32    8 published          events of this life of the agent
///     40    8 missedTotal        losses of all connections, ended ones included
///     48    8 nextSequence       the number of the next event
///     56    8 reserved
/// ```
public struct SubscriptionStatistics: Payload, Equatable {
  public static let size = 64

  public var topics = Topics.none
  public var queued: UInt32 = 0
  public var delivered: UInt64 = 0
  public var missed: UInt64 = 0
  public var subscribers: UInt32 = 0
  public var published: UInt64 = 0
  public var missedTotal: UInt64 = 0
  public var nextSequence: UInt64 = 0

  public init() {}

  public init(from reader: inout ByteReader) {
    topics = reader.read()
    queued = reader.read()
    delivered = reader.read()
    missed = reader.read()
    subscribers = reader.read()
    reader.skip(4)
    published = reader.read()
    missedTotal = reader.read()
    nextSequence = reader.read()
    reader.skip(8)
  }

  public func encode(into writer: inout ByteWriter) {
    writer.write(topics)
    writer.write(queued)
    writer.write(delivered)
    writer.write(missed)
    writer.write(subscribers)
    writer.zero(4)
    writer.write(published)
    writer.write(missedTotal)
    writer.write(nextSequence)
    writer.zero(8)
  }
}

/// An event, sent without a request to every connection that is subscribed to its topic.
///
/// ```
/// offset size field
///      0    8 sequence           1, 2, 3 … over all topics, in this life of the agent
///      8    8 uptimeMs           milliseconds since the kernel started
///     16    8 unixMs             milliseconds since 1970-01-01 UTC; 0: clock not trusted
///     24    4 topic              Topics, one bit
///     28    2 code               EventCode
///     30    2 reserved
///     32    4 value              the code's number: a state, a reason, an exit code
///     36    4 missed             subscribed events lost on this connection just before this one
///     40   32 subject            text: camera or stream; empty: the device
///     72   88 detail             text
/// ```
public struct EventMessage: Payload, Equatable {
  public static let size = 160
  /// Where `missed` lies: the only field that differs between subscribers.
  public static let missedOffset = 36

  public var sequence: UInt64 = 0
  public var uptimeMs: UInt64 = 0
  public var unixMs: UInt64 = 0
  public var topic = Topics.none
  public var code = Code(EventCode.systemStarted)
  public var value: UInt32 = 0
  public var missed: UInt32 = 0
  public var subject = Name()
  public var detail = Text<88>()

  public init() {}

  public init(from reader: inout ByteReader) {
    sequence = reader.read()
    uptimeMs = reader.read()
    unixMs = reader.read()
    topic = reader.read()
    code = reader.read()
    reader.skip(2)
    value = reader.read()
    missed = reader.read()
    subject = reader.read()
    detail = reader.read()
  }

  public func encode(into writer: inout ByteWriter) {
    writer.write(sequence)
    writer.write(uptimeMs)
    writer.write(unixMs)
    writer.write(topic)
    writer.write(code)
    writer.zero(2)
    writer.write(value)
    writer.write(missed)
    writer.write(subject)
    writer.write(detail)
  }
}
