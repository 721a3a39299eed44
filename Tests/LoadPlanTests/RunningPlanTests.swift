import LoadPlan
import Testing

/// What a runner asks of plans, and plans made shorter.
@Suite struct RunningPlanTests {
  private func counts(_ plan: Plan, _ users: Int) -> [Int] {
    plan.dealt(users).reduce(into: [Int](repeating: 0, count: plan.classes.count)) { $0[$1] += 1 }
  }

  private func plan(_ weights: Int...) -> Plan {
    Plan(
      name: "n", summary: "s",
      classes: weights.enumerated().map { UserClass("c\($0)", weight: $1, work: .visitor) },
      course: .stages([]))
  }

  @Test func usersAreDealtOutByWeight() {
    #expect(counts(plan(50, 10, 1), 61) == [50, 10, 1])
    #expect(counts(plan(40, 40, 40, 40, 40, 1), 201) == [40, 40, 40, 40, 40, 1])
    #expect(counts(plan(5, 1), 60) == [50, 10])
    #expect(counts(plan(1000, 1), 1001) == [1000, 1])
    #expect(counts(plan(1000, 1), 11) == [10, 1])
    #expect(counts(plan(3), 0) == [0])
  }

  @Test func everyClassHasAUserBeforeAnyHasTwo() {
    #expect(plan(1000, 1, 7).dealt(3) == [0, 1, 2])
  }

  @Test func nobodyChangesClassWhenMoreCome() {
    let plan = plan(7, 3, 1)
    let all = plan.dealt(200)
    for users in [0, 1, 2, 50, 199] { #expect(plan.dealt(users) == Array(all.prefix(users))) }
  }

  @Test func usersComeAndGoAtTheRamp() {
    let more = Stage("s", users: 100, ramp: 10, seconds: 20)
    #expect(more.arrivalSeconds(from: 20) == 8)
    #expect(
      [0, 0.1, 1, 7.9, 8, 20].map { more.users(at: $0, from: 20) } == [21, 22, 31, 100, 100, 100])
    let fewer = Stage("s", users: 20, ramp: 10, seconds: 20)
    #expect([0, 1, 8].map { fewer.users(at: $0, from: 100) } == [99, 89, 20])
    #expect(Stage("s", users: 5, seconds: 1).users(at: 0, from: 100) == 5)
  }

  @Test func aStepIsHeldOnceItsUsersAreThere() {
    let ladder = Ladder(steps: [10, 50], seconds: 5, ramp: 20, ratePerUser: 3)
    let stage = ladder.stage(50, after: 10)
    #expect(stage == Stage("users-50", users: 50, rate: 150, ramp: 20, seconds: 7))
    #expect(Ladder(steps: [10], seconds: 5).stage(10) == Stage("users-10", users: 10, seconds: 5))
  }

  /// For every break point between two steps, the search ends beside it.
  @Test(arguments: [1, 3, 5])
  func theSearchEndsAtTheBreakPoint(precision: Int) {
    let ladder = Ladder(steps: [1000, 1050], seconds: 5, precision: precision)
    for limit in 1000..<1050 {
      var (held, broke, tries) = (1000, 1050, 0)
      while let users = ladder.between(held: held, broke: broke), tries < 20 {
        tries += 1
        if users <= limit { held = users } else { broke = users }
      }
      #expect(held <= limit && limit < broke && broke - held <= precision && tries <= 6)
    }
    #expect(ladder.between(held: nil, broke: 10) == 5)
    #expect(ladder.between(held: nil, broke: 1) == nil)
  }

  @Test(arguments: Plan.builtIn)
  func shortenedPlansAreRightAndShort(_ plan: Plan) throws {
    for (seconds, users) in [(1.0, 5), (4.0, 30), (60.0, 300), (0.1, 1)] {
      let short = plan.shortened(to: seconds, users: users)
      #expect(try PlanReader.read(short.text, file: plan.name) == short)
      #expect(short.mostUsers <= users)
      #expect(short.classes == plan.classes && short.name == plan.name)
      switch (plan.course, short.course) {
      case (.stages(let long), .stages(let short)):
        #expect(
          long.map(\.isJudged) == short.map(\.isJudged) && long.map(\.name) == short.map(\.name))
        let seconds = seconds + Plan.shortestStage * Double(short.count)
        #expect(short.reduce(0) { $0 + $1.seconds } <= seconds)
        #expect(short.allSatisfy { $0.seconds >= Plan.shortestStage })
      case (.ladder(let long), .ladder(let short)):
        #expect(Set(short.steps).isSubset(of: long.steps + [users]))
        #expect(short.precision == long.precision && short.ratePerUser == long.ratePerUser)
        #expect(short.seconds <= max(Plan.shortestStage, seconds / Double(short.steps.count)))
      default: Issue.record("\(plan.name) has become another kind of plan")
      }
    }
  }

  @Test func shapeAndShareOfTheRateStay() throws {
    let spike = try #require(Plan.builtIn(named: "spike")).shortened(to: 24, users: 50)
    let stages = try spike.stagesOrFail()
    #expect(stages.map(\.users) == [2, 50, 2])
    #expect(stages.map(\.seconds) == [6, 6, 12])
    let burst = try #require(Plan.builtIn(named: "burst")).shortened(to: 24, users: 100)
    let crowd = try burst.stagesOrFail()
    #expect(crowd.map(\.rate) == [nil, 100])
    #expect(crowd.map(\.ramp) == [100, nil])
    let most = try #require(Plan.builtIn(named: "throughput")).shortened(to: 5, users: 16)
    #expect(most.thresholds.contains(Threshold(.answersPerSecond, 250)))
  }

  /// 14 users become 1 and 100 become 10: 9 come where a tenth of 86 were to.
  @Test func usersComeInTimeAlsoWhenTheirNumberIsRounded() throws {
    var plan = plan(1)
    plan.course = .stages([
      Stage("few", users: 14, seconds: 10), Stage("many", users: 100, ramp: 8.6, seconds: 10),
    ])
    let short = plan.shortened(to: 20, users: 10)
    #expect(try short.stagesOrFail().map(\.users) == [1, 10])
    #expect(try short.stagesOrFail()[1].ramp == 0.9)
    #expect(Texts.refusal(short.text) == "")
  }

  @Test func whatIsShortEnoughStays() {
    for plan in Plan.builtIn {
      let same = plan.shortened(to: 1e6, users: 16_384)
      #expect(same == plan)
    }
  }
}
