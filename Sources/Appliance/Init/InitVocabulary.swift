/// Work that init has done by a child of its own, once, with a time after which nobody waits for it
/// any longer. A child that is stuck in the kernel then stays as it is and is never waited for.
public enum InitJob: Int, Equatable, Sendable {
  /// Loads the modules of phase `watchdog`: the watchdog's driver and what else the agent opens
  /// when it starts.
  case watchdogModules = 0
  /// Loads the modules of phase `boot` and mounts the card's boot partition, read-only.
  case bootPartition = 1
  /// Loads all other modules.
  case lateModules = 2
  /// Checks and mounts the data partition, and before that unmounts it if it was mounted.
  case dataPartition = 3
  /// Syncs and unmounts, before the machine goes down.
  case unmount = 4

  public static let count = 5

  /// Milliseconds after which init goes on without it.
  ///
  /// The first two stand between the kernel and the control port: a good card needs half a second
  /// on the emulated board, and a bad one must leave the port its eight seconds. The last one, with
  /// the two waits before it, has to end before the watchdog's default time-out of ten seconds.
  public var limitMs: UInt64 {
    switch self {
    case .watchdogModules: 3000
    case .bootPartition: 3000
    case .lateModules: 20_000
    case .dataPartition: 60_000
    case .unmount: 3000
    }
  }
}

/// A process that init keeps running.
public enum InitService: Int, Equatable, Sendable {
  case agent = 0
  case network = 1
  case time = 2
  case mdns = 3
  /// A shell on the console, only with `watchpost.debug=1` on the kernel's command line.
  case shell = 4

  public static let count = 5

  /// True for those that read the configuration when they start.
  public var readsConfiguration: Bool { self != .shell }

  /// Milliseconds before it is started again after it has ended `failures` times in a row before it
  /// had run for `minimumRunMs`.
  ///
  /// The agent is back within half a second, however often it dies, and always before the shortest
  /// watchdog time-out (2 s) resets the board.
  public func restartDelayMs(failures: UInt32) -> UInt64 {
    if failures == 0 { return 0 }
    let doubled = UInt64(100) << UInt64(min(failures - 1, 10))
    switch self {
    case .agent: return min(doubled, 400)
    case .network, .time, .mdns, .shell: return min(doubled, 5000)
    }
  }

  /// A life shorter than this counts as a failure to start.
  public static let minimumRunMs: UInt64 = 10_000
  /// Milliseconds a service has to end when it is asked to.
  public static let endMs: UInt64 = 3000
}

/// What init's children tell it by their exit code.
public enum ServiceExit {
  /// The configuration gives the service nothing to do; not started again until that changes.
  public static let notWanted: UInt8 = 3
  /// The agent has stopped in order and wants the machine restarted.
  public static let reboot: UInt8 = 10
  /// The agent has stopped in order and wants the machine switched off.
  public static let powerOff: UInt8 = 11
  /// The agent has stopped in order because the configuration has changed.
  public static let reload: UInt8 = 12
}

/// What the job `bootPartition` found.
public enum BootPartitionResult: UInt8, Equatable, Sendable {
  case configurationRight = 0
  case configurationMissing = 1
  case configurationWrong = 2
  case notMounted = 3
}

/// What the job `dataPartition` found.
public enum DataPartitionResult: UInt8, Equatable, Sendable {
  case writable = 0
  /// Writable, and a last good configuration lies on it.
  case writableWithConfiguration = 1
  case readOnly = 2
  case missing = 3
}

/// Everything that can happen to init.
public enum InitInput: Equatable, Sendable {
  /// The pseudo file systems are mounted.
  case started(shell: Bool)
  case jobEnded(InitJob, ExitStatus)
  case serviceEnded(InitService, ExitStatus)
  /// A child could not be forked.
  case jobNotStarted(InitJob)
  case serviceNotStarted(InitService)
  /// No child is left, not even an adopted one.
  case childrenGone
  /// The agent has seen a data partition that it cannot use.
  case remountWanted
  /// Somebody asks for an orderly end by signal.
  case shutdown(PowerAction)
  case tick
}

/// Everything init can do.
public enum InitEffect: Equatable, Sendable {
  case startJob(InitJob)
  /// A job has had its time; it is not waited for any longer.
  case giveUpOn(InitJob)
  case startService(InitService, life: UInt32)
  case signal(InitService, Signal)
  /// Every process but init.
  case signalAll(Signal)
  case tellStorage(StorageFacts.State)
  /// Ends the machine; never returns.
  case power(PowerAction)
}

/// Effects that wait to be executed, first in, first out.
public struct InitEffects: ~Copyable {
  public static let capacity = 32
  private var effects = InlineArray<32, InitEffect>(repeating: .signalAll(.terminate))
  private var first = 0
  public private(set) var count = 0

  public init() {}

  /// Takes the oldest one; there must be one.
  public mutating func removeFirst() -> InitEffect {
    precondition(count > 0, "no effect is waiting")
    defer {
      first = (first + 1) % InitEffects.capacity
      count -= 1
    }
    return effects[first]
  }

  mutating func append(_ effect: InitEffect) {
    // PID 1 must not trap: what a full queue loses is one try, and every service has a next one.
    guard count < InitEffects.capacity else { return }
    effects[(first + count) % InitEffects.capacity] = effect
    count += 1
  }
}
