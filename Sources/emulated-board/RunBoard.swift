import ArgumentParser
import EmulatedBoard
import Foundation
import Signals

/// `emulated-board`: what `image/run` starts – the emulated board with a camera, until Ctrl-C.
@main
struct RunBoard: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "emulated-board",
    abstract: "Boots an image on the emulated board, with a USB camera, until Ctrl-C.")

  @Option(help: ArgumentHelp("Folder with the image's files.", valueName: "dir"))
  var image = ".build/image/qemu-arm64"

  @Option(
    help: ArgumentHelp(
      "Folder for the sockets qmp, qtest, serial, usb0, usb1 and ports.json; default: a temporary "
        + "one.", valueName: "dir"))
  var state: String?

  @Flag(help: "Plug in no camera.")
  var noCamera = false

  @Option(
    help: ArgumentHelp(
      "Card to use and to write to; default: a copy of the image's that goes at the end.",
      valueName: "file"))
  var disk: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Added to the kernel command line.", valueName: "args"))
  var append = ""

  @Option(help: "Port of 127.0.0.1 for the control protocol.")
  var controlPort: UInt16 = EmulatedBoard.controlPort

  @Option(help: "Port of 127.0.0.1 for RTSP.")
  var rtspPort: UInt16 = EmulatedBoard.rtspPort

  @Option(
    help: ArgumentHelp("Pair this wpctl with the board, by its serial console.", valueName: "file"))
  var pair: String?

  @Option(help: ArgumentHelp("Where that wpctl keeps its keys.", valueName: "dir"))
  var keys = ".build/image/keys"

  @Option(help: "Seconds to wait for the board to be ready.")
  var timeout = 60

  func run() async throws {
    let interrupted = Interrupts()
    var configuration = BoardConfiguration()
    configuration.append = append
    configuration.stateFolder = state
    (configuration.controlPort, configuration.rtspPort) = (controlPort, rtspPort)
    if let disk { configuration.card = .file(disk) }
    // Whoever watches the board from outside gets the qtest socket.
    configuration.watchesPins = false
    let board = try EmulatedBoard(
      image: BoardImage(folder: image), configuration: configuration)
    let console = Task { await printConsole(of: board) }
    let life = Task { try await boot(board) }
    let end = Task {
      await interrupted.wait()
      life.cancel()
    }
    defer {
      console.cancel()
      end.cancel()
    }
    do {
      try await life.value
    } catch is CancellationError {
      say("switching off")
    } catch {
      await board.dismantle()
      throw error
    }
    await board.dismantle()
  }

  /// Boots, reports, and returns when the board has switched itself off.
  private func boot(_ board: EmulatedBoard) async throws {
    try await board.powerOn()
    if !noCamera { try await board.plug() }
    let ready = try await waitUntilReady(board)
    guard let poweredOn = await board.poweredOn else { return }
    let seconds = poweredOn.duration(to: ready) / .seconds(1)
    say(String(format: "from kernel start to the control port: %.2f s", seconds))
    if let pair {
      let port = await board.hostPort(for: EmulatedBoard.controlPort) ?? 0
      let isPaired = try await Pairing(program: pair, keys: keys).pair(board, port: port)
      say(isPaired ? "wpctl is paired" : "the board shows no code: it has an admin already")
    }
    await announce(board)
    let status = try await board.waitForPowerOff(within: .seconds(365 * 86400))
    say("the board has switched itself off (\(status))")
  }

  /// Waits until the control port has answered a ping, and says when that was.
  private func waitUntilReady(_ board: EmulatedBoard) async throws -> ContinuousClock.Instant {
    let deadline = ContinuousClock.now + .seconds(timeout)
    // No ping before the board has announced the port: user networking would accept connections
    // for it all the same, and hand them all over once somebody listens.
    _ = try await board.console.first(
      "announcement of the control port", within: .seconds(timeout)
    ) { $0.contains("watchpost: control port") }
    let port = await board.hostPort(for: EmulatedBoard.controlPort) ?? 0
    while ContinuousClock.now < deadline {
      if Ping.isAnswered(by: port, within: .milliseconds(300)) { return .now }
      try await Task.sleep(for: .milliseconds(20))
    }
    throw BoardError("The control port was announced but does not answer: see the console above.")
  }

  private func announce(_ board: EmulatedBoard) async {
    let control = await board.hostPort(for: EmulatedBoard.controlPort) ?? 0
    let rtsp = await board.hostPort(for: EmulatedBoard.rtspPort) ?? 0
    let device = control == EmulatedBoard.controlPort ? "" : " --device 127.0.0.1:\(control)"
    say(
      """
      READY
      Control port 127.0.0.1:\(control), RTSP port 127.0.0.1:\(rtsp), sockets in \
      \(board.stateFolder)
      Try:
      \(pair == nil ? "" : "  export WATCHPOST_KEYS=\(keys)\n")\
        swift run wpctl\(device) status
        swift run wpctl\(device) cameras
        swift run wpctl\(device) events --follow
        swift run usbcam --socket \(board.stateFolder)/usb1 --serial SECOND
      Ctrl-C switches the board off.
      """)
  }

  private func printConsole(of board: EmulatedBoard) async {
    var next = 0
    while !Task.isCancelled {
      let entry = try? await board.console.first(
        "console line", from: next, within: .seconds(86400)
      ) { _ in true }
      guard let entry else { return }
      next = entry.index + 1
      say("board| \(entry.value)")
    }
  }

  private func say(_ text: String) {
    print(text)
    fflush(nil)
  }
}

/// SIGINT and SIGTERM as something that a task can wait for.
final class Interrupts: Sendable {
  private let arrivals: AsyncStream<Int32>
  private let heard: [HeardSignal]

  init() {
    let (stream, continuation) = AsyncStream.makeStream(of: Int32.self)
    arrivals = stream
    heard = [SIGINT, SIGTERM, SIGHUP].map { number in
      HeardSignal(number) { continuation.yield(number) }
    }
  }

  func wait() async {
    for await _ in arrivals { return }
  }
}
