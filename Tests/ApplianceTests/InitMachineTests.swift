import Testing
import Wire

@testable import Appliance

/// A machine and what it has said since the last question.
private struct Bench: ~Copyable {
  var machine = InitMachine()
  var effects = InitEffects()
  var now: UInt64 = 2000

  mutating func step(_ input: InitInput, after ms: UInt64 = 0) -> [InitEffect] {
    now += ms
    machine.step(input, now: Instant(ms: now), &effects)
    var said: [InitEffect] = []
    while effects.count > 0 { said.append(effects.removeFirst()) }
    return said
  }

  /// Time passes until the machine's deadline.
  mutating func wait() -> [InitEffect] {
    guard machine.nextDeadline != .never else { return [] }
    now = max(now, machine.nextDeadline.ms)
    return step(.tick)
  }

  /// A board whose card is good, booted.
  mutating func boot() {
    _ = step(.started(shell: false))
    _ = step(.jobEnded(.watchdogModules, .code(0)))
    _ = step(.jobEnded(.bootPartition, .code(0)), after: 300)
    _ = step(.jobEnded(.lateModules, .code(0)), after: 1000)
    _ = step(.jobEnded(.dataPartition, .code(1)), after: 200)
  }
}

@Suite struct InitMachineTests {
  @Test func aGoodBoardStartsInOrder() {
    var bench = Bench()
    #expect(
      bench.step(.started(shell: false)) == [
        .startJob(.watchdogModules), .startJob(.bootPartition),
      ])
    #expect(bench.step(.jobEnded(.watchdogModules, .code(0)), after: 50) == [])
    #expect(
      bench.step(.jobEnded(.bootPartition, .code(0)), after: 200) == [
        .startService(.agent, life: 1), .startJob(.lateModules), .startService(.network, life: 1),
      ])
    #expect(
      bench.step(.jobEnded(.lateModules, .code(0)), after: 900) == [
        .startJob(.dataPartition), .startService(.time, life: 1), .startService(.mdns, life: 1),
      ])
    #expect(
      bench.step(.jobEnded(.dataPartition, .code(0)), after: 300) == [.tellStorage(.writable)])
    #expect(bench.machine.nextDeadline == .never)
  }

  @Test func theDataPartitionIsMountedAnewOnRequest() {
    var bench = Bench()
    bench.boot()
    #expect(bench.step(.remountWanted, after: 60_000) == [.startJob(.dataPartition)])
    #expect(bench.step(.remountWanted) == [], "one at a time")
    #expect(bench.step(.jobEnded(.dataPartition, .code(2))) == [.tellStorage(.readOnly)])
    #expect(bench.step(.remountWanted) == [.startJob(.dataPartition)])
    #expect(bench.wait() == [.giveUpOn(.dataPartition), .tellStorage(.missing)])
    #expect(bench.step(.remountWanted) == [], "the last one hangs")
    #expect(bench.step(.jobEnded(.dataPartition, .code(0))) == [.tellStorage(.writable)])
    #expect(bench.step(.shutdown(.reboot)) == [.signalAll(.terminate)])
    #expect(bench.step(.remountWanted) == [], "on the way down")
  }

  /// Or a partition that comes and goes would end the agent each time.
  @Test func theLastGoodConfigurationIsReadOnce() {
    var bench = Bench()
    _ = bench.step(.started(shell: false))
    _ = bench.step(.jobEnded(.watchdogModules, .code(0)))
    _ = bench.step(.jobEnded(.bootPartition, .code(2)), after: 300)
    _ = bench.step(.jobEnded(.lateModules, .code(0)), after: 1000)
    let first = bench.step(.jobEnded(.dataPartition, .code(1)))
    #expect(first.contains(.signal(.agent, .terminate)))
    for case .signal(let service, .terminate) in first {
      _ = bench.step(.serviceEnded(service, .code(0)))
    }
    #expect(bench.step(.remountWanted, after: 60_000).contains(.startJob(.dataPartition)))
    #expect(bench.step(.jobEnded(.dataPartition, .code(1))) == [.tellStorage(.writable)])
  }

  @Test func theShellRunsOnlyOnRequest() {
    for wanted in [false, true] {
      var bench = Bench()
      _ = bench.step(.started(shell: wanted))
      _ = bench.step(.jobEnded(.watchdogModules, .code(0)))
      _ = bench.step(.jobEnded(.bootPartition, .code(0)))
      let said = bench.step(.jobEnded(.lateModules, .code(0)))
      #expect(said.contains(.startService(.shell, life: 1)) == wanted)
    }
  }

  @Test func aHangingCardCostsTheAgentOnlyItsLimit() {
    var bench = Bench()
    _ = bench.step(.started(shell: false))
    _ = bench.step(.jobEnded(.watchdogModules, .code(0)))
    let said = bench.wait()
    #expect(bench.now == 2000 + InitJob.bootPartition.limitMs)
    #expect(said.first == .giveUpOn(.bootPartition))
    #expect(said.contains(.startService(.agent, life: 1)))
    #expect(bench.machine.isLate(.bootPartition))
  }

  @Test func everythingHangsAndTheAgentRunsAllTheSame() {
    var bench = Bench()
    _ = bench.step(.started(shell: false))
    var said: [InitEffect] = []
    for _ in 0..<10 { said += bench.wait() }
    for service in [InitService.agent, .network, .time, .mdns] {
      #expect(said.contains(.startService(service, life: 1)))
    }
    #expect(said.contains(.tellStorage(.missing)))
    #expect(bench.machine.nextDeadline == .never)
  }

  @Test func aCardThatComesLateHasTheConfigurationReadAgain() {
    var bench = Bench()
    _ = bench.step(.started(shell: false))
    _ = bench.step(.jobEnded(.watchdogModules, .code(0)))
    _ = bench.wait()
    #expect(
      bench.step(.jobEnded(.bootPartition, .code(0)), after: 4000) == [
        .signal(.agent, .terminate), .signal(.network, .terminate),
      ])
    // Asked to end: back at once.
    #expect(
      bench.step(.serviceEnded(.agent, .code(0)), after: 20) == [.startService(.agent, life: 2)])
  }

  @Test func aWatchdogThatComesLateIsOpenedAllTheSame() {
    for (status, said) in [
      (ExitStatus.code(0), [InitEffect.signal(.agent, .terminate), .signal(.network, .terminate)]),
      (.signal(9), []),
    ] {
      var bench = Bench()
      _ = bench.step(.started(shell: false))
      _ = bench.step(.jobEnded(.bootPartition, .code(0)))
      #expect(bench.wait().contains(.startService(.agent, life: 1)))
      #expect(bench.step(.jobEnded(.watchdogModules, status), after: 500) == said)
    }
  }

  @Test func aCardThatComesLateWithoutAConfigurationChangesNothing() {
    for code in [BootPartitionResult.configurationMissing, .notMounted] {
      var bench = Bench()
      _ = bench.step(.started(shell: false))
      _ = bench.step(.jobEnded(.watchdogModules, .code(0)))
      _ = bench.wait()
      #expect(bench.step(.jobEnded(.bootPartition, .code(code.rawValue)), after: 4000) == [])
    }
  }

  @Test func theLastGoodConfigurationIsReadOnceItCanBe() {
    var bench = Bench()
    _ = bench.step(.started(shell: false))
    _ = bench.step(.jobEnded(.watchdogModules, .code(0)))
    _ = bench.step(
      .jobEnded(.bootPartition, .code(BootPartitionResult.configurationWrong.rawValue)))
    _ = bench.step(.jobEnded(.lateModules, .code(0)))
    let said = bench.step(
      .jobEnded(.dataPartition, .code(DataPartitionResult.writableWithConfiguration.rawValue)))
    #expect(said.first == .tellStorage(.writable))
    #expect(said.contains(.signal(.agent, .terminate)))
  }

  @Test func aRightConfigurationIsNotReadTwice() {
    var bench = Bench()
    bench.boot()
    #expect(bench.effects.count == 0)
    var other = Bench()
    _ = other.step(.started(shell: false))
    _ = other.step(.jobEnded(.watchdogModules, .code(0)))
    _ = other.step(.jobEnded(.bootPartition, .code(0)))
    _ = other.step(.jobEnded(.lateModules, .code(0)))
    #expect(other.step(.jobEnded(.dataPartition, .code(1))) == [.tellStorage(.writable)])
  }

  @Test func aServiceThatIgnoresTheRequestIsKilled() {
    var bench = Bench()
    _ = bench.step(.started(shell: false))
    _ = bench.step(.jobEnded(.watchdogModules, .code(0)))
    _ = bench.wait()
    _ = bench.step(.jobEnded(.bootPartition, .code(0)), after: 4000)
    var said: [InitEffect] = []
    for _ in 0..<3 { said += bench.wait() }
    #expect(said.contains(.signal(.agent, .kill)))
  }

  /// What init waits for, to the millisecond: 3 s for what the agent needs, 20 s for the other
  /// modules, a minute for the data partition.
  @Test func jobsAreGivenUpOnInTime() {
    var bench = Bench()
    _ = bench.step(.started(shell: false))
    #expect(bench.step(.tick, after: 2999) == [])
    let said = bench.step(.tick, after: 1)
    #expect(said.prefix(2) == [.giveUpOn(.watchdogModules), .giveUpOn(.bootPartition)])
    #expect(said.contains(.startJob(.lateModules)))
    #expect(bench.step(.tick, after: 19_999) == [])
    #expect(bench.step(.tick, after: 1).contains(.startJob(.dataPartition)))
    #expect(bench.step(.tick, after: 59_999) == [])
    #expect(
      bench.step(.tick, after: 1) == [.giveUpOn(.dataPartition), .tellStorage(.missing)])
  }

  /// On the way down 3 s for SIGTERM, 1 s for SIGKILL, and 3 s for the disks.
  @Test func theWayDownTakesSevenSeconds() {
    var bench = Bench()
    bench.boot()
    #expect(bench.step(.shutdown(.reboot)) == [.signalAll(.terminate)])
    #expect(bench.step(.tick, after: 2999) == [])
    #expect(bench.step(.tick, after: 1) == [.signalAll(.kill)])
    #expect(bench.step(.tick, after: 999) == [])
    #expect(bench.step(.tick, after: 1) == [.startJob(.unmount)])
    #expect(bench.step(.tick, after: 2999) == [])
    #expect(bench.step(.tick, after: 1) == [.giveUpOn(.unmount), .power(.reboot)])
  }

  /// A life of ten seconds is a good one: the next one begins at once. A service has 3 s to end.
  @Test func tenSecondsAreAGoodRun() {
    for (ranMs, waitsMs) in [(9_999, 100), (10_000, 0)] as [(UInt64, UInt64)] {
      var bench = Bench()
      bench.boot()
      _ = bench.step(.serviceEnded(.mdns, .code(1)))
      _ = bench.wait()
      let died = bench.now + ranMs
      if bench.step(.serviceEnded(.mdns, .code(1)), after: ranMs).isEmpty { _ = bench.wait() }
      #expect(bench.now - died == waitsMs)
    }
    var bench = Bench()
    bench.boot()
    _ = bench.step(.serviceEnded(.agent, .code(ServiceExit.reload)), after: 20_000)
    #expect(bench.step(.tick, after: 2999) == [])
    #expect(bench.step(.tick, after: 1).contains(.signal(.network, .kill)))
  }

  /// Exit codes are what both ends of a pipe of processes rely on.
  @Test func exitCodesAreThese() {
    #expect(
      [ServiceExit.notWanted, ServiceExit.reboot, ServiceExit.powerOff, ServiceExit.reload]
        == [3, 10, 11, 12])
    #expect(
      [RecoveryExit.done, RecoveryExit.failed, RecoveryExit.notThere, RecoveryExit.unsupported]
        == [0, 1, 3, 4])
  }

  /// The bar: 500 ms, however often it dies; every delay below the shortest watchdog.
  @Test func theAgentIsBackWithinHalfASecond() {
    var bench = Bench()
    bench.boot()
    for life in 2..<40 {
      let died = bench.now + 10
      var said = bench.step(.serviceEnded(.agent, .signal(9)), after: 10)
      while said.isEmpty { said = bench.wait() }
      #expect(said == [.startService(.agent, life: UInt32(life))])
      #expect(bench.now - died <= 400)
    }
  }

  @Test func anAgentThatRanWellIsBackAtOnce() {
    var bench = Bench()
    bench.boot()
    for _ in 0..<5 {
      #expect(bench.step(.serviceEnded(.agent, .signal(11)), after: 20).count <= 1)
      while bench.machine.nextDeadline != .never { _ = bench.wait() }
    }
    let said = bench.step(.serviceEnded(.agent, .signal(11)), after: 20_000)
    #expect(said == [.startService(.agent, life: 7)])
  }

  @Test func otherServicesBackOffToFiveSeconds() {
    var bench = Bench()
    bench.boot()
    var delays: [UInt64] = []
    for _ in 0..<12 {
      let died = bench.now
      if bench.step(.serviceEnded(.mdns, .code(1))).isEmpty { _ = bench.wait() }
      delays.append(bench.now - died)
    }
    #expect(delays == [0, 100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000, 5000, 5000])
  }

  @Test func aServiceWithNothingToDoStaysOff() {
    var bench = Bench()
    bench.boot()
    #expect(bench.step(.serviceEnded(.mdns, .code(ServiceExit.notWanted))) == [])
    #expect(bench.machine.nextDeadline == .never)
  }

  /// It may have something to do under another configuration.
  @Test func aServiceWithNothingToDoIsAskedAgainAfterAReload() {
    var bench = Bench()
    bench.boot()
    _ = bench.step(.serviceEnded(.mdns, .code(ServiceExit.notWanted)))
    let said = bench.step(.serviceEnded(.agent, .code(ServiceExit.reload)), after: 5000)
    #expect(said.contains(.startService(.mdns, life: 2)))
    #expect(!said.contains(.signal(.mdns, .terminate)) && said.contains(.signal(.time, .terminate)))
  }

  @Test(arguments: [(ServiceExit.reboot, PowerAction.reboot), (ServiceExit.powerOff, .powerOff)])
  func theAgentsExitCodeTakesTheMachineDown(code: UInt8, action: PowerAction) {
    var bench = Bench()
    bench.boot()
    #expect(bench.step(.serviceEnded(.agent, .code(code)), after: 5000) == [.signalAll(.terminate)])
    #expect(bench.step(.serviceEnded(.network, .signal(15))) == [])
    #expect(bench.step(.childrenGone) == [.signalAll(.kill), .startJob(.unmount)])
    #expect(bench.step(.jobEnded(.unmount, .code(0))) == [.power(action)])
  }

  @Test func childrenThatNeverEndDoNotKeepTheMachineUp() {
    var bench = Bench()
    bench.boot()
    let asked = bench.now
    #expect(bench.step(.shutdown(.reboot)) == [.signalAll(.terminate)])
    #expect(bench.wait() == [.signalAll(.kill)])
    #expect(bench.wait() == [.startJob(.unmount)])
    #expect(bench.wait() == [.giveUpOn(.unmount), .power(.reboot)])
    // Before the watchdog's default of ten seconds.
    #expect(bench.now - asked < 10_000)
  }

  @Test func nothingIsStartedOnTheWayDown() {
    var bench = Bench()
    bench.boot()
    _ = bench.step(.shutdown(.powerOff))
    #expect(bench.step(.shutdown(.reboot)) == [])
    for service in [InitService.agent, .network, .time, .mdns] {
      #expect(bench.step(.serviceEnded(service, .signal(15))) == [])
    }
    #expect(bench.step(.jobEnded(.bootPartition, .code(0))) == [])
  }

  @Test func whatCannotBeForkedIsTriedAgain() {
    var bench = Bench()
    bench.boot()
    _ = bench.step(.serviceEnded(.agent, .signal(9)), after: 20_000)
    var said = bench.step(.serviceNotStarted(.agent))
    while said.isEmpty { said = bench.wait() }
    #expect(said == [.startService(.agent, life: 3)])
  }
}

@Suite struct KernelCommandLineTests {
  private func parse(_ text: String) -> KernelCommandLine {
    Array(text.utf8).withUnsafeBytes { KernelCommandLine($0) }
  }

  @Test func knowsItsWords() {
    let line = parse("console=ttyAMA0 quiet watchpost.boot=/dev/vda1 watchpost.data=/dev/vda2\n")
    #expect(line.bootDevice == "/dev/vda1")
    #expect(line.dataDevice == "/dev/vda2")
    #expect(!line.debugShell)
  }

  @Test func theShellNeedsExactlyOne() {
    for (word, expected) in [
      ("watchpost.debug=1", true), ("watchpost.debug=0", false), ("watchpost.debug=", false),
      ("watchpost.debug=11", false), ("watchpost.debug", false), ("xwatchpost.debug=1", false),
      ("watchpost.debug=1 watchpost.debug=0", false), ("", false),
    ] {
      #expect(parse(word).debugShell == expected, "\(word)")
    }
  }
}
