import Feed

/// A received RTP packet (RFC 3550, section 5.1).
struct Packet: Equatable {
  var payloadType: UInt8
  var marker: Bool
  var sequence: UInt16
  var timestamp: UInt32
  var source: UInt32
  var payload: [UInt8]

  init?(_ bytes: [UInt8]) {
    // Neither padding nor extension nor contributing sources.
    guard bytes.count > 12, bytes[0] == 0x80 else { return nil }
    payloadType = bytes[1] & 0x7F
    marker = bytes[1] & 0x80 != 0
    sequence = UInt16(bytes[2]) << 8 | UInt16(bytes[3])
    timestamp = bytes[4..<8].reduce(0) { $0 << 8 | UInt32($1) }
    source = bytes[8..<12].reduce(0) { $0 << 8 | UInt32($1) }
    payload = Array(bytes[12...])
  }
}

/// All packets that are left of what a packetizer was begun with.
func drain(_ packetizer: inout some Packetizer, _ stream: inout RTPStream) -> [[UInt8]] {
  var packets: [[UInt8]] = []
  var buffer = [UInt8](repeating: 0xEE, count: RTPStream.packetSize)
  while true {
    let size = buffer.withUnsafeMutableBytes { packetizer.next(on: &stream, into: $0) }
    if size == 0 { return packets }
    packets.append(Array(buffer[..<size]))
  }
}

/// What a receiver of JPEG knows after the last packet of a picture (RFC 2435, section 3).
struct ReceivedJPEG {
  var type: UInt8 = 0
  var width = 0
  var height = 0
  var tables: [UInt8] = []
  var scan: [UInt8] = []

  /// Nil when the packets contradict the standard.
  init?(_ packets: [Packet]) {
    for packet in packets {
      let payload = packet.payload
      guard payload.count > 8, payload[0] == 0, payload[5] == 255 else { return nil }
      let offset = Int(payload[1]) << 16 | Int(payload[2]) << 8 | Int(payload[3])
      guard offset == scan.count, packet.marker == (packet == packets.last) else { return nil }
      var start = 8
      if offset == 0 {
        type = payload[4]
        (width, height) = (Int(payload[6]) * 8, Int(payload[7]) * 8)
        guard payload.count > 12, payload[8] == 0, payload[9] == 0 else { return nil }
        let length = Int(payload[10]) << 8 | Int(payload[11])
        guard payload.count > 12 + length else { return nil }
        tables = Array(payload[12..<12 + length])
        start = 12 + length
      }
      guard payload[4] == type, type < 2 else { return nil }
      scan += payload[start...]
    }
  }
}

/// The NAL units of one access unit's packets (RFC 6184, section 5); nil when they contradict it.
func receivedUnits(_ packets: [Packet]) -> [[UInt8]]? {
  var units: [[UInt8]] = []
  var fragments: [UInt8]?
  for packet in packets {
    let payload = packet.payload
    guard packet.marker == (packet == packets.last) else { return nil }
    switch payload[0] & 0x1F {
    case 1...23 where fragments == nil:
      units.append(payload)
    case 24 where fragments == nil:
      var place = 1
      while place + 2 < payload.count {
        let size = Int(payload[place]) << 8 | Int(payload[place + 1])
        guard place + 2 + size <= payload.count else { return nil }
        units.append(Array(payload[place + 2..<place + 2 + size]))
        place += 2 + size
      }
      guard place == payload.count else { return nil }
    case 28:
      guard payload.count > 2, payload[1] & 0x80 != 0 || fragments != nil else { return nil }
      let header = payload[0] & 0xE0 | payload[1] & 0x1F
      if payload[1] & 0x80 != 0 { fragments = [header] }
      guard fragments?[0] == header else { return nil }
      fragments! += payload[2...]
      if payload[1] & 0x40 != 0 {
        units.append(fragments!)
        fragments = nil
      }
    default:
      return nil
    }
  }
  return fragments == nil ? units : nil
}
