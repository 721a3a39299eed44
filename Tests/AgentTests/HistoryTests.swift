import Foundation
import Glibc
import Testing
import Wire

/// What lives of the agent leave on the data partition, read back by the next.
@Suite(.serialized) struct HistoryTests {
  /// The health report once the storage worker has told the history.
  private func health(of agent: AgentProcess) throws -> HealthReport {
    for _ in 0..<200 {
      let connection = try Connection(agent)
      let report = try connection.health()
      if report.bootCount > 0 { return report }
      usleep(10_000)
    }
    throw TestError("no history within two seconds")
  }

  private func recordFile(_ folder: URL) -> URL { folder.appending(path: "data/state/boots") }

  /// Makes the record that of another boot, as if the machine had been started again.
  private func reboot(_ folder: URL) throws {
    var bytes = [UInt8](try Data(contentsOf: recordFile(folder)))
    bytes[8] ^= 0xFF
    let sum = bytes[8...].withUnsafeBytes { CRC32C.of($0) }
    for index in 0..<4 { bytes[4 + index] = UInt8(truncatingIfNeeded: sum >> UInt32(8 * index)) }
    try Data(bytes).write(to: recordFile(folder))
  }

  @Test func everyBootIsCountedOnceAndKnowsHowTheOneBeforeEnded() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "watchpost-\(UUID())")
    defer { try? FileManager.default.removeItem(at: folder) }
    func life() throws -> AgentProcess { try AgentProcess(in: folder) }

    var agent = try life()
    var report = try health(of: agent)
    #expect(report.bootCount == 1 && report.resetReason == .powerOn && report.agentStarts == 1)
    #expect(agent.stop() == 0)

    // Again in the same boot.
    agent = try life()
    report = try health(of: agent)
    #expect(report.bootCount == 1 && report.resetReason == .powerOn)

    // Asked to end, and then the machine starts again.
    #expect(agent.stop() == 0)
    try reboot(folder)
    agent = try life()
    report = try health(of: agent)
    #expect(report.bootCount == 2 && report.resetReason == .requested)

    // Killed with everything it started, as by a power cut.
    agent.kill()
    try reboot(folder)
    agent = try life()
    report = try health(of: agent)
    #expect(report.bootCount == 3 && report.resetReason == .powerOn)

    // A damaged record tells nothing.
    agent.kill()
    try Data("nonsense".utf8).write(to: recordFile(folder))
    agent = try life()
    report = try health(of: agent)
    #expect(report.bootCount == 1 && report.resetReason == .unknown)
  }

  /// Who ends everything at once must not keep the agent's last words from the card.
  @Test func theWorkerOutlivesASignalToAll() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "watchpost-\(UUID())")
    defer { try? FileManager.default.removeItem(at: folder) }
    var agent = try AgentProcess(in: folder)
    _ = try health(of: agent)
    for child in try agent.children() { Glibc.kill(child, SIGTERM) }
    #expect(agent.stop() == 0)
    try reboot(folder)
    agent = try AgentProcess(in: folder)
    #expect(try health(of: agent).resetReason == .requested)
  }
}
