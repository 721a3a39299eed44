import Wire

/// The numbers of a recovery that are not configuration keys.
public enum RecoveryTiming {
  /// Pictures for so long, and the camera works: a camera that stalls again and again within
  /// seconds must not be restarted for ever.
  public static let goodRunMs: UInt64 = 10_000
  /// Restarts of the feed before anything else is touched: each takes about a second, and most
  /// faults are those of a process or of one transfer.
  public static let restarts: UInt32 = 3
  /// Between two re-authorisations: as a user sees it, each is an unplugged camera.
  public static let reauthoriseSpacingMs: UInt64 = 120_000
  /// Between two power cycles: they wear switches and lenses, and cost a motor camera its place.
  public static let portPowerSpacingMs: UInt64 = 600_000
  /// From the start of a step's process to SIGKILL. Binding the driver asks the camera for each of
  /// its controls, and a request that is not answered takes five seconds (USB_CTRL_SET_TIMEOUT).
  public static let stepTimeoutMs: UInt64 = 30_000
  /// In which a device that has left must be back: enumeration with all its retries.
  public static let returnMs: UInt64 = 10_000
  /// In which the news that a device has left must have come.
  public static let leaveMs: UInt64 = 2000
  /// The first rest; each further one is twice as long, up to the cap.
  public static let firstRestMs: UInt64 = 10_000
  public static let restCapMs: UInt64 = 300_000
}

extension ChildPolicy {
  /// A step at the USB runs once for each start; its recovery decides about the next one.
  public static let recovery = ChildPolicy(
    restarts: false, firstDelayMs: 0, delayGrowth: 1, delayCapMs: 0, goodRunMs: 0,
    terminateMs: 1000, killMs: 5000)
}

/// What a step's process tells by its exit code.
public enum RecoveryExit {
  public static let done: UInt8 = 0
  /// It was tried, and the kernel or the hub refused.
  public static let failed: UInt8 = 1
  /// Nothing is plugged in there.
  public static let notThere: UInt8 = 3
  /// The hub cannot switch this port, or this process may not.
  public static let unsupported: UInt8 = 4
}

extension Recovery {
  /// Where the ladder stands; `none`: nothing is wrong.
  public var rung: RecoveryRung {
    switch state {
    case .ground: .none
    case .failing: .restart
    case .resting: .rest
    case .due(let rung), .stepping(let rung, _), .settling(let rung, _), .trying(let rung): rung
    }
  }

  /// Something is due, or may become so without the camera's doing.
  var isBusy: Bool {
    switch state {
    case .due, .stepping, .settling, .resting: true
    case .ground, .failing, .trying: child.phase != .idle
    }
  }

  /// When a rest ends; `never` where there is none.
  var restsUntil: Instant {
    if case .resting(let until) = state { until } else { .never }
  }

  /// The device may be missing because of us.
  var isOurDoing: Bool {
    switch state {
    case .stepping, .settling: true
    case .ground, .failing, .due, .trying, .resting: isAway
    }
  }

  var isTrying: Bool {
    switch state {
    case .ground, .trying: true
    case .failing, .due, .stepping, .settling, .resting: false
    }
  }

  /// A step's process is there that can still be ended.
  var isAlive: Bool {
    switch child.phase {
    case .spawning, .running, .ending: true
    case .idle, .waiting, .quarantined: false
    }
  }
}
