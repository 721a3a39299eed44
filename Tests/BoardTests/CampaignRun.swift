import Foundation

/// How many cases this run has, and where their results go; files in `Tests/Campaigns` say so.
struct CampaignRun {
  let count: Int
  /// Cases that the file of results already holds.
  let done: Int
  /// The fields of the last of them; empty without one.
  let lastFields: [String]
  private let results: String?

  /// `count` is what `variable` says, or else the sample of an ordinary run.
  init(_ variable: String, sample: Int) {
    let environment = ProcessInfo.processInfo.environment
    count = environment[variable].flatMap { Int($0) } ?? sample
    results = environment["WATCHPOST_RESULTS"]
    let text = results.flatMap { try? String(contentsOfFile: $0, encoding: .utf8) } ?? ""
    let lines = text.split(separator: "\n")
    done = lines.count
    let last = lines.last?.split(separator: "\t", omittingEmptySubsequences: false)
    lastFields = (last ?? []).map(String.init)
  }

  /// Appends one line: the case's number, `fields`, and whether it went well.
  func note(_ number: Int, _ fields: [String], isRight: Bool) throws {
    try note(number, fields, verdict: isRight ? "ok" : "FAILED")
  }

  /// Appends one line: the case's number, `fields`, and "ok" or what went wrong.
  func note(_ number: Int, _ fields: [String], verdict: String) throws {
    guard let results else { return }
    let words = ["\(number)"] + fields + [verdict]
    if !FileManager.default.fileExists(atPath: results) {
      try Data().write(to: URL(filePath: results))
    }
    let file = try FileHandle(forWritingTo: URL(filePath: results))
    try file.seekToEnd()
    try file.write(contentsOf: Data((words.joined(separator: "\t") + "\n").utf8))
    try file.close()
  }
}
