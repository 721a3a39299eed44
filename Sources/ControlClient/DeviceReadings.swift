import Wire

/// All that a monitoring system wants of a device, as of one moment.
public struct DeviceReadings: Sendable {
  public var metrics: MetricValues
  /// Empty where the device is older than alerts.
  public var alerts: [AlertEntry]
  public var health: HealthReport
  public var info: ServerInfo

  public init(
    metrics: MetricValues, alerts: [AlertEntry], health: HealthReport, info: ServerInfo
  ) {
    (self.metrics, self.alerts, self.health, self.info) = (metrics, alerts, health, info)
  }

  /// The readings in the Prometheus exposition format 0.0.4.
  public var prometheusText: String {
    var text = Exposition()
    write(to: &text)
    return text.text
  }

  func write(to text: inout Exposition) {
    writeInfo(&text)
    writeHealth(&text)
    writeSlots(&text)
    for family in MetricFamily.all { write(family, &text) }
    writeCores(&text)
    writeOperations(&text)
    writeDurations(&text)
    writeAlerts(&text)
  }

  private func writeInfo(_ text: inout Exposition) {
    text.family("watchpost_info", .gauge, "What the device is; always 1.")
    text.sample(
      "watchpost_info",
      [
        ("name", info.name.string), ("version", info.version.string), ("board", info.board.string),
        ("boot_id", info.bootID.text),
      ], true)
  }

  private func writeHealth(_ text: inout Exposition) {
    let state = "watchpost_health_state"
    text.family(state, .gauge, "1 at the state that the device is in.")
    let states = (0...UInt8.max).compactMap(HealthState.init)
    for known in states { text.sample(state, [("state", "\(known)")], health.state == known) }
    if health.state.known == nil { text.sample(state, [("state", health.state.name)], true) }

    let reason = "watchpost_health_reason"
    text.family(reason, .gauge, "1 at each reason why the device is not plainly healthy.")
    let set = health.reasons.names
    let names = HealthReasons.named.map(\.name)
    for name in names + set.filter({ !names.contains($0) }) {
      text.sample(reason, [("reason", name)], set.contains(name))
    }
    text.single(
      "watchpost_clock_trusted", .gauge, "1: the device knows the time.",
      health.clockTrusted ? 1 : 0)
    text.single(
      "watchpost_boots_total", .counter, "Boots of the device; 0: not known.",
      UInt64(health.bootCount))
    text.single(
      "watchpost_media_server_up", .gauge, "1: the API of MediaMTX answers.",
      health.mediaState == .up ? 1 : 0)
    let cameras = "watchpost_cameras"
    text.family(
      cameras, .gauge, "Cameras: with a name, plugged in, streaming, without pictures by a fault.")
    text.sample(cameras, [("state", "known")], UInt64(health.camerasKnown))
    text.sample(cameras, [("state", "present")], UInt64(health.camerasPresent))
    text.sample(cameras, [("state", "streaming")], UInt64(health.camerasStreaming))
    text.sample(cameras, [("state", "failed")], UInt64(health.camerasFailed))
    text.single(
      "watchpost_data_size_bytes", .gauge, "Size of the data partition; 0: there is none.",
      health.dataTotalBytes)
    text.single(
      "watchpost_data_free_bytes", .gauge, "Free on the data partition.", health.dataFreeBytes)
  }

  private func writeSlots(_ text: inout Exposition) {
    text.single("watchpost_slots", .gauge, "Connection slots.", UInt64(health.slotsTotal))
    text.single(
      "watchpost_slots_used", .gauge, "Connection slots in use, that of this reading included.",
      UInt64(health.slotsUsed))
    text.single(
      "watchpost_slots_peak", .gauge, "The most connection slots in use at once in this life.",
      UInt64(health.slotsPeak))
  }

  private func write(_ family: MetricFamily, _ text: inout Exposition) {
    let name = "watchpost_" + family.name
    text.family(name, family.kind, family.help)
    for (metric, word) in family.values {
      let labels = family.label.map { [($0, word)] } ?? []
      if family.perBaseUnit == 1 {
        text.sample(name, labels, metrics[metric])
      } else {
        text.sample(name, labels, Double(metrics[metric]) / family.perBaseUnit)
      }
    }
  }

  private func writeCores(_ text: inout Exposition) {
    let name = "watchpost_core_busy_seconds_total"
    text.family(name, .counter, "Time in which a core was busy, since the kernel started.")
    for core in 0..<min(Int(clamping: metrics[.cores]), Metric.coresTold) {
      text.sample(name, [("core", "\(core)")], Double(metrics[core: core]) / 1000)
    }
  }

  private func writeOperations(_ text: inout Exposition) {
    let operations = metrics.operations
    let requests = "watchpost_requests_total"
    text.family(requests, .counter, "Requests by operation.")
    for use in operations {
      text.sample(requests, [("operation", use.operation)], use.requests)
    }
    let errors = "watchpost_request_errors_total"
    text.family(errors, .counter, "Requests answered with another status than ok, by operation.")
    for use in operations {
      text.sample(errors, [("operation", use.operation)], use.statistics.errors)
    }
  }

  /// Only of operations that were used; the others have no time.
  private func writeDurations(_ text: inout Exposition) {
    let used = metrics.operations.filter { $0.requests > 0 }
    let duration = "watchpost_request_duration_seconds"
    text.family(
      duration, .summary,
      "Time from noticing a request until its answer was handed to the kernel; quantiles of the "
        + "last 30 to 60 seconds, at most 1/16 off.")
    for use in used {
      let operation = ("operation", use.operation)
      let statistics = use.statistics
      for (quantile, us) in [
        ("0.5", statistics.p50Us), ("0.95", statistics.p95Us), ("0.99", statistics.p99Us),
      ] {
        // No request within the window: NaN, as Prometheus' own clients say it.
        let seconds = statistics.largestUs == 0 ? .nan : Double(us) / 1_000_000
        text.sample(duration, [operation, ("quantile", quantile)], seconds)
      }
      text.sample(duration + "_count", [operation], use.requests)
    }
    writeMaximum(
      used, "watchpost_request_duration_max_seconds",
      "Longest of the last 30 to 60 seconds; 0: there was none.", \.largestUs, &text)
    writeMaximum(
      used, "watchpost_request_duration_longest_seconds", "Longest in this life of the agent.",
      \.longestUs, &text)
  }

  private func writeMaximum(
    _ used: [OperationUse], _ name: String, _ help: String,
    _ us: (OperationStatistics) -> UInt64, _ text: inout Exposition
  ) {
    text.family(name, .gauge, help)
    for use in used {
      let seconds = Double(us(use.statistics)) / 1_000_000
      text.sample(name, [("operation", use.operation)], seconds)
    }
  }

  private func writeAlerts(_ text: inout Exposition) {
    let level = "watchpost_alert_level"
    text.family(level, .gauge, "0: not raised, 1: a warning, 2: critical.")
    for entry in alerts {
      text.sample(level, [("alert", entry.alert.name)], UInt64(entry.level.rawValue))
    }
    let value = "watchpost_alert_value"
    text.family(
      value, .gauge, "As of the last second: seconds (latency), 1/s (throughput), else a share.")
    for entry in alerts {
      text.sample(value, [("alert", entry.alert.name)], entry.inBaseUnits(entry.value))
    }
    let threshold = "watchpost_alert_threshold"
    text.family(
      threshold, .gauge, "From here on (throughput: below) the alert is raised to a level.")
    for entry in alerts {
      for (level, value) in [("warning", entry.warning), ("critical", entry.critical)]
      where value > 0 {
        text.sample(
          threshold, [("alert", entry.alert.name), ("level", level)], entry.inBaseUnits(value))
      }
    }
    let raised = "watchpost_alert_raised_total"
    text.family(raised, .counter, "Times that the alert was raised.")
    for entry in alerts {
      text.sample(raised, [("alert", entry.alert.name)], UInt64(entry.raised))
    }
  }
}

extension AlertEntry {
  /// Of an alert that is newer than this build, the number as it is.
  fileprivate func inBaseUnits(_ number: UInt32) -> Double {
    Double(number) / (alert.known?.unit.perBaseUnit ?? 1)
  }
}

extension Exposition {
  fileprivate mutating func sample(_ name: String, _ labels: Labels, _ holds: Bool) {
    sample(name, labels, UInt64(holds ? 1 : 0))
  }
}

extension ControlConnection {
  /// Everything at once: the requests travel in one go.
  public func readings() async throws -> DeviceReadings {
    async let metrics = metrics()
    async let alerts = alertsIfKnown()
    async let health = health()
    async let info = serverInfo()
    return try await DeviceReadings(metrics: metrics, alerts: alerts, health: health, info: info)
  }

  private func alertsIfKnown() async throws -> [AlertEntry] {
    do {
      return try await alerts()
    } catch let error as ControlError where error.status == .unknownOperation {
      return []
    }
  }
}
