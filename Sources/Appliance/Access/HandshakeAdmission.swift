import Wire

// Who may begin a handshake, which costs some 330 µs, before anything is computed for it.
//
// Two buckets must have a token: the one of the address and the one of the device. A bucket is kept
// as the time at which it is full again (GCRA, ITU-T I.371): nothing is refilled, and any
// time-out is exact.
//
// The device's bucket is shared unevenly. Its last `reserved` tokens are only for addresses from
// which a session was opened within the last hour. Among strangers, one that has used up its own
// bucket must leave more of the device's: a newcomer finds tokens where fifty that try all the time
// find none. An attempt that the device refuses costs its address a token all the same.

/// The rate of handshakes, per address and in all.
public struct HandshakeAdmission: ~Copyable {
  /// Addresses that are remembered.
  public static let addresses = 256
  /// Of them, ones from which a session was opened of late: strangers cannot push these out.
  public static let known = 64
  /// Milliseconds for which an address is known after a session was opened from it.
  public static let knownMs: UInt64 = 3_600_000
  /// Handshakes that an address may have saved up, and milliseconds for another.
  public static let addressBurst: UInt64 = 8
  public static let addressMs: UInt64 = 250
  /// The same for the whole device: 100 a second are about 3 % of a core.
  public static let deviceBurst: UInt64 = 64
  public static let deviceMs: UInt64 = 10
  /// Tokens of the device that strangers leave to known addresses.
  public static let reserved: UInt64 = 16

  /// Whether a handshake may begin.
  public enum Answer: Equatable, Sendable {
    case admit
    /// Not before so many milliseconds, 1 or more; even then others may have been faster.
    case wait(ms: UInt64)
  }

  /// An address that is remembered.
  public struct Entry: Sendable {
    var address = IPv4.any
    /// False until the entry has had an address.
    var isUsed = false
    /// It stands in the line of known addresses.
    var isKnown = false
    /// The next entry with the same hash.
    var next = HandshakeAdmission.none
    /// Neighbours in its line.
    var older = HandshakeAdmission.none
    var newer = HandshakeAdmission.none
    /// When its bucket is full again.
    var full = Instant(ms: 0)
    var knownUntil = Instant(ms: 0)
  }

  /// Entries in the order in which they were last asked for.
  private struct Line {
    var oldest = HandshakeAdmission.none
    var newest = HandshakeAdmission.none
    var count = 0
  }

  static let none = UInt16.max

  private let entries: Table<Entry>
  private let heads: Table<UInt16>
  private let seed: UInt32
  private var strangers = Line()
  private var friends = Line()
  private var deviceFull = Instant(ms: 0)

  /// Handshakes that might begin, in this life.
  public private(set) var admitted: UInt64 = 0
  /// Refused because the address had no token.
  public private(set) var addressRefused: UInt64 = 0
  /// Refused because the device had none for it.
  public private(set) var deviceRefused: UInt64 = 0

  /// - Parameters:
  ///   - entries: `addresses` of them.
  ///   - heads: as many.
  ///   - seed: random, so that nobody can choose addresses that meet in one chain.
  public init(
    _ entries: UnsafeMutableBufferPointer<Entry>, heads: UnsafeMutableBufferPointer<UInt16>,
    seed: UInt32
  ) {
    precondition(
      entries.count == HandshakeAdmission.addresses && heads.count == entries.count,
      "memory for another number of addresses")
    self.entries = Table(entries, repeating: Entry())
    self.heads = Table(heads, repeating: HandshakeAdmission.none)
    self.seed = seed
    for index in self.entries.indices { append(index, known: false) }
  }

  /// Whether a handshake from `address` may begin; counts it if so.
  public mutating func ask(_ address: IPv4, now: Instant) -> Answer {
    let index = touch(address, now: now)
    let owed = entries[index].full.since(now)
    let bearable = (HandshakeAdmission.addressBurst - 1) * HandshakeAdmission.addressMs
    guard owed <= bearable else {
      addressRefused &+= 1
      return .wait(ms: owed - bearable)
    }
    entries[index].full = max(entries[index].full, now) + HandshakeAdmission.addressMs
    let taken = deviceFull.since(now)
    let allowed = HandshakeAdmission.deviceMs * share(of: index, owing: owed)
    guard taken <= allowed else {
      deviceRefused &+= 1
      let own = entries[index].full.since(now)
      return .wait(ms: max(taken - allowed, own > bearable ? own - bearable : 0))
    }
    deviceFull = max(deviceFull, now) + HandshakeAdmission.deviceMs
    admitted &+= 1
    return .admit
  }

  /// A client at `address` has proven that it has a key.
  public mutating func opened(from address: IPv4, now: Instant) {
    let index = touch(address, now: now)
    entries[index].knownUntil = now + HandshakeAdmission.knownMs
    guard !entries[index].isKnown else { return }
    // The one that was quiet for longest becomes a stranger.
    if friends.count == HandshakeAdmission.known { move(Int(friends.oldest), known: false) }
    move(index, known: true)
  }

  /// Tokens of the device that may be gone for the entry still to get one.
  private func share(of index: Int, owing: UInt64) -> UInt64 {
    let all = HandshakeAdmission.deviceBurst - 1
    if entries[index].isKnown { return all }
    let used = (owing + HandshakeAdmission.addressMs - 1) / HandshakeAdmission.addressMs
    let step = (all - HandshakeAdmission.reserved) / HandshakeAdmission.addressBurst
    return all - HandshakeAdmission.reserved - used * step
  }

  // MARK: Entries

  /// The entry of an address, now the newest of its line.
  private mutating func touch(_ address: IPv4, now: Instant) -> Int {
    if let index = find(address) {
      move(index, known: entries[index].isKnown && now < entries[index].knownUntil)
      return index
    }
    let index = Int(strangers.oldest)
    forget(index)
    let hash = hash(address)
    entries[index].address = address
    entries[index].isUsed = true
    entries[index].full = Instant(ms: 0)
    entries[index].knownUntil = Instant(ms: 0)
    entries[index].next = heads[hash]
    heads[hash] = UInt16(index)
    move(index, known: false)
    return index
  }

  private func find(_ address: IPv4) -> Int? {
    var index = heads[hash(address)]
    while index != HandshakeAdmission.none, entries[Int(index)].address != address {
      index = entries[Int(index)].next
    }
    return index == HandshakeAdmission.none ? nil : Int(index)
  }

  /// Multiplicative hashing (Knuth, The Art of Computer Programming 3, 6.4) of the salted address.
  private func hash(_ address: IPv4) -> Int {
    let mixed = (address.value ^ seed) &* 0x9E37_79B1
    return Int(mixed ^ mixed >> 15) & (heads.count - 1)
  }

  /// Takes an entry out of its chain.
  private func forget(_ index: Int) {
    guard entries[index].isUsed else { return }
    let hash = hash(entries[index].address)
    guard heads[hash] != UInt16(index) else {
      heads[hash] = entries[index].next
      return
    }
    var place = Int(heads[hash])
    while entries[place].next != UInt16(index) { place = Int(entries[place].next) }
    entries[place].next = entries[index].next
  }

  /// Takes an entry out of its line and puts it at the end of one.
  private mutating func move(_ index: Int, known: Bool) {
    let (older, newer) = (entries[index].older, entries[index].newer)
    var line = entries[index].isKnown ? friends : strangers
    if older == HandshakeAdmission.none {
      line.oldest = newer
    } else {
      entries[Int(older)].newer = newer
    }
    if newer == HandshakeAdmission.none {
      line.newest = older
    } else {
      entries[Int(newer)].older = older
    }
    line.count -= 1
    if entries[index].isKnown { friends = line } else { strangers = line }
    append(index, known: known)
  }

  private mutating func append(_ index: Int, known: Bool) {
    var line = known ? friends : strangers
    entries[index].isKnown = known
    entries[index].older = line.newest
    entries[index].newer = HandshakeAdmission.none
    if line.newest == HandshakeAdmission.none {
      line.oldest = UInt16(index)
    } else {
      entries[Int(line.newest)].newer = UInt16(index)
    }
    line.newest = UInt16(index)
    line.count += 1
    if known { friends = line } else { strangers = line }
  }
}
