import Appliance
import Wire

/// Messages of clients to all who subscribe: see `MessageRing` for where they stand meanwhile.
extension EventLoop where System: ~Copyable {
  /// Bytes of a message that one call hands over: so much fits into a socket at once.
  static var pieceSize: Int { 256 * 1024 }
  /// How long a subscriber may be in the middle of a frame whose place is needed.
  static var pinMs: UInt64 { 1000 }
  /// So little memory is not worth giving back.
  static var keptBytes: Int { 64 * 1024 }

  /// Takes a part of a message from a client.
  mutating func publish(
    _ part: PublishPart, _ bytes: UnsafeRawBufferPointer, _ index: Int
  ) throws(Status) -> PublishReply {
    if part.offset == 0 { makeRoom(for: part, of: index) }
    let sequence = try messages.take(
      part, bytes, from: index, generation: sessions.slots[index].generation, now: now,
      patienceMs: configuration.control.frameTimeoutMs)
    guard let sequence else { return PublishReply() }
    counters[.messagesPublished] &+= 1
    beginSweep()
    return PublishReply(
      sequence: sequence, subscribers: UInt32(clamping: messages.subscribers))
  }

  /// Pushes out what is oldest. Subscribers in the middle of one of its frames keep the rest of it
  /// in a large buffer; where there is none, whoever has not taken it for long is closed.
  private mutating func makeRoom(for part: PublishPart, of publisher: Int) {
    while !messages.makeRoom(for: Int(part.total)) {
      var loosened = false
      for index in sessions.slots.indices where messages.pinsOldest(index) {
        if buffers.lendForRest(index, unsent(index), sessions) {
          messages.unpin(index)
          loosened = true
        } else if index != publisher, now.since(sessions.slots[index].since) >= Self.pinMs {
          counters[.closedWriteTimeout] &+= 1
          close(index)
          loosened = true
        }
      }
      guard loosened else { return }
    }
  }

  /// Hands messages to one subscriber until there are none, or its connection takes no more.
  mutating func deliverMessages(to index: Int) {
    while sessions.slots[index].phase == .open, sessions.slots[index].rest == 0 {
      switch messages.next(for: index) {
      case .nothing: return
      case .losses(let count, let next):
        guard tell(index, losses: count, before: next) else { return }
      case .bytes(let bytes) where sessions.slots[index].isSealed:
        guard deliverSealed(index, bytes) else { return }
      case .bytes(let bytes):
        let piece = UnsafeRawBufferPointer(rebasing: bytes[..<min(bytes.count, Self.pieceSize)])
        guard let unsent = send(index, piece) else { return }
        let rest = messages.advance(index, by: piece.count - unsent, blocked: unsent > 0)
        guard rest > 0 else { continue }
        sessions.setRestPlace(index, .shared)
        sessions.keepRest(index, start: 0, count: rest, now: now)
        updateInterest(index)
      }
    }
  }

  /// Hands the next frame of a message to a sealed subscriber, which gets a copy of its own: what
  /// of that stays unsent must find room. False: it takes no more now.
  private mutating func deliverSealed(_ index: Int, _ bytes: UnsafeRawBufferPointer) -> Bool {
    let plain = min(bytes.count, Limits.plainSize)
    let held = Int(sessions.slots[index].held)
    guard buffers.fits(input: held, output: plain + overhead(index)) else {
      if !sessions.slots[index].waiting {
        sessions.setWaiting(index, true)
        buffers.enqueue(index)
        updateInterest(index)
      }
      return false
    }
    let unsent = sendFrame(index) { loop in
      loop.buffers.output.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[..<plain]))
      return plain
    }
    guard let unsent else { return false }
    _ = messages.advance(index, by: plain, blocked: false)
    return unsent == 0
  }

  /// Tells a subscriber what it has lost; false when that must wait.
  private mutating func tell(_ index: Int, losses: UInt32, before next: UInt64) -> Bool {
    let held = sessions.slots[index].heldPlace == .own ? Int(sessions.slots[index].held) : 0
    let size = Limits.headerSize + MessagePart.size + overhead(index)
    guard held + size <= Buffers.slotSize else { return false }
    var part = MessagePart()
    part.sequence = next
    part.uptimeMs = now.ms
    part.missed = losses
    var writer = FrameWriter(buffers.output)
    part.encode(into: &writer.payload)
    let plain = writer.seal(Header(kind: Kind.message.rawValue, requestID: 0))
    let written = seal(index, buffers.output, plain)
    guard let unsent = send(index, written) else { return false }
    messages.told(index)
    guard unsent > 0 else { return true }
    let rest = UnsafeRawBufferPointer(rebasing: buffers.output[(written - unsent)..<written])
    let start = buffers.keepBeside(index, rest: rest)
    sessions.keepRest(index, start: start, count: unsent, now: now)
    updateInterest(index)
    return false
  }

  /// What a connection has not taken yet.
  func unsent(_ index: Int) -> UnsafeRawBufferPointer {
    let session = sessions.slots[index]
    guard session.restPlace == .shared else { return buffers.rest(index, sessions) }
    return messages.rest(index, from: Int(session.restStart), count: Int(session.rest))
  }

  /// The rest was sent, or nobody takes it any more.
  mutating func giveBackRest(_ index: Int) {
    if sessions.slots[index].restPlace == .shared {
      messages.unpin(index)
      sessions.setRestPlace(index, .own)
    } else {
      buffers.giveBackRest(index, sessions)
    }
  }

  /// Forgets messages once everybody has got everything.
  mutating func forgetMessages() {
    if messages.oldest < messages.next && messages.isIdle { messages.clear() }
  }

  /// Gives the ring's memory back when there was no message for a second: taking it anew for each
  /// costs as much as copying the message.
  mutating func giveBackMessages() {
    defer { sampledMessage = messages.next }
    guard messages.next == sampledMessage, messages.touched > Self.keptBytes,
      messages.isIdle, messages.oldest == messages.next
    else { return }
    system.discard(messages.giveBack())
  }
}
