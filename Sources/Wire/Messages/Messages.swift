/// One part of a message that shall reach all subscribers of `messages`; `count` bytes follow.
///
/// The parts of a message come in order on one connection, without gaps; other requests may lie
/// between them. The device passes nothing on before it has all of it.
///
/// ```
/// offset size field
///      0    4 total              bytes of the whole message, 1 … 2,097,152
///      4    4 offset             of this part's bytes in the message
///      8    4 count              bytes that follow, at least 1
///     12    4 reserved           zero
///     16      bytes              count bytes of the message
/// ```
public struct PublishPart: Payload, Equatable {
  public static let size = 16
  /// Bytes of a message that fit into one request.
  public static let capacity = Limits.payloadSize - size

  public var total: UInt32 = 0
  public var offset: UInt32 = 0
  public var count: UInt32 = 0

  public init(total: UInt32, offset: UInt32, count: UInt32) {
    self.total = total
    self.offset = offset
    self.count = count
  }

  public init(from reader: inout ByteReader) throws(Status) {
    total = reader.read()
    offset = reader.read()
    count = reader.read()
    try reader.expectZero(4)
  }

  public func encode(into writer: inout ByteWriter) {
    writer.write(total)
    writer.write(offset)
    writer.write(count)
    writer.zero(4)
  }

  /// True for the part that completes the message.
  public var isLast: Bool { UInt64(offset) + UInt64(count) == UInt64(total) }

  /// Splits a request into its head and its bytes, which lie in `payload`. `.malformed` if they do
  /// not fit each other, `.tooLarge` beyond `Limits.messageSize`.
  public static func open(_ payload: UnsafeRawBufferPointer) throws(Status)
    -> (Self, bytes: UnsafeRawBufferPointer)
  {
    guard payload.count >= size else { throw .malformed }
    var reader = ByteReader(payload)
    let head = try Self(from: &reader)
    guard head.total <= UInt32(Limits.messageSize) else { throw .tooLarge }
    guard head.count > 0, UInt64(head.offset) + UInt64(head.count) <= UInt64(head.total),
      reader.remaining == Int(head.count)
    else { throw .malformed }
    return (head, reader.take(Int(head.count)))
  }
}

/// The answer to `publish`.
///
/// ```
/// offset size field
///      0    8 sequence           the message's number, from 1 in each life; 0: parts are missing
///      8    4 subscribers        connections that it is for
///     12    4 reserved
/// ```
public struct PublishReply: Payload, Equatable {
  public static let size = 16
  public var sequence: UInt64
  public var subscribers: UInt32

  public init(sequence: UInt64 = 0, subscribers: UInt32 = 0) {
    self.sequence = sequence
    self.subscribers = subscribers
  }

  public init(from reader: inout ByteReader) {
    sequence = reader.read()
    subscribers = reader.read()
    reader.skip(4)
  }

  public func encode(into writer: inout ByteWriter) {
    writer.write(sequence)
    writer.write(subscribers)
    writer.zero(4)
  }
}

/// One part of a message, as subscribers get it; `count` bytes of it follow.
///
/// The parts of a message come in order; answers and events may lie between them. A message whose
/// parts stop before its end is lost: the next frame of this kind begins another one, or tells of
/// losses. A part with `total` 0 has no bytes: it tells how many messages this connection has lost
/// since the last one it was told of.
///
/// ```
/// offset size field
///      0    8 sequence           the message's number; of the next one where `total` is 0
///      8    8 uptimeMs           milliseconds since the kernel started when it was published
///     16    4 total              bytes of the whole message; 0: this tells of losses
///     20    4 offset             of this part's bytes in the message
///     24    4 count              bytes that follow
///     28    4 missed             messages that this connection has lost, where `total` is 0
///     32      bytes              count bytes of the message
/// ```
public struct MessagePart: Payload, Equatable {
  public static let size = 32
  /// Bytes of a message that fit into one frame. All frames of a message but the last are full.
  public static let capacity = Limits.payloadSize - size

  public var sequence: UInt64 = 0
  public var uptimeMs: UInt64 = 0
  public var total: UInt32 = 0
  public var offset: UInt32 = 0
  public var count: UInt32 = 0
  public var missed: UInt32 = 0

  public init() {}

  public init(from reader: inout ByteReader) {
    sequence = reader.read()
    uptimeMs = reader.read()
    total = reader.read()
    offset = reader.read()
    count = reader.read()
    missed = reader.read()
  }

  public func encode(into writer: inout ByteWriter) {
    writer.write(sequence)
    writer.write(uptimeMs)
    writer.write(total)
    writer.write(offset)
    writer.write(count)
    writer.write(missed)
  }

  /// Splits a frame's payload into its head and its bytes. `.malformed` if they do not fit.
  public static func open(_ payload: UnsafeRawBufferPointer) throws(Status)
    -> (Self, bytes: UnsafeRawBufferPointer)
  {
    guard payload.count >= size else { throw .malformed }
    var reader = ByteReader(payload)
    let head = Self(from: &reader)
    guard head.total <= UInt32(Limits.messageSize),
      UInt64(head.offset) + UInt64(head.count) <= UInt64(head.total),
      (head.count > 0) == (head.total > 0), reader.remaining == Int(head.count)
    else { throw .malformed }
    return (head, reader.take(Int(head.count)))
  }

  /// Bytes on the wire of a message of `total` bytes, all frames together.
  public static func wireSize(_ total: Int) -> Int {
    let frames = (total + capacity - 1) / capacity
    return total + frames * (Limits.headerSize + size)
  }
}
