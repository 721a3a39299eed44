import Foundation
import Simulation

/// `--seed N`: one run, told to a person.
struct OneRun {
  let command: Simulate
  let seed: UInt64

  /// False: something was found.
  func run() throws -> Bool {
    var options = RunOptions(seed: seed, hours: command.hours)
    options.notesPairs = command.verbose
    let schedule = command.schedule(options)
    if command.worker { return try work(options, schedule) }
    print("seed \(seed)")
    print("options: \(options.text)")
    if command.verbose {
      for (index, fault) in schedule.faults.enumerated() { print("fault \(index): \(fault.text)") }
    }
    // A trap of the product must not take the report with it: the run has a process of its own.
    let outcome = try Child.run(
      arguments(command.only) + (command.verbose ? ["--verbose"] : []), shows: true)
    if outcome.isGood { return true }
    guard !command.noShrink, command.only == nil else { return false }
    print("shrinking \(schedule.faults.count) faults …")
    let shrinker = Shrinker { indices in
      let again = try? Child.run(arguments(Self.list(indices)), shows: false)
      return again?.failure == outcome.failure
    }
    let kept = shrinker.shrink(schedule.faults.count)
    for index in kept { print("  fault \(index): \(schedule.faults[index].text)") }
    let canary = command.canary.map { " --canary \($0)" } ?? ""
    let hours = command.hours == 1 ? "" : " --hours \(command.hours)"
    print(
      "repeat with: swift run simulate --seed \(seed)\(hours)\(canary) --verbose --only "
        + (kept.isEmpty ? "none" : Self.list(kept)))
    return false
  }

  /// At once: what was said before a trap counts most.
  private static func show(_ line: String) {
    FileHandle.standardOutput.write(Data((line + "\n").utf8))
  }

  private static func list(_ indices: [Int]) -> String {
    indices.isEmpty ? "none" : indices.map(String.init).joined(separator: ",")
  }

  private func arguments(_ only: String?) -> [String] {
    var arguments = ["--seed", "\(seed)", "--hours", "\(command.hours)", "--worker"]
    if let canary = command.canary { arguments += ["--canary", canary] }
    if let only { arguments += ["--only", only] }
    return arguments
  }

  /// The run itself, in its own process.
  private func work(_ options: RunOptions, _ schedule: Schedule) throws -> Bool {
    var tell: ((String) -> Void)?
    if command.verbose { tell = { Self.show($0) } }
    Bounds.begin()
    let canary = command.canary.flatMap { Canary(rawValue: $0) }
    let run = SimulationRun(options, schedule: schedule, canary: canary, tell: tell)
    let result = run.run()
    if command.verbose {
      for line in result.coverage.lines { print("visited \(line.count) × \(line.name)") }
    }
    for violation in result.violations { print("violated: \(violation.text)") }
    print(
      "\(result.turns) turns, \(result.lives) lives, \(result.simulatedMs / 1000) simulated s, "
        + "trace \(String(result.traceHash, radix: 16))")
    return result.violations.isEmpty
  }
}

/// This program once more, as a process of its own.
struct Child {
  var isGood: Bool
  /// The first violated invariant, or how the process ended.
  var failure: String

  static func run(_ arguments: [String], shows: Bool) throws -> Child {
    // What was said before comes before what it says.
    fflush(nil)
    let process = Process()
    process.executableURL = Bundle.main.executableURL
    process.arguments = arguments
    let output = Pipe()
    process.standardOutput = output
    process.standardError = output
    try process.run()
    var text = Data()
    while true {
      let chunk = output.fileHandleForReading.availableData
      if chunk.isEmpty { break }
      if shows { FileHandle.standardOutput.write(chunk) }
      text += chunk
    }
    process.waitUntilExit()
    let isGood = process.terminationReason == .exit && process.terminationStatus == 0
    var failure = isGood ? "" : Bounds.failure(of: process)
    for line in String(decoding: text, as: UTF8.self).split(separator: "\n")
    where line.hasPrefix("violated: ") {
      failure = String(line.dropFirst(10).prefix { $0 != " " })
      break
    }
    return Child(isGood: isGood, failure: failure)
  }
}
