/// What a load test does: who asks what, how many of them, how fast, for how long, and what must
/// hold. Read from a text file (`PlanReader`) or built in (`Plan.builtIn`).
///
/// All times are seconds. What each may be is told by `PlanBounds`; a plan beyond them has a text
/// that is not read again.
public struct Plan: Sendable, Equatable {
  /// `[a-z0-9-]`, 1 … 32 characters, the first no hyphen.
  public var name: String
  /// One sentence: what it finds out; 1 … 300 characters, none of them invisible.
  public var summary: String
  /// What the users are; 1 … 32 classes of different names, whose weights say how users are dealt
  /// out.
  public var classes: [UserClass]
  public var course: Course
  /// What must hold at the end; a run in which one does not ends with exit code 99.
  public var thresholds: [Threshold]
  /// An answer that takes longer counts as a failure; 0.01 … 600.
  public var timeout: Double
  /// Bytes of each message that the class `publisher` publishes, and of a ping (at most 64 of
  /// these); 1 … 2 MiB.
  public var payload: Int

  public init(
    name: String, summary: String, classes: [UserClass], course: Course,
    thresholds: [Threshold] = Threshold.required, timeout: Double = 10, payload: Int = 8
  ) {
    self.name = name
    self.summary = summary
    self.classes = classes
    self.course = course
    self.thresholds = thresholds
    self.timeout = timeout
    self.payload = payload
  }

  /// How the load changes.
  public enum Course: Sendable, Equatable {
    /// One stage after the other, 1 … 256.
    case stages([Stage])
    /// Up to the first step that breaks; then the break point is searched between it and the step
    /// before, by halves.
    case ladder(Ladder)
  }
}

/// A share of the users, all of whom do the same.
public struct UserClass: Sendable, Equatable {
  /// Like a plan's.
  public var name: String
  /// Users are dealt out in proportion, 1 … 1000.
  public var weight: Int
  public var role: Role
  public var work: Work
  /// Between an answer and the next request, drawn evenly; 0…0: at once; at most 3600.
  public var think: ClosedRange<Double>
  /// Requests under way at a time on a user's connection, 1 … 128.
  public var depth: Int
  /// Users that share a key, 1 … 16: a key has so many slots at most.
  public var usersPerKey: Int

  public init(
    _ name: String, weight: Int = 1, role: Role = .anybody, work: Work,
    think: ClosedRange<Double> = 0...0, depth: Int = 1, usersPerKey: Int = 10
  ) {
    self.name = name
    self.weight = weight
    self.role = role
    self.work = work
    self.think = think
    self.depth = depth
    self.usersPerKey = usersPerKey
  }

  /// Whose key its users have. `anybody` has none and speaks plainly.
  public enum Role: String, Sendable, CaseIterable {
    case anybody, viewer, `operator`, admin
  }

  public enum Work: Sendable, Equatable {
    /// One of these operations at a time, drawn by weight; each stands here once.
    case mix([Share])
    /// Stages a change of the configuration with version and ring, waits until it is checked, looks
    /// for it in the list, and has it end: applied and confirmed where it is approved.
    case deployment
    /// Lists what is pending, and approves or rejects it.
    case approval
    /// Subscribes to all events and is told of them; asks for statistics once a second.
    case subscriber
    /// Subscribes to messages and checks each.
    case listener
    /// Publishes messages to all listeners.
    case publisher
    /// Connects, asks once, leaves.
    case visitor
  }

  /// An operation and how often it is drawn among the others of its class.
  public struct Share: Sendable, Equatable {
    public var operation: Operation
    /// 1 … 1000.
    public var weight: Int

    public init(_ operation: Operation, _ weight: Int = 1) {
      self.operation = operation
      self.weight = weight
    }
  }

  /// What may stand in a mix: asks, changes nothing, and is answered by one frame or by parts.
  /// Named like the protocol's kinds.
  public enum Operation: String, Sendable, CaseIterable {
    case ping, health, serverInfo, cameraList, streamList, sourceList, recordingList, fileList
    case metrics, alertList, mediaServer, subscriptionStatistics, storageStatus, configurationCheck
    case changeList, changeHistory, keyList, auditList, logTail, identity
  }
}

/// A piece of the course in which the load is constant once its users are there.
public struct Stage: Sendable, Equatable {
  /// Like a plan's, and unlike all others of the plan.
  public var name: String
  /// 1 … 16384.
  public var users: Int
  /// Requests a second, of all users together, whether or not answers come (open model); nil: a
  /// user asks again when it was answered and has thought (closed model). 0.01 … 10,000,000.
  public var rate: Double?
  /// Users that come (or go) in a second, 0.01 … 1,000,000; nil: all at once.
  public var ramp: Double?
  /// From its beginning, the ramp included, which must be over by then; 0.1 … 604,800.
  public var seconds: Double
  /// Whether it counts for thresholds; false: warm-up, or what only leads to another stage.
  public var isJudged: Bool

  public init(
    _ name: String, users: Int, rate: Double? = nil, ramp: Double? = nil, seconds: Double,
    isJudged: Bool = true
  ) {
    self.name = name
    self.users = users
    self.rate = rate
    self.ramp = ramp
    self.seconds = seconds
    self.isJudged = isJudged
  }
}

/// Steps of more and more users.
public struct Ladder: Sendable, Equatable {
  /// Ascending, 1 … 64 of them.
  public var steps: [Int]
  /// How long each is held once its users are there; 0.1 … 604,800.
  public var seconds: Double
  /// Users that come in a second, 0.01 … 1,000,000; nil: all at once.
  public var ramp: Double?
  /// Requests a second of each user (open model), 0.01 … 10,000,000; nil: closed model.
  public var ratePerUser: Double?
  /// The smallest difference in users between a step that holds and one that breaks; 1 … 16384.
  public var precision: Int
  /// Pause without load after the break before recovery is measured with the first step; at most
  /// so many seconds until all is as it was in the first step; 0 … 3600.
  public var recoverySeconds: Double

  public init(
    steps: [Int], seconds: Double, ramp: Double? = nil, ratePerUser: Double? = nil,
    precision: Int = 1, recoverySeconds: Double = 60
  ) {
    self.steps = steps
    self.seconds = seconds
    self.ramp = ramp
    self.ratePerUser = ratePerUser
    self.precision = precision
    self.recoverySeconds = recoverySeconds
  }
}
