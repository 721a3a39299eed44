import Appliance
import Archive
import CLinux
import EventLoop
import Wire

/// The agent's ends of those who do jobs: the storage worker, which answers from what it knows of
/// the files, and a few processes (`watchpost job`) that read files and work on pictures, one job
/// at a time each.
///
/// A worker may crash, or hang in a card: that costs its job, and it is started again. One that
/// ignores SIGKILL keeps its place until it is gone; the others go on.
struct JobEnds: ~Copyable {
  static let workers = 4
  /// As many as the loop's table holds.
  static let capacity = 100
  /// Jobs that the storage worker may have at once.
  static let storageJobs = 8
  /// A worker that ended is started again after this long.
  static let restartMs: UInt64 = 500
  /// A job for which nobody waits any longer may go on for this long, then its worker is ended:
  /// longer than the loop's own patience.
  static let hungMs: UInt64 = 12_000
  /// Bytes of the largest answer: a picture behind its head.
  static let answerSize = SnapshotPart.size + Limits.pictureSize

  private enum Worker {
    case off(until: Instant)
    case idle(Int32)
    case busy(Int32, entry: Int, since: Instant)
    /// Killed, not gone yet.
    case ending(Int32)
  }

  private enum Entry {
    case free
    /// Under way under this number, with a worker or, nil, the storage worker.
    case running(id: UInt32, worker: Int?)
    case answered(Status, memory: Int32, bytes: Int)
    /// Its worker is gone.
    case lost
    /// Told; its bytes are read.
    case held(memory: Int32, bytes: Int)
  }

  private var pool = InlineArray<4, Worker>(repeating: .off(until: Instant(ms: 0)))
  private var entries = InlineArray<100, Entry>(repeating: .free)
  private var lastID: UInt32 = 0
  private var inStorage = 0
  /// Entries that have something to tell.
  private(set) var done = 0

  // MARK: Workers

  /// A free worker of the first `count`, nil when there is none now.
  func idle(of count: Int) -> Int? {
    for worker in 0..<count {
      if case .idle = pool[worker] { return worker }
    }
    return nil
  }

  /// A worker of the first `count` that may be started now.
  func startable(of count: Int, now: Instant) -> Int? {
    for worker in 0..<count {
      if case .off(let until) = pool[worker], now >= until { return worker }
    }
    return nil
  }

  /// Takes our end of the channel to a worker that was started.
  mutating func started(_ worker: Int, channel: Int32) { pool[worker] = .idle(channel) }

  mutating func notStarted(_ worker: Int, now: Instant) {
    pool[worker] = .off(until: now + Self.restartMs)
  }

  /// A worker has ended. Returns the descriptor that is to be forgotten and closed.
  mutating func ended(_ worker: Int, now: Instant) -> Int32? {
    defer {
      pool[worker] = .off(until: now + Self.restartMs)
      plan()
    }
    switch pool[worker] {
    case .off: return nil
    case .idle(let channel): return channel
    case .ending(let channel):
      return channel
    case .busy(let channel, let entry, _):
      if case .running(_, .some(worker)) = entries[entry] { lose(entry) }
      return channel
    }
  }

  /// When the first of them has been busy for too long. Stored: the loop asks in every turn.
  private(set) var nextDeadline = Instant.never

  private mutating func plan() {
    nextDeadline = .never
    for worker in pool.indices {
      guard case .busy(_, _, let since) = pool[worker] else { continue }
      nextDeadline = min(nextDeadline, since + Self.hungMs)
    }
  }

  mutating func endHung(_ children: borrowing Children, now: Instant) {
    for worker in pool.indices {
      guard case .busy(let channel, let entry, let since) = pool[worker],
        now >= since + Self.hungMs
      else { continue }
      children.killJob(worker)
      pool[worker] = .ending(channel)
      if case .running(_, .some(worker)) = entries[entry] { lose(entry) }
    }
    plan()
  }

  private mutating func lose(_ entry: Int) {
    entries[entry] = .lost
    done += 1
  }

  /// The storage worker has ended, and with it what it was asked.
  mutating func storageEnded() {
    for entry in entries.indices {
      if case .running(_, nil) = entries[entry] { lose(entry) }
    }
    inStorage = 0
  }

  // MARK: Jobs

  var storageHasRoom: Bool { inStorage < Self.storageJobs }

  /// The number under which an entry is asked of the storage worker.
  mutating func beginInStorage(_ entry: Int) -> UInt32 {
    inStorage += 1
    lastID &+= 1
    entries[entry] = .running(id: lastID, worker: nil)
    return lastID
  }

  /// The storage worker could not be asked.
  mutating func revoke(_ entry: Int) {
    inStorage -= 1
    entries[entry] = .free
  }

  /// Hands a job to an idle worker. `memory` is a feed's, or -1. False: it does not take it.
  mutating func begin(
    _ entry: Int, _ worker: Int, _ kind: Kind, _ request: UnsafeRawBufferPointer,
    notBeforeUs: UInt64, memory: Int32, now: Instant
  ) -> Bool {
    guard case .idle(let channel) = pool[worker] else { return false }
    lastID &+= 1
    let id = lastID
    let sent = withUnsafeTemporaryAllocation(byteCount: 256, alignment: 8) { message in
      var writer = ByteWriter(message)
      JobRequest(id: id, kind: kind).encode(into: &writer)
      writer.write(notBeforeUs)
      writer.write(request)
      return lx_send_message(channel, message.baseAddress!, writer.count, memory)
        == Int64(writer.count)
    }
    guard sent else { return false }
    entries[entry] = .running(id: id, worker: worker)
    pool[worker] = .busy(channel, entry: entry, since: now)
    plan()
    return true
  }

  /// Takes what a worker has answered.
  mutating func read(_ worker: Int) {
    guard case .busy(let channel, _, _) = pool[worker] else { return }
    withUnsafeTemporaryAllocation(byteCount: JobReply.size, alignment: 8) { message in
      var memory: Int32 = -1
      let count = lx_receive_message(channel, message.baseAddress!, message.count, &memory)
      guard count == Int64(JobReply.size) else {
        if memory >= 0 { lx_close(memory) }
        return
      }
      pool[worker] = .idle(channel)
      plan()
      var reader = ByteReader(UnsafeRawBufferPointer(message))
      took(JobReply(from: &reader), memory)
    }
  }

  /// Takes an answer, if somebody still waits for it, and if its memory is what it says: nobody can
  /// change it any more.
  mutating func took(_ reply: JobReply, _ memory: Int32) {
    guard let entry = entry(id: reply.id) else {
      if memory >= 0 { lx_close(memory) }
      return
    }
    if case .running(_, nil) = entries[entry] { inStorage -= 1 }
    done += 1
    let bytes = Int(reply.bytes)
    let isWhole =
      bytes == 0
      || memory >= 0 && bytes <= Self.answerSize && lx_memory_is_sealed(memory, bytes) != 0
    guard isWhole else {
      if memory >= 0 { lx_close(memory) }
      entries[entry] = .answered(.internalError, memory: -1, bytes: 0)
      return
    }
    entries[entry] = .answered(reply.status, memory: memory, bytes: bytes)
  }

  private func entry(id: UInt32) -> Int? {
    for entry in entries.indices {
      if case .running(id, _) = entries[entry] { return entry }
    }
    return nil
  }

  mutating func next() -> JobAnswer? {
    guard done > 0 else { return nil }
    for entry in entries.indices {
      switch entries[entry] {
      case .free, .running, .held: continue
      case .lost:
        done -= 1
        entries[entry] = .free
        return JobAnswer(entry: entry, outcome: .lost)
      case .answered(let status, let memory, let bytes):
        done -= 1
        entries[entry] = .held(memory: memory, bytes: bytes)
        return JobAnswer(entry: entry, outcome: .answered(status, bytes: bytes))
      }
    }
    return nil
  }

  func read(_ entry: Int, at offset: Int, into buffer: UnsafeMutableRawBufferPointer) -> Bool {
    guard case .held(let memory, let bytes) = entries[entry], offset + buffer.count <= bytes else {
      return false
    }
    let count = lx_read_at(memory, buffer.baseAddress!, buffer.count, UInt64(offset))
    return count == Int64(buffer.count)
  }

  mutating func close(_ entry: Int, hung: Bool, _ children: borrowing Children) {
    switch entries[entry] {
    case .free: return
    case .running(_, nil): inStorage -= 1
    case .running(_, .some(let worker)):
      if hung, case .busy(let channel, entry, _) = pool[worker] {
        children.killJob(worker)
        pool[worker] = .ending(channel)
        plan()
      }
    case .lost: done -= 1
    case .answered(_, let memory, _):
      done -= 1
      if memory >= 0 { lx_close(memory) }
    case .held(let memory, _): if memory >= 0 { lx_close(memory) }
    }
    entries[entry] = .free
  }
}

extension LinuxSystem {
  public mutating func beginJob(
    _ entry: Int, _ kind: Kind, _ request: UnsafeRawBufferPointer, of source: PictureSource?
  ) -> Bool {
    switch kind {
    case .fileRead, .fileVerify, .snapshot, .snapshotSave:
      guard let worker = readyJobWorker() else { return false }
      var memory: Int32 = -1
      var notBeforeUs: UInt64 = 0
      if let source {
        guard let end = feeds.current(source.slot, life: source.life) else { return false }
        memory = end.memory
        let nowUs = nowUs()
        notBeforeUs = source.isKeyFrame ? 0 : nowUs - min(nowUs, UInt64(source.intervalUs))
      }
      return jobs.begin(
        entry, worker, kind, request, notBeforeUs: notBeforeUs, memory: memory, now: now)
    default:
      guard jobs.storageHasRoom else { return false }
      let id = jobs.beginInStorage(entry)
      let told = storage.tell(.job) { writer in
        JobRequest(id: id, kind: kind).encode(into: &writer)
        writer.write(request)
      }
      if !told { jobs.revoke(entry) }
      return told
    }
  }

  /// A worker that is free, started now if there are fewer than the configuration wants.
  private mutating func readyJobWorker() -> Int? {
    let count = configuration.storage.workers
    if let worker = jobs.idle(of: count) { return worker }
    guard let worker = jobs.startable(of: count, now: now) else { return nil }
    var ours: Int32 = -1
    var theirs: Int32 = -1
    guard lx_message_pair(&ours, &theirs) == 0 else {
      jobs.notStarted(worker, now: now)
      return nil
    }
    let pid = children.spawnJob(
      worker, dataDirectory: configuration.dataDirectory, channel: theirs)
    lx_close(theirs)
    guard pid > 0 else {
      lx_close(ours)
      jobs.notStarted(worker, now: now)
      return nil
    }
    watch(ours, .job, slot: worker)
    jobs.started(worker, channel: ours)
    return worker
  }

  public mutating func nextJob() -> JobAnswer? { jobs.next() }

  public mutating func readJob(
    _ entry: Int, at offset: Int, into buffer: UnsafeMutableRawBufferPointer
  ) -> Bool {
    jobs.read(entry, at: offset, into: buffer)
  }

  public mutating func closeJob(_ entry: Int, hung: Bool) {
    jobs.close(entry, hung: hung, children)
  }
}
