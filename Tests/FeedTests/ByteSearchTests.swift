import Testing

@testable import Feed

/// The searches look at words; the definitions below look at bytes.
@Suite struct ByteSearchTests {
  /// The bytes around which the arithmetic could carry.
  private static let alphabet: [UInt8] = [0, 0, 1, 2, 0x7F, 0x80, 0x81, 0xFE, 0xFF, 0xFF]

  private func noise(_ dice: inout Dice) -> [UInt8] {
    // Mostly what is not looked for, or no search gets beyond its first word.
    let share = Int.random(in: 1...40, using: &dice)
    return (0..<Int.random(in: 0...90, using: &dice)).map { _ in
      Int.random(in: 0..<share, using: &dice) > 0
        ? 0xFE : Self.alphabet.randomElement(using: &dice)!
    }
  }

  @Test func markersAreFoundWhereTheyAre() {
    var dice = Dice(state: 5)
    for _ in 0..<20_000 {
      let bytes = noise(&dice)
      let start = Int.random(in: 0...bytes.count, using: &dice)
      let expected = (start..<bytes.count).first {
        $0 + 1 < bytes.count && bytes[$0] == 0xFF && bytes[$0 + 1] != 0
      }
      let found = bytes.withUnsafeBytes { $0.firstMarker(from: start) }
      #expect(found == expected ?? bytes.count, "\(bytes) from \(start)")
    }
  }

  @Test func startCodesAreFoundWhereTheyAre() {
    var dice = Dice(state: 6)
    for _ in 0..<20_000 {
      let bytes = noise(&dice)
      let start = Int.random(in: 0...bytes.count, using: &dice)
      let expected = (start..<bytes.count).first {
        $0 + 2 < bytes.count && bytes[$0...$0 + 2] == [0, 0, 1]
      }
      let found = bytes.withUnsafeBytes { $0.firstStartCode(from: start) }
      #expect(found == expected ?? bytes.count, "\(bytes) from \(start)")
    }
  }
}
