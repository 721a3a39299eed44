import Testing

@testable import LoadReport

@Suite struct RecommendationTests {
  @Test func nothingIsToBeDoneWhereAllHolds() {
    var run = Made.small
    run.thresholds.removeLast()
    #expect(
      Recommendation.all(for: run) == [
        .init(text: "Nothing is to be done for this load.", evidence: "the threshold holds")
      ])
  }

  @Test func theMostImportantComesFirst() {
    var run = Made.climbed
    run.tester.invalidBecause = ["it was late", "it was busy", "late again", "and again"]
    run.ended = "interrupted"
    run.thresholds = Made.small.thresholds + Made.silent.thresholds
    run.targets[0].readings = [
      Made.reading(0), Made.reading(10, memoryKiB: 4096 + 1025, cpuMs: 7100),
    ]
    let again = [
      Recommendation(
        text: "Run it again: it says nothing about the device.",
        evidence: "it was late; it was busy; late again; and 1 more"),
      Recommendation(
        text: "Look at the device, and run it again to its end.", evidence: "interrupted"),
    ]
    #expect(Recommendation.all(for: run) == again, "nothing else is known")
    run.tester.invalidBecause = []
    #expect(
      Recommendation.all(for: run) == [
        again[1],
        .init(
          text: "Do not put this load on the device before errors_percent holds.",
          evidence: "2.9 %, where 1 % is the limit"),
        .init(
          text: "Do not put this load on the device before p95_ms holds.",
          evidence: "not measured, where 100 ms is the limit"),
        .init(
          text: "Plan for 160 connections, or raise `control.slots`.",
          evidence: "200 held; the next one was told BUSY"),
        .init(
          text: "Run `endurance`, to see whether memory goes on growing.",
          evidence: "1 MiB more at the end than at the beginning"),
        .init(
          text: "Spread the users over more devices.", evidence: "the device used 71 % of a core"),
      ])
  }

  @Test func boundsAreNotPassedAtTheBound() {
    var run = Made.run(stages: [Made.stage("steady", [])])
    run.targets[0].readings = [
      Made.reading(0), Made.reading(10, memoryKiB: 4096 + 1024, cpuMs: 7000),
    ]
    #expect(Recommendation.all(for: run).map(\.text) == ["Nothing is to be done for this load."])
  }
}

@Suite struct SidedFigureTests {
  @Test func bothSidesAreTold() {
    let rows = SidedFigure.rows(Made.small)
    #expect(rows.map(\.what) == ["requests answered", "connections refused", "P95"])
    // The whole deployment is made of others, and the device counts those.
    #expect(rows.map(\.client) == ["100", "0", "95.0 ms"])
    #expect(rows.map(\.device) == ["102", "0", "0.400 ms"])
  }

  @Test func allTargetsAreAddedUp() {
    var run = Made.small
    run.targets = [(1000.0, 3.0), (500, 4)].map { succeeded, refused in
      RunResult.Target(
        address: "a:1",
        readings: [
          Made.reading(0, succeeded: 100, refused: 1),
          Made.reading(9, succeeded: 100 + succeeded, refused: 1 + refused),
        ])
    }
    #expect(SidedFigure.rows(run).map(\.device) == ["1,500", "7", "0.400 ms"])
  }

  @Test func aDeviceThatBeganAnewCountsFromZero() {
    var run = Made.small
    run.targets[0].readings = [(0.0, 100.0), (1, 150), (2, 30), (3, 40)].map {
      Made.reading($0.0, succeeded: $0.1)
    }
    #expect(SidedFigure.rows(run)[0].device == "90")
  }

  @Test func whereADeviceToldNothingThereIsNothing() {
    var run = Made.small
    run.targets.append(.init(address: "b:1"))
    #expect(SidedFigure.rows(run) == [])
    run.targets[1].readings = [Made.reading(0)]
    #expect(SidedFigure.rows(run) == [])
    run.targets = []
    #expect(SidedFigure.rows(run) == [])
  }

  @Test(arguments: [Double.nan, .infinity, -1, 1e300])
  func figuresThatAreNoneAreTold(_ value: Double) {
    var run = Made.small
    run.targets[0].readings[1].requestsSucceeded = value
    run.targets[0].readings[1].answersP95Us = value
    run.targets[0].readings[1].connectionsOpen = value
    #expect(SidedFigure.rows(run).count == 3)
    #expect(!Capacity(run).rows.isEmpty)
  }
}
