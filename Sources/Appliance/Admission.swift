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
  /// `Strangers.entries` of the number of slots, each.
  public let newcomers: UnsafeMutableBufferPointer<Strangers.Entry>
  public let guests: UnsafeMutableBufferPointer<Strangers.Entry>

  public init(
    slots: UnsafeMutableBufferPointer<Session>,
    subscribers: UnsafeMutableBufferPointer<UInt16>,
    peers: UnsafeMutableBufferPointer<PeerTable.Peer>,
    peerHeads: UnsafeMutableBufferPointer<UInt16>,
    newcomers: UnsafeMutableBufferPointer<Strangers.Entry>,
    guests: UnsafeMutableBufferPointer<Strangers.Entry>
  ) {
    self.slots = slots
    self.subscribers = subscribers
    self.peers = peers
    self.peerHeads = peerHeads
    self.newcomers = newcomers
    self.guests = guests
  }
}

/// The one place that decides who gets a connection slot, and how fast a client may ask.
///
/// Who comes from an address that is known may take every slot. All others are strangers until they
/// have shown a key: they share `publicSlots`, each address at most `publicSlotsPerAddress`, and
/// the last `reservedSlots` are never theirs.
///
/// Where a stranger finds none, another one makes room: the one that has waited longest without
/// having sent a whole request; and while such ones have less than a quarter of the public slots,
/// the oldest of those who ask without a key. So whoever has a key gets in, however many strangers
/// ping; and whoever pings stays, however many only connect.
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
    session.proof = trusted ? .belonging : .nothing
    session.peer = refusal == nil ? UInt16(peer) : PeerTable.none
    session.descriptor = descriptor
    session.since = now
    slots[index] = session
    rearm(index)
    if let refusal { return .refuse(index, refusal) }
    if !trusted {
      usedByPublic += 1
      silent += 1
      newcomers.append(index, slots)
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

  /// The stranger that makes room for one at `address`; nil: none is needed, or none does. The
  /// caller closes it, and admits the newcomer then.
  public mutating func displaced(by address: IPv4, now: Instant) -> Int? {
    guard limits.standing(of: address) == .stranger, usedByPublic > 0 else { return nil }
    if let peer = peers.find(address), peers.connections(peer) >= limits.publicSlotsPerAddress {
      return nil
    }
    let reserved = min(limits.reservedSlots, ordinary / 2)
    guard usedByPublic >= limits.publicSlots || used >= ordinary - reserved else { return nil }
    if let oldest = newcomers.oldest(slots),
      // Its request may lie unread in the socket: many come with one turn.
      now.since(slots[oldest].since) >= SessionLimits.graceMs
    {
      return oldest
    }
    return silent < limits.publicSlots / 4 ? guests.oldest(slots) : nil
  }

  /// A connection has sent a whole request.
  @inline(__always)
  public mutating func prove(_ index: Int, now: Instant) {
    if slots[index].proof == .nothing { greet(index, now: now) }
  }

  private mutating func greet(_ index: Int, now: Instant) {
    slots[index].proof = .request
    slots[index].since = now
    // A refusal's slot is no stranger's.
    guard index < ordinary else { return }
    silent -= 1
    guests.append(index, slots)
  }

  /// The peer of an open connection has shown that it has a key.
  public mutating func belongs(_ index: Int) {
    slots[index].sealing.remove(.unproven)
    guard slots[index].proof != .belonging else { return }
    if slots[index].proof == .nothing { silent -= 1 }
    slots[index].proof = .belonging
    usedByPublic -= 1
  }

  /// Counts a request against its address's rate; false: it has made too many.
  @inline(__always)
  public func spend(_ index: Int, now: Instant) -> Bool {
    peers.spend(
      Int(slots[index].peer), rate: limits.rate(trusted: slots[index].trusted), now: now)
  }
}
