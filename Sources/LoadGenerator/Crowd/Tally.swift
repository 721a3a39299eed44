import Wire

/// Why a request, or a connection, ended badly.
public enum CrowdFailure: Hashable, Sendable {
  /// The device said no.
  case refused(Status)
  /// The connection ended before the answer.
  case closed
  /// No answer in time.
  case timeout
  /// An answer that is none, or to another question.
  case wrong
  /// No connection came about.
  case unreachable
  /// The device has left something out, and says so.
  case missed

  public var name: String {
    switch self {
    case .refused(let status): "\(status)"
    case .closed: "closed"
    case .timeout: "timeout"
    case .wrong: "wrong"
    case .unreachable: "unreachable"
    case .missed: "missed"
    }
  }
}

/// What became of everything that was counted under one label.
public struct Tally: Sendable {
  /// Nanoseconds, of what ended well.
  public var latency = LatencyHistogram()
  public var failures: [CrowdFailure: Int] = [:]
  /// What ended well, and nobody can tell how long it took.
  public var untimed = 0
  /// Refused, with the word to come again later, or as the user had reckoned with.
  public var heldBack = 0
  /// Bytes of the payloads of answers.
  public var bytes = 0

  public init() {}

  /// What ended, well or badly.
  public var ended: Int { Int(latency.count) + untimed + failed }
  public var failed: Int { failures.values.reduce(0, +) }

  public mutating func add(_ other: Tally) {
    latency.add(other.latency)
    failures.merge(other.failures, uniquingKeysWith: +)
    untimed += other.untimed
    heldBack += other.heldBack
    bytes += other.bytes
  }

  mutating func reset() {
    latency.reset()
    failures.removeAll()
    (untimed, heldBack, bytes) = (0, 0, 0)
  }
}

/// One second of a crowd, everything but connections together.
public struct CrowdSecond: Sendable {
  /// When it began and ended, in nanoseconds since boot. The last one of a stage is shorter.
  public var begin: UInt64 = 0
  public var end: UInt64 = 0
  public var tally = Tally()
  /// Users with a connection, at its end.
  public var present = 0
  /// Connections that were told BUSY.
  public var busy = 0

  public init() {}
}

/// What a crowd has done in one stage.
public struct CrowdResult: Sendable {
  /// By label.
  public var tallies: [Tally]
  /// Connections that were told BUSY, because there was no place.
  public var busy = 0
  /// Handshakes that were told to come again later, because too many came; they did.
  public var throttled = 0
  /// Requests that were due and never sent (open model).
  public var dropped = 0
  /// How late requests were sent that could have been sent, in nanoseconds: the crowd's own part of
  /// the latencies.
  public var lateness = LatencyHistogram()
  /// From its beginning to the last answer.
  public var seconds = 0.0
  /// Processor time of the crowd's thread meanwhile.
  public var ownCPUSeconds = 0.0

  public init(labels: Int) { tallies = Array(repeating: Tally(), count: labels) }

  /// Adds what another thread has done in the same stage.
  public mutating func add(_ other: CrowdResult) {
    for label in tallies.indices { tallies[label].add(other.tallies[label]) }
    busy += other.busy
    throttled += other.throttled
    dropped += other.dropped
    lateness.add(other.lateness)
    seconds = max(seconds, other.seconds)
    ownCPUSeconds += other.ownCPUSeconds
  }
}

/// A time of constant load.
public struct CrowdStage: Sendable {
  /// Users of this crowd, of those that it has room for.
  public var users: Int
  /// Users that come, or go, in a second; nil: all at once.
  public var ramp: Double?
  /// Requests a second (open model); nil: users ask as soon as they can.
  public var rate: Double?
  public var seconds: Double

  public init(users: Int, ramp: Double? = nil, rate: Double? = nil, seconds: Double) {
    (self.users, self.ramp, self.rate, self.seconds) = (users, ramp, rate, seconds)
  }
}
