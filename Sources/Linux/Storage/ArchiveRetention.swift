import Appliance
import Archive
import CLinux
import Wire

/// What retention has removed, and who waits to hear of it.
struct RetentionRuns {
  static let capacity = 8
  /// Who asks is answered after so long at the latest, with what has gone by then: the request has
  /// a time-out of its own.
  static let patienceMs: UInt64 = 8000

  private struct Run {
    var job: UInt32
    var report = RetentionReport()
    var untilMs: UInt64
  }
  private var runs = InlineArray<8, Run?>(repeating: nil)
  private var removed = RetentionReport()

  /// True: the job is answered when nothing more may go. False: too many wait already.
  mutating func add(_ job: UInt32, nowMs: UInt64) -> Bool {
    for index in runs.indices where runs[index] == nil {
      runs[index] = Run(job: job, untilMs: nowMs + Self.patienceMs)
      return true
    }
    return false
  }

  /// A file went: for those who wait, or by itself.
  mutating func count(_ bytes: UInt64) {
    var isAsked = false
    for index in runs.indices where runs[index] != nil {
      runs[index]?.report.files &+= 1
      runs[index]?.report.bytes &+= bytes
      isAsked = true
    }
    guard !isAsked else { return }
    removed.files &+= 1
    removed.bytes &+= bytes
  }

  /// Answers those whose time is over, or all.
  mutating func finish(all: Bool, nowMs: UInt64, _ agent: AgentChannel) {
    for index in runs.indices {
      guard let run = runs[index], all || nowMs >= run.untilMs else { continue }
      runs[index] = nil
      withUnsafeTemporaryAllocation(byteCount: RetentionReport.size, alignment: 8) { memory in
        var writer = ByteWriter(memory)
        run.report.encode(into: &writer)
        agent.answer(run.job, writer.written)
      }
    }
  }

  mutating func end(_ status: Status, _ agent: AgentChannel) {
    for index in runs.indices {
      guard let run = runs[index] else { continue }
      runs[index] = nil
      agent.answer(run.job, status)
    }
  }

  /// Tells what has gone by itself since that was told.
  mutating func tellRemoved(_ agent: AgentChannel) {
    guard removed.files > 0 else { return }
    let report = removed
    removed = RetentionReport()
    agent.tell(.removed) { report.encode(into: &$0) }
  }
}

extension FileArchive {
  /// Files that go in one turn: requests are answered in between.
  private static let removalsAtOnce = 4

  /// Removes some of what may go. True: there may be more.
  ///
  /// Not before the order of all files is known: the oldest goes first.
  mutating func retainSlice(nowMs: UInt64) -> Bool {
    guard case .idle = scan else { return false }
    var removed = 0
    if folder.isWritable, !folder.isFailing {
      let ageS = ageS(nowMs)
      while removed < Self.removalsAtOnce, let place = retention.next(in: catalog, ageS: ageS) {
        removed += 1
        let bytes = catalog[place].bytes
        guard remove(place) == .ok else {
          catalog.update(place) { $0.isStuck = true }
          continue
        }
        totals.removedFiles &+= 1
        totals.removedBytes &+= bytes
        runs.count(bytes)
      }
      if removed > 0 { index.sync() }
    }
    runs.finish(all: removed == 0, nowMs: nowMs, agent)
    return removed > 0
  }

  /// Removes a file that nobody writes, its name's end on the disk; the record follows with the
  /// next sync.
  mutating func remove(_ place: Int) -> Status {
    guard folder.isWritable else { return .storageUnavailable }
    let directory = folder.open(catalog[place].kind, catalog.camera(catalog[place].camera))
    if directory == -Int32(LX_ENOENT.rawValue) {
      drop(place)
      return .notFound
    }
    guard directory >= 0 else { return .storageUnavailable }
    defer { lx_close(directory) }
    let unlinked = folder.judge(catalog.name(place).withCString { lx_unlink_at(directory, $0) })
    guard unlinked == 0 || unlinked == -Int32(LX_ENOENT.rawValue) else {
      return .storageUnavailable
    }
    drop(place)
    if unlinked != 0 { return .notFound }
    return folder.judge(lx_fsync(directory)) == 0 ? .ok : .storageUnavailable
  }
}
