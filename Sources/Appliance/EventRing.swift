import Wire

/// The last events, sealed once and shared by all subscribers: each has a cursor of its own, and
/// what was overwritten before it came by is counted and told with its next event.
public struct EventRing: ~Copyable {
  /// Events kept.
  public static let capacity = 512
  /// Bytes of an event's frame.
  public static let frameSize = Limits.headerSize + EventMessage.size
  /// Topics are remembered longer than the events, so that a subscriber that fell behind is told
  /// how many of *its* events it missed. One that fell behind even further is told an upper bound.
  public static let history = 8192

  private let frames: UnsafeMutableRawBufferPointer
  /// The bit number of each event's topic.
  private let topics: Table<UInt8>
  /// The number that the next event will have; the first is 1.
  public private(set) var next: UInt64 = 1
  public private(set) var deliveredTotal: UInt64 = 0
  public private(set) var missedTotal: UInt64 = 0

  /// A ring over memory for `capacity` frames and `history` topics.
  public init(
    frames: UnsafeMutableBufferPointer<UInt8>, topics: UnsafeMutableBufferPointer<UInt8>
  ) {
    precondition(frames.count >= EventRing.capacity * EventRing.frameSize, "too little memory")
    precondition(topics.count >= EventRing.history, "too little memory")
    self.frames = UnsafeMutableRawBufferPointer(frames)
    self.topics = Table(topics, repeating: 0)
  }

  /// The oldest event that is still there.
  public var oldest: UInt64 {
    next > UInt64(EventRing.capacity) ? next - UInt64(EventRing.capacity) : 1
  }

  /// Numbers, seals and keeps an event. `unixMs` is 0 while the clock is not trusted.
  public mutating func publish(_ event: Event, now: Instant, unixMs: UInt64) {
    var message = EventMessage()
    message.sequence = next
    message.uptimeMs = now.ms
    message.unixMs = unixMs
    message.topic = event.code.topic
    message.code = Code(event.code)
    message.value = event.value
    message.subject = event.subject
    message.detail = event.detail
    let size = Frame.event(message, into: slot(next))
    precondition(size == EventRing.frameSize, "an event outgrew its slot")
    topics[Int(next % UInt64(EventRing.history))] =
      UInt8(message.topic.rawValue.trailingZeroBitCount)
    next += 1
  }

  /// Copies events for the subscriber in slot `index` into `buffer`, as many as fit, and moves its
  /// cursor. Returns the bytes copied.
  public mutating func gather(
    for index: Int, _ sessions: borrowing SessionTable,
    into buffer: UnsafeMutableRawBufferPointer
  ) -> Int {
    skipOverwritten(for: index, sessions)
    let wanted = sessions.slots[index].topics
    var untold = sessions.slots[index].untold
    var cursor = sessions.slots[index].cursor
    var filled = 0
    var count = 0
    while cursor < next {
      if wanted.contains(topic(of: cursor)) {
        guard buffer.count - filled >= EventRing.frameSize else { break }
        let frame = UnsafeMutableRawBufferPointer(
          rebasing: buffer[filled..<(filled + EventRing.frameSize)])
        frame.copyMemory(from: UnsafeRawBufferPointer(slot(cursor)))
        if untold > 0 { tell(missed: untold, in: frame) }
        untold = 0
        filled += EventRing.frameSize
        count += 1
      }
      cursor += 1
    }
    sessions.delivered(index, count: count, cursor: cursor)
    deliveredTotal &+= UInt64(count)
    return filled
  }

  /// Events that wait for the subscriber in slot `index`.
  public func queued(for index: Int, _ sessions: borrowing SessionTable) -> UInt32 {
    let session = sessions.slots[index]
    var count: UInt32 = 0
    var cursor = max(session.cursor, oldest)
    while cursor < next {
      if session.topics.contains(topic(of: cursor)) { count += 1 }
      cursor += 1
    }
    return count
  }

  /// Counts what was overwritten before the subscriber in slot `index` took it. Whoever asks for
  /// its numbers, or leaves, may come before its next delivery.
  public mutating func skipOverwritten(for index: Int, _ sessions: borrowing SessionTable) {
    let cursor = sessions.slots[index].cursor
    guard cursor < oldest else { return }
    let wanted = sessions.slots[index].topics
    let remembered = next > UInt64(EventRing.history) ? next - UInt64(EventRing.history) : 1
    var lost = remembered > cursor ? remembered - cursor : 0
    var at = max(cursor, remembered)
    while at < oldest {
      if wanted.contains(topic(of: at)) { lost += 1 }
      at += 1
    }
    missedTotal &+= lost
    sessions.lost(index, count: lost, cursor: oldest)
  }

  private func topic(of sequence: UInt64) -> Topics {
    .bit(Int(topics[Int(sequence % UInt64(EventRing.history))]))
  }

  private func slot(_ sequence: UInt64) -> UnsafeMutableRawBufferPointer {
    let start = Int(sequence % UInt64(EventRing.capacity)) * EventRing.frameSize
    return UnsafeMutableRawBufferPointer(
      rebasing: frames[start..<(start + EventRing.frameSize)])
  }

  /// Writes the one field that differs between subscribers, and seals the copy again.
  private func tell(missed: UInt32, in frame: UnsafeMutableRawBufferPointer) {
    frame.storeBytes(
      of: missed.littleEndian, toByteOffset: Limits.headerSize + EventMessage.missedOffset,
      as: UInt32.self)
    _ = Header(kind: Kind.event.rawValue, requestID: 0)
      .seal(frame, payloadSize: EventMessage.size)
  }
}
