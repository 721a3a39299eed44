import ControlClient
import Foundation

/// Waits for what a device tells without being asked: until enough has come, the time is over, or
/// the device is gone.
struct Listening {
  let connection: ControlConnection
  let options: GlobalOptions
  /// Go on until interrupted; otherwise for the time-out.
  let follow: Bool
  /// End after so many.
  let count: Int?
  /// What is waited for, in the plural.
  let what: String

  private enum End { case enough, timeUp, disconnected }

  func run<Item: Sendable>(
    _ items: AsyncStream<Item>, _ show: @escaping @Sendable (Item) throws -> Void
  ) async throws {
    Console.endCleanlyOnInterrupt()
    if isatty(2) == 1, follow { Console.complain("listening; Ctrl-C ends") }
    let end = try await withThrowingTaskGroup(of: End.self) { group in
      group.addTask { try await read(items, show) }
      group.addTask { try await watch() }
      let end = try await group.next()
      group.cancelAll()
      return end ?? .disconnected
    }
    switch end {
    case .enough: break
    case .timeUp:
      guard count == nil else {
        throw NothingCame(
          description: "The \(what) did not come within \(options.timeout) s; allow more time with "
            + "`--timeout SECONDS` or wait with `--follow`.")
      }
    case .disconnected:
      throw connection.endReason ?? ControlError.closed(connection.device)
    }
    await connection.close()
  }

  private func read<Item>(_ items: AsyncStream<Item>, _ show: (Item) throws -> Void) async throws
    -> End
  {
    var rest = count ?? .max
    for await item in items {
      try show(item)
      rest -= 1
      if rest == 0 { return .enough }
    }
    return .disconnected
  }

  /// Ends the listening when its time is over, or when the device no longer answers: a device that
  /// has lost its power or its network says no goodbye.
  private func watch() async throws -> End {
    repeat {
      try await Task.sleep(for: options.duration)
      if follow { try await connection.ping() }
    } while follow
    return .timeUp
  }
}
