import ArgumentParser
import ControlClient
import Foundation
import LoadGenerator
import LoadTest
import Wire

@main
struct Wpload: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "wpload",
    abstract: "Puts load on Watchpost devices and says what they bear.",
    discussion: """
      Exit codes: 0 all thresholds hold, 1 something went wrong, 2 usage or a wrong plan, \
      3 no connection, 98 the tester was the limit, so the run says nothing, 99 a threshold broke.
      """,
    version: "\(productVersion)",
    subcommands: [
      RunCommand.self, PlansCommand.self, ReportCommand.self, CompareCommand.self,
      OracleCommand.self,
    ])

  static func main() async {
    do {
      var command = try parseAsRoot()
      if var asynchronous = command as? any AsyncParsableCommand {
        try await asynchronous.run()
      } else {
        try command.run()
      }
    } catch {
      end(with: error)
    }
  }

  /// Prints one sentence and ends with the code that scripts rely on.
  private static func end(with error: any Error) -> Never {
    if let outcome = Outcome(error) {
      if outcome != .done {
        let sentence = (error as? LoadError).map(Wpload.sentence) ?? "\(error)"
        try? FileHandle.standardError.write(contentsOf: Data("wpload: \(sentence)\n".utf8))
      }
      Foundation.exit(outcome.rawValue)
    }
    switch exitCode(for: error) {
    case .success: exit(withError: error)
    case let code where error is ExitCode: Foundation.exit(code.rawValue)
    default:
      try? FileHandle.standardError.write(contentsOf: Data("\(fullMessage(for: error))\n".utf8))
      Foundation.exit(Outcome.usage.rawValue)
    }
  }

  /// Of an oracle that cannot be.
  private static func sentence(_ error: LoadError) -> String {
    "The oracle cannot listen or be asked (\(error.phrase)); name another address with "
      + "`--listen`, or free this machine."
  }
}

extension DeviceAddress: ExpressibleByArgument {
  public init?(argument: String) { self.init(argument) }
}
