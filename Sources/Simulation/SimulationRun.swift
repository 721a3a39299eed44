import Appliance
import EventLoop
import Wire

/// One run: lives of the agent in one world, from power-on until all faults are over and everything
/// is well, or something was found.
public final class SimulationRun {
  private let options: RunOptions
  private let world: SimulatedWorld
  private let configuration: Configuration
  private let memory: LifeMemory
  private var loop: EventLoop<SimulatedWorld>
  private var slots = SlotsConserved()
  private var bounded = MemoryBounded()
  private var spins = NeverSpins()
  private var streams = StreamsTold()
  private var lights = LightsTell()
  private var recordings = RecordingsKept()
  private var strays = NoneStray()
  private var lookedAtUs: UInt64 = 0
  private var hasStarted = false
  private var stoppingSinceUs: UInt64?
  private var starvedAtStopUs: UInt64 = 0
  /// The change that was in force without being so for good when the faults were over; 0: none.
  private var lastChange: UInt32 = 0
  /// When the card had everything last.
  private var keptUs: UInt64 = 0

  public init(
    _ options: RunOptions, schedule: Schedule? = nil, canary: Canary? = nil,
    tell: ((String) -> Void)? = nil
  ) {
    self.options = options
    world = SimulatedWorld(options, schedule ?? Schedule.drawn(options), canary: canary)
    configuration = options.configuration
    memory = LifeMemory(configuration)
    loop = Self.life(in: world, configuration, memory)
    world.beyond = memory.beyond
    if let tell {
      let world = world
      world.tell = { tell("\(Self.clock(world.us)) \($0)") }
    }
  }

  private static func clock(_ us: UInt64) -> String {
    let ms = us / 1000
    func two(_ value: UInt64) -> String { value < 10 ? "0\(value)" : "\(value)" }
    let rest = String(1000 + ms % 1000).dropFirst()
    return "\(two(ms / 3_600_000)):\(two(ms / 60_000 % 60)):\(two(ms / 1000 % 60)).\(rest)"
  }

  private static func life(
    in world: SimulatedWorld, _ configuration: Configuration, _ memory: LifeMemory
  ) -> EventLoop<SimulatedWorld> {
    var loop = EventLoop(
      system: world,
      appliance: Appliance(configuration, tables: memory.machines()),
      configuration: configuration, memory: memory.loop(configuration), startUs: world.nowUs())
    loop.access.changes.policy.appliesAtOnce = world.options.appliesAtOnce
    return loop
  }

  // MARK: The run

  /// Runs to its end, or to the first violation.
  public func run() -> RunResult {
    let faultsMs = max(UInt64(options.hours * 3_600_000), world.schedule.endMs)
    // The kernel has come up.
    world.pass(ms: 3000)
    start()
    while world.us < faultsMs * 1000, world.violations.isEmpty { turn() }
    if world.violations.isEmpty { converge() }
    return RunResult(
      options: options, schedule: world.schedule, violations: world.violations,
      turns: world.turns, simulatedMs: world.us / 1000, traceHash: world.trace,
      lives: world.epoch + 1, coverage: world.coverage)
  }

  /// All faults are over.
  private func converge() {
    world.say("world: no more faults")
    let fromUs = world.us
    lastChange = world.card.applied
    keptUs = world.us
    var wellSinceUs = world.us
    while world.violations.isEmpty {
      turn()
      if loop.isKept { keptUs = world.us }
      // Safe mode lasts until somebody switches the board off and on.
      if loop.appliance.isSafeMode, world.end == nil, world.isAlive { world.end = .powerCut }
      if let trouble {
        wellSinceUs = world.us
        if world.us - fromUs > Converges.longestMs * 1000 {
          world.broke(Converges.self, trouble)
        }
      } else if world.us - wellSinceUs >= Converges.steadyMs * 1000 {
        return
      }
    }
  }

  /// What is not well yet.
  private var trouble: String? {
    let health = loop.appliance.health
    guard health.state == .healthy else {
      return "health is \(health.state), reasons \(String(health.reasons.rawValue, radix: 16))"
    }
    var streaming = 0
    for index in loop.appliance.cameras.slots {
      if loop.appliance.cameras[index].wireState == .streaming { streaming += 1 }
    }
    guard streaming == options.cameras else {
      return "\(streaming) of \(options.cameras) cameras stream"
    }
    if let troubleOfChanges { return troubleOfChanges }
    if world.us - strays.tidyUs >= Converges.steadyMs * 1000 {
      return "something is recorded, and nobody has asked for it"
    }
    // Admins and copied handshakes always have something new for it.
    guard !options.keys || world.us - keptUs < Converges.steadyMs * 1000 else {
      return "the card does not have everything since \(keptUs / 1000) ms"
    }
    guard world.media.life != nil else { return "MediaMTX does not run" }
    // One of a camera that is another one now waits for good.
    for recording in world.wanted
    where world.cameras.contains(where: { $0.name == recording.camera }) {
      let grownUs = world.grown[String(recording.camera)] ?? 0
      guard world.us - grownUs < 20_000_000 + options.partMs * 2000 else {
        return "the recording of \(String(recording.camera)) does not grow"
      }
    }
    return nil
  }

  /// Admins go on, and a device that applies what they approve at once has always one in force:
  /// each is confirmed or goes back in time, and nothing of it stays.
  private var troubleOfChanges: String? {
    let applied = world.card.applied
    if applied != 0 {
      let isLate = world.us - world.changedUs > Converges.changeMs * 1000
      if applied == lastChange || isLate { return "change \(applied) is not settled" }
    }
    for id in world.card.stagedIDs where loop.access.changes.digest(of: id) == nil {
      return "the card still has the text of change \(id), which has ended"
    }
    return nil
  }

  // MARK: Lives

  private func start() {
    lights = LightsTell()
    hasStarted = false
    world.isAlive = true
    var facts = world.bootFacts()
    world.greet()
    if facts.reset == .watchdog {
      awaitHistory()
      facts.recentWatchdogResets = world.board.historyRead ? world.disk.watchdogResets : 1
    }
    hasStarted = true
    world.say("world: the agent starts, reset \(facts.reset)")
    loop.start(facts)
    if world.hangsLeft > 0 { world.hang(world.random.between(1000, 60_000)) }
    stoppingSinceUs = nil
  }

  /// After a watchdog reset the start waits for the history of earlier boots, but not for ever.
  private func awaitHistory() {
    let untilUs = world.us + 6_000_000
    while world.us < untilUs, !world.board.historyRead, world.end == nil {
      loop.turn(noLaterThan: world.instant + 500)
      world.board.pettedUs = world.us
      world.board.openedUs = world.us
    }
  }

  private func turn() {
    loop.turn()
    look()
    if world.isQuiet, loop.isKept { world.isQuiet = false }
    if let action = loop.stopping { world.end = .stopped(action) }
    if let end = world.end { finish(end) }
  }

  private func finish(_ end: SimulatedWorld.End) {
    world.say("world: the life ends, \(end)")
    world.coverage.note("life ends \(end)")
    world.forgetUnkept()
    if case .stopped = end { handOver() }
    switch end {
    case .crash, .stopped(.none), .stopped(.reload):
      world.endLife(cut: false)
      world.pass(ms: 1000)
    case .powerCut, .stopped(.reboot), .stopped(.powerOff):
      world.board.reset = .powerOn
      world.disk.watchdogResets = 0
      world.endLife(cut: true)
      world.pass(ms: 4000)
    case .watchdogReset:
      world.board.reset = .watchdog
      world.disk.watchdogResets += 1
      world.endLife(cut: true)
      world.pass(ms: 4000)
    }
    // What was answered last has come meanwhile.
    world.forgetUnkept()
    loop = Self.life(in: world, configuration, memory)
    start()
  }

  /// At an orderly end the keeper is given what it has not been told yet.
  private func handOver() {
    world.end = nil
    loop.handOver(until: world.instant + 700)
  }

  // MARK: Looking

  private func look() {
    spins.look(world)
    guard hasStarted, world.end == nil else { return }
    slots.look(world, loop)
    lights.look(world, loop)
    guard world.us - lookedAtUs >= 1_000_000 else { return }
    lookedAtUs = world.us
    bounded.look(world, memory)
    recordings.look(world, loop)
    strays.look(world, loop)
    streams.look(world, loop)
    SilenceEnds.look(world, loop)
    SourcesKept.look(world, loop)
    lookAtStop()
    lookAtSafeMode()
    world.noteStates(loop)
    OneAnswer.look(world)
    OperatorServed.look(world)
    world.lookAtDisk()
    world.lookAtKeys()
    world.lookAtButton(loop)
  }
}

extension SimulationRun {
  private func lookAtStop() {
    guard loop.appliance.health.state == .stopping else { return }
    let sinceUs = stoppingSinceUs ?? world.us
    stoppingSinceUs = sinceUs
    let lost = world.starvedUs - min(world.starvedUs, starvedAtStopUs)
    if stoppingSinceUs == world.us { starvedAtStopUs = world.starvedUs }
    if world.us - sinceUs > StopsInTime.longestMs * 1000 + lost {
      world.broke(StopsInTime.self, "it stops for \((world.us - sinceUs) / 1000) ms")
    }
  }

  private func lookAtSafeMode() {
    let resets = world.disk.watchdogResets
    let wanted = world.board.reset == .watchdog && resets >= 3
    if loop.appliance.isSafeMode, !wanted {
      // The row may have ended since: a boot that has lived long.
      guard world.nowUs() < 600_000_000 else { return }
      world.broke(SafeModeRight.self, "safe mode after \(resets) resets in a row")
    }
    // A history that comes late still counts, but not for a boot that has lived long, and not
    // before it is read: a loop that gets no processor time does not know of it yet.
    if wanted, !loop.appliance.isSafeMode, world.board.historyRead, !world.isStopping,
      world.nowUs() < 500_000_000
    {
      world.broke(SafeModeRight.self, "no safe mode after \(resets) resets in a row")
    }
  }
}

/// What came of a run.
public struct RunResult: Sendable {
  public var options: RunOptions
  public var schedule: Schedule
  public var violations: [Violation]
  public var turns: UInt64
  public var simulatedMs: UInt64
  public var traceHash: UInt64
  /// Lives of the agent.
  public var lives: Int
  public var coverage: Coverage
}
