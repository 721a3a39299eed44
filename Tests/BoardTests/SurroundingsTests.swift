import ControlClient
import EmulatedBoard
import Foundation
import Testing
import Wire

extension OnTheBoard {
  /// Start, network, card and configuration: what the board stands in.
  @Suite(.serialized) struct SurroundingsTests {
    @Test(.timeLimit(.minutes(5)))
    func controlPortAnswersSoonAfterTheKernelStarts() async throws {
      var samples: [Double] = []
      for _ in 0..<5 {
        try await Bench.withBoard { board in
          let technician = try await Technician.arrive(at: board)
          // The agent's own report: kernel time at which it answered.
          samples.append(Double(try await technician.connection.health().uptimeMs))
          await technician.leave()
        }
      }
      expectMedian(samples, atMostMs: 8000, "kernel start to the control port answering")
    }

    @Test(.timeLimit(.minutes(3)))
    func shellIsOffUnlessAskedFor() async throws {
      try await Bench.withBoard { board in
        let technician = try await Technician.arrive(at: board)
        try await technician.health("past its start") { $0.state.known != .starting }
        await #expect(throws: BoardError.self) {
          try await board.shell("echo", within: .seconds(6))
        }
        #expect(!board.console.entries().contains { $0.value.contains("shell started") })
        await technician.leave()
      }
    }

    /// Ctrl-S at a terminal that somebody has left: what writes to the console goes on, be it the
    /// agent, init or a child, and nobody waits for room in its buffer.
    @Test(.timeLimit(.minutes(3)))
    func aConsoleThatIsHeldGoesOn() async throws {
      try await Bench.withBoard { board in
        var technician = try await Technician.arrive(at: board)
        let before = board.console.count
        try await board.type("\u{13}")
        try await board.setLink(up: false)
        try await Task.sleep(for: .seconds(3))
        try await board.setLink(up: true)
        try await board.waitForLine(
          containing: "udhcpc: lease of ", from: before, within: .seconds(30))
        await technician.leave()
        technician = try await Technician.arrive(at: board)
        #expect(try await technician.connection.health().bootCount == 1)
        await technician.leave()
      }
    }

    @Test(.timeLimit(.minutes(4)))
    func networkCutAndBackIsForgotten() async throws {
      try await Bench.withBoard { board in
        var samples: [Double] = []
        for _ in 0..<5 {
          let technician = try await Technician.arrive(at: board)
          try await board.setLink(up: false)
          try await Task.sleep(for: .seconds(3))
          try await board.setLink(up: true)
          let back = ContinuousClock.now
          let next = try await Technician.arrive(at: board)
          samples.append((ContinuousClock.now - back).milliseconds)
          await technician.leave()
          await next.leave()
        }
        expectMedian(samples, atMostMs: 2000, "network back to the control port answering")
      }
    }

    @Test(.timeLimit(.minutes(3)))
    func wrongConfigurationIsNamedWithLineAndColumn() async throws {
      let card = try Card.editing(
        configuration: "[control]\nslots = 1024\nslotz = 12\n", image: Bench.imageFolder)
      defer { card.remove() }
      try await Bench.withBoard(.normal.with(card: .file(card.path))) { board in
        let technician = try await Technician.arrive(at: board)
        let report = try await technician.health("told of the configuration") {
          $0.reasons.contains(.configurationInvalid)
        }
        #expect(report.configurationErrorLine == 3)
        #expect(report.configurationErrorColumn == 1)
        let info = try await technician.connection.serverInfo()
        #expect(info.configurationError.string.contains("control.slots"))
        await technician.leave()
      }
    }

    @Test(.timeLimit(.minutes(4)))
    func missingCardLeavesControlPortAndLEDs() async throws {
      try await Bench.withBoard(.normal.with(card: .none)) { board in
        let technician = try await Technician.arrive(at: board)
        try await technician.health("told of the missing card") {
          $0.reasons.contains(.dataMissing)
        }
        #expect(try await technician.connection.ping() < .seconds(1))
        _ = try await board.pins.first("edge of an LED", from: board.pins.count) { _ in true }
        await technician.leave()
      }
    }

    /// A card that stops answering, from the start and in the middle of the work.
    @Test(.timeLimit(.minutes(5)))
    func hangingCardLeavesControlPortAndLEDs() async throws {
      try await Bench.withBoard(.cardHangs(afterBytes: 0)) { board in
        let technician = try await Technician.arrive(at: board)
        #expect(try await technician.connection.ping() < .seconds(1))
        _ = try await board.pins.first("edge of an LED", from: board.pins.count) { _ in true }
        await technician.leave()
      }
      try await Bench.withBoard { board in
        let technician = try await Technician.arrive(at: board)
        try await technician.health("past its start") { $0.dataTotalBytes > 0 }
        try await board.setCardHanging(true)
        for _ in 0..<20 {
          #expect(try await technician.connection.ping() < .seconds(1))
          try await Task.sleep(for: .milliseconds(500))
        }
        await technician.leave()
      }
    }
  }
}
