import ControlClient
import EmulatedBoard
import Foundation
import Testing
import Wire

/// Somebody at the other end of the network cable: a client of the board that notes every event.
///
/// Times of events are the board's own (milliseconds since its kernel started), so that what is
/// measured is the board and not the way to the test.
final class Technician: Sendable {
  let connection: ControlConnection
  let events: EventJournal
  private let reader: Task<Void, Never>

  /// Connects as soon as the board takes connections, and subscribes to everything.
  static func arrive(
    at board: EmulatedBoard, within limit: Duration = .seconds(30)
  ) async throws -> Technician {
    try await Reception.connect(to: board, within: limit) { connection in
      try await connection.subscribe(.all)
      return Technician(connection)
    }
  }

  private init(_ connection: ControlConnection) {
    let events = EventJournal()
    (self.connection, self.events) = (connection, events)
    reader = Task {
      for await event in connection.events { await events.note(event) }
    }
  }

  func leave() async {
    await connection.close()
    reader.cancel()
  }

  /// Waits until the device's health satisfies `condition`; the report that did.
  @discardableResult
  func health(
    within limit: Duration = .seconds(30), _ what: String,
    until condition: (HealthReport) -> Bool
  ) async throws -> HealthReport {
    try await poll(within: limit) {
      let report = try await connection.health()
      if condition(report) { return .success(report) }
      return .failure(
        BoardError(
          "health is not \(what) within \(limit): \(report.state.name), reasons "
            + report.reasons.names.joined(separator: ", ")))
    }
  }
}

/// Events in their order, kept for whoever asks later.
actor EventJournal {
  private(set) var events: [EventMessage] = []

  func note(_ event: EventMessage) { events.append(event) }

  var count: Int { events.count }

  /// The first event at or after `from` that matches, within `limit` of host time.
  func first(
    _ code: EventCode, from: Int = 0, within limit: Duration = .seconds(30),
    where matches: @Sendable (EventMessage) -> Bool = { _ in true }
  ) async throws -> EventMessage {
    let deadline = ContinuousClock.now + limit
    var position = from
    while true {
      while position < events.count {
        if events[position].code.known == code, matches(events[position]) {
          return events[position]
        }
        position += 1
      }
      guard ContinuousClock.now < deadline else {
        let seen = events.suffix(8).map { $0.code.name }.joined(separator: ", ")
        throw BoardError("no event \(code) within \(limit); last seen: \(seen)")
      }
      try await Task.sleep(for: .milliseconds(5))
    }
  }
}

/// A time bar on the emulated board: the median of the samples must meet it, none may exceed twice
/// the bar. Prints what was measured, so that a run documents itself.
func expectMedian(
  _ samples: [Double], atMostMs bar: Double, _ what: String,
  sourceLocation: SourceLocation = #_sourceLocation
) {
  let sorted = samples.sorted()
  #expect(!sorted.isEmpty, "nothing was measured: \(what)", sourceLocation: sourceLocation)
  guard let worst = sorted.last else { return }
  let median = sorted[sorted.count / 2]
  let list = samples.map { String(format: "%.0f", $0) }.joined(separator: ", ")
  print(
    String(format: "measured | %@: median %.0f ms, bar %.0f ms [%@]", what, median, bar, list))
  #expect(median <= bar, "\(what): median \(median) ms", sourceLocation: sourceLocation)
  #expect(worst <= 2 * bar, "\(what): worst \(worst) ms", sourceLocation: sourceLocation)
}

extension Duration {
  var milliseconds: Double {
    Double(components.seconds) * 1000 + Double(components.attoseconds) / 1e15
  }
}
