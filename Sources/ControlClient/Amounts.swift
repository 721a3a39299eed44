import Foundation

// Amounts as a person writes them: `1h30m`, `20G`, `2026-01-01T12:00`.

/// A span of time: numbers with `d`, `h`, `m` (or `min`) and `s`, the larger units first, or a
/// plain number of seconds.
public struct TimeSpan: Sendable, Equatable {
  public var seconds: UInt64

  public init(seconds: UInt64) { self.seconds = seconds }

  /// nil: the text is no span, or longer than 100 years.
  public init?(_ text: String) {
    if let seconds = UInt64(text), text.allSatisfy(\.isNumber) {
      self.init(checked: seconds)
      return
    }
    let units: [(name: String, seconds: UInt64)] = [
      ("d", 86_400), ("h", 3600), ("min", 60), ("m", 60), ("s", 1),
    ]
    var rest = text[...]
    var sum: UInt64 = 0
    var smallest = UInt64.max
    while !rest.isEmpty {
      let digits = rest.prefix { $0.isASCII && $0.isNumber }
      rest = rest.dropFirst(digits.count)
      guard digits.count <= 10, let count = UInt64(digits),
        let unit = units.first(where: { rest.hasPrefix($0.name) }), unit.seconds < smallest
      else { return nil }
      rest = rest.dropFirst(unit.name.count)
      smallest = unit.seconds
      sum += count * unit.seconds
    }
    guard smallest != .max else { return nil }
    self.init(checked: sum)
  }

  private init?(checked seconds: UInt64) {
    guard seconds <= 100 * 366 * 86_400 else { return nil }
    self.init(seconds: seconds)
  }
}

/// An amount of bytes: a number with `K`, `M`, `G` or `T`, which count in 1024, as `KiB` and so on
/// do; `kB`, `MB`, `GB` and `TB` count in 1000. A plain number counts bytes.
public struct ByteAmount: Sendable, Equatable {
  public var bytes: UInt64

  public init(bytes: UInt64) { self.bytes = bytes }

  /// nil: the text is no amount, or more than an exbibyte.
  public init?(_ text: String) {
    let number = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
    let unit = text.dropFirst(number.count).lowercased()
    guard let value = Double(number), number.first != "." else { return nil }
    var factor = 1.0
    if unit != "", unit != "b" {
      guard let power = ["k", "m", "g", "t"].firstIndex(of: unit.prefix(1).lowercased()) else {
        return nil
      }
      switch unit.dropFirst() {
      case "", "ib": factor = pow(1024, Double(power + 1))
      case "b": factor = pow(1000, Double(power + 1))
      default: return nil
      }
    }
    let bytes = (value * factor).rounded()
    guard bytes <= 0x1p60 else { return nil }
    self.init(bytes: UInt64(bytes))
  }
}

/// A point in time: ISO 8601, UTC where it names no zone, the time of day left out for midnight; or
/// a span of time ago (`2h`).
public struct PointInTime: Sendable, Equatable {
  public var unixMs: UInt64

  /// nil: the text is neither, or lies before 1970.
  public init?(_ text: String, now: Date = Date()) {
    if !text.contains("-"), let ago = TimeSpan(text), !text.allSatisfy(\.isNumber) {
      let seconds = now.timeIntervalSince1970 - Double(ago.seconds)
      guard seconds >= 0 else { return nil }
      unixMs = UInt64(seconds * 1000)
      return
    }
    guard let date = Self.date(text), date.timeIntervalSince1970 >= 0 else { return nil }
    unixMs = UInt64((date.timeIntervalSince1970 * 1000).rounded())
  }

  private static func date(_ text: String) -> Date? {
    var text = text.replacing(" ", with: "T").uppercased()
    // Foundation takes 25:00 for one o'clock.
    if let time = text.firstMatch(of: /T(\d\d):(\d\d)/) {
      guard let hour = Int(time.1), hour < 24, let minute = Int(time.2), minute < 60 else {
        return nil
      }
    }
    if text.wholeMatch(of: /\d{4}-\d\d-\d\d/) != nil { text += "T00:00" }
    if text.wholeMatch(of: /.*T\d\d:\d\d(Z|[+-]\d\d:?\d\d)?/) != nil {
      let end = text.index(text.startIndex, offsetBy: 16)
      text.insert(contentsOf: ":00", at: end)
    }
    if text.wholeMatch(of: /.*T[\d:.]+/) != nil { text += "Z" }
    let style = Date.ISO8601FormatStyle()
    return (try? style.parse(text))
      ?? (try? style.time(includingFractionalSeconds: true).parse(text))
  }
}
