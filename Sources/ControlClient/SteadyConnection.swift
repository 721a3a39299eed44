import Wire

/// A connection that is made anew when it is cut, with growing pauses, until nothing has come for
/// too long. One task uses it.
final class SteadyConnection {
  private(set) var connection: ControlConnection
  /// The longest time in which nothing comes.
  private let silence: Duration
  private var pauses = Pauses()
  private var lastSign = ContinuousClock.now

  init(_ connection: ControlConnection, _ silence: Duration) {
    self.connection = connection
    self.silence = silence
  }

  /// Something came.
  func alive() {
    lastSign = .now
    pauses = Pauses()
  }

  /// Does `body`, again and again where it fails because of the connection or of a device that has
  /// too much to do; `trouble` is told why. Throws what nobody but a person can change, and what
  /// still is wrong when there was silence for too long.
  func perform<Value>(
    _ body: (ControlConnection) async throws -> Value, telling trouble: (String) -> Void = { _ in }
  ) async throws -> Value {
    while true {
      do {
        let value = try await body(connection)
        alive()
        return value
      } catch let error as ControlError {
        try await recover(from: error, trouble)
      }
    }
  }

  private func recover(from first: ControlError, _ trouble: (String) -> Void) async throws {
    let deadline = lastSign + silence
    var error = first
    while true {
      let pause = max(pauses.next(), error.retryAfter)
      guard error.mayPass, ContinuousClock.now + pause < deadline else { throw error }
      trouble("\(error)")
      // A request that the device has no time for leaves the connection as it is.
      if !error.isOverload { await connection.close() }
      try await Task.sleep(for: pause)
      guard !error.isOverload else { return }
      do {
        connection = try await connection.reopened(
          timeout: max(deadline - .now, .milliseconds(100)), answers: silence)
        return
      } catch let next as ControlError {
        error = next
      }
    }
  }
}

/// Pauses between attempts, each twice as long as the one before, up to 5 s.
public struct Pauses: Sendable {
  private var last: Duration = .milliseconds(100)

  public init() {}

  public mutating func next() -> Duration {
    last = min(last * 2, .seconds(5))
    return last
  }
}

extension ControlError {
  /// True where another attempt may succeed without anybody doing something.
  var mayPass: Bool {
    switch self {
    case .unreachable, .connectTimeout, .busy, .overloaded, .closed, .timeout, .ended: true
    case .refused: status == .timeout
    case .protocolViolation(_, let error): error != .badMagic
    case .handshakeRefused(_, let refusal): refusal.mayPass
    case .malformedAnswer, .forbidden, .keyNeeded, .deviceKeyChanged, .keys: false
    }
  }

  /// The device has answered that it has no time now.
  var isOverload: Bool {
    switch self {
    case .overloaded, .refused: true
    default: false
    }
  }

  /// How long the device wants to be left alone.
  var retryAfter: Duration {
    switch self {
    case .busy(_, let ms), .overloaded(_, let ms, _): .milliseconds(Int64(ms))
    case .handshakeRefused(_, let refusal): .milliseconds(Int64(refusal.retryAfterMs))
    default: .zero
    }
  }
}
