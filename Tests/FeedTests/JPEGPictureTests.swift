import Feed
import Testing

/// The outcome of an inspection, comparable.
func inspect(_ bytes: [UInt8]) -> Result<JPEGPicture, JPEGError> {
  bytes.withUnsafeBytes { bytes in
    do throws(JPEGError) {
      return .success(try JPEGPicture.inspect(bytes))
    } catch {
      return .failure(error)
    }
  }
}

func defect(_ bytes: [UInt8]) -> JPEGError? {
  if case .failure(let error) = inspect(bytes) { return error }
  return nil
}

func obstacle(_ bytes: [UInt8]) throws -> JPEGObstacle? { try inspect(bytes).get().obstacle }

@Suite struct JPEGPictureTests {
  @Test func aPictureIsDescribed() throws {
    let bytes = try Fixture.jpeg("yuv420")
    let picture = try inspect(bytes).get()
    #expect(picture.process == .baseline)
    #expect((picture.width, picture.height, picture.precision) == (64, 48, 8))
    #expect(picture.componentCount == 3)
    #expect((picture.components[0].horizontal, picture.components[0].vertical) == (2, 2))
    #expect((picture.components[2].horizontal, picture.components[2].vertical) == (1, 1))
    #expect(picture.components[1].quantizationTable == 1)
    #expect(picture.huffmanTables == .standard)
    #expect((picture.restartInterval, picture.scanCount) == (0, 1))
    #expect(picture.end == bytes.count)
    // SOS, a header of twelve bytes for three components, the scan, EOI.
    #expect(bytes[picture.scanHeader..<picture.scanHeader + 4] == [0xFF, 0xDA, 0, 12])
    #expect(picture.scan == picture.scanHeader + 14..<bytes.count - 2)
    let table = try #require(picture.quantizationTables[0])
    #expect(bytes[table.offset - 5..<table.offset] == [0xFF, 0xDB, 0, 67, 0])
    #expect(table.bits == 8)
  }

  @Test(
    arguments: [
      ("yuv422", nil), ("yuv420", nil), ("yuv422-large", nil), ("one-table", nil),
      ("no-tables", nil), ("restart-interval", .restartInterval),
      ("three-tables", .quantizationTables), ("yuv444", .sampling), ("grey", .sampling),
      ("progressive", .progressive), ("optimized", .huffmanTables), ("odd-size", .dimensions),
      ("too-large", .tooLarge),
    ] as [(String, JPEGObstacle?)])
  func theObstacleIsFound(name: String, expected: JPEGObstacle?) throws {
    #expect(try obstacle(try Fixture.jpeg(name)) == expected)
  }

  @Test func rarerObstaclesAreFound() throws {
    var picture = MadeJPEG()
    #expect(try obstacle(picture.bytes) == nil)
    picture.precision = 12
    #expect(try obstacle(picture.bytes) == .precision)
    picture = MadeJPEG()
    picture.tableBits = 16
    #expect(try obstacle(picture.bytes) == .quantizationTables)
    picture = MadeJPEG()
    picture.sampling = [0x21, 0x12, 0x11]
    #expect(try obstacle(picture.bytes) == .sampling)
    picture.sampling = [0x41, 0x11, 0x11]
    #expect(try obstacle(picture.bytes) == .sampling)
    picture = MadeJPEG()
    picture.frameMarker = 0xC1
    #expect(try obstacle(picture.bytes) == .progressive)
    picture = MadeJPEG()
    picture.scans = 3
    #expect(try obstacle(picture.bytes) == .progressive)
    picture = MadeJPEG()
    picture.tables = [0, 1, 0]
    #expect(try obstacle(picture.bytes) == .quantizationTables)
    // What is defined and not referred to does not matter.
    picture = MadeJPEG()
    picture.tableCount = 4
    #expect(try obstacle(picture.bytes) == nil)
    picture = MadeJPEG()
    (picture.width, picture.height) = (2040, 2040)
    #expect(try obstacle(picture.bytes) == nil)
  }

  @Test func everyTruncationIsNoticed() throws {
    for name in Fixture.pictures {
      let bytes = try Fixture.jpeg(name)
      for count in 0..<bytes.count {
        let expected: JPEGError = count == 0 ? .empty : count == 1 ? .notJPEG : .truncated
        #expect(defect(Array(bytes[..<count])) == expected, "\(name), \(count) bytes")
      }
      #expect(defect(bytes) == nil)
    }
  }

  @Test func whatFollowsThePictureIsLeftAlone() throws {
    let bytes = try Fixture.jpeg("yuv422")
    for tail: [UInt8] in [[0], [0xFF], [UInt8](repeating: 0, count: 5000), bytes] {
      #expect(try inspect(bytes + tail).get().end == bytes.count)
    }
  }

  @Test func damageHasAName() throws {
    #expect(defect(Array("RIFF....AVI ".utf8)) == .notJPEG)
    #expect(defect([0xFF, 0xD8, 0xFF, 0xD9]) == .noScan)
    #expect(defect([0xFF, 0xD8, 0, 0xD9]) == .malformed)
    #expect(defect([0xFF, 0xD8, 0xFF, 0xE0, 0, 1]) == .malformed)
    var picture = MadeJPEG()
    picture.scan = []
    #expect(defect(picture.bytes) == .noScan)
    picture = MadeJPEG()
    picture.frameMarker = 0xC3
    #expect(defect(picture.bytes) == .unknownProcess)
    picture = MadeJPEG()
    picture.height = 0
    #expect(defect(picture.bytes) == .frameHeader)
    picture = MadeJPEG()
    picture.tableCount = 1
    #expect(defect(picture.bytes) == .malformed)
    // A restart marker where none is announced.
    picture = MadeJPEG()
    picture.scan = [1, 2, 0xFF, 0xD0, 3]
    #expect(defect(picture.bytes) == .malformed)
    // The next picture begins within the scan: the rest of this one was lost.
    picture = MadeJPEG()
    picture.scan = [1, 2, 0xFF, 0xD8, 0xFF, 0xDB]
    #expect(defect(picture.bytes) == .truncated)
  }

  @Test func stuffedAndFillBytesAreTakenForWhatTheyAre() throws {
    var picture = MadeJPEG()
    picture.scan = [1, 0xFF, 0, 0xFF, 0, 2]
    var made = try inspect(picture.bytes).get()
    #expect(Array(picture.bytes[made.scan]) == picture.scan)
    // Fill bytes before EOI (T.81, B.1.1.2) are no data.
    picture.scan += [0xFF, 0xFF]
    made = try inspect(picture.bytes).get()
    #expect(Array(picture.bytes[made.scan]) == [1, 0xFF, 0, 0xFF, 0, 2])
    #expect(made.end == picture.bytes.count)
  }

  /// Wherever the marker stands, relative to the words that are looked at.
  @Test func theEndIsFoundAtEveryLength() throws {
    for length in 1...100 {
      var picture = MadeJPEG()
      picture.scan = [UInt8](repeating: 0xFE, count: length)
      #expect(try inspect(picture.bytes).get().scan.count == length)
    }
  }

  @Test func damageNeverTraps() throws {
    var dice = Dice(state: 1)
    for name in Fixture.pictures {
      let bytes = try Fixture.jpeg(name)
      for _ in 0..<300 {
        var damaged = bytes
        for _ in 0..<Int.random(in: 1...4, using: &dice) {
          let place = Int.random(in: 0..<bytes.count, using: &dice)
          damaged[place] = .random(in: 0...255, using: &dice)
        }
        guard case .success(let picture) = inspect(damaged) else { continue }
        #expect(picture.end <= damaged.count)
        guard picture.obstacle == nil else { continue }
        var packetizer = JPEGPacketizer()
        var stream = RTPStream(payloadType: 26, source: 1, sequence: 0)
        damaged.withUnsafeBytes { bytes in
          packetizer.begin(picture, bytes, timestamp: 0)
          #expect(!drain(&packetizer, &stream).isEmpty)
        }
      }
    }
  }
}
