import ArgumentParser
import ControlClient
import Foundation
import Wire

@main
struct Wpctl: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "wpctl",
    abstract: "Shows and controls Watchpost devices.",
    discussion: """
      Exit codes: 0 done, 1 the device refused, 2 usage, 3 no connection, 4 time-out, \
      5 the device is busy, 6 `status` found a device that has failed.

      The least role that each operation of the protocol needs; `wpctl pair` gets a key with one.

      \(RoleTable.text)
      """,
    version: "\(productVersion)",
    subcommands: [
      StatusCommand.self, TopCommand.self, CamerasCommand.self, CameraCommand.self,
      StreamsCommand.self,
      SnapshotCommand.self, StreamCommand.self, SourceCommand.self,
      RecordCommand.self, FilesCommand.self, StorageCommand.self, RetentionCommand.self,
      PublishCommand.self, MessagesCommand.self, EventsCommand.self, LogsCommand.self,
      MetricsCommand.self, AlertsCommand.self, ExporterCommand.self, SubscriptionsCommand.self,
      SupportCommand.self,
      PairCommand.self, PairingCommand.self, DevicesCommand.self, KeysCommand.self,
      AuditCommand.self, ConfigCommand.self,
      PingCommand.self, DiscoverCommand.self, IdentifyCommand.self, RebootCommand.self,
      ShutdownCommand.self,
    ])

  @OptionGroup var options: GlobalOptions

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
      Console.complain("\(error)")
      Foundation.exit(code.rawValue)
    }
    switch exitCode(for: error) {
    case .success: exit(withError: error)
    case let code where error is ExitCode: Foundation.exit(code.rawValue)
    default:
      Console.complain(fullMessage(for: error), prefix: "")
      Foundation.exit(Outcome.usage.rawValue)
    }
  }
}

/// The exit codes. Documented in the README; never changed.
enum Outcome: Int32 {
  case done = 0
  case refused = 1
  case usage = 2
  case noConnection = 3
  case timeout = 4
  case busy = 5
  case unhealthy = 6

  /// nil: no error of the exchange with a device.
  init?(_ error: any Error) {
    switch error {
    case let error as ControlError:
      switch error {
      case .unreachable, .closed, .ended: self = .noConnection
      case .connectTimeout, .timeout: self = .timeout
      case .busy, .overloaded, .handshakeRefused(_, .rateLimited),
        .handshakeRefused(_, .tooManyConnections):
        self = .busy
      case .refused, .protocolViolation, .malformedAnswer, .forbidden, .keyNeeded,
        .deviceKeyChanged, .handshakeRefused, .keys:
        self = .refused
      }
    case PairingError.paused: self = .busy
    case PairingError.unanswered: self = .timeout
    case is PairingError, is KeyFolderError: self = .refused
    case is Unwritable, is CannotListen, is DownloadError: self = .refused
    case is DiscoveryError: self = .noConnection
    case is NothingCame: self = .timeout
    default: return nil
    }
  }
}

/// Something that was waited for did not come.
struct NothingCame: Error, CustomStringConvertible {
  let description: String
}

struct GlobalOptions: ParsableArguments {
  @Option(
    name: .shortAndLong,
    help: ArgumentHelp(
      "The device: HOST, HOST:PORT or [IPv6]:PORT. Default: $WPCTL_DEVICE, else 127.0.0.1:4710.",
      valueName: "host:port"))
  var device: DeviceAddress?

  @Option(help: ArgumentHelp("Seconds that connecting and each answer may take.", valueName: "s"))
  var timeout = 5.0

  @Flag(help: "Print JSON; the schemas are part of the source.")
  var json = false

  @OptionGroup var keyOptions: KeyOptions

  func validate() throws {
    guard timeout > 0, timeout <= 3600 else {
      throw ValidationError("`--timeout` is 0.001 to 3600 seconds.")
    }
  }

  var duration: Duration { .milliseconds(Int64(timeout * 1000)) }

  /// The device that is meant.
  func address() throws -> DeviceAddress {
    if let device { return device }
    guard let text = ProcessInfo.processInfo.environment["WPCTL_DEVICE"], !text.isEmpty else {
      return DeviceAddress(host: "127.0.0.1")
    }
    guard let device = DeviceAddress(text) else {
      throw ValidationError("WPCTL_DEVICE is `\(text)`; write HOST or HOST:PORT.")
    }
    return device
  }

  /// Where this client's keys are.
  var folder: KeyFolder { keyOptions.folder }
  var credentials: Credentials { keyOptions.credentials }

  func connect() async throws -> ControlConnection {
    try await ControlConnection.open(address(), timeout: duration, as: credentials)
  }
}

extension DeviceAddress: ExpressibleByArgument {
  public init?(argument: String) { self.init(argument) }
}
