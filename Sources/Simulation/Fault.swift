/// What can go wrong from outside.
public enum FaultKind: Int, CaseIterable, Sendable {
  // Clients.
  case connectionResets, strangerFlood, slowLoris, slowReaders, junkFrames
  // Cameras; `subject` says which.
  case unplug, udevOverflow, probeHang, probeCrash, probeBusy, probeOpenFails
  case feedFrozen, feedSilent, feedCrash, feedBusy, feedNoBandwidth, feedDamaged, feedUnkillable
  // MediaMTX.
  case mediaExit, mediaHang, mediaSlow, mediaForgets, mediaPoisoned, mediaNotStarted
  case mediaUnkillable, framesInError
  // The data partition.
  case diskFull, diskFails, diskReadOnly, diskMissing, diskHangs, diskSlow
  // The board.
  case clockJump, networkDown, powerCut, agentCrash, starvation, descriptorsExhausted, spawnFails
  /// The agent is asked to end, to reboot, or hangs until the watchdog resets the board.
  case stopRequest, rebootRequest, hardHang
  /// A camera moves to another node, or to another port.
  case nodeMove, portMove
  // Keys; only in runs that have a keeper.
  case keeperCrash, keeperSlow, keeperHangs, keeperRefuses, keeperUnreadable, factoryReset
  /// Subscribers that read nothing for a while, and then everything.
  case stalledSubscribers
  /// Somebody presses the button: to let one in, or to forget everything, or thinks better of it.
  case shortPress, longPress
  /// Strangers send again what a client has begun a connection with.
  case copiedHandshakes
}

/// One entry of a schedule.
public struct Fault: Equatable, Sendable {
  public var kind: FaultKind
  /// Since the run began.
  public var atMs: UInt64
  /// 0 for what is over at once.
  public var durationMs: UInt64
  /// Which camera, or how much of it: the kind's own number.
  public var subject: UInt64

  public init(kind: FaultKind, atMs: UInt64, durationMs: UInt64 = 0, subject: UInt64 = 0) {
    self.kind = kind
    self.atMs = atMs
    self.durationMs = durationMs
    self.subject = subject
  }

  public var endMs: UInt64 { atMs + durationMs }

  public var text: String {
    let seconds = Double(atMs) / 1000
    return "\(kind) at \(seconds) s for \(Double(durationMs) / 1000) s (\(subject))"
  }
}

/// All faults of a run, in order of time. Drawn from the seed; a shrunk one is a part of that.
public struct Schedule: Equatable, Sendable {
  public var faults: [Fault]

  public init(_ faults: [Fault]) { self.faults = faults }

  /// The entries of these indices alone.
  public func only(_ indices: [Int]) -> Schedule {
    Schedule(indices.filter(faults.indices.contains).map { faults[$0] })
  }

  public var endMs: UInt64 { faults.lazy.map(\.endMs).max() ?? 0 }

  /// Faults of the kinds that `options` has weights for, over `options.hours`.
  public static func drawn(_ options: RunOptions) -> Schedule {
    var random = SplitMix(seed: options.seed, stream: 2)
    let total = options.weights.reduce(0) { $0 + $1.weight }
    let spanMs = UInt64(options.hours * 3_600_000)
    var faults: [Fault] = []
    // The first of each chosen kind is there in any case.
    for (kind, _) in options.weights { faults.append(fault(kind, spanMs, &random)) }
    while faults.count < options.faultsPerRun {
      var ticket = random.below(total)
      for (kind, weight) in options.weights {
        ticket -= weight
        guard ticket < 0 else { continue }
        faults.append(fault(kind, spanMs, &random))
        break
      }
    }
    faults.sort { $0.atMs < $1.atMs }
    return Schedule(faults)
  }

  private static func fault(_ kind: FaultKind, _ spanMs: UInt64, _ random: inout SplitMix) -> Fault
  {
    Fault(
      kind: kind, atMs: random.between(5000, max(6000, spanMs * 9 / 10)),
      durationMs: duration(kind, &random), subject: random.between(0, 999))
  }

  private static func duration(_ kind: FaultKind, _ random: inout SplitMix) -> UInt64 {
    switch kind {
    case .connectionResets, .junkFrames, .udevOverflow, .feedCrash, .mediaExit, .mediaPoisoned,
      .clockJump, .powerCut, .agentCrash, .stopRequest, .rebootRequest, .hardHang, .nodeMove,
      .portMove, .keeperCrash, .factoryReset:
      0
    case .starvation, .descriptorsExhausted, .spawnFails, .mediaNotStarted:
      random.between(200, 20_000)
    case .unplug: random.chance(50) ? random.between(5, 900) : random.between(1000, 120_000)
    case .strangerFlood, .slowLoris, .slowReaders, .copiedHandshakes, .mediaHang, .mediaSlow,
      .mediaForgets, .keeperSlow, .keeperHangs, .keeperRefuses, .keeperUnreadable:
      random.between(500, 60_000)
    case .stalledSubscribers: random.between(5000, 600_000)
    case .shortPress: random.between(10, 2950)
    case .longPress: random.chance(60) ? random.between(10_100, 20_000) : random.between(3050, 9900)
    case .probeHang, .probeCrash, .probeBusy, .probeOpenFails, .feedFrozen, .feedSilent,
      .feedBusy, .feedNoBandwidth, .feedDamaged, .feedUnkillable, .mediaUnkillable,
      .framesInError, .networkDown, .diskFull, .diskFails, .diskReadOnly, .diskMissing,
      .diskHangs, .diskSlow:
      random.between(500, 240_000)
    }
  }
}
