import Appliance
import Wire

/// What a run is drawn from besides its faults: sampled from the seed.
public struct RunOptions: Sendable {
  public let seed: UInt64
  /// Simulated hours in which faults happen.
  public var hours: Double
  public var slots: Int
  public var cameras: Int
  public var operators: Int
  public var pollers: Int
  public var subscribers: Int
  public var pipeliners: Int
  public var faultsPerRun: Int
  /// Kinds that occur, with their weights, in a fixed order.
  public var weights: [(kind: FaultKind, weight: Int)]
  public var watchdogS: UInt32
  public var probeIntervalMs: UInt64
  /// From one report of a feed to the next; the appliance waits four times as long.
  public var reportMs: UInt64
  /// How long a connection may be silent; the longest is what a device comes with.
  public var idleMs: UInt64
  /// MediaMTX's parts as the storage worker tells of them.
  public var partMs: UInt64
  public var portPowerWorks: Bool
  /// Counts in which states of the machines inputs come; not drawn.
  public var notesPairs = false
  /// There is a keeper, clients have keys, and change the configuration. Not in all runs: the real
  /// cryptography takes its time.
  public var keys: Bool
  /// Clients of this machine may do without a key what does not have to do with keys.
  public var plain: Bool
  /// Who has staged a change cannot approve it; an approved change is applied at once.
  public var needsAnotherKey: Bool
  public var appliesAtOnce: Bool

  /// As many that the large buffers do not suffice for all of them.
  static let manySlots = 192

  public init(seed: UInt64, hours: Double = 1) {
    var random = SplitMix(seed: seed, stream: 1)
    self.seed = seed
    self.hours = hours
    slots = random.pick([16, 24, 32, 64, Self.manySlots])
    cameras = random.pick([1, 1, 2, 3])
    operators = 1 + random.below(2)
    pollers = 1 + random.below(4)
    subscribers = 1 + random.below(2)
    // More than one sweep serves.
    if slots == Self.manySlots, random.chance(20) { subscribers += 70 }
    pipeliners = random.below(2)
    faultsPerRun = random.pick([4, 8, 16, 32])
    watchdogS = UInt32(random.between(4, 15))
    probeIntervalMs = random.pick([1000, 2000, 5000])
    reportMs = random.pick([250, 1000, 1000, 2000])
    partMs = random.pick([1000, 2000, 3000])
    portPowerWorks = random.chance(30)
    keys = random.chance(25)
    if keys { slots = max(slots, 64) }
    needsAnotherKey = random.chance(30)
    appliesAtOnce = random.chance(30)
    plain = !keys || random.chance(70)
    var kinds = FaultKind.allCases
    random.shuffle(&kinds)
    let count = random.pick([3, 4, 6, 10, kinds.count])
    var weights: [(kind: FaultKind, weight: Int)] = []
    for kind in kinds.prefix(count) { weights.append((kind, 1 + random.below(9))) }
    var quiet = SplitMix(seed: seed, stream: 6)
    // A handshake takes real time: whoever needs one is not made to come again and again.
    idleMs = quiet.pick(keys ? [60_000, 300_000] : [10_000, 20_000, 60_000, 300_000])
    // Seldom enough by chance that clients wait for a large buffer.
    var other = SplitMix(seed: seed, stream: 5)
    if slots == Self.manySlots, other.chance(50) {
      pipeliners = max(pipeliners, 1)
      if !weights.contains(where: { $0.kind == .slowReaders }) { weights.append((.slowReaders, 5)) }
    }
    self.weights = weights
  }

  public var text: String {
    let kinds = weights.map { "\($0.kind):\($0.weight)" }.joined(separator: " ")
    return "hours \(hours), slots \(slots), cameras \(cameras), operators \(operators), "
      + "pollers \(pollers), subscribers \(subscribers), pipeliners \(pipeliners), "
      + "watchdog \(watchdogS) s, API every \(probeIntervalMs) ms, reports every \(reportMs) ms, "
      + "parts every \(partMs) ms, idle after \(idleMs) ms, keys \(keys), plain \(plain), "
      + "faults \(faultsPerRun) of \(kinds)"
  }

  /// The configuration of the device in this run.
  var configuration: Configuration {
    var configuration = Configuration()
    configuration.control.slots = slots
    configuration.control.plain = plain
    configuration.control.idleTimeoutMs = idleMs
    configuration.access.approvals = needsAnotherKey ? 1 : 0
    // Whoever has a key comes from an address that nobody trusts.
    configuration.control.publicSlots = keys ? 24 : slots / 2
    configuration.watchdog.timeoutS = watchdogS
    configuration.mediaServer.probeIntervalMs = probeIntervalMs
    configuration.cameras.feedTimeoutMs = 4 * reportMs
    configuration.cameras.stallMs = 8 * reportMs
    for led in 0..<3 {
      configuration.leds[led] = LEDMapping(
        place: .gpioOffset, target: Text("/dev/gpiochip0"), offset: UInt32(led))
    }
    return configuration
  }
}
