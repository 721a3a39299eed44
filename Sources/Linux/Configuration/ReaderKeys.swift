import Appliance
import Wire

// The keys of the section [rtsp]: who may read streams.

extension ConfigurationKey {
  var readerFacts: Facts {
    switch self {
    case .rtspUser:
      Self.row(
        "rtsp.user", .credential(1...32), "",
        "who may read streams; without, everybody who reaches the RTSP port may")
    default:
      Self.row(
        "rtsp.password", .credential(8...64), "", "what they show; never told to anybody")
    }
  }
}

extension ConfigurationValue {
  /// A name or a password, of characters that stand for themselves in a URL (RFC 3986, unreserved),
  /// in YAML and in this file, and that MediaMTX takes.
  func credential(_ key: ConfigurationKey) throws(ValueError) -> Text<64> {
    guard case .credential(let range) = key.facts.value else { return .empty }
    for index in 0..<text.count {
      switch text[index] {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
        UInt8(ascii: "_"):
        continue
      default: throw ValueError("Use letters, digits and -._ only.")
      }
    }
    guard range.contains(text.count) else {
      var message = Text<120>("Give ")
      message.append(decimal: UInt64(range.lowerBound))
      message.append(" to ")
      message.append(decimal: UInt64(range.upperBound))
      message.append(" characters.")
      throw ValueError(message)
    }
    return Text(text)
  }
}
