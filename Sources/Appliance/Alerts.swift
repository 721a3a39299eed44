import Wire

// Alerts: what the device watches of itself, second by second.
//
//                 raiseS samples on end at or beyond a threshold
//   none ─────────────────────────▶ warning ─────────────────────────▶ critical
//     ▲                              │    ▲                               │
//     └──── clearS samples on end ───┘    └────── clearS samples on end ──┘
//           better than 9/10 of the threshold
//
// A worse level may be reached at once, past the other; the way back is gone the same way. Between
// a threshold and nine tenths of it nothing changes: a value that swings there raises no storm of
// events.

/// What one second was like. Shares are in thousandths; nil: nothing happened by which to tell.
public struct Sample: Equatable, Sendable {
  /// 95th percentile of the time that answers took, microseconds.
  public var latencyUs: UInt32?
  public var errors: UInt32?
  public var cpu: UInt32?
  public var memory: UInt32?
  public var connections: UInt32?
  public var queue: UInt32 = 0
  public var slots: UInt32 = 0
  /// Requests a second.
  public var throughput: UInt32 = 0

  public init() {}

  fileprivate subscript(alert: Alert) -> UInt32? {
    switch alert {
    case .latency: latencyUs
    case .errors: errors
    case .cpu: cpu
    case .memory: memory
    case .connections: connections
    case .queue: queue
    case .slots: slots
    case .throughput: throughput
    }
  }
}

/// All alerts: their levels, and when these change.
public struct Alerts: Sendable {
  struct State: Sendable {
    var level = AlertLevel.none
    var value: UInt32 = 0
    var since = Instant(ms: 0)
    var raised: UInt32 = 0
    /// Samples on end that call for another level, and for which.
    var calls: UInt16 = 0
    var called = AlertLevel.none
  }

  private let configuration: Configuration.Alerts
  private var states = InlineArray<8, State>(repeating: State())

  init(_ configuration: Configuration.Alerts) { self.configuration = configuration }

  /// Levels are counted from the agent's start.
  mutating func start(now: Instant) {
    for number in 0..<Alert.count { states[number].since = now }
  }

  /// Takes the sample of one more second.
  mutating func take(_ sample: Sample, now: Instant, _ effects: inout Effects) {
    for number in 0..<Alert.count {
      guard let alert = Alert(rawValue: UInt8(number)) else { continue }
      // Nothing was asked: nothing is slow or wrong any more.
      take(sample[alert] ?? 0, of: alert, now: now, &effects)
    }
  }

  private mutating func take(
    _ value: UInt32, of alert: Alert, now: Instant, _ effects: inout Effects
  ) {
    var state = states[Int(alert.rawValue)]
    state.value = value
    let wanted = level(for: value, of: alert, from: state.level)
    if wanted == state.level {
      state.calls = 0
    } else {
      // Whether it is called for by one step or by two, it is the same direction that counts.
      let worse = wanted.rawValue > state.level.rawValue
      let goesOn = state.calls > 0 && (state.called.rawValue > state.level.rawValue) == worse
      state.calls = goesOn ? state.calls + 1 : 1
      state.called = goesOn ? milder(state.called, wanted, worse: worse) : wanted
      if state.calls >= (worse ? configuration.raiseS : configuration.clearS) {
        change(&state, of: alert, now: now, &effects)
      }
    }
    states[Int(alert.rawValue)] = state
  }

  /// Of two levels that were called for, the one nearer to the present one.
  private func milder(_ left: AlertLevel, _ right: AlertLevel, worse: Bool) -> AlertLevel {
    (left.rawValue < right.rawValue) == worse ? left : right
  }

  private func change(
    _ state: inout State, of alert: Alert, now: Instant, _ effects: inout Effects
  ) {
    if state.level == .none { state.raised &+= 1 }
    // The one that the new level has, or had until now.
    let threshold = threshold(of: alert, state.called == .none ? state.level : state.called)
    state.level = state.called
    state.since = now
    state.calls = 0
    let words = words(state, of: alert, threshold)
    effects.append(
      .publish(
        Event(
          .alertChanged, value: UInt32(alert.rawValue) | UInt32(state.level.rawValue) << 8,
          detail: words)))
    effects.append(.log(LogLine(state.level == .none ? .info : .warning, Text<160>(words))))
  }

  /// The level that a value calls for: a worse one from its threshold on, a better one only when it
  /// is clearly better than the threshold of the present one.
  private func level(for value: UInt32, of alert: Alert, from present: AlertLevel) -> AlertLevel {
    var level = AlertLevel.none
    for number in 1...AlertLevel.critical.rawValue {
      guard let candidate = AlertLevel(rawValue: number) else { continue }
      let threshold = UInt64(threshold(of: alert, candidate))
      guard threshold > 0 else { continue }
      let isHeld = candidate.rawValue <= present.rawValue
      if alert == .throughput {
        if UInt64(value) * 10 < threshold * (isHeld ? 11 : 10) { level = candidate }
      } else {
        if UInt64(value) * 10 >= threshold * (isHeld ? 9 : 10) { level = candidate }
      }
    }
    return level
  }

  private func threshold(of alert: Alert, _ level: AlertLevel) -> UInt32 {
    let pair = configuration[alert]
    switch level {
    case .none: return 0
    case .warning: return pair.warning
    case .critical: return pair.critical
    }
  }

  /// For example `slots: warning, 91.2 % (from 90.0 %)`.
  private func words(_ state: State, of alert: Alert, _ threshold: UInt32) -> Text<88> {
    var words = Text<88>(alert.name)
    switch state.level {
    case .none: words.append(": cleared, ")
    case .warning: words.append(": warning, ")
    case .critical: words.append(": critical, ")
    }
    words.append(state.value, of: alert)
    words.append(alert == .throughput ? " (below " : " (from ")
    words.append(threshold, of: alert)
    words.append(")")
    return words
  }

  // MARK: For clients

  /// The reasons of health that are alerts.
  var reasons: HealthReasons {
    var reasons = HealthReasons.none
    for number in 0..<Alert.count where states[number].level != .none {
      if let alert = Alert(rawValue: UInt8(number)) { reasons.insert(alert.reason) }
    }
    return reasons
  }

  /// The answer to `alertList`.
  func write(now: Instant, into writer: inout ByteWriter) {
    AlertListHead(count: UInt16(Alert.count)).encode(into: &writer)
    for number in 0..<Alert.count {
      guard let alert = Alert(rawValue: UInt8(number)) else { continue }
      let state = states[number]
      var entry = AlertEntry()
      entry.alert = Code(alert)
      entry.level = Code(state.level)
      entry.value = state.value
      entry.warning = threshold(of: alert, .warning)
      entry.critical = threshold(of: alert, .critical)
      entry.levelForMs = now.since(state.since)
      entry.raised = state.raised
      entry.encode(into: &writer)
    }
  }
}

extension Alert {
  fileprivate var name: StaticString {
    switch self {
    case .latency: "latency"
    case .errors: "errors"
    case .cpu: "cpu"
    case .memory: "memory"
    case .connections: "connections"
    case .queue: "queue"
    case .slots: "slots"
    case .throughput: "throughput"
    }
  }

  fileprivate var reason: HealthReasons {
    switch self {
    case .latency: .latencyHigh
    case .errors: .errorsMany
    case .cpu: .cpuBusy
    case .memory: .memoryShort
    case .connections: .connectionsFailing
    case .queue: .queueLong
    case .slots: .slotsNearlyFull
    case .throughput: .throughputLow
    }
  }
}

extension Text {
  /// A value in its alert's unit.
  fileprivate mutating func append(_ value: UInt32, of alert: Alert) {
    switch alert {
    case .latency:
      append(decimal: UInt64(value / 1000))
      append(" ms")
    case .throughput:
      append(decimal: UInt64(value))
      append(" requests/s")
    case .errors, .cpu, .memory, .connections, .queue, .slots:
      append(decimal: UInt64(value / 10))
      append(".")
      append(decimal: UInt64(value % 10))
      append(" %")
    }
  }
}
