import Testing
import Wire

@testable import Archive

@Suite struct IndexTests {
  static let records: [IndexRecord] = [
    .header, .clock(AgeClock(ageS: 77, boot: 9, atMs: 123_456), nextID: 5),
    .put(Made.entry(5), ageS: 78), .dated(boot: 9, originMs: 1_700_000_000_000),
    .put(Made.entry(6), ageS: 80), .removed(id: 5),
  ]

  @Test func recordsComeBack() {
    for record in Self.records {
      let bytes = Made.bytes([record])
      #expect(bytes.withUnsafeBytes { IndexRecord($0) } == record)
    }
  }

  @Test func noFlippedBitPasses() {
    for record in Self.records {
      let bytes = Made.bytes([record])
      for bit in 0..<bytes.count * 8 {
        var flipped = bytes
        flipped[bit / 8] ^= 1 << UInt8(bit % 8)
        #expect(flipped.withUnsafeBytes { IndexRecord($0) } == nil, "bit \(bit)")
      }
    }
  }

  /// What a replay tells, given the file in pieces of so many bytes.
  private func replay(
    _ bytes: [UInt8], pieces: Int = .max
  ) -> (IndexReplay.Outcome, [IndexRecord]) {
    var replay = IndexReplay()
    var told: [IndexRecord] = []
    var rest = bytes[...]
    while !rest.isEmpty {
      Array(rest.prefix(pieces)).withUnsafeBytes { replay.take($0) { told.append($0) } }
      rest = rest.dropFirst(pieces)
    }
    return (replay.outcome(), told)
  }

  @Test func aWholeIndexIsTold() {
    let bytes = Made.bytes(Self.records)
    for pieces in [1, 7, 159, 160, 161, 1000] {
      let (outcome, told) = replay(bytes, pieces: pieces)
      #expect(outcome == .whole)
      #expect(told == Self.records)
    }
  }

  @Test func everyTruncationIsATornTail() {
    let bytes = Made.bytes(Self.records)
    for length in IndexRecord.size..<bytes.count {
      let (outcome, told) = replay(Array(bytes[..<length]), pieces: 100)
      let whole = length / IndexRecord.size
      #expect(told == Array(Self.records[..<whole]))
      let end = whole * IndexRecord.size
      #expect(outcome == (length == end ? .whole : .tornTail(at: UInt64(end))))
    }
  }

  @Test func whatWasNeverWrittenIsATornTail() {
    let bytes = Made.bytes(Self.records)
    let zeros = [UInt8](repeating: 0, count: 3 * IndexRecord.size + 11)
    #expect(replay(bytes + zeros).0 == .tornTail(at: UInt64(bytes.count)))
  }

  @Test func damageIsToldAndTheRestStillRead() {
    for record in 1..<Self.records.count - 1 {
      var bytes = Made.bytes(Self.records)
      bytes[record * IndexRecord.size + 50] ^= 0x10
      let (outcome, told) = replay(bytes, pieces: 333)
      #expect(outcome == .damaged)
      var expected = Self.records
      expected.remove(at: record)
      #expect(told == expected)
    }
  }

  @Test func withoutAHeaderItIsDamaged() {
    #expect(replay([]).0 == .damaged)
    #expect(replay(Array(Made.bytes(Self.records).dropFirst(IndexRecord.size))).0 == .damaged)
    var bytes = Made.bytes(Self.records)
    bytes[20] ^= 1
    #expect(replay(bytes).0 == .damaged)
    #expect(replay([UInt8](repeating: 0xA5, count: 100_000)).0 == .damaged)
  }

  @Test func tooManyWrongRecordsAreNoTornTail() {
    let zeros = [UInt8](
      repeating: 0, count: (IndexReplay.tornRecords + 1) * IndexRecord.size)
    #expect(replay(Made.bytes(Self.records) + zeros).0 == .damaged)
  }

  @Test func theAgeClockCountsOnlyTimeOfRunning() {
    let clock = AgeClock(ageS: 1000, boot: 7, atMs: 50_000)
    #expect(clock.seconds(boot: 7, nowMs: 60_000) == 1010)
    #expect(clock.seconds(boot: 7, nowMs: 10_000) == 1000)
    #expect(clock.seconds(boot: 8, nowMs: 60_000) == 1060)
    #expect(AgeClock(ageS: .max).seconds(boot: 1, nowMs: 5_000_000) == .max)
  }
}
