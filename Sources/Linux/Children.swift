import Appliance
import CLinux
import Wire

/// The agent's child processes: starts, signals and reaps them, and decides nothing.
///
/// Only processes that are listed here are ever waited for or signalled: the agent is not PID 1,
/// and a pid that has been reaped belongs to somebody else.
struct Children: ~Copyable {
  struct Child {
    var pid: Int32 = 0
    var life: UInt32 = 0
    /// Our end of its output, or -1.
    var output: Int32 = -1
    /// The device of a probe.
    var node = Text<16>()
  }

  /// What has ended.
  enum Ended {
    case mediaServer(life: UInt32, ExitStatus)
    /// `output` is the reading end of its pipe, owned by the caller from now on.
    case probe(slot: Int, life: UInt32, ExitStatus, output: Int32, node: Text<16>)
    case feed(slot: Int, life: UInt32, ExitStatus)
    case recovery(slot: Int, life: UInt32, ExitStatus)
    case storage
    case picture
    case job(worker: Int)
    case keeper
  }

  /// Probes come first, then feeds, each at its slot's number.
  private static let feedPlaces = Limits.cameras
  private static let mediaServerPlace = 2 * Limits.cameras
  private static let storagePlace = mediaServerPlace + 1
  private static let picturePlace = mediaServerPlace + 2
  private static let jobPlaces = mediaServerPlace + 3
  /// Steps at the USB, each at its slot's number.
  private static let recoveryPlaces = jobPlaces + 4
  private static let keeperPlace = recoveryPlaces + Limits.cameras
  private var children = InlineArray<104, Child>(repeating: Child())
  /// Where the present round of reaping stands; `count`: no round is due.
  private var reapAt = 104

  /// What has made a system call that its role must not make (calls.h), as nextEnded found last.
  private(set) var forbidden: StaticString?

  /// SIGCHLD came: any number of children may have ended.
  mutating func reapAll() { reapAt = 0 }

  /// Not every child has been looked at since.
  var hasMore: Bool { reapAt < children.count }

  /// The next child that has ended, nil when there is none (any more).
  mutating func nextEnded() -> Ended? {
    while reapAt < children.count {
      let place = reapAt
      reapAt += 1
      let child = children[place]
      var raw: Int32 = 0
      guard child.pid > 0, lx_reap(child.pid, &raw) == 1 else { continue }
      children[place] = Child()
      forbidden = raw == 0x100 | Int32(LX_SIGSYS.rawValue) ? Self.title(place) : nil
      let status: ExitStatus =
        raw & 0x100 != 0
        ? .signal(UInt8(truncatingIfNeeded: raw)) : .code(UInt8(truncatingIfNeeded: raw))
      switch place {
      case Self.mediaServerPlace:
        // Hooks that it started share its group and would outlive it.
        _ = lx_kill(child.pid, Int32(LX_SIGKILL.rawValue), 1)
        return .mediaServer(life: child.life, status)
      case Self.storagePlace: return .storage
      case Self.picturePlace: return .picture
      case Self.keeperPlace: return .keeper
      case Self.recoveryPlaces...:
        return .recovery(slot: place - Self.recoveryPlaces, life: child.life, status)
      case Self.jobPlaces...: return .job(worker: place - Self.jobPlaces)
      case Self.feedPlaces..<Self.mediaServerPlace:
        return .feed(slot: place - Self.feedPlaces, life: child.life, status)
      default:
        return .probe(
          slot: place, life: child.life, status, output: child.output, node: child.node)
      }
    }
    return nil
  }

  private static func title(_ place: Int) -> StaticString {
    switch place {
    case mediaServerPlace: "MediaMTX"
    case storagePlace: "the storage worker"
    case picturePlace: "the picture worker"
    case recoveryPlaces...: "a step at the USB"
    case jobPlaces...: "a worker for jobs"
    case feedPlaces..<mediaServerPlace: "a feed"
    default: "a probe"
    }
  }

  /// Starts MediaMTX with our ends of its output, as a user of its own where we are root. The pid
  /// or a negative errno.
  mutating func spawnMediaServer(
    life: UInt32, settings: Configuration.MediaServer, configuration: Text<128>,
    directory: Text<128>, output: Int32
  ) -> Int32 {
    var request = lx_child()
    request.user = MediaFiles.user
    request.low_ports = settings.hasLowPort ? 1 : 0
    request.output = output
    request.error = output
    request.extra = -1
    request.more = -1
    let pid = settings.path.withCString { path in
      configuration.withCString { configuration in
        directory.withCString { directory in
          request.path = path
          request.arguments.0 = configuration
          // FACTS: newer versions open MoQ listeners by themselves; hooks inherit everything.
          request.environment.0 = MediaConfigurationFile.environment.cString
          request.directory = directory
          return lx_spawn(&request)
        }
      }
    }
    if pid > 0 { children[Self.mediaServerPlace] = Child(pid: pid, life: life, output: -1) }
    return pid
  }

  /// Starts a role of our own program with up to two arguments, none where they are empty. The pid
  /// or a negative errno.
  private func spawnRole<let capacity: Int>(
    _ role: StaticString, _ argument: Text<capacity>, _ second: Text<32> = .empty,
    output: Int32 = -1, extra: Int32 = -1, more: Int32 = -1
  ) -> Int32 {
    var request = lx_child()
    request.path = StaticString("/proc/self/exe").cString
    request.arguments.0 = role.cString
    request.output = output
    request.error = 2
    request.extra = extra
    request.more = more
    return argument.withCString { text in
      if !argument.isEmpty { request.arguments.1 = text }
      return second.withCString { text in
        if !second.isEmpty { request.arguments.2 = text }
        return lx_spawn(&request)
      }
    }
  }

  /// Starts a probe of a node, or of the file that it stands for.
  mutating func spawnProbe(
    slot: Int, life: UInt32, node: Text<16>, file: Configuration.PlaybackFile?
  ) -> Int32 {
    var reading: Int32 = -1
    var writing: Int32 = -1
    let piped = lx_pipe(&reading, &writing)
    guard piped == 0 else { return piped }
    let subject = file.map { PlaybackCamera.subject($0) } ?? Text<112>(node)
    let pid = spawnRole("probe", subject, output: writing)
    lx_close(writing)
    if pid > 0 {
      children[slot] = Child(pid: pid, life: life, output: reading, node: node)
    } else {
      lx_close(reading)
    }
    return pid
  }

  mutating func spawnStorage(dataDirectory: Text<96>, channel: Int32) -> Int32 {
    let pid = spawnRole("storage", dataDirectory, extra: channel)
    if pid > 0 { children[Self.storagePlace] = Child(pid: pid) }
    return pid
  }

  /// Starts the keeper of keys, changes and the audit, with the configuration files of the agent.
  mutating func spawnKeeper(
    folder: Text<96>, dataDirectory: Text<96>, channel: Int32
  ) -> Int32 {
    let role: StaticString = "keeper"
    let options: InlineArray<2, StaticString> = ["--board-config", "--config"]
    var request = lx_child()
    request.path = StaticString("/proc/self/exe").cString
    request.output = -1
    request.error = 2
    request.extra = channel
    request.more = -1
    let board = ConfigurationSource.argument(after: options[0])
    let user = ConfigurationSource.argument(after: options[1])
    let pid = folder.withCString { folder in
      dataDirectory.withCString { data in
        board.withCString { boardPath in
          user.withCString { userPath in
            request.arguments.0 = role.cString
            request.arguments.1 = folder
            request.arguments.2 = data
            if !board.isEmpty {
              request.arguments.3 = options[0].cString
              request.arguments.4 = boardPath
            }
            if !user.isEmpty {
              let words = (options[1].cString, userPath)
              if board.isEmpty {
                (request.arguments.3, request.arguments.4) = words
              } else {
                (request.arguments.5, request.arguments.6) = words
              }
            }
            return lx_spawn(&request)
          }
        }
      }
    }
    if pid > 0 { children[Self.keeperPlace] = Child(pid: pid) }
    return pid
  }

  /// The running keeper; 0: there is none.
  var keeperPid: Int32 { children[Self.keeperPlace].pid }

  /// Starts a feed over its end of a channel and the memory for its pictures.
  mutating func spawnFeed(
    slot: Int, life: UInt32, camera: Name, channel: Int32, memory: Int32
  ) -> Int32 {
    // The name tells a person who looks at the list of processes; the feed reads its orders.
    let pid = spawnRole("feed", camera, extra: channel, more: memory)
    if pid > 0 { children[Self.feedPlaces + slot] = Child(pid: pid, life: life) }
    return pid
  }

  /// Starts a step at a USB port.
  mutating func spawnRecovery(
    slot: Int, life: UInt32, step: StaticString, port: Text<32>
  ) -> Int32 {
    let pid = spawnRole("usb", Text<16>(step), port)
    if pid > 0 { children[Self.recoveryPlaces + slot] = Child(pid: pid, life: life) }
    return pid
  }

  /// Starts the worker that copies pictures for clients.
  mutating func spawnPicture(channel: Int32) -> Int32 {
    let none = Text<16>()
    let pid = spawnRole("picture", none, extra: channel)
    if pid > 0 { children[Self.picturePlace] = Child(pid: pid) }
    return pid
  }

  /// Starts a worker for jobs, 0 ..< `JobEnds.workers`.
  mutating func spawnJob(_ worker: Int, dataDirectory: Text<96>, channel: Int32) -> Int32 {
    let pid = spawnRole("job", dataDirectory, extra: channel)
    if pid > 0 { children[Self.jobPlaces + worker] = Child(pid: pid) }
    return pid
  }

  /// Ends a worker whose time is over.
  func killJob(_ worker: Int) {
    let pid = children[Self.jobPlaces + worker].pid
    if pid > 0 { _ = lx_kill(pid, Int32(LX_SIGKILL.rawValue), 1) }
  }

  /// The running MediaMTX of that life.
  func mediaServerPid(life: UInt32) -> Int32? {
    let child = children[Self.mediaServerPlace]
    return child.pid > 0 && child.life == life ? child.pid : nil
  }

  /// Signals a child of that life; one that has ended already is no error.
  func signal(_ kind: ChildKind, life: UInt32, _ signal: Signal) {
    let number = Int32(signal == .kill ? LX_SIGKILL.rawValue : LX_SIGTERM.rawValue)
    switch kind {
    case .mediaServer:
      let child = children[Self.mediaServerPlace]
      // SIGTERM goes to the server alone, which ends its hooks itself; SIGKILL to all of them.
      guard child.pid > 0, child.life == life else { return }
      _ = lx_kill(child.pid, number, signal == .kill ? 1 : 0)
    case .probe(let slot): end(children[slot], life, number)
    case .feed(let slot): end(children[Self.feedPlaces + slot], life, number)
    case .recovery(let slot): end(children[Self.recoveryPlaces + slot], life, number)
    }
  }

  private func end(_ child: Child, _ life: UInt32, _ number: Int32) {
    guard child.pid > 0, child.life == life else { return }
    _ = lx_kill(child.pid, number, 1)
  }
}

/// What an earlier life of the agent has left over: the process it noted, if that still runs.
///
/// A child dies with its parent (PR_SET_PDEATHSIG), but not while it sleeps uninterruptibly, and
/// not where the kernel loses the race; two MediaMTX would fight for the ports.
enum Leftover {
  /// Notes a running child in `path`: pid and start time, so that a reused pid is not mistaken.
  static func note(_ pid: Int32, in path: Text<128>) {
    var text = Text<64>()
    text.append(decimal: UInt64(pid))
    text.append(" ")
    text.append(decimal: lx_process_start(pid))
    text.append("\n")
    text.withBytes { bytes in
      path.withCString { path in
        let file = lx_open(path, LX_REPLACE, 0)
        guard file >= 0 else { return }
        _ = lx_write_all(file, bytes.baseAddress!, bytes.count)
        lx_close(file)
      }
    }
  }

  /// Ends the process noted in `path` and its group. True when there was one.
  static func end(notedIn path: Text<128>) -> Bool {
    guard let pid = pid(notedIn: path) else { return false }
    let kill = Int32(LX_SIGKILL.rawValue)
    return lx_kill(pid, kill, 1) == 0 || lx_kill(pid, kill, 0) == 0
  }

  /// Ends the process noted in `path`. True once there is none: one that sleeps uninterruptibly
  /// ends when it wakes.
  static func isGone(notedIn path: Text<128>) -> Bool {
    _ = end(notedIn: path)
    return pid(notedIn: path) == nil
  }

  /// The process noted in `path`, if it still runs.
  private static func pid(notedIn path: Text<128>) -> Int32? {
    withUnsafeTemporaryAllocation(byteCount: 64, alignment: 8) { memory in
      let count = path.withCString { lx_read_file($0, memory.baseAddress!, memory.count) }
      guard count > 0 else { return nil }
      let text = UnsafeRawBufferPointer(rebasing: memory[..<Int(count)])
      var at = 0
      guard let pid = number(text, &at), let start = number(text, &at), pid > 1,
        pid <= UInt64(Int32.max), start > 0, lx_process_start(Int32(pid)) == start
      else { return nil }
      return Int32(pid)
    }
  }

  private static func number(_ text: UnsafeRawBufferPointer, _ at: inout Int) -> UInt64? {
    var value: UInt64 = 0
    let start = at
    while at < text.count, at - start < 18, case let digit = text[at] &- UInt8(ascii: "0"),
      digit <= 9
    {
      value = value * 10 + UInt64(digit)
      at += 1
    }
    defer { at += 1 }
    return at > start ? value : nil
  }
}
