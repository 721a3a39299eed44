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

  @Test func delimitersAreAddedOnce() {
    let bare = Self.sps + Self.pps + Self.key
    #expect(AnnexB.accessUnit(bare, with: .keep) == bare)
    let delimited = AnnexB.accessUnit(bare, with: .add)
    #expect(delimited == Self.delimiter + bare)
    #expect(AnnexB.accessUnit(delimited, with: .add) == delimited)
    #expect(AnnexB.accessUnit(delimited, with: .keep) == delimited)
  }

  @Test func delimitersAreRemoved() {
    let bare = Self.sps + Self.pps + Self.key + Self.secondSlice
    #expect(AnnexB.accessUnit(Self.delimiter + bare, with: .remove) == bare)
    #expect(AnnexB.accessUnit(bare, with: .remove) == bare)
    // A slice's short start code becomes the access unit's first, which has a zero_byte (B.1.2).
    #expect(AnnexB.accessUnit(Self.delimiter + Self.key, with: .remove) == [0] + Self.key)
  }

  @Test func stampsGoBeforeTheFirstSlice() {
    let head = Self.delimiter + Self.sps + Self.pps
    #expect(AnnexB.firstSlice(of: head + Self.key + Self.secondSlice) == head.count)
    #expect(AnnexB.firstSlice(of: Self.inter) == 0)
    // A prefix NAL unit (nal_unit_type 14) belongs to the slice after it.
    let prefix: [UInt8] = [0, 0, 0, 1, 0x6E, 0x40, 0x10]
    #expect(AnnexB.firstSlice(of: head + prefix + Self.key) == head.count)
  }

  @Test(
    arguments: [
      ([0, 0, 0], [0, 0, 3, 0]), ([0, 0, 1, 9], [0, 0, 3, 1, 9]), ([0, 0, 2], [0, 0, 3, 2]),
      ([0, 0, 3], [0, 0, 3, 3]), ([0, 0, 4], [0, 0, 4]), ([0, 1, 0, 1], [0, 1, 0, 1]),
      ([0, 0, 0, 0, 0, 1], [0, 0, 3, 0, 0, 3, 0, 1]), ([], []),
    ] as [([UInt8], [UInt8])])
  func startCodesAreNotEmulated(payload: [UInt8], escaped: [UInt8]) {
    #expect(AnnexB.preventingEmulation(payload) == escaped)
  }
}
