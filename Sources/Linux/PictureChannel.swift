import Appliance
import CLinux
import EventLoop
import Wire

/// The agent's end of the picture worker (`watchpost picture`): asks without waiting, and takes the
/// finished pictures as sealed memory of their own.
///
/// The worker may crash on what a camera sends, or hang; that costs the pictures that were asked
/// for, which are then told as not to be had.
struct PictureChannel: ~Copyable {
  /// Pictures at once; as many as the loop's table holds.
  static let capacity = 16
  /// A worker that ended is started again after this long.
  static let restartMs: UInt64 = 500

  private enum State {
    case off
    case running(Int32)
    case waiting(until: Instant)
  }

  private enum Entry {
    case free
    /// Asked for under this number.
    case asked(UInt32)
    /// The worker is gone, and with it the answer.
    case lost
    /// The memory that holds the picture.
    case held(Int32, size: Int)
  }

  private var state = State.off
  private var entries = InlineArray<16, Entry>(repeating: .free)
  private var asked: UInt32 = 0
  /// Entries whose worker is gone, not yet told.
  private(set) var lost = 0

  // MARK: The worker

  var channel: Int32? {
    if case .running(let channel) = state { return channel }
    return nil
  }

  /// True when the worker should be started.
  func isDue(now: Instant) -> Bool {
    if case .waiting(let until) = state { return now >= until }
    return false
  }

  var nextDeadline: Instant {
    if case .waiting(let until) = state { return until }
    return .never
  }

  /// Starts the worker. Returns the descriptor to watch, or a negative errno.
  mutating func start(_ children: inout Children, now: Instant) -> Int32 {
    var ours: Int32 = -1
    var theirs: Int32 = -1
    state = .waiting(until: now + Self.restartMs)
    let paired = lx_message_pair(&ours, &theirs)
    guard paired == 0 else { return paired }
    let pid = children.spawnPicture(channel: theirs)
    lx_close(theirs)
    guard pid > 0 else {
      lx_close(ours)
      return pid
    }
    state = .running(ours)
    return ours
  }

  /// The worker has ended. Returns the descriptor that is to be forgotten and closed.
  mutating func ended(now: Instant) -> Int32? {
    guard case .running(let channel) = state else { return nil }
    state = .waiting(until: now + Self.restartMs)
    for index in entries.indices {
      guard case .asked = entries[index] else { continue }
      entries[index] = .lost
      lost += 1
    }
    return channel
  }

  // MARK: Pictures

  /// Asks for a picture out of `memory`, a feed's.
  mutating func ask(
    _ entry: Int, memory: Int32, notBeforeUs: UInt64, deadlineUs: UInt64
  ) -> Bool {
    guard case .running(let channel) = state else { return false }
    asked &+= 1
    let request = PictureRequest(id: asked, notBeforeUs: notBeforeUs, deadlineUs: deadlineUs)
    guard request.send(over: channel, memory: memory) else { return false }
    entries[entry] = .asked(asked)
    return true
  }

  /// The next answer to something that was asked and not closed since.
  mutating func next() -> PictureAnswer? {
    if lost > 0, let answer = nextLost() { return answer }
    while case .running(let channel) = state {
      guard let (reply, memory) = PictureReply.receive(from: channel) else { return nil }
      guard let entry = entry(asked: reply.id) else {
        if memory >= 0 { lx_close(memory) }
        continue
      }
      return PictureAnswer(entry: entry, facts: take(reply, memory, entry))
    }
    return nil
  }

  private mutating func nextLost() -> PictureAnswer? {
    for index in entries.indices {
      guard case .lost = entries[index] else { continue }
      entries[index] = .free
      lost -= 1
      return PictureAnswer(entry: index, facts: nil)
    }
    return nil
  }

  private func entry(asked id: UInt32) -> Int? {
    for index in entries.indices {
      if case .asked(id) = entries[index] { return index }
    }
    return nil
  }

  /// Keeps a picture, if it is what the worker says: memory that nobody can change any more.
  private mutating func take(
    _ reply: PictureReply, _ memory: Int32, _ entry: Int
  ) -> PictureFacts? {
    entries[entry] = .free
    guard memory >= 0 else { return nil }
    guard reply.outcome == .picture, reply.size > 0, reply.size <= Limits.pictureSize,
      lx_memory_is_sealed(memory, reply.size) != 0
    else {
      lx_close(memory)
      return nil
    }
    entries[entry] = .held(memory, size: reply.size)
    var facts = PictureFacts()
    facts.size = reply.size
    facts.width = reply.width
    facts.height = reply.height
    facts.frame = reply.frame
    facts.capturedUs = reply.capturedUs
    facts.completed = reply.completed
    return facts
  }

  func read(_ entry: Int, at offset: Int, into buffer: UnsafeMutableRawBufferPointer) -> Bool {
    guard case .held(let memory, let size) = entries[entry], offset + buffer.count <= size else {
      return false
    }
    let count = lx_read_at(memory, buffer.baseAddress!, buffer.count, UInt64(offset))
    return count == Int64(buffer.count)
  }

  mutating func close(_ entry: Int) {
    switch entries[entry] {
    case .free, .asked: break
    case .lost: lost -= 1
    case .held(let memory, _): lx_close(memory)
    }
    entries[entry] = .free
  }
}
