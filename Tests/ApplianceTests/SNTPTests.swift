import Testing
import Wire

@testable import Appliance

@Suite struct SNTPTests {
  private static let nonce: UInt64 = 0x0123_4567_89AB_CDEF
  /// 2026-01-01 00:00:00 and half a second, in NTP time.
  private static let seconds: UInt32 = 3_976_214_400

  /// A good server's answer.
  private func packet() -> [UInt8] {
    var bytes: [UInt8] = [0x24, 2, 6, 0xEC]
    bytes += [0, 0, 0x01, 0x00]  // root delay: 1/256 s
    bytes += [0, 0, 0x02, 0x00]  // root dispersion: 2/256 s
    bytes += [192, 0, 2, 1]
    bytes += [UInt8](repeating: 0, count: 8)
    bytes += big(Self.nonce)
    bytes += big(UInt64(Self.seconds) << 32)
    bytes += big(UInt64(Self.seconds) << 32 | 0x8000_0000)
    return bytes
  }

  private func big(_ value: UInt64) -> [UInt8] {
    (0..<8).map { UInt8(truncatingIfNeeded: value >> (56 - 8 * UInt64($0))) }
  }

  private func refusal(_ bytes: [UInt8]) -> SNTPRefusal? {
    bytes.withUnsafeBytes { bytes in
      do throws(SNTPRefusal) {
        _ = try SNTPPacket.answer(bytes, nonce: Self.nonce)
        return nil
      } catch {
        return error
      }
    }
  }

  private func changed(_ offset: Int, _ value: UInt8) -> [UInt8] {
    var bytes = packet()
    bytes[offset] = value
    return bytes
  }

  @Test func theRequestGivesNothingAway() {
    var bytes = [UInt8](repeating: 0xFF, count: 48)
    bytes.withUnsafeMutableBytes {
      var writer = ByteWriter($0)
      SNTPPacket.writeRequest(nonce: Self.nonce, to: &writer)
      #expect(writer.count == SNTPPacket.size)
    }
    #expect(bytes == [0x23] + [UInt8](repeating: 0, count: 39) + big(Self.nonce))
  }

  @Test func aGoodAnswerIsRead() throws {
    let answer = try packet().withUnsafeBytes { try SNTPPacket.answer($0, nonce: Self.nonce) }
    #expect(answer.receivedNs == 1_767_225_600_000_000_000)
    #expect(answer.sentNs - answer.receivedNs == 500_000_000)
    #expect(answer.rootErrorUs == 1953 + 7812)
    // 600 ms in all, of which the server took 500: 50 ms each way.
    let unixNs = answer.unixNs(requestedNs: 1_000_000_000, answeredNs: 1_600_000_000)
    #expect(unixNs == answer.sentNs + 50_000_000)
  }

  @Test func theSecondEraBeginsIn2036() {
    #expect(NTPTime(bits: 0x8000_0000_0000_0000).unixNs == -61_505_152 * 1_000_000_000)
    #expect(NTPTime(bits: 0).unixNs == 2_085_978_496 * 1_000_000_000)
  }

  @Test func whatIsWrongIsNamed() {
    #expect(refusal(packet()) == nil)
    for length in 0..<48 { #expect(refusal(Array(packet()[..<length])) == .tooShort) }
    #expect(refusal(changed(0, 0x23)) == .notServer)
    #expect(refusal(changed(0, 0x25)) == .notServer)
    #expect(refusal(changed(0, 0x3C)) == .notServer)
    #expect(refusal(changed(0, 0xE4)) == .unsynchronised)
    #expect(refusal(changed(1, 16)) == .unsynchronised)
    for offset in 24..<32 { #expect(refusal(changed(offset, 0x77)) == .notOurs) }
    // Root dispersion of two seconds.
    #expect(refusal(changed(9, 2)) == .insane)
    // A second and a half in all is believed: of the root delay half counts.
    var late = packet()
    late.replaceSubrange(4..<12, with: [0, 0, 0x80, 0, 0, 1, 0x40, 0])
    #expect(refusal(late) == nil)
    late[11] = 1
    #expect(refusal(late) == .insane)
    // The first second of 2024, and the one before it.
    for (seconds, expected) in [(3_913_056_000, nil), (3_913_055_999, .insane)]
      as [(UInt64, SNTPRefusal?)]
    {
      var old = packet()
      old.replaceSubrange(32..<48, with: big(seconds << 32) + big(seconds << 32))
      #expect(refusal(old) == expected, "\(seconds)")
    }
    // Sent before it was received; a time before this program.
    #expect(refusal(changed(43, 0)) == .insane)
    #expect(refusal(changed(40, 0xE0)) == .insane)
  }

  @Test func aKissOfDeathCountsOnlyFromWhoSawTheRequest() {
    var kiss = changed(1, 0)
    kiss.replaceSubrange(12..<16, with: Array("RATE".utf8))
    #expect(refusal(kiss) == .rate)
    kiss.replaceSubrange(12..<16, with: Array("DENY".utf8))
    #expect(refusal(kiss) == .denied)
    kiss[24] ^= 1
    #expect(refusal(kiss) == .notOurs)
  }

  @Test func questionsGrowRarer() {
    var schedule = SNTPSchedule()
    var now = Instant(ms: 0)
    var rests: [UInt64] = []
    for _ in 0..<6 {
      schedule.answered(now: now)
      rests.append(schedule.next.since(now) / 1000)
      now = schedule.next
    }
    #expect(rests == [64, 128, 256, 512, 1024, 1024])
  }

  @Test func serversTakeTurnsAndTheDeniedOneIsLeftAlone() {
    var schedule = SNTPSchedule()
    #expect(schedule.server(of: 0) == nil)
    #expect(schedule.server(of: 2) == 0)
    schedule.failed(0, nil, now: Instant(ms: 0))
    #expect(schedule.next == Instant(ms: 2000))
    #expect(schedule.server(of: 2) == 1)
    schedule.failed(1, .denied, now: Instant(ms: 2000))
    #expect(schedule.next == Instant(ms: 6000))
    #expect(schedule.server(of: 2) == 0)
    schedule.failed(0, .denied, now: Instant(ms: 6000))
    #expect(schedule.server(of: 2) == nil)
  }

  /// A server that has had enough is asked as rarely as can be, until there are other servers.
  @Test func whoAsksForRestGetsIt() {
    var schedule = SNTPSchedule()
    schedule.failed(0, .rate, now: Instant(ms: 0))
    #expect(schedule.next == Instant(ms: 64_000))
    schedule.answered(now: schedule.next)
    let rest = schedule.next.since(Instant(ms: 64_000))
    #expect(rest == 1_024_000)
    schedule.reset(now: Instant(ms: 5_000_000))
    #expect(schedule.next == Instant(ms: 5_000_000))
    schedule.failed(0, nil, now: Instant(ms: 5_000_000))
    #expect(schedule.next == Instant(ms: 5_002_000))
    #expect(schedule.server(of: 1) == 0)
  }
}
