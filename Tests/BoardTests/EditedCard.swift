import EmulatedBoard
import Foundation
import Testing

/// A copy of the image's card that a person writes to with a computer.
struct EditedCard {
  let path: String
  /// Bytes before the boot partition, as `image/layout` lays it out.
  private let start: Int

  init(image: String) throws {
    let folder = FileManager.default.temporaryDirectory
    path = folder.appending(path: "card-\(UUID().uuidString).img").path
    try Self.run("cp", "--sparse=always", "\(image)/disk.img", path)
    let start = try Self.run("sfdisk", "--json", path).firstMatch(of: /"start":\s*(\d+)/)
    self.start = try #require(start.flatMap { Int($0.1) }) * 512
  }

  func remove() { try? FileManager.default.removeItem(atPath: path) }

  /// Writes a file into the root of the boot partition. The card must not be in a board that is on.
  func write(_ text: String, as name: String) throws {
    let file = FileManager.default.temporaryDirectory
      .appending(path: "text-\(UUID().uuidString)").path
    defer { try? FileManager.default.removeItem(atPath: file) }
    try text.write(toFile: file, atomically: true, encoding: .utf8)
    try Self.run("mcopy", "-o", "-i", "\(path)@@\(start)", file, "::\(name)")
  }

  /// What lies in the root of the boot partition.
  func names() throws -> [String] {
    try Self.run("mdir", "-b", "-i", "\(path)@@\(start)", "::").split(separator: "\n")
      .map { String($0.trimmingPrefix("::/")) }
  }

  @discardableResult
  private static func run(_ arguments: String...) throws -> String {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = arguments
    process.environment = ProcessInfo.processInfo.environment.merging(
      ["MTOOLS_SKIP_CHECK": "1", "PATH": "/usr/sbin:/sbin:/usr/bin:/bin"]) { $1 }
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let bytes = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw BoardError(
        "\(arguments.joined(separator: " ")) ended with \(process.terminationStatus)")
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}

extension Card {
  /// One with another configuration.
  static func editing(configuration: String, image: String) throws -> EditedCard {
    let card = try EditedCard(image: image)
    try card.write(configuration, as: "watchpost.conf")
    return card
  }
}
