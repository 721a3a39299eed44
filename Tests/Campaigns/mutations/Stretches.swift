import Foundation

/// All stretches of a campaign, dealt out to processes: one that crashes takes no other with it.
struct Stretches {
  private let options: Options
  private let file: URL

  init(_ options: Options) {
    self.options = options
    file = URL(filePath: options.results ?? "")
  }

  /// False: something was found, now or earlier.
  func run() throws -> Bool {
    if !FileManager.default.fileExists(atPath: file.path) { try Data().write(to: file) }
    let known = try lines().compactMap { $0.first.flatMap { Int($0) } }
    let count = (options.cases + Stretch.cases - 1) / Stretch.cases
    var waiting = (0..<count).filter { !known.contains($0) }[...]
    var running: [Running] = []
    let begin = Date()
    var finished = 0
    while !waiting.isEmpty || !running.isEmpty {
      while running.count < options.processes, let number = waiting.popFirst() {
        running.append(try Running(options, number, log: log(number)))
      }
      guard let index = running.firstIndex(where: { !$0.process.isRunning }) else {
        usleep(50_000)
        continue
      }
      let (line, cases) = try running.remove(at: index).line()
      finished += cases
      try append(line)
      if !line.contains("\tok\t") { print("stretch \(line)") }
    }
    let seconds = max(Date().timeIntervalSince(begin), 0.001)
    print("\(finished) cases in \(Int(seconds)) s, \(Int(Double(finished) / seconds)) a second")
    return try summary()
  }

  private func log(_ number: Int) -> URL {
    file.deletingPathExtension().appendingPathExtension("\(number).log")
  }

  private func lines() throws -> [[Substring]] {
    try String(contentsOf: file, encoding: .utf8).split(separator: "\n").map {
      $0.split(separator: "\t", omittingEmptySubsequences: false)
    }
  }

  private func append(_ line: String) throws {
    let handle = try FileHandle(forWritingTo: file)
    try handle.seekToEnd()
    try handle.write(contentsOf: Data((line + "\n").utf8))
    try handle.close()
  }

  /// What all lines of the file say together.
  private func summary() throws -> Bool {
    var cases = 0
    var failed = 0
    var kinds: [String: Int] = [:]
    for line in try lines() where line.count == 6 {
      cases += Int(line[1]) ?? 0
      failed += Int(line[3]) ?? 1
      for entry in line[5].split(separator: ",") {
        let parts = entry.split(separator: "=")
        if parts.count == 2 { kinds[String(parts[0]), default: 0] += Int(parts[1]) ?? 0 }
      }
    }
    for (name, _, _) in Stretch.kinds {
      let number = "\(kinds[name, default: 0])"
      print(String(repeating: " ", count: max(0, 9 - number.count)) + number + "  " + name)
    }
    print("\(cases) cases, \(failed) failed")
    return failed == 0 && cases > 0
  }
}

/// A process that runs one stretch.
private final class Running {
  let process = Process()
  private let number: Int
  private let cases: Int
  private let log: URL
  private let output: URL

  init(_ options: Options, _ number: Int, log: URL) throws {
    self.number = number
    self.log = log
    cases = min(Stretch.cases, options.cases - number * Stretch.cases)
    output = log.appendingPathExtension("line")
    process.executableURL = Bundle.main.executableURL
    process.arguments = [
      "--stretch", "\(number)", "--seed", "\(options.seed)", "--cases", "\(cases)",
    ]
    if let canary = options.canary { process.arguments! += ["--canary", canary.rawValue] }
    for file in [log, output] { try Data().write(to: file) }
    process.standardError = try FileHandle(forWritingTo: log)
    process.standardOutput = try FileHandle(forWritingTo: output)
    try process.run()
  }

  /// What it says; what is said for it where it has crashed.
  func line() throws -> (String, cases: Int) {
    process.waitUntilExit()
    let said = try String(contentsOf: output, encoding: .utf8)
    try FileManager.default.removeItem(at: output)
    let line = said.split(separator: "\n").last.map(String.init) ?? ""
    if process.terminationReason == .exit, process.terminationStatus <= 1,
      line.split(separator: "\t", omittingEmptySubsequences: false).count == 6
    {
      if process.terminationStatus == 0 { try FileManager.default.removeItem(at: log) }
      return (line, Int(line.split(separator: "\t")[1]) ?? 0)
    }
    let text = try String(contentsOf: log, encoding: .utf8)
    let cause = text.split(separator: "\n").first { $0.contains("ERROR") || $0.contains("atal") }
    let told =
      cause.map { $0.replacing("\t", with: " ") } ?? "ended with \(process.terminationStatus)"
    return ("\(number)\t0\t0\t1\tcrashed: \(told); see \(log.path)\t", 0)
  }
}
