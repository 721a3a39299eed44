import Testing

@testable import EmulatedBoard

/// Access units of H.264 byte streams.
struct AnnexBTests {
  private static let sps: [UInt8] = [0, 0, 0, 1, 0x67, 1, 2]
  private static let pps: [UInt8] = [0, 0, 0, 1, 0x68, 3]
  private static let delimiter: [UInt8] = [0, 0, 0, 1, 0x09, 0xF0]
  private static let key: [UInt8] = [0, 0, 1, 0x65, 0x88, 4]
  private static let secondSlice: [UInt8] = [0, 0, 1, 0x65, 0x40, 5]
  private static let inter: [UInt8] = [0, 0, 0, 1, 0x41, 0x9A, 6]

  @Test func delimitersBeginAccessUnits() {
    let first = Self.delimiter + Self.sps + Self.pps + Self.key
    let second = Self.delimiter + Self.inter
    #expect(AnnexB.accessUnits(of: first + second) == [first, second])
  }

  @Test func withoutDelimitersFirstSlicesBeginAccessUnits() {
    let first = Self.sps + Self.pps + Self.key + Self.secondSlice
    let second = Self.inter
    let third = Self.sps + Self.pps + Self.key
    #expect(
      AnnexB.accessUnits(of: first + second + third + second) == [first, second, third, second])
  }

  @Test func whatHoldsNoPictureIsNoAccessUnit() {
    #expect(AnnexB.accessUnits(of: []) == [])
    #expect(AnnexB.accessUnits(of: [0, 0, 1]) == [])
    #expect(AnnexB.accessUnits(of: Self.sps + Self.pps) == [])
  }
}
