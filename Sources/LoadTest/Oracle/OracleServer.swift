import Glibc
import LoadGenerator
import Wire

/// A server whose delays are known, for testing the tester: it speaks just enough of the control
/// protocol to be asked `ping` and `health`, refuses the rest, and behaves as its options say.
///
/// One thread and one epoll; answers wait in a heap, so no delay holds up another, and answers of
/// one connection may overtake each other when delays differ. A tester that insists on their order
/// asks the next when it has the last. On an idle machine an answer leaves within 100 µs of the
/// moment when it is due. `health` tells as `agentUptimeMs` where in its freezes the oracle is.
public struct OracleServer: ~Copyable {
  /// Connections that have been told `busy` and are not yet closed. Beyond, they are just closed.
  static let mostRefused = 256
  /// How long a refused connection may still write before it is closed (Connections.md).
  static let refusalNs: UInt64 = 250_000_000
  /// What a refused one is told, as by a device.
  static let retryAfterMs: UInt32 = 1000
  /// Acts that may wait. Beyond, the oracle reads nothing until some are done.
  private static let mostDue = 1 << 20
  /// Acts between two looks at the sockets: few enough to take less than a millisecond.
  private static let actsPerTurn = 128
  /// The kernel's timers may come 50 µs late (PR_SET_TIMERSLACK), and then the thread must wake:
  /// the last part of a wait is spent asking without sleep.
  private static let spinNs: UInt64 = 100_000
  /// An answer that leaves later than this after it was due is counted as late.
  private static let lateNs: UInt64 = 100_000

  /// Where it listens.
  public let endpoint: Endpoint
  /// The monotonic clock at its start, in nanoseconds: freezes and death count from here.
  public let startedAtNs: UInt64
  /// What it has done so far.
  public internal(set) var tally = OracleTally()

  let options: OracleOptions
  let listener: OracleListener
  let poller: Poller
  /// Tells of nothing but the stop: for the time that the oracle is frozen.
  private let deafPoller: Poller
  private let stop: OracleStop
  var draws: OracleDraws
  var due = DueActs()
  var connections: [OracleConnection] = []
  /// Connections that have a slot, and those that have been refused and not yet closed.
  var served = 0
  var refused = 0
  /// Places in `connections` that nobody has.
  var free: [Int] = []
  /// Places with something new to send.
  var touched: [Int] = []
  /// Where everything is read to.
  let scratch: UnsafeMutableRawBufferPointer

  /// Listens from now on, and answers when `serve` is called. `stop` ends that.
  public init(_ options: OracleOptions, stop: OracleStop) throws(LoadError) {
    try raiseDescriptorLimit(to: options.slots + OracleServer.mostRefused + 64)
    let listener = try OracleListener(options.endpoint)
    let poller = try Poller()
    try poller.watch(listener.descriptor, token: OracleToken.listener, for: Poller.readable)
    try poller.watch(stop.heard, token: OracleToken.stop, for: Poller.readable)
    let deafPoller = try Poller()
    try deafPoller.watch(stop.heard, token: OracleToken.stop, for: Poller.readable)
    self.options = options
    self.stop = stop
    endpoint = listener.endpoint
    draws = OracleDraws(options.delay, lossPercent: options.lossPercent, seed: options.seed)
    self.listener = listener
    self.poller = poller
    self.deafPoller = deafPoller
    scratch = .allocate(byteCount: 64 * 1024, alignment: 64)
    startedAtNs = monotonicNs()
  }

  deinit {
    for connection in connections where connection.descriptor >= 0 {
      close(connection.descriptor)
    }
    scratch.deallocate()
  }

  /// Runs an oracle as a command does: says on standard output where it listens, and answers until
  /// it dies.
  public static func run(_ options: OracleOptions) throws(LoadError) -> OracleTally {
    var server = try OracleServer(options, stop: OracleStop())
    print("oracle: \(server.endpoint.text) ready")
    fflush(nil)
    server.serve()
    return server.tally
  }

  /// Answers until the oracle dies or is stopped. Connections end when the oracle itself does.
  public mutating func serve() {
    let death = options.diesAfterNs ?? .max
    while true {
      let now = elapsed()
      guard now < death else { return }
      let thaw = options.thaw(now)
      if thaw > now {
        guard hearStop(for: min(thaw, death) - now) else { continue }
        return
      }
      perform(by: now)
      let next = min(due.next ?? .max, death)
      let pause = next - min(next, elapsed())
      if due.count >= OracleServer.mostDue {
        guard !hearStop(for: pause) else { return }
      } else {
        guard hear(poller.wait(nanoseconds: sleep(pause))) else { return }
      }
    }
  }

  /// Nanoseconds since the start.
  func elapsed() -> UInt64 { monotonicNs() - startedAtNs }

  /// The part of a pause that is slept: at most a minute, which fits the kernel's type.
  private func sleep(_ pause: UInt64) -> UInt64 {
    pause > OracleServer.spinNs ? min(pause - OracleServer.spinNs, 60_000_000_000) : 0
  }

  /// True when the oracle is stopped before so many nanoseconds are over.
  private func hearStop(for pause: UInt64) -> Bool {
    deafPoller.wait(nanoseconds: sleep(pause)) > 0
  }

  /// Does what is due, so much of it that the first need not wait for the last: the next turn does
  /// the rest. Answers of a connection that are due at once leave together.
  private mutating func perform(by now: UInt64) {
    var earliest = UInt64.max
    var answers = 0
    for _ in 0..<OracleServer.actsPerTurn {
      guard let act = due.take(by: now) else { break }
      guard connections[act.connection].generation == act.generation else { continue }
      switch act.act {
      case .ending: end(act.connection)
      case .answer(let bytes):
        if connections[act.connection].unsent.isEmpty { touched.append(act.connection) }
        connections[act.connection].unsent += bytes
        earliest = min(earliest, options.thaw(act.moment))
        answers += 1
      }
    }
    for index in touched { flush(index) }
    touched.removeAll(keepingCapacity: true)
    guard answers > 0 else { return }
    tally.answers += answers
    if elapsed() > earliest + OracleServer.lateNs { tally.lateTurns += 1 }
    tally.turns += 1
  }

  /// Takes what has come. False: it was the stop.
  private mutating func hear(_ ready: Int) -> Bool {
    // One moment for all that has come by now: how long it takes to read is no part of a delay.
    let now = elapsed()
    let isThawed = options.thaw(now) == now
    for event in 0..<ready {
      switch poller.token(event) {
      case OracleToken.stop: return false
      case OracleToken.listener where isThawed: acceptAll()
      case let token where isThawed:
        let index = token - OracleToken.firstConnection
        if poller.isWritable(event) { unblock(index) }
        if poller.isReadable(event) { receive(index, now: now) }
      default: continue  // Frozen since it began to wait. Epoll tells again.
      }
    }
    return true
  }
}

/// What the events of the oracle's epoll are about.
enum OracleToken {
  static let listener = 0
  static let stop = 1
  static let firstConnection = 2
}

/// What an oracle has done.
public struct OracleTally: Equatable, Sendable {
  /// Connections that got a slot.
  public var served = 0
  /// Connections that were told `busy`, or just closed where too many came at once.
  public var refused = 0
  /// Whole requests that were read.
  public var requests = 0
  /// Of these, the ones that will never be answered.
  public var lost = 0
  /// Answers given to the kernel, as far as their connections still were there.
  public var answers = 0
  /// Turns in which answers were given, and those in which one left more than 100 µs after it was
  /// due. More than a few of these, and the machine was too busy for an oracle.
  public var turns = 0
  public var lateTurns = 0

  public init() {}
}
