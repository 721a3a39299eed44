import Appliance
import Archive
import CLinux
import Wire

// What becomes of a file from its first bytes until it is closed.
extension FileArchive {
  /// A segment that begins longer than this after the end of the one before it leaves a gap.
  private static let gapMs: UInt64 = 1500
  /// A segment's file appears when its first part is closed; one that appears later than this after
  /// the time in its name was named by a clock that has been set since.
  private static let namedMs: UInt64 = 10_000
  /// A date before 2020 is that of a clock that nobody has set.
  private static let setClockMs: UInt64 = 1_577_836_800_000

  // MARK: Begin

  /// A file has bytes, or more bytes.
  mutating func grow(_ kind: FileKind, _ camera: Name, _ name: Text<56>, nowMs: UInt64) {
    if let open = segments.find(kind, camera, name) {
      segments[open].hasGrown = true
      segments[open].isDirty = true
      return
    }
    guard kind == .recording, catalog.find(kind, camera: camera, name: name) == nil,
      let facts = facts(kind, camera, name), facts.bytes > 0
    else { return }
    begin(kind, camera, name, bytes: facts.bytes, nowMs: nowMs)
  }

  /// A file that has not been known before. nil: the catalog is full.
  @discardableResult
  private mutating func begin(
    _ kind: FileKind, _ camera: Name, _ name: Text<56>, bytes: UInt64, nowMs: UInt64
  ) -> Int? {
    guard let place = catalog.add(kind, camera: camera, name: name) else { return nil }
    let born = Birth(of: name, in: self, nowMs: nowMs)
    let recording = kind == .recording ? recording(of: camera) : 0
    let ageS = ageS(nowMs)
    let round = round
    catalog.update(place) { file in
      file.bytes = bytes
      file.boot = born.boot
      file.startedMs = born.startedMs
      file.unixMs = born.unixMs
      file.recording = recording
      file.ageS = ageS
      file.seen = round
    }
    if recording != 0 {
      let afterGap = isAfterGap(place)
      catalog.update(place) { $0.afterGap = afterGap }
    }
    index.append(catalog.record(place))
    guard kind == .recording, let open = follow(place, nowMs: nowMs) else { return place }
    segments[open].toldMs = nowMs
    tell(.began, open, bytes: bytes)
    return place
  }

  /// Keeps an eye on a file that is being written.
  mutating func follow(_ place: Int, nowMs: UInt64) -> Int? {
    var segment = OpenSegment()
    segment.id = catalog[place].id
    segment.kind = catalog[place].kind
    segment.camera = catalog.camera(catalog[place].camera)
    segment.name = catalog.name(place)
    segment.syncedMs = nowMs
    if let name = SegmentName(segment.name), name.boot == boot { segment.life = name.life }
    return segments.add(segment)
  }

  /// True where pictures are missing between this segment and the one before it of its recording.
  private func isAfterGap(_ place: Int) -> Bool {
    guard
      let before = catalog.segment(
        before: place, camera: catalog[place].camera, recording: catalog[place].recording)
    else { return false }
    guard catalog[before].boot == catalog[place].boot else { return true }
    let end = catalog[before].startedMs + UInt64(catalog[before].durationMs)
    return catalog[place].startedMs > end + Self.gapMs
  }

  /// When a file began, as far as its name and the clocks tell.
  struct Birth {
    var boot: UInt32 = 0
    var startedMs: UInt64 = 0
    var unixMs: UInt64 = 0

    init(of name: Text<56>, in archive: borrowing FileArchive, nowMs: UInt64, isNew: Bool = true) {
      let parsed = SegmentName(name)
      guard parsed == nil && isNew || parsed?.boot == archive.boot else {
        // Another boot's, of which nothing else is known, or a planted file.
        boot = parsed?.boot ?? 0
        if let parsed, parsed.wallMs >= FileArchive.setClockMs { unixMs = parsed.wallMs }
        return
      }
      boot = archive.boot
      startedMs = nowMs
      let wallMs = lx_wall_time_ms()
      if let parsed, wallMs >= parsed.wallMs {
        let sinceMs = wallMs - parsed.wallMs
        if sinceMs <= (isNew ? FileArchive.namedMs : nowMs) { startedMs = nowMs - sinceMs }
      }
      if let originMs = archive.originMs { unixMs = originMs &+ startedMs }
    }
  }

  // MARK: Growth

  /// Tells what has grown, each file at most every 200 ms.
  mutating func tellGrowth(nowMs: UInt64) {
    for open in segments.indices
    where segments[open].id != 0 && segments[open].hasGrown
      && nowMs >= segments[open].toldMs + OpenSegments.newsMs
    {
      segments[open].hasGrown = false
      segments[open].toldMs = nowMs
      guard let place = catalog.place(ofID: segments[open].id),
        let facts = facts(segments[open].kind, segments[open].camera, segments[open].name),
        facts.bytes != catalog[place].bytes
      else { continue }
      catalog.update(place) { $0.bytes = facts.bytes }
      tell(.grew, open, bytes: facts.bytes)
    }
  }

  func tell(_ what: SegmentNews.What, _ open: Int, bytes: UInt64) {
    guard segments[open].life > 0 else { return }
    var news = SegmentNews()
    news.camera = segments[open].camera
    news.what = what
    news.life = segments[open].life
    news.bytes = bytes
    agent.tell(.segment) { news.encode(into: &$0) }
  }

  // MARK: End

  /// Whoever wrote a file has closed it.
  mutating func close(_ kind: FileKind, _ camera: Name, _ name: Text<56>, nowMs: UInt64) {
    var place = catalog.find(kind, camera: camera, name: name)
    if place == nil {
      guard let facts = facts(kind, camera, name) else { return }
      place = begin(kind, camera, name, bytes: facts.bytes, nowMs: nowMs)
    }
    guard let place else { return }
    let open = segments.find(kind, camera, name)
    // It waits for the disk: what was closed now was written for that.
    if let open, segments[open].failures > 0, segments[open].closeAgainMs != 0 { return }
    if open == nil, catalog[place].state != .open,
      facts(kind, camera, name)?.bytes
        == catalog[place].bytes
    {
      // The cut of our own, or somebody who changed nothing.
      return
    }
    if let open {
      guard let bytes = closedBytes(place) else { return closeLater(open, nowMs: nowMs) }
      // Whoever waits for the end need not wait for the disk.
      if segments[open].failures == 0 { tell(.closed, open, bytes: bytes) }
    }
    var film = FragmentedMP4()
    if let open { film = segments[open].film }
    switch settle(place, &film, isFresh: true, open) {
    case .settled: if let open { segments.remove(open) }
    case .isWritten: break
    case .failed:
      if let open, closeWhenItWorks(open, nowMs: nowMs) { return }
      if let open { segments.remove(open) }
      leaveUnchecked(place)
    }
  }

  /// What has not reached the disk is in memory, and only as long as somebody remembers which bytes
  /// those are.
  private mutating func closeWhenItWorks(_ open: Int, nowMs: UInt64) -> Bool {
    guard segments[open].failures < OpenSegments.failures else { return false }
    segments[open].failures += 1
    segments[open].closeAgainMs = nowMs + OpenSegments.syncMs
    return true
  }

  /// The size of a file that nobody writes any longer; nil: somebody does.
  private func closedBytes(_ place: Int) -> UInt64? {
    let directory = folder.open(catalog[place].kind, catalog.camera(catalog[place].camera))
    guard directory >= 0 else { return catalog[place].bytes }
    defer { lx_close(directory) }
    let file = catalog.name(place).withCString { lx_file_open_at(directory, $0, 0) }
    guard file >= 0 else { return catalog[place].bytes }
    defer { lx_close(file) }
    var facts = lx_file_facts()
    guard lx_file_facts_of(file, &facts) == 0 else { return catalog[place].bytes }
    return lx_file_is_written(file) == 1 ? nil : facts.bytes
  }

  private mutating func closeLater(_ open: Int, nowMs: UInt64) {
    guard segments[open].closings < OpenSegments.closings else {
      // Another writer has it: its own close will be told.
      segments[open].closings = 0
      return
    }
    segments[open].closings += 1
    segments[open].closeAgainMs = nowMs + OpenSegments.closeAgainMs
  }

  /// Looks again at files that were said to be closed.
  mutating func closeAgain(nowMs: UInt64) {
    for open in segments.indices
    where segments[open].id != 0 && segments[open].closeAgainMs != 0
      && nowMs >= segments[open].closeAgainMs
    {
      segments[open].closeAgainMs = 0
      let segment = segments[open]
      close(segment.kind, segment.camera, segment.name, nowMs: nowMs)
    }
  }

  /// A file is no longer where it was.
  mutating func forget(_ kind: FileKind, _ camera: Name, _ name: Text<56>) {
    guard let place = catalog.find(kind, camera: camera, name: name) else { return }
    let directory = folder.open(kind, camera)
    if directory >= 0 {
      defer { lx_close(directory) }
      var facts = lx_file_facts()
      let found = name.withCString { lx_file_facts_at(directory, $0, &facts) }
      guard folder.judge(found) == -Int32(LX_ENOENT.rawValue) else { return }
    } else if directory != -Int32(LX_ENOENT.rawValue) {
      return
    }
    drop(place)
  }

  /// Takes a file that is gone out of the catalog and the index.
  mutating func drop(_ place: Int) {
    let id = catalog[place].id
    for open in segments.indices where segments[open].id == id { segments.remove(open) }
    catalog.remove(place)
    index.append(.removed(id: id))
  }

  /// Size and time of a file; nil where it is none.
  func facts(_ kind: FileKind, _ camera: Name, _ name: Text<56>) -> lx_file_facts? {
    let directory = folder.open(kind, camera)
    guard directory >= 0 else { return nil }
    defer { lx_close(directory) }
    var facts = lx_file_facts()
    let found = name.withCString { lx_file_facts_at(directory, $0, &facts) }
    return folder.judge(found) == 0 ? facts : nil
  }
}
