import ArgumentParser
import ControlClient
import Foundation
import LoadPlan
import LoadReport
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
    if let code = Outcome(error) {
      FileHandle.standardError.write(Data("wpload: \(error)\n".utf8))
      Foundation.exit(code.rawValue)
    }
    switch exitCode(for: error) {
    case .success: exit(withError: error)
    case let code where error is ExitCode: Foundation.exit(code.rawValue)
    default:
      FileHandle.standardError.write(Data("\(fullMessage(for: error))\n".utf8))
      Foundation.exit(Outcome.usage.rawValue)
    }
  }
}

/// The exit codes. Documented in the README; never changed.
enum Outcome: Int32 {
  case done = 0
  case failed = 1
  case usage = 2
  case noConnection = 3
  case invalid = 98
  case broken = 99

  /// nil: no error of a test.
  init?(_ error: any Error) {
    switch error {
    case let error as LoadTestError:
      switch error {
      case .unreachable: self = .noConnection
      case .noKeys, .refused, .tooSmall: self = .failed
      }
    case is PlanError: self = .usage
    case is ResultError: self = .failed
    default: return nil
    }
  }

  init(_ result: RunResult) {
    if result.ended != nil, result.thresholds.allSatisfy(\.holds) {
      self = .failed
    } else if !result.thresholds.allSatisfy(\.holds) {
      self = .broken
    } else {
      self = result.tester.invalidBecause.isEmpty ? .done : .invalid
    }
  }
}

extension DeviceAddress: ExpressibleByArgument {
  public init?(argument: String) { self.init(argument) }
}
