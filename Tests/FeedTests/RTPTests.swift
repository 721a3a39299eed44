import Feed
import Testing

@Suite struct RTPTests {
  @Test func timestampsCountNinetyThousandASecond() {
    let clock = RTPClock(base: 1000)
    #expect(clock.timestamp(ns: 0) == 1000)
    #expect(clock.timestamp(ns: 1_000_000_000) == 91_000)
    #expect(clock.timestamp(ns: 33_333_333) == 1000 + 2999)
    // 2^32 ticks take 47,721.858844… seconds.
    #expect(clock.timestamp(ns: 47_721_858_844_445) == 1000)
    // A year of uptime neither traps nor loses a tick.
    let year: UInt64 = 365 * 86_400
    let ticks = UInt32(truncatingIfNeeded: year * 90_000)
    #expect(clock.timestamp(ns: year * 1_000_000_000) == 1000 &+ ticks)
  }

  @Test func picturesNeverGoBackInTime() {
    var clock = RTPClock(base: 0)
    #expect(clock.next(ns: 1_000_000_000) == 90_000)
    #expect(clock.next(ns: 999_990_000) == 90_090)
    #expect(clock.next(ns: 1_000_000_000) == 90_180)
    #expect(clock.next(ns: 1_033_000_000) == 92_970)
    // What other times mean stays as it was.
    #expect(clock.timestamp(ns: 1_000_000_000) == 90_000)
  }

  @Test func reportsTellTimeAndCounts() {
    // 2024-01-01 00:00:00.5 UTC.
    let report = SenderReport(unixNs: 1_704_067_200_500_000_000, timestamp: 0x0102_0304)
    var bytes = [UInt8](repeating: 0xEE, count: SenderReport.size)
    let stream = RTPStream(payloadType: 26, source: 0xCAFE_F00D, sequence: 7)
    let size = bytes.withUnsafeMutableBytes { report.write(about: stream, into: $0) }
    #expect(size == 48)
    // Sender report, six words on; source; 3,913,056,000.5 s since 1900; timestamp; no packets yet.
    #expect(
      bytes[..<28] == [
        0x80, 200, 0, 6, 0xCA, 0xFE, 0xF0, 0x0D, 0xE9, 0x3C, 0x7F, 0x00, 0x80, 0, 0, 0,
        1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0,
      ])
    // Source description, four words on: CNAME "watchpost", ended and padded by a zero.
    let name = Array("watchpost".utf8)
    let description = [0x81, 202, 0, 4, 0xCA, 0xFE, 0xF0, 0x0D, 1, 9] + name + [0]
    #expect(Array(bytes[28...]) == description)
  }
}
