import Foundation
import Synchronization

/// A change of an output pin of the board's GPIO controller, e.g. of an LED.
public struct PinEdge: Equatable, Sendable, CustomStringConvertible {
  /// Line of the controller, 0 … 7.
  public let line: Int
  /// The level after the change.
  public let isHigh: Bool
  public var description: String { "line \(line) \(isHigh ? "high" : "low")" }
}

/// Watches and drives the pins of the PL061 GPIO controller through QEMU's test protocol
/// (docs/devel/qtest): `irq_intercept_out` reports every edge of an output, `set_irq_in` drives an
/// input.
final class PinProbe: Sendable {
  private let socket: StreamSocket
  private let device: String
  private let replies = Journal<String>()
  private let edges: Journal<PinEdge>

  /// - Parameter device: QOM path of the controller.
  init(_ socket: StreamSocket, device: String, edges: Journal<PinEdge>) async throws {
    (self.socket, self.device, self.edges) = (socket, device, edges)
    let thread = Thread { [weak self, socket, replies] in
      var lines = LineSplitter()
      while case let bytes = socket.receive(), !bytes.isEmpty {
        for line in lines.append(bytes) { self?.take(line) }
      }
      replies.end()
    }
    thread.name = "qtest"
    thread.start()
    try await execute("irq_intercept_out \(device)")
  }

  deinit { socket.shut() }

  /// Drives an input line.
  func drive(line: Int, high: Bool) async throws {
    try await execute("set_irq_in \(device) unnamed-gpio-in \(line) \(high ? 1 : 0)")
  }

  private func take(_ line: String) {
    let words = line.split(separator: " ")
    if words.count == 3, words[0] == "IRQ", let pin = Int(words[2]) {
      edges.append(PinEdge(line: pin, isHigh: words[1] == "raise"))
    } else {
      replies.append(line)
    }
  }

  private func execute(_ command: String) async throws {
    let from = replies.count
    try socket.send(Array((command + "\n").utf8))
    // Answers carry no number; one command at a time is under way, as the board is an actor.
    let reply = try await replies.first("answer to \(command)", from: from, within: .seconds(20)) {
      $0.hasPrefix("OK") || $0.hasPrefix("FAIL") || $0.hasPrefix("ERR")
    }.value
    guard reply.hasPrefix("OK") else { throw MonitorError(command: command, reason: reply) }
  }
}
