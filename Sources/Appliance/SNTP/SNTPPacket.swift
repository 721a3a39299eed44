import Wire

/// A point in NTP time: seconds since 1900 and their 2^-32 parts, as on the wire.
public struct NTPTime: Equatable, Sendable {
  public var bits: UInt64
  public init(bits: UInt64) { self.bits = bits }

  /// Nanoseconds since 1970. The era begins anew in 2036: seconds without their top bit belong to
  /// the second one (RFC 4330, section 3).
  public var unixNs: Int64 {
    let seconds = Int64(bits >> 32)
    let era: Int64 = seconds & 0x8000_0000 == 0 ? 0x1_0000_0000 : 0
    let fraction = Int64(((bits & 0xFFFF_FFFF) * 1_000_000_000) >> 32)
    return (seconds + era - NTPTime.unixEpoch) * 1_000_000_000 + fraction
  }

  /// 1970 in seconds since 1900.
  public static let unixEpoch: Int64 = 2_208_988_800
}

/// Why an answer is not believed.
public enum SNTPRefusal: Error, Equatable, Sendable {
  case tooShort
  /// Not the answer of a server, or of no version we know.
  case notServer
  /// The answer to another request: late, or forged.
  case notOurs
  /// The server's own clock is not synchronised.
  case unsynchronised
  /// The server's error bound, or the time itself, makes no sense.
  case insane
  /// Kiss of death: ask less often (`RATE`).
  case rate
  /// Kiss of death: never ask again (`DENY`, `RSTR`, and any other code).
  case denied
}

/// What a server said.
public struct SNTPAnswer: Equatable, Sendable {
  /// When it got our request and when it answered, by its clock, in nanoseconds since 1970.
  public var receivedNs: Int64
  public var sentNs: Int64
  /// Half the way to the reference clock plus its dispersion, in microseconds.
  public var rootErrorUs: Int64

  public init(receivedNs: Int64, sentNs: Int64, rootErrorUs: Int64) {
    self.receivedNs = receivedNs
    self.sentNs = sentNs
    self.rootErrorUs = rootErrorUs
  }

  /// The time at the moment the answer came, by monotonic nanoseconds around the exchange.
  public func unixNs(requestedNs: UInt64, answeredNs: UInt64) -> Int64 {
    sentNs + pathNs(requestedNs: requestedNs, answeredNs: answeredNs) / 2
  }

  /// The time that the exchange spent on the network.
  public func pathNs(requestedNs: UInt64, answeredNs: UInt64) -> Int64 {
    max(0, Int64(answeredNs &- requestedNs) - (sentNs - receivedNs))
  }
}

/// The packets of SNTP version 4 (RFC 4330; the client's side of RFC 5905).
public enum SNTPPacket {
  public static let size = 48
  public static let port: UInt16 = 123
  /// The largest error bound that is believed, in microseconds (RFC 5905: MAXDISP is 16 s; a server
  /// that is a second and a half off dates no recording).
  public static let rootErrorLimitUs: Int64 = 1_500_000
  /// 2024: no device that has this program lived before.
  public static let earliestNs: Int64 = 1_704_067_200 * 1_000_000_000

  /// A request. Its transmit time is a random number that the answer must repeat: no wall clock is
  /// given away, and nobody who has not seen the request can answer it.
  public static func writeRequest(nonce: UInt64, to writer: inout ByteWriter) {
    // Leap indicator 0, version 4, mode 3: client.
    writer.write(UInt8(0x23))
    writer.zero(39)
    writer.write(nonce, bigEndianBytes: 8)
  }

  public static func answer(_ bytes: UnsafeRawBufferPointer, nonce: UInt64)
    throws(SNTPRefusal) -> SNTPAnswer
  {
    guard bytes.count >= size else { throw .tooShort }
    let (leap, version, mode) = (bytes[0] >> 6, bytes[0] >> 3 & 7, bytes[0] & 7)
    guard mode == 4, (3...4).contains(version) else { throw .notServer }
    // Before anything is believed, a kiss of death too: who answers must have seen the request.
    guard number(bytes, 24, 8) == nonce else { throw .notOurs }
    let stratum = bytes[1]
    if stratum == 0 {
      throw number(bytes, 12, 4) == 0x5241_5445 ? .rate : .denied
    }
    guard leap != 3, stratum < 16 else { throw .unsynchronised }
    let received = NTPTime(bits: number(bytes, 32, 8))
    let sent = NTPTime(bits: number(bytes, 40, 8))
    // 16.16 seconds each.
    let delay = (Int64(number(bytes, 4, 4)) * 1_000_000) >> 16
    let dispersion = (Int64(number(bytes, 8, 4)) * 1_000_000) >> 16
    let rootErrorUs = delay / 2 + dispersion
    guard received.bits != 0, sent.bits != 0, sent.unixNs >= received.unixNs,
      sent.unixNs >= earliestNs, rootErrorUs <= rootErrorLimitUs
    else { throw .insane }
    return SNTPAnswer(
      receivedNs: received.unixNs, sentNs: sent.unixNs, rootErrorUs: rootErrorUs)
  }

  private static func number(_ bytes: UnsafeRawBufferPointer, _ offset: Int, _ count: Int)
    -> UInt64
  {
    var value: UInt64 = 0
    for index in offset..<offset + count { value = value << 8 | UInt64(bytes[index]) }
    return value
  }
}
