import Testing

@testable import LoadReport

/// To the letter: other programs read these.
@Suite struct LocustCSVTests {
  private static let shares = "50%,66%,75%,80%,90%,95%,98%,99%,99.9%,99.99%,100%"

  // MARK: stats.csv

  @Test func aLineForEachOperationAndOneForAll() {
    #expect(
      LocustCSV.stats(Made.small) == """
        Type,Name,Request Count,Failure Count,Median Response Time,Average Response Time,\
        Min Response Time,Max Response Time,Average Content Size,Requests/s,Failures/s,\
        \(Self.shares)\r
        viewers,ping,103,3,50.000,50.500,1.000,100.000,64.000,10.300,0.300,50.000,66.000,75.000,\
        80.000,90.000,95.000,98.000,99.000,100.000,100.000,100.000\r
        viewers,deploy,1,0,900.000,900.000,900.000,900.000,0.000,0.100,0.000,900.000,900.000,\
        900.000,900.000,900.000,900.000,900.000,900.000,900.000,900.000,900.000\r
        ,Aggregated,103,3,50.000,50.500,1.000,100.000,64.000,10.300,0.300,50.000,66.000,75.000,\
        80.000,90.000,95.000,98.000,99.000,100.000,100.000,100.000\r

        """)
  }

  @Test func stagesAreAddedUp() {
    let run = Made.run(stages: [
      Made.stage("one", seconds: 4, [Made.operation("a", "ping", milliseconds: [1, 3])]),
      Made.stage(
        "two", seconds: 6,
        [
          Made.operation("b", "ping", milliseconds: [9]),
          Made.operation("a", "ping", milliseconds: [5], failures: ["wrong": 1]),
        ]),
    ])
    let lines = LocustCSV.stats(run).split(separator: "\r\n").dropFirst().map {
      $0.split(separator: ",", omittingEmptySubsequences: false).prefix(11).joined(separator: ",")
    }
    #expect(
      lines == [
        "a,ping,4,1,3.000,3.000,1.000,5.000,0.000,0.400,0.100",
        "b,ping,1,0,9.000,9.000,9.000,9.000,0.000,0.100,0.000",
        ",Aggregated,5,1,3.000,4.500,1.000,9.000,0.000,0.500,0.100",
      ])
  }

  @Test func withoutAnswersTimesAreZero() {
    let zeros = Array(repeating: "0.000", count: 11).joined(separator: ",")
    let line = "4,4,0.000,0.000,0.000,0.000,0.000,0.400,0.400,\(zeros)"
    let lines = LocustCSV.stats(Made.silent).split(separator: "\r\n")
    #expect(lines.dropFirst() == ["viewers,ping,\(line)", ",Aggregated,\(line)"])
    let nothing = LocustCSV.stats(Made.run(stages: []))
    let more = Array(repeating: "0.000", count: 7).joined(separator: ",")
    #expect(nothing.split(separator: "\r\n").last == ",Aggregated,0,0,\(more),\(zeros)")
  }

  // MARK: stats_history.csv

  @Test func theHistoryBeginsWithItsColumns() {
    #expect(
      LocustCSV.historyHead == """
        Timestamp,User Count,Type,Name,Requests/s,Failures/s,\(Self.shares),Total Request Count,\
        Total Failure Count,Total Median Response Time,Total Average Response Time,\
        Total Min Response Time,Total Max Response Time,Total Average Content Size\r

        """)
  }

  /// What a second does not know is N/A; totals go on from line to line.
  @Test func aLineForEachSecond() {
    var totals = LocustCSV.Totals()
    var short = Made.second(1.5, users: 20, requests: 3, failures: 1, p95: 9)
    short.length = 0.5
    short.meanNs = 8e6
    let lines = [Made.second(1), short, Made.second(2.5, requests: 0)].map {
      LocustCSV.history($0, startedUnixS: 1000.7, totals: &totals)
    }
    let gap = "N/A,N/A,N/A,N/A"
    #expect(
      lines == [
        "1001,10,,Aggregated,10.000,0.000,2.000,\(gap),3.000,N/A,4.000,N/A,N/A,5.000,"
          + "10,0,N/A,2.000,N/A,5.000,100.000\r\n",
        "1002,20,,Aggregated,6.000,2.000,2.000,\(gap),9.000,N/A,10.000,N/A,N/A,11.000,"
          + "13,1,N/A,3.000,N/A,11.000,166.667\r\n",
        "1003,10,,Aggregated,0.000,0.000,2.000,\(gap),3.000,N/A,4.000,N/A,N/A,5.000,"
          + "13,1,N/A,3.000,N/A,11.000,250.000\r\n",
      ])
  }

  @Test func eachLineHasAllColumns() {
    var totals = LocustCSV.Totals()
    let columns = LocustCSV.historyHead.split(separator: ",").count
    for second in Made.all.flatMap(\.series) {
      let line = LocustCSV.history(second, startedUnixS: 0, totals: &totals)
      #expect(line.split(separator: ",", omittingEmptySubsequences: false).count == columns)
    }
  }

  @Test func aClockThatIsNoneIsZero() {
    var totals = LocustCSV.Totals()
    let line = LocustCSV.history(Made.second(1), startedUnixS: .nan, totals: &totals)
    #expect(line.hasPrefix("0,10,"))
  }

  // MARK: failures.csv

  @Test func aLineForEachCause() {
    #expect(
      LocustCSV.failures(Made.small)
        == "Method,Name,Error,Occurrences\r\nviewers,ping,closed,1\r\nviewers,ping,timeout,2\r\n")
    #expect(LocustCSV.failures(Made.climbed) == "Method,Name,Error,Occurrences\r\n")
    #expect(
      LocustCSV.failures(Made.silent)
        == "Method,Name,Error,Occurrences\r\nviewers,ping,unreachable,4\r\n"
        + ",connect,unreachable,4\r\n")
  }

  // MARK: Cells

  @Test(arguments: [
    ("", ""), ("plain", "plain"), ("two words", "two words"), ("a,b", "\"a,b\""),
    ("say \"no\"", "\"say \"\"no\"\"\""), ("\"", "\"\"\"\""), ("a\nb", "\"a\nb\""),
    ("a\rb", "\"a\rb\""), ("a\r\nb", "\"a\r\nb\""), ("quote\"\u{301}", "\"quote\"\"\u{301}\""),
    (",\u{301}", "\",\u{301}\""), ("東京", "東京"), ("'", "'"),
    // Formulas.
    ("=1+1", "'=1+1"), ("+1", "'+1"), ("-1", "'-1"), ("@SUM(A1)", "'@SUM(A1)"), ("\t=1", "'\t=1"),
    ("\r=1", "\"'\r=1\""), ("\n=1", "\"'\n=1\""), ("\r\n=1", "\"'\r\n=1\""),
    ("=\u{301}1", "'=\u{301}1"), ("=\"a\",1", "\"'=\"\"a\"\",1\""), ("1=1", "1=1"), ("a-b", "a-b"),
  ])
  func cellsAreKeptApart(text: String, cell: String) {
    #expect(LocustCSV.cell(text).unicodeScalars.elementsEqual(cell.unicodeScalars))
  }

  @Test func foreignTextStaysInItsCell() {
    for table in [LocustCSV.stats(Made.odd), LocustCSV.failures(Made.odd)] {
      let rows = RFC4180.rows(table)
      #expect(rows.count > 1)
      #expect(Set(rows.map(\.count)).count == 1, "\(rows.map(\.count))")
      #expect(rows[1].contains { $0.unicodeScalars.elementsEqual(Made.oddText.unicodeScalars) })
    }
  }
}

/// A reader by the letter of RFC 4180, section 2.
private enum RFC4180 {
  static func rows(_ text: String) -> [[String]] {
    var (rows, row, cell): ([[String]], [String], String.UnicodeScalarView) = ([], [], .init())
    var (isQuoted, hasClosed) = (false, false)
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"":
        // A quote within quotes closes and opens again, and stands for itself.
        if hasClosed { cell.append(scalar) }
        hasClosed = isQuoted
        isQuoted.toggle()
        continue
      case "," where !isQuoted:
        row.append(String(cell))
        cell = .init()
      case "\r" where !isQuoted: break
      case "\n" where !isQuoted:
        rows.append(row + [String(cell)])
        (row, cell) = ([], .init())
      default: cell.append(scalar)
      }
      hasClosed = false
    }
    return rows
  }
}
