import ArgumentParser
import ControlClient
import Foundation
import Signals

struct ExporterCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "exporter", abstract: "Serves the metrics of any device to Prometheus.",
    discussion: """
      `GET /probe?target=HOST:PORT` asks that device then and there and answers in the Prometheus \
      text format; `watchpost_up` is 0 when it cannot be asked. `/metrics` tells of the exporter \
      itself. Whoever reaches it can make it connect to any address: listen where only your \
      Prometheus is. Ctrl-C and SIGTERM end it with 0.
      """)

  @Option(
    help: ArgumentHelp("Where to listen; `:PORT` is on all addresses.", valueName: "addr:port"))
  var listen = ListenAddress()

  @Option(
    help: ArgumentHelp(
      "Seconds that a probe may take where Prometheus does not say it.", valueName: "s"))
  var timeout = 5.0

  @OptionGroup var keyOptions: KeyOptions

  func validate() throws {
    guard timeout > 0, timeout <= 300 else {
      throw ValidationError("`--timeout` is 0.001 to 300 seconds.")
    }
  }

  func run() async throws {
    let exporter = try await Exporter.start(
      on: listen, limit: .milliseconds(Int64((timeout * 1000).rounded(.up))),
      as: keyOptions.credentials)
    let signals = Signals(SIGINT, SIGTERM)
    Console.line("Listening on http://\(exporter.address)/")
    await signals.first()
    await exporter.stop()
  }
}

/// Waits for signals that would end the program; a second one does.
private struct Signals {
  private let stream: AsyncStream<Void>
  private let heard: [HeardSignal]

  init(_ numbers: Int32...) {
    let (stream, continuation) = AsyncStream.makeStream(of: Void.self)
    self.stream = stream
    heard = numbers.map { number in
      HeardSignal(number) {
        signal(number, SIG_DFL)
        continuation.yield()
      }
    }
  }

  func first() async {
    for await _ in stream { break }
    withExtendedLifetime(heard) {}
  }
}

extension ListenAddress: ExpressibleByArgument {
  public init?(argument: String) { self.init(argument) }
}
