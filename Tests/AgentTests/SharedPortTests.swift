import Foundation
import Testing
import Wire

/// Several agents on one machine, as the way to use more cores.
@Suite(.serialized) struct SharedPortTests {
  @Test func theKernelDealsConnectionsOut() throws {
    let first = try AgentProcess("share_port = on")
    let second = try AgentProcess("share_port = on", on: first.port)
    let clients = try (0..<400).map { _ in try Connection(first) }
    for (id, client) in clients.enumerated() {
      try client.send(ping(id: UInt32(id), count: 8))
      #expect(try client.reply().status == Status.ok.rawValue)
    }
    // With one of them gone, its connections break.
    second.kill()
    let lost = clients.filter { client in
      do {
        try client.send(ping(id: 1, count: 8))
        return try client.reply().status != Status.ok.rawValue
      } catch {
        return true
      }
    }.count
    print("connections of two agents on one port: \(clients.count - lost) and \(lost)")
    // Half of them each, within 20 %: that is four standard deviations.
    #expect(abs(lost - 200) <= 40)
    // Whoever is left takes all newcomers.
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
}
