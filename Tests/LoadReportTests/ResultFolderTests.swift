import Foundation
import LoadReport
import Testing

/// Each test has a folder of its own, and leaves none.
@Suite final class ResultFolderTests {
  private let place = FileManager.default.temporaryDirectory
    .appending(path: "results-\(UUID().uuidString)").path

  init() throws {
    try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: false)
  }

  deinit { try? FileManager.default.removeItem(atPath: place) }

  private func text(_ path: String) throws -> String {
    try String(contentsOfFile: path, encoding: .utf8)
  }

  @Test func allFiveFilesAreThere() throws {
    let path = "\(place)/new/baseline"
    let folder = try ResultFolder(path, startedUnixS: Made.small.startedUnixS)
    for second in Made.small.series { folder.note(second) }
    try folder.finish(Made.small)
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: path).sorted() == [
        "failures.csv", "report.html", "stats.csv", "stats_history.csv", "summary.json",
      ])
    #expect(try text("\(path)/summary.json").utf8.elementsEqual(ResultFile.encode(Made.small)))
    #expect(try text("\(path)/stats.csv") == LocustCSV.stats(Made.small))
    #expect(try text("\(path)/failures.csv") == LocustCSV.failures(Made.small))
    #expect(try text("\(path)/report.html") == HTMLReport(Made.small).text)
    #expect(try text("\(path)/stats_history.csv").components(separatedBy: "\r\n").count == 12)
  }

  @Test func aSecondIsKeptBeforeTheNextOne() throws {
    let folder = try ResultFolder(place, startedUnixS: 1000)
    let file = "\(place)/stats_history.csv"
    var expected = LocustCSV.historyHead
    #expect(try text(file) == expected)
    var totals = LocustCSV.Totals()
    for second in Made.climbed.series {
      folder.note(second)
      expected += LocustCSV.history(second, startedUnixS: 1000, totals: &totals)
      #expect(try text(file) == expected)
    }
  }

  @Test func itIsReadAsAFolderAndAsAFile() throws {
    let folder = try ResultFolder(place, startedUnixS: 0)
    try folder.finish(Made.climbed)
    let whole = try ResultFolder.read(place)
    #expect(whole.run == Made.climbed)
    #expect(whole.folder?.path == place)
    let file = try ResultFolder.read("\(place)/summary.json")
    #expect(file.run == Made.climbed)
    #expect(file.folder == nil)
  }

  @Test func pagesAreMadeAnew() throws {
    try ResultFolder(place, startedUnixS: 0).finish(Made.climbed)
    let before = try text("\(place)/stats_history.csv")
    for name in ["stats.csv", "failures.csv", "report.html"] {
      try FileManager.default.removeItem(atPath: "\(place)/\(name)")
    }
    let (run, folder) = try ResultFolder.read(place)
    try #require(folder).writePages(run)
    #expect(try text("\(place)/report.html") == HTMLReport(Made.climbed).text)
    #expect(try text("\(place)/stats_history.csv") == before)
  }

  // MARK: What goes wrong

  @Test func belowAFileThereIsNoFolder() throws {
    let path = "\(place)/file/results"
    try Data().write(to: URL(filePath: "\(place)/file"))
    expect(
      .unwritable(path: path, reason: "Not a directory"),
      unwritable(path, "Not a directory")
    ) { _ = try ResultFolder(path, startedUnixS: 0) }
  }

  @Test func aFileIsNoFolder() throws {
    let path = "\(place)/file"
    try Data("kept".utf8).write(to: URL(filePath: path))
    #expect(throws: ResultError.self) { try ResultFolder(path, startedUnixS: 0) }
    #expect(try text(path) == "kept")
  }

  @Test func aFullDiskIsTold() throws {
    let file = "\(place)/stats_history.csv"
    // By a link: whoever replaces a file instead of writing to it would replace the device.
    try FileManager.default.createSymbolicLink(atPath: file, withDestinationPath: "/dev/full")
    expect(
      .unwritable(path: file, reason: "No space left on device"),
      unwritable(file, "No space left on device")
    ) { _ = try ResultFolder(place, startedUnixS: 0) }
  }

  /// A folder in a file's place: what came before is written.
  @Test func aPageThatCannotBeWrittenIsNamed() throws {
    let folder = try ResultFolder(place, startedUnixS: 0)
    let page = "\(place)/report.html"
    try FileManager.default.createDirectory(
      atPath: "\(page)/in", withIntermediateDirectories: true)
    expect(
      .unwritable(path: page, reason: "Is a directory"),
      unwritable(page, "Is a directory")
    ) { try folder.finish(Made.small) }
    #expect(try ResultFolder.read(place).run == Made.small)
    #expect(try text("\(place)/failures.csv") == LocustCSV.failures(Made.small))
  }

  @Test func whatIsNotThereIsNamed() throws {
    let nothing = "\(place)/nothing"
    let advice = "name the folder that `wpload run` has made."
    expect(
      .unreadable(path: nothing, reason: "No such file or directory"),
      "\(nothing) cannot be read (No such file or directory); \(advice)"
    ) { _ = try ResultFolder.read(nothing) }
    expect(
      .unreadable(path: "\(place)/summary.json", reason: "No such file or directory"),
      "\(place)/summary.json cannot be read (No such file or directory); \(advice)"
    ) { _ = try ResultFolder.read(place) }
  }

  @Test func namesTellThePlanAndTheTime() {
    #expect(
      ResultFolder.name(of: "baseline", at: Date(timeIntervalSince1970: 1_795_443_901))
        == "baseline-20261123-142501")
  }

  private func unwritable(_ path: String, _ reason: String) -> String {
    "\(path) cannot be written (\(reason)); make room or name another folder: what was written "
      + "before is still there."
  }

  private func expect(
    _ error: ResultError, _ sentence: String, _ work: () throws -> Void
  ) {
    #expect(throws: error) { try work() }
    #expect(error.description == sentence)
  }
}
