import ControlClient
import EmulatedBoard
import Foundation
import Testing
import Wire

/// The one place through which tests connect to a board's control port.
///
/// Their key is the board's admin's: it was let in by the code on the serial console. A board that
/// takes what is asked of it in plain text gets it so, until it has been paired.
enum Reception {
  /// Where the keys for a board are; they go with its bench.
  static func keys(for board: EmulatedBoard) -> KeyFolder { KeyFolder(board.stateFolder + "/keys") }

  static func address(of board: EmulatedBoard) async throws -> DeviceAddress {
    let port = try #require(await board.hostPort(for: EmulatedBoard.controlPort))
    return DeviceAddress(host: "127.0.0.1", port: Int(port))
  }

  /// Connects as soon as the board takes connections: sealed if it is paired, else plain.
  static func connect(
    to board: EmulatedBoard, within limit: Duration = .seconds(30)
  ) async throws -> ControlConnection {
    let device = try await address(of: board)
    return try await insist(within: limit) {
      try await knock(at: device)
      return try await ControlConnection.open(
        device, timeout: .seconds(5), as: .folder(keys(for: board)))
    }
  }

  /// User networking accepts for a board that is not there yet, and asks the board again only after
  /// seconds: many short knocks find it sooner than one long one.
  private static func knock(at device: DeviceAddress) async throws {
    let knock = try await ControlConnection.open(device, timeout: .milliseconds(300))
    do { try await knock.ping() } catch {
      await knock.close()
      throw error
    }
    await knock.close()
  }

  /// Tries again while that may help.
  private static func insist<Result>(
    within limit: Duration, _ attempt: () async throws -> Result
  ) async throws -> Result {
    let deadline = ContinuousClock.now + limit
    while true {
      do { return try await attempt() } catch {
        guard ContinuousClock.now < deadline, isPassing(error) else { throw error }
        try await Task.sleep(for: .milliseconds(20))
      }
    }
  }

  /// What is over once the board has come up. Its keeper tells the keys after the port listens.
  private static func isPassing(_ error: any Error) -> Bool {
    switch error as? ControlError {
    case .handshakeRefused(_, .noKeys), .handshakeRefused(_, .rateLimited): true
    case .handshakeRefused, .deviceKeyChanged, .forbidden, .keys: false
    default: true
    }
  }

  /// Does what needs a role; where the board refuses it in plain text, once more as its admin.
  static func connect<Result>(
    to board: EmulatedBoard, within limit: Duration,
    doing body: (ControlConnection) async throws -> Result
  ) async throws -> Result {
    let connection = try await connect(to: board, within: limit)
    do {
      return try await body(connection)
    } catch {
      await connection.close()
      guard case .forbidden? = error as? ControlError, await !isPaired(board) else { throw error }
      try await pair(board)
    }
    let sealed = try await connect(to: board, within: limit)
    do { return try await body(sealed) } catch {
      await sealed.close()
      throw error
    }
  }

  static func isPaired(_ board: EmulatedBoard) async -> Bool {
    guard let device = try? await address(of: board) else { return false }
    return (try? KnownDevices(in: keys(for: board)).find(device)) != nil
  }

  /// Becomes a client of the board with the code that its console shows.
  /// - Parameter from: console entry from which on the code counts.
  @discardableResult
  static func pair(
    _ board: EmulatedBoard, named name: Name = Name("bench"), from: Int = 0
  ) async throws -> KnownDevice {
    let device = try await address(of: board)
    let code = try await board.pairingCode(from: from)
    // The console shows a code before the network is up.
    try await insist(within: .seconds(30)) { try await knock(at: device) }
    let introduction = Introduction(to: device, from: keys(for: board))
    let typed = try Array(code.utf8).withUnsafeBytes { try #require(PairingCode(typed: $0)) }
    return try await introduction.pair(try await introduction.ask(), named: name, code: typed)
  }

  /// The board has forgotten everybody: the client says that its key has changed, and pairs anew
  /// only when it is told to forget the board, too.
  static func pairAnew(_ board: EmulatedBoard, from lines: Int) async throws -> KnownDevice {
    do {
      await (try connect(to: board)).close()
      throw BoardError("the board still knows its admin")
    } catch ControlError.deviceKeyChanged {
      let device = try await address(of: board)
      #expect(try KnownDevices(in: keys(for: board)).forget(device))
    }
    return try await pair(board, from: lines)
  }

  /// A sealed connection of the board's admin.
  static func admin(
    at board: EmulatedBoard, within limit: Duration = .seconds(30)
  ) async throws -> ControlConnection {
    if await !isPaired(board) {
      await (try connect(to: board, within: limit)).close()
      try await pair(board)
    }
    return try await connect(to: board, within: limit)
  }
}
