import Appliance
import CLinux
import EventLoop
import Wire

/// `watchpost agent`: the control port, the state machines and everything they supervise.
public enum AgentRole {
  /// How long the start waits, after a watchdog reset, for the history of earlier boots: it decides
  /// about safe mode. The data partition is mounted by then, unless it is under repair: then safe
  /// mode may begin later. After any other reset nothing waits for the history.
  static let historyMs: UInt64 = 6000
  /// The watchdog is petted this often meanwhile: shorter than any time-out that it may have.
  static let historyPetMs: UInt64 = 500

  /// What the keeper is given at an orderly end to take what it was not told yet. With the time for
  /// the last writes (`KeeperLink.endMs`) it is less than init gives, 3 s.
  static let handOverMs: UInt64 = 700

  /// Runs the agent until an orderly stop. The process's exit code, as init understands it.
  public static func run(_ source: ConfigurationSource, version: Text<24>) -> Int32 {
    let startUs = lx_boot_clock_ns() / 1000
    let configuration = source.configuration
    // Without the right to it (on a host, in a test) it works at the usual priority.
    _ = lx_prefer_us()
    lx_program_populate()
    lx_stack_populate()
    // First of all: from here on a start that hangs ends in a reset.
    var boot = BootFacts()
    let watchdog = openWatchdog(configuration.watchdog, &boot)

    var arena = mapped(configuration)
    let memory = AgentMemory(configuration, from: &arena, messages: reserved(MessageRing.memory))
    do throws(SystemError) {
      var system = try LinuxSystem(configuration, memory: memory.linux)
      // Operators must get in whatever else hangs from here on.
      system.openKeeper()
      var loop = EventLoop(
        system: system,
        appliance: Appliance(
          configuration,
          tables: ApplianceMemory.Tables(UnsafeMutableRawBufferPointer(memory.appliance))),
        configuration: configuration, memory: memory.loop, startUs: startUs)
      announce(configuration, port: loop.system.port)
      let confined = lx_confine(LX_ROLE_AGENT, nil)
      boot.configurationError = source.error
      boot.version = version
      start(&loop, watchdog: watchdog, boot)
      report(confined, in: &loop)
      let action = loop.run()
      loop.handOver(until: loop.now + handOverMs)
      loop.system.finish()
      if watchdog >= 0 && configuration.watchdog.magicClose { lx_watchdog_disarm(watchdog) }
      return exitCode(action)
    } catch {
      complain("watchpost: the control port ", configuration.control, error)
      return 1
    }
  }

  /// The one line that says that clients can connect. Nobody is served yet, so that a console that
  /// is busy with the lines of others is waited for longer than later, 200 ms at most.
  private static func announce(_ configuration: Configuration, port: UInt16) {
    var line = Text<96>("watchpost: control port ")
    line.append(configuration.control.address, port)
    line.append(" ready\n")
    line.withBytes { _ = lx_say_within(1, $0.baseAddress!, $0.count, 200) }
    _ = lx_service_notify(StaticString("READY=1").cString)
  }

  private static func complain(
    _ what: StaticString, _ control: Configuration.Control, _ error: SystemError
  ) {
    var line = Text<192>(what)
    line.append(control.address, control.port)
    line.append(" cannot be opened (errno ")
    line.append(decimal: UInt64(error.errno))
    line.append("); choose another with control.listen\n")
    line.withBytes { _ = lx_write_all(2, $0.baseAddress!, $0.count) }
  }

  /// What this machine cannot take from the agent. Its children do without it as well, in silence.
  private static func report(_ confined: lx_confined, in loop: inout EventLoop<LinuxSystem>) {
    if confined.filter != 0 {
      var text = Text<160>("no filter of system calls: the kernel says errno ")
      text.append(decimal: UInt64(-Int64(confined.filter)))
      loop.log(LogLine(.warning, text))
    }
    if confined.privileges != 0 {
      var text = Text<160>("capabilities stay: the kernel says errno ")
      text.append(decimal: UInt64(-Int64(confined.privileges)))
      loop.log(LogLine(.warning, text))
    }
    if lx_is_root() == 0, !loop.system.configuration.mediaServer.path.isEmpty {
      loop.log(LogLine(.info, Text("not root: MediaMTX runs as the agent's user")))
    }
  }

  /// What init or a service manager reads from the exit code.
  private static func exitCode(_ action: PowerAction) -> Int32 {
    switch action {
    case .none: 0
    case .reboot: Int32(ServiceExit.reboot)
    case .powerOff: Int32(ServiceExit.powerOff)
    case .reload: Int32(ServiceExit.reload)
    }
  }

  // MARK: Start

  private static func openWatchdog(
    _ settings: Configuration.WatchdogSettings, _ boot: inout BootFacts
  ) -> Int32 {
    guard !settings.device.isEmpty else { return -1 }
    var reset: Int32 = 0
    let watchdog = settings.device.withCString {
      lx_watchdog_open($0, settings.timeoutS, &reset)
    }
    boot.watchdogAvailable = watchdog >= 0
    if reset != 0 {
      boot.reset = .watchdog
      boot.recentWatchdogResets = 1
    }
    return watchdog
  }

  /// Opens everything that can fail without an end, and begins.
  private static func start(
    _ loop: inout EventLoop<LinuxSystem>, watchdog: Int32, _ facts: BootFacts
  ) {
    loop.system.openBoard(watchdog: watchdog, facts)
    if facts.reset == .watchdog { awaitHistory(&loop) }
    loop.system.takeHistory()
    loop.system.openDevices()
    loop.start(loop.system.boot)
    if loop.system.leftoverEnded {
      loop.log(LogLine(.warning, Text("ended a MediaMTX that an earlier life had left over")))
    }
  }

  /// Serves the control port alone until the history has come, or its time is over.
  private static func awaitHistory(_ loop: inout EventLoop<LinuxSystem>) {
    let until = loop.now + historyMs
    while loop.system.storage.history == nil, loop.now < until {
      loop.turn(noLaterThan: loop.now + historyPetMs)
      if loop.system.watchdog >= 0 { _ = lx_watchdog_pet(loop.system.watchdog) }
    }
  }

  private static func mapped(_ configuration: Configuration) -> Arena {
    let bytes = AgentMemory.sum(configuration)
    guard let base = lx_map(bytes) else {
      complainOfMemory(bytes)
      lx_exit_now(1)
    }
    return Arena(UnsafeMutableRawBufferPointer(start: base, count: bytes))
  }

  /// Memory that comes when it is used, and can be given back.
  private static func reserved(_ bytes: Int) -> UnsafeMutableRawBufferPointer {
    guard let base = lx_reserve(bytes) else {
      complainOfMemory(bytes)
      lx_exit_now(1)
    }
    return UnsafeMutableRawBufferPointer(start: base, count: bytes)
  }

  private static func complainOfMemory(_ bytes: Int) {
    var line = Text<160>("watchpost: ")
    line.append(decimal: UInt64(bytes / 1024))
    line.append(" KiB of memory cannot be had; choose fewer control.slots\n")
    line.withBytes { _ = lx_write_all(2, $0.baseAddress!, $0.count) }
  }
}

/// All memory that the agent claims.
public struct AgentMemory {
  let loop: LoopMemory
  let linux: LinuxMemory
  let appliance: UnsafeMutableBufferPointer<UInt8>

  /// `messages` are as `LoopMemory` wants them; none are needed to add up only.
  public init(
    _ configuration: Configuration, from arena: inout Arena,
    messages: UnsafeMutableRawBufferPointer = UnsafeMutableRawBufferPointer(start: nil, count: 0)
  ) {
    loop = LoopMemory(configuration, from: &arena, messages: messages)
    linux = LinuxMemory(from: &arena)
    appliance = arena.claim("machines", ApplianceMemory.tableBytes, of: UInt8.self)
  }

  /// Bytes of all claims together.
  public static func sum(_ configuration: Configuration) -> Int {
    var arena = Arena()
    _ = AgentMemory(configuration, from: &arena)
    return arena.claimed
  }
}

extension Text {
  /// Appends `10.0.0.1:4710`.
  mutating func append(_ address: IPv4, _ port: UInt16) {
    append(address)
    append(UInt8(ascii: ":"))
    append(decimal: UInt64(port))
  }

  mutating func append(_ address: IPv4) {
    for part in 0..<4 {
      if part > 0 { append(UInt8(ascii: ".")) }
      append(decimal: UInt64(UInt8(truncatingIfNeeded: address.value >> UInt32(24 - 8 * part))))
    }
  }
}
