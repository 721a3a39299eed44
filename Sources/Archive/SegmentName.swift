import Wire

/// The name of a file that MediaMTX or the device itself has written:
/// `YYYY-mm-dd_HH-MM-SS-ffffff_BOOT8HEX-LIFE.EXTENSION`.
///
/// Date and time are the wall clock's, which may stand at 1970; the boot id makes the name the only
/// one of its kind all the same. LIFE counts MediaMTX's lives in that boot; 0: the device's own.
public struct SegmentName: Equatable, Sendable {
  /// What the wall clock showed when the file began, milliseconds since 1970-01-01 in the zone of
  /// whoever wrote it.
  public var wallMs: UInt64
  /// The first four bytes of the boot's id, the first one lowest.
  public var boot: UInt32
  public var life: UInt32

  public init(wallMs: UInt64, boot: UInt32, life: UInt32) {
    self.wallMs = wallMs
    self.boot = boot
    self.life = life
  }

  /// What a file of that name holds; nil: a foreign file, which is left alone.
  public static func kind(of name: Text<56>) -> FileKind? {
    guard name.isFileName, name.count > 4 else { return nil }
    if ends(name, ".mp4") { return .recording }
    return ends(name, ".jpg") ? .snapshot : nil
  }

  /// nil: the name is not of this form, or names no time from 1970 to 9999.
  public init?(_ name: Text<56>) {
    var parser = NameParser(name: name)
    guard let year = parser.number(4, then: "-"), let month = parser.number(2, then: "-"),
      let day = parser.number(2, then: "_"), let hour = parser.number(2, then: "-"),
      let minute = parser.number(2, then: "-"), let second = parser.number(2, then: "-"),
      let micros = parser.number(6, then: "_"), let boot = parser.bootID(),
      let life = parser.life(), year >= 1970, (1...12).contains(month), day >= 1,
      day <= CivilDate.days(inMonth: month, of: year), hour < 24, minute < 60, second < 60
    else { return nil }
    let days = CivilDate(year: year, month: month, day: day).daysSince1970
    let seconds = ((days * 24 + hour) * 60 + minute) * 60 + second
    self.init(wallMs: seconds * 1000 + micros / 1000, boot: boot, life: life)
  }

  /// The name, with `micros` 0 … 999 of the last millisecond.
  public func text(_ kind: FileKind, micros: UInt64 = 0) -> Text<56> {
    let seconds = wallMs / 1000
    let date = CivilDate(daysSince1970: seconds / 86_400)
    let second = seconds % 86_400
    var name = Text<56>()
    name.append(digits: date.year, width: 4, then: "-")
    name.append(digits: date.month, width: 2, then: "-")
    name.append(digits: date.day, width: 2, then: "_")
    name.append(digits: second / 3600, width: 2, then: "-")
    name.append(digits: second / 60 % 60, width: 2, then: "-")
    name.append(digits: second % 60, width: 2, then: "-")
    name.append(digits: wallMs % 1000 * 1000 + micros, width: 6, then: "_")
    name.append(hexadecimal: UInt64(boot.byteSwapped), width: 8)
    name.append("-")
    name.append(decimal: UInt64(life))
    name.append(kind == .recording ? ".mp4" : ".jpg")
    return name
  }

  /// What is left of a file that its writer in another boot has not finished: it was written as
  /// `.NAME.part` (lx_files.h).
  public static func isLeftover(_ name: Text<56>, boot: UInt32) -> Bool {
    guard name.count > 6, name[0] == UInt8(ascii: "."), ends(name, ".part") else { return false }
    var inner = Text<56>()
    for index in 1..<(name.count - 5) { inner.append(name[index]) }
    guard let segment = SegmentName(inner) else { return false }
    return segment.boot != boot
  }

  private static func ends(_ name: Text<56>, _ ending: StaticString) -> Bool {
    let start = name.count - ending.utf8CodeUnitCount
    for index in 0..<ending.utf8CodeUnitCount
    where name[start + index] != ending.utf8Start[index] { return false }
    return true
  }
}

extension Text {
  fileprivate mutating func append(digits value: UInt64, width: Int, then end: StaticString) {
    var scale: UInt64 = 1
    for _ in 1..<width { scale *= 10 }
    while scale > 0 {
      append(UInt8(ascii: "0") + UInt8(value / scale % 10))
      scale /= 10
    }
    append(end)
  }
}

/// Walks over a name's fields.
private struct NameParser {
  let name: Text<56>
  var at = 0

  init(name: Text<56>) { self.name = name }

  private func byte(_ index: Int) -> UInt8 { index < name.count ? name[index] : 0 }

  /// A decimal number of exactly `width` digits, and the byte behind it.
  mutating func number(_ width: Int, then end: Unicode.Scalar) -> UInt64? {
    var value: UInt64 = 0
    for _ in 0..<width {
      let digit = byte(at) &- UInt8(ascii: "0")
      guard digit <= 9 else { return nil }
      value = value * 10 + UInt64(digit)
      at += 1
    }
    guard byte(at) == UInt8(ascii: end) else { return nil }
    at += 1
    return value
  }

  /// Eight hexadecimal digits and a dash: the bytes of the id in their order.
  mutating func bootID() -> UInt32? {
    var value: UInt32 = 0
    for _ in 0..<8 {
      let digit: UInt8
      switch byte(at) {
      case let byte where byte &- UInt8(ascii: "0") <= 9: digit = byte - UInt8(ascii: "0")
      case let byte where byte &- UInt8(ascii: "a") <= 5: digit = byte - UInt8(ascii: "a") + 10
      default: return nil
      }
      value = value << 4 | UInt32(digit)
      at += 1
    }
    guard byte(at) == UInt8(ascii: "-") else { return nil }
    at += 1
    return value.byteSwapped
  }

  /// One to nine digits and a dot.
  mutating func life() -> UInt32? {
    var value: UInt32 = 0
    let start = at
    while byte(at) &- UInt8(ascii: "0") <= 9 {
      guard at - start < 9 else { return nil }
      value = value * 10 + UInt32(byte(at) - UInt8(ascii: "0"))
      at += 1
    }
    guard at > start, byte(at) == UInt8(ascii: "."), name.count == at + 4 else { return nil }
    return value
  }
}

/// A day of the Gregorian calendar from 1970 on.
///
/// The arithmetic is Howard Hinnant's (chrono-compatible low-level date algorithms,
/// `days_from_civil` and `civil_from_days`): years begin in March, so that the leap day is the
/// last.
struct CivilDate: Equatable {
  var year: UInt64
  var month: UInt64
  var day: UInt64

  init(year: UInt64, month: UInt64, day: UInt64) {
    self.year = year
    self.month = month
    self.day = day
  }

  /// Days from 0000-03-01 to 1970-01-01, and of 400 years.
  private static let epoch: UInt64 = 719_468
  private static let era: UInt64 = 146_097

  var daysSince1970: UInt64 {
    let shifted = month <= 2 ? year - 1 : year
    let yearOfEra = shifted % 400
    let dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    return shifted / 400 * CivilDate.era + dayOfEra - CivilDate.epoch
  }

  init(daysSince1970 days: UInt64) {
    let shifted = days + CivilDate.epoch
    let dayOfEra = shifted % CivilDate.era
    let yearOfEra =
      (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let month = (5 * dayOfYear + 2) / 153
    day = dayOfYear - (153 * month + 2) / 5 + 1
    self.month = month < 10 ? month + 3 : month - 9
    year = yearOfEra + shifted / CivilDate.era * 400 + (self.month <= 2 ? 1 : 0)
  }

  static func days(inMonth month: UInt64, of year: UInt64) -> UInt64 {
    switch month {
    case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
    case 4, 6, 9, 11: 30
    default: 31
    }
  }
}
