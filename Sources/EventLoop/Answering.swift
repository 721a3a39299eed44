import Appliance
import Wire

/// What has come over a connection: whole frames are answered, the rest is kept.
extension EventLoop where System: ~Copyable {
  /// Takes what has come, answers all whole frames, and sends the answers with one call.
  mutating func receive(_ index: Int) {
    var filled = buffers.restore(index, sessions)
    let room = buffers.room(held: filled)
    guard filled < room else {
      keep(index, consumed: 0, filled: filled, unsent: 0, wait: true)
      return
    }
    let space = UnsafeMutableRawBufferPointer(rebasing: buffers.input[filled..<room])
    switch system.receive(sessions.slots[index].descriptor, into: space) {
    case .moved(let count):
      counters[.bytesReceived] &+= UInt64(count)
      filled += count
      answerAll(index, filled: filled, isFull: filled == room)
    case .wouldBlock: keep(index, consumed: 0, filled: filled, unsent: 0, wait: false)
    case .end, .broken:
      counters[.closedByPeer] &+= 1
      noteCutOff(index)
      close(index)
    }
  }

  /// What is being done for one connection: input up to `filled`, of which `consumed` is done, and
  /// answers up to `output`.
  private struct Batch {
    var filled: Int
    var consumed = 0
    var output = 0
    /// The next frame waits for a large buffer; the connection ends.
    var waits = false
    var ends = false
  }

  /// Answers the whole frames in the input, reads on where there may be more (`isFull`), and keeps
  /// what is left.
  mutating func answerAll(_ index: Int, filled: Int, isFull: Bool = false) {
    var batch = Batch(filled: filled)
    var isFull = isFull
    var readings = 1
    guard answerFrames(index, &batch) else { return }
    while isFull, readings < Self.readings, !batch.waits, !batch.ends {
      isFull = readOn(index, &batch)
      readings += 1
      guard answerFrames(index, &batch) else { return }
    }
    guard let unsent = send(index, batch.output) else { return }
    keep(
      index, consumed: batch.consumed, filled: batch.filled, unsent: unsent, of: batch.output,
      wait: batch.waits && !batch.ends)
    if batch.ends { end(index) }
  }

  /// Takes more of the same connection behind what is left of the input; true when there may be
  /// still more. An end is heard of again in the next turn, behind the answers.
  private mutating func readOn(_ index: Int, _ batch: inout Batch) -> Bool {
    let left = batch.filled - batch.consumed
    let room = buffers.room(held: left)
    guard left < room else { return false }
    if left > 0 && batch.consumed > 0 {
      buffers.input.baseAddress!.copyMemory(
        from: buffers.input.baseAddress! + batch.consumed, byteCount: left)
    }
    (batch.consumed, batch.filled) = (0, left)
    let space = UnsafeMutableRawBufferPointer(rebasing: buffers.input[left..<room])
    guard case .moved(let count) = system.receive(sessions.slots[index].descriptor, into: space)
    else { return false }
    counters[.bytesReceived] &+= UInt64(count)
    batch.filled += count
    return batch.filled == room
  }

  /// Answers whole frames; false when nothing is left to be done for the connection.
  private mutating func answerFrames(_ index: Int, _ batch: inout Batch) -> Bool {
    if sessions.slots[index].isSealed { return answerSealed(index, &batch) }
    while batch.consumed < batch.filled {
      let input = UnsafeRawBufferPointer(
        rebasing: buffers.input[batch.consumed..<batch.filled])
      let size: Int
      let largest: Int
      let frame = Header.next(in: input)
      switch frame {
      case .incomplete: return true
      case .refused(_, _, let bytes): (size, largest) = (bytes, Self.refusalSize)
      case .frame(let header, _, let bytes):
        (size, largest) = (bytes, Self.largestAnswer(to: header.kind))
      }
      let left = batch.filled - batch.consumed - size
      guard buffers.fits(input: left, output: batch.output + largest) else {
        guard let goesOn = makeRoom(index, &batch) else { continue }
        return goesOn
      }
      let room = UnsafeMutableRawBufferPointer(rebasing: buffers.output[batch.output...])
      batch.output += answer(index, frame, into: room, ends: &batch.ends)
      batch.consumed += size
      if batch.ends {
        batch.consumed = batch.filled
        return true
      }
      // The answer to a handshake is the last plain one.
      if sessions.slots[index].isSealed { return answerSealed(index, &batch) }
    }
    return true
  }

  /// The same for frames that are opened before, and answers that are sealed behind.
  @inline(never)
  private mutating func answerSealed(_ index: Int, _ batch: inout Batch) -> Bool {
    while batch.consumed < batch.filled {
      let input = UnsafeMutableRawBufferPointer(
        rebasing: buffers.input[batch.consumed..<batch.filled])
      let size: Int
      let largest: Int
      let frame = openFrame(index, in: input)
      switch frame {
      case .incomplete: return true
      case .refused(_, _, let bytes): (size, largest) = (bytes, Self.refusalSize)
      case .frame where newcomer?.slot == index:
        sessions.setWaiting(index, true)
        return true
      case .frame(let header, _, let bytes):
        (size, largest) = (bytes, Self.largestAnswer(to: header.kind))
      }
      let left = batch.filled - batch.consumed - size
      let most = largest + overhead(index)
      guard buffers.fits(input: left, output: batch.output + most) else {
        guard let goesOn = makeRoom(index, &batch) else { continue }
        return goesOn
      }
      let room = UnsafeMutableRawBufferPointer(rebasing: buffers.output[batch.output...])
      batch.output += seal(index, room, answer(index, frame, into: room, ends: &batch.ends))
      batch.consumed += size
      sessions.setOpened(index, false)
      if batch.ends {
        batch.consumed = batch.filled
        return true
      }
    }
    return true
  }

  /// The next answer finds no room: what there is goes out. Nil: there is room now; otherwise what
  /// `answerFrames` returns.
  private mutating func makeRoom(_ index: Int, _ batch: inout Batch) -> Bool? {
    guard batch.output > 0 else {
      batch.waits = true
      return true
    }
    guard let unsent = send(index, batch.output) else { return false }
    if unsent > 0 {
      keep(
        index, consumed: batch.consumed, filled: batch.filled, unsent: unsent,
        of: batch.output, wait: false)
      return false
    }
    batch.output = 0
    return nil
  }
}
