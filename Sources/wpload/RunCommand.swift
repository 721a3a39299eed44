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
    let view = LiveView(plan, isTerminal: isatty(STDOUT_FILENO) != 0)
    view.begin(seed: options.seed, targets: addresses)
    let run = LoadRun(plan, options) { news in
      view.show(news)
      if case .second(let second, _) = news { results.note(second) }
    }
    let interruption = interrupts(run)
    defer { interruption.cancel() }
    let result = try await run.run()
    view.end()
    try results.finish(result)
    print(TextReport(result).text)
    print("results: \(results.path)")
    throw ExitCode(Outcome(result).rawValue)
  }

  /// Ctrl-C ends the run; what was measured is kept. A second one ends at once.
  private func interrupts(_ run: LoadRun) -> any DispatchSourceSignal {
    signal(SIGINT, SIG_IGN)
    let source = DispatchSource.makeSignalSource(signal: SIGINT)
    source.setEventHandler {
      run.cancel()
      signal(SIGINT, SIG_DFL)
    }
    source.resume()
    return source
  }
}

extension Plan {
  /// A built-in plan, or one from a file.
  static func find(_ word: String) throws(PlanError) -> Plan {
    if let plan = Plan.builtIn(named: word) { return plan }
    return try PlanReader.read(file: word)
  }
}
