import Appliance
import EventLoop
import Wire

/// Slots and their generations are conserved: each open descriptor has one slot, each slot in use
/// has one open descriptor.
struct SlotsConserved: Invariant {
  static let reason = "a slot that leaks is lost until the next start"
  private var lookedAt: UInt64 = .max

  mutating func look(_ world: SimulatedWorld, _ loop: borrowing EventLoop<SimulatedWorld>) {
    guard world.trace != lookedAt else { return }
    lookedAt = world.trace
    let (used, refusing) = (loop.sessions.used, loop.sessions.refusing)
    let open = world.openDescriptors
    if used + refusing != open {
      world.broke(Self.self, "\(used) + \(refusing) slots for \(open) descriptors")
    }
    var ordinary = 0
    var refusals = 0
    var subscribers = 0
    var waiting = 0
    for index in loop.sessions.slots.indices where loop.sessions.slots[index].phase != .free {
      if index < loop.sessions.served { ordinary += 1 } else { refusals += 1 }
      if loop.sessions.slots[index].isSubscribed { subscribers += 1 }
      if loop.sessions.slots[index].waiting { waiting += 1 }
    }
    if waiting != loop.awaited {
      world.broke(Self.self, "\(waiting) connections wait, and \(loop.awaited) will be served")
    }
    if loop.orphans > 0 {
      world.broke(Self.self, "\(loop.orphans) answers are for connections that are gone")
    }
    if ordinary != used || refusals != refusing || subscribers != loop.sessions.subscribers {
      world.broke(
        Self.self,
        "\(ordinary) and \(refusals) slots are taken, \(used) and \(refusing) counted; "
          + "\(subscribers) subscribed, \(loop.sessions.subscribers) counted")
    }
  }
}

/// A connection over which nothing goes is ended in its time.
enum SilenceEnds: Invariant {
  static let reason = "a slot that a dead client keeps is missing when somebody comes to help"
  /// It is looked at once a second.
  static let slackUs: UInt64 = 2_000_000

  static func look(_ world: SimulatedWorld, _ loop: borrowing EventLoop<SimulatedWorld>) {
    let limits = world.options.configuration.control
    for socket in world.sockets {
      guard let socket, socket.isAccepted, socket.slot >= 0 else { continue }
      let session = loop.sessions.slots[socket.slot]
      let limitMs: UInt64
      switch session.phase {
      case .free: continue
      case .lingering: limitMs = SessionLimits.lingerMs
      // What it has not taken by then has had its time before.
      case .ending: limitMs = 2 * limits.writeTimeoutMs
      case .open where session.rest > 0: limitMs = limits.writeTimeoutMs
      case .open where session.isSubscribed: continue
      case .open: limitMs = limits.idleTimeoutMs
      }
      let starved = world.starvedUs - min(socket.movedStarvedUs, world.starvedUs)
      let silent = world.us - socket.movedUs
      if silent > limitMs * 1000 + slackUs + starved {
        world.broke(
          Self.self,
          "slot \(socket.slot) is \(session.phase), and silent for \(silent / 1000) ms")
      }
    }
  }
}

/// Memory stays at its boot size.
struct MemoryBounded: Invariant {
  static let reason = "what grows with load ends in the middle of the night"

  mutating func look(_ world: SimulatedWorld, _ memory: LifeMemory) {
    if let place = memory.strayByte {
      world.broke(Self.self, "a byte was written beyond the \(place)")
      memory.seal()
    }
  }
}

/// Time goes on: the loop does not turn again and again without anything to do.
struct NeverSpins: Invariant {
  static let reason = "a loop that spins eats a board's processor and battery"
  private static let turnsPerSecond: UInt64 = 4000
  private var second: UInt64 = 0
  private var turnsBefore: UInt64 = 0

  mutating func look(_ world: SimulatedWorld) {
    guard world.us / 1_000_000 == second else {
      second = world.us / 1_000_000
      turnsBefore = world.turns
      return
    }
    if world.turns - turnsBefore == Self.turnsPerSecond {
      world.broke(Self.self, "\(Self.turnsPerSecond) turns in one second")
      if world.canary == .spinning { world.end = .powerCut }
    }
  }
}

/// Who cannot start, or does not live, is started ever more seldom.
struct StartsPaced: Invariant {
  static let reason = "what cannot start must not take the board from what can"
  /// In ten seconds: one that works for a second is followed by one at once, and that by one after
  /// 250 ms. Another life of the agent begins anew.
  static let most = 20
  private var starts: [(kind: ChildKind, us: UInt64)] = []

  mutating func note(_ kind: ChildKind, _ world: SimulatedWorld) {
    starts.removeAll { world.us - $0.us > 10_000_000 }
    starts.append((kind, world.us))
    let count = starts.count { $0.kind == kind }
    if count > Self.most { world.broke(Self.self, "\(count) starts of \(kind) in 10 s") }
  }

  mutating func forget() { starts.removeAll() }
}

/// No stream is told to flow while there is no server.
struct StreamsTold: Invariant {
  static let reason = "who sees a stream in the list and then nothing trusts neither again"
  static let longestUs: UInt64 = 5_000_000
  private var thereUs: UInt64 = 0
  private var starvedUs: UInt64 = 0

  mutating func look(_ world: SimulatedWorld, _ loop: borrowing EventLoop<SimulatedWorld>) {
    if world.media.life != nil { (thereUs, starvedUs) = (world.us, world.starvedUs) }
    let lost = world.starvedUs - min(starvedUs, world.starvedUs)
    guard world.us - thereUs > Self.longestUs + lost else { return }
    for index in 0..<loop.appliance.streams.count
    where loop.appliance.streams[index].streamState == .flowing {
      let name = String(loop.appliance.streams[index].name)
      world.broke(Self.self, "\(name) is told to flow, and MediaMTX does not run")
    }
  }
}

/// A recording that was asked for is not forgotten.
struct RecordingsKept: Invariant {
  static let reason = "what somebody has asked for is evidence that somebody will ask for"
  /// After which a recording lies on a card that is well.
  static let keptUs: UInt64 = 10_000_000

  mutating func look(_ world: SimulatedWorld, _ loop: borrowing EventLoop<SimulatedWorld>) {
    // Safe mode leaves them alone where they are kept.
    guard !world.wanted.isEmpty, world.disk.recordingsToldIn == world.epoch, !world.isStopping,
      !loop.appliance.isSafeMode
    else { return }
    var asked: [Name] = []
    _ = loop.appliance.recordings.keep(now: world.instant) { asked.append($0.camera) }
    for recording in world.wanted where !asked.contains(recording.camera) {
      world.broke(Self.self, "the recording of \(String(recording.camera)) is forgotten")
    }
    world.wanted.removeAll { !asked.contains($0.camera) }
  }
}

/// Nothing is recorded that nobody has asked for.
struct NoneStray: Invariant {
  static let reason = "who is filmed against everybody's will is betrayed, and the card fills"
  static let longestUs: UInt64 = 30_000_000
  /// A file has grown within this time: only that is a recording. What MediaMTX would do with a
  /// stream that does not flow nobody can see, and nothing comes of it.
  static let growthUs: UInt64 = 10_000_000
  /// When MediaMTX recorded last only what it is asked to, or could not be told.
  private(set) var tidyUs: UInt64 = 0

  mutating func look(_ world: SimulatedWorld, _ loop: borrowing EventLoop<SimulatedWorld>) {
    guard let name = stray(world, loop), !Self.isDeaf(world) else {
      tidyUs = world.us
      return
    }
    // Of a server that refuses every change, some are ended in a window of time, and no more.
    let windowUs = world.media.isPoisoned ? MediaServerTiming.poisonWindowMs * 1000 : 0
    if world.us - tidyUs > Self.longestUs + windowUs {
      world.broke(Self.self, "\(String(name)) is recorded, and nobody has asked for it")
    }
  }

  private func stray(_ world: SimulatedWorld, _ loop: borrowing EventLoop<SimulatedWorld>) -> Name?
  {
    var asked: [Name] = []
    _ = loop.appliance.recordings.keep(now: world.instant) { asked.append($0.camera) }
    for path in world.media.paths where path.records && !asked.contains(path.name) {
      let grownUs = world.grown[String(path.name)] ?? 0
      if grownUs > 0, world.us - grownUs < Self.growthUs { return path.name }
    }
    return nil
  }

  /// MediaMTX does not hear, or does not do, what it is told.
  private static func isDeaf(_ world: SimulatedWorld) -> Bool {
    world.starvedUntilUs > world.us
      || [.mediaForgets, .mediaHang, .mediaSlow, .mediaUnkillable].contains { world.isNow($0) }
  }
}

/// A source on the network that was added is there until it is removed.
enum SourcesKept: Invariant {
  static let reason = "a camera that was added once is expected to be there for good"

  static func look(_ world: SimulatedWorld, _ loop: borrowing EventLoop<SimulatedWorld>) {
    guard !world.wantedSources.isEmpty, world.disk.recordingsToldIn == world.epoch,
      !world.isStopping, !loop.appliance.isSafeMode
    else { return }
    for source in world.wantedSources {
      var isThere = false
      for index in 0..<loop.appliance.sources.count
      where loop.appliance.sources[index].name == source.camera { isThere = true }
      if !isThere { world.broke(Self.self, "the source \(String(source.camera)) is forgotten") }
    }
  }
}

extension OneAnswer {
  static func look(_ world: SimulatedWorld) {
    for client in world.clients where client.isHonest && client.outbox.isEmpty {
      guard let connection = client.connection, let socket = world.sockets[connection],
        !socket.isBroken, !socket.clientEnded, socket.isAccepted
      else { continue }
      for asked in client.asked {
        let lost = world.starvedUs - asked.starvedUs
        let sinceUs = max(asked.atUs, client.kind == .subscriber ? world.stalledUs : 0)
        guard world.us - sinceUs > longestUs + lost else { continue }
        world.broke(Self.self, "request \(asked.kind) of a \(client.kind) is not answered")
        client.asked.removeAll()
        break
      }
    }
  }
}

extension OperatorServed {
  static func look(_ world: SimulatedWorld) {
    if world.isNow(.descriptorsExhausted) { return }
    for client in world.clients where client.kind == .operator && !client.isServed {
      guard let connection = client.connection, let socket = world.sockets[connection],
        !socket.isBroken, !socket.clientEnded
      else { continue }
      let lost = world.starvedUs - client.connectedStarvedUs
      let sinceUs = max(client.connectedUs, world.exhaustedAtUs)
      guard world.us - sinceUs > longestUs + lost else { continue }
      world.broke(Self.self, "an operator waits for \(longestUs / 1000) ms")
      client.isServed = true
    }
  }
}
