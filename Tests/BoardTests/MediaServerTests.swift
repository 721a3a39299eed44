import ControlClient
import EmulatedBoard
import Foundation
import Testing
import Wire

extension OnTheBoard {
  /// MediaMTX (its stand-in) under the agent's supervision.
  @Suite(.serialized) struct MediaServerTests {
    /// Killed five times: a new process at once, and its API answers again.
    @Test(.timeLimit(.minutes(5)))
    func killedIsReplacedAtOnce() async throws {
      try await Bench.withBoard(.debugging) { board in
        let technician = try await Technician.arrive(at: board)
        var respawned: [Double] = []
        var answering: [Double] = []
        for _ in 0..<5 {
          let up = try await technician.mediaServerUp()
          // A life of a second after it answered is a good one: the next restart is immediate.
          try await Task.sleep(for: .seconds(2))
          let from = await technician.events.count
          _ = try await board.shell("kill -9 \(up.pid)")
          let exited = try await technician.events.first(.mediaServerExited, from: from)
          let started = try await technician.events.first(.mediaServerStarted, from: from)
          let ready = try await technician.events.first(.mediaServerReady, from: from)
          respawned.append(Double(started.uptimeMs - exited.uptimeMs))
          answering.append(Double(ready.uptimeMs - exited.uptimeMs))
          #expect(started.value != up.pid)
        }
        expectMedian(respawned, atMostMs: 200, "MediaMTX killed to its new process")
        let list = answering.map { String(format: "%.0f", $0) }.joined(separator: ", ")
        print("measured | MediaMTX killed to its API answering again: [\(list)] ms")
        let end = try await technician.mediaServerUp()
        #expect(end.restarts == 5)
        #expect(try await board.processes("/bin/mediamtx").count == 1)
        await technician.leave()
      }
    }

    /// A stopped server accepts connections and never answers.
    @Test(.timeLimit(.minutes(4)))
    func stoppedIsNoticedAndReplaced() async throws {
      try await Bench.withBoard(.debugging) { board in
        let technician = try await Technician.arrive(at: board)
        var replaced: [Double] = []
        for _ in 0..<3 {
          let up = try await technician.mediaServerUp()
          try await Task.sleep(for: .seconds(2))
          let from = await technician.events.count
          let stopped = ContinuousClock.now
          _ = try await board.shell("kill -STOP \(up.pid)")
          _ = try await technician.events.first(.mediaServerUnresponsive, from: from)
          _ = try await technician.events.first(.mediaServerExited, from: from)
          _ = try await technician.events.first(.mediaServerReady, from: from)
          replaced.append((ContinuousClock.now - stopped).milliseconds)
        }
        expectMedian(replaced, atMostMs: 10_000, "MediaMTX stopped to its successor answering")
        await technician.leave()
      }
    }

    /// A server that ends again and again is restarted less and less often, and this can be seen.
    @Test(.timeLimit(.minutes(4)))
    func flappingIsRestartedLessAndLessOften() async throws {
      try await Bench.withBoard(.debugging) { board in
        let technician = try await Technician.arrive(at: board)
        let up = try await technician.mediaServerUp()
        _ = try await board.shell(
          "echo flap > /run/watchpost/mediamtx/standin.faults; kill -9 \(up.pid)")
        var pauses: [UInt64] = []
        var after: UInt64 = 0
        for _ in 0..<5 {
          let exited = try await technician.events.first(.mediaServerExited) {
            [after] in $0.sequence > after
          }
          let started = try await technician.events.first(.mediaServerStarted) {
            $0.sequence > exited.sequence
          }
          pauses.append(started.uptimeMs - exited.uptimeMs)
          after = started.sequence
        }
        print("measured | pauses between lives of a flapping MediaMTX: \(pauses) ms")
        let tail = pauses.suffix(3)
        #expect(zip(tail, tail.dropFirst()).allSatisfy { $0 < $1 }, "\(pauses)")
        let report = try await technician.connection.mediaServer()
        #expect(report.restarts >= 5)
        _ = try await board.shell("rm /run/watchpost/mediamtx/standin.faults")
        try await technician.mediaServerUp(within: .seconds(60))
        await technician.leave()
      }
    }
  }
}

extension Technician {
  /// Waits until MediaMTX's API answers.
  @discardableResult
  func mediaServerUp(within limit: Duration = .seconds(30)) async throws -> MediaServerReport {
    let deadline = ContinuousClock.now + limit
    while true {
      let report = try await connection.mediaServer()
      if report.state.known == .up { return report }
      guard ContinuousClock.now < deadline else {
        throw BoardError("MediaMTX is \(report.state.name) for \(limit)")
      }
      try await Task.sleep(for: .milliseconds(50))
    }
  }
}

extension EmulatedBoard {
  /// Ids of the processes whose command line begins with `command`, asked in the debug shell.
  func processes(_ command: String) async throws -> [Int] {
    try await shell("busybox ps w").output.split(separator: "\n").compactMap { line in
      // PID, user, command line.
      let words = line.split(separator: " ")
      let isOne = words.dropFirst(2).joined(separator: " ").hasPrefix(command)
      return isOne ? words.first.flatMap { Int($0) } : nil
    }
  }

  /// The agent's process id.
  func agent() async throws -> Int {
    try #require(try await processes("/bin/watchpost agent").first, "no agent is running")
  }
}
