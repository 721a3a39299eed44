import Wire

/// What a connection's address is worth.
enum Standing: UInt8, Sendable {
  case stranger
  /// One of `control.trusted`: it gets the reserved slots.
  case known
  /// This machine, with `control.plain`: it may do what does not have to do with keys.
  case local
}

/// One connection slot, apart from its buffers.
///
/// ```
/// free ── accepted ──▶ open ── an end is due, all sent ───────────────▶ lingering ──▶ free
///   │                    └─── an end is due ──▶ ending ── rest sent ──▶    ▲
///   └── accepted into a refusal slot: BUSY is sent at once ────────────────┘
///
/// lingering ── end of input, or its time is over ──▶ free
/// any       ── the peer is gone, or does not take what is sent ──▶ free
/// ```
///
/// `lingering` is what makes the last words arrive: our direction is shut down, and input is thrown
/// away until the peer ends its own. A plain close after a peer has written turns into a reset,
/// which discards what the peer has not read yet (RFC 9293 3.10.7.1; 2000 of 2000 tries).
public struct Session: Sendable {
  public enum Phase: UInt8, Sendable { case free, open, ending, lingering }

  /// What a peer has shown of itself.
  public enum Proof: UInt8, Sendable {
    /// Nothing, and there is no slot for it: what it shows first must be a key.
    case trial
    case nothing
    /// A whole request: somebody who knows the protocol.
    case request
    /// A key, or an address that is known: it is no stranger.
    case belonging
  }

  /// Where bytes of a slot lie: its own buffer, a borrowed one of the pool, the ring of messages.
  public struct Place: Equatable, Sendable {
    private let number: UInt8
    private init(number: UInt8) { self.number = number }

    public static let own = Place(number: .max)
    /// The ring of messages, where a subscriber's begun frame waits to be finished.
    public static let shared = Place(number: .max - 1)
    /// The buffer with this number, below 254.
    public static func borrowed(_ number: UInt8) -> Place { Place(number: number) }
    /// The borrowed buffer, nil for the slot's own.
    public var borrowed: UInt8? { number < Place.shared.number ? number : nil }
  }

  /// How far a sealed connection is.
  struct Sealing: Flags {
    var rawValue: UInt8
    static let unproven = bit(0)
    static let opened = bit(1)
    /// Why it is on trial, if not because all slots are taken.
    static let publicFull = bit(2)
    static let addressFull = bit(3)
    /// It has shown a key where no slot was left, and nobody has made room yet.
    static let beyond = bit(4)
  }

  // Widest first: 64 bytes in all, a cache line.

  /// The next event to be looked at for this subscriber.
  public internal(set) var cursor: UInt64 = 0
  /// When the present condition (idle, unfinished frame, unsent rest, lingering) began.
  public internal(set) var since = Instant(ms: 0)
  /// Counts the connections this slot has had; an event for another generation is stale.
  public internal(set) var generation: UInt32 = 0
  /// The system's name of the connection.
  public internal(set) var descriptor: Int32 = -1
  public internal(set) var topics = Topics.none
  public internal(set) var delivered: UInt32 = 0
  public internal(set) var missed: UInt32 = 0
  /// Missed since the last event that was delivered.
  public internal(set) var untold: UInt32 = 0
  /// Bytes of input kept: an incomplete frame, or whole ones that wait for a buffer.
  public internal(set) var held: UInt16 = 0
  /// The unsent rest of our answers.
  public internal(set) var restStart: UInt16 = 0
  public internal(set) var rest: UInt16 = 0
  // Neighbours in a wheel bucket or in the free list; see SessionDeadlines.
  var next = SessionTable.none
  var previous = SessionTable.none
  /// Place in the list of subscribers.
  var position = SessionTable.none
  /// Where the peer's address stands in the table of peers, while it counts there.
  var peer = PeerTable.none
  public var heldPlace = Place.own
  public var restPlace = Place.own
  public internal(set) var phase = Phase.free
  /// What its address is worth.
  var standing = Standing.stranger
  /// Its address is known: slots are reserved for it.
  public var trusted: Bool { standing != .stranger }
  /// What the peer has shown.
  public internal(set) var proof = Proof.nothing
  /// It has not sent a whole request.
  @inline(__always)
  public var isUnknown: Bool { proof == .nothing || proof == .trial }
  /// What the peer may do in plain frames.
  public var role: Role { standing == .local ? .admin : .anybody }
  /// It stands in the queue for a pool buffer and is not read from.
  public internal(set) var waiting = false
  /// What the system watches the connection for, in the loop's own numbers.
  public internal(set) var interest: UInt8 = 0
  /// Its frames are sealed.
  public internal(set) var isSealed = false
  var sealing = Sealing.none
  /// The first frame of what is held has been opened.
  public var isOpened: Bool { sealing.contains(.opened) }
  /// It is sealed, and nothing that has come since has shown whose it is.
  public var isUnproven: Bool { sealing.contains(.unproven) }
  /// Its handshake has just succeeded: the frame that shows the key may be on its way.
  func isProving(_ now: Instant) -> Bool {
    isUnproven && now.since(since) < SessionLimits.provingMs
  }
  /// It may show a key, and has not begun to.
  public var isOnTrial: Bool { proof == .trial && !isSealed }
  /// The wheel bucket it lies in.
  var bucket = SessionTable.noBucket

  public var isSubscribed: Bool { !topics.isEmpty }
}

/// The bounds of the control port that are not configuration.
public enum SessionLimits {
  /// Slots beyond the ordinary ones: for telling BUSY, and for showing a key where nothing else is
  /// left.
  public static let refusals = 64
  public static let trials = 16
  /// Of them, those that strangers at one address get.
  public static let trialsPerAddress = 8
  public static let beyond = refusals + trials
  /// How long somebody on trial may take to begin.
  public static let trialMs: UInt64 = 500
  /// How long a connection that was told its end may keep its side open.
  public static let lingerMs: UInt64 = 250
  /// What a refused client is told to wait.
  public static let retryAfterMs: UInt32 = 1000
  /// How long a stranger without a request keeps its place at least.
  public static let graceMs: UInt64 = 100
  /// How long a stranger whose handshake has succeeded makes no room for others.
  public static let provingMs: UInt64 = 1000
  /// What a client that asks too fast is told to wait.
  public static let rateRetryMs: UInt32 = 100
  /// The most ordinary slots a configuration may ask for.
  public static let slots = 16_384
}

/// All connection slots: lifecycle, trust, deadlines and subscriptions. Does no input or output.
public struct SessionTable: ~Copyable {
  static let none = UInt16.max
  static let noBucket = UInt8.max

  /// Slots that are served first, then the refusal slots.
  public let slots: Table<Session>
  /// Connections that get a slot without a key, at most.
  public let ordinary: Int
  /// Slots that are served: some more, for trials.
  public var served: Int { slots.count - SessionLimits.refusals }
  public private(set) var used = 0
  public private(set) var refusing = 0
  /// Connections that got an ordinary slot, and those that were told BUSY.
  public private(set) var acceptedTotal: UInt64 = 0
  public private(set) var refusedTotal: UInt64 = 0
  /// Connections ended because a deadline came.
  public internal(set) var timeoutTotal: UInt64 = 0

  private var freeOrdinary = SessionTable.none
  private var freeRefusal = SessionTable.none
  /// Of `used`, those of strangers.
  public internal(set) var usedByPublic = 0
  /// Of them, those that have shown nothing yet.
  var silent = 0
  /// Those that are on trial, in the order in which they came.
  var trials = Trials()
  var peers: PeerTable
  /// Strangers that have shown nothing yet.
  var newcomers: Strangers
  /// Strangers that have asked for something.
  var guests: Strangers

  /// Dense list of subscribed slots; its memory holds one entry a slot.
  let subscriberList: Table<UInt16>
  public internal(set) var subscribers = 0

  var wheel: DeadlineWheel
  let limits: Configuration.Control

  /// Slots over memory for `ordinary + SessionLimits.beyond` sessions and subscribers.
  public init(
    _ memory: SessionMemory, limits: Configuration.Control, seed: UInt32, now: Instant
  ) {
    precondition(MemoryLayout<Session>.stride <= 64, "a session outgrew its cache line")
    let count = memory.slots.count
    ordinary = count - SessionLimits.beyond
    precondition(ordinary > 0 && count < Int(SessionTable.none), "bad number of slots")
    precondition(memory.subscribers.count == count, "one subscriber entry a slot")
    precondition(memory.peers.count >= PeerTable.entries(count), "too few entries for peers")
    precondition(memory.newcomers.count >= Strangers.entries(count), "too few for newcomers")
    precondition(memory.guests.count >= Strangers.entries(count), "too few for guests")
    slots = Table(memory.slots, repeating: Session())
    subscriberList = Table(memory.subscribers, repeating: SessionTable.none)
    peers = PeerTable(memory.peers, heads: memory.peerHeads, seed: seed)
    newcomers = Strangers(memory.newcomers, proof: .nothing)
    guests = Strangers(memory.guests, proof: .request)
    wheel = DeadlineWheel(now: now)
    self.limits = limits
    for index in slots.indices.reversed() { release(index) }
  }

  /// True when a connection could be taken now, to serve it or to tell it BUSY.
  public var canAdmit: Bool { hasOrdinary || hasTrial || hasRefusal }

  /// Connections with a slot of their own: those on trial have none yet.
  public var placed: Int { used - trials.count }
  var hasOrdinary: Bool { placed < ordinary && freeOrdinary != SessionTable.none }
  var hasTrial: Bool { !trials.isFull && freeOrdinary != SessionTable.none }
  var hasRefusal: Bool { freeRefusal != SessionTable.none }

  /// The slot of an event, or nil when the connection it speaks of is gone.
  public func find(_ index: Int, generation: UInt32) -> Int? {
    guard index < slots.count, slots[index].generation == generation,
      slots[index].phase != .free
    else { return nil }
    return index
  }

  /// Frees a slot. Its buffers must have been given back.
  public mutating func free(_ index: Int) {
    precondition(slots[index].phase != .free, "slot freed twice")
    precondition(
      slots[index].heldPlace == .own && slots[index].restPlace == .own, "a buffer would leak")
    setTopics(index, .none, cursor: 0, now: slots[index].since)
    unlink(index)
    if index < served {
      used -= 1
      uncount(index)
    } else {
      refusing -= 1
    }
    if slots[index].peer != PeerTable.none { peers.leave(Int(slots[index].peer)) }
    release(index)
  }

  // MARK: Conditions

  /// `count` bytes of input are kept from now on, after `consumed` bytes of whole frames. An
  /// unfinished frame keeps the deadline that its first byte set: a byte now and then does not
  /// prolong it.
  @inline(__always)
  public mutating func hold(_ index: Int, _ count: Int, consumed: Int, now: Instant) {
    let before = slots[index].held
    slots[index].held = UInt16(count)
    if before > 0 && count > 0 && consumed == 0 { return }
    // Until its first request, a stranger's time runs from the start.
    if slots[index].isUnknown { return }
    slots[index].since = now
    if count > 0 { rearm(index) }
  }

  /// Answers of `count` bytes from `start` on are unsent.
  public mutating func keepRest(_ index: Int, start: Int, count: Int, now: Instant) {
    let before = slots[index].rest
    slots[index].restStart = UInt16(start)
    slots[index].rest = UInt16(count)
    guard (before == 0) != (count == 0) else { return }
    slots[index].since = now
    rearm(index)
  }

  public func setRestPlace(_ index: Int, _ place: Session.Place) {
    slots[index].restPlace = place
  }

  /// The unsent rest lies at the front of another place from now on.
  public func moveRest(_ index: Int, to place: Session.Place) {
    slots[index].restPlace = place
    slots[index].restStart = 0
  }

  public func setWaiting(_ index: Int, _ waiting: Bool) { slots[index].waiting = waiting }

  /// A handshake has succeeded: a sealed frame is to follow soon.
  public mutating func setSealed(_ index: Int, now: Instant) {
    slots[index].isSealed = true
    slots[index].sealing = .unproven
    slots[index].since = now
    rearm(index)
  }

  public func setOpened(_ index: Int, _ opened: Bool) {
    slots[index].sealing.set(.opened, opened)
  }

  /// Where the peer of an open connection is.
  public func address(_ index: Int) -> IPv4 {
    slots[index].peer == PeerTable.none ? .any : peers.address(Int(slots[index].peer))
  }

  public func setInterest(_ index: Int, _ interest: UInt8) { slots[index].interest = interest }

  /// The connection ends after what is unsent. Returns true when nothing is: the caller shuts down
  /// writing now.
  public mutating func end(_ index: Int, now: Instant) -> Bool {
    let phase: Session.Phase = slots[index].rest > 0 ? .ending : .lingering
    slots[index].phase = phase
    slots[index].since = now
    setTopics(index, .none, cursor: 0, now: now)
    rearm(index)
    return phase == .lingering
  }

  // MARK: Subscriptions

  /// Replaces the topics of a subscriber; a new one starts at `cursor`.
  public mutating func setTopics(_ index: Int, _ topics: Topics, cursor: UInt64, now: Instant) {
    let before = slots[index].topics
    slots[index].topics = topics
    switch (before.isEmpty, topics.isEmpty) {
    case (true, false):
      slots[index].cursor = cursor
      slots[index].position = UInt16(subscribers)
      subscriberList[subscribers] = UInt16(index)
      subscribers += 1
    case (false, true):
      let position = Int(slots[index].position)
      subscribers -= 1
      let last = subscriberList[subscribers]
      subscriberList[position] = last
      slots[Int(last)].position = UInt16(position)
      slots[index].position = SessionTable.none
      slots[index].since = now
      if slots[index].phase == .open { rearm(index) }
    case (true, true), (false, false): break
    }
  }

  /// The subscriber at `position` of the list, 0 … `subscribers` - 1.
  public func subscriber(at position: Int) -> Int { Int(subscriberList[position]) }

  /// An event was handed over up to `cursor`, telling what was missed before it.
  public func delivered(_ index: Int, count: Int, cursor: UInt64) {
    slots[index].delivered &+= UInt32(count)
    slots[index].cursor = cursor
    if count > 0 { slots[index].untold = 0 }
  }

  /// `count` events were overwritten before this subscriber could take them.
  public func lost(_ index: Int, count: UInt64, cursor: UInt64) {
    let many = UInt32(clamping: count)
    slots[index].missed = UInt32(clamping: UInt64(slots[index].missed) + UInt64(many))
    slots[index].untold = UInt32(clamping: UInt64(slots[index].untold) + UInt64(many))
    slots[index].cursor = cursor
  }

  // MARK: Slots

  /// Takes a free slot: an ordinary one, or one for a refusal.
  mutating func takeSlot(refusal: Bool) -> Int {
    let index = Int(refusal ? freeRefusal : freeOrdinary)
    precondition(index != Int(SessionTable.none), "no free slot was left")
    if refusal {
      freeRefusal = slots[index].next
      refusing += 1
      refusedTotal &+= 1
    } else {
      freeOrdinary = slots[index].next
      used += 1
      acceptedTotal &+= 1
    }
    return index
  }

  private mutating func release(_ index: Int) {
    var session = Session()
    session.generation = slots[index].generation
    if index < served {
      session.next = freeOrdinary
      freeOrdinary = UInt16(index)
    } else {
      session.next = freeRefusal
      freeRefusal = UInt16(index)
    }
    slots[index] = session
  }
}
