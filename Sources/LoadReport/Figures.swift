import Foundation

/// Numbers as people read them.
enum Figures {
  /// `0.420 ms`, `3.1 ms`, `120 ms`, `1.2 s`.
  static func time(_ nanoseconds: UInt64) -> String {
    time(milliseconds: Double(nanoseconds) / 1e6)
  }

  static func time(milliseconds: Double) -> String {
    // A file may hold any number; what is longer than 30,000 years nobody has measured.
    guard abs(milliseconds) < 1e15 else { return "–" }
    return switch milliseconds {
    case 999.5...: String(format: "%.1f s", milliseconds / 1000)
    case 99.95...: String(format: "%.0f ms", milliseconds)
    case 0.9995...: String(format: "%.1f ms", milliseconds)
    default: String(format: "%.3f ms", milliseconds)
    }
  }

  /// `7`, `0.25`, `0.001`, `1,234`: three significant digits below a thousand.
  static func number(_ value: Double) -> String {
    guard value.isFinite else { return "–" }
    guard abs(value) < 999.5 else { return grouped(whole(value)) }
    guard abs(value) >= 1e-6 else { return "0" }
    let decimals = max(0, 2 - Int(log10(abs(value)).rounded(.down)))
    let text = String(format: "%.\(decimals)f", value)
    guard text.contains(".") else { return text }
    return String(text.reversed().drop { $0 == "0" }.drop { $0 == "." }.reversed())
  }

  /// The nearest integer; what a device tells may be any number, or none.
  static func whole(_ value: Double) -> Int {
    value.isNaN ? 0 : Int(min(1e18, max(-1e18, value)).rounded())
  }

  static func grouped(_ value: Int) -> String {
    let digits = Array(String(abs(value)))
    var text = ""
    for (index, digit) in digits.enumerated() {
      if index > 0, (digits.count - index).isMultiple(of: 3) { text += "," }
      text.append(digit)
    }
    return value < 0 ? "-" + text : text
  }

  /// With a capital and a full stop.
  static func sentence(_ text: String) -> String {
    "\(text.prefix(1).uppercased())\(text.dropFirst())."
  }

  /// How many thresholds hold, where all do.
  static func holding(_ count: Int) -> String {
    switch count {
    case 0: "no threshold was set"
    case 1: "the threshold holds"
    default: "all \(count) thresholds hold"
    }
  }

  /// The first three, and how many there are besides: a ladder has a reason for each of its steps.
  static func list(_ all: [String], separator: String = "; ") -> String {
    let rest = all.count > listed ? ["and \(all.count - listed) more"] : []
    return (all.prefix(listed) + rest).joined(separator: separator)
  }

  static let listed = 3

  static func memory(_ kibibytes: Double) -> String {
    kibibytes >= 1024 ? "\(number(kibibytes / 1024)) MiB" : "\(number(kibibytes)) KiB"
  }

  /// A threshold's quantity in words, with its unit.
  static func threshold(_ quantity: String, _ value: Double) -> String {
    switch quantity {
    case let name where name.hasSuffix("_ms"): time(milliseconds: value)
    case let name where name.hasSuffix("_percent"): "\(number(value)) %"
    case let name where name.hasSuffix("_kib"): memory(value)
    case let name where name.hasSuffix("_s"): "\(number(value)) s"
    default: "\(number(value))/s"
    }
  }
}
