import Foundation
import Testing

/// A folder for one test, with a plan in it.
final class Place {
  let path = FileManager.default.temporaryDirectory.appending(path: "load-\(UUID())").path

  init() throws {
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit {
    chmod(results, 0o755)
    try? FileManager.default.removeItem(atPath: path)
  }

  /// Where results go.
  var results: String { "\(path)/results" }

  var contents: [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: results)) ?? []).sorted()
  }

  /// Writes a file, and returns its path.
  func file(_ name: String, _ text: String) throws -> String {
    try text.write(toFile: "\(path)/\(name)", atomically: false, encoding: .utf8)
    return "\(path)/\(name)"
  }

  /// Writes a plan whose stages last so long, with so many requests a second of three users, and
  /// returns its path.
  func plan(
    _ name: String = "small", seconds: Double..., rate: Int = 100, asks operation: String = "ping",
    thresholds: String = "{}"
  ) throws -> String {
    let stages = seconds.enumerated().map {
      "  - name: stage-\($0)\n    users: 3\n    rate: \(rate)/s\n    duration: \($1)s\n"
    }
    return try file(
      "\(name).yaml",
      """
      name: \(name)
      summary: "A few questions."
      timeout: 500ms
      thresholds: \(thresholds)
      classes:
        users:
          mix:
            \(operation): 1
      stages:
      \(stages.joined())
      """)
  }

  /// A run whose results go to `results`, from users that speak plainly.
  func run(
    _ plan: String, at oracle: OracleProgram, _ options: [String] = [],
    launcher: [String] = WploadProcess.usual, output: Any? = nil
  ) throws -> WploadProcess {
    try WploadProcess(
      ["run", plan, "--plain", "--target", oracle.address, "--out", results] + options,
      launcher: launcher, output: output)
  }

  /// A run in which the tester was not the limit: where this machine was too busy for one, it is
  /// made again, ten times at most.
  func validRun(
    _ plan: String, at oracle: OracleProgram, _ options: [String] = [],
    during: (WploadProcess) async throws -> Void = { _ in }
  ) async throws -> WploadRun {
    var count = 1
    while true {
      let process = try run(plan, at: oracle, options)
      try await during(process)
      let run = try await process.end()
      guard count < 10, try await report().contains("INVALID: ") else { return run }
      try FileManager.default.removeItem(atPath: results)
      count += 1
    }
  }

  /// What `wpload report` says of the results.
  func report(at location: SourceLocation = #_sourceLocation) async throws -> String {
    let report = try await wpload("report", results)
    #expect(report.code == 0, "\(report.complaint)", sourceLocation: location)
    return report.output
  }

  /// The same of results that are not whole.
  func earlyReport(at location: SourceLocation = #_sourceLocation) async throws -> String {
    let text = try await report(at: location)
    #expect(text.contains("ENDED EARLY: "), "\(text)", sourceLocation: location)
    return text
  }
}

/// What a run without thresholds ends with: on a busy machine the tester may be the limit.
let untroubled: Set<Int32> = [0, 98]
