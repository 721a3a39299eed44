import Appliance
import Wire

// The keys of the section [alerts]: two thresholds each, in units that people think in.

extension ConfigurationKey {
  var alertFacts: Facts {
    switch self {
    case .alertLatency:
      Self.row(
        "alerts.latency_ms", .thresholds(600_000), "500, 1000",
        "95th percentile of answers: warning, critical; 0 for never, in all of these")
    case .alertErrors:
      Self.row(
        "alerts.errors_percent", .thresholds(100), "2, 5",
        "requests that the device fails at, of all")
    case .alertCPU:
      Self.row("alerts.cpu_percent", .thresholds(100), "75, 90", "all cores busy, on average")
    case .alertMemory:
      Self.row("alerts.memory_percent", .thresholds(100), "85, 95", "memory in use")
    case .alertConnections:
      Self.row(
        "alerts.connections_percent", .thresholds(100), "0, 5",
        "connections refused or timed out, of all that came")
    case .alertQueue:
      Self.row("alerts.queue_percent", .thresholds(100), "75, 0", "large buffers lent")
    case .alertSlots:
      Self.row("alerts.slots_percent", .thresholds(100), "90, 95", "connection slots in use")
    case .alertThroughput:
      Self.row(
        "alerts.throughput_per_s", .thresholds(100_000_000), "0, 0",
        "fewer requests a second than this")
    case .alertRaise:
      Self.row(
        "alerts.raise_s", .integer(1...3600), "5", "seconds on end before an alert is raised")
    default:
      Self.row(
        "alerts.clear_s", .integer(1...3600), "15",
        "seconds on end, better than 9/10 of the threshold, before an alert falls")
    }
  }
}

extension Configuration.Alerts {
  /// Sets what `key` names; the machine counts in microseconds and thousandths.
  mutating func set(_ key: ConfigurationKey, _ pair: Thresholds) throws(ValueError) {
    let isFloor = key == .alertThroughput
    let inOrder = isFloor ? pair.critical <= pair.warning : pair.critical >= pair.warning
    guard pair.warning == 0 || pair.critical == 0 || inOrder else {
      throw ValueError(
        isFloor
          ? "Give the critical number, the second one, no larger than the first."
          : "Give the critical number, the second one, no smaller than the first.")
    }
    switch key {
    case .alertLatency: latency = pair.times(1000)
    case .alertErrors: errors = pair.times(10)
    case .alertCPU: cpu = pair.times(10)
    case .alertMemory: memory = pair.times(10)
    case .alertConnections: connections = pair.times(10)
    case .alertQueue: queue = pair.times(10)
    case .alertSlots: slots = pair.times(10)
    case .alertThroughput: throughput = pair
    default: preconditionFailure("a key without thresholds")
    }
  }
}

extension Configuration.Alerts.Thresholds {
  fileprivate func times(_ factor: UInt32) -> Self { Self(warning * factor, critical * factor) }
}

extension ConfigurationValue {
  /// `WARNING, CRITICAL`, each at most `limit`.
  func thresholds(_ limit: UInt64) throws(ValueError) -> Configuration.Alerts.Thresholds {
    var pair = InlineArray<2, UInt64>(repeating: 0)
    var count = 0
    try eachItem(limit: 2) { (number, range) throws(ValueError) in
      guard let value = decimal(range), value <= limit else { throw thresholdsError(limit) }
      pair[number] = value
      count += 1
    }
    guard count == 2 else { throw thresholdsError(limit) }
    return Configuration.Alerts.Thresholds(UInt32(pair[0]), UInt32(pair[1]))
  }

  private func thresholdsError(_ limit: UInt64) -> ValueError {
    var message = Text<120>("Give two whole numbers up to ")
    message.append(decimal: limit)
    message.append(": WARNING, CRITICAL; 0 for never.")
    return ValueError(message)
  }
}
