import Foundation

/// How many cases this run has, and where their results go; files in `Tests/Campaigns` say so.
struct CampaignRun {
  let count: Int
  /// Cases that the file of results already holds.
  let done: Int
  private let results: String?

  /// `count` is what `variable` says, or else the sample of an ordinary run.
  init(_ variable: String, sample: Int) {
    let environment = ProcessInfo.processInfo.environment
    count = environment[variable].flatMap { Int($0) } ?? sample
    results = environment["WATCHPOST_RESULTS"]
    let text = results.flatMap { try? String(contentsOfFile: $0, encoding: .utf8) } ?? ""
    done = text.split(separator: "\n").count
  }

  /// Appends one line: the case's number, `fields`, and whether it went well.
  func note(_ number: Int, _ fields: [String], isRight: Bool) throws {
    guard let results else { return }
    let words = ["\(number)"] + fields + [isRight ? "ok" : "FAILED"]
    if !FileManager.default.fileExists(atPath: results) {
      try Data().write(to: URL(filePath: results))
    }
    let file = try FileHandle(forWritingTo: URL(filePath: results))
    try file.seekToEnd()
    try file.write(contentsOf: Data((words.joined(separator: "\t") + "\n").utf8))
    try file.close()
  }
}
