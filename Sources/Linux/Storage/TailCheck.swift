import Appliance
import Archive
import CLinux
import Wire

/// The check of one file's end that is under way.
struct TailCheck {
  var id: UInt64
  var film = FragmentedMP4()
}

// Ends of files: whoever writes one may have been killed in the middle of a part, and a power cut
// leaves what the kernel had written by then.
extension FileArchive {
  enum Settlement {
    /// Its state is known, and on the disk.
    case settled
    /// Somebody writes it still.
    case isWritten
    /// It could not be read, cut or written; it is left as it is.
    case failed
  }

  /// Boxes of a film that are looked at in one slice.
  private static let boxesAtOnce = 256
  /// How long a slice of checks may take.
  private static let sliceMs: UInt64 = 10
  /// Where the kernel tells nobody's leases: a file of this boot that changed less than so long ago
  /// is being written.
  private static let freshMs: UInt64 = 10_000

  /// Walks on over a film. False: it cannot be read.
  @discardableResult
  func walk(
    _ film: inout FragmentedMP4, _ file: Int32, _ size: UInt64, boxes: Int = .max,
    isDone: UnsafeMutablePointer<Bool>? = nil
  ) -> Bool {
    var failure: Int64 = 0
    let done = film.advance(size: size, boxes: boxes, window: scratch) { offset, buffer in
      let count = lx_read_at(file, buffer.baseAddress!, buffer.count, offset)
      if count < 0 { failure = count }
      return Int(count)
    }
    isDone?.pointee = done
    return folder.judge(failure) == 0
  }

  /// Finds out what a file that nobody writes is, cuts it to its whole parts if it is MediaMTX's,
  /// and puts that onto the disk. `film` is how far it has been walked over, `open` where the file
  /// has been followed.
  mutating func settle(
    _ place: Int, _ film: inout FragmentedMP4, isFresh: Bool, _ open: Int? = nil
  ) -> Settlement {
    let directory = folder.open(catalog[place].kind, catalog.camera(catalog[place].camera))
    guard directory >= 0 else { return .failed }
    defer { lx_close(directory) }
    let name = catalog.name(place)
    let file = folder.judge(name.withCString { lx_file_open_at(directory, $0, 0) })
    guard file >= 0 else { return .failed }
    defer { lx_close(file) }
    var facts = lx_file_facts()
    guard lx_file_facts_of(file, &facts) == 0 else { return .failed }
    if isWritten(file, facts, place) { return .isWritten }
    var verdict = Verdict(bytes: facts.bytes)
    switch catalog[place].kind {
    case .recording:
      guard walk(&film, file, facts.bytes) else { return .failed }
      verdict.judge(film, isOurs: SegmentName(name) != nil)
    case .snapshot:
      guard let isWhole = isJPEG(file, facts.bytes) else { return .failed }
      verdict.state = isWhole ? .complete : .damaged
    }
    if verdict.bytes < facts.bytes, !cut(name, in: directory, to: verdict.bytes) {
      return .failed
    }
    // What has been closed long ago is on the disk already.
    if isFresh || verdict.bytes < facts.bytes {
      guard !folder.isWritable || syncWhole(open, name, directory, file, bytes: verdict.bytes),
        folder.judge(lx_fsync(directory)) == 0
      else { return .failed }
    }
    conclude(place, verdict, isFresh: isFresh)
    return .settled
  }

  /// What a file is found to be.
  private struct Verdict {
    var state = FileState.complete
    var bytes: UInt64
    var durationMs: UInt32 = 0
    /// A power cut, or a kill, has left it unfinished.
    var isNews = false

    init(bytes: UInt64) { self.bytes = bytes }

    /// What somebody else has put there is never cut, and may be a film of another making.
    mutating func judge(_ film: FragmentedMP4, isOurs: Bool) {
      durationMs = film.durationMs
      switch film.condition(size: bytes) {
      case .whole: break
      case .unfinished where isOurs:
        (state, bytes, isNews) = (.repaired, film.end, true)
      case .damaged where isOurs || !film.isMP4:
        (state, isNews) = (.damaged, isOurs)
      case .unfinished, .damaged: break
      }
    }
  }

  private mutating func conclude(_ place: Int, _ verdict: Verdict, isFresh: Bool) {
    let wasRepaired = catalog[place].state == .repaired && verdict.state == .complete
    let wasKnown = catalog[place].state == verdict.state && !isFresh
    catalog.update(place) { file in
      // Once repaired it stays so: pictures are missing at its end.
      file.state = wasRepaired ? .repaired : verdict.state
      file.bytes = verdict.bytes
      file.durationMs = verdict.durationMs
      file.isUnchecked = false
    }
    index.append(catalog.record(place))
    if isFresh { index.sync() }
    guard verdict.isNews, !wasKnown else { return }
    totals.repairedFiles &+= 1
    let news = RepairNews(
      camera: catalog.camera(catalog[place].camera), state: verdict.state,
      name: catalog.name(place))
    agent.tell(.repaired) { news.encode(into: &$0) }
  }

  private func cut(_ name: Text<56>, in directory: Int32, to bytes: UInt64) -> Bool {
    guard folder.isWritable else { return false }
    let file = folder.judge(name.withCString { lx_file_open_at(directory, $0, 1) })
    guard file >= 0 else { return false }
    defer { lx_close(file) }
    return folder.judge(lx_file_truncate(file, bytes)) == 0 && folder.judge(lx_fsync(file)) == 0
  }

  private func isWritten(_ file: Int32, _ facts: lx_file_facts, _ place: Int) -> Bool {
    let told = lx_file_is_written(file)
    if told >= 0 { return told == 1 }
    let wallMs = lx_wall_time_ms()
    return catalog[place].boot == boot && facts.changed_ms + Self.freshMs > wallMs
      && facts.changed_ms <= wallMs
  }

  /// Whether a file begins and ends as a JPEG does (ITU-T T.81, B.1.1.3); nil: it cannot be read.
  private func isJPEG(_ file: Int32, _ size: UInt64) -> Bool? {
    guard size >= 4 else { return false }
    var ends: UInt32 = 0
    let read = withUnsafeMutableBytes(of: &ends) { bytes in
      let first = lx_read_at(file, bytes.baseAddress!, 2, 0)
      return min(first, lx_read_at(file, bytes.baseAddress! + 2, 2, size - 2))
    }
    guard folder.judge(read) == 2 else { return nil }
    return UInt32(bigEndian: ends) == 0xFFD8_FFD9
  }

  // MARK: Slices

  mutating func leaveUnchecked(_ place: Int) {
    catalog.update(place) { $0.isUnchecked = true }
    isCheckingAgain = true
  }

  /// Checks some of the files whose end has not been looked at, the newest first. True: there may
  /// be more.
  mutating func checkSlice(nowMs: UInt64) -> Bool {
    guard uncheckedBelow > catalog.oldest, folder.isWritable, !folder.isFailing else {
      return false
    }
    let untilMs = nowMs + Self.sliceMs
    repeat {
      let place = min(uncheckedBelow, catalog.used) - 1
      guard place >= catalog.oldest else {
        uncheckedBelow = 0
        return false
      }
      if !catalog[place].isThere || !catalog[place].isUnchecked || checkNext(place, nowMs: nowMs) {
        uncheckedBelow = place
      }
    } while lx_boot_time_ms() < untilMs
    return true
  }

  /// Goes on with the check of a file. True: it is done.
  private mutating func checkNext(_ place: Int, nowMs: UInt64) -> Bool {
    let id = catalog[place].id
    let isOfThisBoot = catalog[place].boot == boot
    var film = FragmentedMP4()
    if let check, check.id == id {
      film = check.film
    } else if isOfThisBoot, !isReadFromDisk(place) {
      isCheckingAgain = true
      return true
    }
    var isDone = true
    if catalog[place].kind == .recording { isDone = walkSlice(place, &film) }
    guard isDone else {
      check = TailCheck(id: id, film: film)
      return false
    }
    check = nil
    switch settle(place, &film, isFresh: isOfThisBoot) {
    case .settled: break
    case .failed: isCheckingAgain = true
    case .isWritten: adopt(place, film, nowMs: nowMs)
    }
    return true
  }

  /// Has a file read from the disk rather than from memory: which bytes of it the disk has not
  /// taken, nobody knows any longer (see `OpenSegment.Loss`). False: it takes none.
  private func isReadFromDisk(_ place: Int) -> Bool {
    let directory = folder.open(catalog[place].kind, catalog.camera(catalog[place].camera))
    guard directory >= 0 else { return false }
    defer { lx_close(directory) }
    let file = catalog.name(place).withCString { lx_file_open_at(directory, $0, 0) }
    guard file >= 0 else { return false }
    defer { lx_close(file) }
    guard folder.judge(lx_fsync(file)) == 0 else { return false }
    lx_forget_cached(file)
    return true
  }

  /// Walks over some boxes of a file. True: all that is there has been.
  private func walkSlice(_ place: Int, _ film: inout FragmentedMP4) -> Bool {
    let directory = folder.open(catalog[place].kind, catalog.camera(catalog[place].camera))
    guard directory >= 0 else { return true }
    defer { lx_close(directory) }
    let file = catalog.name(place).withCString { lx_file_open_at(directory, $0, 0) }
    guard file >= 0 else { return true }
    defer { lx_close(file) }
    var facts = lx_file_facts()
    guard lx_file_facts_of(file, &facts) == 0 else { return true }
    var isDone = true
    guard walk(&film, file, facts.bytes, boxes: Self.boxesAtOnce, isDone: &isDone) else {
      return true
    }
    return isDone
  }

  /// Somebody writes the file: MediaMTX has gone on while the worker was started again.
  private mutating func adopt(_ place: Int, _ film: FragmentedMP4, nowMs: UInt64) {
    let camera = catalog.camera(catalog[place].camera)
    let name = catalog.name(place)
    let tagged = recording(of: camera)
    catalog.update(place) { file in
      file.state = .open
      file.isUnchecked = false
      if file.recording == 0 { file.recording = tagged }
    }
    index.append(catalog.record(place))
    guard segments.find(catalog[place].kind, camera, name) == nil,
      let open = follow(place, nowMs: nowMs)
    else { return }
    segments[open].film = film
    segments[open].hasGrown = true
  }
}
