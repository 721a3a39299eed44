import Wire

/// Memory of a table of sessions; see `SessionTable`.
public struct SessionMemory {
  /// One for each ordinary slot and each slot for a refusal.
  public let slots: UnsafeMutableBufferPointer<Session>
  /// As many as slots.
  public let subscribers: UnsafeMutableBufferPointer<UInt16>
  /// `PeerTable.entries` and `PeerTable.hashes` of the number of slots.
  public let peers: UnsafeMutableBufferPointer<PeerTable.Peer>
  public let peerHeads: UnsafeMutableBufferPointer<UInt16>
  /// `Newcomers.entries` of the number of slots.
  public let newcomers: UnsafeMutableBufferPointer<Newcomers.Entry>

  public init(
    slots: UnsafeMutableBufferPointer<Session>,
    subscribers: UnsafeMutableBufferPointer<UInt16>,
    peers: UnsafeMutableBufferPointer<PeerTable.Peer>,
    peerHeads: UnsafeMutableBufferPointer<UInt16>,
    newcomers: UnsafeMutableBufferPointer<Newcomers.Entry>
  ) {
    self.slots = slots
    self.subscribers = subscribers
    self.peers = peers
    self.peerHeads = peerHeads
    self.newcomers = newcomers
  }
}

/// The one place that decides who gets a connection slot, and how fast a client may ask.
///
/// Until keys exist, addresses decide: those that the configuration trusts are operators and may
/// take every slot; all others share `publicSlots` of them, each address at most
/// `publicSlotsPerAddress`, and the last `reservedSlots` are never theirs. Where a stranger finds
/// none, the one that has waited longest without having sent a whole request makes room.
extension SessionTable {
  /// Why a connection gets no slot.
  public enum Refusal: Equatable, Sendable {
    /// No slot is free for it.
    case full
    /// Strangers have as many as they get.
    case publicFull
    /// Its address has as many as one stranger gets.
    case addressFull
  }

  /// What became of an accepted connection.
  public enum Admission: Equatable, Sendable {
    case open(Int)
    /// It has a slot in which to be told BUSY.
    case refuse(Int, Refusal)
    /// There is not even such a slot: it can only be closed.
    case drop(Refusal)
  }

  /// Gives an accepted connection a slot. Only called while `canAdmit`.
  public mutating func admit(descriptor: Int32, from address: IPv4, now: Instant) -> Admission {
    let standing = limits.standing(of: address)
    let trusted = standing != .stranger
    let peer = peers.enter(address, rate: limits.rate(trusted: trusted), now: now)
    let refusal = trusted ? (hasOrdinary ? nil : .full) : refusal(ofStranger: peer)
    if refusal != nil { peers.leave(peer) }
    if let refusal, !hasRefusal { return .drop(refusal) }
    let index = takeSlot(refusal: refusal != nil)
    var session = Session()
    // 30 bits: that much fits beside slot and kind in a poller token.
    session.generation = (slots[index].generation &+ 1) & 0x3FFF_FFFF
    session.phase = refusal == nil ? .open : .lingering
    session.standing = standing
    session.proven = trusted
    session.peer = refusal == nil ? UInt16(peer) : PeerTable.none
    session.descriptor = descriptor
    session.since = now
    slots[index] = session
    rearm(index)
    if let refusal { return .refuse(index, refusal) }
    if !trusted {
      usedByPublic += 1
      newcomers.append(Newcomers.Entry(slot: UInt16(index), generation: session.generation), slots)
    }
    return .open(index)
  }

  /// Why a stranger, who is counted already, gets no slot; nil: it gets one.
  private func refusal(ofStranger peer: Int) -> Refusal? {
    if peers.connections(peer) > limits.publicSlotsPerAddress { return .addressFull }
    if usedByPublic >= limits.publicSlots { return .publicFull }
    // A small table keeps half of its slots for everybody.
    let reserved = min(limits.reservedSlots, ordinary / 2)
    return used >= ordinary - reserved ? .full : nil
  }

  /// The stranger that has waited longest without a whole request, if `address` may have its place:
  /// the caller closes it, and admits the newcomer then.
  public mutating func displaced(by address: IPv4, now: Instant) -> Int? {
    guard !limits.trusts(address), usedByPublic > 0 else { return nil }
    if let peer = peers.find(address), peers.connections(peer) >= limits.publicSlotsPerAddress {
      return nil
    }
    let reserved = min(limits.reservedSlots, ordinary / 2)
    guard usedByPublic >= limits.publicSlots || used >= ordinary - reserved else { return nil }
    guard let oldest = newcomers.oldest(slots) else { return nil }
    // Its request may lie unread in the socket: many come with one turn.
    return now.since(slots[oldest].since) >= SessionLimits.graceMs ? oldest : nil
  }

  /// A connection has sent a whole request.
  @inline(__always)
  public func prove(_ index: Int, now: Instant) {
    guard !slots[index].proven else { return }
    slots[index].proven = true
    slots[index].since = now
  }

  /// Counts a request against its address's rate; false: it has made too many.
  @inline(__always)
  public func spend(_ index: Int, now: Instant) -> Bool {
    peers.spend(
      Int(slots[index].peer), rate: limits.rate(trusted: slots[index].trusted), now: now)
  }
}

/// Strangers' connections in the order in which they came, until they have proven something or are
/// gone: those are passed over when they come to the front.
public struct Newcomers: ~Copyable {
  public struct Entry: Sendable {
    var slot: UInt16 = 0
    var generation: UInt32 = 0

    /// It still holds its slot and has not sent a whole request.
    fileprivate func waits(_ slots: Table<Session>) -> Bool {
      let session = slots[Int(slot)]
      return session.generation == generation && session.phase == .open && !session.proven
    }
  }

  private let ring: Table<Entry>
  private var start = 0
  private var count = 0

  /// Twice the number of slots: tidying up is due once for that many newcomers at most.
  public static func entries(_ slots: Int) -> Int { 2 * slots }

  init(_ memory: UnsafeMutableBufferPointer<Entry>) { ring = Table(memory, repeating: Entry()) }

  mutating func append(_ entry: Entry, _ slots: Table<Session>) {
    if count == ring.count { tidy(slots) }
    ring[(start + count) % ring.count] = entry
    count += 1
  }

  /// The one that waits longest.
  mutating func oldest(_ slots: Table<Session>) -> Int? {
    while count > 0 {
      let entry = ring[start]
      if entry.waits(slots) { return Int(entry.slot) }
      start = (start + 1) % ring.count
      count -= 1
    }
    return nil
  }

  /// Forgets all that do not wait any more. At most one a slot does, so half of the ring is free
  /// afterwards.
  private mutating func tidy(_ slots: Table<Session>) {
    var kept = 0
    for place in 0..<count {
      let entry = ring[(start + place) % ring.count]
      guard entry.waits(slots) else { continue }
      ring[(start + kept) % ring.count] = entry
      kept += 1
    }
    count = kept
  }
}
