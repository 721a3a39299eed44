import Foundation
import Testing

/// Where the output goes: a terminal, a file, and nowhere.
@Suite struct OutputTests {
  /// What a terminal is told to erase the line that is written over.
  private static let erasure = "\r\u{1B}[K"

  @Test func aFileGetsPlainLines() async throws {
    let (oracle, place) = (try await OracleProgram(), try Place())
    let run = try await place.run(try place.plan(seconds: 2.2), at: oracle).end()
    #expect(!run.output.contains("\u{1B}") && !run.output.contains("\r"))
    let lines = run.output.split(separator: "\n").filter { $0.hasSuffix("healthy") }
    #expect(lines.count == 3 && lines.allSatisfy { $0.contains("s  stage-0") }, "\(run.output)")
  }

  /// Lines that a narrow terminal would break could not be erased.
  @Test func aTerminalGetsOneLineThatChanges() async throws {
    let (oracle, place) = (try await OracleProgram(), try Place())
    let text = try await onTerminal(
      place, "stty cols 60; export TERM=xterm", try place.plan(seconds: 2.2), oracle)
    let live = text.components(separatedBy: Self.erasure).dropFirst()
    #expect(live.count == 3, "\(text)")
    #expect(live.dropLast().allSatisfy { $0.count == 59 && $0.contains("s  stage-0") })
    #expect(live.last?.contains("stage-0 has ended after 2.") == true)
    #expect(text.contains("results: \(place.results)"))
  }

  @Test func aTerminalThatCannotEraseGetsPlainLines() async throws {
    let (oracle, place) = (try await OracleProgram(), try Place())
    let text = try await onTerminal(
      place, "export TERM=dumb", try place.plan(seconds: 1.2), oracle)
    #expect(!text.contains("\u{1B}") && text.contains("stage-0 has ended after 1."), "\(text)")
  }

  /// script(1) makes a terminal, and tells what was written to it.
  private func onTerminal(
    _ place: Place, _ before: String, _ plan: String, _ oracle: OracleProgram
  ) async throws -> String {
    let words = [
      wploadProgram.path, "run", plan, "--plain", "--target", oracle.address, "--out",
      place.results,
    ]
    let command = words.map { "'\($0)'" }.joined(separator: " ")
    // What is appended is not looked at.
    let launcher = [
      "bash", "-c", "exec script -qec \"$0\" /dev/null", "\(before); exec \(command)",
    ]
    let run = try await wpload(launcher: WploadProcess.usual + launcher)
    #expect(untroubled.contains(run.code), "\(run.output)")
    return run.output
  }

  /// As with `wpload run … | head -1`.
  @Test func aReaderWhoGoesEndsTheRun() async throws {
    let (oracle, place) = (try await OracleProgram(), try Place())
    let pipe = Pipe()
    let process = try place.run(try place.plan(seconds: 0.5, 300), at: oracle, output: pipe)
    try pipe.fileHandleForWriting.close()
    #expect(pipe.fileHandleForReading.availableData.isEmpty == false)
    try pipe.fileHandleForReading.close()
    let run = try await process.end()
    #expect(run.code == 1 && run.seconds < 120)
    #expect(
      run.sentence().hasPrefix(
        "The run ended early: nobody takes its output (Broken pipe); "))
    _ = try await place.earlyReport()
  }

  // MARK: Other commands

  @Test func aFolderWithoutResultsIsNamed() async throws {
    let place = try Place()
    let nothing = "\(place.path)/nothing"
    for path in [nothing, place.path] {
      let run = try await wpload("report", path)
      #expect(run.code == 1 && run.output == "")
      let sentence = run.sentence()
      #expect(sentence.hasPrefix(path) && sentence.contains("No such file or directory"))
    }
    let half = try place.file("summary.json", "{\"format\":1,\"plan\":\"x")
    let run = try await wpload("report", place.path)
    #expect(run.code == 1 && run.sentence().hasPrefix("\(half) is no result of wpload: "))
    #expect(try await wpload("compare", place.path, nothing).code == 1)
  }

  @Test func runsOfDifferentPlansAreNotCompared() async throws {
    let (oracle, one, other) = (try await OracleProgram(), try Place(), try Place())
    for (place, name) in [(one, "some"), (other, "others")] {
      let run = try await place.run(try place.plan(name, seconds: 0.2), at: oracle).end()
      #expect(untroubled.contains(run.code), "\(run.complaint)")
    }
    let same = try await wpload("compare", one.results, one.results)
    #expect(same.code == 0 && same.complaint == "")
    let run = try await wpload("compare", one.results, other.results)
    #expect(run.code == 1)
    #expect(run.sentence().hasPrefix("The runs are of different plans, some and others; "))
    #expect(run.output.contains("not to be compared: they are of different plans"))
  }

  @Test func anOracleWithoutAPlaceSaysSo() async throws {
    let oracle = try await OracleProgram()
    let run = try await wpload("oracle", "--listen", oracle.address)
    #expect(run.code == 1 && run.output == "")
    #expect(run.sentence().contains("bind: Address already in use"))
  }
}
