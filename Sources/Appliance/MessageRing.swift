import Wire

/// Messages on their way to subscribers, as the very bytes that are sent: each message stands once
/// in a ring, cut into sealed frames, and every subscriber has a place in it of its own.
///
/// ```
///        oldest                             next
///   ┌──────┴───────┬───────────┬──────────┬──┴─────────────┬─────────┐
///   │  message 7   │ message 8 │ message 9│ being uploaded │  free   │
///   └──────────────┴─────▲─────┴──────────┴────────────────┴─────────┘
///                        a subscriber's place: message 8, 16 KiB of it sent
/// ```
///
/// Who needs room pushes the oldest message out. Subscribers that had not come by have lost it and
/// are told how many they lost. One that is in the middle of a frame *pins* its message, because a
/// frame that was begun must be finished; until then nobody can push it out.
public struct MessageRing: ~Copyable {
  /// Messages kept at most.
  public static let capacity = 256
  /// Bytes of the ring: two of the largest messages and some.
  public static let memory = 4608 * 1024

  public struct Entry: Sendable {
    var start = 0
    var size = 0
    /// Subscribers in the middle of one of its frames.
    var pins = 0
  }

  /// A subscriber's place, one for each slot.
  public struct Place: Sendable {
    /// The message it gets next, or is getting.
    var sequence: UInt64 = 0
    /// Bytes of that which have been handed over, always whole frames.
    var offset = 0
    /// Where the frame begins whose rest is still unsent, and the message that it pins; 0: none.
    var pinned: UInt64 = 0
    var pinnedAt = 0
    /// Messages lost and not told yet.
    var missed: UInt32 = 0
    var joined = false
    /// It is known to have everything before the message with this number.
    var caughtUp: UInt64 = 0
  }

  /// A message that comes in part by part. One at a time.
  private struct Upload {
    var slot: Int
    var generation: UInt32
    var start: Int
    var total: Int
    var received = 0
    var since: Instant
  }

  private let bytes: UnsafeMutableRawBufferPointer
  // Not `let`: Tests/README.md, Sanitizers.
  private var places: Table<Place>
  private var entries: Table<Entry>
  private var upload: Upload?
  /// The oldest message that is there, and the number the next one will have.
  public private(set) var oldest: UInt64 = 1
  public private(set) var next: UInt64 = 1
  /// Subscribers in all, and those for whom there is something.
  public private(set) var subscribers = 0
  public private(set) var behind = 0
  /// Subscribers in the middle of a frame.
  private var pins = 0
  public private(set) var deliveredTotal: UInt64 = 0
  public private(set) var missedTotal: UInt64 = 0
  /// Bytes of the ring that may have been written to since its memory was last given back.
  public private(set) var touched = 0

  /// - Parameters:
  ///   - bytes: `memory` bytes.
  ///   - places: one for each slot.
  ///   - entries: `capacity` of them.
  public init(
    _ bytes: UnsafeMutableRawBufferPointer, places: UnsafeMutableBufferPointer<Place>,
    entries: UnsafeMutableBufferPointer<Entry>
  ) {
    precondition(bytes.count >= MessagePart.wireSize(Limits.messageSize), "too small a ring")
    self.bytes = bytes
    precondition(entries.count == MessageRing.capacity, "one entry a message")
    self.places = Table(places, repeating: Place())
    self.entries = Table(entries, repeating: Entry())
  }

  // MARK: Publishing

  /// Takes a part of a message. Nil: parts are missing yet; otherwise the message's number.
  ///
  /// `.state` where it does not follow the part before it, `.busy` where another connection is
  /// publishing, or a subscriber in the middle of a message holds the room.
  public mutating func take(
    _ part: PublishPart, _ content: UnsafeRawBufferPointer, from slot: Int, generation: UInt32,
    now: Instant, patienceMs: UInt64
  ) throws(Status) -> UInt64? {
    if part.offset == 0 {
      try begin(Int(part.total), slot, generation, now, patienceMs)
    }
    guard var current = upload, current.slot == slot, current.generation == generation,
      current.received == Int(part.offset), current.total == Int(part.total)
    else { throw .state }
    copy(content, to: current.start, at: current.received)
    current.received += content.count
    current.since = now
    upload = current
    guard current.received == current.total else { return nil }
    return finish(current, now)
  }

  /// Forgets a message whose connection has ended before it was whole.
  public mutating func forgetUpload(of slot: Int) {
    if upload?.slot == slot { upload = nil }
  }

  private mutating func begin(
    _ total: Int, _ slot: Int, _ generation: UInt32, _ now: Instant, _ patienceMs: UInt64
  ) throws(Status) {
    if let other = upload, other.slot != slot || other.generation != generation,
      now.since(other.since) < patienceMs
    {
      throw .busy
    }
    upload = nil
    guard total > 0, let start = reserve(MessagePart.wireSize(total)) else { throw .busy }
    upload = Upload(slot: slot, generation: generation, start: start, total: total, since: now)
  }

  /// Pushes out what is oldest until a message of `total` bytes finds room; false when somebody is
  /// in the middle of that.
  public mutating func makeRoom(for total: Int) -> Bool {
    // What is being uploaded stands behind all others: nobody else begins meanwhile.
    upload != nil || reserve(MessagePart.wireSize(total)) != nil
  }

  /// This slot is in the middle of a frame of the oldest message.
  public func pinsOldest(_ slot: Int) -> Bool { places[slot].pinned == oldest }

  /// Room for `size` bytes in one piece, pushing out what is oldest. Nil: a subscriber is in the
  /// middle of that.
  private mutating func reserve(_ size: Int) -> Int? {
    while true {
      if oldest == next { return 0 }
      let head = self[oldest].start
      let tail = self[next - 1].start + self[next - 1].size
      if next - oldest < UInt64(MessageRing.capacity) {
        if tail > head {
          if bytes.count - tail >= size { return tail }
          if head >= size { return 0 }
        } else if head - tail >= size {
          return tail
        }
      }
      guard self[oldest].pins == 0 else { return nil }
      oldest += 1
    }
  }

  /// Puts a part's bytes where they will stand in the message's frames.
  private func copy(_ content: UnsafeRawBufferPointer, to start: Int, at offset: Int) {
    var done = 0
    while done < content.count {
      let (frame, inside) = (offset + done).quotientAndRemainder(dividingBy: MessagePart.capacity)
      let count = min(content.count - done, MessagePart.capacity - inside)
      let place =
        start + frame * Limits.plainSize + Limits.headerSize + MessagePart.size + inside
      UnsafeMutableRawBufferPointer(rebasing: bytes[place..<place + count])
        .copyMemory(from: UnsafeRawBufferPointer(rebasing: content[done..<done + count]))
      done += count
    }
  }

  private mutating func finish(_ upload: Upload, _ now: Instant) -> UInt64 {
    var part = MessagePart()
    part.sequence = next
    part.uptimeMs = now.ms
    part.total = UInt32(upload.total)
    var place = upload.start
    while part.offset < part.total {
      part.count = min(part.total - part.offset, UInt32(MessagePart.capacity))
      let size = Limits.headerSize + MessagePart.size + Int(part.count)
      let frame = UnsafeMutableRawBufferPointer(rebasing: bytes[place..<place + size])
      var head = ByteWriter(UnsafeMutableRawBufferPointer(rebasing: frame[Limits.headerSize...]))
      part.encode(into: &head)
      place += Header(kind: Kind.message.rawValue, requestID: 0)
        .seal(frame, payloadSize: size - Limits.headerSize)
      part.offset += part.count
    }
    self[next] = Entry(start: upload.start, size: place - upload.start)
    touched = max(touched, place)
    self.upload = nil
    next += 1
    behind = subscribers
    return next - 1
  }

  // MARK: Subscribers

  /// A slot wants messages from now on.
  public mutating func join(_ slot: Int) {
    guard !places[slot].joined else { return }
    places[slot] = Place()
    places[slot].sequence = next
    places[slot].caughtUp = next
    places[slot].joined = true
    subscribers += 1
  }

  /// It wants none any more. The rest of a frame that was begun stays pinned.
  public mutating func leave(_ slot: Int) {
    guard places[slot].joined else { return }
    countLost(slot)
    catchUp(slot)
    places[slot].joined = false
    subscribers -= 1
  }

  /// What is next for a slot.
  public enum Next {
    case nothing
    /// So many messages were lost before the one with this number.
    case losses(UInt32, before: UInt64)
    /// Bytes to be sent, beginning with a whole frame.
    case bytes(UnsafeRawBufferPointer)
  }

  public mutating func next(for slot: Int) -> Next {
    guard places[slot].joined else { return .nothing }
    countLost(slot)
    if places[slot].missed > 0 {
      return .losses(places[slot].missed, before: places[slot].sequence)
    }
    guard places[slot].sequence < next else {
      catchUp(slot)
      return .nothing
    }
    let entry = self[places[slot].sequence]
    return .bytes(
      UnsafeRawBufferPointer(
        rebasing: bytes[(entry.start + places[slot].offset)..<(entry.start + entry.size)]))
  }

  /// What was overwritten before the slot took it.
  private mutating func countLost(_ slot: Int) {
    guard places[slot].sequence < oldest else { return }
    let lost = oldest - places[slot].sequence
    missedTotal &+= lost
    places[slot].missed = UInt32(clamping: UInt64(places[slot].missed) + lost)
    places[slot].sequence = oldest
    places[slot].offset = 0
  }

  /// The losses were told.
  public func told(_ slot: Int) { places[slot].missed = 0 }

  /// `count` of the bytes of `next` were taken by the slot's connection. Returns how many of a
  /// frame that was begun are unsent; `rest` gives them until `unpin`. Where the connection takes
  /// no more (`blocked`) a whole frame counts as begun, so that it is woken for it.
  public mutating func advance(_ slot: Int, by count: Int, blocked: Bool) -> Int {
    let sequence = places[slot].sequence
    let entry = self[sequence]
    let sent = places[slot].offset + count
    var whole = sent / Limits.plainSize * Limits.plainSize
    if sent == entry.size { whole = sent }
    var rest = 0
    if whole < sent || (blocked && sent < entry.size) {
      let end = min(whole + Limits.plainSize, entry.size)
      rest = end - sent
      places[slot].pinned = sequence
      places[slot].pinnedAt = entry.start + sent
      entries[place(of: sequence)].pins += 1
      pins += 1
      whole = end
    }
    places[slot].offset = whole
    if whole == entry.size {
      places[slot].sequence += 1
      places[slot].offset = 0
      deliveredTotal &+= 1
      if places[slot].sequence == next { catchUp(slot) }
    }
    return rest
  }

  /// `count` bytes of a pinned frame, from `offset` behind where its rest began.
  public func rest(_ slot: Int, from offset: Int, count: Int) -> UnsafeRawBufferPointer {
    let start = places[slot].pinnedAt + offset
    return UnsafeRawBufferPointer(rebasing: bytes[start..<start + count])
  }

  /// The rest was sent, or its connection is gone.
  public mutating func unpin(_ slot: Int) {
    let sequence = places[slot].pinned
    precondition(sequence > 0, "nothing was pinned")
    entries[place(of: sequence)].pins -= 1
    pins -= 1
    places[slot].pinned = 0
  }

  /// Nobody needs what is in the ring any more.
  public var isIdle: Bool { behind == 0 && pins == 0 && upload == nil }

  /// Forgets all messages, once the ring is idle: the next one finds all of it free.
  public mutating func clear() {
    precondition(isIdle, "somebody needs it")
    oldest = next
  }

  /// The memory that an empty ring has no use for.
  public mutating func giveBack() -> UnsafeMutableRawBufferPointer {
    precondition(isIdle && oldest == next, "somebody needs it")
    defer { touched = 0 }
    return UnsafeMutableRawBufferPointer(rebasing: bytes[..<touched])
  }

  /// The slot has everything there is, or wants nothing any more.
  private mutating func catchUp(_ slot: Int) {
    guard places[slot].caughtUp < next else { return }
    places[slot].caughtUp = next
    behind -= 1
  }

  private func place(of sequence: UInt64) -> Int { Int(sequence % UInt64(MessageRing.capacity)) }

  private subscript(sequence: UInt64) -> Entry {
    get { entries[place(of: sequence)] }
    nonmutating set { entries[place(of: sequence)] = newValue }
  }
}
