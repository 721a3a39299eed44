import Wire

/// One thing that the device watches of itself.
public struct AlertDocument: Codable, Sendable {
  public var alert: String
  public var level: String
  /// Of `value`, `warning` and `critical`: `microseconds`, `permille` or `requestsPerSecond`; nil
  /// where the alert is newer than this build.
  public var unit: String?
  public var value: UInt32
  /// From here on it is raised (`throughput`: below); nil: never.
  public var warning: UInt32?
  public var critical: UInt32?
  /// Milliseconds in this level.
  public var levelForMs: UInt64
  /// Times it was raised in this life of the agent.
  public var raised: UInt32

  public init(_ entry: AlertEntry) {
    alert = entry.alert.name
    level = entry.level.name
    unit = entry.alert.known.map { "\($0.unit)" }
    value = entry.value
    warning = entry.warning == 0 ? nil : entry.warning
    critical = entry.critical == 0 ? nil : entry.critical
    levelForMs = entry.levelForMs
    raised = entry.raised
  }
}

/// What the numbers of an alert count.
public enum AlertUnit: Sendable {
  case microseconds
  case permille
  case requestsPerSecond

  /// How many of it are one base unit: a second, the whole, a request per second.
  public var perBaseUnit: Double {
    switch self {
    case .microseconds: 1_000_000
    case .permille: 1000
    case .requestsPerSecond: 1
    }
  }
}

extension Alert {
  public var unit: AlertUnit {
    switch self {
    case .latency: .microseconds
    case .throughput: .requestsPerSecond
    case .errors, .cpu, .memory, .connections, .queue, .slots: .permille
    }
  }
}
