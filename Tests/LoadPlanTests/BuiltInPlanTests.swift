import Foundation
import LoadPlan
import Testing

/// The built-in plans, and the page that tells of plans.
@Suite struct BuiltInPlanTests {
  @Test func theNamesAreTheAgreedOnes() {
    #expect(
      Plan.builtIn.map(\.name) == [
        "baseline", "progressive", "sustained", "endurance", "spike", "stress", "volume",
        "broadcast",
        "jobs", "slots", "throughput", "deployments", "approvals", "connectors", "burst",
      ])
    #expect(Plan.builtIn(named: "burst")?.mostUsers == 1000)
    #expect(Plan.builtIn(named: "nothing") == nil)
  }

  @Test(arguments: Plan.builtIn)
  func eachSaysInOneSentenceWhatItFindsOut(_ plan: Plan) {
    #expect(plan.summary.hasSuffix(".") && !plan.summary.dropLast().contains(". "))
  }

  /// Users and seconds of the scenarios of the load-test campaign; deployments are rolled out for
  /// half a minute more.
  @Test(arguments: [
    ("deployments", 100, 330.0), ("approvals", 60, 300), ("connectors", 201, 300),
    ("burst", 1000, 240),
  ])
  func theCampaignIsUnabridged(name: String, users: Int, seconds: Double) throws {
    let plan = try #require(Plan.builtIn(named: name))
    #expect(plan.mostUsers == users)
    #expect(plan.seconds == seconds)
  }

  @Test func thePlansHaveTheUsersThatTheyTellOf() throws {
    func counts(_ name: String, _ users: Int) throws -> [String: Int] {
      let plan = try #require(Plan.builtIn(named: name))
      return plan.dealt(users).reduce(into: [:]) { $0[plan.classes[$1].name, default: 0] += 1 }
    }
    #expect(try counts("approvals", 60) == ["approvers": 50, "deployers": 10])
    #expect(try counts("volume", 61) == ["listeners": 50, "pings": 10, "publisher": 1])
    #expect(try counts("broadcast", 1001) == ["listeners": 1000, "publisher": 1])
    #expect(try counts("broadcast", 11) == ["listeners": 10, "publisher": 1])
    #expect(try counts("endurance", 75) == ["viewers": 70, "visitors": 5])
    #expect(
      try counts("connectors", 201) == [
        "events": 40, "health": 40, "metrics": 40, "messages": 40, "alerts": 40, "publisher": 1,
      ])
  }

  /// 8 hours of 75 users at one a second.
  @Test func enduranceMakesTheRequestsThatItTellsOf() throws {
    let plan = try #require(Plan.builtIn(named: "endurance"))
    let stages = try plan.stagesOrFail()
    let requests = stages.filter(\.isJudged).reduce(0) { $0 + ($1.rate ?? 0) * $1.seconds }
    #expect(requests == 8 * 3600 * 75)
  }

  @Test func eachHasTheRequiredThresholds() {
    for plan in Plan.builtIn {
      let quantities = plan.thresholds.map(\.quantity)
      #expect(Set(quantities).count == quantities.count)
      #expect(Set(quantities).isSuperset(of: Threshold.required.map(\.quantity)))
    }
  }

  // MARK: The page

  private func page() throws -> String {
    let here = URL(filePath: #filePath).deletingLastPathComponent()
    let page = here.appending(path: "../../Sources/LoadPlan/Plans.md").standardized
    return try String(contentsOf: page, encoding: .utf8)
  }

  @Test func theExampleOfThePageIsAPlan() throws {
    let parts = try page().components(separatedBy: "```")
    let text = try #require(parts.first { $0.hasPrefix("yaml\n") }).dropFirst(5)
    let plan = try PlanReader.read(String(text), file: "Plans.md")
    #expect(plan.name == "evening-rush")
    #expect(plan.payload == 16 * 1024 && plan.seconds == 250)
    #expect(plan.classes[0].think == 0.1...2)
    #expect(plan.thresholds == [Threshold(.p95, 50), Threshold(.errorPercent, 0)])
  }

  @Test func thePageTellsOfEveryKeyWordAndBound() throws {
    let page = try page()
    let words =
      UserClass.Operation.allCases.map(\.rawValue) + UserClass.Role.allCases.map(\.rawValue)
      + Threshold.Quantity.allCases.map(\.rawValue)
      + ["deployment", "approval", "subscriber", "listener", "publisher", "visitor"]
    for word in words { #expect(page.contains("`\(word)`"), "\(word)") }
    let whole: [(String, ClosedRange<Int>)] = [
      ("weight", PlanBounds.weight), ("depth", PlanBounds.depth), ("users", PlanBounds.users),
      ("users_per_key", PlanBounds.usersPerKey), ("precision", PlanBounds.users),
      ("classes", PlanBounds.classes), ("stages", PlanBounds.stages), ("steps", PlanBounds.steps),
      ("summary", PlanBounds.summary), ("mix", PlanBounds.weight),
    ]
    for (key, range) in whole {
      try tells(page, key, "\(range.lowerBound) … \(range.upperBound)")
    }
    try tells(page, "payload", "1 … \(PlanBounds.payload.upperBound / 1024 / 1024)MiB")
    let times: [(String, String, ClosedRange<Double>)] = [
      ("timeout", "10ms … 10m", 0.01...600), ("think", "0s … 1h", PlanBounds.think),
      ("duration", "100ms … 168h", 0.1...604_800), ("recovery", "0s … 1h", 0...3600),
      ("rate", "0.01/s … 10000000/s", 0.01...10_000_000),
      ("ramp", "0.01/s … 1000000/s", 0.01...1_000_000),
    ]
    let bounds = [
      PlanBounds.timeout, PlanBounds.think, PlanBounds.duration, PlanBounds.recovery,
      PlanBounds.rate, PlanBounds.ramp,
    ]
    for ((key, text, range), bound) in zip(times, bounds) {
      #expect(range == bound, "\(key)")
      try tells(page, key, text)
    }
    #expect(page.contains("Limits are 0 … \(Int(PlanBounds.limit.upperBound))."))
    #expect(page.contains("at most \(PlanBounds.textBytes / 1024) KiB"))
  }

  /// The row of a key has its range.
  private func tells(_ page: String, _ key: String, _ range: String) throws {
    let rows = page.split(separator: "\n").filter { $0.hasPrefix("| `\(key)` |") }
    #expect(!rows.isEmpty, "\(key)")
    for row in rows { #expect(row.contains("| \(range)"), "\(row)") }
  }
}
