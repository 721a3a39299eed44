import Wire

// Three LEDs, each showing one code of `LEDCode`:
//
//   state of the appliance ── code(of:) ──▶ code ── pattern at its age ──▶ on or off ──▶ effect
//
// A pattern begins when its code does, so that the first flash follows the change at once; a level
// is sent only when it changes.

/// What the LEDs show, without a clock.
public struct LEDSituation: Equatable {
  public var health = HealthState.starting
  public var reasons = HealthReasons.none
  public var isStopped = false
  public var camerasPresent = 0
  public var camerasKnown = 0
  public var camerasProbing = 0
  public var linkUp = false
  public var hasAddress = false
  public var clients = 0
  /// Somebody has opened the door to pairing.
  public var isPairing = false

  public init() {}
}

public struct LEDs {
  private struct Light {
    var code: LEDCode
    var since: Instant
    /// How far into its pattern the code began, in milliseconds.
    var phaseMs: UInt64 = 0
    /// The level last sent; nil: none yet.
    var level: Bool?
    var changesAt: Instant
  }

  /// What all three show together, before all else.
  private enum Together: Equatable {
    case nothing
    case code(LEDCode, until: Instant)
  }

  /// How long it is shown that all keys are forgotten.
  static let forgottenMs: UInt64 = 5000

  private var lights = InlineArray<3, Light>(
    repeating: Light(code: .off, since: Instant(ms: 0), level: nil, changesAt: .never))
  private var together = Together.nothing

  init() {}

  /// The code of each LED.
  public static func code(_ led: LED, of situation: LEDSituation) -> LEDCode {
    switch led {
    case .power where situation.isStopped: .off
    case .camera where situation.isStopped: .noCamera
    case .link where situation.isStopped: .noLink
    case .power: power(situation)
    case .camera: camera(situation)
    case .link: link(situation)
    }
  }

  /// Shows which box this is for `durationMs`; 0 ends it.
  mutating func identify(forMs durationMs: UInt64, now: Instant) {
    together = .nothing
    if durationMs > 0 { show(.identify, forMs: durationMs, now: now) }
  }

  /// Shows a code with all three.
  mutating func show(_ code: LEDCode, forMs durationMs: UInt64, now: Instant) {
    together = .code(code, until: now + durationMs)
  }

  public var isIdentifying: Bool {
    if case .code(.identify, _) = together { true } else { false }
  }

  /// Brings the lights up to date.
  mutating func update(_ situation: LEDSituation, now: Instant, _ effects: inout Effects) {
    if case .code(let code, let until) = together, now >= until {
      together = .nothing
      if code == .identify { effects.append(.publish(Event(.identify, value: 0))) }
    }
    for index in 0..<3 {
      guard let led = LED(rawValue: index) else { continue }
      var code = LEDs.code(led, of: situation)
      var isTogether = false
      if case .code(let shown, _) = together { (code, isTogether) = (shown, true) }
      let isNew = lights[index].code != code || lights[index].level == nil
      if isNew {
        lights[index].code = code
        lights[index].since = now
        let beginsDark = lights[index].level == true || isTogether
        lights[index].phaseMs = beginsDark ? code.pattern.lastDarkMs : 0
      }
      // Nothing to compute while the same pattern stays at the same level.
      guard isNew || now >= lights[index].changesAt else { continue }
      let elapsedMs = now.since(lights[index].since) + lights[index].phaseMs
      let light = code.pattern.level(elapsedMs: elapsedMs)
      lights[index].changesAt = now + (light.changesInMs ?? .max)
      guard lights[index].level != light.on else { continue }
      lights[index].level = light.on
      effects.append(.light(led, on: light.on))
    }
  }

  var nextDeadline: Instant {
    var deadline = Instant.never
    for index in 0..<3 { deadline = min(deadline, lights[index].changesAt) }
    if case .code(_, let until) = together { deadline = min(deadline, until) }
    return deadline
  }

  private static func power(_ situation: LEDSituation) -> LEDCode {
    switch situation.health {
    case .stopping: return .stopping
    case .starting where situation.reasons.contains(.safeMode): return .safeMode
    // Nothing installs updates yet; a board that does is not ready either.
    case .starting, .updating: return .starting
    case .healthy: return .healthy
    case .degraded, .failed:
      // The code that needs a person's hand comes first.
      if situation.reasons.contains(.safeMode) { return .safeMode }
      if situation.reasons.contains(.configurationInvalid) { return .configurationInvalid }
      if situation.health == .failed { return .failed }
      if situation.reasons.intersects(.dataUnavailable) { return .dataUnavailable }
      if situation.reasons.intersects(.noRoom) { return .storageFull }
      return .degraded
    }
  }

  private static func camera(_ situation: LEDSituation) -> LEDCode {
    let reasons = situation.reasons
    if reasons.intersects(.cameraFailed | .cameraStalled) { return .cameraFailed }
    if reasons.contains(.cameraBusy) { return .cameraBusy }
    if reasons.intersects(.noCameraSlot | .cameraNoBandwidth) { return .noCameraSlot }
    if situation.camerasProbing > 0 { return .probing }
    if situation.camerasPresent < situation.camerasKnown { return .cameraAbsent }
    return situation.camerasPresent > 0 ? .ready : .noCamera
  }

  private static func link(_ situation: LEDSituation) -> LEDCode {
    guard situation.linkUp else { return .noLink }
    guard situation.hasAddress else { return .noAddress }
    if situation.isPairing { return .pairing }
    return situation.clients > 0 ? .client : .address
  }
}

extension HealthReasons {
  /// The data partition cannot be used.
  fileprivate static let dataUnavailable = dataMissing | dataReadOnly | dataFailing | dataHanging
  /// Recordings have no room, or cannot be written.
  fileprivate static let noRoom =
    storageLow | storageCritical | recordingStalled | recordingSuspended
}
