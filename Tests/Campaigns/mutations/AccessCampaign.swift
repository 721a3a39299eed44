import Foundation

/// `Tests/campaign access` calls this after it has built it with AddressSanitizer.
@main struct AccessCampaign {
  private static let usage = """
    access-campaign --results FILE [--seed 1] [--cases 1000000] [--processes N] [--canary NAME]
    access-campaign --stretch N [--seed 1] [--cases 10000] [--canary NAME]
    Mutated handshakes and frames against the real event loop. A line of FILE for each 10,000 cases;
    lines that are there already are not run again. Exit status 1: something was found.
    Canaries: \(Canary.allCases.map(\.rawValue).joined(separator: ", ")).
    """

  static func main() {
    do {
      let options = try Options(Array(CommandLine.arguments.dropFirst()))
      guard Fences.areThere else {
        throw Options.Wrong(description: "built without --sanitize=address")
      }
      let isGood =
        options.stretch == nil ? try Stretches(options).run() : try runStretch(options)
      exit(isGood ? 0 : 1)
    } catch {
      FileHandle.standardError.write(Data("access-campaign: \(error)\n\(usage)\n".utf8))
      exit(2)
    }
  }

  /// One stretch in this process: a line of results on the standard output, what was found on the
  /// standard error.
  private static func runStretch(_ options: Options) throws -> Bool {
    let begin = Date()
    let stretch = Stretch(
      seed: options.seed, number: options.stretch ?? 0, canary: options.canary,
      most: min(options.cases, Stretch.cases))
    let result = try stretch.run()
    for problem in result.problems {
      FileHandle.standardError.write(Data((problem + "\n").utf8))
    }
    let run = result.counts.reduce(0, +)
    let kinds = zip(Stretch.kinds, result.counts).map { "\($0.name)=\($1)" }
    let fields = [
      "\(stretch.number)", "\(run)", String(format: "%.1f", Date().timeIntervalSince(begin)),
      "\(result.failed)", result.failed == 0 ? "ok" : result.problems[0],
      kinds.joined(separator: ","),
    ]
    print(fields.joined(separator: "\t"))
    return result.failed == 0
  }
}

/// What was asked for.
struct Options {
  var seed: UInt64 = 1
  var results: String?
  var cases = 1_000_000
  var processes = ProcessInfo.processInfo.activeProcessorCount
  var canary: Canary?
  var stretch: Int?

  struct Wrong: Error, CustomStringConvertible {
    let description: String
  }

  init(_ arguments: [String]) throws {
    var rest = arguments[...]
    while let name = rest.popFirst() {
      guard let value = rest.popFirst() else { throw Wrong(description: "\(name) lacks a value") }
      switch name {
      case "--results": results = value
      case "--canary": canary = try Options.read(name, value) { Canary(rawValue: $0) }
      case "--seed": seed = try Options.read(name, value) { UInt64($0) }
      case "--cases": cases = try Options.read(name, value) { Int($0) }
      case "--processes": processes = try Options.read(name, value) { Int($0) }
      case "--stretch": stretch = try Options.read(name, value) { Int($0) }
      default: throw Wrong(description: "unknown argument \(name)")
      }
    }
    guard cases > 0, processes > 0, stretch ?? 0 >= 0 else {
      throw Wrong(description: "a number that is too small")
    }
    guard (results == nil) != (stretch == nil) else {
      throw Wrong(description: "either --results or --stretch")
    }
  }

  private static func read<Value>(
    _ name: String, _ text: String, _ parse: (String) -> Value?
  ) throws -> Value {
    guard let value = parse(text) else { throw Wrong(description: "\(name) \(text)") }
    return value
  }
}
