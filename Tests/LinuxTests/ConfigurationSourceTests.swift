import Appliance
import Foundation
import Testing
import Wire

@testable import Linux

/// The layers: compiled in, board, card, last good.
@Suite struct ConfigurationSourceTests {
  private let folder: URL

  init() throws {
    folder = FileManager.default.temporaryDirectory.appending(path: "wp-\(UUID().uuidString)")
    try FileManager.default.createDirectory(
      at: folder.appending(path: "data/state"), withIntermediateDirectories: true)
  }

  private func load(board: String?, user: String?, lastGood: String? = nil) throws
    -> ConfigurationSource
  {
    defer { try? FileManager.default.removeItem(at: folder) }
    let data = "[data]\ndirectory = \(folder.path)/data\n"
    if let board { try write(data + board, "board.conf") }
    if let user { try write(user, "user.conf") }
    if let lastGood { try write(lastGood, "data/state/last-good.conf") }
    return ConfigurationSource.load(board: path("board.conf"), user: path("user.conf"))
  }

  private func write(_ text: String, _ name: String) throws {
    try Data(text.utf8).write(to: folder.appending(path: name))
  }

  private func path(_ name: String) -> Text<128> {
    Array((folder.path + "/" + name).utf8).withUnsafeBytes { Text($0) }
  }

  @Test func theUsersFileLiesOnTopOfTheBoards() throws {
    let source = try load(
      board: "[control]\nslots = 5\n[watchdog]\ntimeout_s = 3\n", user: "control.slots = 6\n")
    #expect(source.origin == .user)
    #expect(source.configuration.control.slots == 6)
    #expect(source.configuration.watchdog.timeoutS == 3)
    #expect(source.error.line == 0)
  }

  @Test func aWrongFileGivesWayToTheLastGoodOne() throws {
    let source = try load(
      board: "watchdog.timeout_s = 3\n".replacing("watchdog.", with: "[watchdog]\n"),
      user: "# x\nnonsense\n", lastGood: "control.slots = 9\n")
    #expect(source.origin == .lastGood)
    #expect(source.configuration.control.slots == 9)
    #expect(source.configuration.watchdog.timeoutS == 3)
    #expect(source.error.line == 2 && source.error.column == 1)
  }

  @Test func aWrongFileAloneLeavesTheBoards() throws {
    let source = try load(board: "[control]\nslots = 5\n", user: "nonsense\n", lastGood: "no\n")
    #expect(source.origin == .board)
    #expect(source.configuration.control.slots == 5)
    #expect(source.error.line == 1)
  }

  @Test func aMissingFileIsNoErrorOfItsText() throws {
    let source = try load(board: nil, user: nil)
    #expect(source.origin == .board)
    #expect(source.unreadable == 2)
    #expect(source.error.line == 0)
    #expect(source.configuration == Configuration())
  }

  @Test func aHugeFileIsWrong() throws {
    let source = try load(board: nil, user: String(repeating: "\n", count: 70_000))
    #expect(source.error.line == 1)
  }

  @Test func aFolderInItsPlaceIsMissing() throws {
    defer { try? FileManager.default.removeItem(at: folder) }
    let source = ConfigurationSource.load(board: .empty, user: path("data"))
    #expect(source.unreadable != 0)
  }

  @Test func theBoardsOwnFilesAreRight() throws {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let boards = try FileManager.default.contentsOfDirectory(atPath: root.path + "/board")
      .map { root.path + "/board/" + $0 + "/watchpost.conf" }
      .filter { FileManager.default.fileExists(atPath: $0) }
    #expect(boards.count >= 2)
    for board in boards {
      let source = Array(board.utf8).withUnsafeBytes {
        ConfigurationSource.load(board: .empty, user: Text($0))
      }
      #expect(source.origin == .user, "\(board):\(source.error.line):\(source.error.column)")
    }
  }
}
