// init's life:
//
//   started ─► watchdogModules ┐
//         └──► bootPartition   ┴─ both ended or late ─► agent, network, lateModules
//   lateModules ended or late ─► dataPartition, time, mdns, shell
//
//   A service that ends is started again after its delay. The agent's exit code, or a signal,
//   starts the end:  terminating ─► killing ─► unmounting ─► power.
//
// Why the boot partition comes before the agent: the agent needs its configuration (slots, LEDs,
// watchdog) when it opens things, and a good card is mounted in a fraction of a second. A bad card
// costs 3 s once; then the agent starts with the board's own configuration. Should the card answer
// after all, or should the data partition hold the last good configuration while the present one is
// wrong, the services that read it are asked to end and start again with it – once for each reason.
// The same holds for a watchdog driver that comes late.

/// PID 1's decisions: which job and which service when, and how the machine goes down. Pure; the
/// executor in `Linux/Init` does what it says.
public struct InitMachine {
  private enum Phase: Equatable {
    case idle
    /// Waiting for what the agent needs.
    case early
    case up
    case terminating(PowerAction, until: Instant)
    case killing(PowerAction, until: Instant)
    case unmounting(PowerAction)
  }

  enum JobState: Equatable {
    case idle
    case running(until: Instant)
    /// Out of time, and its child has not ended.
    case late
    case ended
  }

  enum ServiceState: Equatable {
    case off
    case running(since: Instant)
    /// Asked to end; killed when its time is over.
    case ending(until: Instant)
    /// Killed, or ignoring it; nobody waits.
    case killed
    case waiting(until: Instant)
  }

  /// Which configuration the running services have read.
  private enum KnownConfiguration: Equatable {
    /// `lastGood`: wrong, and the services have been asked to read the last good one.
    case unread, right, missing, wrong, lastGood
  }

  private var phase = Phase.idle
  private var shellWanted = false
  private(set) var jobs = InlineArray<5, JobState>(repeating: .idle)
  private(set) var services = InlineArray<5, ServiceState>(repeating: .off)
  private var failures = InlineArray<5, UInt32>(repeating: 0)
  private var lives = InlineArray<5, UInt32>(repeating: 0)
  private var configuration = KnownConfiguration.unread

  /// Milliseconds that processes have to end after SIGTERM, and after SIGKILL, on the way down.
  public static let terminateMs: UInt64 = 3000
  public static let killMs: UInt64 = 1000

  public init() {}

  /// True when a child of `job` is stuck and no longer waited for.
  public func isLate(_ job: InitJob) -> Bool { jobs[job.rawValue] == .late }

  /// When `step` has to be called with `tick` at the latest.
  public var nextDeadline: Instant {
    var next = Instant.never
    for index in jobs.indices {
      if case .running(let until) = jobs[index] { next = min(next, until) }
    }
    for index in services.indices {
      switch services[index] {
      case .ending(let until), .waiting(let until): next = min(next, until)
      case .off, .running, .killed: break
      }
    }
    switch phase {
    case .terminating(_, let until), .killing(_, let until): next = min(next, until)
    case .idle, .early, .up, .unmounting: break
    }
    return next
  }

  public mutating func step(_ input: InitInput, now: Instant, _ effects: inout InitEffects) {
    switch input {
    case .started(let shell):
      shellWanted = shell
      phase = .early
      start(.watchdogModules, now, &effects)
      start(.bootPartition, now, &effects)
    case .jobEnded(let job, let status):
      end(job, status, now, &effects)
    case .jobNotStarted(let job):
      end(job, .code(127), now, &effects)
    case .serviceEnded(let service, let status):
      end(service, status, now, &effects)
    case .serviceNotStarted(let service):
      end(service, .code(127), now, &effects)
    case .childrenGone:
      proceedDown(allGone: true, now, &effects)
    case .remountWanted:
      remount(now, &effects)
    case .shutdown(let action):
      shutDown(action, now, &effects)
    case .tick:
      break
    }
    expire(now, &effects)
    if phase == .early { startAgentWhenReady(now, &effects) }
  }

  // MARK: Jobs

  private mutating func start(_ job: InitJob, _ now: Instant, _ effects: inout InitEffects) {
    jobs[job.rawValue] = .running(until: now + job.limitMs)
    effects.append(.startJob(job))
  }

  private func isSettled(_ job: InitJob) -> Bool {
    switch jobs[job.rawValue] {
    case .late, .ended: true
    case .idle, .running: false
    }
  }

  private mutating func startAgentWhenReady(_ now: Instant, _ effects: inout InitEffects) {
    guard isSettled(.watchdogModules), isSettled(.bootPartition) else { return }
    phase = .up
    start(.agent, now, &effects)
    start(.lateModules, now, &effects)
    // It waits for its interface, whose driver is the first of the late ones.
    start(.network, now, &effects)
  }

  private mutating func end(
    _ job: InitJob, _ status: ExitStatus, _ now: Instant, _ effects: inout InitEffects
  ) {
    let wasLate = jobs[job.rawValue] == .late
    jobs[job.rawValue] = .ended
    switch job {
    case .watchdogModules:
      // The agent has started without its watchdog and LEDs: once more, with them.
      if phase == .up, wasLate, status == .code(0) { reload(now, &effects) }
    case .bootPartition:
      bootPartitionEnded(status, now, &effects)
    case .lateModules:
      if phase == .up, !wasLate { startTheRest(now, &effects) }
    case .dataPartition:
      dataPartitionEnded(status, now, &effects)
    case .unmount:
      if case .unmounting(let action) = phase { effects.append(.power(action)) }
    }
  }

  private mutating func bootPartitionEnded(
    _ status: ExitStatus, _ now: Instant, _ effects: inout InitEffects
  ) {
    switch boot(status) {
    case .configurationRight: configuration = .right
    case .configurationMissing, .notMounted: configuration = .missing
    case .configurationWrong: configuration = .wrong
    }
    // Mounted after the agent had started without it: only a file that says something is news.
    if phase == .up, configuration != .missing { reload(now, &effects) }
  }

  private mutating func dataPartitionEnded(
    _ status: ExitStatus, _ now: Instant, _ effects: inout InitEffects
  ) {
    guard phase == .up else { return }
    switch data(status) {
    case .writable:
      effects.append(.tellStorage(.writable))
    case .writableWithConfiguration:
      effects.append(.tellStorage(.writable))
      // Once: a partition that is mounted anew is no further reason.
      guard configuration == .wrong else { return }
      configuration = .lastGood
      reload(now, &effects)
    case .readOnly:
      effects.append(.tellStorage(.readOnly))
    case .missing:
      effects.append(.tellStorage(.missing))
    }
  }

  /// Unless the last try has not ended: on a partition that hangs it never does.
  private mutating func remount(_ now: Instant, _ effects: inout InitEffects) {
    guard phase == .up, jobs[InitJob.dataPartition.rawValue] == .ended else { return }
    start(.dataPartition, now, &effects)
  }

  private func boot(_ status: ExitStatus) -> BootPartitionResult {
    guard case .code(let code) = status else { return .notMounted }
    return BootPartitionResult(rawValue: code) ?? .notMounted
  }

  private func data(_ status: ExitStatus) -> DataPartitionResult {
    guard case .code(let code) = status else { return .missing }
    return DataPartitionResult(rawValue: code) ?? .missing
  }

  private mutating func startTheRest(_ now: Instant, _ effects: inout InitEffects) {
    start(.dataPartition, now, &effects)
    start(.time, now, &effects)
    start(.mdns, now, &effects)
    if shellWanted { start(.shell, now, &effects) }
  }

  // MARK: Services

  private mutating func start(
    _ service: InitService, _ now: Instant, _ effects: inout InitEffects
  ) {
    lives[service.rawValue] &+= 1
    services[service.rawValue] = .running(since: now)
    effects.append(.startService(service, life: lives[service.rawValue]))
  }

  private mutating func end(
    _ service: InitService, _ status: ExitStatus, _ now: Instant, _ effects: inout InitEffects
  ) {
    guard phase == .up else {
      services[service.rawValue] = .off
      return
    }
    if service == .agent {
      if status == .code(ServiceExit.reboot) { return agentStopped(.reboot, now, &effects) }
      if status == .code(ServiceExit.powerOff) { return agentStopped(.powerOff, now, &effects) }
      if status == .code(ServiceExit.reload) {
        services[service.rawValue] = .off
        return reload(now, &effects)
      }
    }
    switch services[service.rawValue] {
    case .ending, .killed:
      start(service, now, &effects)
    case .off, .waiting:
      break
    case .running(let since):
      if service != .agent, status == .code(ServiceExit.notWanted) {
        services[service.rawValue] = .off
        return
      }
      let isFailure = now.since(since) < InitService.minimumRunMs
      let delayMs = service.restartDelayMs(failures: isFailure ? failures[service.rawValue] : 0)
      failures[service.rawValue] = isFailure ? failures[service.rawValue] &+ 1 : 0
      services[service.rawValue] = .waiting(until: now + delayMs)
    }
  }

  private mutating func agentStopped(
    _ action: PowerAction, _ now: Instant, _ effects: inout InitEffects
  ) {
    services[InitService.agent.rawValue] = .off
    shutDown(action, now, &effects)
  }

  /// Has everything that reads the configuration start again.
  private mutating func reload(_ now: Instant, _ effects: inout InitEffects) {
    for index in services.indices {
      guard let service = InitService(rawValue: index), service.readsConfiguration else { continue }
      switch services[index] {
      case .running:
        services[index] = .ending(until: now + InitService.endMs)
        effects.append(.signal(service, .terminate))
      case .off:
        // Not wanted under the old configuration, or its turn has not come yet.
        if lives[index] > 0 { start(service, now, &effects) }
      case .ending, .killed, .waiting:
        break
      }
    }
  }

  // MARK: Time

  private mutating func expire(_ now: Instant, _ effects: inout InitEffects) {
    for index in jobs.indices {
      guard case .running(let until) = jobs[index], until <= now,
        let job = InitJob(rawValue: index)
      else { continue }
      jobs[index] = .late
      effects.append(.giveUpOn(job))
      giveUp(job, now, &effects)
    }
    for index in services.indices {
      guard let service = InitService(rawValue: index) else { continue }
      switch services[index] {
      case .waiting(let until) where until <= now && phase == .up:
        start(service, now, &effects)
      case .ending(let until) where until <= now:
        services[index] = .killed
        effects.append(.signal(service, .kill))
      case .off, .running, .ending, .killed, .waiting:
        break
      }
    }
    proceedDown(allGone: false, now, &effects)
  }

  private mutating func giveUp(_ job: InitJob, _ now: Instant, _ effects: inout InitEffects) {
    switch job {
    case .watchdogModules, .bootPartition:
      break
    case .lateModules:
      if phase == .up { startTheRest(now, &effects) }
    case .dataPartition:
      if phase == .up { effects.append(.tellStorage(.missing)) }
    case .unmount:
      if case .unmounting(let action) = phase { effects.append(.power(action)) }
    }
  }

  // MARK: The way down

  private mutating func shutDown(
    _ action: PowerAction, _ now: Instant, _ effects: inout InitEffects
  ) {
    guard phase == .early || phase == .up, action != .none else { return }
    phase = .terminating(action, until: now + InitMachine.terminateMs)
    for index in services.indices {
      if case .waiting = services[index] { services[index] = .off }
    }
    effects.append(.signalAll(.terminate))
  }

  private mutating func proceedDown(
    allGone: Bool, _ now: Instant, _ effects: inout InitEffects
  ) {
    switch phase {
    case .idle, .early, .up, .unmounting:
      break
    case .terminating(let action, let until):
      guard allGone || until <= now else { return }
      phase = .killing(action, until: now + InitMachine.killMs)
      effects.append(.signalAll(.kill))
      if allGone { proceedDown(allGone: true, now, &effects) }
    case .killing(let action, let until):
      guard allGone || until <= now else { return }
      phase = .unmounting(action)
      start(.unmount, now, &effects)
    }
  }
}
