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

  /// A figure and its unit stay in one line.
  static func unbroken(_ text: String) -> String {
    text.replacing(#/(\d) (%|ms|s|min|h|B|KiB|MiB)(?!\w)/#) { "\($0.1)\u{A0}\($0.2)" }
  }

  // MARK: Axes

  /// A place of an axis that ends at `most` and whose places are so far apart, in six letters or
  /// so: `0.25`, `1,500`, `20 k`, `1 G`, `5e-5`.
  static func tick(_ value: Double, most: Double, apart: Double) -> String {
    let size = abs(value)
    if size > 0, size < 0.9995e-3 {
      return String(format: "%.1e", value).replacing(".0e", with: "e").replacing("e-0", with: "e-")
    }
    let prefixes = [(1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")]
    guard most >= 10_000, let (unit, prefix) = prefixes.first(where: { size >= $0.0 * 0.9995 }),
      // Otherwise neighbours would read alike.
      apart >= unit / 100
    else { return number(value) }
    return "\(number(value / unit)) \(prefix)"
  }

  /// `0`, `20 µs`, `500 ms`, `1.5 s`, `20 ks`.
  static func tick(milliseconds: Double) -> String {
    switch abs(milliseconds) {
    case 9_999_500...: tick(milliseconds / 1000, most: .infinity, apart: .infinity) + "s"
    case 999.5...: "\(number(milliseconds / 1000)) s"
    case 0.9995...: "\(number(milliseconds)) ms"
    case 0.9995e-3...: "\(number(milliseconds * 1000)) µs"
    case 0: "0"
    default: "\(number(milliseconds * 1e6)) ns"
    }
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

  /// `0.5 s`, `90 s`, `4 min 22 s`, `1 h 3 min`.
  static func duration(_ seconds: Double) -> String {
    guard seconds >= 120, seconds < 1e12 else { return "\(number(seconds)) s" }
    let whole = whole(seconds)
    return whole < 3600
      ? "\(whole / 60) min \(whole % 60) s" : "\(grouped(whole / 3600)) h \(whole / 60 % 60) min"
  }

  /// `2026-11-23 02:13:20 UTC`
  static func date(_ unixS: Double) -> String {
    ISO8601DateFormatter().string(from: Date(timeIntervalSince1970: unixS))
      .replacing("T", with: " ").replacing("Z", with: " UTC")
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

  /// `64 B`, `1.5 KiB`, `2 MiB`.
  static func size(_ bytes: Double) -> String {
    bytes < 1023.5 ? "\(grouped(whole(bytes))) B" : memory(bytes / 1024)
  }

  /// `≤ 100 ms`
  static func limit(_ quantity: String, _ value: Double) -> String {
    (quantity.hasSuffix("_per_second") ? "≥ " : "≤ ") + threshold(quantity, value)
  }

  /// What a threshold bounds, in words; its name in plans where there are none.
  static func quantity(_ name: String) -> String {
    switch name {
    case "p50_ms": "P50 of answers"
    case "p95_ms": "P95 of answers"
    case "p99_ms": "P99 of answers"
    case "connect_p99_ms": "P99 of connections"
    case "errors_percent": "failed requests"
    case "busy_percent": "told BUSY"
    case "dropped_percent": "requests never sent"
    case "answers_per_second": "answers"
    case "memory_kib": "memory"
    case "memory_growth_kib": "growth of memory"
    case "cpu_percent": "processor"
    case "recovery_s": "recovery"
    default: name
    }
  }

  /// A value of a threshold's quantity, with its unit.
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
