/// Everything a run has found out: what `summary.json` holds, and all that a report is made of.
///
/// Latencies are nanoseconds, times of the series seconds since the run began.
public struct RunResult: Codable, Sendable, Equatable {
  /// Of this layout.
  public static let format = 1

  public var format = RunResult.format
  public var plan: String
  public var summary: String
  /// Seconds since 1970-01-01 UTC.
  public var startedUnixS: Double
  public var seconds: Double
  /// What was drawn at random is drawn again with it.
  public var seed: UInt64
  public var targets: [Target]
  public var tester: Tester
  public var stages: [StageResult]
  /// One for each second.
  public var series: [Second]
  public var ladder: LadderResult?
  /// Seconds from the end of the load that was too much until the device was as before it; nil:
  /// there was none, or it did not recover while it was watched (then `ladder` or the last stage
  /// tells).
  public var recoverySeconds: Double?
  public var thresholds: [ThresholdResult]
  /// Why the run ended before its time; nil: it did not.
  public var ended: String?

  public init(
    plan: String, summary: String, startedUnixS: Double, seconds: Double = 0, seed: UInt64,
    targets: [Target], tester: Tester, stages: [StageResult] = [], series: [Second] = [],
    ladder: LadderResult? = nil, recoverySeconds: Double? = nil,
    thresholds: [ThresholdResult] = [], ended: String? = nil
  ) {
    self.plan = plan
    self.summary = summary
    self.startedUnixS = startedUnixS
    self.seconds = seconds
    self.seed = seed
    self.targets = targets
    self.tester = tester
    self.stages = stages
    self.series = series
    self.ladder = ladder
    self.recoverySeconds = recoverySeconds
    self.thresholds = thresholds
    self.ended = ended
  }

  /// A device under test, and what it said of itself.
  public struct Target: Codable, Sendable, Equatable {
    /// HOST:PORT.
    public var address: String
    public var product: String?
    /// Connection slots; nil: it did not tell.
    public var slots: Int?
    /// Its own figures during the run, oldest first; empty: none could be had (no key).
    public var readings: [Reading]

    public init(
      address: String, product: String? = nil, slots: Int? = nil, readings: [Reading] = []
    ) {
      self.address = address
      self.product = product
      self.slots = slots
      self.readings = readings
    }
  }

  /// What a device told in its metrics.
  public struct Reading: Codable, Sendable, Equatable {
    public var second: Double
    public var memoryKiB: Double
    /// Of a processor, since it started.
    public var cpuMs: Double
    public var requestsSucceeded: Double
    public var requestsFailed: Double
    public var connectionsOpen: Double
    public var refusedBusy: Double
    public var answersP95Us: Double
    /// Gauges of its queues: jobs that wait, and connections that wait for a buffer.
    public var jobsWaiting: Double
    public var buffersAwaited: Double
    /// `health`'s state, as a word; nil: not known.
    public var health: String?

    public init(
      second: Double, memoryKiB: Double, cpuMs: Double, requestsSucceeded: Double,
      requestsFailed: Double, connectionsOpen: Double, refusedBusy: Double, answersP95Us: Double,
      jobsWaiting: Double, buffersAwaited: Double, health: String? = nil
    ) {
      self.second = second
      self.memoryKiB = memoryKiB
      self.cpuMs = cpuMs
      self.requestsSucceeded = requestsSucceeded
      self.requestsFailed = requestsFailed
      self.connectionsOpen = connectionsOpen
      self.refusedBusy = refusedBusy
      self.answersP95Us = answersP95Us
      self.jobsWaiting = jobsWaiting
      self.buffersAwaited = buffersAwaited
      self.health = health
    }
  }

  /// The tester itself: whether it was the limit.
  public struct Tester: Codable, Sendable, Equatable {
    public var version: String
    public var threads: Int
    /// The busiest thread in the busiest judged stage, in percent of a core.
    public var cpuPercent: Double
    /// How late it sent what it could have sent: 99 % were no later, in judged stages.
    public var latenessP99Ns: UInt64
    /// Why the run says nothing about the device; empty: it does.
    public var invalidBecause: [String]

    var isValid: Bool { invalidBecause.isEmpty }

    public init(
      version: String, threads: Int, cpuPercent: Double = 0, latenessP99Ns: UInt64 = 0,
      invalidBecause: [String] = []
    ) {
      self.version = version
      self.threads = threads
      self.cpuPercent = cpuPercent
      self.latenessP99Ns = latenessP99Ns
      self.invalidBecause = invalidBecause
    }
  }

  public struct StageResult: Codable, Sendable, Equatable {
    public var name: String
    public var isJudged: Bool
    public var users: Int
    /// Asked for, a second; nil: closed model.
    public var rate: Double?
    /// When it began and how long it took.
    public var start: Double
    public var seconds: Double
    public var operations: [OperationResult]
    /// Connections that were tried, and what became of them.
    public var connects: OperationResult
    /// Connections refused with BUSY by a device that had no place.
    public var busy: Int
    /// Handshakes that came too fast for the device and were made later, as it had said.
    public var throttled: Int
    /// Iterations that were due and never begun (open model).
    public var dropped: Int
    public var testerCPUPercent: Double
    public var lateness: Latencies

    public init(
      name: String, isJudged: Bool, users: Int, rate: Double?, start: Double, seconds: Double,
      operations: [OperationResult], connects: OperationResult, busy: Int = 0,
      throttled: Int = 0, dropped: Int = 0, testerCPUPercent: Double = 0,
      lateness: Latencies = Latencies()
    ) {
      self.name = name
      self.isJudged = isJudged
      self.users = users
      self.rate = rate
      self.start = start
      self.seconds = seconds
      self.operations = operations
      self.connects = connects
      self.busy = busy
      self.throttled = throttled
      self.dropped = dropped
      self.testerCPUPercent = testerCPUPercent
      self.lateness = lateness
    }
  }

  /// What became of one operation of one class in one stage.
  public struct OperationResult: Codable, Sendable, Equatable {
    public var userClass: String
    /// The protocol's name, or what a class does with several (`deliver`, `connect`).
    public var operation: String
    /// Made of other operations, which are counted for themselves: a whole deployment. Takes no
    /// part in sums.
    public var isWhole: Bool
    /// Requests that ended, well or badly.
    public var requests: Int
    /// By cause: a status' name, `closed`, `timeout`, `wrong`, `unreachable`.
    public var failures: [String: Int]
    /// Refused besides, with the word to come again later, or as a user had reckoned with.
    public var heldBack: Int
    /// Bytes of the payloads of answers.
    public var bytes: Int
    /// Of what ended well and could be timed; counted from when a request was to be sent.
    public var latency: Latencies

    public init(
      userClass: String, operation: String, isWhole: Bool = false, requests: Int = 0,
      failures: [String: Int] = [:], heldBack: Int = 0, bytes: Int = 0,
      latency: Latencies = Latencies()
    ) {
      self.userClass = userClass
      self.operation = operation
      self.isWhole = isWhole
      self.requests = requests
      self.failures = failures
      self.heldBack = heldBack
      self.bytes = bytes
      self.latency = latency
    }

    public var failed: Int { failures.values.reduce(0, +) }
  }

  /// One second of the run, all operations together.
  public struct Second: Codable, Sendable, Equatable {
    /// Its end, and how long it was: the last one of a stage is shorter.
    public var second: Double
    public var length: Double
    public var stage: String
    public var users: Int
    /// Requests that ended in it, and how many of them badly.
    public var requests: Int
    public var failures: Int
    public var busy: Int
    public var p50Ns: UInt64
    public var p95Ns: UInt64
    public var p99Ns: UInt64
    public var meanNs: Double
    public var maxNs: UInt64
    public var bytes: Int

    public init(
      second: Double, length: Double = 1, stage: String, users: Int, requests: Int,
      failures: Int, busy: Int, p50Ns: UInt64, p95Ns: UInt64, p99Ns: UInt64, meanNs: Double,
      maxNs: UInt64, bytes: Int
    ) {
      self.second = second
      self.length = length
      self.stage = stage
      self.users = users
      self.requests = requests
      self.failures = failures
      self.busy = busy
      self.p50Ns = p50Ns
      self.p95Ns = p95Ns
      self.p99Ns = p99Ns
      self.meanNs = meanNs
      self.maxNs = maxNs
      self.bytes = bytes
    }
  }

  /// A ladder that was climbed.
  public struct LadderResult: Codable, Sendable, Equatable {
    /// In the order in which they were tried, those of the search included.
    public var steps: [Step]
    /// The most users that held; nil: not even the first step did.
    public var held: Int?
    /// The fewest users that broke it; nil: the ladder ended first.
    public var broke: Int?
    /// Why: `busy`, `errors`, `p95_ms`, …; nil: it did not break.
    public var reason: String?

    public struct Step: Codable, Sendable, Equatable {
      public var users: Int
      /// The stage that it was.
      public var stage: String
      public var answersPerSecond: Double
      public var p95Ns: UInt64
      public var errorPercent: Double
      public var busyPercent: Double
      public var holds: Bool

      public init(
        users: Int, stage: String, answersPerSecond: Double, p95Ns: UInt64, errorPercent: Double,
        busyPercent: Double, holds: Bool
      ) {
        self.users = users
        self.stage = stage
        self.answersPerSecond = answersPerSecond
        self.p95Ns = p95Ns
        self.errorPercent = errorPercent
        self.busyPercent = busyPercent
        self.holds = holds
      }
    }

    public init(
      steps: [Step] = [], held: Int? = nil, broke: Int? = nil, reason: String? = nil
    ) {
      self.steps = steps
      self.held = held
      self.broke = broke
      self.reason = reason
    }
  }

  public struct ThresholdResult: Codable, Sendable, Equatable {
    /// As in plan files: `p95_ms`.
    public var quantity: String
    public var limit: Double
    /// nil: it was not measured, which does not hold.
    public var measured: Double?
    public var holds: Bool

    public init(quantity: String, limit: Double, measured: Double?, holds: Bool) {
      self.quantity = quantity
      self.limit = limit
      self.measured = measured
      self.holds = holds
    }
  }
}
