import Foundation

/// Milliseconds for a person: the two largest units, `3 d 4 h`.
func spoken(ms: UInt64) -> String {
  guard ms >= 1000 else { return "\(ms) ms" }
  let seconds = ms / 1000
  let units: [(size: UInt64, name: String)] = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")]
  var rest = seconds
  var parts: [String] = []
  for unit in units where parts.count < 2 {
    let count = rest / unit.size
    rest %= unit.size
    if count > 0 || !parts.isEmpty { parts.append("\(count) \(unit.name)") }
  }
  return parts.joined(separator: " ")
}

/// Bytes for a person, in binary units.
func spoken(bytes: UInt64) -> String {
  var value = Double(bytes)
  var unit = "B"
  for next in ["KiB", "MiB", "GiB", "TiB"] where value >= 1024 {
    value /= 1024
    unit = next
  }
  return unit == "B" ? "\(bytes) B" : String(format: "%.1f %@", value, unit)
}

/// A point in time in UTC, to the second: `2026-01-01 00:00:00`.
func spoken(unixMs: UInt64) -> String {
  Date(timeIntervalSince1970: Double(unixMs / 1000)).formatted(
    Date.ISO8601FormatStyle(dateTimeSeparator: .space).year().month().day()
      .time(includingFractionalSeconds: false))
}

/// Microseconds for a person, who thinks in milliseconds: `0.012 ms`, `3.4 ms`, `1000 ms`.
func spoken(us: UInt64) -> String {
  let ms = Double(us) / 1000
  return switch us {
  case ..<1000: String(format: "%.3f ms", ms)
  case ..<100_000: String(format: "%.1f ms", ms)
  default: String(format: "%.0f ms", ms)
  }
}
