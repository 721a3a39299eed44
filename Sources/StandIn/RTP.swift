/// An RTP packet (RFC 3550) without its header's details.
struct RTPPacket {
  var payloadType: Int
  var sequence: UInt16
  var isLastOfFrame: Bool
  var payload: ArraySlice<UInt8>

  init?(_ bytes: ArraySlice<UInt8>) {
    let start = bytes.startIndex
    guard bytes.count >= 12, bytes[start] >> 6 == 2 else { return nil }
    var header = 12 + 4 * Int(bytes[start] & 0x0F)
    if bytes[start] & 0x10 != 0 {
      guard bytes.count >= header + 4 else { return nil }
      let words = Int(bytes[start + header + 2]) << 8 | Int(bytes[start + header + 3])
      header += 4 + 4 * words
    }
    guard bytes.count >= header else { return nil }
    isLastOfFrame = bytes[start + 1] & 0x80 != 0
    payloadType = Int(bytes[start + 1] & 0x7F)
    sequence = UInt16(bytes[start + 2]) << 8 | UInt16(bytes[start + 3])
    payload = bytes[(start + header)...]
  }
}

/// A packet within an RTSP connection (RFC 2326, 10.12).
struct InterleavedFrame {
  static let mark = UInt8(ascii: "$")

  var channel: UInt8
  var payload: ArraySlice<UInt8>

  /// The frame at the start of `bytes`; nil if it is not complete.
  init?(_ bytes: ArraySlice<UInt8>) {
    let start = bytes.startIndex
    guard bytes.count >= 4 else { return nil }
    let length = Int(bytes[start + 2]) << 8 | Int(bytes[start + 3])
    guard bytes.count >= 4 + length else { return nil }
    channel = bytes[start + 1]
    payload = bytes[(start + 4)..<(start + 4 + length)]
  }
}

/// What a packet does to the frame that it belongs to.
enum PacketVerdict: Equatable {
  /// It continues a frame as it should.
  case whole
  /// Part of a frame that began before the stream did: nothing wrong, and nothing to show.
  case ignored
  case wrong(String)
}

/// Follows one track's packets, as MediaMTX does when it puts frames together.
struct FrameAssembly {
  private enum Codec {
    case motionJPEG(MotionJPEG)
    case h264(H264Fragments)
    case other
  }

  private var codec: Codec

  init(_ codec: Track.Codec) {
    switch codec {
    case .motionJPEG: self.codec = .motionJPEG(MotionJPEG())
    case .h264: self.codec = .h264(H264Fragments())
    case .named: self.codec = .other
    }
  }

  mutating func take(_ packet: RTPPacket) -> PacketVerdict {
    switch codec {
    case .motionJPEG(var state):
      let verdict = state.take(packet)
      codec = .motionJPEG(state)
      return verdict
    case .h264(var state):
      let verdict = state.take(packet.payload)
      codec = .h264(state)
      return verdict
    case .other: return .whole
    }
  }
}

/// What MediaMTX accepts of JPEG in RTP (RFC 2435), which is less than the standard allows.
struct MotionJPEG {
  private var hasStarted = false
  /// Bytes of the frame's scan so far, which the next fragment must name as its offset.
  private var scanSize = 0

  mutating func take(_ packet: RTPPacket) -> PacketVerdict {
    let payload = packet.payload
    guard payload.count >= 8 else { return .wrong("buffer is too short") }
    let start = payload.startIndex
    let offset =
      Int(payload[start + 1]) << 16 | Int(payload[start + 2]) << 8 | Int(payload[start + 3])
    // Types from 64 on carry restart markers, which are refused; 2 and above were never assigned.
    let type = payload[start + 4]
    if type > 1 { return .wrong("type \(type) is not supported") }
    if payload[start + 5] == 0 || (100...127).contains(payload[start + 5]) {
      return .wrong("quantization \(payload[start + 5]) is invalid")
    }
    if payload[start + 6] == 0 || payload[start + 7] == 0 { return .wrong("invalid dimensions") }
    var header = 8
    if offset == 0 {
      (hasStarted, scanSize) = (true, 0)
      if payload[start + 5] >= 128 {
        guard let tables = MotionJPEG.tables(payload.dropFirst(8)) else {
          return .wrong("invalid quantization tables")
        }
        header += tables
      }
    } else if offset != scanSize {
      scanSize = 0
      return hasStarted ? .wrong("received wrong fragment") : .ignored
    }
    scanSize += payload.count - header
    guard packet.isLastOfFrame else { return .whole }
    defer { scanSize = 0 }
    return scanSize < 2 ? .wrong("invalid data") : .whole
  }

  /// The length of the header with tables of 64 or 128 bytes of 8 bits each; nil if it is none.
  private static func tables(_ bytes: ArraySlice<UInt8>) -> Int? {
    let start = bytes.startIndex
    guard bytes.count >= 4 else { return nil }
    let length = Int(bytes[start + 2]) << 8 | Int(bytes[start + 3])
    guard bytes[start + 1] == 0, length == 64 || length == 128, bytes.count >= 4 + length else {
      return nil
    }
    return 4 + length
  }
}

/// What MediaMTX accepts of H.264 in RTP (RFC 6184): single units, STAP-A and FU-A.
struct H264Fragments {
  private var hasStarted = false
  private var isFragmenting = false

  mutating func take(_ payload: ArraySlice<UInt8>) -> PacketVerdict {
    guard let first = payload.first else { return .wrong("payload is too short") }
    let start = payload.startIndex
    switch first & 0x1F {
    case 28:
      guard payload.count >= 2 else { return .wrong("invalid FU-A packet (invalid size)") }
      let (starts, ends) = (payload[start + 1] & 0x80 != 0, payload[start + 1] & 0x40 != 0)
      if starts {
        if ends { return .wrong("invalid FU-A packet (can't contain both a start and end bit)") }
        (hasStarted, isFragmenting) = (true, true)
        return .whole
      }
      guard isFragmenting else {
        return hasStarted ? .wrong("received a non-starting fragment") : .ignored
      }
      isFragmenting = !ends
      return .whole
    case 24:
      (hasStarted, isFragmenting) = (true, false)
      return H264Fragments.isAggregate(payload.dropFirst())
        ? .whole : .wrong("invalid STAP-A packet (invalid size)")
    case 0, 25, 26, 27, 29, 30, 31: return .wrong("packet type \(first & 0x1F) not supported")
    default:
      (hasStarted, isFragmenting) = (true, false)
      return .whole
    }
  }

  /// Whether units with their lengths fill the payload (RFC 6184, 5.7.1).
  private static func isAggregate(_ units: ArraySlice<UInt8>) -> Bool {
    var position = units.startIndex
    while position + 2 <= units.endIndex {
      let length = Int(units[position]) << 8 | Int(units[position + 1])
      if length == 0 { return false }
      position += 2 + length
    }
    return position == units.endIndex && !units.isEmpty
  }
}
