import Foundation
import Testing

@testable import LoadReport

@Suite struct FileTests {
  private let folder = FileManager.default.temporaryDirectory.appending(path: "wpload-\(UUID())")

  @Test func aResultIsReadAsItWasWritten() throws {
    for run in [Made.run(), Made.climbed, Made.hostile] {
      #expect(try ResultFile.decode(ResultFile.encode(run), from: "x") == run)
    }
  }

  @Test func whatIsNoResultIsToldInOneSentence() throws {
    func sentence(_ text: String) -> String {
      do throws(ResultError) {
        _ = try ResultFile.decode(Data(text.utf8), from: "a.json")
        return "read"
      } catch { return "\(error)" }
    }
    #expect(
      sentence("{\"format\": 9}")
        == "a.json has format 9, this wpload reads 1. Use the one that made it.")
    #expect(
      sentence("{\"format\": 1}")
        == "a.json is no result of wpload: it has no plan. Run the plan again.")
    #expect(
      sentence("{")
        == "a.json is no result of wpload: it is not the JSON that wpload writes. Run the plan "
        + "again."
    )
    #expect(throws: ResultError.unreadable(path: "/none", reason: "No such file or directory")) {
      _ = try ResultFolder.read("/none")
    }
  }

  @Test func everythingIsKept() throws {
    defer { try? FileManager.default.removeItem(at: folder) }
    let results = try ResultFolder(folder.path, startedUnixS: 1_700_000_000)
    results.note(Made.second(1))
    let history = folder.appending(path: "stats_history.csv")
    // Before the run has ended.
    #expect(try String(contentsOf: history, encoding: .utf8).split(separator: "\r\n").count == 2)
    let run = Made.climbed
    try results.finish(run)
    #expect(try ResultFolder.read(folder.path).run == run)
    #expect(try ResultFolder.read(folder.path + "/summary.json").run == run)
    let files = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
    #expect(
      files == ["failures.csv", "report.html", "stats.csv", "stats_history.csv", "summary.json"])
  }

  @Test func whereNothingCanBeWrittenItIsSaid() throws {
    try Data().write(to: folder)
    defer { try? FileManager.default.removeItem(at: folder) }
    #expect {
      _ = try ResultFolder(folder.path + "/below", startedUnixS: 0)
    } throws: { error in
      "\(error)".hasPrefix("\(folder.path)/below cannot be written: ")
        && "\(error)".hasSuffix("What was written before is still there.")
    }
  }

  // MARK: Tables

  @Test func theTablesAreLocusts() {
    let stage = Made.stage([
      Made.operation("ping", [1, 2, 3, 4], failures: ["timeout": 1]), Made.operation("=a,b", [10]),
    ])
    let lines = LocustCSV.stats(Made.run([stage])).components(separatedBy: "\r\n")
    #expect(
      lines[0]
        == "Type,Name,Request Count,Failure Count,Median Response Time,Average Response Time,"
        + "Min Response Time,Max Response Time,Average Content Size,Requests/s,Failures/s,50%,66%,"
        + "75%,80%,90%,95%,98%,99%,99.9%,99.99%,100%")
    #expect(
      lines[1]
        == "viewers,ping,5,1,2.000,2.500,1.000,4.000,8.000,1.250,0.250,2.000,3.000,3.000,4.000,"
        + "4.000,4.000,4.000,4.000,4.000,4.000,4.000")
    #expect(lines[2].hasPrefix("viewers,\"'=a,b\",1,0,10.000,"))
    #expect(lines[3].hasPrefix(",Aggregated,6,1,3.000,4.000,1.000,10.000,"))
    #expect(
      LocustCSV.failures(Made.run([stage]))
        == "Method,Name,Error,Occurrences\r\nviewers,ping,timeout,1\r\n")
  }

  @Test func aSecondIsALine() {
    var totals = LocustCSV.Totals()
    _ = LocustCSV.history(Made.second(1), startedUnixS: 100, totals: &totals)
    let line = LocustCSV.history(
      Made.second(2, requests: 300, failures: 100), startedUnixS: 100, totals: &totals)
    #expect(
      line
        == "102,10,,Aggregated,300.000,100.000,1.000,N/A,N/A,N/A,N/A,2.000,N/A,4.000,N/A,N/A,6.000,"
        + "400,100,N/A,1.500,N/A,6.000,5.333\r\n")
    let fields = LocustCSV.historyHead.split(separator: ",").count
    #expect(line.split(separator: ",", omittingEmptySubsequences: false).count == fields)
  }
}
