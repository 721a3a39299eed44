import Testing

@testable import StandIn

/// Which packets of a stream count as frames in error.
@Suite struct FrameAssemblyTests {
  /// An RTP/JPEG packet of 1280x720 with 1000 bytes of the scan from `offset` on.
  private func jpeg(
    _ offset: Int, type: UInt8 = 0, quality: UInt8 = 255, tables: Int = 128, width: UInt8 = 160,
    size: Int = 1000, isLast: Bool = false
  ) -> RTPPacket {
    var payload: [UInt8] = [
      0, UInt8(offset >> 16), UInt8(offset >> 8 & 0xFF), UInt8(offset & 0xFF), type, quality, width,
      90,
    ]
    if offset == 0, quality >= 128 {
      payload += [0, 0, UInt8(tables >> 8), UInt8(tables & 0xFF)]
      payload += [UInt8](repeating: 16, count: tables)
    }
    payload += [UInt8](repeating: 0x5A, count: size)
    return packet(26, payload, isLast: isLast)
  }

  private func packet(_ type: UInt8, _ payload: [UInt8], isLast: Bool) -> RTPPacket {
    let header = [0x80, type | (isLast ? 0x80 : 0)] + [UInt8](repeating: 0, count: 10)
    return RTPPacket((header + payload)[...])!
  }

  private func verdicts(_ packets: [RTPPacket], _ codec: Track.Codec = .motionJPEG) -> String {
    var assembly = FrameAssembly(codec)
    return packets.map {
      switch assembly.take($0) {
      case .whole: "+"
      case .ignored: "."
      case .wrong: "x"
      }
    }.joined()
  }

  @Test func framesInOrderAreWhole() {
    #expect(verdicts([jpeg(0), jpeg(1000), jpeg(2000, isLast: true), jpeg(0)]) == "++++")
    #expect(verdicts([jpeg(0, tables: 64, isLast: true), jpeg(0, quality: 80)]) == "++")
  }

  @Test func aMissingFragmentIsAnErrorUntilTheNextFrame() {
    #expect(verdicts([jpeg(0), jpeg(2000), jpeg(3000, isLast: true), jpeg(0)]) == "+xx+")
  }

  @Test func aCutFragmentIsAnError() {
    #expect(verdicts([jpeg(0, size: 900), jpeg(1000, isLast: true)]) == "+x")
    #expect(verdicts([jpeg(0, size: 1, isLast: true)]) == "x")
    #expect(verdicts([packet(26, [0, 0, 0, 0, 0], isLast: false)]) == "x")
  }

  @Test func whatCameBeforeTheStreamIsPassedOver() {
    #expect(verdicts([jpeg(1000), jpeg(2000, isLast: true), jpeg(0), jpeg(1000)]) == "..++")
  }

  @Test func whatMediaMTXDoesNotCarryIsAnError() {
    #expect(verdicts([jpeg(0, type: 64), jpeg(0, type: 65), jpeg(0, type: 2)]) == "xxx")
    #expect(verdicts([jpeg(0, tables: 192), jpeg(0, tables: 0), jpeg(0, tables: 63)]) == "xxx")
    #expect(verdicts([jpeg(0, quality: 0), jpeg(0, quality: 110), jpeg(0, width: 0)]) == "xxx")
    var precise = jpeg(0)
    precise.payload[precise.payload.startIndex + 9] = 1  // 16-bit coefficients
    #expect(verdicts([precise]) == "x")
  }

  private func h264(_ payload: [UInt8]) -> RTPPacket {
    packet(96, payload, isLast: true)
  }

  @Test func unitsOfH264() {
    let (start, middle, end) = (h264([0x7C, 0x85, 1]), h264([0x7C, 5, 1]), h264([0x7C, 0x45, 1]))
    let aggregate = h264([0x78, 0, 2, 0x67, 1, 0, 1, 0x68])
    let unit = h264([0x41, 1, 2])
    #expect(verdicts([middle, unit, start, middle, end, aggregate], .h264) == ".+++++")
    #expect(verdicts([start, unit, end], .h264) == "++x")
    let cut = h264([0x78, 0, 9, 0x67, 1])
    let interleaved = h264([0x59, 0, 0, 1])
    let both = h264([0x7C, 0xC5, 1])
    #expect(verdicts([cut, interleaved, both, h264([]), h264([0x7C])], .h264) == "xxxxx")
  }
}
