import Appliance
import CLinux
import EventLoop
import Wire

// The agent's end of its keeper. Two of them would write the same files, so there is never a second
// one: not while the first is being killed (one that waits for a hanging card dies late), and not
// while one of an earlier life of the agent is left over.
//
//   waiting(until) ── start ──▶ running ── ended ──▶ waiting
//         ▲                        │ its channel is broken
//         └──────── ended ── killed ◀┘

/// The agent's end of `watchpost keeper`: asks without waiting, and takes what the keeper tells.
struct KeeperLink: ~Copyable {
  /// A keeper that ended is started again after this long; twice as long each time, up to the cap,
  /// until one has lived for `settledMs`.
  static let restartMs: UInt64 = 1000
  static let restartCapMs: UInt64 = 30_000
  static let settledMs: UInt64 = 60_000
  /// How often is looked whether one that was left over has ended.
  static let leftoverMs: UInt64 = 50
  /// How long an orderly end waits for what was handed over to reach the card. Shorter than the
  /// time that init gives (3 s), and than a board's watchdog.
  static let endMs: UInt64 = 1500

  private enum State {
    case running(Int32, since: Instant)
    /// Its channel is broken; it was killed, and has not ended yet.
    case killed(Int32, since: Instant)
    case waiting(until: Instant)
    /// The agent ends.
    case off
  }

  private var state = State.waiting(until: Instant(ms: 0))
  private var pauseMs = KeeperLink.restartMs
  /// What the loop has not heard yet.
  private var hasBegun = false
  private var hasEnded = false
  /// Where messages are read to: keys pass through here.
  private let message: UnsafeMutableRawBufferPointer
  /// Bytes of the last message, to be wiped.
  private var filled = 0

  init(_ message: UnsafeMutableBufferPointer<UInt8>) {
    precondition(message.count >= KeeperMessage.size, "too little memory for the keeper's answers")
    self.message = UnsafeMutableRawBufferPointer(message)
  }

  // MARK: Its life

  /// When one must be started.
  var nextDeadline: Instant {
    if case .waiting(let until) = state { return until }
    return .never
  }

  var channel: Int32? {
    if case .running(let channel, _) = state { return channel }
    return nil
  }

  /// There is news that no descriptor announces.
  var hasNews: Bool { hasBegun || hasEnded }

  /// Starts one. Returns the descriptor to watch, or a negative errno; then it is tried again.
  ///
  /// - Parameter note: where its process is noted for the next life of the agent.
  mutating func start(
    _ children: inout Children, _ configuration: Configuration, note: Text<128>, now: Instant
  ) -> Int32 {
    guard case .waiting = state else { return -Int32(LX_EAGAIN.rawValue) }
    guard Leftover.isGone(notedIn: note) else {
      state = .waiting(until: now + Self.leftoverMs)
      return -Int32(LX_EAGAIN.rawValue)
    }
    var ours: Int32 = -1
    var theirs: Int32 = -1
    let paired = lx_message_pair(&ours, &theirs)
    guard paired == 0 else {
      rest(now)
      return paired
    }
    let pid = children.spawnKeeper(
      folder: configuration.access.directory, dataDirectory: configuration.dataDirectory,
      channel: theirs)
    lx_close(theirs)
    guard pid > 0 else {
      lx_close(ours)
      rest(now)
      return pid
    }
    Leftover.note(pid, in: note)
    state = .running(ours, since: now)
    hasBegun = true
    return ours
  }

  /// The next one may be started after the pause, and the pause grows.
  private mutating func rest(_ now: Instant) {
    state = .waiting(until: now + pauseMs)
    pauseMs = min(2 * pauseMs, Self.restartCapMs)
  }

  /// The keeper has ended and was reaped. Returns the descriptor to be forgotten and closed.
  mutating func ended(now: Instant) -> Int32? {
    let (channel, begun): (Int32, Instant)
    switch state {
    case .running(let ours, let since):
      (channel, begun) = (ours, since)
      // One that nobody has heard of need not be told to have ended.
      if !hasBegun { hasEnded = true }
      hasBegun = false
    case .killed(let ours, let since): (channel, begun) = (ours, since)
    case .waiting, .off: return nil
    }
    if now.since(begun) >= Self.settledMs { pauseMs = Self.restartMs }
    rest(now)
    return channel
  }

  // MARK: Messages

  /// False: there is none, or its queue is full.
  func tell(_ bytes: UnsafeRawBufferPointer) -> Bool {
    // One that nobody has heard of does not know what was asked before it.
    guard case .running(let channel, _) = state, !hasBegun, let start = bytes.baseAddress else {
      return false
    }
    return lx_send(channel, start, bytes.count) == Int64(bytes.count)
  }

  /// What is to be said of it next. `broken` is called when it must be killed.
  mutating func next(_ broken: () -> Void) -> KeeperNews? {
    wipe()
    if hasEnded {
      hasEnded = false
      return .ended
    }
    if hasBegun {
      hasBegun = false
      return .began
    }
    guard case .running(let channel, let since) = state else { return nil }
    let count = lx_receive(channel, message.baseAddress!, message.count)
    if count > 0 {
      filled = Int(count)
      return .said(UnsafeRawBufferPointer(rebasing: message[..<filled]))
    }
    guard count != -Int64(LX_EAGAIN.rawValue) else { return nil }
    // It has closed its end, or has died: it is over with it in any case.
    state = .killed(channel, since: since)
    broken()
    return .ended
  }

  private mutating func wipe() {
    if filled > 0 { lx_wipe(message.baseAddress!, filled) }
    filled = 0
  }

  // MARK: The end

  /// Nothing more will be handed over: the keeper does what it was asked, and ends.
  func finish() {
    if case .running(let channel, _) = state { lx_shutdown_write(channel) }
  }

  /// Waits, after `finish`, until the keeper has ended, at the latest until `deadline`. The last
  /// call.
  mutating func end(until deadline: Instant) {
    guard case .running(let channel, _) = state else { return }
    state = .off
    while true {
      let now = lx_boot_time_ms()
      guard now < deadline.ms, lx_wait_readable(channel, Int32(deadline.ms - now)) >= 0 else {
        break
      }
      let count = lx_receive(channel, message.baseAddress!, message.count)
      filled = max(filled, Int(count))
      guard count > 0 || count == -Int64(LX_EAGAIN.rawValue) else { break }
    }
    wipe()
  }
}

/// The keeper among everything else that the system has.
extension LinuxSystem {
  public mutating func tellKeeper(_ message: UnsafeRawBufferPointer) -> Bool {
    keeper.tell(message)
  }

  public mutating func nextKept() -> KeeperNews? {
    let channel = keeper.channel
    let (poller, pid) = (poller.number, children.keeperPid)
    return keeper.next {
      // A channel that is at its end would wake the loop for ever.
      if let channel { _ = lx_poller_remove(poller, channel) }
      if pid > 0 { _ = lx_kill(pid, Int32(LX_SIGKILL.rawValue), 1) }
    }
  }

  /// Starts the first keeper, and makes what it needs.
  mutating func openKeeper() {
    _ = configuration.runDirectory.withCString { lx_make_folders($0) }
    // A board has a folder for its card, with or without one in it. Elsewhere it is ours to make.
    let root = AccessFolder(configuration.access.directory).root
    if !(root == "/boot") { _ = root.withCString { lx_make_folders($0) } }
    startKeeper()
  }

  /// Starts the keeper, where none runs and it is time.
  mutating func startKeeper() {
    watch(
      keeper.start(&children, configuration, note: runPath("/keeper.pid"), now: now), .keeper)
  }

  /// What was said to the storage worker and to the keeper reaches the card, if it takes no longer
  /// than each has. The last call.
  mutating func finish() {
    let until = now + KeeperLink.endMs
    keeper.finish()
    storage.end()
    keeper.end(until: until)
  }
}
