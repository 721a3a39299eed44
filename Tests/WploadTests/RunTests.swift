import Foundation
import Testing

/// How a run ends, where nothing is wrong with the machine.
@Suite struct RunTests {
  @Test func aRunThatHoldsIsKept() async throws {
    let (oracle, place) = (try await OracleProgram(), try Place())
    let plan = try place.plan(seconds: 0.3, 0.3, thresholds: "{errors_percent: 0}")
    let run = try await place.run(plan, at: oracle).end()
    #expect(untroubled.contains(run.code), "\(run.complaint)")
    #expect(run.code == 98 || run.complaint == "")
    #expect(run.output.hasSuffix("results: \(place.results)\n"))
    #expect(
      place.contents == [
        "failures.csv", "report.html", "stats.csv", "stats_history.csv", "summary.json",
      ])
    let report = try await place.report()
    #expect(report.contains("stage-1: 3 users, 100/s") && !report.contains("ENDED EARLY"))
  }

  @Test func aBrokenThresholdIsTold() async throws {
    let (oracle, place) = (try await OracleProgram("--delay", "200ms"), try Place())
    let plan = try place.plan(
      seconds: 1.5, rate: 10, thresholds: "{p95_ms: 100, answers_per_second: 1}")
    let run = try await place.validRun(plan, at: oracle)
    #expect(run.code == 99)
    let sentence = run.sentence()
    #expect(sentence.hasPrefix("p95_ms is ") && sentence.contains(", above its limit of 100; "))
    #expect(!sentence.contains("answers_per_second") && sentence.contains(place.results))
    #expect(try await place.report().contains("BROKEN  p95_ms"))
  }

  @Test func abortOnFailEndsWithinTheStage() async throws {
    let (oracle, place) = (try await OracleProgram("--delay", "200ms"), try Place())
    let plan = try place.plan(seconds: 300, rate: 10, thresholds: "{p95_ms: 100}")
    let run = try await place.validRun(plan, at: oracle, ["--abort-on-fail"])
    #expect(run.code == 99 && run.seconds < 120)
    #expect(run.sentence().hasPrefix("The run ended early: p95_ms broke its threshold; "))
    #expect(try await place.earlyReport().contains("BROKEN  p95_ms"))
  }

  /// A plan asks for what the target does not have: without any threshold it fails all the same.
  @Test(arguments: [("{}", Int32(1)), ("{errors_percent: 1}", 99)])
  func anOperationThatTheTargetLacksFailsThePlan(thresholds: String, code: Int32) async throws {
    let (oracle, place) = (try await OracleProgram("--delay", "200ms"), try Place())
    let plan = try place.plan(seconds: 300, rate: 10, asks: "cameraList", thresholds: thresholds)
    let run = try await place.validRun(plan, at: oracle)
    #expect(run.code == code && run.seconds < 120)
    #expect(
      run.sentence().hasPrefix(
        "The run ended early: the target does not know `cameraList`, which the plan asks for; "))
    #expect(try await place.earlyReport().contains("users cameraList"))
  }

  /// Its load is late by as long as it was stopped, which no device did; also what broke says
  /// nothing of the device then.
  @Test(arguments: ["{}", "{p95_ms: 1}"])
  func aTesterThatWasTheLimitIsNotBelieved(thresholds: String) async throws {
    let (oracle, place) = (try await OracleProgram(), try Place())
    let process = try place.run(try place.plan(seconds: 8, thresholds: thresholds), at: oracle)
    try await process.waits(forSeconds: 1)
    // Again and again: where this machine is busy, the first may come when all is over.
    for _ in 0..<10 {
      process.send(SIGSTOP)
      try await Task.sleep(for: .milliseconds(150))
      process.send(SIGCONT)
      try await Task.sleep(for: .milliseconds(150))
    }
    let run = try await process.end()
    #expect(run.code == 98)
    #expect(run.sentence().hasPrefix("The run is invalid, the tester was the limit: it sent "))
    let report = try await place.report()
    #expect(report.contains("INVALID: the tester was the limit") && !report.contains("BROKEN"))
  }

  @Test func aTargetThatDiesEndsTheRun() async throws {
    let (oracle, place) = (try await OracleProgram(), try Place())
    let process = try place.run(try place.plan(seconds: 0.5, 300), at: oracle)
    try await process.waits(forSeconds: 2)
    oracle.process.send(SIGKILL)
    let run = try await process.end()
    #expect(run.code == 1 && run.seconds < 120)
    #expect(
      run.sentence().hasPrefix("The run ended early: no target has answered for 10 s; "))
    let report = try await place.earlyReport()
    #expect(report.contains("stage-0: 3 users") && report.contains("stage-1: 3 users"))
  }

  /// It may open 67 files, which is enough for three users.
  @Test func whatAMachineIsTooSmallForEndsTheRun() async throws {
    let (oracle, place) = (try await OracleProgram(), try Place())
    let plan = try place.plan(seconds: 0.3, 300)
    let text = try String(contentsOfFile: plan, encoding: .utf8)
    let more = text.replacingOccurrences(
      of: "stage-1\n    users: 3", with: "stage-1\n    users: 900")
    let limited =
      WploadProcess.usual + ["bash", "-c", "ulimit -n 67; exec \"$0\" \"$@\""]
    let run = try await place.run(
      try place.file("more.yaml", more), at: oracle, launcher: limited
    ).end()
    #expect(run.code == 1 && run.seconds < 120)
    #expect(run.sentence().hasPrefix("The run ended early: this machine cannot make that load ("))
    #expect(try await place.earlyReport().contains("stage-0: 3 users"))
  }

  // MARK: Signals

  static let signals = [
    (SIGINT, "it was interrupted"), (SIGTERM, "it was told to end"),
    (SIGHUP, "its terminal has gone"),
  ]

  /// What was under way, and what would have come, has not failed.
  @Test(arguments: signals)
  func aSignalEndsTheRun(signal: Int32, reason: String) async throws {
    let (oracle, place) = (try await OracleProgram("--delay", "300ms"), try Place())
    let plan = try place.plan(
      seconds: 1, 300, rate: 5,
      thresholds: "{errors_percent: 0, dropped_percent: 0, memory_kib: 1, p95_ms: 100000}")
    let run = try await place.validRun(plan, at: oracle) { process in
      try await process.waits(forSeconds: 2)
      process.send(signal)
    }
    #expect(run.code == 1 && run.seconds < 120, "\(run.complaint)")
    #expect(run.sentence().hasPrefix("The run ended early: \(reason); "))
    let report = try await place.earlyReport()
    #expect(report.contains("stage-0: 3 users") && report.contains("holds   errors_percent"))
  }

  @Test func afterASuddenEndTheStagesBeforeAreThere() async throws {
    let (oracle, place) = (try await OracleProgram(), try Place())
    let process = try place.run(try place.plan(seconds: 0.5, 300), at: oracle)
    try await process.waits(forSeconds: 2)
    process.send(SIGKILL)
    _ = try await process.end()
    #expect(place.contents == ["stats_history.csv", "summary.json"])
    let report = try await place.earlyReport()
    #expect(report.contains("stage-0: 3 users") && report.contains("users ping"))
  }
}
