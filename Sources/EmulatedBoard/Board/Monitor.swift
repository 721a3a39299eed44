import Foundation
import Synchronization

/// An event of the QEMU monitor (QMP), e.g. `WATCHDOG`, `RESET`, `SHUTDOWN`, `STOP`.
public struct MonitorEvent: Sendable, CustomStringConvertible {
  public let name: String
  public let data: JSONValue
  public var description: String { name }
}

/// A command that the QEMU monitor refused.
public struct MonitorError: Error, CustomStringConvertible {
  public let command: String
  public let reason: String
  public var description: String { "QEMU refused \(command): \(reason)" }
}

/// Client of the QEMU Machine Protocol (docs/interop/qmp-spec): one JSON value per line each way,
/// events in between.
final class Monitor: Sendable {
  private let socket: StreamSocket
  private let replies = Journal<JSONValue>()
  private let nextID = Mutex(0)
  private let events: Journal<MonitorEvent>

  /// Speaks QMP over a connected socket; events go to the given journal.
  init(_ socket: StreamSocket, events: Journal<MonitorEvent>) async throws {
    (self.socket, self.events) = (socket, events)
    let thread = Thread { [weak self, socket, replies] in
      var lines = LineSplitter()
      let decoder = JSONDecoder()
      while case let bytes = socket.receive(), !bytes.isEmpty {
        for line in lines.append(bytes) {
          guard let value = try? decoder.decode(JSONValue.self, from: Data(line.utf8)) else {
            continue  // QMP sends nothing but JSON; whatever this was has no meaning for us.
          }
          self?.take(value)
        }
      }
      replies.end()
    }
    thread.name = "qmp"
    thread.start()
    _ = try await replies.first("greeting of QEMU", within: .seconds(20)) { $0["QMP"] != nil }
    try await execute("qmp_capabilities")
  }

  deinit { socket.shut() }

  private func take(_ value: JSONValue) {
    if let name = value["event"]?.string {
      events.append(MonitorEvent(name: name, data: value["data"] ?? .null))
    } else {
      replies.append(value)
    }
  }

  /// Executes a command and returns its result.
  @discardableResult
  func execute(_ command: String, _ arguments: [String: JSONValue] = [:]) async throws -> JSONValue
  {
    let id = nextID.withLock { next in
      defer { next += 1 }
      return Int64(next)
    }
    let from = replies.count
    let request: JSONValue = [
      "execute": .string(command), "arguments": .object(arguments), "id": .integer(id),
    ]
    try socket.send([UInt8](JSONEncoder().encode(request)) + [0x0A])
    let reply = try await replies.first("answer to \(command)", from: from, within: .seconds(20)) {
      $0["id"] == .integer(id)
    }.value
    if let error = reply["error"] {
      throw MonitorError(command: command, reason: error["desc"]?.string ?? "no reason given")
    }
    return reply["return"] ?? .null
  }

  /// Executes a command of the human monitor and returns its text.
  func human(_ line: String) async throws -> String {
    try await execute("human-monitor-command", ["command-line": .string(line)]).string ?? ""
  }
}
