import Foundation
import Testing
import Wire

/// Several agents on one machine, as the way to use more cores.
@Suite(.serialized) struct SharedPortTests {
  @Test func theKernelDealsConnectionsOut() throws {
    let first = try AgentProcess("share_port = on")
    let second = try AgentProcess("share_port = on", on: first.port)
    let before = try [first, second].map(descriptors)
    let clients = try (0..<400).map { _ in try Connection(first) }
    for (id, client) in clients.enumerated() {
      try client.send(ping(id: UInt32(id), count: 8))
      #expect(try client.reply().status == Status.ok.rawValue)
    }
    let served = zip(try [first, second].map(descriptors), before).map { $0 - $1 }
    print("connections of two agents on one port: \(served)")
    #expect(served.reduce(0, +) == 400)
    // Half of them each, within 20 %: that is four standard deviations.
    #expect(served.allSatisfy { abs($0 - 200) <= 40 })
    // Whoever is left takes all newcomers.
    second.kill()
    for id in 0..<20 as Range<UInt32> {
      let client = try Connection(first)
      try client.send(ping(id: id, count: 8))
      #expect(try client.reply().status == Status.ok.rawValue)
    }
  }

  @Test func unaskedThePortIsNotShared() throws {
    let first = try AgentProcess()
    #expect(throws: TestError.self) { try AgentProcess("share_port = on", on: first.port) }
  }

  private func descriptors(_ agent: AgentProcess) throws -> Int {
    try FileManager.default.contentsOfDirectory(atPath: "/proc/\(agent.pid)/fd").count
  }
}
