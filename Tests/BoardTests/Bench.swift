import EmulatedBoard
import Foundation
import Testing

/// The bench of the board's tests: boards from the built image, never two at once, since each takes
/// a processor of its own.
enum Bench {
  /// Folder of the image under test; another one by `WATCHPOST_IMAGE`.
  static var imageFolder: String {
    ProcessInfo.processInfo.environment["WATCHPOST_IMAGE"]
      ?? URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent(".build/image/qemu-arm64").path
  }

  /// Whether there is an image; without one, tests on the board are skipped, and the summary says
  /// so.
  static var hasImage: Bool {
    FileManager.default.fileExists(atPath: imageFolder + "/kernel")
  }

  /// Powers a board on, waits until it is ready, hands it to a test and puts it away, whatever the
  /// test did.
  static func withBoard<Result>(
    _ configuration: BoardConfiguration = .normal,
    _ body: (EmulatedBoard) async throws -> Result
  ) async throws -> Result {
    let board = try EmulatedBoard(
      image: BoardImage(folder: imageFolder), configuration: configuration)
    do {
      try await board.powerOn()
      try await board.waitForLine(containing: readyLine)
      let result = try await body(board)
      await board.dismantle()
      return result
    } catch {
      await printLastWords(of: board, configuration)
      await board.dismantle()
      throw error
    }
  }

  /// What a board has to say of an error that ends its test.
  private static func printLastWords(
    of board: EmulatedBoard, _ configuration: BoardConfiguration
  ) async {
    for line in board.console.entries(from: max(0, board.console.count - 60)) {
      print("board | \(line.value)")
    }
    let processes = "busybox ps w; cat /proc/[0-9]*/status | grep -B 2 '^State:.*(disk sleep)'"
    guard configuration.debugShell,
      let answer = try? await board.shell(processes + "; dmesg | tail -n 30")
    else { return }
    print("board | now:\n\(answer.output)")
  }

  /// What the board says when its control port listens.
  static let readyLine = "watchpost: control port"
}

extension BoardConfiguration {
  /// A board as it is used.
  static let normal = BoardConfiguration()

  /// A board with a shell on its serial console.
  static var debugging: BoardConfiguration {
    var configuration = BoardConfiguration()
    configuration.debugShell = true
    return configuration
  }

  static func cardHangs(afterBytes bytes: Int64) -> BoardConfiguration {
    var configuration = BoardConfiguration()
    configuration.cardHangsAfter = bytes
    return configuration
  }

  func with(card: Card) -> BoardConfiguration {
    var configuration = self
    configuration.card = card
    return configuration
  }
}

/// All tests on the emulated board, one after the other.
@Suite(.serialized, .enabled(if: Bench.hasImage, "no image: run image/build first"))
enum OnTheBoard {}
