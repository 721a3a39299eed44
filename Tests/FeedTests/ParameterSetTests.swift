import Feed
import Testing

@Suite struct ParameterSetTests {
  private func parse(_ unit: [UInt8]) -> SequenceParameterSet? {
    unit.withUnsafeBytes { SequenceParameterSet(unit: $0) }
  }

  private func learned(_ file: [UInt8]) -> ParameterSets {
    var packetizer = H264Packetizer()
    file.withUnsafeBytes { packetizer.learn($0) }
    return packetizer.parameterSets
  }

  /// x264's High profile, with the emulation prevention that its rates bring.
  @Test func setsOfAnEncoderAreRead() throws {
    let newest = try #require(learned(try Fixture.h264("fragmented")).newest)
    #expect((newest.width, newest.height, newest.id) == (96, 64, 0))
    #expect(newest.profileLevel >> 16 == 100)
    let delimited = try #require(learned(try Fixture.h264("delimited")).newest)
    #expect((delimited.width, delimited.height) == (64, 48))
    #expect(delimited.profileLevel & 0xFF == 10)
  }

  /// 1920x1080 needs cropping: 68 rows of macroblocks are 1088 lines.
  @Test func croppingIsTakenOff() throws {
    var bits = Bits()
    bits.codes(0, 4, 0, 4, 1)  // number, frame_num, order of type 0, its size, reference frames
    bits.flags(false)
    bits.codes(119, 67)
    bits.flags(true, true, true)
    bits.codes(0, 0, 0, 4)
    let set = try #require(parse([0x67, 77, 0x40, 40] + bits.bytes))
    #expect((set.width, set.height, set.profileLevel) == (1920, 1080, 0x4D_4028))
  }

  /// Fields: map units are pairs of macroblocks, and cropping counts in fours.
  @Test func interlacedPicturesAreTwiceAsHigh() throws {
    var bits = Bits()
    bits.codes(3, 0, 2, 1)
    bits.flags(false)
    bits.codes(44, 17)
    bits.flags(false, true, true, true)
    bits.codes(0, 0, 0, 0)
    let set = try #require(parse([0x67, 77, 0, 30] + bits.bytes))
    #expect((set.width, set.height, set.id) == (720, 576, 3))
  }

  /// What a decoder must know before it takes memory.
  @Test func sizesAndLevelsAreRead() throws {
    var bits = Bits()
    bits.codes(0, 0, 2, 3)  // number, frame_num, order of type 2, reference frames
    bits.flags(false)
    bits.codes(79, 44)
    bits.flags(true, true, false)
    // Presentation: no aspect ratio, no overscan, but a signal of format 5 and full range.
    bits.flags(true, false, false, true, true, false, true, true)
    bits.flags(false)
    let set = try #require(parse([0x67, 66, 0, 31] + bits.bytes))
    #expect(set.blocks == 3600 && set.references == 3 && set.isPlain && set.isFullRange)
    var many = Bits()
    many.codes(0, 0, 2, 17)
    many.flags(false)
    many.codes(79, 44)
    many.flags(true, true, false, false)
    #expect(parse([0x67, 66, 0, 31] + many.bytes) == nil)
  }

  @Test func keyFramesHaveBounds() {
    func keyFrame(_ across: Int, _ down: Int, references: Int = 1) -> KeyFrameError? {
      var bits = Bits()
      bits.codes(0, 0, 2, references)
      bits.flags(false)
      bits.codes(across - 1, down - 1)
      bits.flags(true, true, false, false)
      let bytes =
        [0, 0, 1, 0x67, 66, 0, 31] + bits.bytes + [0, 0, 1, 0x68, 0xCE, 0x38, 0x80]
        + [0, 0, 1, 0x65, 0x88, 0x84]
      return bytes.withUnsafeBytes { bytes in
        do throws(KeyFrameError) {
          _ = try KeyFrame(inspecting: bytes)
          return nil
        } catch { return error }
      }
    }
    #expect(keyFrame(256, 136) == nil && keyFrame(120, 68, references: 16) == nil)
    #expect(keyFrame(257, 136) == .notSupported && keyFrame(256, 137) == .notSupported)
    #expect(keyFrame(256, 136, references: 6) == .notSupported)
    #expect(keyFrame(1024, 1024) == .notSupported && keyFrame(4096, 1) == .damaged)
  }

  @Test func everyTruncationIsRefusedOrRead() throws {
    let unit = try #require(split(try Fixture.h264("fragmented")).first { $0[0] & 0x1F == 7 })
    let whole = try #require(parse(unit))
    for count in 0..<unit.count {
      // The picture's size stands before what only describes it.
      if let set = parse(Array(unit[..<count])) { #expect(set == whole) }
    }
    #expect(parse(Array(unit[..<7])) == nil)
  }

  @Test func nonsenseIsRefused() {
    #expect(parse([0x68, 77, 0, 30, 0x80, 0x80]) == nil)
    #expect(parse([0x67, 77, 0, 30, 0, 0, 0, 0, 0, 0, 0, 0]) == nil)
    var bits = Bits()
    bits.codes(32, 0, 2, 1)
    #expect(parse([0x67, 77, 0, 30] + bits.bytes + [0xFF, 0xFF, 0xFF]) == nil)
    // Cropped to nothing.
    bits = Bits()
    bits.codes(0, 0, 2, 1)
    bits.flags(false)
    bits.codes(3, 2)
    bits.flags(true, true, true)
    bits.codes(16, 16, 0, 0)
    #expect(parse([0x67, 77, 0, 30] + bits.bytes) == nil)
    var dice = Dice(state: 3)
    for _ in 0..<5000 {
      let noise = (0..<40).map { _ in UInt8.random(in: 0...255, using: &dice) }
      if let set = parse([0x67, 100, 0, 30] + noise) { #expect(set.width > 0 && set.height > 0) }
    }
  }

  @Test func unreadableSetsAreNotKept() {
    let sets = learned(annexB([[0x67, 77, 0, 30, 0], [0x68, 0, 0, 3]]))
    #expect(!sets.isComplete)
    #expect(sets.newest == nil)
  }
}

/// Writes the bits of a parameter set.
private struct Bits {
  private var bits: [Bool] = []

  mutating func flags(_ flags: Bool...) { bits += flags }

  /// Exp-Golomb codes (H.264, section 9.1).
  mutating func codes(_ values: Int...) {
    for value in values {
      let length = (value + 1).bitWidth - (value + 1).leadingZeroBitCount
      bits += [Bool](repeating: false, count: length - 1)
      bits += (0..<length).reversed().map { (value + 1) >> $0 & 1 == 1 }
    }
  }

  /// With the stop bit, padded.
  var bytes: [UInt8] {
    var padded = bits + [true]
    while padded.count % 8 != 0 { padded.append(false) }
    return stride(from: 0, to: padded.count, by: 8).map { start in
      padded[start..<start + 8].reduce(0) { $0 << 1 | ($1 ? 1 : 0) }
    }
  }
}
