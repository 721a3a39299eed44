import NIOConcurrencyHelpers
import NIOCore
import Wire

/// Asks devices for the exporter, so many at once, and counts.
final class Probes: Sendable {
  /// Probes at once; more are told to come back.
  static let atOnce = 64

  private struct Counts {
    var begun: UInt64 = 0
    var failed: UInt64 = 0
    var refused: UInt64 = 0
    var inFlight = 0
    /// Open connections of those who ask, those that there was no room for, and those that wait
    /// for an answer.
    var connections = 0
    var connectionsRefused: UInt64 = 0
    var awaited = 0
  }

  private let counts = NIOLockedValueBox(Counts())
  /// Of a probe whose asker does not say how long it may take.
  private let limit: Duration

  private let credentials: Credentials

  init(limit: Duration, as credentials: Credentials) {
    (self.limit, self.credentials) = (limit, credentials)
  }

  func answer(_ request: ExporterRequest) async -> ExporterReply {
    switch request {
    case .form: .form
    case .own: .metrics(ownMetrics)
    case .probe(let device, let limit): await probe(device, within: limit ?? self.limit)
    case .refused(let status, let sentence): .sentence(status, sentence)
    }
  }

  private func probe(_ device: DeviceAddress, within limit: Duration) async -> ExporterReply {
    let free = counts.withLockedValue { counts in
      guard counts.inFlight < Self.atOnce else {
        counts.refused += 1
        return false
      }
      counts.begun += 1
      counts.inFlight += 1
      return true
    }
    guard free else {
      var reply = ExporterReply.sentence(
        .serviceUnavailable,
        "\(Self.atOnce) probes are under way, which is the limit; try again in a second or run "
          + "another exporter.")
      reply.retryAfter = 1
      return reply
    }
    let clock = ContinuousClock()
    let start = clock.now
    let outcome: Result<DeviceReadings, any Error>
    do {
      outcome = .success(try await read(device, within: limit))
    } catch {
      outcome = .failure(error)
    }
    counts.withLockedValue { counts in
      counts.inFlight -= 1
      if case .failure = outcome { counts.failed += 1 }
    }
    return .probe(outcome, took: clock.now - start)
  }

  /// One connection, which is closed in any case.
  private func read(_ device: DeviceAddress, within limit: Duration) async throws
    -> DeviceReadings
  {
    let connection = try await ControlConnection.open(device, within: limit, as: credentials)
    do {
      let readings = try await connection.readings()
      await connection.close()
      return readings
    } catch {
      await connection.close()
      throw error
    }
  }

  private var ownMetrics: Exposition {
    let now = counts.withLockedValue { $0 }
    var text = Exposition()
    text.family("watchpost_exporter_info", .gauge, "The exporter's version; always 1.")
    text.sample(
      "watchpost_exporter_info", [("version", "\(productVersion)")], UInt64(1))
    text.single("watchpost_exporter_probes_total", .counter, "Probes begun.", now.begun)
    text.single(
      "watchpost_exporter_probe_failures_total", .counter,
      "Probes of devices that could not be asked.", now.failed)
    text.single(
      "watchpost_exporter_probes_refused_total", .counter,
      "Probes refused because too many were under way.", now.refused)
    text.single(
      "watchpost_exporter_probes_in_flight", .gauge, "Probes under way.", UInt64(now.inFlight))
    text.single(
      "watchpost_exporter_connections", .gauge, "Connections to the exporter.",
      UInt64(now.connections))
    text.single(
      "watchpost_exporter_connections_refused_total", .counter,
      "Connections closed at once because too many were open.", now.connectionsRefused)
    return text
  }

  // MARK: - Who asks

  /// Whether there is room for one more connection of `most`.
  func connectionOpened(of most: Int) -> Bool {
    counts.withLockedValue { counts in
      counts.connections += 1
      if counts.connections > most { counts.connectionsRefused += 1 }
      return counts.connections <= most
    }
  }

  func connectionClosed() { counts.withLockedValue { $0.connections -= 1 } }
  func answerAwaited() { counts.withLockedValue { $0.awaited += 1 } }
  func answerSent() { counts.withLockedValue { $0.awaited -= 1 } }
  var areAllAnswered: Bool { counts.withLockedValue { $0.awaited == 0 } }
}
