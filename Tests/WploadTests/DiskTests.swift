import Foundation
import Testing

/// Results that cannot be written. What goes wrong is told when the plan has run, with its report.
@Suite struct DiskTests {
  /// 4 KiB of each file, and then no more: as on a disk that is full, and with a signal that ends
  /// whoever does not expect it.
  private static let limited =
    WploadProcess.usual + ["bash", "-c", "ulimit -f 4; exec \"$0\" \"$@\""]

  @Test func aFileThatMayNotGrowIsTold() async throws {
    let (oracle, place) = (try await OracleProgram(), try Place())
    let run = try await place.run(
      try place.plan(seconds: 0.5, 0.5), at: oracle, launcher: Self.limited
    ).end()
    #expect(run.code == 1)
    #expect(
      run.sentence().hasPrefix(
        "\(place.results)/summary.json cannot be written (File too large); "))
    // Nothing is lost of what is told.
    #expect(run.output.contains("stage-1: 3 users") && run.output.contains("users ping"))
    #expect(place.contents.contains("stats_history.csv"))
    #expect(!place.contents.contains { $0.hasPrefix(".") })
    _ = try await place.earlyReport()
  }

  @Test func aPageThatCannotBeWrittenCostsNoFigures() async throws {
    let (oracle, place) = (try await OracleProgram(), try Place())
    try FileManager.default.createDirectory(
      atPath: "\(place.results)/report.html/in", withIntermediateDirectories: true)
    let run = try await place.run(try place.plan(seconds: 0.3), at: oracle).end()
    #expect(run.code == 1)
    #expect(run.sentence().hasPrefix("\(place.results)/report.html cannot be written"))
    #expect(place.contents.count == 5)
    let report = try await wpload("report", place.results)
    #expect(report.output.contains("users ping") && !report.output.contains("ENDED EARLY"))
    #expect(report.code == 1)
    #expect(report.sentence().hasPrefix("\(place.results)/report.html cannot be written"))
  }

  @Test func aFullDiskIsToldBeforeTheLoad() async throws {
    let (oracle, place) = (try await OracleProgram(), try Place())
    try FileManager.default.createDirectory(
      atPath: place.results, withIntermediateDirectories: false)
    try FileManager.default.createSymbolicLink(
      atPath: "\(place.results)/stats_history.csv", withDestinationPath: "/dev/full")
    let run = try await place.run(try place.plan(seconds: 300), at: oracle).end()
    #expect(run.code == 1 && run.seconds < 120)
    #expect(run.sentence().contains("cannot be written (No space left on device)"))
    try expectTheDevice()
  }

  /// The link is replaced, not what it points to.
  @Test func aLinkToAFullDiskIsReplaced() async throws {
    let (oracle, place) = (try await OracleProgram(), try Place())
    try FileManager.default.createDirectory(
      atPath: place.results, withIntermediateDirectories: false)
    for name in ["summary.json", "report.html"] {
      try FileManager.default.createSymbolicLink(
        atPath: "\(place.results)/\(name)", withDestinationPath: "/dev/full")
    }
    let run = try await place.run(try place.plan(seconds: 0.2), at: oracle).end()
    #expect(untroubled.contains(run.code), "\(run.complaint)")
    #expect(try await place.report().contains("users ping"))
    try expectTheDevice()
  }

  private func expectTheDevice() throws {
    let kind = try FileManager.default.attributesOfItem(atPath: "/dev/full")[.type]
    #expect(kind as? FileAttributeType == .typeCharacterSpecial)
  }

  @Test func aFolderThatGoesIsMadeAgain() async throws {
    let (oracle, place) = (try await OracleProgram(), try Place())
    let process = try place.run(try place.plan(seconds: 300), at: oracle)
    try await process.waits(forSeconds: 2)
    try FileManager.default.removeItem(atPath: place.results)
    process.send(SIGINT)
    let run = try await process.end()
    #expect(run.sentence().hasPrefix("The run ended early: it was interrupted; "))
    #expect(place.contents.count == 5)
    let history = try String(contentsOfFile: "\(place.results)/stats_history.csv", encoding: .utf8)
    // The head, two seconds and the beginning of another one at least, and an end.
    #expect(history.components(separatedBy: "\r\n").count >= 5)
    #expect(try await place.earlyReport().contains("users ping"))
  }

  @Test func aFileInTheFoldersPlaceIsTold() async throws {
    let (oracle, place) = (try await OracleProgram(), try Place())
    let process = try place.run(try place.plan(seconds: 300), at: oracle)
    try await process.waits(forSeconds: 1)
    try FileManager.default.moveItem(atPath: place.results, toPath: "\(place.path)/away")
    _ = try place.file("results", "somebody's")
    process.send(SIGINT)
    let run = try await process.end()
    #expect(run.code == 1)
    #expect(run.sentence().hasPrefix("\(place.results) cannot be written"))
    #expect(run.output.contains("users ping"))
    #expect(try String(contentsOfFile: place.results, encoding: .utf8) == "somebody's")
  }

  /// Root writes wherever it likes, so it is asked to do without that.
  private static let obedient =
    WploadProcess.usual
    + (geteuid() == 0
      ? ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all"] : [])

  private static let canObey: Bool = {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = Array(obedient.dropFirst()) + ["true"]
    process.standardError = FileHandle.nullDevice
    guard (try? process.run()) != nil else { return false }
    process.waitUntilExit()
    return process.terminationStatus == 0
  }()

  @Test(.enabled(if: canObey, "root cannot give up its rights here"))
  func aFolderThatMayNotBeWrittenIsTold() async throws {
    let (oracle, place) = (try await OracleProgram(), try Place())
    let process = try place.run(
      try place.plan(seconds: 0.2, 300), at: oracle, launcher: Self.obedient)
    try await process.waits(forSeconds: 2)
    chmod(place.results, 0o555)
    process.send(SIGINT)
    let run = try await process.end()
    #expect(run.code == 1)
    #expect(run.sentence().contains("/summary.json cannot be written (Permission denied)"))
    #expect(try String(contentsOfFile: "\(place.results)/summary.json", encoding: .utf8) != "")
    chmod(place.results, 0o755)
    #expect(try await place.earlyReport().contains("stage-0: 3 users"))
  }
}
