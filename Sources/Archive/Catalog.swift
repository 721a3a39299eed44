import Wire

/// What the catalog keeps of a file.
public struct CatalogFile: Sendable {
  /// Its place in the order of all files; rises, and is never given twice.
  public internal(set) var id: UInt64 = 0
  public var bytes: UInt64 = 0
  public var unixMs: UInt64 = 0
  public var startedMs: UInt64 = 0
  /// The age clock when it began.
  public var ageS: UInt32 = 0
  public var durationMs: UInt32 = 0
  public var boot: UInt32 = 0
  public var recording: UInt32 = 0
  /// Number of the camera in the catalog.
  public internal(set) var camera: UInt16 = 0
  public internal(set) var kind = FileKind.recording
  public var state = FileState.open
  public var afterGap = false
  /// Round of the reconciliation in which its file was last seen.
  public var seen: UInt8 = 0
  /// Found in a folder, not in the index: its order and its state are not known yet.
  public var isFound = false
  /// Its end has not been looked at since its writer may have been cut off.
  public var isUnchecked = false
  /// It cannot be removed.
  public var isStuck = false
  /// False: it is gone, and its place is still taken.
  public internal(set) var isThere = false
  var nameCount: UInt8 = 0
  var name = InlineArray<56, UInt8>(repeating: 0)

  public init() {}
}

/// All files on the data partition, in the order in which they began, in memory of one size.
///
/// Places of files that are gone stay taken until the end of the table is reached. Then all move
/// up. Whoever keeps hold of a file across changes keeps its id.
public struct Catalog: ~Copyable {
  /// Files.
  public static let capacity = 131_072
  /// A quarter more, so that moving up is rare.
  static let places = capacity + capacity / 4
  static let buckets = 262_144
  /// Cameras that have ever had a file.
  public static let cameras = 256

  /// Bytes of zeros that it needs; only what is used is touched.
  public static let memorySize =
    places * (MemoryLayout<CatalogFile>.stride + MemoryLayout<UInt64>.stride)
    + (places + buckets) * MemoryLayout<UInt32>.stride
    + cameras * MemoryLayout<Name>.stride

  let files: UnsafeMutablePointer<CatalogFile>
  /// Places of found files, and what each is put in order by, by its place.
  let found: UnsafeMutablePointer<UInt32>
  let keys: UnsafeMutablePointer<UInt64>
  var foundCount = 0
  private let cameraNames: UnsafeMutablePointer<Name>
  /// A hash table with open addressing: a place's number and one, or 0. What is gone stays in it
  /// for as long as its place is taken.
  private let table: UnsafeMutablePointer<UInt32>
  /// Places in use, those of files that are gone included.
  public private(set) var used = 0
  private var first = 0
  private var cameraCount = 0
  private(set) var nextID: UInt64 = 1
  public private(set) var totals = Totals()

  public struct Totals: Equatable, Sendable {
    /// All files, damaged ones included.
    public var files = 0
    /// Of all files that are not being written.
    public var closedBytes: UInt64 = 0
    public var recordings = 0
    public var recordingBytes: UInt64 = 0
    public var snapshots = 0
    public var snapshotBytes: UInt64 = 0
  }

  /// A catalog over fresh zeros, `memorySize` of them, aligned to 16.
  public init(_ memory: UnsafeMutableRawBufferPointer) {
    precondition(memory.count >= Catalog.memorySize, "the catalog needs all of its memory")
    var at = memory.baseAddress!
    files = at.bindMemory(to: CatalogFile.self, capacity: Catalog.places)
    at += Catalog.places * MemoryLayout<CatalogFile>.stride
    keys = at.bindMemory(to: UInt64.self, capacity: Catalog.places)
    at += Catalog.places * MemoryLayout<UInt64>.stride
    found = at.bindMemory(to: UInt32.self, capacity: Catalog.places)
    at += Catalog.places * MemoryLayout<UInt32>.stride
    table = at.bindMemory(to: UInt32.self, capacity: Catalog.buckets)
    at += Catalog.buckets * MemoryLayout<UInt32>.stride
    cameraNames = at.bindMemory(to: Name.self, capacity: Catalog.cameras)
  }

  /// The file at a place below `used`; look at `isThere`. To change it is `update`'s business.
  public subscript(place: Int) -> CatalogFile {
    unsafeAddress {
      precondition(place >= 0 && place < used, "catalog place out of range")
      return UnsafePointer(files + place)
    }
  }

  // MARK: Changes

  /// A new file; nil when the catalog is full, of files or of cameras.
  public mutating func add(_ kind: FileKind, camera: Name, name: Text<56>) -> Int? {
    place(kind, camera, name, id: nextID)
  }

  /// Takes what the index says of a file. nil: it is full, or the record cannot be right.
  @discardableResult
  public mutating func put(_ entry: FileEntry, ageS: UInt32) -> Int? {
    guard let kind = entry.kind.known, let state = entry.state.known, state != .unchecked,
      entry.camera.isName, entry.name.isFileName, entry.id > 0, entry.id < .max
    else { return nil }
    guard let place = place(ofID: entry.id) ?? place(kind, entry.camera, entry.name, id: entry.id)
    else { return nil }
    update(place) { file in
      file.bytes = entry.bytes
      file.unixMs = entry.unixMs
      file.startedMs = entry.startedMs
      file.ageS = ageS
      file.durationMs = entry.durationMs
      file.boot = entry.boot
      file.recording = entry.recording
      file.state = state
      file.afterGap = entry.afterGap
    }
    return place
  }

  public mutating func update(_ place: Int, _ change: (inout CatalogFile) -> Void) {
    precondition(place >= 0 && place < used, "catalog place out of range")
    count(place, sign: -1)
    change(&files[place])
    count(place, sign: 1)
  }

  public mutating func remove(_ place: Int) {
    precondition(self[place].isThere, "a file goes once")
    count(place, sign: -1)
    files[place].isThere = false
    advanceFirst()
  }

  /// All files of a boot get the date that belongs to their start; those of others keep theirs.
  /// The number of files that changed.
  @discardableResult
  public mutating func date(boot: UInt32, originMs: UInt64) -> Int {
    var changed = 0
    for place in first..<used where files[place].boot == boot {
      let unixMs = originMs &+ files[place].startedMs
      if files[place].isThere, files[place].unixMs != unixMs { changed += 1 }
      files[place].unixMs = unixMs
    }
    return changed
  }

  /// No id below this one is given any more.
  public mutating func keepBelow(_ id: UInt64) { nextID = max(nextID, min(id, .max - 1)) }

  public var idToCome: UInt64 { nextID }

  private mutating func place(
    _ kind: FileKind, _ camera: Name, _ name: Text<56>, id: UInt64
  ) -> Int? {
    // A compacted index tells the id to come before the files that have theirs.
    guard used == 0 || id > files[used - 1].id, totals.files < Catalog.capacity,
      let number = number(of: camera)
    else { return nil }
    if used == Catalog.places { moveUp() }
    var file = CatalogFile()
    file.id = id
    file.kind = kind
    file.camera = UInt16(number)
    file.nameCount = UInt8(name.count)
    for index in 0..<name.count { file.name[index] = name[index] }
    file.isThere = true
    files[used] = file
    used += 1
    nextID = max(nextID, id + 1)
    count(used - 1, sign: 1)
    enter(used - 1)
    return used - 1
  }

  private mutating func count(_ place: Int, sign: Int) {
    guard files[place].isThere else { return }
    let bytes = sign > 0 ? files[place].bytes : 0 &- files[place].bytes
    totals.files += sign
    if files[place].state != .open { totals.closedBytes &+= bytes }
    guard files[place].state != .damaged else { return }
    switch files[place].kind {
    case .recording:
      totals.recordings += sign
      totals.recordingBytes &+= bytes
    case .snapshot:
      totals.snapshots += sign
      totals.snapshotBytes &+= bytes
    }
  }

  // MARK: Finding

  /// The place of the oldest file there is; `used` when there is none.
  public var oldest: Int { first }

  public func find(_ kind: FileKind, camera: Name, name: Text<56>) -> Int? {
    guard let number = knownNumber(of: camera) else { return nil }
    var bucket = name.withBytes { Catalog.hash(kind, number, $0) }
    while table[bucket] != 0 {
      let place = Int(table[bucket]) - 1
      if files[place].isThere, files[place].kind == kind, Int(files[place].camera) == number,
        isNamed(place, name)
      {
        return place
      }
      bucket = (bucket + 1) & (Catalog.buckets - 1)
    }
    return nil
  }

  /// Places are in the order of ids.
  public func place(ofID id: UInt64) -> Int? {
    let place = firstPlace(from: id)
    guard place < used, files[place].id == id, files[place].isThere else { return nil }
    return place
  }

  /// The first place whose id is `id` or more; `used` when there is none.
  func firstPlace(from id: UInt64) -> Int {
    var low = 0
    var high = used
    while low < high {
      let middle = (low + high) / 2
      if files[middle].id < id { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// The newest segment of a recording before `place`.
  public func segment(before place: Int, camera: UInt16, recording: UInt32) -> Int? {
    var at = place - 1
    while at >= first {
      if files[at].recording == recording, files[at].camera == camera, files[at].isThere,
        files[at].kind == .recording
      {
        return at
      }
      at -= 1
    }
    return nil
  }

  private func isNamed(_ place: Int, _ name: Text<56>) -> Bool {
    guard Int(files[place].nameCount) == name.count else { return false }
    // The name's end differs more often than its date.
    var index = name.count - 1
    while index >= 0 {
      if files[place].name[index] != name[index] { return false }
      index -= 1
    }
    return true
  }

  /// FNV-1a, 32 bits, mixed once more since only its low bits are used.
  private static func hash(
    _ kind: FileKind, _ camera: Int, _ name: UnsafeRawBufferPointer
  ) -> Int {
    var hash: UInt32 = 0x811C_9DC5 ^ UInt32(camera) << 8 ^ UInt32(kind.rawValue)
    for byte in name { hash = (hash ^ UInt32(byte)) &* 0x0100_0193 }
    return Int(hash ^ hash >> 15) & (buckets - 1)
  }

  private mutating func enter(_ place: Int) {
    var bucket = files[place].name.span.withUnsafeBytes {
      Catalog.hash(
        files[place].kind, Int(files[place].camera),
        UnsafeRawBufferPointer(rebasing: $0[..<Int(files[place].nameCount)]))
    }
    while table[bucket] != 0 { bucket = (bucket + 1) & (Catalog.buckets - 1) }
    table[bucket] = UInt32(place + 1)
  }

  /// Enters all anew: places have changed what they hold.
  mutating func enterAll() {
    first = 0
    advanceFirst()
    for bucket in 0..<Catalog.buckets { table[bucket] = 0 }
    for place in first..<used { enter(place) }
  }

  /// The table is full of files that are gone, mostly at its beginning: the rest moves up.
  private mutating func moveUp() {
    var to = 0
    foundCount = 0
    for place in 0..<used where files[place].isThere {
      if to != place { files[to] = files[place] }
      if files[to].isFound {
        keys[to] = keys[place]
        found[foundCount] = UInt32(to)
        foundCount += 1
      }
      to += 1
    }
    used = to
    enterAll()
  }

  private mutating func advanceFirst() {
    while first < used, !files[first].isThere { first += 1 }
  }

  // MARK: Cameras

  public func camera(_ number: UInt16) -> Name { cameraNames[Int(number)] }

  public func knownNumber(of camera: Name) -> Int? {
    for number in 0..<cameraCount where cameraNames[number] == camera { return number }
    return nil
  }

  private mutating func number(of camera: Name) -> Int? {
    if let number = knownNumber(of: camera) { return number }
    guard cameraCount < Catalog.cameras else { return nil }
    cameraNames[cameraCount] = camera
    cameraCount += 1
    return cameraCount - 1
  }
}
