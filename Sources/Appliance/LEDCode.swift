import Wire

/// On and off times of a blink code, in milliseconds, on first, repeated for ever.
public struct LEDPattern: Equatable, Sendable {
  private var times = InlineArray<16, UInt16>(repeating: 0)
  /// Times in use: even, or 0 for a steady light.
  public private(set) var count = 0
  private let steady: Bool

  private init(steady: Bool) { self.steady = steady }

  static let off = LEDPattern(steady: false)
  static let on = LEDPattern(steady: true)

  /// Equal blinks without a pause.
  static func blink(on: UInt16, off: UInt16) -> LEDPattern {
    count(1, on: on, gap: off, pause: off)
  }

  /// `blinks` (1 … 8) flashes with `gap` between them and `pause` behind the last.
  static func count(_ blinks: Int, on: UInt16 = 200, gap: UInt16 = 200, pause: UInt16 = 1200)
    -> LEDPattern
  {
    var pattern = LEDPattern(steady: false)
    for blink in 1...blinks {
      pattern.times[2 * blink - 2] = on
      pattern.times[2 * blink - 1] = blink == blinks ? pause : gap
    }
    pattern.count = 2 * blinks
    return pattern
  }

  /// The time at `index`; even ones are on, odd ones off.
  public subscript(index: Int) -> UInt16 {
    precondition(index < count, "pattern index out of range")
    return times[index]
  }

  public var periodMs: UInt64 {
    var sum: UInt64 = 0
    for index in 0..<count { sum += UInt64(times[index]) }
    return sum
  }

  /// Where in the period the dark time behind the last flash begins; 0 for a steady light.
  var lastDarkMs: UInt64 { count > 0 ? periodMs - UInt64(times[count - 1]) : 0 }

  /// Flashes in a period; 0: steady.
  public var blinks: Int { count / 2 }

  /// The light `elapsedMs` after the pattern began, and milliseconds until it changes (nil: never).
  public func level(elapsedMs: UInt64) -> (on: Bool, changesInMs: UInt64?) {
    guard count > 0 else { return (steady, nil) }
    var rest = elapsedMs % periodMs
    for index in 0..<count {
      let time = UInt64(times[index])
      if rest < time { return (index % 2 == 0, time - rest) }
      rest -= time
    }
    preconditionFailure("a rest of a period lies in the period")
  }

  public static func == (left: Self, right: Self) -> Bool {
    guard left.count == right.count, left.steady == right.steady else { return false }
    for index in 0..<left.count where left.times[index] != right.times[index] { return false }
    return true
  }
}

/// Every code that the LEDs show. The README's table and the tests are made from these.
///
/// Codes differ by rhythm or by the number of flashes, never by colour or brightness. A count is
/// flashes of 200 ms, 200 ms apart, and a pause of 1.2 s.
///
/// | LED | code | light | meaning |
/// |---|---|---|---|
/// | power | starting | 100 ms on, 100 ms off | starting |
/// | power | healthy | steady | everything does its job |
/// | power | degraded | 1 flash | it works, with a fault; see health |
/// | power | failed | 2 flashes | it does not do its job; see health |
/// | power | configurationInvalid | 3 flashes | wrong configuration; the last good one holds |
/// | power | safeMode | 4 flashes | safe mode after repeated watchdog resets |
/// | power | dataUnavailable | 5 flashes | the data partition cannot be used; see health |
/// | power | storageFull | 6 flashes | no room for recordings, or nothing is written |
/// | power | stopping | 500 ms on, 500 ms off | stopping; cut the power when it is off |
/// | power | off | off | no power, or stopped |
/// | camera | noCamera | off | no camera is plugged in |
/// | camera | probing | 100 ms on, 100 ms off | a camera is being examined |
/// | camera | ready | steady | every camera is in order |
/// | camera | cameraAbsent | 1 flash | a known camera is not plugged in |
/// | camera | cameraFailed | 2 flashes | a camera has failed or gives no picture |
/// | camera | cameraBusy | 3 flashes | a camera is held by another process |
/// | camera | noCameraSlot | 4 flashes | more cameras than slots, or no USB bandwidth |
/// | link | noLink | off | no cable |
/// | link | noAddress | 500 ms on, 500 ms off | a link, but no address |
/// | link | address | steady | reachable |
/// | link | client | 900 ms on, 100 ms off | reachable, and a client is connected |
/// | link | pairing | 2 flashes | reachable, and a client without a key may pair |
/// | all | forgotten | 300 ms on, 300 ms off | all keys are forgotten: let go of the button |
/// | all | identify | 600 ms on, 100 ms off, 100 ms on, 100 ms off | `identify`: this is the box |
public enum LEDCode: UInt8, Equatable, Sendable {
  case starting, healthy, degraded, failed, configurationInvalid, safeMode
  case dataUnavailable, storageFull, stopping, off
  case noCamera, probing, ready, cameraAbsent, cameraFailed, cameraBusy, noCameraSlot
  case noLink, noAddress, address, client, pairing
  case forgotten, identify

  /// Codes there are; raw values count from 0.
  public static let count: UInt8 = 24

  /// The code's name in documents.
  public var label: StaticString {
    switch self {
    case .starting: "starting"
    case .healthy: "healthy"
    case .degraded: "degraded"
    case .failed: "failed"
    case .configurationInvalid: "configurationInvalid"
    case .safeMode: "safeMode"
    case .stopping: "stopping"
    case .off: "off"
    case .noCamera: "noCamera"
    case .probing: "probing"
    case .ready: "ready"
    case .cameraAbsent: "cameraAbsent"
    case .cameraFailed: "cameraFailed"
    case .cameraBusy: "cameraBusy"
    case .noCameraSlot: "noCameraSlot"
    case .noLink: "noLink"
    case .noAddress: "noAddress"
    case .address: "address"
    case .client: "client"
    case .identify: "identify"
    case .pairing: "pairing"
    case .forgotten: "forgotten"
    case .dataUnavailable: "dataUnavailable"
    case .storageFull: "storageFull"
    }
  }

  public var pattern: LEDPattern {
    switch self {
    case .off, .noCamera, .noLink: .off
    case .healthy, .ready, .address: .on
    case .starting, .probing: .blink(on: 100, off: 100)
    case .stopping, .noAddress: .blink(on: 500, off: 500)
    case .client: .blink(on: 900, off: 100)
    case .forgotten: .blink(on: 300, off: 300)
    case .degraded, .cameraAbsent: .count(1)
    case .failed, .cameraFailed, .pairing: .count(2)
    case .configurationInvalid, .cameraBusy: .count(3)
    case .safeMode, .noCameraSlot: .count(4)
    case .dataUnavailable: .count(5)
    case .storageFull: .count(6)
    case .identify: .identify
    }
  }

  /// The LED that shows it; nil: all three together.
  public var led: LED? {
    switch self {
    case .starting, .healthy, .degraded, .failed, .configurationInvalid, .safeMode,
      .stopping, .off, .dataUnavailable, .storageFull:
      .power
    case .noCamera, .probing, .ready, .cameraAbsent, .cameraFailed, .cameraBusy, .noCameraSlot:
      .camera
    case .noLink, .noAddress, .address, .client, .pairing: .link
    case .identify, .forgotten: nil
    }
  }
}

extension LEDPattern {
  static let identify: LEDPattern = {
    var pattern = LEDPattern.count(2, on: 100, gap: 100, pause: 100)
    pattern.times[0] = 600
    return pattern
  }()
}
