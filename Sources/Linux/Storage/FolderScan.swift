import Appliance
import Archive
import CLinux
import Wire

/// The reconciliation of the catalog with the folders, which goes on in slices between requests.
///
/// ```
/// idle ─► folder 0 … n ─► dropping ─► idle
/// ```
enum Scan {
  case idle
  /// Lists a camera's folder, which is open where it has begun.
  case folder(Int, descriptor: Int32)
  /// Looks whether the files that no folder has shown are really gone, from that place on.
  case dropping(Int)
}

extension FileArchive {
  /// Places looked at in one slice.
  private static let placesAtOnce = 4096

  /// Everything is compared anew: at the start, and when changes have been lost.
  mutating func beginScan() {
    endScan()
    round = round == .max ? 1 : round + 1
    for kind in [FileKind.recording, .snapshot] { watchCameras(kind) }
    for place in watch.indices { watch[place].isListed = false }
    scan = .folder(0, descriptor: -1)
  }

  mutating func endScan() {
    if case .folder(_, let descriptor) = scan, descriptor >= 0 { lx_close(descriptor) }
    scan = .idle
  }

  /// Watches all folders of cameras that there are.
  private mutating func watchCameras(_ kind: FileKind) {
    let top = folder.open(kind.folder)
    guard top >= 0 else { return }
    defer { lx_close(top) }
    while true {
      let count = folder.judge(lx_folder_read(top, scratch.baseAddress!, scratch.count))
      guard count > 0 else { return }
      var offset = 0
      while let name = lx_folder_entry(scratch.baseAddress!, Int(count), &offset) {
        _ = watch.add(kind, name)
      }
    }
  }

  /// Does a slice. True: there is more.
  mutating func scanSlice(nowMs: UInt64) -> Bool {
    switch scan {
    case .idle: return false
    case .folder(let place, let descriptor):
      guard watch.indices.contains(place) else {
        scan = .dropping(catalog.oldest)
        return true
      }
      guard watch[place].watch >= 0 else {
        scan = .folder(place + 1, descriptor: -1)
        return true
      }
      list(place, descriptor, nowMs: nowMs)
    case .dropping(let place): dropSlice(from: place, nowMs: nowMs)
    }
    return true
  }

  private mutating func list(_ place: Int, _ descriptor: Int32, nowMs: UInt64) {
    var directory = descriptor
    if directory < 0 {
      watch[place].foreign = 0
      directory = folder.open(watch[place].kind, watch[place].camera)
    }
    guard directory >= 0 else {
      scan = .folder(place + 1, descriptor: -1)
      return
    }
    let count = folder.judge(lx_folder_read(directory, scratch.baseAddress!, 32 * 1024))
    guard count > 0 else {
      watch[place].isListed = count == 0
      lx_close(directory)
      scan = .folder(place + 1, descriptor: -1)
      return
    }
    scan = .folder(place, descriptor: directory)
    var offset = 0
    while let entry = lx_folder_entry(scratch.baseAddress!, Int(count), &offset) {
      meet(entry, in: place, directory, nowMs: nowMs)
    }
  }

  /// A folder shows a name.
  private mutating func meet(
    _ entry: UnsafePointer<CChar>, in place: Int, _ directory: Int32, nowMs: UInt64
  ) {
    let (kind, camera) = (watch[place].kind, watch[place].camera)
    if entry[0] == CChar(bitPattern: UInt8(ascii: ".")),
      entry[1] == 0 || (entry[1] == entry[0] && entry[2] == 0)
    {
      return
    }
    var facts = lx_file_facts()
    guard let name = Text<56>(fileName: entry), SegmentName.kind(of: name) == kind,
      folder.judge(lx_file_facts_at(directory, entry, &facts)) == 0
    else {
      watch[place].foreign &+= 1
      // Its going is told like that of others.
      if let name = Text<56>(fileName: entry), SegmentName.isLeftover(name, boot: boot) {
        _ = folder.judge(lx_unlink_at(directory, entry))
      }
      return
    }
    let round = round
    if let known = catalog.find(kind, camera: camera, name: name) {
      let isFollowed = segments.find(kind, camera, name) != nil
      catalog.update(known) { file in
        file.seen = round
        guard !isFollowed else { return }
        // A file that is open and that nobody follows, or that has changed unseen.
        if file.state == .open || file.bytes != facts.bytes { file.isUnchecked = true }
        file.bytes = facts.bytes
      }
      return
    }
    find(kind, camera, name, facts, nowMs: nowMs)
  }

  /// A file that the index does not know: planted, or written while nobody looked.
  private mutating func find(
    _ kind: FileKind, _ camera: Name, _ name: Text<56>, _ facts: lx_file_facts, nowMs: UInt64
  ) {
    let wallMs = SegmentName(name)?.wallMs ?? facts.changed_ms
    guard let place = catalog.addFound(kind, camera: camera, name: name, key: wallMs) else {
      return
    }
    let born = Birth(of: name, in: self, nowMs: nowMs, isNew: false)
    let ageS = ageS(nowMs)
    let (round, boot) = (round, boot)
    let recording = kind == .recording && born.boot == boot ? recording(of: camera) : 0
    catalog.update(place) { file in
      file.bytes = facts.bytes
      file.recording = recording
      file.boot = born.boot
      file.startedMs = born.startedMs
      file.unixMs = born.unixMs
      file.ageS = ageS
      file.seen = round
      // Only a file of this boot can be being written by MediaMTX.
      file.state = born.boot == boot ? .open : .complete
      file.isUnchecked = true
    }
  }

  private mutating func dropSlice(from start: Int, nowMs: UInt64) {
    let end = min(start + Self.placesAtOnce, catalog.used)
    var place = max(start, catalog.oldest)
    while place < end {
      if catalog[place].isThere, catalog[place].seen != round, isGone(place) { drop(place) }
      place += 1
    }
    if place >= catalog.used { finishScan(nowMs: nowMs) } else { scan = .dropping(place) }
  }

  /// What no folder has shown is gone only where its folder was read to its end, or is gone itself.
  private func isGone(_ place: Int) -> Bool {
    let (kind, camera) = (catalog[place].kind, catalog.camera(catalog[place].camera))
    if let at = watch.find(kind, camera), !watch[at].isListed { return false }
    let missing = -Int32(LX_ENOENT.rawValue)
    let directory = folder.open(kind, camera)
    guard directory >= 0 else { return directory == missing }
    defer { lx_close(directory) }
    var facts = lx_file_facts()
    return folder.judge(
      catalog.name(place).withCString { lx_file_facts_at(directory, $0, &facts) }) == missing
  }

  private mutating func finishScan(nowMs: UInt64) {
    scan = .idle
    catalog.orderFound()
    // Found files may have changed places, those that are being written among them.
    for open in segments.indices where segments[open].id != 0 {
      let place = catalog.find(
        segments[open].kind, camera: segments[open].camera, name: segments[open].name)
      if let place { segments[open].id = catalog[place].id } else { segments.remove(open) }
    }
    check = nil
    uncheckedBelow = catalog.used
    // A new card's index is begun at once: what is appended must have a place.
    if isRebuilding { rewriteIndex(nowMs: nowMs) }
    if isRebuilding, catalog.totals.files > 0 {
      let files = UInt32(catalog.totals.files)
      agent.tell(.rebuilt) { $0.write(files) }
    }
    isRebuilding = false
  }

  // MARK: Changes

  /// Changes taken in one turn, in buffers of so many bytes.
  private static let buffersAtOnce = 8

  mutating func takeChanges(nowMs: UInt64) {
    guard watch.descriptor >= 0 else { return }
    for _ in 0..<Self.buffersAtOnce {
      let count = lx_watch_read(watch.descriptor, changes.baseAddress!, changes.count)
      guard count > 0 else { return }
      var offset = 0
      var event = lx_watch_event()
      while lx_watch_next(changes.baseAddress!, Int(count), &offset, &event) != 0 {
        take(event, nowMs: nowMs)
      }
    }
  }

  private mutating func take(_ event: lx_watch_event, nowMs: UInt64) {
    if event.overflow != 0 {
      beginScan()
      return
    }
    guard let name = event.name else { return }
    switch watch.place(of: event.watch) {
    case nil: break
    case .top(let kind):
      if event.is_folder != 0, event.appeared != 0 { enter(kind, name, nowMs: nowMs) }
    case .camera(let place):
      if event.ended != 0 {
        watch.remove(place)
        beginScan()
      } else {
        take(event, name, in: place, nowMs: nowMs)
      }
    }
  }

  private mutating func take(
    _ event: lx_watch_event, _ entry: UnsafePointer<CChar>, in place: Int, nowMs: UInt64
  ) {
    let (kind, camera) = (watch[place].kind, watch[place].camera)
    guard let name = Text<56>(fileName: entry), SegmentName.kind(of: name) == kind else {
      if event.appeared != 0 { watch[place].foreign &+= 1 }
      if event.gone != 0, watch[place].foreign > 0 { watch[place].foreign -= 1 }
      return
    }
    if event.gone != 0 {
      forget(kind, camera, name)
    } else if event.closed != 0 {
      close(kind, camera, name, nowMs: nowMs)
    } else if event.changed != 0 {
      grow(kind, camera, name, nowMs: nowMs)
    }
  }

  /// A camera's folder is new: files may have come before it was watched.
  private mutating func enter(_ kind: FileKind, _ name: UnsafePointer<CChar>, nowMs: UInt64) {
    guard let place = watch.add(kind, name) else { return }
    let camera = watch[place].camera
    let directory = folder.open(kind, camera)
    guard directory >= 0 else { return }
    defer { lx_close(directory) }
    // More than this at once is a folder that was moved here.
    let count = folder.judge(lx_folder_read(directory, scratch.baseAddress!, 16 * 1024))
    guard count > 0 else { return }
    if lx_folder_read(directory, scratch.baseAddress! + 16 * 1024, 16 * 1024) > 0 {
      beginScan()
      return
    }
    withUnsafeTemporaryAllocation(byteCount: Int(count), alignment: 8) { entries in
      entries.copyMemory(from: UnsafeRawBufferPointer(rebasing: scratch[..<Int(count)]))
      var offset = 0
      while let entry = lx_folder_entry(entries.baseAddress!, entries.count, &offset) {
        guard let file = Text<56>(fileName: entry), SegmentName.kind(of: file) == kind else {
          continue
        }
        grow(kind, camera, file, nowMs: nowMs)
        close(kind, camera, file, nowMs: nowMs)
      }
    }
  }
}
