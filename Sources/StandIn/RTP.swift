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

/// What MediaMTX accepts of JPEG in RTP (RFC 2435), which is less than the standard allows.
enum MotionJPEG {
  enum Verdict {
    case start
    case continuation
    /// A frame begins that will not be decoded.
    case refused
  }

  /// Judges a packet's payload by its headers.
  static func judge(_ payload: ArraySlice<UInt8>) -> Verdict {
    guard payload.count >= 8 else { return .refused }
    let header = Array(payload.prefix(12))
    let isStart = header[1] == 0 && header[2] == 0 && header[3] == 0
    let (type, quality) = (header[4], header[5])
    // Types from 64 on carry restart markers, which are refused; 2 and above were never assigned.
    if type > 1 { return isStart ? .refused : .continuation }
    if !isStart { return .continuation }
    if header[6] == 0 || header[7] == 0 { return .refused }
    guard quality >= 128 else { return .start }
    guard header.count == 12 else { return .refused }
    let tableLength = Int(header[10]) << 8 | Int(header[11])
    let isAccepted = header[9] == 0 && (tableLength == 64 || tableLength == 128)
    return isAccepted && payload.count >= 12 + tableLength ? .start : .refused
  }
}
