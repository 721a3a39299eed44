import Appliance
import EventLoop
import Wire

/// The world of one run, in place of an operating system: its clock stands still until the loop
/// waits, and jumps then to whatever comes next.
///
/// A class, because the run and the loop share it. Everything random in it comes from the seed;
/// nothing is kept in a container without an order.
public final class SimulatedWorld: OperatingSystem {
  /// How the agent's life is to end.
  enum End: Equatable {
    case powerCut, crash, watchdogReset
    case stopped(PowerAction)
  }

  let options: RunOptions
  let schedule: Schedule
  let canary: Canary?
  /// Tells one line of what happens; nil: nobody listens.
  var tell: ((String) -> Void)?

  // MARK: Time

  /// Since the run began.
  private(set) var us: UInt64 = 0
  /// When the kernel's clock was 0.
  var bootedUs: UInt64 = 0
  /// Lives of the agent; what was planned for an earlier one does not happen.
  var epoch = 0
  private var agenda = Agenda()
  var random: SplitMix
  var end: End?
  /// The loop gets no processor time before then.
  var starvedUntilUs: UInt64 = 0
  /// Time that the loop has lost in this way.
  private(set) var starvedUs: UInt64 = 0
  private(set) var turns: UInt64 = 0
  /// Everything that the loop has done, in order.
  private(set) var trace: UInt64 = 0xCBF2_9CE4_8422_2325

  // MARK: What the loop sees

  var list: [Ready] = []
  var news: [Queue] = Array(repeating: Queue(), count: NewsSource.allCases.count)
  var sockets: [Socket?] = []
  /// Descriptors that the agent has.
  var openDescriptors = 0
  var backlog: [Int] = []
  /// The generation that each slot had last, in this life.
  var lastGenerations: [UInt32?] = []
  var backlogWatched = true
  /// How often this is so now, by kind of fault.
  var conditions: [Int] = Array(repeating: 0, count: FaultKind.allCases.count)
  let pointers = InputMemory()

  // MARK: The parts of the world

  var starts = StartsPaced()
  /// Admins only look until the card has everything, so that nothing new carries along what it has
  /// refused and what is to be tried again.
  var isQuiet = false
  /// The agent runs: only then anything can be told to it.
  var isAlive = false
  var clients: [Client] = []
  /// Recordings whose start was answered, and cameras whose recording may have been stopped, once
  /// for each request.
  var wanted: [Wanted] = []
  var mayStop: [String] = []
  /// Sources on the network that were added.
  var wantedSources: [Wanted] = []
  var board = Board()
  var cameras: [SimulatedCamera] = []
  var processes: [SimulatedProcess] = []
  var feeds: [SimulatedFeed] = []
  /// Names of cameras that have been told of, in the order of their first stream.
  var names: [String] = []
  var media = SimulatedMediaServer()
  var disk = SimulatedDisk()
  var keeper = SimulatedKeeper()
  var card = Card()
  var holders: [KeyHolder] = []
  var holdersMade = 0
  var knownChanges: [KnownChange] = []
  /// When the card was last given a change, or had one taken.
  var changedUs: UInt64 = 0
  /// Short presses of the button, and who has come in with one.
  var presses = 0
  var guestsPaired = 0
  /// The last handshake that somebody can have copied.
  var lastHello: [UInt8]?
  /// Since when the device knows its keys, in this life.
  var keysLoadedUs: UInt64?
  /// When subscribers last did not read.
  var stalledUs: UInt64 = 0
  /// When the keeper or its card was last not well.
  var keeperTroubledUs: UInt64 = 0
  var pictures: [Int: Int] = [:]
  var jobs: [SimulatedJob] = []
  var jobsBegun = 0
  var nextPid: Int32 = 100
  var nextRecorder = 0
  /// Hangs that are still to come, and cameras that have moved.
  var hangsLeft = 0
  var moves = 0
  var lastMediaLife: UInt32?
  /// When a file of this camera grew last; only looked up, never walked.
  var grown: [String: UInt64] = [:]
  /// Where the loop's memory lies, for the canary that writes beyond it.
  var beyond: UnsafeMutablePointer<UInt8>?

  /// When no descriptor was to be had last.
  var exhaustedAtUs: UInt64 = 0
  /// When the data partition was last not well.
  var troubledUs: UInt64 = 0
  /// The agent ends in order.
  var isStopping: Bool { board.stopsInOrder }

  // MARK: What was found

  private(set) var violations: [Violation] = []
  /// How often each effect was executed and each input told, by name.
  var coverage = Coverage()
  /// Chances that the canary has had.
  var canaryChances = 0

  public init(_ options: RunOptions, _ schedule: Schedule, canary: Canary? = nil) {
    self.options = options
    self.schedule = schedule
    self.canary = canary
    random = SplitMix(seed: options.seed, stream: 3)
    plugCameras()
    invite()
    for fault in schedule.faults {
      agenda.add(atUs: fault.atMs * 1000, epoch: nil) { $0.begin(fault) }
    }
  }

  // MARK: Planning

  /// Happens in so many milliseconds, unless the agent's life is over by then.
  func later(_ ms: UInt64, _ action: @escaping (SimulatedWorld) -> Void) {
    agenda.add(atUs: us + ms * 1000, epoch: epoch, action)
  }

  /// Happens in any case.
  func surely(_ ms: UInt64, _ action: @escaping (SimulatedWorld) -> Void) {
    agenda.add(atUs: us + ms * 1000, epoch: nil, action)
  }

  func isNow(_ kind: FaultKind) -> Bool { conditions[kind.rawValue] > 0 }

  func broke(_ invariant: any Invariant.Type, _ what: @autoclosure () -> String) {
    guard violations.count < 20 else { return }
    let violation = Violation(
      invariant: invariant.name, reason: invariant.reason, atMs: us / 1000, what: what())
    violations.append(violation)
    tell?("VIOLATED \(violation.text)")
  }

  func say(_ what: @autoclosure () -> String) { tell?(what()) }

  /// Folds something that the loop has done into the trace.
  func fold(_ value: UInt64) { trace = (trace ^ value) &* 0x0000_0100_0000_01B3 }

  /// True the one time that the canary is to sing: at the chance with this number.
  func sings(_ bird: Canary, at chance: Int = 0) -> Bool {
    guard canary == bird else { return false }
    defer { canaryChances += 1 }
    return canaryChances == chance
  }

  // MARK: Waiting

  /// On the kernel's clock.
  public func nowUs() -> UInt64 { us - bootedUs }

  var instant: Instant { Instant(ms: nowUs() / 1000) }

  public func wait(until deadline: Instant) -> Int {
    turns += 1
    let deadlineUs = deadline == .never ? UInt64.max : max(us, bootedUs + deadline.ms * 1000)
    let spins = canary == .spinning && us > 60_000_000
    while end == nil {
      happen()
      collect()
      if !list.isEmpty || spins { break }
      let next = min(agenda.nextUs, deadlineUs)
      guard next != .max else {
        broke(NeverSpins.self, "the loop waits for ever, and nothing is to happen")
        end = .powerCut
        break
      }
      if next > us { us = next }
      if agenda.nextUs > us { break }
    }
    if starvedUntilUs > us { starve() }
    // A system call and a few cache misses.
    us += random.between(10, 60)
    fold(UInt64(list.count) << 32 ^ us)
    if end == nil { lookAtWatchdog() }
    return list.count
  }

  /// The world goes on without the loop.
  private func starve() {
    let fromUs = us
    // The watchdog does not wait for the loop.
    let resetUs = board.pettedUs.map { $0 + UInt64(options.watchdogS) * 1_000_000 + 1000 }
    let untilUs = min(starvedUntilUs, max(us, resetUs ?? .max))
    while end == nil, agenda.nextUs <= untilUs {
      us = max(us, agenda.nextUs)
      happen()
    }
    if end == nil { us = max(us, untilUs) }
    starvedUntilUs = min(starvedUntilUs, us)
    starvedUs += us - fromUs
  }

  /// Everything whose time has come.
  private func happen() {
    while let entry = agenda.next(by: us) {
      if let planned = entry.epoch, planned != epoch { continue }
      entry.action(self)
    }
  }

  private func collect() {
    list.removeAll(keepingCapacity: true)
    // Results of effects are there at once, before the kernel is asked.
    if !news[NewsSource.results.rawValue].isEmpty { list.append(.source(0)) }
    let first = list.count
    for source in 1..<news.count where !news[source].isEmpty { list.append(.source(source)) }
    if backlogWatched && hasBacklog { list.append(.backlog) }
    collectSockets()
    if !pictures.isEmpty && hasPicture { list.append(.pictures) }
    if hasJobAnswer { list.append(.jobs) }
    if hasKept { list.append(.keeper) }
    random.shuffle(&list, from: first)
  }

  public func ready(_ index: Int) -> Ready { list[index] }

  // MARK: Lives

  /// Everything that ends with the agent's process. `cut`: with the power as well.
  func endLife(cut: Bool) {
    outliveAgent(cut: cut)
    epoch += 1
    isAlive = false
    end = nil
    keysLoadedUs = nil
    for source in news.indices { news[source].removeAll() }
    closeAll(cut: cut)
    processes.removeAll()
    feeds.removeAll()
    media.die()
    pictures.removeAll()
    jobs.removeAll()
    disk.busyUntilUs = 0
    backlogWatched = true
    list.removeAll()
    if cut {
      bootedUs = us
      board.powerCame(us)
    }
    board.agentEnded(us)
  }

  /// Passes time without an agent.
  func pass(ms: UInt64) {
    let until = us + ms * 1000
    while agenda.nextUs <= until {
      us = max(us, agenda.nextUs)
      happen()
    }
    us = until
    end = nil
  }
}

/// Something that must not happen, and did.
public struct Violation: Equatable, Sendable {
  public var invariant: String
  public var reason: String
  /// Since the run began.
  public var atMs: UInt64
  public var what: String

  public var text: String { "\(invariant) at \(Double(atMs) / 1000) s: \(what) – \(reason)" }
}

/// What a run has visited, by name.
public struct Coverage: Sendable {
  /// What is noted often has its name only when somebody wants to read it.
  enum Often: Hashable, Sendable {
    case health(HealthState)
    case mediaServer(MediaServerState)
    case camera(CameraState)
    case recovery(RecoveryRung)
    case answer(Kind?, UInt16)
    case segment(SegmentNews.What)

    var name: String {
      switch self {
      case .health(let state): "state health \(state)"
      case .mediaServer(let state): "state mediaServer \(state)"
      case .camera(let state): "state camera \(state)"
      case .recovery(let rung): "state recovery \(rung)"
      case .answer(let kind, let status): "answer \(kind.map { "\($0)" } ?? "?") \(status)"
      case .segment(let what): "segment \(what)"
      }
    }
  }

  private var counts: [String: Int] = [:]
  private var often: [Often: Int] = [:]

  mutating func note(_ name: String) { counts[name, default: 0] += 1 }

  mutating func note(_ what: Often) { often[what, default: 0] += 1 }

  /// In alphabetical order.
  public var lines: [(name: String, count: Int)] {
    var all = counts
    for (what, count) in often { all[what.name, default: 0] += count }
    return all.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }

  public mutating func add(_ other: Coverage) {
    counts.merge(other.counts, uniquingKeysWith: +)
    often.merge(other.often, uniquingKeysWith: +)
  }
}
