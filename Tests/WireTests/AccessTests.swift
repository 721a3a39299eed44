import Testing

@testable import Wire

@Suite struct AccessTests {
  private func text(_ code: PairingCode) -> String {
    code.withText { String(decoding: $0, as: UTF8.self) }
  }

  private func typed(_ text: String) -> PairingCode? {
    var text = text
    return text.withUTF8 { PairingCode(typed: UnsafeRawBufferPointer($0)) }
  }

  static let codes: [(UInt64, String)] = [
    (0, "0000-0000-0000"), (1, "0000-0000-0001"), (31, "0000-0000-000Z"),
    (1 << 59, "G000-0000-0000"), ((1 << 60) - 1, "ZZZZ-ZZZZ-ZZZZ"),
    // The bits above the 60th do not count.
    (.max, "ZZZZ-ZZZZ-ZZZZ"),
    // All signs: 0 to 11 in groups of five bits, the eight in between, 20 to 31.
    (0x0004_4321_4C74_254B, "0123-4567-89AB"), (0x0635_CF84_6539_CA11, "CDEF-GHJK-KJGH"),
    (0x0A56_D7C6_75BE_77DF, "MNPQ-RSTV-WXYZ"),
  ]

  @Test(arguments: codes)
  func codesAreCrockfordsBase32(bits: UInt64, expected: String) {
    #expect(text(PairingCode(random: bits)) == expected)
    #expect(typed(expected) == PairingCode(random: bits))
  }

  @Test(arguments: [
    "7k3m-0wxy-1abc", "7K3M0WXY1ABC", "7K3M-OWXY-IABC", "7k3m owxy labc", "7k3m-owxy-Labc-",
    "--7K-3M0WXY1A--BC",
  ])
  func peopleMayTypeItTheirWay(typing: String) throws {
    #expect(text(try #require(typed(typing))) == "7K3M-0WXY-1ABC")
  }

  @Test(arguments: [
    "", "-", "7K3M-0WXY-1AB", "7K3M-0WXY-1ABCD", "7K3M-0WXY-1ABU", "7K3M-0WXY-1AB!",
    "7K3M_0WXY_1ABC", "7K3M-0WXY-1ABß", "7K3M-0WXY-1AB\0", "7K3M\n0WXY1ABC",
  ])
  func whatIsNoCodeIsRefused(typing: String) {
    #expect(typed(typing) == nil)
  }

  @Test func everyCodeComesBack() {
    var state: UInt64 = 1
    for _ in 0..<2000 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      let code = PairingCode(random: state)
      #expect(typed(text(code)) == code)
      #expect(typed(text(code).lowercased()) == code)
    }
  }

  @Test func publicKeysDifferInEveryBit() {
    let bytes = Example.publicKey.withBytes { [UInt8]($0) }
    #expect(bytes == (0..<32).map { UInt8(0x40 + $0) })
    for bit in 0..<256 {
      var other = bytes
      other[bit / 8] ^= 1 << (bit % 8)
      let key = other.withUnsafeBytes { PublicKey($0) }
      #expect(key != Example.publicKey && key.difference(from: Example.publicKey) != 0)
    }
    #expect(PublicKey().isNone && !Example.publicKey.isNone)
  }

  @Test func everyAuditCodeHasALane() {
    let codes = (UInt16.min...UInt16.max).compactMap(AuditCode.init)
    #expect(codes.count > 20)
    for code in codes {
      #expect(UInt16(code.lane.rawValue) == code.rawValue >> 8)
      let ofOneself: [AuditCode] = [.keyRotated, .keyRetired, .adminRefused]
      #expect((code.countedForMs > 0) == (code.lane == .access || ofOneself.contains(code)))
    }
  }
}
