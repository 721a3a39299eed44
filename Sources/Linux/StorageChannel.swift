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

  static let messageSize = 32 * 1024

  init(
    known: UnsafeMutableBufferPointer<KnownCamera>,
    sources: UnsafeMutableBufferPointer<KnownSource>,
    message: UnsafeMutableBufferPointer<UInt8>
  ) {
    known.initialize(repeating: KnownCamera())
    sources.initialize(repeating: KnownSource())
    self.known = known
    self.sources = sources
    self.message = UnsafeMutableRawBufferPointer(message)
  }

  /// Starts the worker and says what it must know. Returns the descriptor to watch, or a negative
  /// errno.
  mutating func start(
    _ children: inout Children, dataDirectory: Text<96>, _ boot: BootFacts
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
    return channel
  }

  var channel: Int32? {
    if case .running(let channel) = state { return channel }
    return nil
  }

  /// When the worker must be started again.
  var nextDeadline: Instant {
    if case .waiting(let until) = state { return until }
    return .never
  }

  /// The time of rest after an end is over.
  mutating func rested(now: Instant) {
    if case .waiting(let until) = state, now >= until { state = .off }
  }

  mutating func tell(_ request: StorageRequest, _ body: (inout ByteWriter) -> Void = { _ in }) {
    guard case .running(let channel) = state else { return }
    var writer = ByteWriter(message)
    writer.write(request.rawValue)
    body(&writer)
    _ = lx_send(channel, message.baseAddress!, writer.count)
  }

  /// The next thing that the worker has to tell.
  mutating func next() -> Input? {
    while case .running(let channel) = state {
      let count = lx_receive(channel, message.baseAddress!, message.count)
      guard count > 0 else { return nil }
      var reader = ByteReader(UnsafeRawBufferPointer(rebasing: message[..<Int(count)]))
      switch StorageReply(rawValue: reader.read(UInt8.self)) {
      case .facts:
        guard reader.remaining == 17,
          let state = StorageFacts.State(rawValue: reader.read(UInt8.self))
        else { continue }
        facts.state = state
        facts.totalBytes = reader.read()
        facts.freeBytes = reader.read()
        return .storageChanged(judged)
      case .cameras: return .identitiesLoaded(cameras(from: &reader))
      case .sources: return .sourcesLoaded(sources(from: &reader))
      case .history:
        guard reader.remaining == 9 else { continue }
        history = BootHistory(
          reset: ResetReason(rawValue: reader.read(UInt8.self)) ?? .unknown,
          bootCount: reader.read(), recentWatchdogResets: reader.read())
        historyIsNews = true
        // What comes behind it waits for the next turn: the start may have waited for this.
        return nil
      case nil: continue
      }
    }
    return nil
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
    guard case .known(let state) = partition, state != .writable else { return facts }
    var judged = facts
    judged.state = state
    return judged
  }

  /// True when the worker should run and does not.
  var isWanted: Bool {
    switch (state, partition) {
    case (.running, _), (.waiting, _): false
    case (.off, .untold), (.off, .known(.writable)), (.off, .known(.readOnly)): true
    case (.off, .known(.unknown)), (.off, .known(.missing)): false
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
}
