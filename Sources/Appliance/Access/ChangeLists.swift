import Wire

/// What clients are told of configuration changes.
extension ConfigurationChanges {
  /// Changes that have not ended, 0 … `Limits.openChanges`.
  public var openCount: Int {
    var count = 0
    for place in 0..<Limits.openChanges where !table[place].isFree { count += 1 }
    return count
  }

  /// One change; nil: there is none, or it is forgotten.
  public func entry(of id: UInt32, now: Instant) -> ChangeEntry? {
    for place in 0..<Limits.openChanges where !table[place].isFree && table[place].id == id {
      return table[place].entry(now: now)
    }
    for index in 0..<endedCount where table[placeOfEnded(index)].id == id {
      return table[placeOfEnded(index)].entry(now: now)
    }
    // What is in force is known for as long as it is.
    return inForce.flatMap { $0.id == id ? $0.entry : nil }
  }

  /// What the text of an open change is known by; nil: there is no such change.
  public func digest(of id: UInt32) -> ConfigurationDigest? {
    for place in 0..<Limits.openChanges where !table[place].isFree && table[place].id == id {
      return table[place].facts.text.digest
    }
    return nil
  }

  /// A list of the changes that have not ended, in the order in which they were staged.
  public func writeOpen(now: Instant, into writer: inout ByteWriter) {
    let count = openCount
    ChangeListHead(count: UInt16(count)).encode(into: &writer)
    var last: UInt32 = 0
    for _ in 0..<count {
      guard let place = placeStaged(after: last) else { return }
      last = table[place].id
      table[place].entry(now: now).encode(into: &writer)
    }
  }

  /// A list of the changes that have ended and are remembered, in the order in which they ended.
  public func writeEnded(now: Instant, into writer: inout ByteWriter) {
    ChangeListHead(count: UInt16(endedCount)).encode(into: &writer)
    for index in 0..<endedCount {
      table[placeOfEnded(index)].entry(now: now).encode(into: &writer)
    }
  }

  private func placeStaged(after id: UInt32) -> Int? {
    var next: Int?
    for place in 0..<Limits.openChanges where !table[place].isFree && table[place].id > id {
      if let known = next, table[known].id < table[place].id { continue }
      next = place
    }
    return next
  }
}

extension ConfirmedChange {
  /// What is left of a change that has gone from the list of the ended ones.
  fileprivate var entry: ChangeEntry {
    var entry = ChangeEntry()
    entry.id = id
    entry.state = Code(.confirmed)
    entry.bytes = text.size
    entry.digest = text.digest
    entry.version = text.version
    entry.ring = text.ring
    entry.stager = stager
    return entry
  }
}

extension ConfigurationChange {
  /// As clients and the image tell it.
  func entry(now: Instant) -> ChangeEntry {
    var entry = ChangeEntry()
    entry.id = id
    entry.state = Code(wireState)
    entry.reason = Code(reason)
    entry.remainingS = remainingS(now: now)
    entry.bytes = facts.text.size
    entry.digest = facts.text.digest
    entry.version = facts.text.version
    entry.ring = facts.text.ring
    entry.stager = facts.stager
    entry.decider = facts.decider
    (entry.stagedMs, entry.stagedUnixMs) = (facts.staged.at.ms, facts.staged.unixMs)
    (entry.decidedMs, entry.decidedUnixMs) = (facts.decided.at.ms, facts.decided.unixMs)
    (entry.endedMs, entry.endedUnixMs) = (facts.ended.at.ms, facts.ended.unixMs)
    entry.stagedBoot = facts.staged.boot
    entry.decidedBoot = facts.decided.boot
    entry.endedBoot = facts.ended.boot
    if case .ended(.refused(_, let error)) = state {
      entry.line = error.line
      entry.column = error.column
      entry.message = error.message
    }
    return entry
  }

  var wireState: ChangeState {
    switch state {
    // Free places are not told.
    case .free, .checking: .checking
    case .pending: .pending
    case .approved: .approved
    case .applying: .applying
    case .unconfirmed: .unconfirmed
    case .rollingBack: .rollingBack
    case .ended(.confirmed): .confirmed
    case .ended(.rejected): .rejected
    case .ended(.refused): .refused
    case .ended(.expired): .expired
    case .ended(.rolledBack): .rolledBack
    }
  }

  var reason: ChangeReason {
    switch state {
    case .rollingBack(let reason, _, _), .ended(.refused(let reason, _)),
      .ended(.rolledBack(let reason)):
      reason
    case .free, .checking, .pending, .approved, .applying, .unconfirmed, .ended: .none
    }
  }

  private func remainingS(now: Instant) -> UInt32 {
    switch state {
    case .checking, .pending, .approved: seconds(facts.expiresAt.since(now))
    case .unconfirmed: seconds(nextDeadline.since(now))
    case .free, .applying, .rollingBack, .ended: 0
    }
  }

  private func seconds(_ ms: UInt64) -> UInt32 {
    UInt32(clamping: ms / 1000 + (ms % 1000 > 0 ? 1 : 0))
  }
}

extension BootID {
  /// The first four bytes, the first one lowest.
  var number: UInt32 {
    UInt32(bytes[0]) | UInt32(bytes[1]) << 8 | UInt32(bytes[2]) << 16 | UInt32(bytes[3]) << 24
  }
}
