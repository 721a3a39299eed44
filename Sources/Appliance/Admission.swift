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
/// have shown a key: they share `publicSlots`, each address at most `publicSlotsPerAddress`, and of
/// the last `reservedSlots` they get a few, in which to show it.
///
/// Where a stranger finds none, another one makes room: the one that has waited longest without
/// having sent a whole request; and while such ones have less than a quarter of the public slots,
/// or of what an address gets, the oldest of those who ask without a key. So whoever has a key gets
/// in, however many strangers ping, also from its own address; and whoever pings stays, however
/// many only connect. Who has made a handshake has a second to show the key, whoever comes.
///
/// Who would have to be told BUSY all the same may show a key first, as long as there is a place on
/// trial. Who does gets in; where this is one more than there are slots, one without a key makes
/// room. Where all have keys, the place is for those who may do more than look.
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
  ///
  /// - Parameter inPlace: another one has just been closed to make room for it.
  public mutating func admit(
    descriptor: Int32, from address: IPv4, inPlace: Bool = false, now: Instant
  ) -> Admission {
    let standing = limits.standing(of: address)
    let trusted = standing != .stranger
    let peer = peers.enter(address, rate: limits.rate(trusted: trusted), now: now)
    let reason = refusal(standing, strangers: peers.strangers(peer), inPlace)
    let tries = reason != nil && hasTrial(for: peer, standing)
    let refusal = tries ? nil : reason
    if refusal != nil { peers.leave(peer) }
    if let refusal, !hasRefusal { return .drop(refusal) }
    let index = takeSlot(refusal: refusal != nil)
    var session = Session()
    // 30 bits: that much fits beside slot and kind in a poller token.
    session.generation = (slots[index].generation &+ 1) & 0x3FFF_FFFF
    session.phase = refusal == nil ? .open : .lingering
    session.standing = standing
    session.proof = tries ? .trial : trusted ? .belonging : .nothing
    session.sealing.set(.publicFull, reason == .publicFull)
    session.sealing.set(.addressFull, reason == .addressFull)
    session.peer = refusal == nil ? UInt16(peer) : PeerTable.none
    session.descriptor = descriptor
    session.since = now
    slots[index] = session
    rearm(index)
    if let refusal { return .refuse(index, refusal) }
    if tries {
      trials.append(index)
    } else if !trusted {
      count(index, strangers: 1, silent: 1)
      newcomers.append(index, slots)
    }
    return .open(index)
  }

  /// Why a connection gets no slot; nil: it gets one.
  private func refusal(_ standing: Standing, strangers: Int, _ inPlace: Bool) -> Refusal? {
    guard standing == .stranger else { return hasOrdinary ? nil : .full }
    if strangers >= limits.publicSlotsPerAddress { return .addressFull }
    if usedByPublic >= limits.publicSlots { return .publicFull }
    return (inPlace ? hasOrdinary : hasStrangersSlot) ? nil : .full
  }

  /// One may come in that has to show a key yet: a few always may, to be able to.
  private var hasStrangersSlot: Bool {
    // A small table keeps half of its slots for everybody.
    let reserve = min(limits.reservedSlots, ordinary / 2)
    return hasOrdinary && (placed < ordinary - reserve || usedByPublic < max(reserve / 4, 1))
  }

  /// The stranger that makes room for one at `address`; nil: none is needed, or none does. The
  /// caller closes it, and admits the newcomer in its place then.
  public mutating func displaced(by address: IPv4, now: Instant) -> Int? {
    guard limits.standing(of: address) == .stranger, usedByPublic > 0 else { return nil }
    if let peer = peers.find(address), peers.strangers(peer) >= limits.publicSlotsPerAddress {
      let (silent, most) = (peers.silent(peer), limits.publicSlotsPerAddress)
      return oldest(silent: silent, of: most, now) { $0.peer == UInt16(peer) }
    }
    guard usedByPublic >= limits.publicSlots || !hasStrangersSlot else { return nil }
    return oldest(silent: silent, of: limits.publicSlots, now) { _ in true }
  }

  /// Of those that `isMeant` the one that makes room. `silent` of them have shown nothing, and
  /// `most` there may be.
  private mutating func oldest(
    silent: Int, of most: Int, _ now: Instant, _ isMeant: (Session) -> Bool
  ) -> Int? {
    if let oldest = newcomers.oldest(slots, where: isMeant),
      // Its request may lie unread in the socket: many come with one turn.
      now.since(slots[oldest].since) >= SessionLimits.graceMs
    {
      return oldest
    }
    guard silent < most / 4 else { return nil }
    return guests.oldest(slots) { isMeant($0) && !$0.isProving(now) }
  }

  /// Counts strangers, and silent ones of them: each by 1, 0 or -1.
  mutating func count(_ index: Int, strangers change: Int, silent quiet: Int) {
    silent += quiet
    usedByPublic += change
    peers.count(Int(slots[index].peer), strangers: change, silent: quiet)
  }

  /// A connection has sent a whole request. False: it is on trial, and this is no handshake.
  @inline(__always)
  public mutating func prove(_ index: Int, by kind: UInt16, now: Instant) -> Bool {
    slots[index].isUnknown ? greet(index, by: kind, now: now) : true
  }

  @inline(never)
  private mutating func greet(_ index: Int, by kind: UInt16, now: Instant) -> Bool {
    if slots[index].proof == .trial { return kind == Kind.handshake.rawValue }
    slots[index].proof = .request
    slots[index].since = now
    // A refusal's slot is no stranger's.
    guard index < served else { return true }
    count(index, strangers: 0, silent: -1)
    guests.append(index, slots)
    return true
  }

  /// The peer of an open connection has shown that it has a key.
  public mutating func belongs(_ index: Int) {
    slots[index].sealing.remove(.unproven)
    let hadNoSlot = slots[index].proof == .trial
    uncount(index)
    slots[index].proof = .belonging
    slots[index].sealing.set(.beyond, hadNoSlot && placed > ordinary)
  }

  /// One that has shown a key where no slot was left, once; nil: there is none any more.
  public mutating func takeBeyond() -> Int? {
    for index in 0..<served where slots[index].sealing.contains(.beyond) {
      slots[index].sealing.remove(.beyond)
      if slots[index].phase == .open { return index }
    }
    return nil
  }

  /// A connection does not count any more among those that have shown as little as it.
  mutating func uncount(_ index: Int) {
    switch slots[index].proof {
    case .belonging: break
    case .trial: trials.remove(index)
    case .nothing: count(index, strangers: -1, silent: -1)
    case .request: count(index, strangers: -1, silent: 0)
    }
  }

  // MARK: Trials

  /// One from this address may go on trial: strangers behind one address leave places to others.
  private func hasTrial(for peer: Int, _ standing: Standing) -> Bool {
    guard hasTrial, standing == .stranger else { return hasTrial }
    return trials.count(slots) { $0.peer == UInt16(peer) } < SessionLimits.trialsPerAddress
  }

  /// The one on trial that has taken longest, where its place is wanted for one at `address`. It
  /// may have been told its end already; who has made a handshake has its time to show a key. The
  /// caller closes it.
  public func overdue(for address: IPv4, now: Instant) -> Int? {
    guard trials.count > 0 else { return nil }
    let standing = limits.standing(of: address)
    var share: Int?
    var strangers = 0
    if let peer = peers.find(address) {
      strangers = peers.strangers(peer)
      // Where its address has its share, one of them makes room.
      if !trials.isFull && !hasTrial(for: peer, standing) { share = peer }
    }
    guard trials.isFull || share != nil,
      refusal(standing, strangers: strangers, false) != nil
    else { return nil }
    return trials.oldest(slots) {
      now.since($0.since) >= SessionLimits.graceMs && !$0.isProving(now)
        && (share == nil || Int($0.peer) == share)
    }
  }

  /// The connection without a key that makes room where keys have taken more slots than there are:
  /// the one at rest for longest, of another machine if there is one. nil: all have keys.
  public func keyless() -> Int? {
    var found: Int?
    for index in 0..<served where slots[index].phase == .open && !slots[index].isSealed {
      guard slots[index].proof != .trial else { continue }
      guard let known = found else {
        found = index
        continue
      }
      let (one, other) = (slots[index], slots[known])
      if one.standing != .local && other.standing == .local { found = index }
      if (one.standing == .local) == (other.standing == .local), one.since < other.since {
        found = index
      }
    }
    return found
  }

  /// Why a connection is on trial.
  public func reason(ofTrial index: Int) -> Refusal {
    if slots[index].sealing.contains(.addressFull) { return .addressFull }
    return slots[index].sealing.contains(.publicFull) ? .publicFull : .full
  }

  /// Counts a request against its address's rate; false: it has made too many.
  @inline(__always)
  public func spend(_ index: Int, now: Instant) -> Bool {
    peers.spend(
      Int(slots[index].peer), rate: limits.rate(trusted: slots[index].trusted), now: now)
  }
}
