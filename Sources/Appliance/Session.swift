import Wire

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

  /// Where bytes of a slot lie: its own buffer, or a borrowed one of the pool.
  public struct Place: Equatable, Sendable {
    private let number: UInt8
    private init(number: UInt8) { self.number = number }

    public static let own = Place(number: .max)
    /// The buffer with this number, below 255.
    public static func borrowed(_ number: UInt8) -> Place { Place(number: number) }
    /// The borrowed buffer, nil for the slot's own.
    public var borrowed: UInt8? { self == .own ? nil : number }
  }

  // Widest first: 63 bytes in all, a cache line.

  /// The next event to be looked at for this subscriber.
  public internal(set) var cursor: UInt64 = 0
  /// When the present condition (idle, unfinished frame, unsent rest, lingering) began.
  var since = Instant(ms: 0)
  /// Counts the connections this slot has had; an event for another generation is stale.
  public internal(set) var generation: UInt32 = 0
  /// The system's name of the connection.
  public internal(set) var descriptor: Int32 = -1
  public internal(set) var address = IPv4.any
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
  public var heldPlace = Place.own
  public var restPlace = Place.own
  public internal(set) var phase = Phase.free
  /// The peer may do everything; otherwise ping and health only.
  public internal(set) var trusted = false
  /// It stands in the queue for a pool buffer and is not read from.
  public internal(set) var waiting = false
  /// What the system watches the connection for, in the loop's own numbers.
  public internal(set) var interest: UInt8 = 0
  /// The wheel bucket it lies in.
  var bucket = SessionTable.noBucket

  public var isSubscribed: Bool { !topics.isEmpty }
}

/// The bounds of the control port that are not configuration.
public enum SessionLimits {
  /// Slots beyond the ordinary ones, for telling BUSY.
  public static let refusals = 64
  /// How long a connection that was told its end may keep its side open.
  public static let lingerMs: UInt64 = 250
  /// What a refused client is told to wait.
  public static let retryAfterMs: UInt32 = 1000
  /// The most ordinary slots a configuration may ask for.
  public static let slots = 16_384
}

/// All connection slots: lifecycle, trust, deadlines and subscriptions. Does no input or output.
public struct SessionTable: ~Copyable {
  static let none = UInt16.max
  static let noBucket = UInt8.max

  /// Ordinary slots first, then the refusal slots.
  public let slots: Table<Session>
  public let ordinary: Int
  public private(set) var used = 0
  public private(set) var refusing = 0
  /// Connections that got an ordinary slot, and those that were told BUSY.
  public private(set) var acceptedTotal: UInt64 = 0
  public private(set) var refusedTotal: UInt64 = 0
  /// Connections ended because a deadline came.
  public internal(set) var timeoutTotal: UInt64 = 0

  private var freeOrdinary = SessionTable.none
  private var freeRefusal = SessionTable.none

  /// Dense list of subscribed slots; its memory holds one entry a slot.
  let subscriberList: Table<UInt16>
  public internal(set) var subscribers = 0

  var wheel: DeadlineWheel
  let limits: Configuration.Control

  /// Slots over memory for `ordinary + SessionLimits.refusals` sessions and subscribers.
  public init(
    _ memory: UnsafeMutableBufferPointer<Session>,
    subscribers list: UnsafeMutableBufferPointer<UInt16>, limits: Configuration.Control,
    now: Instant
  ) {
    precondition(MemoryLayout<Session>.stride <= 64, "a session outgrew its cache line")
    ordinary = memory.count - SessionLimits.refusals
    precondition(ordinary > 0 && memory.count < Int(SessionTable.none), "bad number of slots")
    precondition(list.count == memory.count, "one subscriber entry a slot")
    slots = Table(memory, repeating: Session())
    subscriberList = Table(list, repeating: SessionTable.none)
    wheel = DeadlineWheel(now: now)
    self.limits = limits
    for index in slots.indices.reversed() { release(index) }
  }

  /// What became of an accepted connection.
  public enum Admission: Equatable {
    case open(Int)
    case refuse(Int)
  }

  /// True when a connection could be taken now, to serve it or to tell it BUSY.
  public var canAdmit: Bool {
    freeOrdinary != SessionTable.none || freeRefusal != SessionTable.none
  }

  /// Gives an accepted connection a slot. Only called while `canAdmit`.
  public mutating func admit(descriptor: Int32, from address: IPv4, now: Instant) -> Admission {
    if freeOrdinary != SessionTable.none {
      let index = Int(freeOrdinary)
      freeOrdinary = slots[index].next
      used += 1
      acceptedTotal &+= 1
      occupy(index, .open, descriptor, address, now)
      return .open(index)
    }
    precondition(freeRefusal != SessionTable.none, "no slot to refuse with")
    let index = Int(freeRefusal)
    freeRefusal = slots[index].next
    refusing += 1
    refusedTotal &+= 1
    occupy(index, .lingering, descriptor, address, now)
    return .refuse(index)
  }

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
    if index < ordinary { used -= 1 } else { refusing -= 1 }
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

  public func setWaiting(_ index: Int, _ waiting: Bool) { slots[index].waiting = waiting }

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

  private mutating func occupy(
    _ index: Int, _ phase: Session.Phase, _ descriptor: Int32, _ address: IPv4, _ now: Instant
  ) {
    var session = Session()
    // 30 bits: that much fits beside slot and kind in a poller token.
    session.generation = (slots[index].generation &+ 1) & 0x3FFF_FFFF
    session.phase = phase
    session.trusted = limits.trusts(address)
    session.address = address
    session.descriptor = descriptor
    session.since = now
    slots[index] = session
    rearm(index)
  }

  private mutating func release(_ index: Int) {
    var session = Session()
    session.generation = slots[index].generation
    if index < ordinary {
      session.next = freeOrdinary
      freeOrdinary = UInt16(index)
    } else {
      session.next = freeRefusal
      freeRefusal = UInt16(index)
    }
    slots[index] = session
  }
}
