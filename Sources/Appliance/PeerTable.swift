import Wire

/// The addresses that connections come from: how many each of them has open, and how many requests
/// it may still make (a token bucket).
///
/// An address without a connection keeps its bucket for a while, so that connecting anew gains
/// nothing: entries that nobody uses stand in line, and the one unused for longest is taken for the
/// next address. There are more entries than connection slots, so there always is one.
public struct PeerTable: ~Copyable {
  /// Entries beyond one a slot: addresses that are remembered without a connection.
  public static let remembered = 512

  public struct Peer: Sendable {
    var address = IPv4.any
    /// Requests that are left until the next refill.
    var tokens: UInt32 = 0
    /// Milliseconds of the last refill, modulo 2^32.
    var refilledMs: UInt32 = 0
    var connections: UInt16 = 0
    /// Of them, those of strangers, and of these the ones that have shown nothing yet.
    var strangers: UInt16 = 0
    var silent: UInt16 = 0
    /// The next entry with the same hash.
    var next = PeerTable.none
    /// Neighbours in the line of unused entries.
    var older = PeerTable.none
    var newer = PeerTable.none
  }

  static let none = UInt16.max

  private let peers: Table<Peer>
  /// First entry of each hash; a power of two of them.
  private let heads: Table<UInt16>
  private let seed: UInt32
  /// The line of unused entries.
  private var oldest = PeerTable.none
  private var newest = PeerTable.none

  /// Entries for so many connections.
  public static func entries(_ connections: Int) -> Int { connections + remembered }

  /// A power of two, at least as many as entries: chains stay short.
  public static func hashes(_ connections: Int) -> Int {
    var count = 64
    while count < entries(connections) { count *= 2 }
    return count
  }

  /// - Parameter seed: random, so that nobody can choose addresses that meet in one chain.
  public init(
    _ peers: UnsafeMutableBufferPointer<Peer>, heads: UnsafeMutableBufferPointer<UInt16>,
    seed: UInt32
  ) {
    precondition(peers.count < Int(PeerTable.none), "entries are numbered with 16 bits")
    precondition(heads.count.nonzeroBitCount == 1, "as many hashes as a power of two")
    self.peers = Table(peers, repeating: Peer())
    self.heads = Table(heads, repeating: PeerTable.none)
    self.seed = seed
    for index in self.peers.indices { retire(index) }
  }

  public func address(_ index: Int) -> IPv4 { peers[index].address }
  public func connections(_ index: Int) -> Int { Int(peers[index].connections) }

  public func strangers(_ index: Int) -> Int { Int(peers[index].strangers) }
  public func silent(_ index: Int) -> Int { Int(peers[index].silent) }

  /// Counts connections of strangers, and silent ones of them: each by 1, 0 or -1.
  mutating func count(_ index: Int, strangers change: Int, silent: Int) {
    peers[index].strangers = UInt16(Int(peers[index].strangers) + change)
    peers[index].silent = UInt16(Int(peers[index].silent) + silent)
  }

  /// The entry of an address, nil where it is not known.
  public func find(_ address: IPv4) -> Int? {
    var index = heads[hash(address)]
    while index != PeerTable.none, peers[Int(index)].address != address {
      index = peers[Int(index)].next
    }
    return index == PeerTable.none ? nil : Int(index)
  }

  /// Counts one more connection from `address`. A new one has a second's worth of requests.
  public mutating func enter(_ address: IPv4, rate: UInt32, now: Instant) -> Int {
    let known = find(address)
    let index = known ?? takeOldest()
    if known == nil {
      let hash = hash(address)
      peers[index] = Peer()
      peers[index].address = address
      peers[index].tokens = rate
      peers[index].refilledMs = UInt32(truncatingIfNeeded: now.ms)
      peers[index].next = heads[hash]
      heads[hash] = UInt16(index)
    } else if peers[index].connections == 0 {
      leaveLine(index)
    }
    peers[index].connections += 1
    return index
  }

  /// One connection less.
  public mutating func leave(_ index: Int) {
    precondition(peers[index].connections > 0, "left more often than entered")
    peers[index].connections -= 1
    if peers[index].connections == 0 { retire(index) }
  }

  /// Takes a token for one request; false when there is none. `rate` tokens come a second, and as
  /// many can be saved.
  @inline(__always)
  public func spend(_ index: Int, rate: UInt32, now: Instant) -> Bool {
    let tokens = peers[index].tokens
    guard tokens > 0 else { return refill(index, rate: rate, now: now) }
    peers[index].tokens = tokens - 1
    return true
  }

  /// Only looked at when the bucket is empty: what has come in since the last time, less one.
  @inline(never)
  private func refill(_ index: Int, rate: UInt32, now: Instant) -> Bool {
    let nowMs = UInt32(truncatingIfNeeded: now.ms)
    let elapsed = UInt64(nowMs &- peers[index].refilledMs)
    let due = min(elapsed * UInt64(rate) / 1000, UInt64(rate))
    guard due > 0 else { return false }
    peers[index].tokens = UInt32(due) - 1
    peers[index].refilledMs = nowMs
    return true
  }

  // MARK: Entries

  /// Multiplicative hashing (Knuth, The Art of Computer Programming 3, 6.4) of the salted address.
  private func hash(_ address: IPv4) -> Int {
    let mixed = (address.value ^ seed) &* 0x9E37_79B1
    return Int(mixed ^ mixed >> 15) & (heads.count - 1)
  }

  /// An entry that has no connection any more stands at the end of the line.
  private mutating func retire(_ index: Int) {
    peers[index].older = newest
    peers[index].newer = PeerTable.none
    if newest == PeerTable.none {
      oldest = UInt16(index)
    } else {
      peers[Int(newest)].newer = UInt16(index)
    }
    newest = UInt16(index)
  }

  private mutating func leaveLine(_ index: Int) {
    let (older, newer) = (peers[index].older, peers[index].newer)
    if older == PeerTable.none { oldest = newer } else { peers[Int(older)].newer = newer }
    if newer == PeerTable.none { newest = older } else { peers[Int(newer)].older = older }
  }

  /// The entry unused for longest, out of its line and its chain.
  private mutating func takeOldest() -> Int {
    precondition(oldest != PeerTable.none, "more connections than entries")
    let index = Int(oldest)
    leaveLine(index)
    forget(index)
    return index
  }

  private func forget(_ index: Int) {
    let hash = hash(peers[index].address)
    var place = heads[hash]
    if place == UInt16(index) {
      heads[hash] = peers[index].next
      return
    }
    while place != PeerTable.none {
      let next = peers[Int(place)].next
      if next == UInt16(index) {
        peers[Int(place)].next = peers[index].next
        return
      }
      place = next
    }
  }
}
