import Appliance
import Wire

/// Events and messages to subscribers, round by round.
extension EventLoop where System: ~Copyable {
  mutating func beginSweep() {
    guard sessions.subscribers > 0 else { return }
    if sweep == nil { sweep = 0 } else { sweepAgain = true }
  }

  /// Hands events to a bounded number of subscribers.
  mutating func deliverEvents() {
    guard var position = sweep else { return }
    let stop = position + Self.sweepBatch
    let sentBefore = counters[.bytesSent]
    while position < min(stop, sessions.subscribers),
      counters[.bytesSent] - sentBefore < Self.sweepBytes
    {
      let index = sessions.subscriber(at: position)
      deliver(to: index)
      // A subscriber that broke has made room for the last one of the list.
      if position < sessions.subscribers && sessions.subscriber(at: position) == index {
        position += 1
      }
    }
    if position < sessions.subscribers {
      sweep = position
    } else {
      sweep = sweepAgain ? 0 : nil
      sweepAgain = false
    }
  }

  /// Hands events and messages to one subscriber, unless it has not yet taken what it got before.
  mutating func deliver(to index: Int) {
    deliverEvents(to: index)
    deliverMessages(to: index)
  }

  private mutating func deliverEvents(to index: Int) {
    while true {
      let session = sessions.slots[index]
      guard session.phase == .open, session.isSubscribed, session.rest == 0,
        session.cursor < events.next
      else { return }
      // What is held stays where it is: the rest must find room beside it.
      let room = Buffers.slotSize - (session.heldPlace == .own ? Int(session.held) : 0)
      let space = UnsafeMutableRawBufferPointer(rebasing: buffers.output[..<room])
      let size = gather(index, into: space)
      guard size > 0 else { return }
      guard let unsent = send(index, size) else { return }
      guard unsent > 0 else { continue }
      let rest = UnsafeRawBufferPointer(rebasing: buffers.output[(size - unsent)..<size])
      let start = buffers.keepBeside(index, rest: rest)
      sessions.keepRest(index, start: start, count: unsent, now: now)
      updateInterest(index)
    }
  }

  /// Frames of events for one subscriber, as many as find room; bytes written.
  private mutating func gather(
    _ index: Int, into room: UnsafeMutableRawBufferPointer
  ) -> Int {
    guard sessions.slots[index].isSealed else {
      return events.gather(for: index, sessions, into: room)
    }
    var filled = 0
    while room.count - filled >= EventRing.frameSize + overhead(index) {
      let frame = UnsafeMutableRawBufferPointer(
        rebasing: room[filled..<filled + EventRing.frameSize])
      let size = events.gather(for: index, sessions, into: frame)
      guard size > 0 else { break }
      let whole = UnsafeMutableRawBufferPointer(rebasing: room[filled...])
      filled += seal(index, whole, size)
    }
    return filled
  }
}
