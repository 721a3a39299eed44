import Wire

// The clients that may come in, each by its key.
//
//   free ── add ──▶ key ── rotate ──▶ key and former key ── new one used, or 10 minutes ──▶ key
//    ▲               │                       │
//    └──── remove ───┴───────────────────────┘
//
// Invariants: no name and no public key is there twice, former ones included; where there are keys,
// one is an admin's.

/// The table of clients' keys, at most `capacity`.
///
/// A session keeps a `KeyHandle`. It asks `role` with it at each request: nil says that its key is
/// gone, and the session ends.
public struct ClientKeys: ~Copyable {
  public static let capacity = 64
  /// Milliseconds for which a former key is taken beside an unused new one.
  public static let formerMs: UInt64 = 600_000
  /// Milliseconds between two keys that a client gives itself: each is written to the card.
  public static let rotationMs: UInt64 = 60_000

  let table: Table<ClientKey>
  /// What holds for a key without limits of its own.
  private let defaults: KeyLimits
  private var lastGeneration: UInt32 = 0
  /// Clients, 0 … `capacity`.
  public private(set) var count = 0
  /// True once the keys have been read, or it is known that there are none.
  public private(set) var isLoaded = false
  private var isDirty = false
  /// The id of the newest configuration change, which keys remember when they get their role.
  public var lastChange: UInt32 = 0

  /// - Parameters:
  ///   - memory: `capacity` places.
  ///   - defaults: limits of a key that has none; its flags do not count.
  public init(_ memory: UnsafeMutableBufferPointer<ClientKey>, defaults: KeyLimits) {
    precondition(memory.count == ClientKeys.capacity, "memory for another number of keys")
    precondition(defaults.rate > 0 && defaults.slots > 0, "the defaults are limits")
    table = Table(memory, repeating: ClientKey())
    self.defaults = defaults
  }

  /// False also while it is not loaded.
  public var hasAdmin: Bool { admins(except: nil) }

  /// True once after each change that is to be stored.
  public mutating func takeChange() -> Bool {
    guard isDirty, isLoaded else { return false }
    isDirty = false
    return true
  }

  // MARK: Changes

  /// Adds a client. The first one must be an admin.
  ///
  /// - Parameters:
  ///   - secret: 32 bytes, which the caller wipes.
  ///   - addedBy: name of the key that did it, or has opened pairing for it; empty: nobody's.
  ///   - unixMs: 0 while the clock is not trusted.
  @discardableResult
  public mutating func add(
    _ name: Name, _ key: PublicKey, secret: UnsafeRawBufferPointer, role: Role,
    limits: KeyLimits = KeyLimits(), addedBy: Name, unixMs: UInt64
  ) throws(KeyError) -> KeyHandle {
    guard isLoaded else { throw .notLoaded }
    guard name.isName, addedBy.isEmpty || addedBy.isName else { throw .badName }
    try check(role, limits)
    try check(key, secret)
    guard find(name) == nil else { throw .nameTaken }
    guard count > 0 || role == .admin else { throw .noAdmin }
    guard let place = freePlace() else { throw .tableFull }
    let generation = nextGeneration()
    table[place].name = name
    table[place].addedBy = addedBy
    table[place].addedUnixMs = unixMs
    table[place].role = role
    table[place].sinceChange = lastChange
    table[place].publicKey = key
    table[place].secret.fill(secret)
    table[place].generation = generation
    table[place].birth = generation
    limit(place, limits)
    count += 1
    isDirty = true
    return KeyHandle(place: UInt8(place), generation: generation)
  }

  /// Removes a client; its sessions are over.
  public mutating func remove(_ name: Name) throws(KeyError) {
    let place = try known(name)
    guard admins(except: place) else { throw .noAdmin }
    table[place] = ClientKey()
    count -= 1
    isDirty = true
  }

  /// Gives a client a new key. The one that it has is taken until the new one has been used, for
  /// `formerMs` at most; a new one that was never used gives way at once. Once in `rotationMs`.
  @discardableResult
  public mutating func rotate(
    _ name: Name, to key: PublicKey, secret: UnsafeRawBufferPointer, now: Instant
  ) throws(KeyError) -> KeyHandle {
    let place = try known(name)
    try check(key, secret)
    let rotatedAt = table[place].rotatedAt
    guard rotatedAt == .never || now.since(rotatedAt) >= ClientKeys.rotationMs else {
      throw .tooSoon(ms: ClientKeys.rotationMs - now.since(rotatedAt))
    }
    table[place].rotatedAt = now
    if table[place].formerKey.isNone {
      table[place].formerKey = table[place].publicKey
      table[place].formerSecret = table[place].secret
      table[place].formerGeneration = table[place].generation
    }
    table[place].formerUntil = now + ClientKeys.formerMs
    let generation = nextGeneration()
    table[place].publicKey = key
    table[place].secret.fill(secret)
    table[place].generation = generation
    isDirty = true
    return KeyHandle(place: UInt8(place), generation: generation)
  }

  /// Takes back a new key that nobody was told of: the client is as it was, or gone again. False:
  /// another one has taken its place, or it is needed.
  public mutating func takeBack(_ handle: KeyHandle) -> Bool {
    let place = Int(handle.place)
    guard isNew(handle) else { return false }
    if !table[place].formerKey.isNone {
      table[place].publicKey = table[place].formerKey
      table[place].secret = table[place].formerSecret
      table[place].generation = table[place].formerGeneration
      table[place].rotatedAt = .never
      table[place].retire()
    } else {
      guard table[place].birth == handle.generation, admins(except: place) else { return false }
      table[place] = ClientKey()
      count -= 1
    }
    isDirty = true
    return true
  }

  /// Changes what a client may do, for its sessions as well.
  public mutating func change(_ name: Name, role: Role, limits: KeyLimits) throws(KeyError) {
    let place = try known(name)
    try check(role, limits)
    guard role == .admin || admins(except: place) else { throw .noAdmin }
    if role > table[place].role { table[place].sinceChange = lastChange }
    table[place].role = role
    limit(place, limits)
    isDirty = true
  }

  /// Forgets all clients: the device is as it came from the factory.
  public mutating func reset() {
    for place in table.indices { table[place] = ClientKey() }
    count = 0
    isLoaded = true
    isDirty = true
  }

  /// There is no file of keys, or none that can be used: there are no clients.
  public mutating func startEmpty() {
    precondition(!isLoaded, "the keys are there already")
    isLoaded = true
  }

  /// Retires one former key whose time is over and tells whose; call it until nil.
  public mutating func expire(now: Instant) -> Name? {
    for place in table.indices
    where !table[place].formerKey.isNone && table[place].formerUntil <= now {
      table[place].retire()
      isDirty = true
      return table[place].name
    }
    return nil
  }

  /// When `expire` has something to do.
  public var deadline: Instant {
    var earliest = Instant.never
    for place in table.indices where !table[place].formerKey.isNone {
      earliest = min(earliest, table[place].formerUntil)
    }
    return earliest
  }

  // MARK: Sessions

  /// The client that has this public key; looks at all of them, whoever it is, without a branch.
  public func find(_ key: PublicKey, now: Instant) -> KeyHandle? {
    guard !key.isNone else { return nil }
    var place: UInt64 = 0
    var generation: UInt64 = 0
    for index in table.indices {
      let current = ClientKeys.mask(table[index].publicKey.difference(from: key))
      let inTime = UInt64(truncatingIfNeeded: now.ms < table[index].formerUntil.ms ? -1 : 0)
      let former = ClientKeys.mask(table[index].formerKey.difference(from: key)) & inTime
      place |= UInt64(index) & (current | former)
      generation |= UInt64(table[index].generation) & current
      generation |= UInt64(table[index].formerGeneration) & former
    }
    guard generation != 0 else { return nil }
    return KeyHandle(place: UInt8(place), generation: UInt32(generation))
  }

  /// All ones where `difference` is zero, else zero.
  private static func mask(_ difference: UInt64) -> UInt64 {
    ((difference | (0 &- difference)) >> 63) &- 1
  }

  /// The client of this name, with its newest key.
  public func find(_ name: Name) -> KeyHandle? {
    for index in table.indices where table[index].name == name && !table[index].isFree {
      return KeyHandle(place: UInt8(index), generation: table[index].generation)
    }
    return nil
  }

  /// Whether sessions of this key may go on.
  public func isCurrent(_ handle: KeyHandle) -> Bool {
    isNew(handle) || table[Int(handle.place)].formerGeneration == handle.generation
  }

  /// nil: the key is gone.
  public func role(of handle: KeyHandle) -> Role? {
    isCurrent(handle) ? table[Int(handle.place)].role : nil
  }

  /// Empty: the key is gone.
  public func name(of handle: KeyHandle) -> Name {
    isCurrent(handle) ? table[Int(handle.place)].name : Name()
  }

  /// Limits of its own; nil: the key is gone.
  public func limits(of handle: KeyHandle) -> KeyLimits? {
    isCurrent(handle) ? table[Int(handle.place)].limits : nil
  }

  /// Lends the secret that belongs to the key, 32 bytes; nil: the key is gone.
  public func withSecret<Result>(
    of handle: KeyHandle, _ body: (UnsafeRawBufferPointer) -> Result
  ) -> Result? {
    guard isCurrent(handle) else { return nil }
    if isNew(handle) { return table[Int(handle.place)].secret.lend(body) }
    return table[Int(handle.place)].formerSecret.lend(body)
  }

  /// A client has proven that it has the key: a session begins. True where that has retired the
  /// client's former key, whose sessions are over.
  @discardableResult
  public mutating func used(_ handle: KeyHandle, now: Instant) -> Bool {
    guard isCurrent(handle) else { return false }
    table[Int(handle.place)].lastSession = now
    guard isNew(handle), !table[Int(handle.place)].formerKey.isNone else { return false }
    table[Int(handle.place)].retire()
    isDirty = true
    return true
  }

  /// Counts one more connection; false: the client has as many as it gets, or its key is gone.
  public func enter(_ handle: KeyHandle) -> Bool {
    guard isCurrent(handle) else { return false }
    let place = Int(handle.place)
    guard table[place].connections < slots(place) else { return false }
    table[place].connections += 1
    return true
  }

  /// One connection less, which had entered. Its key may be gone.
  public func leave(_ handle: KeyHandle) {
    let place = Int(handle.place)
    guard !table[place].isFree, handle.generation >= table[place].birth else { return }
    precondition(table[place].connections > 0, "left more often than entered")
    table[place].connections -= 1
  }

  /// Counts a request against the client's rate; false: it has made too many, or its key is gone.
  ///
  /// A bucket of one second's requests, kept as the time at which it is full again (GCRA, ITU-T
  /// I.371): each request moves that time on by what it costs.
  @inline(__always)
  public func spend(_ handle: KeyHandle, now: Instant) -> Bool {
    guard isCurrent(handle) else { return false }
    let place = Int(handle.place)
    let cost = table[place].intervalNs
    let nowNs = now.ms &* 1_000_000
    let full = max(table[place].savedAtNs, nowNs) + cost
    guard full - nowNs <= 1_000_000_000 else { return false }
    table[place].savedAtNs = full
    return true
  }

  /// What is told of the key in a place, 0 ..< `capacity`; nil: the place is free.
  public func entry(_ place: Int, now: Instant) -> KeyEntry? {
    guard !table[place].isFree else { return nil }
    var entry = KeyEntry()
    entry.name = table[place].name
    entry.publicKey = table[place].publicKey
    entry.addedBy = table[place].addedBy
    entry.role = Code(table[place].role)
    entry.flags = table[place].limits.flags
    entry.slots = table[place].limits.slots
    entry.rate = table[place].limits.rate
    entry.connections = table[place].connections
    entry.formerForMs = UInt32(clamping: table[place].formerUntil.since(now))
    entry.addedUnixMs = table[place].addedUnixMs
    let last = table[place].lastSession
    // Zero means never, so a session that begins now is a millisecond old.
    entry.quietMs = last == .never ? 0 : max(1, now.since(last))
    return entry
  }

  // MARK: Places

  private func isNew(_ handle: KeyHandle) -> Bool {
    table[Int(handle.place)].generation == handle.generation
  }

  private func known(_ name: Name) throws(KeyError) -> Int {
    guard isLoaded else { throw .notLoaded }
    guard let handle = find(name) else { throw .nameUnknown }
    return Int(handle.place)
  }

  private func check(_ role: Role, _ limits: KeyLimits) throws(KeyError) {
    guard role != .anybody else { throw .badRole }
    guard KeyFlags.all.contains(limits.flags) else { throw .badFlags }
  }

  /// A former key is known to the end of its time, even where `expire` comes late.
  private func check(_ key: PublicKey, _ secret: UnsafeRawBufferPointer) throws(KeyError) {
    guard !key.isNone else { throw .badKey }
    var bits: UInt8 = 0
    for byte in secret { bits |= byte }
    guard bits != 0 else { throw .badKey }
    for index in table.indices
    where table[index].publicKey == key || table[index].formerKey == key {
      throw .keyKnown
    }
  }

  private func admins(except place: Int?) -> Bool {
    for index in table.indices
    where index != place && !table[index].isFree && table[index].role == .admin {
      return true
    }
    return false
  }

  private func freePlace() -> Int? {
    for index in table.indices where table[index].isFree { return index }
    return nil
  }

  private func slots(_ place: Int) -> UInt16 {
    let limits = table[place].limits
    if limits.slots > 0 { return limits.slots }
    return limits.flags.contains(.loadTest) ? .max : defaults.slots
  }

  private func limit(_ place: Int, _ limits: KeyLimits) {
    table[place].limits = limits
    let isFree = limits.rate == 0 && limits.flags.contains(.loadTest)
    let rate = limits.rate > 0 ? limits.rate : defaults.rate
    table[place].intervalNs = isFree ? 0 : max(1, 1_000_000_000 / UInt64(rate))
    table[place].savedAtNs = 0
  }

  private mutating func nextGeneration() -> UInt32 {
    lastGeneration += 1
    return lastGeneration
  }
}

extension ClientKeys {
  /// Takes `entries` keys, which `fill` writes into their places. They have been checked; see
  /// `load(image:now:)`.
  mutating func load(_ entries: Int, _ fill: (Int) -> Void) {
    precondition(!isLoaded, "the keys are there already")
    for place in 0..<entries {
      fill(place)
      table[place].birth = lastGeneration + 1
      if !table[place].formerKey.isNone { table[place].formerGeneration = nextGeneration() }
      table[place].generation = nextGeneration()
      let limits = table[place].limits
      limit(place, limits)
    }
    count = entries
    isLoaded = true
  }
}
