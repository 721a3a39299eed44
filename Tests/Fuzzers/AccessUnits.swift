import Wire

@testable import Feed

extension Fuzzer {
  /// In: a byte stream (Annex B). Holds: its units go out unchanged and in their order, beside
  /// nothing but remembered parameter sets; corrupt ones are counted; access units of a file follow
  /// each other; what is written as a key frame is made of parameter sets and slices.
  static let h264 = Fuzzer("h264", longest: 8192) {
    let sequence: [UInt8] = [0, 0, 0, 1, 0x67, 0x42, 0xC0, 0x1E, 0xD9, 0, 0xA0, 0x47, 0xFE, 0x88]
    let picture: [UInt8] = [0, 0, 0, 1, 0x68, 0xCB, 0x83, 0xCB, 0x20]
    let slice: [UInt8] = [0, 0, 1, 0x65, 0x88, 0x84, 0x21, 0xA0]
    let other: [UInt8] = [0, 0, 1, 0x41, 0x9A, 0x24] + [UInt8](repeating: 7, count: 1500)
    return [
      sequence + picture + slice, sequence + picture + [0, 0, 1, 6, 6, 1, 4, 0x80] + other,
      [0, 0, 1, 9, 0xF0] + sequence + picture + slice + other + [0, 0, 1, 9, 0xF0] + slice,
    ]
  } run: { bytes in
    withCopy(bytes) { bytes in
      let bytes = UnsafeRawBufferPointer(bytes)
      _ = try? KeyFrame(inspecting: bytes)
      var packetizer = H264Packetizer()
      var stream = RTPStream(payloadType: H264Packetizer.payloadType, source: 1, sequence: 0)
      send(bytes, &packetizer, &stream)
      // Once more, behind the one that was there: now all sets are remembered.
      var offset = 0
      while let range = AccessUnits.next(in: bytes, from: offset) {
        require(range.lowerBound >= offset && range.upperBound <= bytes.count, "in the file")
        require(!range.isEmpty, "each step goes on")
        offset = range.upperBound
        let unit = UnsafeRawBufferPointer(rebasing: bytes[range])
        packetizer.learn(unit)
        send(unit, &packetizer, &stream)
      }
      let description = SessionDescription.h264(packetizer.parameterSets).text
      require(description.count < 1024, "a description fits")
    }
  }
}

private func send(
  _ bytes: UnsafeRawBufferPointer, _ packetizer: inout H264Packetizer, _ stream: inout RTPStream
) {
  let before = packetizer.corruptUnits
  guard (try? packetizer.begin(bytes, timestamp: 1)) != nil else {
    return require(packetizer.isDone, "there is nothing to send")
  }
  writeKeyFrame(packetizer, longest: bytes.count)
  var own: [[UInt8]] = []
  var corrupt: UInt64 = 0
  var reader = AnnexBReader(bytes)
  while let range = reader.next() {
    if bytes.unit(range).defect == nil { own.append([UInt8](bytes[range])) } else { corrupt += 1 }
  }
  require(packetizer.corruptUnits == before + corrupt, "corrupt units are counted")
  let sent = units(packets(&packetizer, &stream))
  var (place, extra) = (0, 0)
  for unit in sent {
    if place < own.count, own[place] == unit {
      place += 1
    } else {
      extra += 1
      let type = unit[0] & 0x1F
      require(type == 7 || type == 8, "nothing is put in but parameter sets")
    }
  }
  require(place == own.count, "all units go out in their order")
  require(extra <= 2 * ParameterSets.capacity, "no more sets than are remembered")
}

/// Units of packets (RFC 6184).
private func units(_ packets: [[UInt8]]) -> [[UInt8]] {
  var units: [[UInt8]] = []
  var fragment: [UInt8]?
  for packet in packets {
    let payload = packet[12...]
    switch payload[12] & 0x1F {
    case 24:
      var place = 13
      while place < packet.count {
        let size = Int(packet[place]) << 8 | Int(packet[place + 1])
        require(size > 0 && place + 2 + size <= packet.count, "an aggregate of whole units")
        units.append([UInt8](packet[place + 2..<place + 2 + size]))
        place += 2 + size
      }
    case 28:
      let head = packet[12] & 0xE0 | packet[13] & 0x1F
      require((packet[13] & 0x80 != 0) == (fragment == nil), "the first fragment says so")
      fragment = (fragment ?? [head]) + packet[14...]
      if packet[13] & 0x40 != 0 {
        units.append(fragment ?? [])
        fragment = nil
      }
    default: units.append([UInt8](payload))
    }
  }
  require(fragment == nil, "the last fragment says so")
  return units
}

private func writeKeyFrame(_ packetizer: H264Packetizer, longest: Int) {
  var room = [UInt8](repeating: 0xA5, count: longest + 8 * (ParameterSets.setSize + 3))
  let size = room.withUnsafeMutableBytes { packetizer.writeKeyFrame(into: $0) }
  guard size > 0 else { return }
  room[..<size].withUnsafeBytes { frame in
    var reader = AnnexBReader(frame)
    var kinds: Set<UInt8> = []
    while let range = reader.next() {
      require(frame.unit(range).defect == nil, "a key frame of sound units")
      kinds.insert(frame.unit(range).type)
    }
    require(kinds == [5, 7, 8], "parameter sets and slices, nothing else")
    _ = try? KeyFrame(inspecting: frame)
  }
}
