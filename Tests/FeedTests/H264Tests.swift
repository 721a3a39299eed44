import Feed
import Testing

/// NAL units with start codes of either length.
func annexB(_ units: [[UInt8]], longCodes: Bool = true) -> [UInt8] {
  units.flatMap { (longCodes ? [0, 0, 0, 1] : [0, 0, 1]) + $0 }
}

/// The units of a byte stream, by the definition (H.264, Annex B) and not by speed.
func split(_ bytes: [UInt8]) -> [[UInt8]] {
  var units: [[UInt8]] = []
  var index = 0
  while index < bytes.count {
    if index + 3 <= bytes.count, bytes[index..<index + 3] == [0, 0, 1] {
      units.append([])
      index += 3
    } else {
      if !units.isEmpty { units[units.count - 1].append(bytes[index]) }
      index += 1
    }
  }
  return units.map { unit in
    Array(unit[..<((unit.lastIndex { $0 != 0 } ?? -1) + 1)])
  }
}

/// Sends access units through one packetizer; nil stands for one that threw.
struct H264Sender {
  var packetizer = H264Packetizer()
  var stream = RTPStream(payloadType: 96, source: 7, sequence: 0)
  var error: AccessUnitError?

  mutating func packets(_ accessUnit: [UInt8]) -> [Packet] {
    error = nil
    return accessUnit.withUnsafeBytes { bytes in
      do throws(AccessUnitError) {
        try packetizer.begin(bytes, timestamp: 1)
      } catch {
        self.error = error
      }
      return drain(&packetizer, &stream).compactMap(Packet.init)
    }
  }

  mutating func units(_ accessUnit: [UInt8]) -> [[UInt8]] {
    let packets = packets(accessUnit)
    return packets.isEmpty ? [] : receivedUnits(packets) ?? [[]]
  }
}

func accessUnits(_ file: [UInt8]) -> [[UInt8]] {
  var found: [[UInt8]] = []
  file.withUnsafeBytes { bytes in
    var offset = 0
    while let range = AccessUnits.next(in: bytes, from: offset) {
      found.append(Array(file[range]))
      offset = range.upperBound
    }
  }
  return found
}

@Suite struct H264Tests {
  static let sequenceSet: [UInt8] = [
    0x67, 0x42, 0xC0, 0x0A, 0xDA, 0x11, 0x11, 0x91, 0xA8, 0x08,
  ]
  static let pictureSet: [UInt8] = [0x68, 0xCE, 0x0F, 0x2C, 0x80]
  static let key: [UInt8] = [0x65, 0x88, 1, 2, 3]
  static let other: [UInt8] = [0x41, 0x9A, 4, 5]
  static let delimiter: [UInt8] = [0x09, 0x10]

  // MARK: Against ffmpeg

  @Test(arguments: [("delimited", 6), ("fragmented", 3)])
  func aFileIsTakenApart(name: String, pictures: Int) throws {
    let file = try Fixture.h264(name)
    let found = accessUnits(file)
    #expect(found.count == pictures)
    #expect(found.flatMap(\.self) == file)
    for unit in found where name == "delimited" { #expect(unit[..<5] == [0, 0, 0, 1, 9]) }
  }

  @Test(arguments: Fixture.streams) func packetsAreThoseOfFFmpeg(name: String) throws {
    var sender = H264Sender()
    let ours = accessUnits(try Fixture.h264(name)).flatMap { sender.packets($0) }
    var theirs = try Fixture.packets(name).map { try #require(Packet($0)) }
    // The one difference: in the header of STAP-A ffmpeg leaves out the importance, for which
    // section 5.7.1 demands the highest one of the units.
    for (index, packet) in theirs.enumerated() where packet.payload[0] == 24 {
      var alone = packet
      alone.marker = true
      let importance = try #require(receivedUnits([alone])?.map { $0[0] & 0x60 }.max())
      theirs[index].payload[0] |= importance
    }
    #expect(ours.map(\.payload) == theirs.map(\.payload))
    #expect(ours.map(\.marker) == theirs.map(\.marker))
    #expect(ours.map(\.sequence) == (0..<UInt16(ours.count)).map { $0 })
  }

  @Test(arguments: Fixture.streams) func unitsArriveWhole(name: String) throws {
    let file = try Fixture.h264(name)
    var sender = H264Sender()
    let received = accessUnits(file).flatMap { sender.units($0) }
    #expect(received == split(file))
    #expect(sender.packetizer.corruptUnits == 0)
  }

  // MARK: Packets

  @Test func aUnitThatJustFitsIsNotCut() {
    var sender = H264Sender()
    _ = sender.packets(annexB([Self.sequenceSet, Self.pictureSet, Self.key]))
    for size in [1427, 1428, 1429, 1 + 2 * 1426, 2 + 2 * 1426] {
      let unit = [0x41] + [UInt8](repeating: 0xAB, count: size - 1)
      let packets = sender.packets(annexB([unit]))
      #expect(packets.count == (size <= 1428 ? 1 : (size - 1 + 1425) / 1426), "\(size)")
      #expect(packets.allSatisfy { $0.payload.count <= 1428 })
      #expect(receivedUnits(packets) == [unit])
    }
  }

  /// RFC 6184, sections 5.7.1 and 5.8, byte by byte.
  @Test func headersAreThoseOfTheStandard() {
    var sender = H264Sender()
    let packets = sender.packets(annexB([Self.sequenceSet, Self.pictureSet, Self.key]))
    #expect(
      packets.map(\.payload) == [
        [0x78, 0, 10] + Self.sequenceSet + [0, 5] + Self.pictureSet + [0, 5] + Self.key
      ])
    let large = [0x41] + [UInt8](repeating: 0xAB, count: 3000)
    let fragments = sender.packets(annexB([large]))
    #expect(
      fragments.map { Array($0.payload[..<2]) } == [[0x5C, 0x81], [0x5C, 0x01], [0x5C, 0x41]])
    #expect(fragments.map(\.marker) == [false, false, true])
  }

  @Test func unitsAreJoinedOnlyWhileTheyFit() {
    var sender = H264Sender()
    _ = sender.packets(annexB([Self.sequenceSet, Self.pictureSet, Self.key]))
    // 1 + 2 + 711 + 2 + 712 is the whole payload.
    let slices = [711, 712, 712].map { [0x41] + [UInt8](repeating: 0xAB, count: $0 - 1) }
    let packets = sender.packets(annexB(slices))
    #expect(packets.map(\.payload.count) == [1428, 712])
    #expect(receivedUnits(packets) == slices)
  }

  // MARK: Parameter sets

  @Test func nothingIsSentBeforeADecoderCanBegin() {
    var sender = H264Sender()
    #expect(sender.units(annexB([Self.other])) == [])
    #expect(sender.error == .awaitsKeyFrame)
    #expect(sender.units(annexB([Self.key])) == [])
    #expect(sender.error == .awaitsKeyFrame)
    // Sets that come in a buffer of their own, as from some encoders.
    #expect(sender.units(annexB([Self.sequenceSet, Self.pictureSet])) == [])
    #expect(sender.units(annexB([Self.other])) == [])
    #expect(sender.units(annexB([Self.key])) == [Self.sequenceSet, Self.pictureSet, Self.key])
    #expect(sender.units(annexB([Self.other])) == [Self.other])
    sender.packetizer.restart()
    #expect(sender.units(annexB([Self.other])) == [])
    #expect(sender.units(annexB([Self.key])).count == 3)
  }

  @Test func missingSetsAreRepeatedBeforeKeyFrames() {
    var sender = H264Sender()
    let sei: [UInt8] = [0x06, 5, 1, 0xAA, 0x80]
    _ = sender.units(annexB([Self.sequenceSet, Self.pictureSet, Self.key]))
    #expect(
      sender.units(annexB([Self.delimiter, sei, Self.key]))
        == [Self.delimiter, Self.sequenceSet, Self.pictureSet, sei, Self.key])
    #expect(
      sender.units(annexB([Self.delimiter, Self.sequenceSet, Self.key]))
        == [Self.delimiter, Self.sequenceSet, Self.pictureSet, Self.key])
    #expect(
      sender.units(annexB([Self.delimiter, Self.pictureSet, Self.key]))
        == [Self.delimiter, Self.sequenceSet, Self.pictureSet, Self.key])
    #expect(sender.units(annexB([Self.delimiter, Self.other])) == [Self.delimiter, Self.other])
    // A changed set replaces the one of its number.
    let changed: [UInt8] = [0x68, 0xCE, 0x0F, 0x2C, 0x81]
    _ = sender.units(annexB([changed, Self.other]))
    #expect(sender.units(annexB([Self.key])) == [Self.sequenceSet, changed, Self.key])
  }

  @Test func aRecoveryPointIsAKeyFrame() {
    var sender = H264Sender()
    // An unregistered message (5) of two bytes, then the recovery point (6).
    let sei: [UInt8] = [0x06, 5, 2, 0xAA, 0xBB, 6, 1, 0xC4, 0x80]
    let sets = [Self.sequenceSet, Self.pictureSet]
    #expect(sender.units(annexB(sets + [[0x06, 5, 2, 6, 6, 0x80], Self.other])) == [])
    #expect(sender.units(annexB(sets + [sei, Self.other])) == sets + [sei, Self.other])
    #expect(sender.units(annexB([sei, Self.other])) == sets + [sei, Self.other])
  }

  @Test func theNumberOfSetsIsBounded() {
    var sender = H264Sender()
    // Exp-Golomb codes of 0 … 6 as picture parameter set numbers.
    let ids: [UInt8] = [0x80, 0x40, 0x60, 0x20, 0x28, 0x30, 0x38]
    let sets = ids.map { [0x68, $0, 0xCE] as [UInt8] }
    _ = sender.units(annexB([Self.sequenceSet] + sets + [Self.key]))
    #expect(
      sender.units(annexB([Self.key])) == [Self.sequenceSet] + sets.suffix(4) + [Self.key])
    // What is too large to be kept is still sent.
    let large = [0x68, 0x80] + [UInt8](repeating: 0xAB, count: 300)
    #expect(sender.units(annexB([Self.sequenceSet, large, Self.key])).contains(large))
  }

  // MARK: Damage

  @Test func corruptUnitsAreLeftOutAndCounted() {
    var sender = H264Sender()
    let corrupt: [[UInt8]] = [[0xE5, 1, 2], [0x60, 1], [0x7C, 1], [0x78, 1], [0x41], []]
    let sound = [Self.sequenceSet, Self.pictureSet, Self.key]
    #expect(sender.units(annexB(corrupt + sound + corrupt)) == sound)
    #expect(sender.packetizer.corruptUnits == UInt64(2 * corrupt.count))
    #expect(sender.units(annexB(corrupt)) == [])
    #expect(sender.error == .noUnits)
  }

  @Test func accessUnitsHaveBounds() {
    var sender = H264Sender()
    let sets = [Self.sequenceSet, Self.pictureSet]
    #expect(sender.units(annexB(sets + Array(repeating: Self.key, count: 254))).count == 256)
    #expect(sender.units(annexB(Array(repeating: Self.key, count: 256))).count == 258)
    #expect(sender.units(annexB(Array(repeating: Self.key, count: 257))) == [])
    #expect(sender.error == .tooManyUnits)
    #expect(sender.units([]) == [])
    #expect(sender.error == .empty)
    #expect(sender.units([1, 2, 3, 4]) == [])
    #expect(sender.error == .noUnits)
  }

  @Test(arguments: Fixture.streams) func everyTruncationIsSurvived(name: String) throws {
    let file = try Fixture.h264(name)
    for accessUnit in accessUnits(file) {
      let step = accessUnit.count > 2000 ? 7 : 1
      for count in stride(from: 0, through: accessUnit.count, by: step) {
        var sender = H264Sender()
        let cut = Array(accessUnit[..<count])
        let units = sender.units(cut)
        #expect(units.isEmpty == (sender.error != nil))
        if !units.isEmpty { #expect(units == split(cut).filter { $0.count > 1 }) }
      }
    }
  }

  @Test func damageNeverTraps() throws {
    var dice = Dice(state: 2)
    let file = try Fixture.h264("delimited")
    for _ in 0..<500 {
      var damaged = file
      for _ in 0..<20 {
        damaged[Int.random(in: 0..<file.count, using: &dice)] = .random(in: 0...3, using: &dice)
      }
      var sender = H264Sender()
      let found = accessUnits(damaged)
      #expect(found.allSatisfy { !$0.isEmpty })
      for accessUnit in found { _ = sender.packets(accessUnit) }
    }
  }

  /// Start codes of both lengths, padding, and every distance between them.
  @Test func startCodesAreFoundEverywhere() {
    for size in 1...40 {
      for filler: UInt8 in [0xFF, 1, 0x80] {
        let unit = [0x65, 0x88] + [UInt8](repeating: filler, count: size)
        let tricky = [0x41, 0x9A, 0, 0, 3, 0, 0, 3, 1] as [UInt8]
        for longCodes in [false, true] {
          let units = [Self.sequenceSet, Self.pictureSet, unit, tricky]
          var sender = H264Sender()
          #expect(sender.units(annexB(units, longCodes: longCodes) + [0, 0, 0]) == units)
        }
      }
    }
  }
}
