import Appliance
import Archive
import CLinux
import Wire

/// All recordings and snapshots on the data partition, as the storage worker keeps them.
///
/// ```
///   folder changes ─► begin, grow, close ─┐
///   scan of the folders, in slices ───────┼─► Catalog ─► pages, retention
///   checks of ends, one after another ────┘      └─────► IndexFile
/// ```
///
/// What the index calls complete is on the disk: a segment's bytes first, then its name, then the
/// record. Everything else is made good by the scan at the next start.
struct FileArchive: ~Copyable {
  /// How often the age clock is written down.
  static let clockMs: UInt64 = 60_000

  let folder: DataFolder
  let agent = AgentChannel()
  /// The first four bytes of this boot's id, the first one lowest.
  var boot: UInt32 = 0
  private(set) var isRunning = false

  var catalog: Catalog
  var index: IndexFile
  var watch: FolderWatch
  var segments = OpenSegments()
  var scan = Scan.idle
  var check: TailCheck?
  /// Places below this one may hold files whose end has not been looked at.
  var uncheckedBelow = 0
  /// A file's end could not be looked at, or be cut: it is tried again later.
  var isCheckingAgain = false
  /// The index was lost or damaged: what is found in the folders makes it anew.
  var isRebuilding = false
  /// Rounds of the reconciliation, 1 … 255 and again.
  var round: UInt8 = 0

  var retention = Retention()
  var runs = RetentionRuns()
  private var clock = AgeClock()
  private var clockWrittenMs: UInt64 = 0
  private var indexSyncedMs: UInt64 = 0
  /// Unix time at the start of this boot's kernel.
  private(set) var originMs: UInt64?
  private var tags = RecordingTags()
  var totals = ArchiveTotals()
  private var toldTotals: ArchiveTotals?
  private let catalogMemory: UnsafeMutableRawBufferPointer
  /// For film headers, folder listings and records on their way.
  let scratch = reserved(bytes: FragmentedMP4.windowSize)
  let changes = reserved(bytes: 16 * 1024)
  let page = reserved(bytes: Catalog.pageSize)

  init(_ folder: DataFolder) {
    self.folder = folder
    catalogMemory = reserved(bytes: Catalog.memorySize)
    catalog = Catalog(catalogMemory)
    index = IndexFile(folder)
    watch = FolderWatch(folder)
  }

  // MARK: Start and end

  /// The partition is there: reads the index, and begins to compare it with the folders.
  mutating func start(nowMs: UInt64) {
    stop()
    isRunning = true
    if folder.isWritable {
      for name in ["/state", "/recordings", "/snapshots"] as [StaticString] {
        folder.judge(folder.path(name).withCString { lx_mkdir($0) })
      }
      // They have been root's, when everything still was.
      handOver("/recordings", to: LX_USER_MEDIA)
      handOver("/snapshots", to: LX_USER_JOBS)
    }
    watch.start()
    load()
    clockWrittenMs = nowMs
    beginScan()
  }

  private func handOver(_ name: StaticString, to user: lx_user) {
    folder.judge(folder.path(name).withCString { lx_hand_over($0, user.rawValue) })
  }

  /// The partition is gone, or another one.
  mutating func stop() {
    guard isRunning else { return }
    isRunning = false
    watch.stop()
    segments.removeAll()
    endScan()
    check = nil
    isRebuilding = false
    runs.end(.storageUnavailable, agent)
    index = IndexFile(folder)
    lx_discard(catalogMemory.baseAddress!, catalogMemory.count)
    catalog = Catalog(catalogMemory)
    toldTotals = nil
  }

  private mutating func load() {
    var replayed = Replayed(boot: boot)
    let (boot, known) = (boot, originMs)
    var catalog = Catalog(catalogMemory)
    let loaded = index.load(scratch) { replayed.take($0, &catalog) }
    self.catalog = catalog
    clock = replayed.clock
    originMs = known ?? replayed.originMs
    if let known, known != replayed.originMs { date(boot, known) }
    for place in self.catalog.oldest..<max(self.catalog.oldest, self.catalog.used) {
      // What a worker left open may have been cut off since.
      guard self.catalog[place].state == .open else { continue }
      self.catalog.update(place) { $0.isUnchecked = true }
    }
    switch loaded {
    case .whole: break
    case .missing:
      index.isBehind = true
      isRebuilding = true
    case .damaged:
      index.isBehind = true
      isRebuilding = true
      self.catalog.doubtOrder()
    }
  }

  /// Puts all that has been said onto the disk: the end has come.
  mutating func end(nowMs: UInt64) {
    guard isRunning else { return }
    writeClock(nowMs: nowMs)
    if case .idle = scan, index.isBehind { rewriteIndex(nowMs: nowMs) }
    index.sync()
  }

  // MARK: Turns

  /// Does a slice of what there is to do. Milliseconds until there is more; 0: at once.
  mutating func turn(nowMs: UInt64) -> Int32 {
    guard isRunning else { return StorageRole.intervalMs }
    takeChanges(nowMs: nowMs)
    closeAgain(nowMs: nowMs)
    tellGrowth(nowMs: nowMs)
    let hasSynced = syncSegment(nowMs: nowMs)
    let isScanning = scanSlice(nowMs: nowMs)
    let isChecking = !isScanning && checkSlice(nowMs: nowMs)
    let isRemoving = retainSlice(nowMs: nowMs)
    upkeep(nowMs: nowMs, isIdle: !isScanning)
    return hasSynced || isScanning || isChecking || isRemoving ? 0 : waitMs(nowMs: nowMs)
  }

  private func waitMs(nowMs: UInt64) -> Int32 {
    var wait = UInt64(StorageRole.intervalMs)
    for place in segments.indices where segments[place].id != 0 {
      if segments[place].closeAgainMs != 0 {
        wait = min(wait, due(segments[place].closeAgainMs, nowMs))
      }
      if segments[place].hasGrown {
        wait = min(wait, due(segments[place].toldMs + OpenSegments.newsMs, nowMs))
      }
      if segments[place].isDirty {
        wait = min(wait, due(segments[place].syncedMs + OpenSegments.syncMs, nowMs))
      }
    }
    return Int32(wait)
  }

  private func due(_ atMs: UInt64, _ nowMs: UInt64) -> UInt64 { atMs > nowMs ? atMs - nowMs : 0 }

  private mutating func upkeep(nowMs: UInt64, isIdle: Bool) {
    if nowMs >= clockWrittenMs + Self.clockMs { writeClock(nowMs: nowMs) }
    if nowMs >= indexSyncedMs + OpenSegments.syncMs {
      indexSyncedMs = nowMs
      index.sync()
      if isIdle, !folder.isFailing, index.isWorthRewriting(catalog) { rewriteIndex(nowMs: nowMs) }
    }
  }

  private mutating func writeClock(nowMs: UInt64) {
    clockWrittenMs = nowMs
    let now = AgeClock(ageS: ageS(nowMs), boot: boot, atMs: nowMs)
    index.append(.clock(now, nextID: catalog.idToCome))
    guard isCheckingAgain else { return }
    isCheckingAgain = false
    uncheckedBelow = catalog.used
  }

  mutating func rewriteIndex(nowMs: UInt64) {
    let now = AgeClock(ageS: ageS(nowMs), boot: boot, atMs: nowMs)
    let dated = originMs.map { IndexRecord.dated(boot: boot, originMs: $0) }
    index.rewrite(catalog, now, dated: dated, scratch)
  }

  // MARK: Clocks and tags

  func ageS(_ nowMs: UInt64) -> UInt32 { clock.seconds(boot: boot, nowMs: nowMs) }

  /// The wall clock is trusted, or was set anew. Less than a second is no news.
  mutating func setOrigin(_ originMs: UInt64) {
    if let known = self.originMs, (known > originMs ? known - originMs : originMs - known) < 1000 {
      return
    }
    self.originMs = originMs
    guard isRunning else { return }
    date(boot, originMs)
  }

  private mutating func date(_ boot: UInt32, _ originMs: UInt64) {
    index.append(.dated(boot: boot, originMs: originMs))
    catalog.date(boot: boot, originMs: originMs)
  }

  mutating func tag(_ tag: RecordingTag) { tags.set(tag) }

  func recording(of camera: Name) -> UInt32 { tags.recording(of: camera) }

  // MARK: Totals

  /// Tells what has changed since it was told.
  mutating func tellTotals() {
    guard isRunning else { return }
    totals.recordingBytes = catalog.totals.recordingBytes
    totals.snapshotBytes = catalog.totals.snapshotBytes
    totals.recordingFiles = UInt32(catalog.totals.recordings)
    totals.snapshotFiles = UInt32(catalog.totals.snapshots)
    totals.foreignFiles = watch.foreignFiles
    runs.tellRemoved(agent)
    guard totals != toldTotals else { return }
    toldTotals = totals
    let totals = totals
    agent.tell(.totals) { totals.encode(into: &$0) }
  }
}

/// What is read of the index besides the files.
struct Replayed {
  let boot: UInt32
  var clock = AgeClock()
  var originMs: UInt64?

  init(boot: UInt32) { self.boot = boot }

  mutating func take(_ record: IndexRecord, _ catalog: inout Catalog) {
    switch record {
    case .header: break
    case .put(let entry, let ageS): catalog.put(entry, ageS: ageS)
    case .removed(let id):
      if let place = catalog.place(ofID: id) { catalog.remove(place) }
    case .dated(let boot, let originMs):
      catalog.date(boot: boot, originMs: originMs)
      if boot == self.boot { self.originMs = originMs }
    case .clock(let clock, let nextID):
      self.clock = clock
      catalog.keepBelow(nextID)
    }
  }
}

/// Which recording each camera's next segments belong to: the last one that was told, for the last
/// part of a recording may begin a file after its end.
private struct RecordingTags {
  private var tags = InlineArray<64, RecordingTag?>(repeating: nil)
  /// Where the next camera is kept: with more of them, the oldest is forgotten.
  private var next = 0

  mutating func set(_ tag: RecordingTag) {
    for index in tags.indices {
      guard tags[index]?.camera == tag.camera else { continue }
      tags[index] = tag
      return
    }
    tags[next] = tag
    next = (next + 1) % tags.count
  }

  func recording(of camera: Name) -> UInt32 {
    for index in tags.indices {
      if let tag = tags[index], tag.camera == camera { return tag.recording }
    }
    return 0
  }
}
