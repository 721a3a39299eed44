import Foundation
import Testing
import Wire

/// The real agent over real sockets: where the kernel is under test.
@Suite(.serialized) struct ControlPortTests {
  /// A client that writes first is told BUSY all the same, every time: a plain close after it has
  /// written would reset the connection and throw the answer away.
  @Test func busyArrivesEveryTime() throws {
    let agent = try AgentProcess("slots = 8")
    var holders: [Connection] = []
    for id in 0..<8 {
      holders.append(try Connection(agent))
      try holders[id].send(ping(id: UInt32(id)))
      #expect(try holders[id].reply().status == Status.ok.rawValue)
    }
    let request = (0..<20).flatMap { ping(id: UInt32($0), count: 64) }
    for attempt in 0..<2000 {
      let refused = try Connection(agent)
      // The agent may have ended the connection before all of this is written.
      try? refused.send(request)
      let answers = try headers(try refused.receiveAll())
      guard answers.count == 1, answers[0].status == Status.busy.rawValue,
        answers[0].kind == Kind.connection.rawValue
      else {
        Issue.record("attempt \(attempt): \(answers)")
        return
      }
    }
    // Service is full again as soon as a slot is free.
    holders.removeLast()
    try waitUntil {
      let next = try Connection(agent)
      try next.send(ping(id: 99))
      return try next.reply().status == Status.ok.rawValue
    }
  }

  /// Every truncation and every changed byte of every golden vector: a typed error or a clean end,
  /// and another client's ping is answered all the while.
  @Test func badInputIsToldOrEnded() throws {
    let agent = try AgentProcess("frame_timeout_ms = 2000")
    let bystander = try Connection(agent)
    var slowest = Duration.zero
    for (name, vector) in try vectors() {
      for cut in 0..<vector.count {
        try expectRefusal(agent, Array(vector[..<cut]), "\(name) cut at \(cut)")
      }
      for index in vector.indices {
        var changed = vector
        changed[index] ^= index.isMultiple(of: 2) ? 0xFF : 1 << UInt8(index % 8)
        try expectRefusal(agent, changed, "\(name) changed at \(index)")
        guard index % 16 == 0 else { continue }
        let start = ContinuousClock.now
        try bystander.send(ping(id: UInt32(index)))
        #expect(try bystander.reply().requestID == UInt32(index))
        slowest = max(slowest, ContinuousClock.now - start)
      }
    }
    #expect(slowest < .milliseconds(500))
    #expect(agent.isRunning)
  }

  /// Sends `bytes`, ends, and reads to the end: only refusals may come, and no reset.
  private func expectRefusal(_ agent: AgentProcess, _ bytes: [UInt8], _ what: String) throws {
    let client = try Connection(agent)
    try client.send(bytes)
    client.finish()
    do {
      let answers = try headers(try client.receiveAll())
      #expect(answers.count <= 1 && answers.allSatisfy { $0.status != 0 }, "\(what)")
    } catch {
      Issue.record("\(what): \(error)")
    }
  }

  /// A million requests (a tenth of that to the debug build) leave no trace in memory.
  @Test func memoryDoesNotGrow() throws {
    let agent = try AgentProcess()
    // Its keeper's first words belong to the start.
    _ = try agent.identity(.code)
    _ = try agent.code()
    let clients = try (0..<50).map { _ in try Connection(agent) }
    let burst = (0..<40).flatMap { ping(id: UInt32($0), count: 0) }
    func round() throws {
      for client in clients { try client.send(burst) }
      for client in clients {
        var left = burst.count
        while left > 0 {
          let count = try client.receive().count
          guard count > 0 else { throw TestError("the stream has ended") }
          left -= count
        }
      }
    }
    for _ in 0..<5 { try round() }
    let before = try agent.residentKiB()
    for _ in 0..<(AgentProcess.isShipped ? 500 : 50) { try round() }
    let after = try agent.residentKiB()
    print("measured | resident before and after: \(before), \(after) KiB")
    // The debug build's stack is deeper than what is touched at the start.
    #expect(after - before <= (AgentProcess.isShipped ? 64 : 256))
  }

  /// From exec to the line that says that the control port listens: median of 20.
  /// `watchpost limits` says what is resident, to a tenth.
  @Test(
    .enabled(if: AgentProcess.isShipped, "set WATCHPOST to the shipped program"),
    arguments: [1024, 16_384])
  func memoryIsWhatLimitsSays(slots: Int) throws {
    let agent = try AgentProcess("slots = \(slots)")
    let client = try Connection(agent)
    for id in 0..<100 as Range<UInt32> {
      try client.send(ping(id: id))
      _ = try client.reply()
    }
    let limits = try AgentProcess.output(of: [
      "limits", "--config", agent.folder.appending(path: "watchpost.conf").path,
    ])
    let sum = limits.split(separator: "\n").first { $0.contains("what is resident") }
    let told = try #require(sum?.split(separator: " ").first.flatMap { Double($0) }) / 1024
    let resident = Double(try agent.residentKiB())
    print("\(slots) slots: \(resident) KiB are resident, limits says \(told) KiB")
    #expect(abs(resident - told) <= 0.1 * told)
  }

  @Test(
    .enabled(if: AgentProcess.isShipped, "set WATCHPOST to the shipped program"),
    arguments: [(slots: 1024, barMs: 10.0), (slots: 16384, barMs: 60.0)])
  func listensSoonAfterItsStart(slots: Int, barMs: Double) throws {
    var samples: [Double] = []
    for _ in 0..<20 {
      let agent = try AgentProcess("slots = \(slots)")
      samples.append(agent.readyMs)
      if samples.count == 20 {
        let resident = try agent.residentKiB()
        print("measured | resident with \(slots) slots: \(resident) KiB")
        // A single-digit number of megabytes; half of it is the program, which is brought in whole.
        if slots == 1024 { #expect(resident * 1024 < 10_000_000) }
      }
      #expect(agent.stop() == 0)
    }
    let median = samples.sorted()[10]
    print("measured | exec to listening with \(slots) slots: median \(median) ms, bar \(barMs) ms")
    #expect(median <= barMs)
  }

  @Test func anOrderlyStopEndsWithZero() throws {
    let agent = try AgentProcess()
    #expect(agent.stop() == 0)
  }

  private func waitUntil(_ condition: () throws -> Bool) throws {
    for _ in 0..<100 {
      if let done = try? condition(), done { return }
      usleep(10_000)
    }
    throw TestError("it did not happen within a second")
  }

  private func vectors() throws -> [(String, [UInt8])] {
    let folder = URL(filePath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
      .appending(path: "Sources/Wire/Wire.docc/Vectors")
    let files = try FileManager.default.contentsOfDirectory(atPath: folder.path)
    return try files.filter { $0.hasSuffix(".hex") }.sorted().map { name in
      let text = try String(contentsOf: folder.appending(path: name), encoding: .utf8)
      return (name, try bytes(inHex: text))
    }
  }

  private func bytes(inHex text: String) throws -> [UInt8] {
    var digits: [UInt8] = []
    for line in text.split(separator: "\n") {
      for character in line.prefix(while: { $0 != "#" }) where !character.isWhitespace {
        guard let digit = character.hexDigitValue else { throw TestError("bad vector") }
        digits.append(UInt8(digit))
      }
    }
    return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
  }
}
