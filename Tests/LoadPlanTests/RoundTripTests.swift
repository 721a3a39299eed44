import LoadPlan
import Testing

/// What is written is read as the same.
@Suite struct RoundTripTests {
  @Test(arguments: Plan.builtIn)
  func builtInPlansComeBack(_ plan: Plan) throws {
    #expect(try PlanReader.read(plan.text, file: plan.name) == plan)
  }

  @Test func plansAtTheirBoundsComeBack() throws {
    for bound in [\ClosedRange<Double>.lowerBound, \.upperBound] {
      var stage = Stage(
        "s", users: 1, rate: PlanBounds.rate[keyPath: bound],
        ramp: PlanBounds.ramp.upperBound, seconds: PlanBounds.duration[keyPath: bound])
      stage.ramp = bound == \.lowerBound ? nil : stage.ramp
      let plan = Plan(
        name: "bounds", summary: "b",
        classes: [UserClass("c", work: .visitor, think: PlanBounds.think)],
        course: .stages([stage]),
        thresholds: [Threshold(.p50, PlanBounds.limit[keyPath: bound])],
        timeout: PlanBounds.timeout[keyPath: bound])
      #expect(try PlanReader.read(plan.text, file: "") == plan)
    }
  }

  @Test func strangeNumbersComeBack() throws {
    for number in [
      0.1, 1e-9, 1.0 / 3, 0.30000000000000004, 12345.678, 1e8, .ulpOfOne, .leastNonzeroMagnitude,
    ] {
      let plan = Plan(
        name: "n", summary: "b",
        classes: [UserClass("c", work: .visitor, think: 0...min(number, 3600))],
        course: .stages([Stage("s", users: 1, seconds: 1)]),
        thresholds: [Threshold(.memoryKiB, number)])
      #expect(try PlanReader.read(plan.text, file: "") == plan)
    }
  }

  @Test func strangeSummariesComeBack() throws {
    let summaries = [
      "a: b", "# c", "\"d\"", "\\", "\\n", "*e and &f and !g", "  h  ", "- i", "{j}", "null", "~",
      "k…😀", "%l", "@m", "`n`", "'", "!!str", String(repeating: "ü", count: 300),
    ]
    for summary in summaries {
      let plan = Plan(
        name: "n", summary: summary, classes: [UserClass("true", work: .visitor)],
        course: .stages([Stage("0", users: 1, seconds: 1)]))
      #expect(try PlanReader.read(plan.text, file: "") == plan)
    }
  }

  @Test func drawnPlansComeBack() throws {
    var source = Seeded(20)
    for number in 0..<500 {
      let plan = Drawn.plan(&source)
      #expect(try PlanReader.read(plan.text, file: "drawn-\(number)") == plan)
    }
  }
}

/// Plans drawn at random, all of them right.
enum Drawn {
  static func plan(_ source: inout Seeded) -> Plan {
    let classes = (0..<Int.random(in: 1...5, using: &source)).map { users($0, &source) }
    let quantities = Threshold.Quantity.allCases.shuffled(using: &source)
    let thresholds = quantities.prefix(Int.random(in: 0...12, using: &source)).map {
      Threshold($0, amount(in: PlanBounds.limit, &source))
    }
    return Plan(
      name: name(&source), summary: summary(&source), classes: classes,
      course: Bool.random(using: &source) ? .stages(stages(&source)) : .ladder(ladder(&source)),
      thresholds: thresholds, timeout: amount(in: PlanBounds.timeout, &source),
      payload: Int.random(in: PlanBounds.payload, using: &source))
  }

  /// Round ones, and such with all digits, over all orders of magnitude.
  private static func amount(in range: ClosedRange<Double>, _ source: inout Seeded) -> Double {
    let digits = Double.random(in: 1..<10, using: &source)
    var value = Bool.random(using: &source) ? digits : digits.rounded()
    for _ in 0..<Int.random(in: 0...8, using: &source) { value *= 10 }
    for _ in 0..<Int.random(in: 0...8, using: &source) { value /= 10 }
    return min(max(value, range.lowerBound), range.upperBound)
  }

  private static func name(_ source: inout Seeded) -> String {
    let letters = Array("abcxyz0189-")
    let rest = (0..<Int.random(in: 0...31, using: &source)).map { _ in
      letters.randomElement(using: &source) ?? "a"
    }
    return String([letters.dropLast().randomElement(using: &source) ?? "a"] + rest)
  }

  private static func summary(_ source: inout Seeded) -> String {
    let letters = Array("ab 019 :#-'\"\\*&!%@`{}[],?|>~üß…😀")
    return String(
      (0..<Int.random(in: 1...60, using: &source)).map { _ in
        letters.randomElement(using: &source) ?? "a"
      })
  }

  private static func users(_ index: Int, _ source: inout Seeded) -> UserClass {
    let works: [UserClass.Work] = [
      .deployment, .approval, .subscriber, .listener, .publisher, .visitor,
      .mix(
        UserClass.Operation.allCases.shuffled(using: &source)
          .prefix(Int.random(in: 1...20, using: &source))
          .map { UserClass.Share($0, Int.random(in: PlanBounds.weight, using: &source)) }),
    ]
    let work = works.randomElement(using: &source) ?? .visitor
    let isForAdmins = work == .deployment || work == .approval
    let ends = [amount(in: PlanBounds.think, &source), amount(in: PlanBounds.think, &source)]
    return UserClass(
      "class-\(index)", weight: Int.random(in: PlanBounds.weight, using: &source),
      role: isForAdmins ? .admin : UserClass.Role.allCases.randomElement(using: &source) ?? .admin,
      work: work, think: min(ends[0], ends[1])...max(ends[0], ends[1]),
      depth: Int.random(in: PlanBounds.depth, using: &source),
      usersPerKey: Int.random(in: PlanBounds.usersPerKey, using: &source))
  }

  private static func stages(_ source: inout Seeded) -> [Stage] {
    var present = 0
    return (0..<Int.random(in: 1...6, using: &source)).map { index in
      var stage = Stage(
        "stage-\(index)", users: Int.random(in: PlanBounds.users, using: &source),
        seconds: amount(in: PlanBounds.duration, &source), isJudged: Bool.random(using: &source))
      if Bool.random(using: &source) { stage.rate = amount(in: PlanBounds.rate, &source) }
      let ramp = amount(in: PlanBounds.ramp, &source)
      // Only where the users come before it ends.
      if Double(abs(stage.users - present)) / ramp <= stage.seconds { stage.ramp = ramp }
      present = stage.users
      return stage
    }
  }

  private static func ladder(_ source: inout Seeded) -> Ladder {
    let steps = (0..<Int.random(in: PlanBounds.steps, using: &source)).map { _ in
      Int.random(in: PlanBounds.users, using: &source)
    }
    return Ladder(
      steps: Set(steps).sorted(), seconds: amount(in: PlanBounds.duration, &source),
      ramp: Bool.random(using: &source) ? amount(in: PlanBounds.ramp, &source) : nil,
      ratePerUser: Bool.random(using: &source) ? amount(in: PlanBounds.rate, &source) : nil,
      precision: Int.random(in: PlanBounds.users, using: &source),
      recoverySeconds: amount(in: PlanBounds.recovery, &source))
  }
}
