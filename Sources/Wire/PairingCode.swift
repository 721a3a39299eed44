/// A one-time code: 60 random bits, for people three groups of four signs, "7K3M-0WXY-9ABC".
///
/// The signs are Crockford's base 32 (crockford.com/base32.html): no I, L, O and U. Whoever types
/// it may write small letters, O for 0, I and L for 1, and leave the dashes out.
///
/// It is a secret while it is valid, so nothing turns it into text but `withText`.
public struct PairingCode: Equatable, Sendable {
  /// Bytes of the text.
  public static let textSize = 14
  private static let digits = 12
  private static let mask: UInt64 = (1 << 60) - 1

  private var bits: UInt64

  /// - Parameter random: its lower 60 bits count.
  public init(random: UInt64) { bits = random & PairingCode.mask }

  /// What somebody has typed; nil where it is no code. Dashes and blanks do not count.
  public init?(typed: UnsafeRawBufferPointer) {
    bits = 0
    var count = 0
    for byte in typed where byte != UInt8(ascii: "-") && byte != UInt8(ascii: " ") {
      guard count < PairingCode.digits, let value = PairingCode.value(of: byte) else { return nil }
      bits = bits << 5 | UInt64(value)
      count += 1
    }
    guard count == PairingCode.digits else { return nil }
  }

  /// Runs `body` over the 14 bytes of the text, from which both sides derive the key of the
  /// handshake. They are wiped afterwards.
  public func withText<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    var text = InlineArray<14, UInt8>(repeating: UInt8(ascii: "-"))
    var rest = bits
    for place in 0..<PairingCode.textSize {
      let index = PairingCode.textSize - 1 - place
      guard index != 4, index != 9 else { continue }
      text[index] = PairingCode.sign(of: UInt8(rest & 31))
      rest >>= 5
    }
    defer {
      for index in text.indices { text[index] = 0 }
    }
    return text.span.withUnsafeBytes { body($0) }
  }

  private static func sign(of value: UInt8) -> UInt8 {
    switch value {
    case 0...9: UInt8(ascii: "0") + value
    case 10...17: UInt8(ascii: "A") + value - 10
    case 18...19: UInt8(ascii: "J") + value - 18
    case 20...21: UInt8(ascii: "M") + value - 20
    case 22...26: UInt8(ascii: "P") + value - 22
    default: UInt8(ascii: "V") + value - 27
    }
  }

  private static func value(of sign: UInt8) -> UInt8? {
    let isSmall = (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(sign)
    let letter = isSmall ? sign - 32 : sign
    switch letter {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): return letter - UInt8(ascii: "0")
    case UInt8(ascii: "A")...UInt8(ascii: "H"): return letter - UInt8(ascii: "A") + 10
    case UInt8(ascii: "J")...UInt8(ascii: "K"): return letter - UInt8(ascii: "J") + 18
    case UInt8(ascii: "M")...UInt8(ascii: "N"): return letter - UInt8(ascii: "M") + 20
    case UInt8(ascii: "P")...UInt8(ascii: "T"): return letter - UInt8(ascii: "P") + 22
    case UInt8(ascii: "V")...UInt8(ascii: "Z"): return letter - UInt8(ascii: "V") + 27
    case UInt8(ascii: "O"): return 0
    case UInt8(ascii: "I"), UInt8(ascii: "L"): return 1
    default: return nil
    }
  }
}
