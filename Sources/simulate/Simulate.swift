import ArgumentParser
import Foundation
import Simulation

/// Runs the real machines in a simulated world, and says what it finds.
@main struct Simulate: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Runs the agent's loop in a simulated world with faults.",
    discussion: """
      A run is its seed: options and faults are drawn from it. When something is found, the \
      schedule of faults is shrunk, and the command is printed that repeats what is left. \
      Exit code 1: something was found.
      """)

  @Option(help: "One run.")
  var seed: UInt64?
  @Option(help: "Runs A..B, both included.")
  var seeds: SeedRange?
  @Option(help: "Simulated hours in which faults happen.")
  var hours: Double = 1
  @Option(help: "Of the schedule, only these faults: numbers with commas, counted from 0.")
  var only: String?
  @Option(help: "Plants a bug: \(Canary.allCases.map(\.rawValue).joined(separator: ", ")).")
  var canary: String?
  @Flag(help: "One line for everything that happens, and what was visited.")
  var verbose = false
  @Flag(help: "Does not shrink what was found.")
  var noShrink = false
  @Option(help: "Of the failures of --seeds, so many are shrunk.")
  var shrinks: Int = 10
  @Option(help: "Results of --seeds, a line each; seeds that stand there already are skipped.")
  var json: String?
  @Option(help: "Processes of --seeds.")
  var processes: Int = ProcessInfo.processInfo.activeProcessorCount
  @Flag(help: .hidden)
  var worker = false
  @Option(help: .hidden)
  var batch: String?

  func validate() throws {
    guard (seed == nil) != (seeds == nil) || batch != nil else {
      throw ValidationError("Say either --seed N or --seeds A..B.")
    }
    if let canary, Canary(rawValue: canary) == nil {
      throw ValidationError("There is no canary \(canary).")
    }
    guard hours > 0, processes > 0 else {
      throw ValidationError("--hours and --processes are at least 1.")
    }
  }

  func run() throws {
    if let batch {
      work(batch.split(separator: ",").compactMap { UInt64($0) })
    } else if let seeds {
      let campaign = Campaign(
        seeds: seeds.range, hours: hours, canary: canary, processes: processes, file: json,
        shrinks: noShrink ? 0 : shrinks)
      guard try campaign.run() else { throw ExitCode(1) }
    } else if let seed {
      guard try OneRun(command: self, seed: seed).run() else { throw ExitCode(1) }
    }
  }

  /// Runs a batch; each result is one line.
  private func work(_ seeds: [UInt64]) {
    for seed in seeds {
      Bounds.begin()
      let canary = canary.flatMap(Canary.init(rawValue:))
      let result = SimulationRun(RunOptions(seed: seed, hours: hours), canary: canary).run()
      FileHandle.standardOutput.write(Campaign.Line(result, hours: hours).bytes)
    }
  }

  /// The faults that are asked for.
  func schedule(_ options: RunOptions) -> Schedule {
    let whole = Schedule.drawn(options)
    guard let only else { return whole }
    return whole.only(only.split(separator: ",").compactMap { Int($0) })
  }
}

/// `A..B`.
struct SeedRange: ExpressibleByArgument {
  let range: ClosedRange<UInt64>

  init?(argument: String) {
    let ends = argument.components(separatedBy: "..").compactMap { UInt64($0) }
    guard ends.count == 2, ends[0] <= ends[1] else { return nil }
    range = ends[0]...ends[1]
  }
}
