/// Connections of strangers that have shown the same, in the order in which they came to it. Those
/// that have shown more since, or are gone, are passed over when they come to the front.
public struct Strangers: ~Copyable {
  public struct Entry: Sendable {
    fileprivate var slot: UInt16 = 0
    fileprivate var generation: UInt32 = 0
  }

  private let ring: Table<Entry>
  private let proof: Session.Proof
  private var start = 0
  private var count = 0

  /// Twice the number of slots: tidying up is due once for that many strangers at most.
  public static func entries(_ slots: Int) -> Int { 2 * slots }

  init(_ memory: UnsafeMutableBufferPointer<Entry>, proof: Session.Proof) {
    ring = Table(memory, repeating: Entry())
    self.proof = proof
  }

  mutating func append(_ slot: Int, _ slots: Table<Session>) {
    if count == ring.count { tidy(slots) }
    ring[(start + count) % ring.count] = Entry(
      slot: UInt16(slot), generation: slots[slot].generation)
    count += 1
  }

  /// The slot of the first one that `isMeant`. Looks at all that came before it:
  /// only where somebody is to make room.
  mutating func oldest(_ slots: Table<Session>, where isMeant: (Session) -> Bool) -> Int? {
    while count > 0, !isHere(ring[start], slots) {
      start = (start + 1) % ring.count
      count -= 1
    }
    for place in 0..<count {
      let entry = ring[(start + place) % ring.count]
      if isHere(entry, slots), isMeant(slots[Int(entry.slot)]) { return Int(entry.slot) }
    }
    return nil
  }

  /// It still holds its slot and has not shown more.
  private func isHere(_ entry: Entry, _ slots: Table<Session>) -> Bool {
    let session = slots[Int(entry.slot)]
    return session.generation == entry.generation && session.phase == .open
      && session.proof == proof
  }

  /// Forgets all that are not here any more. At most one a slot is, so half of the ring is free
  /// afterwards.
  private mutating func tidy(_ slots: Table<Session>) {
    var kept = 0
    for place in 0..<count {
      let entry = ring[(start + place) % ring.count]
      guard isHere(entry, slots) else { continue }
      ring[(start + kept) % ring.count] = entry
      kept += 1
    }
    count = kept
  }
}

/// Slots of connections on trial, in the order in which they came.
struct Trials {
  private var slots = InlineArray<16, UInt16>(repeating: 0)
  private(set) var count = 0

  var isFull: Bool { count == SessionLimits.trials }

  /// The slot of the first one that `isMeant`.
  func oldest(_ sessions: Table<Session>, where isMeant: (Session) -> Bool) -> Int? {
    for place in 0..<count where isMeant(sessions[Int(slots[place])]) { return Int(slots[place]) }
    return nil
  }

  func count(_ sessions: Table<Session>, where isMeant: (Session) -> Bool) -> Int {
    var found = 0
    for place in 0..<count where isMeant(sessions[Int(slots[place])]) { found += 1 }
    return found
  }

  mutating func append(_ slot: Int) {
    precondition(!isFull, "more trials than places")
    slots[count] = UInt16(slot)
    count += 1
  }

  mutating func remove(_ slot: Int) {
    var kept = 0
    for place in 0..<count where slots[place] != UInt16(slot) {
      slots[kept] = slots[place]
      kept += 1
    }
    precondition(kept == count - 1, "a trial that is none")
    count = kept
  }
}
