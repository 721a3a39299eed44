extension Plan {
  /// The plans that need no file: `wpload plans` lists them and prints each as a text.
  public static let builtIn: [Plan] = [
    baseline, progressive, sustained, endurance, spike, stress, volume, broadcast, jobs, slots,
    throughput, deployments, approvals, connectors, burst,
  ]

  /// The built-in plan of this name.
  public static func builtIn(named name: String) -> Plan? { builtIn.first { $0.name == name } }

  /// What is required of every plan, with other limits for some quantities.
  static func required(with others: Threshold...) -> [Threshold] {
    let named = Set(others.map(\.quantity))
    return Threshold.required.filter { !named.contains($0.quantity) } + others
  }

  /// What somebody who looks after a device asks for, each user with a key.
  private static func viewers(
    _ shares: [UserClass.Share], weight: Int = 1, think: ClosedRange<Double> = 0...0
  ) -> UserClass {
    UserClass("viewers", weight: weight, role: .viewer, work: .mix(shares), think: think)
  }

  private static let looking: [UserClass.Share] = [
    .init(.ping, 4), .init(.health, 2), .init(.cameraList, 2), .init(.streamList),
    .init(.alertList),
  ]

  /// REQ-PERF-001: a status within 50 ms.
  private static let baseline = Plan(
    name: "baseline",
    summary: "One user who asks again as soon as there is an answer, for a minute.",
    classes: [viewers(looking + [.init(.serverInfo)])],
    course: .stages([Stage("one-user", users: 1, seconds: 60)]),
    thresholds: required(with: Threshold(.p95, 50), Threshold(.errorPercent, 0)))

  private static let progressive = Plan(
    name: "progressive",
    summary: "More and more users, each asking three times a second, until it breaks; then where.",
    classes: [viewers([.init(.health), .init(.ping), .init(.cameraList)])],
    course: .ladder(
      Ladder(
        steps: [10, 25, 50, 75, 100, 125, 150, 200, 300, 500, 750, 1000, 1250, 1500], seconds: 20,
        ramp: 50, ratePerUser: 3, precision: 5)),
    thresholds: required(with: Threshold(.busyPercent, 0), Threshold(.recoverySeconds, 60)))

  /// REQ-PERF-005: 1,000 requests a second; 004: less than half of a processor.
  private static let sustained = Plan(
    name: "sustained",
    summary: "75 users who make 1,000 requests a second for ten minutes: what grows, what drifts.",
    classes: [viewers(looking)],
    course: .stages([
      Stage("arrival", users: 75, rate: 1000, ramp: 10, seconds: 15, isJudged: false),
      Stage("sustained", users: 75, rate: 1000, seconds: 600),
    ]),
    thresholds: required(with: Threshold(.cpuPercent, 50), Threshold(.memoryKiB, 60 * 1024)))

  /// 28,800 s of 75 users at one request a second are 2,160,000 requests, and so are 1,800 s at
  /// 1,200 a second.
  private static let endurance = Plan(
    name: "endurance",
    summary: "As many requests and visits as 75 users make in 8 hours at one a second each, in 30 "
      + "minutes; what only time brings (timers, logs, aging) is not compressed.",
    classes: [
      viewers(looking, weight: 14),
      // Connections come and go all the time: what each leaves behind adds up.
      UserClass("visitors", work: .visitor),
    ],
    course: .stages([
      Stage("arrival", users: 75, rate: 1200, ramp: 10, seconds: 15, isJudged: false),
      Stage("eight-hours", users: 75, rate: 1200, seconds: 1800),
    ]),
    thresholds: required(with: Threshold(.memoryKiB, 60 * 1024)))

  private static let spike = Plan(
    name: "spike",
    summary:
      "20 users, then 500 within five seconds, then 20 again: what the crowd sees, and how soon it "
      + "is over.",
    classes: [viewers(looking, think: 0.1...1)],
    course: .stages([
      Stage("normal", users: 20, seconds: 60),
      Stage("peak", users: 500, ramp: 100, seconds: 60),
      Stage("after", users: 20, seconds: 120),
    ]),
    thresholds: required(with: Threshold(.busyPercent, 0), Threshold(.recoverySeconds, 60)))

  private static let stress = Plan(
    name: "stress",
    summary:
      "More and more requests, up to 500,000 a second, whether or not answers come, until it "
      + "fails; then how, and how soon it is over.",
    classes: [viewers(looking)],
    course: .ladder(
      Ladder(
        steps: [1, 2, 5, 10, 20, 40, 80, 160, 320, 640, 1000], seconds: 15, ramp: 100,
        ratePerUser: 500, precision: 5)),
    thresholds: required(with: Threshold(.busyPercent, 0), Threshold(.recoverySeconds, 60)))

  /// Section 5: a megabyte to 50 connections within 500 ms.
  private static let volume = Plan(
    name: "volume",
    summary: "Messages of 1 MiB to 50 listeners, beside pings of 64 bytes, 16 at a time.",
    classes: [
      UserClass("listeners", weight: 50, role: .viewer, work: .listener),
      // As many as a fleet asks; who asks without a pause takes a whole core of the tester.
      UserClass("pings", weight: 10, work: .mix([.init(.ping)]), think: 0.01...0.02, depth: 16),
      UserClass("publisher", role: .operator, work: .publisher, think: 1...1),
    ],
    course: .stages([
      Stage("arrival", users: 61, ramp: 30, seconds: 5, isJudged: false),
      Stage("volume", users: 61, seconds: 120),
    ]),
    thresholds: required(with: Threshold(.p99, 500)), payload: 1 << 20)

  /// Section 5: 100 connections within 50 ms, memory within 10 MB. One publisher at any number of
  /// listeners up to 1,000 (`dealt`).
  private static let broadcast = Plan(
    name: "broadcast",
    summary:
      "One publisher, and 10, 50, 100, 200, 500 and 1,000 listeners: how the time to all grows.",
    classes: [
      UserClass("listeners", weight: 1000, role: .viewer, work: .listener, usersPerKey: 16),
      UserClass("publisher", role: .operator, work: .publisher, think: 0.05...0.05),
    ],
    course: .stages(
      [10, 50, 100, 200, 500, 1000].flatMap { (listeners: Int) in
        [
          Stage(
            "arrival-\(listeners)", users: listeners + 1, ramp: 100, seconds: 6, isJudged: false),
          Stage("listeners-\(listeners)", users: listeners + 1, seconds: 30),
        ]
      }),
    thresholds: required(with: Threshold(.p50, 50), Threshold(.memoryGrowthKiB, 10 * 1024)),
    payload: 1 << 10)

  /// REQ-PERF-001: files within a second; 005: at least 10 file operations a second.
  private static let jobs = Plan(
    name: "jobs",
    summary: "Work that waits in a queue: 20 users, as is recommended, and then 30, the most.",
    classes: [
      UserClass(
        "clerks", role: .admin,
        work: .mix([.init(.fileList, 2), .init(.storageStatus), .init(.configurationCheck)]),
        think: 0.2...1)
    ],
    course: .stages([
      Stage("recommended", users: 20, ramp: 20, seconds: 60), Stage("most", users: 30, seconds: 60),
    ]),
    thresholds: required(with: Threshold(.p95, 1000), Threshold(.answersPerSecond, 10)))

  /// From an address that the device knows: of others it takes few.
  private static let slots = Plan(
    name: "slots",
    summary:
      "More and more connections that ping once a second, until the device has no slot left.",
    classes: [UserClass("idlers", work: .mix([.init(.ping)]))],
    course: .ladder(
      Ladder(
        steps: [10, 25, 50, 75, 100, 125, 150, 200, 300, 500, 750, 1000, 1050, 1100], seconds: 5,
        ramp: 200, ratePerUser: 1, precision: 1, recoverySeconds: 60)),
    thresholds: required(with: Threshold(.busyPercent, 0), Threshold(.recoverySeconds, 60)))

  /// REQ-PERF-005. What comes out is as often the tester's own measure as the device's.
  private static let throughput = Plan(
    name: "throughput",
    summary:
      "Pings, 16 at a time on each of 64 connections: how many there are in a second at most.",
    classes: [UserClass("pings", work: .mix([.init(.ping)]), depth: 16)],
    course: .stages([
      Stage("warm-up", users: 64, seconds: 2, isJudged: false),
      Stage("throughput", users: 64, seconds: 20),
    ]),
    thresholds: required(with: Threshold(.answersPerSecond, 1000)))
}
