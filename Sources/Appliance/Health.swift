import Wire

// Health is derived from the machines at the end of every step, never kept up by hand.

/// A state with its reasons.
public struct Health: Equatable, Sendable {
  public var state: HealthState
  public var reasons: HealthReasons

  /// What the reasons make of an appliance that is neither starting nor stopping.
  static func state(of reasons: HealthReasons) -> HealthState {
    if reasons.intersects(.failures) { return .failed }
    return (reasons - .notes).isEmpty ? .healthy : .degraded
  }
}

extension HealthReasons {
  /// The documented names of the reasons, as many as fit.
  var words: Text<88> {
    var words = Text<88>()
    for bit in 0..<HealthReasons.names where intersects(.bit(bit)) {
      let name = HealthReasons.name(ofBit: bit)
      // A name that does not fit whole would be taken for another.
      guard words.count + name.utf8CodeUnitCount + 2 <= 88 else { break }
      if !words.isEmpty { words.append(", ") }
      words.append(name)
    }
    return words
  }

  /// Bits that have a name.
  static let names = 35

  private static func name(ofBit bit: Int) -> StaticString {
    switch HealthReasons.bit(bit) {
    case .configurationInvalid: "configurationInvalid"
    case .ledsUnavailable: "ledsUnavailable"
    case .watchdogUnavailable: "watchdogUnavailable"
    case .watchdogReset: "watchdogReset"
    case .safeMode: "safeMode"
    case .mediaServerDown: "mediaServerDown"
    case .mediaServerUnresponsive: "mediaServerUnresponsive"
    case .mediaServerSockets: "mediaServerSockets"
    case .cameraFailed: "cameraFailed"
    case .cameraStalled: "cameraStalled"
    case .cameraBusy: "cameraBusy"
    case .cameraNoBandwidth: "cameraNoBandwidth"
    case .networkDown: "networkDown"
    case .clockUntrusted: "clockUntrusted"
    case .dataMissing: "dataMissing"
    case .dataReadOnly: "dataReadOnly"
    case .storageLow: "storageLow"
    case .storageCritical: "storageCritical"
    case .slotsNearlyFull: "slotsNearlyFull"
    case .childQuarantined: "childQuarantined"
    case .udevUnavailable: "udevUnavailable"
    case .noCameraSlot: "noCameraSlot"
    case .cameraSlow: "cameraSlow"
    case .latencyHigh: "latencyHigh"
    case .errorsMany: "errorsMany"
    case .cpuBusy: "cpuBusy"
    case .memoryShort: "memoryShort"
    case .connectionsFailing: "connectionsFailing"
    case .queueLong: "queueLong"
    case .throughputLow: "throughputLow"
    case .dataFailing: "dataFailing"
    case .dataHanging: "dataHanging"
    case .storageWarning: "storageWarning"
    case .recordingStalled: "recordingStalled"
    case .recordingSuspended: "recordingSuspended"
    default: "unknown"
    }
  }
}

extension Appliance {
  /// What the machines make of it now. `mutating`, and its parts likewise: getters would be given
  /// copies of all machines.
  mutating func judgedHealth() -> Health {
    let reasons =
      boardReasons() | mediaServerReasons() | cameraReasons() | storage.reasons
      | recordings.reasons | alerts.reasons
    switch boot.state {
    case .idle, .starting: return Health(state: .starting, reasons: reasons)
    case .stopping, .stopped: return Health(state: .stopping, reasons: reasons)
    case .ready: return Health(state: Health.state(of: reasons), reasons: reasons)
    }
  }

  private mutating func boardReasons() -> HealthReasons {
    var reasons = HealthReasons.none
    reasons.set(.configurationInvalid, facts.configurationError.line > 0)
    reasons.set(.ledsUnavailable, !ledsAvailable())
    reasons.set(
      .watchdogUnavailable, !configuration.watchdog.device.isEmpty && !facts.watchdogAvailable)
    reasons.set(.watchdogReset, facts.reset == .watchdog)
    reasons.set(.safeMode, isSafeMode)
    reasons.set(.networkDown, configuration.network.mode != .off && !(linkUp && address != .any))
    reasons.set(.clockUntrusted, !clock.isTrusted)
    return reasons
  }

  private mutating func ledsAvailable() -> Bool {
    for index in 0..<3
    where configuration.leds[index].place != .none && !facts.ledAvailable[index] {
      return false
    }
    return true
  }

  private mutating func mediaServerReasons() -> HealthReasons {
    guard mediaServer.isConfigured, !isSafeMode else { return .none }
    var reasons = HealthReasons.none
    reasons.set(.mediaServerSockets, mediaServer.sockets == .other)
    switch mediaServer.wireState {
    case .up: break
    case .unresponsive: reasons.insert(.mediaServerUnresponsive)
    case .quarantined: reasons.insert(.mediaServerDown | .childQuarantined)
    case .off, .starting, .stopping, .waiting: reasons.insert(.mediaServerDown)
    }
    return reasons
  }

  private mutating func cameraReasons() -> HealthReasons {
    guard !isSafeMode else { return .none }
    var reasons = HealthReasons.none
    reasons.set(.udevUnavailable, configuration.cameras.enabled && !facts.udevAvailable)
    reasons.set(.noCameraSlot, cameras.waitingCount > 0)
    for index in cameras.slots {
      reasons.set(
        .childQuarantined,
        reasons.contains(.childQuarantined)
          || cameras.table[index].probe.phase == .quarantined
          || cameras.table[index].feed.child.phase == .quarantined)
      guard cameras.table[index].isPresent else { continue }
      if cameras.table[index].feed.isSlow { reasons.insert(.cameraSlow) }
      switch cameras.table[index].condition().state {
      case .failed: reasons.insert(.cameraFailed)
      case .busy: reasons.insert(.cameraBusy)
      case .stalled: reasons.insert(.cameraStalled)
      case .noBandwidth: reasons.insert(.cameraNoBandwidth)
      case .absent, .probing, .ready, .starting, .streaming: break
      }
    }
    return reasons
  }
}
