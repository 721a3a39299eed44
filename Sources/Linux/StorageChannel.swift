import Appliance
import CLinux
import Wire

/// The agent's end of the storage worker: asks without waiting, and takes what the worker tells.
struct StorageChannel: ~Copyable {
  /// A worker that ended (or was killed) is started again after this long.
  static let restartMs: UInt64 = 5000

  private enum State {
    case off
    /// The worker runs, or hangs: then the queue fills and what does not fit is dropped.
    case running(Int32)
    case waiting(until: Instant)
  }
  private var state = State.off
  /// One page of remembered cameras; an input points into it.
  private let known: UnsafeMutableBufferPointer<KnownCamera>
  /// All external sources; an input points into it.
  private let sources: UnsafeMutableBufferPointer<KnownSource>
  private let message: UnsafeMutableRawBufferPointer
  /// What init says of the partition.
  enum Partition: Equatable {
    /// There is no init of ours: the folder itself tells.
    case untold
    case known(StorageFacts.State)
    /// It is to be mounted anew: no worker may use it until init has said what came of it.
    case leaving(StorageFacts.State)
  }
  var partition = Partition.untold
  private(set) var history: BootHistory?
  /// The loop has not heard of it yet.
  private var historyIsNews = false
  /// Said to every worker: one that starts later has not heard it.
  private var longLived = false
  /// How long an orderly end waits for what was said to reach the card. Shorter than the time that
  /// init gives (3 s), and than a board's watchdog.
  static let endMs: UInt64 = 1500
  private var facts = StorageFacts()
  /// Recordings that were asked for; an input points into it.
  private let recordings: UnsafeMutableBufferPointer<KnownRecording>
  /// When the worker has said something last, or was started.
  private var heardAt = Instant.never
  /// It has said nothing for too long: the partition hangs.
  private var isSilent = false
  /// A worker has begun, or has come back from a silence in which it may have missed something.
  private var beginningIsNews = false

  /// A worker that tells nothing for this long hangs; it has a sign of life to give every
  /// `StorageRole.intervalMs`, and a slow card may need seconds for a flush.
  static let silenceMs: UInt64 = 8000

  static let messageSize = 32 * 1024

  init(
    known: UnsafeMutableBufferPointer<KnownCamera>,
    sources: UnsafeMutableBufferPointer<KnownSource>,
    recordings: UnsafeMutableBufferPointer<KnownRecording>,
    message: UnsafeMutableBufferPointer<UInt8>
  ) {
    recordings.initialize(repeating: KnownRecording())
    self.recordings = recordings
    known.initialize(repeating: KnownCamera())
    sources.initialize(repeating: KnownSource())
    self.known = known
    self.sources = sources
    self.message = UnsafeMutableRawBufferPointer(message)
  }

  /// Starts the worker and says what it must know. Returns the descriptor to watch, or a negative
  /// errno.
  mutating func start(
    _ children: inout Children, dataDirectory: Text<96>, _ boot: BootFacts, now: Instant
  ) -> Int32 {
    var ours: Int32 = -1
    var theirs: Int32 = -1
    let paired = lx_message_pair(&ours, &theirs)
    guard paired == 0 else { return paired }
    let pid = children.spawnStorage(dataDirectory: dataDirectory, channel: theirs)
    lx_close(theirs)
    guard pid > 0 else {
      lx_close(ours)
      return pid
    }
    state = .running(ours)
    heardAt = now
    beginningIsNews = true
    let longLived = longLived
    tell(.hello) { writer in
      for index in boot.bootID.indices { writer.write(boot.bootID[index]) }
      writer.write(boot.reset == .watchdog)
      writer.write(longLived)
    }
    return ours
  }

  /// The worker has ended. Returns the descriptor that is to be forgotten and closed.
  mutating func ended(now: Instant) -> Int32? {
    guard case .running(let channel) = state else { return nil }
    state = .waiting(until: now + Self.restartMs)
    if case .leaving = partition {
      state = .off
      Self.askInit()
    }
    return channel
  }

  /// Has init mount the partition anew, once the worker has closed what it has open.
  mutating func leave() {
    guard partition != .untold else { return }
    partition = .leaving(judged.state)
    switch state {
    case .running(let channel): lx_shutdown_write(channel)
    case .off, .waiting:
      state = .off
      Self.askInit()
    }
  }

  private static func askInit() {
    let sighup: Int32 = 1
    _ = lx_send_signal(lx_parent_pid(), sighup)
  }

  var channel: Int32? {
    if case .running(let channel) = state { return channel }
    return nil
  }

  /// When the worker must be started again, or has been silent for too long.
  var nextDeadline: Instant {
    switch state {
    case .off: .never
    case .waiting(let until): until
    case .running: isSilent ? .never : heardAt + Self.silenceMs
    }
  }

  /// Looks at the time. True when the partition has begun to hang.
  mutating func looked(now: Instant) -> Bool {
    switch state {
    case .off: return false
    case .waiting(let until):
      if now >= until { state = .off }
      return false
    case .running:
      guard !isSilent, now >= heardAt + Self.silenceMs else { return false }
      isSilent = true
      return true
    }
  }

  /// A worker must be told what it has to know; true once for each.
  mutating func takeBeginning() -> Bool {
    defer { beginningIsNews = false }
    return beginningIsNews
  }

  /// False when the worker could not be told: there is none, or its queue is full.
  @discardableResult
  mutating func tell(
    _ request: StorageRequest, _ body: (inout ByteWriter) -> Void = { _ in }
  ) -> Bool {
    guard case .running(let channel) = state else { return false }
    var writer = ByteWriter(message)
    writer.write(request.rawValue)
    body(&writer)
    return lx_send(channel, message.baseAddress!, writer.count) == Int64(writer.count)
  }

  /// The next thing that the worker has to tell; answers to jobs go to `answered`.
  mutating func next(now: Instant, answered: (JobReply, _ memory: Int32) -> Void) -> Input? {
    while case .running(let channel) = state {
      var memory: Int32 = -1
      let count = lx_receive_message(channel, message.baseAddress!, message.count, &memory)
      guard count > 0 else { return nil }
      heard(now: now)
      var reader = ByteReader(UnsafeRawBufferPointer(rebasing: message[..<Int(count)]))
      let reply = StorageReply(rawValue: reader.read(UInt8.self))
      if case .job = reply, reader.remaining == JobReply.size {
        answered(JobReply(from: &reader), memory)
        continue
      }
      if memory >= 0 { lx_close(memory) }
      switch reply {
      case .history:
        guard reader.remaining == 9 else { continue }
        history = BootHistory(
          reset: ResetReason(rawValue: reader.read(UInt8.self)) ?? .unknown,
          bootCount: reader.read(), recentWatchdogResets: reader.read())
        historyIsNews = true
        // What comes behind it waits for the next turn: the start may have waited for this.
        return nil
      case .facts, .cameras, .sources, .segment, .recordings, .retention, .totals, .removed,
        .repaired, .rebuilt, .job, nil:
        if let reply, let input = input(reply, &reader) { return input }
      }
    }
    return nil
  }

  private mutating func heard(now: Instant) {
    heardAt = now
    guard isSilent else { return }
    isSilent = false
    beginningIsNews = true
  }

  private mutating func input(_ reply: StorageReply, _ reader: inout ByteReader) -> Input? {
    switch reply {
    case .facts:
      guard reader.remaining == 17,
        let state = StorageFacts.State(rawValue: reader.read(UInt8.self))
      else { return nil }
      facts.state = state
      facts.totalBytes = reader.read()
      facts.freeBytes = reader.read()
      return .storageChanged(judged)
    case .cameras: return .identitiesLoaded(cameras(from: &reader))
    case .sources: return .sourcesLoaded(sources(from: &reader))
    case .segment:
      guard reader.remaining == SegmentNews.size else { return nil }
      guard let news = SegmentNews(from: &reader) else { return nil }
      return .segment(news)
    case .recordings:
      // Nothing but the number stands there where there is no file yet.
      let last = reader.remaining >= 4 ? reader.read(UInt32.self) : 0
      return .recordingsLoaded(recordings(from: &reader), lastNumber: last)
    case .retention:
      return (try? RetentionPolicy(from: &reader)).map { .retentionLoaded($0) }
    case .totals:
      guard reader.remaining == ArchiveTotals.size else { return nil }
      return .archiveChanged(ArchiveTotals(from: &reader))
    case .removed, .repaired, .rebuilt: return noticed(reply, &reader).map { .noticed($0) }
    case .history, .job: return nil
    }
  }

  private func noticed(_ reply: StorageReply, _ reader: inout ByteReader) -> Event? {
    switch reply {
    case .removed:
      guard reader.remaining == RetentionReport.size else { return nil }
      let report = RetentionReport(from: &reader)
      var detail = Text<88>()
      detail.append(decimal: report.bytes)
      detail.append(" bytes")
      return Event(.filesRemoved, value: report.files, detail: detail)
    case .repaired:
      guard reader.remaining == RepairNews.size else { return nil }
      let news = RepairNews(from: &reader)
      return Event(
        .fileRepaired, value: UInt32(news.state.rawValue), subject: news.camera,
        detail: Text(news.name))
    case .rebuilt:
      guard reader.remaining == 4 else { return nil }
      return Event(.indexRebuilt, value: reader.read())
    default: return nil
    }
  }

  /// What earlier boots have left, once each time that the worker has told it.
  mutating func takeHistory() -> BootHistory? {
    guard historyIsNews else { return nil }
    historyIsNews = false
    return history
  }

  /// Leaves a mark for the next life.
  mutating func mark(_ breadcrumb: Breadcrumb) {
    switch breadcrumb {
    case .longLived:
      longLived = true
      tell(.longLived)
    case .orderlyStop: tell(.orderlyStop)
    }
  }

  /// Waits until the worker has done what it was told, or its time is over. The last call.
  mutating func end() {
    guard case .running(let channel) = state else { return }
    state = .off
    // The worker reads what is queued, finds the end, and ends too; then so does the channel.
    lx_shutdown_write(channel)
    let until = lx_boot_time_ms() + Self.endMs
    while true {
      let now = lx_boot_time_ms()
      guard now < until, lx_wait_readable(channel, Int32(until - now)) >= 0 else { return }
      let count = lx_receive(channel, message.baseAddress!, message.count)
      guard count > 0 || count == -Int64(LX_EAGAIN.rawValue) else { return }
    }
  }

  /// What holds of the partition: init knows whether it is mounted, the worker the rest.
  var judged: StorageFacts {
    var judged = facts
    if isSilent { judged.state = .hanging }
    switch partition {
    case .untold, .known(.writable): break
    case .known(let state), .leaving(let state): judged.state = state
    }
    return judged
  }

  /// True when the worker should run and does not.
  var isWanted: Bool {
    switch (state, partition) {
    case (.running, _), (.waiting, _): false
    case (.off, .untold), (.off, .known(.writable)), (.off, .known(.readOnly)): true
    case (.off, .leaving), (.off, .known(.unknown)), (.off, .known(.missing)),
      (.off, .known(.failing)), (.off, .known(.hanging)):
      false
    }
  }

  private func cameras(from reader: inout ByteReader) -> UnsafeBufferPointer<KnownCamera> {
    var count = 0
    while reader.remaining >= KnownCamera.encodedSize, count < known.count {
      guard let camera = KnownCamera(from: &reader) else { continue }
      known[count] = camera
      count += 1
    }
    return UnsafeBufferPointer(rebasing: known[..<count])
  }

  private func sources(from reader: inout ByteReader) -> UnsafeBufferPointer<KnownSource> {
    var count = 0
    while reader.remaining >= KnownSource.encodedSize, count < sources.count {
      sources[count] = KnownSource(from: &reader)
      count += 1
    }
    return UnsafeBufferPointer(rebasing: sources[..<count])
  }

  private func recordings(
    from reader: inout ByteReader
  ) -> UnsafeBufferPointer<KnownRecording> {
    var count = 0
    while reader.remaining >= KnownRecording.encodedSize, count < recordings.count {
      recordings[count] = KnownRecording(from: &reader)
      count += 1
    }
    return UnsafeBufferPointer(rebasing: recordings[..<count])
  }
}
