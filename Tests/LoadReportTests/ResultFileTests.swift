import Foundation
import LoadReport
import Testing

@Suite struct ResultFileTests {
  @Test(arguments: Made.all)
  func whatIsWrittenIsRead(_ run: RunResult) throws {
    #expect(try ResultFile.decode(ResultFile.encode(run), from: "r") == run)
  }

  @Test func numbersThatAreNoneSurvive() throws {
    var run = Made.small
    run.targets[0].readings[0].memoryKiB = .infinity
    run.targets[0].readings[1].memoryKiB = -.infinity
    run.thresholds[0].measured = .nan
    let read = try ResultFile.decode(ResultFile.encode(run), from: "r")
    #expect(read.targets == run.targets)
    #expect(read.thresholds[0].measured?.isNaN == true)
  }

  @Test func anotherFormatIsRefused() {
    var run = Made.small
    run.format = 2
    expect(
      ResultFile.encode(run), .otherFormat(path: "a.json", format: 2),
      "a.json has format 2, this wpload reads 1; use the version that made it.")
    // Even one that shares nothing but the number.
    expect(
      Data("{\"format\":9}".utf8), .otherFormat(path: "a.json", format: 9),
      "a.json has format 9, this wpload reads 1; use the version that made it.")
  }

  @Test(arguments: ["", "{", "[]", "null", "\u{0}", "{\"format\":\"1\"}", "{\"format\":1e400}"])
  func whatIsNoResultIsRefused(_ text: String) {
    expect(
      Data(text.utf8), .broken(path: "a.json", reason: "it is not the JSON that wpload writes"),
      "a.json is no result of wpload: it is not the JSON that wpload writes; run the plan again.")
  }

  @Test func aMissingKeyIsNamed() throws {
    for key in ["plan", "seed", "targets", "tester", "stages", "series", "thresholds"] {
      let whole = try JSONSerialization.jsonObject(with: ResultFile.encode(Made.small))
      var object = try #require(whole as? [String: Any])
      try #require(object.removeValue(forKey: key) != nil)
      expect(
        try JSONSerialization.data(withJSONObject: object),
        .broken(path: "a.json", reason: "it has no \(key)"),
        "a.json is no result of wpload: it has no \(key); run the plan again.")
    }
    expect(
      Data("{}".utf8), .broken(path: "a.json", reason: "it has no format"),
      "a.json is no result of wpload: it has no format; run the plan again.")
  }

  /// Every cut of a file is refused; none is taken for a shorter result.
  @Test func noCutIsRead() {
    let data = ResultFile.encode(Made.silent)
    for length in stride(from: 0, to: data.count, by: 7) {
      #expect(throws: ResultError.self) {
        try ResultFile.decode(data.prefix(length), from: "r")
      }
    }
  }

  /// A file can hold numbers with which nothing can be counted.
  @Test(arguments: [
    ("\"counts\" : [", "\"counts\" : [1,"), ("\"counts\" : [", "\"counts\" : [0,"),
    ("\"values\" : [", "\"values\" : [5000000000000,"),
    ("\"sum\" : 5050000000", "\"sum\" : -1"), ("\"sum\" : 5050000000", "\"sum\" : 1e30"),
    ("\"sum\" : 5050000000", "\"sum\" : \"nan\""),
    ("\"requests\" : 103", "\"requests\" : 9223372036854775807"),
    ("\"requests\" : 103", "\"requests\" : -1"), ("\"timeout\" : 2", "\"timeout\" : -2"),
    ("\"users\" : 10", "\"users\" : -9223372036854775808"),
  ])
  func whatCannotBeCountedIsRefused(text: String, other: String) throws {
    let whole = try #require(String(data: ResultFile.encode(Made.small), encoding: .utf8))
    let changed = whole.replacing(text, with: other, maxReplacements: 1)
    try #require(changed != whole)
    #expect(throws: ResultError.self) { try ResultFile.decode(Data(changed.utf8), from: "r") }
  }

  /// Files with any digit changed are refused, or can be reported.
  @Test func noChangedDigitEndsTheProgram() throws {
    let data = ResultFile.encode(Made.small)
    var draws = SeededDraws(seed: 3)
    let digits = data.indices.filter { (0x30...0x39).contains(data[$0]) }
    var read = 0
    for _ in 0..<60 {
      var changed = data
      let place = try #require(digits.randomElement(using: &draws))
      let other = try #require(["9e18", "-9", "0", "1e300"].randomElement(using: &draws))
      changed.replaceSubrange(place...place, with: Data(other.utf8))
      guard let run = try? ResultFile.decode(changed, from: "r") else { continue }
      read += 1
      #expect(!TextReport(run).text.isEmpty && !HTMLReport(run).text.isEmpty)
      #expect(!LocustCSV.stats(run).isEmpty && !LocustCSV.failures(run).isEmpty)
    }
    #expect(read > 5)
  }

  private func expect(_ data: Data, _ error: ResultError, _ sentence: String) {
    #expect(throws: error) { try ResultFile.decode(data, from: "a.json") }
    #expect(error.description == sentence)
  }
}
