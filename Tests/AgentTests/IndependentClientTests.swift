import Foundation
import Testing

/// A client that others' cryptography and the specification have made talks to the agent.
@Suite struct IndependentClientTests {
  private static let python = URL(filePath: "/usr/bin/python3")

  /// Debian's Python has dissononce where `board/setup` has run.
  private static let isThere: Bool = {
    let process = Process()
    process.executableURL = python
    process.arguments = ["-c", "import dissononce"]
    process.standardError = FileHandle.nullDevice
    try? process.run()
    process.waitUntilExit()
    return process.terminationStatus == 0
  }()

  /// `Tests/run` has run `board/setup` before: there it must not be left out.
  private static let isRequired =
    ProcessInfo.processInfo.environment["WATCHPOST_TESTS"] == "complete"
  private static let why: Comment = "python3-dissononce is missing: run board/setup first"

  @Test(.enabled(if: isThere || isRequired, why), .timeLimit(.minutes(2)))
  func pairsAndIsKnown() throws {
    try #require(Self.isThere, Self.why)
    let agent = try AgentProcess()
    _ = try agent.identity(.code)
    let script = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appending(path: "Fixtures/noise/client.py")
    let process = Process()
    process.executableURL = Self.python
    process.arguments = [script.path, "127.0.0.1", "\(agent.port)", try agent.code(), "python"]
    let output = Pipe()
    process.standardOutput = output
    process.standardError = output
    try process.run()
    let text = String(
      decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    #expect(process.terminationStatus == 0, Comment(rawValue: text))
    #expect(
      text == """
        identity: pairing is open with a code
        paired: admin
        known: pings, health and the list of keys
        replayed: authentication, and the end
        unknown key: authentication

        """)
  }
}
