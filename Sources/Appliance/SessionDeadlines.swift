import Wire

/// A timing wheel of three levels: 64 buckets each of 16 ms, 1024 ms and 65,536 ms.
///
/// A slot lies in at most one bucket, linked through the slots themselves. Deadlines that move
/// later (every byte postpones idleness) cost nothing: a slot whose bucket comes is looked at again
/// and put where it belongs by then. So a turn of the loop costs nothing per connection, and
/// finding the next deadline costs three bit scans.
struct DeadlineWheel {
  static let tickMs: UInt64 = 16
  static let levels = 3
  var heads = InlineArray<192, UInt16>(repeating: SessionTable.none)
  var occupied = InlineArray<3, UInt64>(repeating: 0)
  /// Slots of a bucket that has come and are still to be looked at.
  var due = SessionTable.none
  var current: UInt64

  init(now: Instant) { current = now.ms / DeadlineWheel.tickMs }

  /// The first tick after `current` at which a bucket comes. Inlined: a getter would be given a
  /// copy of the wheel.
  @inline(__always)
  var nextTick: UInt64? {
    var first: UInt64?
    for level in 0..<DeadlineWheel.levels where occupied[level] != 0 {
      let shift = UInt64(6 * level)
      let start = (current >> shift) + 1
      let turned = occupied[level] >> (start & 63) | occupied[level] << (63 & (0 &- start))
      let tick = (start + UInt64(turned.trailingZeroBitCount)) << shift
      if first.map({ tick < $0 }) ?? true { first = tick }
    }
    return first
  }

  /// The bucket of `tick`, which lies after `current`.
  func bucket(for tick: UInt64) -> UInt8 {
    if tick - current < 64 { return UInt8(tick & 63) }
    if (tick >> 6) - (current >> 6) < 64 { return UInt8(64 + ((tick >> 6) & 63)) }
    let last = min(tick >> 12, (current >> 12) + 63)
    return UInt8(128 + (last & 63))
  }
}

extension SessionTable {
  /// When the session in `index` must be looked at because it took too long.
  public func deadline(_ index: Int) -> Instant {
    let session = slots[index]
    switch session.phase {
    case .free: return .never
    case .lingering: return session.since + SessionLimits.lingerMs
    case .ending: return session.since + limits.writeTimeoutMs
    case .open:
      if session.rest > 0 { return session.since + limits.writeTimeoutMs }
      if session.isOnTrial { return session.since + SessionLimits.trialMs }
      if session.isUnknown || session.isUnproven {
        return session.since + limits.handshakeTimeoutMs
      }
      if session.held > 0 { return session.since + limits.frameTimeoutMs }
      return session.isSubscribed ? .never : session.since + limits.idleTimeoutMs
    }
  }

  /// The earliest time at which `expired` may have something to say.
  @inline(__always)
  public var nextDeadline: Instant {
    if wheel.due != SessionTable.none { return Instant(ms: 0) }
    guard let tick = wheel.nextTick else { return .never }
    return Instant(ms: tick * DeadlineWheel.tickMs)
  }

  /// The next session whose deadline has come, nil when there is none (any more).
  ///
  /// The caller frees or ends it: it stands in no bucket afterwards.
  public mutating func expired(now: Instant) -> Int? {
    let tick = now.ms / DeadlineWheel.tickMs
    while true {
      while wheel.due != SessionTable.none {
        let index = Int(wheel.due)
        wheel.due = slots[index].next
        if wheel.due != SessionTable.none { slots[Int(wheel.due)].previous = SessionTable.none }
        slots[index].next = SessionTable.none
        slots[index].bucket = SessionTable.noBucket
        if deadline(index) <= now { return index }
        rearm(index)
      }
      guard let next = wheel.nextTick, next <= tick else {
        if tick > wheel.current { wheel.current = tick }
        return nil
      }
      wheel.current = next
      if next & 63 == 0 {
        if next & 4095 == 0 { detach(bucket: UInt8(128 + ((next >> 12) & 63))) }
        detach(bucket: UInt8(64 + ((next >> 6) & 63)))
      }
      detach(bucket: UInt8(next & 63))
    }
  }

  /// Puts the session where its deadline belongs.
  mutating func rearm(_ index: Int) {
    unlink(index)
    let deadline = deadline(index)
    guard deadline != .never else { return }
    // Rounded up: a bucket never comes before the deadlines in its last level.
    let tick = max(
      (max(deadline.ms, 1) - 1) / DeadlineWheel.tickMs + 1, wheel.current + 1)
    let bucket = wheel.bucket(for: tick)
    let head = wheel.heads[Int(bucket)]
    slots[index].bucket = bucket
    slots[index].next = head
    slots[index].previous = SessionTable.none
    if head != SessionTable.none { slots[Int(head)].previous = UInt16(index) }
    wheel.heads[Int(bucket)] = UInt16(index)
    wheel.occupied[Int(bucket >> 6)] |= 1 << UInt64(bucket & 63)
  }

  mutating func unlink(_ index: Int) {
    let bucket = slots[index].bucket
    guard bucket != SessionTable.noBucket else { return }
    let next = slots[index].next
    let previous = slots[index].previous
    if next != SessionTable.none { slots[Int(next)].previous = previous }
    if previous != SessionTable.none {
      slots[Int(previous)].next = next
    } else if bucket == SessionTable.dueBucket {
      wheel.due = next
    } else {
      wheel.heads[Int(bucket)] = next
      if next == SessionTable.none {
        wheel.occupied[Int(bucket >> 6)] &= ~(1 << UInt64(bucket & 63))
      }
    }
    slots[index].bucket = SessionTable.noBucket
    slots[index].next = SessionTable.none
    slots[index].previous = SessionTable.none
  }

  /// The pseudo bucket of slots that are due.
  static let dueBucket = UInt8(254)

  /// Moves a bucket's slots in front of the due ones.
  private mutating func detach(bucket: UInt8) {
    var index = wheel.heads[Int(bucket)]
    wheel.heads[Int(bucket)] = SessionTable.none
    wheel.occupied[Int(bucket >> 6)] &= ~(1 << UInt64(bucket & 63))
    while index != SessionTable.none {
      let next = slots[Int(index)].next
      slots[Int(index)].bucket = SessionTable.dueBucket
      slots[Int(index)].previous = SessionTable.none
      slots[Int(index)].next = wheel.due
      if wheel.due != SessionTable.none { slots[Int(wheel.due)].previous = index }
      wheel.due = index
      index = next
    }
  }
}
