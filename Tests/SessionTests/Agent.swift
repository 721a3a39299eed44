import Appliance
import Noise
import Wire

@testable import EventLoop

/// The agent's loop at one end of a network, with its memory.
final class Agent {
  /// One connection of one slot.
  private struct Place: Hashable {
    let slot: Int
    let generation: UInt32

    init(_ line: Line) { (slot, generation) = (line.slot, line.generation) }
  }

  private(set) var loop: EventLoop<NetworkSystem>
  let network: Network
  private let memory: UnsafeMutableRawBufferPointer
  private let tables: UnsafeMutableRawBufferPointer
  private let messages: UnsafeMutableRawBufferPointer
  /// Connections that were on trial to their end.
  private var onTrial: Set<Place> = []
  /// Generations of all slots together when the session began.
  private var generations: UInt64 = 0

  /// How far one step of its time goes: two of them end an idle connection, one a lingering one.
  static let stepMs: UInt64 = 320

  init(slots: Int, _ network: Network) {
    self.network = network
    var configuration = Configuration()
    configuration.control.slots = slots
    configuration.control.plain = true
    configuration.control.idleTimeoutMs = 2 * Self.stepMs
    configuration.control.frameTimeoutMs = 2 * Self.stepMs
    configuration.control.writeTimeoutMs = 2 * Self.stepMs
    configuration.control.handshakeTimeoutMs = 2 * Self.stepMs
    configuration.mediaServer.path = .empty
    configuration.cameras.enabled = false
    configuration.watchdog.device = .empty
    configuration.network.mode = .off
    var plan = Arena()
    messages = .allocate(byteCount: MessageRing.memory, alignment: 64)
    _ = LoopMemory(configuration, from: &plan, messages: messages)
    memory = .allocate(byteCount: plan.claimed, alignment: 64)
    memory.initializeMemory(as: UInt8.self, repeating: 0)
    tables = .allocate(byteCount: ApplianceMemory.tableBytes, alignment: 64)
    var arena = Arena(memory)
    let claimed = LoopMemory(configuration, from: &arena, messages: messages)
    loop = EventLoop(
      system: NetworkSystem(network: network),
      appliance: Appliance(configuration, tables: ApplianceMemory.Tables(tables)),
      configuration: configuration, memory: claimed, startUs: network.timeUs)
    loop.start(BootFacts())
    var facts = StorageFacts()
    facts.state = .writable
    (facts.totalBytes, facts.freeBytes) = (1 << 40, 1 << 39)
    loop.step(.storageChanged(facts))
  }

  deinit {
    memory.deallocate()
    tables.deallocate()
    messages.deallocate()
  }

  /// Gives the device a key, and lets a client in that has another one.
  func load(key: [UInt8], client: PublicKey, secret: [UInt8]) throws {
    precondition(KnownAnswer.holds(), "the routines for this processor are chosen")
    key.withUnsafeBytes { loop.deviceKey.load($0) }
    loop.access.keys.startEmpty()
    _ = try secret.withUnsafeBytes { secret in
      try loop.access.keys.add(
        Name("admin"), client, secret: secret, role: .admin, addedBy: Name(), unixMs: 0)
    }
  }

  var publicKey: PublicKey { loop.deviceKey.publicKey }

  /// A session begins: at a time that is a whole number of all the agent's intervals.
  func begin() {
    let period: UInt64 = 1_024_000
    network.timeUs = (network.timeUs / period + 1) * period
    turn()
    turn()
    generations = generationSum
    onTrial = []
  }

  // MARK: What happens to it

  /// One turn, in which no time passes.
  func turn() {
    loop.turn(noLaterThan: Instant(ms: network.timeUs / 1000))
    for line in network.lines where line.generation > 0 {
      guard let index = loop.sessions.find(line.slot, generation: line.generation) else { continue }
      if loop.sessions.slots[index].isOnTrial {
        onTrial.insert(Place(line))
      } else {
        onTrial.remove(Place(line))
      }
    }
  }

  func pass() {
    network.timeUs += Self.stepMs * 1000
    turn()
  }

  /// `count` events happen at once, numbered from `first`.
  func publish(_ count: Int, from first: Int) {
    for number in first..<first + count {
      loop.events.publish(
        Event(.cameraStatus, value: UInt32(number)), now: loop.now, unixMs: 0)
    }
    loop.beginSweep()
  }

  // MARK: What is to be seen of it

  /// Nothing that it would go on with by itself.
  var isQuiet: Bool { loop.sweep == nil && loop.jobs.used == 0 && loop.buffers.waiting == 0 }

  /// The connection subscribes.
  func isSubscribed(_ line: Line) -> Bool {
    guard let index = loop.sessions.find(line.slot, generation: line.generation) else {
      return false
    }
    return loop.sessions.slots[index].isSubscribed
  }

  /// It has a slot in which to be told BUSY, or to show a key, and shows none.
  func isRefused(_ line: Line) -> Bool {
    line.slot >= loop.sessions.served || onTrial.contains(Place(line))
  }

  private var generationSum: UInt64 {
    var sum: UInt64 = 0
    for index in loop.sessions.slots.indices {
      sum += UInt64(loop.sessions.slots[index].generation)
    }
    return sum
  }

  /// What is not as it was before the session, all of whose connections have ended.
  var leaks: [String] {
    var found = network.leaks
    func hold(_ value: Int, _ wanted: Int, _ name: String) {
      if value != wanted { found.append("\(name): \(value) instead of \(wanted)") }
    }
    hold(loop.sessions.used, 0, "slots in use")
    hold(loop.sessions.refusing, 0, "slots for refusals in use")
    hold(loop.sessions.usedByPublic, 0, "slots of strangers in use")
    hold(loop.sessions.subscribers, 0, "subscribers")
    hold(loop.buffers.free, Buffers.pooled, "free buffers")
    hold(loop.buffers.waiting, 0, "slots that wait for a buffer")
    hold(loop.jobs.used, 0, "jobs")
    hold(loop.sweep == nil ? 0 : 1, 0, "rounds over subscribers")
    for index in loop.sessions.slots.indices where loop.sessions.slots[index].phase != .free {
      found.append("slot \(index) is \(loop.sessions.slots[index].phase)")
    }
    let connections = network.lines.count { $0.generation > 0 }
    hold(Int(generationSum - generations), connections, "generations that have passed")
    return found
  }

  /// Everything of it that what comes next depends on. Times are told as they are from now; what
  /// numbers an event or a slot got does not matter. Left out is what a session is too short for:
  /// the time of a job, the rates of requests and handshakes.
  func hash(into hasher: inout Hasher) {
    network.hash(into: &hasher)
    hasher.combine(loop.sweep == nil)
    for line in network.lines where line.generation > 0 {
      guard let index = loop.sessions.find(line.slot, generation: line.generation) else {
        hasher.combine(false)
        continue
      }
      let session = loop.sessions.slots[index]
      hasher.combine(index < loop.sessions.served)
      hasher.combine(session.phase)
      hasher.combine(session.held)
      hasher.combine(session.rest)
      hasher.combine(session.topics.rawValue)
      hasher.combine(session.isSubscribed ? loop.events.next - session.cursor : 0)
      hasher.combine(session.untold)
      hasher.combine(session.proof)
      hasher.combine(session.waiting)
      hasher.combine(session.isSealed)
      hasher.combine(session.isUnproven)
      let deadline = loop.sessions.deadline(index)
      hasher.combine(deadline == .never ? 0 : deadline.ms - min(loop.now.ms, deadline.ms))
    }
    var queue: [(number: UInt64, entry: Int)] = []
    for entry in 0..<Jobs.capacity where loop.jobs.table[entry].state != .free {
      queue.append((loop.jobs.table[entry].number, entry))
    }
    for (_, entry) in queue.sorted(by: { $0.number < $1.number }) {
      let job = loop.jobs.table[entry]
      hasher.combine(job.header.requestID)
      hasher.combine(job.yields)
      switch job.state {
      case .free: break
      case .waiting: hasher.combine(1)
      case .running: hasher.combine(2)
      case .refused: hasher.combine(3)
      case .sending(_, let offset): hasher.combine(4 + offset)
      }
    }
  }
}
