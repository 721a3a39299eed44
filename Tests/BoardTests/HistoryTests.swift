import ControlClient
import EmulatedBoard
import Foundation
import Testing
import Wire

extension OnTheBoard {
  /// What the board remembers of its boots, and how it is found.
  @Suite(.serialized) struct HistoryTests {
    /// The health report once the card has been read.
    private func report(_ board: EmulatedBoard) async throws -> HealthReport {
      let technician = try await Technician.arrive(at: board)
      let report = try await technician.health("told of earlier boots") { $0.bootCount > 0 }
      print("measured | history known \(report.agentUptimeMs) ms after the agent's start")
      await technician.leave()
      return report
    }

    @Test(.timeLimit(.minutes(4)))
    func everyBootIsCountedOnceAndKnowsWhyItBegan() async throws {
      try await Bench.withBoard(.debugging) { board in
        var report = try await report(board)
        #expect(report.bootCount == 1 && report.resetReason.known == .powerOn)

        // A further life in the same boot. The shell shares the console with init's messages.
        try await board.waitForLine(containing: "data partition ended", from: 0)
        let life = board.console.count
        _ = try await board.shell("kill -9 \(board.agent())")
        try await board.waitForLine(containing: Bench.readyLine, from: life)
        report = try await self.report(board)
        #expect(report.bootCount == 1 && report.resetReason.known == .powerOn)
        #expect(report.agentStarts == 2)

        let reboot = board.console.count
        let technician = try await Technician.arrive(at: board)
        try await technician.connection.reboot()
        await technician.leave()
        try await board.waitForLine(containing: Bench.readyLine, from: reboot)
        report = try await self.report(board)
        #expect(report.bootCount == 2 && report.resetReason.known == .requested)
        #expect(report.agentStarts == 1 && report.recentWatchdogResets == 0)

        await board.powerCut()
        let cut = board.console.count
        try await board.powerOn()
        try await board.waitForLine(containing: Bench.readyLine, from: cut)
        report = try await self.report(board)
        #expect(report.bootCount == 3 && report.resetReason.known == .powerOn)
      }
    }

    /// User networking carries no multicast, but RFC 6762, section 5.5 has a neighbour answered who
    /// asks directly.
    @Test(.timeLimit(.minutes(3)))
    func aNeighbourFindsItByAskingDirectly() async throws {
      try await Bench.withBoard { board in
        let technician = try await Technician.arrive(at: board)
        let name = try await technician.connection.serverInfo().name.string
        await technician.leave()
        let server = DeviceAddress(host: "127.0.0.1", port: Int(await board.mdnsPort()))
        var found: [DiscoveredDevice] = []
        for _ in 0..<20 where found.isEmpty {
          found = try await Discovery.search(server: server, for: .seconds(1))
        }
        #expect(found.map(\.name) == [name] && found.map(\.port) == [4710])
        #expect(found.first?.addresses.contains("10.0.2.15") == true)
      }
    }
  }
}
