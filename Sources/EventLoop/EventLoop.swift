import Appliance
import Noise
import Wire

/// The agent's one thread: wait → decode → `Appliance.step` → execute effects → flush.
///
/// Generic over the world, so that the simulator runs the same code. It holds no policy: what to do
/// is decided by the machines, how connections behave by `SessionTable`.
public struct EventLoop<System: OperatingSystem & ~Copyable>: ~Copyable {
  public var system: System
  public var appliance: Appliance
  public internal(set) var sessions: SessionTable
  public internal(set) var events: EventRing
  public internal(set) var messages: MessageRing
  public var logs: LogRings
  var thrift: EventThrift
  public internal(set) var buffers: Buffers
  var effects: Effects
  private var spawns = Spawns()
  /// Snapshots on their way to clients.
  var pictures = Pictures()
  /// When the pictures have to be looked at again.
  private var pictureWake = Instant.never
  /// Requests that take longer than a turn, and when they have to be looked at again.
  var jobs: Jobs
  /// Apart from them: who asks how many jobs there are would be given a copy of all of it.
  var breakers = Breakers()
  private var jobWake = Instant.never
  /// What has happened since the start, for `metrics`.
  public internal(set) var counters = MetricValues()
  let configuration: Configuration
  /// Everybody may ping and ask for health.
  let healthIsPublic: Bool
  /// Who may come in, and what belongs to each sealed connection.
  public var access: Access
  var sealed: SealedSlots
  /// Why the last sealed frame was refused.
  var sealRefusal = Status.authentication
  /// When the request that is about to be refused is worth another try; 0: that is not known.
  var refusalRetryMs: UInt32 = 0
  /// The device's own key; zero until it is loaded.
  public var deviceKey = KeyPair()
  /// What has come of pairing since it was last looked at.
  var pairingEffects = PairingEffects.none
  /// The LEDs show that somebody has opened the door.
  var pairingTold = false
  /// What is kept of all this on the card, and who waits for that.
  var keeping: Keeping
  var decisions: Decisions
  /// When keys, pairing, changes or the audit have to be looked at again.
  var accessWake = Instant(ms: 0)
  /// Some key has been taken away: its sessions are to end.
  var endsRevoked = false
  /// Another configuration is in force than the one that this life has read: it ends then at the
  /// latest. nil: it has read this one.
  var reloadBy: Instant?

  /// The time of this turn.
  public internal(set) var now: Instant
  let startedAt: Instant
  /// An orderly stop has been decided: the loop returns after this turn.
  public internal(set) var stopping: PowerAction?

  /// The backlog wakes the loop.
  var backlogWatched = true
  /// When to look at a backlog again that could not be served for want of descriptors.
  var backlogRetry = Instant.never
  var newcomer: Newcomer?
  /// Keys have taken more slots than there are.
  var mustMakeRoom = false
  /// What has checked in during this turn.
  var vitals = Vitals.none
  private var turnToldAt: Instant
  /// How long answers take; kinds with answers of this turn, a bit each; requests of each kind that
  /// have been recorded.
  var statistics: Statistics
  var answered: UInt64 = 0
  var recorded = InlineArray<64, UInt64>(repeating: 0)
  /// What the system and the counters said at the last sample, when that was, and the sample.
  var resources = Resources()
  var sampledCounters = Totals()
  var sampledAt: Instant
  var second = Sample()
  var cpuPermille: UInt32 = 0
  var acceptedPerSecond: UInt64 = 0
  /// The number that the next message had then.
  var sampledMessage: UInt64 = 0
  /// The last line that MediaMTX printed before it ended last.
  var lastExitLine = Text<120>()
  /// The answer to `health`, when it was made (`.never`: it must be made anew), and with how many
  /// connections.
  let health: UnsafeMutableRawBufferPointer
  var healthAt = Instant.never
  var healthConnections = 0
  /// Connections as last told to the machines.
  private var connectionsTold = 0

  /// Where the present round over the subscribers stands; nil: everybody has everything.
  var sweep: Int?
  /// Something was published, or somebody moved in the list, since the round began.
  var sweepAgain = false

  /// Connections accepted in one turn, deadlines executed in one turn, inputs taken from one source
  /// and subscribers served in one turn: the rest comes in the next turn, after everybody else.
  static var batch: Int { 64 }
  /// Readings of one connection in one turn, each of a frame's size.
  static var readings: Int { 4 }
  static var sweepBatch: Int { 256 }
  /// Bytes after which subscribers wait for the next turn.
  static var sweepBytes: UInt64 { 4 * 1024 * 1024 }
  /// What sources may take of one turn before clients are served again; what is left then is told
  /// by the next wait.
  static var sourcesUs: UInt64 { 2000 }
  /// How long a backlog is left alone when the machine has no descriptors.
  static var exhaustedMs: UInt64 { 100 }
  /// A busy loop turns thousands of times a second; the watchdog need not hear of each.
  static var turnTellingMs: UInt64 { 50 }

  public init(
    system: consuming System, appliance: consuming Appliance, configuration: Configuration,
    memory: LoopMemory, startUs: UInt64
  ) {
    self.system = system
    self.appliance = appliance
    self.configuration = configuration
    healthIsPublic = configuration.control.healthIsPublic
    now = Instant(ms: startUs / 1000)
    startedAt = now
    // The watchdog waits for the first turn: told 50 ms later, the loop would not rest until then.
    turnToldAt = Instant(ms: 0)
    sampledAt = now
    statistics = Statistics(memory.histograms, now: now)
    sessions = SessionTable(
      memory.sessions, limits: configuration.control, seed: UInt32(truncatingIfNeeded: startUs),
      now: now)
    events = EventRing(frames: memory.events, topics: memory.topics)
    messages = MessageRing(
      memory.messages, places: memory.places, entries: memory.messageEntries)
    logs = LogRings(agent: memory.agentLog, mediaServer: memory.mediaServerLog)
    thrift = EventThrift(memory.loggedEvents)
    buffers = Buffers(
      own: memory.slotBuffers, pool: memory.pool, scratch: memory.scratch, queue: memory.queue)
    effects = Effects(memory.effects)
    jobs = Jobs(memory.jobs)
    access = Access(
      memory.access,
      defaults: KeyLimits(rate: KeyDefaults.rate, slots: KeyDefaults.slots),
      policy: ChangePolicy(needsAnotherKey: configuration.access.approvals > 0),
      seed: UInt32(truncatingIfNeeded: startUs))
    sealed = SealedSlots(memory.sealed, slots: configuration.control.slots + SessionLimits.trials)
    keeping = Keeping(memory.keeping, held: memory.heldEffects)
    decisions = Decisions(memory.decisions)
    health = UnsafeMutableRawBufferPointer(memory.health)
  }

  /// Runs until an orderly stop; returns what shall happen next.
  public mutating func run() -> PowerAction {
    while true {
      turn()
      if let stopping { return stopping }
    }
  }

  /// The first input of a life.
  public mutating func start(_ facts: BootFacts) {
    now = Instant(ms: system.nowUs() / 1000)
    resources = system.resources()
    sampledAt = now
    step(.started(facts))
    keeping.mayBegin = true
    record(AuditNote(.deviceStarted, detail: UInt64(facts.agentStarts)))
    accessWake = now
    var line = Text<160>("watchpost ")
    line.append(facts.version)
    line.append(" started, life ")
    line.append(decimal: UInt64(facts.agentStarts))
    line.append(" in this boot")
    log(LogLine(.info, line))
  }

  /// One turn: one wait, at most until `limit`, and everything that was ready.
  public mutating func turn(noLaterThan limit: Instant = .never) {
    let ready = system.wait(until: min(nextWake, limit))
    let startUs = system.nowUs()
    now = Instant(ms: startUs / 1000)
    var sources = 0
    var hasBacklog = false
    for index in 0..<ready {
      switch system.ready(index) {
      case .backlog: hasBacklog = true
      case .connection(let slot, let generation, let readiness):
        serve(slot, generation, readiness)
      case .source: sources += 1
      case .pictures: takePictures()
      case .jobs: takeJobs()
      case .keeper: takeKept()
      }
    }
    // Whose bytes have come before keeps its place when somebody must make room.
    if hasBacklog { acceptBatch() }
    if sources > 0 || !spawns.isEmpty { drainSources(ready) }
    finishTurn(startUs: startUs)
  }

  /// Clients have been served: now processes are started and sources heard, until both have taken
  /// their share of the turn.
  private mutating func drainSources(_ ready: Int) {
    let limitUs = system.nowUs() + Self.sourcesUs
    guard startProcesses(until: limitUs) else { return }
    for index in 0..<ready {
      if case .source(let source) = system.ready(index) {
        drain(source, until: limitUs)
        if system.nowUs() >= limitUs { return }
      }
    }
    // What a source has told may call for a process at once: MediaMTX has ended.
    _ = startProcesses(until: limitUs)
  }

  /// False when the time is over.
  private mutating func startProcesses(until limitUs: UInt64) -> Bool {
    while let effect = spawns.removeFirst() {
      system.execute(effect, for: appliance)
      if system.nowUs() >= limitUs { return false }
    }
    return true
  }

  /// Decodes what `source` has to tell, at most one batch. On a small board it takes milliseconds
  /// to read what udev tells of a device.
  private mutating func drain(_ source: Int, until limitUs: UInt64) {
    for _ in 0..<Self.batch {
      guard let input = system.nextInput(from: source, logs: &logs) else { return }
      if case .childExited(.mediaServer, _, _) = input {
        lastExitLine = logs.mediaServer.lastLine()
      }
      step(input)
      // The audit lies on the data partition.
      if case .storageChanged = input, keeping.hasData != appliance.storageIsThere {
        keeping.retryAt = now
        accessWake = now
      }
      if system.nowUs() >= limitUs { return }
    }
  }

  /// Everything that a turn does besides serving what was ready.
  private mutating func finishTurn(startUs: UInt64) {
    resumeWaiting()
    if mustMakeRoom { makeRoomForKeys() }
    expireSessions()
    if now >= backlogRetry {
      backlogRetry = .never
      acceptBatch()
    }
    vitals.insert(.deadlines)
    if sessions.placed != connectionsTold {
      connectionsTold = sessions.placed
      step(.connectionsChanged(used: connectionsTold))
    } else if appliance.nextDeadline <= now {
      step(.tick)
    }
    deliverEvents()
    forgetMessages()
    if accessWake <= now { serveAccess() }
    if now.since(sampledAt) >= Self.sampleMs { takeSample() }
    pictureWake = sendPictures()
    jobWake = serveJobs()
    watchBacklog()
    vitals.insert(.accept | .effects | .turn)
    counters[.loopTurns] &+= 1
    let took = system.nowUs() &- startUs
    if answered != 0 { recordAnswers(us: took) }
    if took > counters[.longestTurnUs] { counters[.longestTurnUs] = took }
    if now.since(turnToldAt) >= Self.turnTellingMs {
      turnToldAt = now
      step(.turnCompleted(vitals))
    }
    vitals = .none
  }

  /// When the next turn must begin even if nothing happens. Inlined, and what it asks likewise:
  /// a getter would be given a copy of the whole loop.
  @inline(__always)
  private var nextWake: Instant {
    let canResume = buffers.waiting > 0 && buffers.free >= 2
    if sweep != nil || !spawns.isEmpty || canResume { return now }
    return min(
      min(min(appliance.nextDeadline, pictureWake), min(sessions.nextDeadline, backlogRetry)),
      min(min(jobWake, accessWake), sampledAt + Self.sampleMs))
  }

  /// Tells the machines and executes what they ask for.
  public mutating func step(_ input: Input) {
    effects.removeAll()
    system.tells(input, to: appliance)
    appliance.step(input, now: now, effects: &effects)
    executeAll()
    if let line = system.nextLogLine() { log(line) }
  }

  mutating func executeAll() {
    healthAt = .never
    for index in 0..<effects.count { execute(effects[index]) }
  }

  /// The one funnel of effects.
  private mutating func execute(_ effect: Effect) {
    switch effect {
    case .publish(let event):
      log(event)
      events.publish(event, now: now, unixMs: appliance.clock.unixMs(at: now))
      counters[.eventsPublished] &+= 1
      beginSweep()
    case .log(let line): log(line)
    case .press(let press): pressed(press)
    case .stop(let action): stopping = action
    case .spawnMediaServer, .spawnProbe, .spawnFeed, .reauthorise, .cyclePower:
      spawns.append(effect)
    case .signal(let kind, let life, _):
      // Who shall get a signal must exist.
      if let spawn = spawns.remove(kind, life: life) { system.execute(spawn, for: appliance) }
      system.execute(effect, for: appliance)
    case .publishFeed, .silenceFeed, .media, .cancelMedia, .checkMediaSockets, .light,
      .petWatchdog, .rememberIdentities, .rememberSources, .breadcrumb, .rememberRecordings,
      .tagRecording, .setRetention, .remountData, .tellClock:
      system.execute(effect, for: appliance)
    }
  }
}
