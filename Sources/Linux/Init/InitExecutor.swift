import Appliance
import CLinux
import Wire

/// PID 1: one loop that waits for signals and for the machine's next deadline, and does what the
/// machine says. Whatever can block or die happens in a child. It holds no growing state.
public struct InitExecutor: ~Copyable {
  private var machine = InitMachine()
  private var effects = InitEffects()
  private var jobs = InlineArray<5, Int32>(repeating: 0)
  private var services = InlineArray<5, Int32>(repeating: 0)
  private var storage = StorageFacts.State.unknown
  private let commandLine: KernelCommandLine
  private let program: Text<96>
  private let signals: Int32

  public init() {
    _ = lx_open_console(0)
    PseudoFileSystems.mount()
    signals = lx_init_signals()
    _ = lx_make_folder("/run/watchpost", 0o755)
    // The agent's own children meet on loopback, network or not.
    _ = lx_interface_up("lo")
    program = Program.ownPath()
    commandLine = withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 1) { memory in
      let count = lx_read_whole_file("/proc/cmdline", memory.baseAddress!, memory.count)
      return KernelCommandLine(UnsafeRawBufferPointer(rebasing: memory[0..<max(0, Int(count))]))
    }
    BootLog("init").text("started").write()
  }

  /// Runs for as long as the machine does.
  public mutating func run() {
    step(.started(shell: commandLine.debugShell))
    while true {
      let deadline = machine.nextDeadline
      let now = lx_boot_time_ms()
      // Without signals nothing would tell of ended children: then the loop looks every 100 ms.
      let limitMs: UInt64 = signals < 0 ? 100 : 60_000
      let wait = deadline.ms <= now ? 0 : min(deadline.ms - now, limitMs)
      take(signal: signals < 0 ? sleep(wait) : lx_next_signal(signals, Int32(wait)))
      reap()
      step(.tick)
    }
  }

  private func sleep(_ ms: UInt64) -> Int32 {
    lx_sleep_ms(UInt32(ms))
    return 0
  }

  /// The signals that `reboot`, `poweroff` and `halt` of common init systems send; SIGINT is
  /// Ctrl-Alt-Del. The agent sends SIGHUP, when it has closed what it had open.
  private mutating func take(signal: Int32) {
    switch signal {
    case 1: step(.remountWanted)
    case 15, 2: step(.shutdown(.reboot))
    case 10, 12: step(.shutdown(.powerOff))
    default: break
    }
  }

  private mutating func reap() {
    while true {
      var code: Int32 = 0
      var signal: Int32 = 0
      let pid = lx_reap_any(&code, &signal)
      if pid == LX_NO_CHILD { step(.childrenGone) }
      guard pid > 0 else { return }
      let status: ExitStatus =
        signal > 0
        ? .signal(UInt8(truncatingIfNeeded: signal)) : .code(UInt8(truncatingIfNeeded: code))
      ended(pid, status)
    }
  }

  private mutating func ended(_ pid: Int32, _ status: ExitStatus) {
    for index in jobs.indices where jobs[index] == pid {
      jobs[index] = 0
      guard let job = InitJob(rawValue: index) else { continue }
      InitReport.ended(job.title, pid, status)
      step(.jobEnded(job, status))
      return
    }
    for index in services.indices where services[index] == pid {
      services[index] = 0
      guard let service = InitService(rawValue: index) else { continue }
      InitReport.ended(service.title, pid, status)
      step(.serviceEnded(service, status))
      return
    }
  }

  private mutating func step(_ input: InitInput) {
    machine.step(input, now: Instant(ms: lx_boot_time_ms()), &effects)
    // An effect that fails steps again; what comes of that goes behind what is left.
    while effects.count > 0 {
      execute(effects.removeFirst())
    }
  }

  private mutating func execute(_ effect: InitEffect) {
    switch effect {
    case .startJob(let job):
      start(job)
    case .giveUpOn(let job):
      BootLog("init").text(job.title).text(" takes too long; going on without it").write()
    case .startService(let service, let life):
      start(service, life: life)
    case .signal(let service, let signal):
      let pid = services[service.rawValue]
      if pid > 0 { _ = lx_send_signal(pid, signal == .kill ? 9 : 15) }
    case .signalAll(let signal):
      BootLog("init").text(signal == .kill ? "killing all" : "ending all").write()
      // -1 is everything but PID 1 itself; a mistake anywhere else.
      if lx_pid() == 1 { _ = lx_send_signal(-1, signal == .kill ? 9 : 15) }
    case .tellStorage(let state):
      storage = state
      AgentMessage.storage(state).send(runDirectory: Text("/run/watchpost"))
    case .power(let action):
      BootLog("init").text(action == .powerOff ? "power off" : "restart").write()
      _ = lx_reboot(action == .powerOff ? LX_POWER_OFF : LX_RESTART)
    }
  }

  private mutating func start(_ job: InitJob) {
    let pid = lx_fork_child(job.title.cString, true)
    if pid == 0 { lx_exit_now(Int32(perform(job))) }
    guard pid > 0 else {
      InitReport.notStarted(job.title, pid)
      return step(.jobNotStarted(job))
    }
    jobs[job.rawValue] = pid
  }

  /// In the child.
  private func perform(_ job: InitJob) -> UInt8 {
    switch job {
    case .watchdogModules:
      KernelModules.load(phase: "watchdog")
      return 0
    case .bootPartition:
      return Card.mountBoot(commandLine.bootDevice).rawValue
    case .lateModules:
      KernelModules.load(phase: "late")
      return 0
    case .dataPartition:
      return Card.mountData(commandLine.dataDevice).rawValue
    case .unmount:
      Card.unmount()
      return 0
    }
  }

  private mutating func start(_ service: InitService, life: UInt32) {
    let pid = lx_fork_child(service.title.cString, true)
    if pid == 0 { become(service, life: life) }
    guard pid > 0 else {
      InitReport.notStarted(service.title, pid)
      return step(.serviceNotStarted(service))
    }
    services[service.rawValue] = pid
    BootLog("init").text(service.title).text(" started (pid ").number(pid).text(", life ")
      .number(life).text(")").write()
  }

  /// In the child.
  private func become(_ service: InitService, life: UInt32) -> Never {
    if service == .shell {
      _ = lx_open_console(1)
      lx_take_terminal()
      let shell: StaticString = "/bin/sh"
      let interactive: StaticString = "-i"
      Program.execute(shell.cString, [interactive.cString])
    }
    var starts = Text<48>(AgentEnvironment.starts)
    starts.append("=")
    starts.append(decimal: UInt64(life))
    var stored = Text<48>(AgentEnvironment.storage)
    stored.append("=")
    stored.append(decimal: UInt64(storage.rawValue))
    let board: StaticString = "--board-config"
    let user: StaticString = "--config"
    program.withCString { program in
      starts.withCString { starts in
        stored.withCString { stored in
          Program.execute(
            program,
            [
              service.title.cString, board.cString, ConfigurationSource.boardPath.cString,
              user.cString, ConfigurationSource.userPath.cString,
            ], environment: [starts, stored])
        }
      }
    }
  }
}
