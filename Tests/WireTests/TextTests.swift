import Testing

@testable import Wire

@Suite struct TextTests {
  @Test func cutsAtCharacterBoundaries() {
    #expect(Text<4>("aäb").string == "aäb")
    #expect(Text<3>("aaä").string == "aa")
    #expect(Text<4>("aaä").string == "aaä")
    #expect(Text<5>("aa€b").string == "aa€")
    #expect(Text<4>("aa€b").string == "aa")
    #expect(Text<3>("😀").string == "")
    #expect(Text<4>("😀x").string == "😀")
    #expect(Text<5>("x😀y").string == "x😀")
    #expect(Text<4>("x😀y").string == "x")
  }

  /// A flood of continuation bytes is no UTF-8: it is kept, not searched for a beginning.
  @Test func keepsMalformedBytes() {
    let bytes = [UInt8](repeating: 0x80, count: 9)
    #expect(bytes.withUnsafeBytes { Text<8>($0) }.count == 8)
  }

  @Test func endsAtZero() {
    let bytes: [UInt8] = [0x61, 0x62, 0, 0x63]
    #expect(bytes.withUnsafeBytes { Text<8>($0) }.string == "ab")
    #expect(Text<2>("ab").string == "ab")
  }

  @Test func copiesBetweenCapacities() {
    #expect(Text<32>(Text<8>("abc")).string == "abc")
    #expect(Text<2>(Text<8>("abc")).string == "ab")
    #expect(Text<4>(Text<8>("abcé")).string == "abc")
  }

  @Test func comparesContentOnly() {
    var grown = Text<8>("ab")
    grown.append(UInt8(ascii: "c"))
    #expect(grown == Text<8>("abc"))
    #expect(equals(grown, "abc"))
    #expect(grown != Text<8>("abd"))
    #expect(!equals(grown, "ab"))
    #expect(!equals(grown, "abd"))
  }

  private func equals(_ text: Text<8>, _ literal: StaticString) -> Bool { text == literal }

  @Test(arguments: [0, 1, 9, 10, 99, 100, 4_294_967_295, UInt64.max])
  func appendsDecimals(value: UInt64) {
    var text = Text<32>()
    text.append(decimal: value)
    #expect(text.string == String(value))
  }

  @Test func appendsHexadecimals() {
    let values: [UInt64] =
      [0, 1, 0xF, 0x10, 0xAB, 0xABC, 0x8000_0000, .max, 1 << 60]
      + (0..<64).map { 1 << UInt64($0) }
    for value in values {
      for width in -1...20 {
        var text = Text<32>()
        text.append(hexadecimal: value, width: width)
        let digits = String(value, radix: 16)
        let padding = max(0, min(max(width, 1), 16) - digits.count)
        #expect(text.string == String(repeating: "0", count: padding) + digits)
      }
    }
  }

  @Test func appendingBeyondTheEndChangesNothing() {
    var text = Text<4>("abcd")
    text.append(UInt8(ascii: "e"))
    text.append(decimal: 12)
    text.append("x")
    #expect(text.string == "abcd")
  }

  @Test func names() {
    #expect(Name("cam-front-2").isName)
    #expect(!Name("").isName)
    #expect(!Name("Cam").isName)
    #expect(!Name("a b").isName)
    #expect(!Name("a/b").isName)
    #expect(!Name("kamera-ä").isName)
  }
}

extension Text {
  var string: String { withBytes { String(decoding: $0, as: UTF8.self) } }
}
