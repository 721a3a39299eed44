import ControlClient
import EmulatedBoard
import Foundation
import Testing
import Wire

extension OnTheBoard {
  /// What happens when the agent itself dies or hangs.
  @Suite(.serialized) struct AgentTests {
    @Test(.timeLimit(.minutes(5)))
    func killedIsRestartedWithoutASecondMediaServer() async throws {
      try await Bench.withBoard(.debugging) { board in
        var samples: [Double] = []
        for round in 1...5 {
          let technician = try await Technician.arrive(at: board)
          try await technician.mediaServerUp()
          await technician.leave()
          let from = board.console.count
          // The shell's clock and init's lines on the console both count from the kernel's start.
          let result = try await board.shell(
            "cat /proc/uptime; kill -9 \(board.agent())")
          let killed = try #require(
            result.output.split(whereSeparator: \.isWhitespace).first.flatMap { Double($0) })
          let line = try await board.waitForLine(containing: "agent started", from: from)
          let started = try #require(
            line.value.split(separator: " ").compactMap { Double($0) }.first)
          samples.append((started - killed) * 1000)
          let next = try await Technician.arrive(at: board)
          let up = try await next.mediaServerUp()
          #expect(try await board.processes("/bin/mediamtx") == [Int(up.pid)])
          #expect(try await next.connection.health().agentStarts >= UInt32(round) + 1)
          await next.leave()
        }
        expectMedian(samples, atMostMs: 500, "agent killed to its next life")
      }
    }

    /// An agent that hangs resets the board, health names the reason afterwards, and after the
    /// third time in a row the board comes up in safe mode: control port and LEDs only.
    @Test(.timeLimit(.minutes(10)))
    func hangingAgentResetsTheBoardAndThriceMeansSafeMode() async throws {
      try await Bench.withBoard(.debugging) { board in
        for reset in 1...3 { try await hangAgent(on: board, resetsInARow: UInt32(reset)) }
        let technician = try await Technician.arrive(at: board)
        let report = try await technician.health("in safe mode") { $0.safeMode }
        #expect(report.reasons.contains(.safeMode))
        #expect(report.state.known == .failed)
        #expect(try await board.processes("/bin/mediamtx") == [])
        try await see(.safeMode, on: board)
        await technician.leave()
      }
    }

    /// Stops the agent, waits for the watchdog's bite and looks at what the next life tells.
    private func hangAgent(on board: EmulatedBoard, resetsInARow: UInt32) async throws {
      let technician = try await Technician.arrive(at: board)
      // The data partition is what counts the resets in a row.
      let before = try await technician.health("past its start") {
        $0.state.known != .starting && $0.dataTotalBytes > 0
      }
      #expect(!before.safeMode)
      await technician.leave()
      let events = board.machineEvents.count
      let lines = board.console.count
      _ = try await board.shell("kill -STOP \(board.agent())")
      _ = try await board.machineEvents.first(
        "watchdog's bite", from: events, within: .seconds(60)
      ) { $0.name == "WATCHDOG" }
      _ = try await board.machineEvents.first("reset", from: events, within: .seconds(60)) {
        $0.name == "RESET"
      }
      try await board.waitForLine(containing: Bench.readyLine, from: lines)
      let after = try await Technician.arrive(at: board)
      let report = try await after.health("told of the reset") {
        $0.resetReason.known == .watchdog && $0.recentWatchdogResets == resetsInARow
      }
      print("measured | after \(resetsInARow) watchdog resets: safe mode \(report.safeMode)")
      await after.leave()
    }

    @Test(.timeLimit(.minutes(3)))
    func rebootAndPowerOffHappenInOrder() async throws {
      try await Bench.withBoard { board in
        let technician = try await Technician.arrive(at: board)
        // Only a card that can be written to keeps what is said of the end.
        try await technician.health("told of earlier boots") { $0.bootCount > 0 }
        let lines = board.console.count
        let events = board.machineEvents.count
        try await technician.connection.reboot()
        _ = try await technician.events.first(.systemStopping)
        _ = try await board.machineEvents.first("reset", from: events) { $0.name == "RESET" }
        await technician.leave()
        try await board.waitForLine(containing: Bench.readyLine, from: lines)
        let again = try await Technician.arrive(at: board)
        let report = try await again.health("told why it started") {
          $0.resetReason.known == .requested
        }
        #expect(report.recentWatchdogResets == 0)
        try await again.connection.shutdown()
        _ = try await board.waitForPowerOff()
        await again.leave()
      }
    }
  }
}
