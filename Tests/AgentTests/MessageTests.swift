import ControlClient
import Foundation
import Testing
import Wire

/// Messages over sockets: what a client publishes, fifty others get.
@Suite(.serialized) struct MessageTests {
  /// Bytes of the predecessor's large payload.
  private static let large = 1_380_000

  @Test func aLargeMessageReachesFiftyAndLeavesNothing() async throws {
    let agent = try AgentProcess()
    let device = DeviceAddress(host: "127.0.0.1", port: Int(agent.port))
    var listeners: [ControlConnection] = []
    for _ in 0..<50 {
      let listener = try await ControlConnection.open(device)
      try await listener.subscribe(.messages)
      listeners.append(listener)
    }
    let publisher = try await ControlConnection.open(device)
    let before = try agent.residentKiB()
    var most = 0
    for round in 1...3 as ClosedRange<UInt64> {
      let message = (0..<Self.large).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ Int(round)) }
      let reply = try await publisher.publish(message)
      #expect(reply == PublishReply(sequence: round, subscribers: 50))
      most = max(most, try agent.residentKiB())
      for listener in listeners {
        let got = await listener.messages.first { _ in true }
        #expect(got == Message(sequence: round, missed: 0, bytes: message))
      }
      // It answers meanwhile and afterwards.
      try await publisher.ping()
    }
    // The memory is kept for the next message until a whole second has gone by without one.
    var after = try agent.residentKiB()
    let deadline = ContinuousClock.now + .seconds(10)
    while after - before > 64, ContinuousClock.now < deadline {
      try await Task.sleep(for: .milliseconds(50))
      after = try agent.residentKiB()
    }
    print("resident: \(before) KiB before, at most \(most), \(after) after three messages")
    // The payload and 256 KiB at most, and nothing is kept for long.
    #expect(most - before <= Self.large / 1024 + 256)
    #expect(after - before <= 64)
    for connection in listeners + [publisher] { await connection.close() }
  }
}
