import Feed
import Testing

@Suite struct JPEGPacketizerTests {
  private func packets(
    _ bytes: [UInt8], _ stream: inout RTPStream, timestamp: UInt32 = 0
  ) throws -> [Packet] {
    let picture = try inspect(bytes).get()
    return try bytes.withUnsafeBytes { bytes in
      var packetizer = JPEGPacketizer()
      #expect(packetizer.isDone)
      packetizer.begin(picture, bytes, timestamp: timestamp)
      return try drain(&packetizer, &stream).map { try #require(Packet($0)) }
    }
  }

  /// ffmpeg's muxer is another hand's reading of RFC 2435: every payload must agree to the byte.
  /// But for a picture with one table for all: ffmpeg sends one, which its own receiver refuses.
  @Test(arguments: Fixture.carried.filter { $0 != "one-table" })
  func packetsAreThoseOfFFmpeg(name: String) throws {
    var stream = RTPStream(payloadType: 26, source: 7, sequence: 65_534)
    let ours = try packets(try Fixture.jpeg(name), &stream, timestamp: 9000)
    let theirs = try Fixture.packets(name).map { try #require(Packet($0)) }
    #expect(ours.map(\.payload) == theirs.map(\.payload))
    #expect(ours.map(\.marker) == theirs.map(\.marker))
    #expect(theirs.allSatisfy { $0.payloadType == 26 })
    for (index, packet) in ours.enumerated() {
      #expect((packet.payloadType, packet.timestamp, packet.source) == (26, 9000, 7))
      #expect(packet.sequence == 65_534 &+ UInt16(index))
    }
    #expect(stream.packets == UInt64(ours.count))
    #expect(stream.payloadBytes == UInt64(ours.reduce(0) { $0 + $1.payload.count }))
  }

  @Test(arguments: Fixture.carried + ["no-tables"])
  func theScanArrivesWhole(name: String) throws {
    let bytes = try Fixture.jpeg(name)
    let picture = try inspect(bytes).get()
    var stream = RTPStream(payloadType: 26, source: 7, sequence: 0)
    let received = try #require(ReceivedJPEG(try packets(bytes, &stream)))
    #expect(received.type == (name.hasPrefix("yuv422") || name == "no-tables" ? 0 : 1))
    #expect((received.width, received.height) == (Int(picture.width), Int(picture.height)))
    #expect(received.scan == Array(bytes[picture.scan]))
    var tables: [UInt8] = []
    for number in 0..<2 {
      // Types 0 and 1 have two tables, also where one serves for both.
      let table = try #require(picture.quantizationTables[name == "one-table" ? 0 : number])
      tables += bytes[table.offset..<table.offset + 64]
    }
    #expect(received.tables == tables)
  }

  /// Section 3.1, field by field.
  @Test func theHeaderIsThatOfTheStandard() throws {
    var made = MadeJPEG()
    (made.width, made.height) = (1280, 720)
    // The first packet has room for 1440 - 12 - 8 - 4 - 128 = 1288 bytes.
    made.scan = [UInt8](repeating: 0xAB, count: 1289)
    var stream = RTPStream(payloadType: 26, source: 7, sequence: 0)
    let two = try packets(made.bytes, &stream)
    #expect(two.map(\.payload.count) == [1428, 9])
    #expect(two.map(\.marker) == [false, true])
    #expect(two[0].payload[..<13] == [0, 0, 0, 0, 0, 255, 160, 90, 0, 0, 0, 128, 10])
    #expect(two[0].payload[12 + 64] == 11)
    #expect(two[1].payload == [0, 0, 5, 8, 0, 255, 160, 90, 0xAB])
  }

  /// Only what components refer to goes out, luma first, whatever its number.
  @Test func tablesAreSentInTheOrderOfComponents() throws {
    var made = MadeJPEG()
    made.tableCount = 4
    made.tables = [3, 1, 1]
    var stream = RTPStream(payloadType: 26, source: 7, sequence: 0)
    let received = try #require(ReceivedJPEG(try packets(made.bytes, &stream)))
    #expect(
      received.tables == [UInt8](repeating: 13, count: 64) + [UInt8](repeating: 11, count: 64))
  }

  @Test func packetsFillABufferBackToBack() throws {
    let bytes = try Fixture.jpeg("yuv422-large")
    let picture = try inspect(bytes).get()
    var expected: [UInt8] = []
    var stream = RTPStream(payloadType: 26, source: 7, sequence: 3)
    for room in [1444, 5000, 100_000] {
      var filled: [UInt8] = []
      var buffer = [UInt8](repeating: 0, count: room)
      stream = RTPStream(payloadType: 26, source: 7, sequence: 3)
      bytes.withUnsafeBytes { bytes in
        var packetizer = JPEGPacketizer()
        if expected.isEmpty {
          var other = stream
          packetizer.begin(picture, bytes, timestamp: 1)
          for packet in drain(&packetizer, &other) {
            expected += [0x24, 4, UInt8(packet.count >> 8), UInt8(packet.count & 0xFF)] + packet
          }
        }
        packetizer.begin(picture, bytes, timestamp: 1)
        while true {
          let size = buffer.withUnsafeMutableBytes {
            packetizer.fill($0, on: &stream, channel: 4)
          }
          if size == 0 { break }
          filled += buffer[..<size]
        }
      }
      #expect(filled == expected)
    }
  }

  // MARK: Snapshots

  @Test func missingTablesAreInserted() throws {
    let bytes = try Fixture.jpeg("no-tables")
    let picture = try inspect(bytes).get()
    #expect(picture.huffmanTables == .implied)
    let completed = complete(bytes + [0, 0], picture)
    #expect(completed.count == bytes.count + 420)
    let again = try inspect(completed).get()
    #expect(again.huffmanTables == .standard)
    #expect(Array(completed[again.scan]) == Array(bytes[picture.scan]))
    #expect(completed[..<picture.scanHeader] == bytes[..<picture.scanHeader])
    // A libjpeg wrote the same tables into the picture from which they were taken.
    let whole = try Fixture.jpeg("yuv422")
    #expect(completed.count - whole.count == 4 - 4 * 4)
  }

  @Test(arguments: Fixture.carried + Fixture.uncarried)
  func aCompletePictureStaysAsItIs(name: String) throws {
    let bytes = try Fixture.jpeg(name)
    let picture = try inspect(bytes).get()
    #expect(complete(bytes + [0, 0], picture) == bytes)
  }

  private func complete(_ bytes: [UInt8], _ picture: JPEGPicture) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: picture.completedSize) { buffer, count in
      count = bytes.withUnsafeBytes {
        picture.complete($0, into: UnsafeMutableRawBufferPointer(buffer))
      }
    }
  }

  // MARK: Files of pictures

  @Test func aFileIsTakenApart() throws {
    let first = try Fixture.jpeg("yuv422")
    let second = try Fixture.jpeg("yuv420")
    let cut = Array(second[..<(second.count - 40)])
    let file = [0, 0, 0xFF] + first + [0, 0] + cut + first + second + [0xFF, 0xD8]
    var ranges: [Range<Int>] = []
    file.withUnsafeBytes { bytes in
      var offset = 0
      while let range = JPEGPicture.next(in: bytes, from: offset) {
        ranges.append(range)
        offset = range.upperBound
      }
    }
    #expect(ranges.map { Array(file[$0]) } == [first, cut, first, second])
    #expect(defect(cut + [0xFF, 0xD8]) == .truncated)
  }
}
