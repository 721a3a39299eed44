import Foundation
import Testing
import Wire

@testable import Linux

/// The tables of the README are those of the code.
@Suite struct ReadmeTests {
  private static let root = URL(filePath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  private static func lines(of path: String) throws -> [String] {
    try String(contentsOf: root.appending(path: path), encoding: .utf8)
      .split(separator: "\n").map(String.init)
  }

  /// After a change of a key: `watchpost check-config --keys` prints the table.
  @Test func keyTableIsTheParsers() throws {
    var table: [String] = []
    ConfigurationTable.write { line in
      table.append(line.withBytes { String(decoding: $0, as: UTF8.self) })
    }
    #expect(table.count == Int(ConfigurationKey.count) + 2)
    let readme = try Self.lines(of: "README.md")
    let start = try #require(readme.firstIndex(of: table[0]))
    #expect(Array(readme[start..<min(start + table.count, readme.count)]) == table)
  }

  /// The doc comment of `LEDCode` is compared with its data by `ApplianceTests`.
  @Test func ledTableIsTheCodes() throws {
    let table = try Self.lines(of: "Sources/Appliance/LEDCode.swift")
      .filter { $0.hasPrefix("/// |") }.map { String($0.dropFirst(4)) }
    #expect(table.count > 15)
    let readme = try Self.lines(of: "README.md")
    let start = try #require(readme.firstIndex(of: table[0]))
    #expect(Array(readme[start..<min(start + table.count, readme.count)]) == table)
  }
}
