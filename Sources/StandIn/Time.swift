/// Nanoseconds, of a duration or since 1970.
typealias Nanoseconds = Int64

let millisecond: Nanoseconds = 1_000_000
let second: Nanoseconds = 1_000_000_000

/// Durations as MediaMTX reads and lists them: Go's notation, with days on top.
enum DurationText {
  private static let units: [(String, Nanoseconds)] = [
    ("ns", 1), ("us", 1000), ("µs", 1000), ("ms", millisecond), ("s", second),
    ("m", 60 * second), ("h", 3600 * second), ("d", 86_400 * second),
  ]

  static func parse(_ text: String) -> Nanoseconds? {
    if text.isEmpty || text == "0" { return 0 }
    let bytes = Array(text.utf8)
    var total: Nanoseconds = 0
    var position = 0
    while position < bytes.count {
      let start = position
      while position < bytes.count, isDigit(bytes[position]) { position += 1 }
      let whole = Int64(String(decoding: bytes[start..<position], as: UTF8.self))
      let digits = digitsBehindPoint(bytes, &position)
      guard let whole, let unit = unit(bytes, &position) else { return nil }
      var fraction: Nanoseconds = 0
      for digit in digits.reversed() { fraction = (fraction + Int64(digit) * unit) / 10 }
      let product = whole.multipliedReportingOverflow(by: unit)
      let part = product.partialValue.addingReportingOverflow(fraction)
      let sum = total.addingReportingOverflow(part.partialValue)
      if product.overflow || part.overflow || sum.overflow { return nil }
      total = sum.partialValue
    }
    return total
  }

  /// The digits behind a point, of which those that can matter are kept.
  private static func digitsBehindPoint(_ bytes: [UInt8], _ position: inout Int) -> [UInt8] {
    guard position < bytes.count, bytes[position] == UInt8(ascii: ".") else { return [] }
    position += 1
    var digits: [UInt8] = []
    while position < bytes.count, isDigit(bytes[position]) {
      if digits.count < 18 { digits.append(bytes[position] - UInt8(ascii: "0")) }
      position += 1
    }
    return digits
  }

  private static func unit(_ bytes: [UInt8], _ position: inout Int) -> Nanoseconds? {
    let start = position
    while position < bytes.count, !isDigit(bytes[position]) { position += 1 }
    let name = String(decoding: bytes[start..<position], as: UTF8.self)
    for unit in units where unit.0 == name { return unit.1 }
    return nil
  }

  /// "1m0s", "200ms", "1d"; nothing at all for zero, which is how MediaMTX lists it.
  static func format(_ duration: Nanoseconds) -> String {
    let days = duration / (86_400 * second)
    let rest = duration % (86_400 * second)
    return (days > 0 ? "\(days)d" : "") + (rest > 0 ? clock(rest) : "")
  }

  private static func clock(_ duration: Nanoseconds) -> String {
    if duration < 1000 { return "\(duration)ns" }
    if duration < millisecond { return decimal(duration, unit: 1000) + "µs" }
    if duration < second { return decimal(duration, unit: millisecond) + "ms" }
    let hours = duration / (3600 * second)
    let minutes = duration / (60 * second) % 60
    let seconds = decimal(duration % (60 * second), unit: second) + "s"
    if hours > 0 { return "\(hours)h\(minutes)m" + seconds }
    return (minutes > 0 ? "\(minutes)m" : "") + seconds
  }

  /// A quotient with as many decimals as it needs.
  static func decimal(_ value: Nanoseconds, unit: Nanoseconds) -> String {
    var text = String(value / unit)
    var rest = value % unit
    if rest == 0 { return text }
    text += "."
    var scale = unit
    while rest > 0 {
      scale /= 10
      text += String(rest / scale)
      rest %= scale
    }
    return text
  }
}

func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

/// `value` in at least `width` digits.
func padded(_ value: Int64, _ width: Int) -> String {
  let digits = String(value)
  return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
}

/// A moment in UTC: the stand-in knows no other time zone.
struct CivilTime {
  var year: Int64
  var month: Int64
  var day: Int64
  var hour: Int64
  var minute: Int64
  var second: Int64
  var nanosecond: Int64

  /// Proleptic Gregorian calendar; 719468 days lie between 0000-03-01 and 1970-01-01.
  init(sinceEpoch nanoseconds: Nanoseconds) {
    let unit: Nanoseconds = 1_000_000_000
    let seconds = nanoseconds / unit
    nanosecond = nanoseconds % unit
    let days = seconds / 86_400 + 719_468
    let inDay = seconds % 86_400
    let era = days / 146_097
    let dayOfEra = days % 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shifted = (5 * dayOfYear + 2) / 153
    day = dayOfYear - (153 * shifted + 2) / 5 + 1
    month = shifted < 10 ? shifted + 3 : shifted - 9
    year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    hour = inDay / 3600
    minute = inDay / 60 % 60
    second = inDay % 60
  }

  init(year: Int64) {
    (self.year, month, day, hour, minute, second, nanosecond) = (year, 1, 1, 0, 0, 0, 0)
  }

  var sinceEpoch: Nanoseconds {
    let shiftedYear = month <= 2 ? year - 1 : year
    let era = shiftedYear / 400
    let yearOfEra = shiftedYear - era * 400
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    let days = era * 146_097 + dayOfEra - 719_468
    return (days * 86_400 + hour * 3600 + minute * 60 + second) * 1_000_000_000 + nanosecond
  }

  /// RFC 3339 with as many decimals as needed, as Go's RFC3339Nano.
  var rfc3339: String {
    let seconds = DurationText.decimal(second * 1_000_000_000 + nanosecond, unit: 1_000_000_000)
    return date("-") + "T" + padded(hour, 2) + ":" + padded(minute, 2) + ":"
      + (second < 10 ? "0" : "") + seconds + "Z"
  }

  /// The time in a log line.
  var logTime: String { date("/") + " " + time }

  /// The Date header of HTTP (RFC 9110, IMF-fixdate).
  var httpDate: String {
    let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
    let months = [
      "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]
    let weekday = Int(sinceEpoch / 1_000_000_000 / 86_400 % 7)
    return days[weekday] + ", " + padded(day, 2) + " " + months[Int(month) - 1] + " "
      + padded(year, 4) + " " + time + " GMT"
  }

  private var time: String {
    padded(hour, 2) + ":" + padded(minute, 2) + ":" + padded(second, 2)
  }

  private func date(_ separator: String) -> String {
    padded(year, 4) + separator + padded(month, 2) + separator + padded(day, 2)
  }
}
