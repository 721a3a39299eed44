/// An RTP packet (RFC 3550) without its header's details.
struct RTPPacket {
  var payloadType: Int
  var sequence: UInt16
  /// Of the media's clock, 90 kHz for video.
  var timestamp: UInt32
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
    timestamp = bytes[start + 4..<start + 8].reduce(0) { $0 << 8 | UInt32($1) }
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

/// A frame of a video track, put together from its packets.
enum AssembledFrame {
  case picture(JPEGFrame)
  /// The units of an H.264 access unit, without start codes.
  case accessUnit([[UInt8]])
}

/// Puts one track's frames together, as MediaMTX does.
struct FrameAssembly {
  /// Bytes that a frame may have: a limit to memory that no camera comes near.
  static let maximumFrame = 4 * 1024 * 1024

  private let codec: Track.Codec
  private var motionJPEG = MotionJPEG()
  private var h264 = H264Fragments()

  init(_ codec: Track.Codec) { self.codec = codec }

  mutating func take(_ packet: RTPPacket) -> PacketVerdict {
    switch codec {
    case .motionJPEG: motionJPEG.take(packet)
    case .h264: h264.take(packet)
    case .named: .whole
    }
  }

  /// The frame that the last packet has completed; it is given once.
  mutating func takeFrame() -> AssembledFrame? {
    switch codec {
    case .motionJPEG: motionJPEG.takeFrame().map { .picture($0) }
    case .h264: h264.takeFrame().map { .accessUnit($0) }
    case .named: nil
    }
  }
}

/// What MediaMTX accepts of JPEG in RTP (RFC 2435), which is less than the standard allows.
struct MotionJPEG {
  private var hasStarted = false
  /// What has come of the picture: the next fragment must name the length of its scan as offset.
  private var frame = JPEGFrame()
  private var finished: JPEGFrame?

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
      hasStarted = true
      frame = JPEGFrame(
        type: type, quality: payload[start + 5], width: 8 * Int(payload[start + 6]),
        height: 8 * Int(payload[start + 7]))
      if payload[start + 5] >= 128 {
        guard let tables = MotionJPEG.tables(payload.dropFirst(8)) else {
          return .wrong("invalid quantization tables")
        }
        frame.tables = Array(payload[start + 12..<start + 8 + tables])
        header += tables
      }
    } else if offset != frame.scan.count {
      frame.scan = []
      return hasStarted ? .wrong("received wrong fragment") : .ignored
    }
    if frame.scan.count + payload.count > FrameAssembly.maximumFrame {
      frame.scan = []
      return .wrong("frame is too large")
    }
    frame.scan += payload.dropFirst(header)
    guard packet.isLastOfFrame else { return .whole }
    defer { frame = JPEGFrame() }
    if frame.scan.count < 2 { return .wrong("invalid data") }
    finished = frame
    return .whole
  }

  mutating func takeFrame() -> JPEGFrame? {
    defer { finished = nil }
    return finished
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
  /// MediaMTX refuses access units of more.
  private static let maximumUnits = 64

  private var hasStarted = false
  private var isFragmenting = false
  /// The access unit so far, and the unit of it whose fragments are coming.
  private var units: [[UInt8]] = []
  private var fragments: [UInt8] = []
  private var size = 0
  /// Something of the access unit is missing.
  private var isBroken = false
  private var finished: [[UInt8]]?

  mutating func take(_ packet: RTPPacket) -> PacketVerdict {
    let verdict = take(packet.payload)
    size += packet.payload.count
    if verdict != .whole || size > FrameAssembly.maximumFrame
      || units.count > H264Fragments.maximumUnits
    {
      isBroken = true
      (units, fragments) = ([], [])
    }
    guard packet.isLastOfFrame else { return verdict }
    finished = isBroken || isFragmenting ? nil : units
    (units, fragments, size, isBroken) = ([], [], 0, false)
    return verdict
  }

  mutating func takeFrame() -> [[UInt8]]? {
    defer { finished = nil }
    return finished
  }

  private mutating func take(_ payload: ArraySlice<UInt8>) -> PacketVerdict {
    guard let first = payload.first else { return .wrong("payload is too short") }
    let start = payload.startIndex
    switch first & 0x1F {
    case 28:
      guard payload.count >= 2 else { return .wrong("invalid FU-A packet (invalid size)") }
      let (starts, ends) = (payload[start + 1] & 0x80 != 0, payload[start + 1] & 0x40 != 0)
      if starts {
        if ends { return .wrong("invalid FU-A packet (can't contain both a start and end bit)") }
        (hasStarted, isFragmenting) = (true, true)
        fragments = [first & 0xE0 | payload[start + 1] & 0x1F] + payload.dropFirst(2)
        return .whole
      }
      guard isFragmenting else {
        return hasStarted ? .wrong("received a non-starting fragment") : .ignored
      }
      isFragmenting = !ends
      fragments += payload.dropFirst(2)
      if ends {
        units.append(fragments)
        fragments = []
      }
      return .whole
    case 24:
      (hasStarted, isFragmenting) = (true, false)
      guard let more = H264Fragments.aggregate(payload.dropFirst()) else {
        return .wrong("invalid STAP-A packet (invalid size)")
      }
      units += more
      return .whole
    case 0, 25, 26, 27, 29, 30, 31: return .wrong("packet type \(first & 0x1F) not supported")
    default:
      (hasStarted, isFragmenting) = (true, false)
      units.append(Array(payload))
      return .whole
    }
  }

  /// The units of an aggregate; nil unless they fill it with their lengths (RFC 6184, 5.7.1).
  private static func aggregate(_ bytes: ArraySlice<UInt8>) -> [[UInt8]]? {
    var units: [[UInt8]] = []
    var rest = bytes
    while let length = MP4.number(rest, at: 0, size: 2) {
      guard length > 0, rest.count >= 2 + length else { return nil }
      let start = rest.startIndex + 2
      units.append(Array(rest[start..<start + length]))
      rest = rest[(start + length)...]
    }
    return rest.isEmpty && !units.isEmpty ? units : nil
  }
}
