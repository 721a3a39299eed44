import Wire

// The audit: what concerns the device's safety, kept over reboots.
//
//   record ──▶ new ── gather ──▶ handed over ── stored ──▶ stored ── counts on ──▶ grown
//               ▲                  │ not stored                                     │
//               └──────────────────┘ ◀────────────── gather, once its minute is over ┘
//
// Four lanes with room of their own, each in the order of its numbers. At the start `restore` puts
// what the file holds before what has happened since, which gets new numbers for that; until
// `finishRestoring` nothing is handed over to be stored.

/// The last entries of the audit, 512 in four lanes.
public struct AuditRing: ~Copyable {
  public static let capacity = 512
  /// Entries of each lane.
  public static func share(_ lane: AuditLane) -> Int {
    switch lane {
    case .access: 192
    case .keys, .changes: 96
    case .admin: 128
    }
  }
  /// Milliseconds after which an entry that has counted on is stored again.
  public static let countingMs: UInt64 = 60_000
  /// Milliseconds until storing is tried again.
  public static let retryMs: UInt64 = 5000

  /// What is known of an entry besides its bytes.
  public struct Place: Sendable {
    var sequence: UInt64 = 0
    /// When it happened first, in this life.
    var since = Instant(ms: 0)
    /// Of everything that is compared in `same`.
    var hash: UInt32 = 0
    var count: UInt32 = 0
    /// What `count` was when it was stored last; 0: it never was.
    var stored: UInt32 = 0
    /// What it was when it was handed over to be stored; 0: it is not.
    var handed: UInt32 = 0
  }

  struct Lane {
    /// Its first place and how many it has.
    var base = 0
    var capacity = 0
    /// The oldest entry, from `base`, and how many follow.
    var start = 0
    var count = 0
    /// Of these, the ones of earlier lives: the oldest.
    var restored = 0
    var overwritten: UInt64 = 0

    /// The place of an entry, 0 being the oldest.
    func place(_ index: Int) -> Int { base + (start + index) % capacity }
  }

  private let bytes: UnsafeMutableRawBufferPointer
  let places: Table<Place>
  var lanes = InlineArray<4, Lane>(repeating: Lane())
  /// The number that the next entry will have; the first is 1.
  public private(set) var next: UInt64 = 1
  /// The number of the first entry of this life.
  private var firstOfLife: UInt64 = 1
  /// Of each lane: lanes are kept in files of their own.
  private var lastRestored = InlineArray<4, UInt64>(repeating: 0)
  private var boot: UInt32 = 0
  /// Everything that the file holds is there.
  public private(set) var isRestored = false
  /// Entries that gave way before they were stored.
  public private(set) var lost: UInt64 = 0

  private var isStoring = false
  /// Some entry has never been stored.
  private var hasNew = false
  /// When the first of those that have grown is due.
  private var grownDue = Instant.never
  private var notBefore = Instant(ms: 0)

  /// A ring over memory for `capacity` entries and places.
  public init(
    bytes: UnsafeMutableBufferPointer<UInt8>, places: UnsafeMutableBufferPointer<Place>
  ) {
    precondition(bytes.count == AuditRing.capacity * AuditEntry.size, "another size of memory")
    precondition(places.count == AuditRing.capacity, "another number of places")
    self.bytes = UnsafeMutableRawBufferPointer(bytes)
    self.places = Table(places, repeating: Place())
    var base = 0
    for lane in lanes.indices {
      lanes[lane].base = base
      lanes[lane].capacity = AuditRing.share(AuditLane(rawValue: UInt8(lane)) ?? .admin)
      base += lanes[lane].capacity
    }
    precondition(base == AuditRing.capacity, "the shares are all there is")
  }

  /// Entries of a lane that gave way to newer ones in this life.
  public func overwritten(_ lane: AuditLane) -> UInt64 { lanes[Int(lane.rawValue)].overwritten }

  /// The same of all lanes.
  public var overwritten: UInt64 {
    var sum: UInt64 = 0
    for lane in lanes.indices { sum += lanes[lane].overwritten }
    return sum
  }

  // MARK: Recording

  /// Keeps a note, and tells the number of the entry that it has become or is counted in.
  /// `unixMs` is 0 while the clock is not trusted.
  @discardableResult
  public mutating func record(_ note: AuditNote, now: Instant, unixMs: UInt64) -> UInt64 {
    // Names come from peers: what is none says nothing.
    var note = note
    if !note.key.isName { note.key = Name() }
    if !note.subject.isName { note.subject = Name() }
    let hash = AuditRing.hash(note)
    if note.code.countedForMs > 0, let place = same(note, hash, now) { return count(place, now) }
    var entry = AuditEntry()
    entry.sequence = next
    entry.unixMs = unixMs
    entry.bootMs = now.ms
    entry.detail = note.detail
    entry.code = Code(note.code)
    entry.lane = Code(note.code.lane)
    entry.role = Code(note.role)
    entry.count = 1
    entry.address = note.address.value
    entry.boot = boot
    entry.key = note.key
    entry.subject = note.subject
    let lane = Int(note.code.lane.rawValue)
    if lanes[lane].count == lanes[lane].capacity {
      if places[lanes[lane].place(0)].stored == 0 { lost &+= 1 }
      lanes[lane].overwritten &+= 1
      dropOldest(lane)
    }
    let place = lanes[lane].place(lanes[lane].count)
    lanes[lane].count += 1
    places[place] = Place()
    places[place].since = now
    places[place].hash = hash
    write(entry, place)
    next += 1
    hasNew = true
    return entry.sequence
  }

  private static func hash(_ note: AuditNote) -> UInt32 {
    var hash = comparedAddress(note) &* 0x9E37_79B1 ^ UInt32(note.code.rawValue)
    hash ^= UInt32(truncatingIfNeeded: note.detail ^ note.detail >> 32) &* 0x85EB_CA6B
    hash = note.key.withBytes { CRC32C.of($0, behind: hash) }
    return note.subject.withBytes { CRC32C.of($0, behind: hash) }
  }

  /// What somebody does with its own key is the same wherever it does it.
  private static func comparedAddress(_ note: AuditNote) -> UInt32 {
    note.code.lane == .keys ? 0 : note.address.value
  }

  /// The entry that says the same, if it is not too old.
  private func same(_ note: AuditNote, _ hash: UInt32, _ now: Instant) -> Int? {
    let lane = lanes[Int(note.code.lane.rawValue)]
    var index = lane.count
    while index > lane.restored {
      index -= 1
      let place = lane.place(index)
      guard now.since(places[place].since) < note.code.countedForMs else { return nil }
      guard places[place].hash == hash else { continue }
      let entry = entry(place)
      let isThere = note.code.lane == .keys || entry.address == note.address.value
      if isThere, entry.code == note.code, entry.key == note.key, entry.detail == note.detail,
        entry.subject == note.subject
      {
        return place
      }
    }
    return nil
  }

  private mutating func count(_ place: Int, _ now: Instant) -> UInt64 {
    var entry = entry(place)
    if entry.count < .max { entry.count += 1 }
    entry.spanMs = UInt32(clamping: now.since(places[place].since))
    write(entry, place)
    if places[place].stored > 0 || places[place].handed > 0 {
      grownDue = min(grownDue, places[place].since + AuditRing.countingMs)
    }
    return entry.sequence
  }

  // MARK: Reading

  /// Writes a page: the head and the entries from number `cursor` on, the oldest first, `most` or
  /// as many as a page or the room in `writer` takes. nil: of all lanes.
  public func page(
    from cursor: UInt64, lane: AuditLane? = nil, most: Int = AuditListHead.maximum,
    into writer: inout ByteWriter
  ) {
    let room = (writer.remaining - AuditListHead.size) / AuditEntry.size
    let most = min(min(most, AuditListHead.maximum), room)
    var walk = walk(from: cursor, lane: lane)
    let start = walk
    var head = AuditListHead(nextCursor: next, overwritten: overwritten, count: 0)
    while let place = step(&walk) {
      guard head.count < most else {
        head.nextCursor = places[place].sequence
        break
      }
      head.count += 1
    }
    head.encode(into: &writer)
    walk = start
    for _ in 0..<head.count {
      if let place = step(&walk) { writer.write(UnsafeRawBufferPointer(slot(place))) }
    }
  }

  // MARK: Storing

  /// When `gather` has something; not while a batch is under way.
  public var deadline: Instant {
    guard isRestored, !isStoring else { return .never }
    return max(hasNew ? Instant(ms: 0) : grownDue, notBefore)
  }

  /// Copies what is to be appended to the file into `buffer`, whole records in the order of their
  /// numbers, and tells their bytes. The caller says `stored` then. New entries are due at once,
  /// ones that have counted on when their minute is over; with `all`, at the end, these as well.
  public mutating func gather(
    into buffer: UnsafeMutableRawBufferPointer, all: Bool = false, now: Instant
  ) -> Int {
    guard isRestored, !isStoring else { return 0 }
    var filled = 0
    hasNew = false
    grownDue = .never
    var walk = walk(from: 0, lane: nil)
    while let place = step(&walk) {
      guard places[place].count != places[place].stored else { continue }
      let due = places[place].since + AuditRing.countingMs
      guard places[place].stored == 0 || all || due <= now else {
        grownDue = min(grownDue, due)
        continue
      }
      guard buffer.count - filled >= AuditEntry.size else {
        hasNew = true
        break
      }
      AuditRecord.encode(
        UnsafeRawBufferPointer(slot(place)),
        into: UnsafeMutableRawBufferPointer(
          rebasing: buffer[filled..<(filled + AuditEntry.size)]))
      places[place].handed = places[place].count
      filled += AuditEntry.size
    }
    isStoring = filled > 0
    return filled
  }

  /// What was gathered is on the card, or could not be written.
  public mutating func stored(_ isDone: Bool, now: Instant) {
    precondition(isStoring, "nothing was gathered")
    isStoring = false
    for place in places.indices where places[place].handed > 0 {
      if isDone { places[place].stored = places[place].handed }
      places[place].handed = 0
    }
    guard !isDone else { return }
    hasNew = true
    notBefore = now + AuditRing.retryMs
  }

  /// Hands everything over again, for a new file: the old one has grown too long, or is gone.
  public mutating func storeAnew() {
    precondition(!isStoring, "a batch is under way")
    for place in places.indices { places[place].stored = 0 }
    hasNew = true
    notBefore = Instant(ms: 0)
  }

  // MARK: Restoring

  /// Takes a record of its lane's file, in the order in which they were appended; the files in any
  /// order. One that is refused says nothing about the next.
  public mutating func restore(_ record: UnsafeRawBufferPointer) throws(AuditRecordError) {
    precondition(!isRestored, "everything has been restored")
    let entry = try AuditRecord.decode(record)
    let lane = Int(entry.lane.rawValue)
    guard entry.sequence > lastRestored[lane] else {
      try restoreAgain(entry, lane)
      return
    }
    // Numbers are those of all lanes together.
    guard !isKnown(entry.sequence) else { throw .order }
    lastRestored[lane] = entry.sequence
    if entry.sequence >= firstOfLife { renumber(by: entry.sequence + 1 - firstOfLife) }
    if lanes[lane].count == lanes[lane].capacity {
      // This life has filled the lane already.
      guard lanes[lane].restored > 0 else { return }
      dropOldest(lane)
    }
    var index = lanes[lane].count
    lanes[lane].count += 1
    while index > lanes[lane].restored {
      move(from: lanes[lane].place(index - 1), to: lanes[lane].place(index))
      index -= 1
    }
    lanes[lane].restored += 1
    let place = lanes[lane].place(index)
    places[place] = Place()
    write(entry, place)
    places[place].stored = entry.count
  }

  /// The files have come to their ends, or there are none. `boot` is the number of this boot, 0:
  /// not known.
  public mutating func finishRestoring(boot: UInt32) {
    precondition(!isRestored, "everything has been restored")
    isRestored = true
    self.boot = boot
    var walk = walk(from: firstOfLife, lane: nil)
    while let place = step(&walk) {
      var entry = entry(place)
      entry.boot = boot
      write(entry, place)
    }
  }

  /// A later state of an entry: it has counted on.
  private func restoreAgain(_ later: AuditEntry, _ lane: Int) throws(AuditRecordError) {
    let lane = lanes[lane]
    for index in 0..<lane.restored {
      let place = lane.place(index)
      // The entry has given way since.
      if places[place].sequence > later.sequence { break }
      guard places[place].sequence == later.sequence else { continue }
      let entry = entry(place)
      guard entry.code == later.code, entry.address == later.address, entry.key == later.key,
        entry.count <= later.count
      else { throw .order }
      write(later, place)
      places[place].stored = later.count
      return
    }
    let isOlder = lane.restored == 0 || later.sequence < places[lane.place(0)].sequence
    guard isOlder else { throw .order }
  }

  private func isKnown(_ sequence: UInt64) -> Bool {
    let lanes = lanes.span
    for lane in lanes.indices {
      for index in 0..<lanes[lane].restored
      where places[lanes[lane].place(index)].sequence == sequence {
        return true
      }
    }
    return false
  }

  private mutating func renumber(by shift: UInt64) {
    var walk = walk(from: firstOfLife, lane: nil)
    while let place = step(&walk) {
      var entry = entry(place)
      entry.sequence += shift
      write(entry, place)
    }
    firstOfLife += shift
    next += shift
  }

  // MARK: Places

  private mutating func dropOldest(_ lane: Int) {
    lanes[lane].start = (lanes[lane].start + 1) % lanes[lane].capacity
    lanes[lane].count -= 1
    if lanes[lane].restored > 0 { lanes[lane].restored -= 1 }
  }

  private func slot(_ place: Int) -> UnsafeMutableRawBufferPointer {
    let start = place * AuditEntry.size
    return UnsafeMutableRawBufferPointer(rebasing: bytes[start..<(start + AuditEntry.size)])
  }

  private func entry(_ place: Int) -> AuditEntry {
    var reader = ByteReader(UnsafeRawBufferPointer(slot(place)))
    return AuditEntry(from: &reader)
  }

  private func write(_ entry: AuditEntry, _ place: Int) {
    var writer = ByteWriter(slot(place))
    entry.encode(into: &writer)
    places[place].sequence = entry.sequence
    places[place].count = entry.count
  }

  private func move(from: Int, to: Int) {
    slot(to).copyMemory(from: UnsafeRawBufferPointer(slot(from)))
    places[to] = places[from]
  }
}
