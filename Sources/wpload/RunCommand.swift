import ArgumentParser
import ControlClient
import Foundation
import LoadPlan
import LoadReport
import LoadTest
import Wire

struct RunCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Runs a plan against one device or several.")

  @Argument(help: "A built-in plan (`wpload plans` lists them), or a file with one.")
  var plan: String

  @Option(
    help: ArgumentHelp(
      "A device; several times for several. Default: 127.0.0.1:4710.", valueName: "host:port"))
  var target: [DeviceAddress] = []

  @Option(
    help: ArgumentHelp(
      "Where the results go. Default: PLAN with the time, in this folder.", valueName: "folder"))
  var out: String?

  @Option(
    help: ArgumentHelp(
      "Where this client's keys are. Default: $WATCHPOST_KEYS, else ~/.config/watchpost.",
      valueName: "folder"))
  var keys: String?

  @Flag(help: "All users speak plainly: for a device on this machine that allows it.")
  var plain = false

  @Option(help: ArgumentHelp("Threads that make the load, a core for each.", valueName: "n"))
  var threads = 1

  @Option(help: ArgumentHelp("What is drawn at random is drawn again with it.", valueName: "n"))
  var seed: UInt64?

  @Option(
    help: ArgumentHelp(
      "The plan in so many seconds: the same shape, for a quick look.", valueName: "s"))
  var seconds: Double?

  @Option(help: ArgumentHelp("The plan with at most so many users.", valueName: "n"))
  var users: Int?

  @Flag(help: "End as soon as a threshold is broken.")
  var abortOnFail = false

  func validate() throws {
    guard (1...64).contains(threads) else { throw ValidationError("`--threads` is 1 to 64.") }
    guard seconds.map({ $0 > 0 && $0 <= 604_800 }) ?? true else {
      throw ValidationError("`--seconds` is more than 0, and at most a week.")
    }
    guard users.map({ PlanBounds.users.contains($0) }) ?? true else {
      throw ValidationError("`--users` is 1 to \(PlanBounds.users.upperBound).")
    }
  }

  func run() async throws {
    var plan = try Plan.find(plan)
    if seconds != nil || users != nil {
      plan = plan.shortened(to: seconds ?? plan.seconds, users: users ?? plan.mostUsers)
    }
    let addresses = target.isEmpty ? [DeviceAddress(host: "127.0.0.1")] : target
    let folder = KeyFolder(keys ?? KeyFolder().path)
    let options = LoadOptions(
      targets: try addresses.map { try LoadTarget($0) },
      credentials: plain ? .none : .folder(folder),
      seed: seed ?? UInt64.random(in: 1...999_999_999), threads: threads,
      abortsOnFail: abortOnFail, version: "\(productVersion)")
    let results = try ResultFolder(
      out ?? ResultFolder.name(of: plan.name), startedUnixS: Date().timeIntervalSince1970)
    let view = LiveView(plan)
    view.begin(seed: options.seed, targets: addresses)
    let run = LoadRun(plan, options) { news in
      view.show(news)
      switch news {
      case .second(let second, _): results.note(second)
      case .standing(let result): results.keep(result)
      case .began, .ended: break
      }
    }
    view.whenLost { run.cancel(because: "nobody takes its output (\($0))") }
    let interruption = Interruption(of: run)
    defer { interruption.cancel() }
    try await conclude(run, view, results)
  }

  /// The report is told also where it cannot be written.
  private func conclude(
    _ run: LoadRun, _ view: LiveView, _ results: ResultFolder
  ) async throws {
    let result: RunResult
    do {
      result = try await run.run()
    } catch {
      results.discard()
      throw error
    }
    view.end()
    let unwritten: ResultError?
    do throws(ResultError) {
      try results.finish(result)
      unwritten = nil
    } catch { unwritten = error }
    print(TextReport(result).text)
    if let unwritten { throw unwritten }
    print("results: \(results.path)")
    throw Verdict(result, in: results.path)
  }
}

extension Plan {
  /// A built-in plan, or one from a file.
  static func find(_ word: String) throws(PlanError) -> Plan {
    if let plan = Plan.builtIn(named: word) { return plan }
    return try PlanReader.read(file: word)
  }
}
