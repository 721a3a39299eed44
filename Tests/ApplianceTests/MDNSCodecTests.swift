import Testing
import Wire

@testable import Appliance

@Suite struct MDNSCodecTests {
  private func name(_ bytes: [UInt8], at offset: Int = 0) -> Result<DNSName, DNSError> {
    bytes.withUnsafeBytes { bytes in
      do throws(DNSError) {
        return .success(try DNSReader(bytes).name(at: offset))
      } catch {
        return .failure(error)
      }
    }
  }

  @Test func namesAreComparedWithoutCase() {
    #expect(name(MDNSMessages.name("_WATCHPOST._tcp.Local")) == .success(.service))
    #expect(name(MDNSMessages.name("_watchpost._udp.local")) != .success(.service))
    // A length is no letter: 0x41 + 0x20 must not make two labels equal.
    #expect(DNSName.host(Text<32>("a")) != DNSName.host(Text<32>("b")))
  }

  @Test func pointersAreFollowedBackwards() {
    // local at 0; _tcp + pointer at 7; _watchpost + pointer at 14.
    let bytes =
      MDNSMessages.name("local") + [4] + Array("_tcp".utf8) + [0xC0, 0]
      + [10] + Array("_watchpost".utf8) + [0xC0, 7]
    #expect(name(bytes, at: 14) == .success(.service))
  }

  @Test func hostilePointersEnd() {
    #expect(name([0xC0, 0]) == .failure(.pointer))
    #expect(name([0xC0, 2, 0xC0, 0]) == .failure(.pointer))
    #expect(name([1, 0x61, 0xC0, 0]) == .failure(.pointer))
    #expect(name([0, 0xC0, 5, 0, 0, 0], at: 1) == .failure(.pointer))
    // Two that point at each other.
    #expect(name([0xC0, 2, 0xC0, 0], at: 2) == .failure(.pointer))
    // A chain of pointers, each honest, longer than any name needs.
    var chain: [UInt8] = [0, 0]
    for index in 0..<20 { chain += [0xC0, UInt8(index * 2)] }
    #expect(name(chain, at: 2 + 2 * 16) == .failure(.pointer))
    #expect(name(chain, at: 2 + 2 * 15) == .success(DNSName()))
  }

  @Test func hostileLabelsEnd() {
    #expect(name([]) == .failure(.truncated))
    #expect(name([5, 0x61]) == .failure(.truncated))
    #expect(name([1, 0x61]) == .failure(.truncated))
    #expect(name([0xC0]) == .failure(.truncated))
    #expect(name([0x41, 0x61, 0]) == .failure(.name))
    #expect(name([0x80, 0x61, 0]) == .failure(.name))
    #expect(name([1, 0, 0]) == .failure(.name))
    let long = [UInt8](repeating: 0x61, count: 63)
    #expect(name((0..<4).flatMap { _ in [63] + long } + [0]) == .failure(.name))
    #expect(name((0..<3).flatMap { _ in [63] + long } + [0]) != .failure(.name))
  }

  /// 255 bytes with the empty label at the end (RFC 1035, section 2.3.4).
  @Test(arguments: [(61, true), (62, false)]) func theLongestNameIsTaken(rest: Int, fits: Bool) {
    var bytes: [UInt8] = []
    for length in [63, 63, 63, rest] {
      bytes += [UInt8(length)] + [UInt8](repeating: 0x61, count: length)
    }
    bytes.append(0)
    #expect((name(bytes) != .failure(.name)) == fits && (bytes.count <= 255) == fits)
  }

  /// The announcement, byte by byte (RFC 6763, section 4).
  @Test func anAnnouncementIsTheseBytes() {
    let written = MDNSMessages.written {
      MDNSMessage.writeResponse(MDNSMessages.identity, answers: .all, to: &$0)
    }
    let service = MDNSMessages.name("_watchpost._tcp.local")
    let instance = MDNSMessages.name("Garage._watchpost._tcp.local")
    let host = MDNSMessages.name("Garage.local")
    var expected = MDNSMessages.header(0x8400, [0, 5, 0, 0])
    expected += MDNSMessages.record(
      "_services._dns-sd._udp.local", 12, ttlS: 4500, kind: 1, service)
    expected += MDNSMessages.record("_watchpost._tcp.local", 12, ttlS: 4500, kind: 1, instance)
    expected += MDNSMessages.record(
      "Garage._watchpost._tcp.local", 33, ttlS: 120, [0, 0, 0, 0, 0x12, 0x66] + host)
    expected += MDNSMessages.record(
      "Garage._watchpost._tcp.local", 16, ttlS: 4500,
      [9] + Array("txtvers=1".utf8) + [10] + Array("protocol=1".utf8) + [13]
        + Array("boot=cafe0123".utf8))
    expected += MDNSMessages.record("Garage.local", 1, ttlS: 120, [192, 0, 2, 7])
    #expect(written == expected)
  }

  @Test func aProbeIsTheseBytes() {
    let written = MDNSMessages.written {
      MDNSMessage.writeProbe(MDNSMessages.identity, to: &$0)
    }
    let instance = "Garage._watchpost._tcp.local"
    var expected = MDNSMessages.header(0, [2, 0, 3, 0])
    for name in ["Garage.local", instance] {
      expected += MDNSMessages.question(name, 255, kind: 0x8001)
    }
    // What it would like to have, without the flush bit (RFC 6762, section 8.1).
    expected += MDNSMessages.record(
      instance, 33, ttlS: 120, kind: 1,
      [0, 0, 0, 0, 0x12, 0x66] + MDNSMessages.name("Garage.local"))
    expected += MDNSMessages.record(
      instance, 16, ttlS: 4500, kind: 1,
      [9] + Array("txtvers=1".utf8) + [10] + Array("protocol=1".utf8) + [13]
        + Array("boot=cafe0123".utf8))
    expected += MDNSMessages.record("Garage.local", 1, ttlS: 120, kind: 1, [192, 0, 2, 7])
    #expect(written == expected)
  }

  @Test func aGoodbyeHasNoLifeLeft() throws {
    let written = MDNSMessages.written {
      MDNSMessage.writeResponse(MDNSMessages.identity, answers: .all, goodbye: true, to: &$0)
    }
    try written.withUnsafeBytes { bytes in
      var reader = DNSReader(bytes)
      _ = try reader.header()
      for _ in 0..<5 { #expect(try reader.record().ttlS == 0) }
      #expect(reader.offset == bytes.count)
    }
  }

  @Test func theLongestMessageFits() {
    var identity = MDNSMessages.identity
    identity.name = Text("abcdefghijklmnopqrstuvwxyz012345")
    identity.attempt = .max
    identity.version = Text("abcdefghijklmnopqrstuvwxyz012345")
    identity.boot = Text("abcdefghijklmnopqrstuvwx")
    var longest = DNSName()
    for _ in 0..<5 { longest.append("abcdefghijklmnopqrstuvwxyz0123456789abcdefghij") }
    let question = DNSQuestion(name: longest, type: 255, kind: 1, unicast: false)
    let written = MDNSMessages.written {
      MDNSMessage.writeLegacy(
        identity, id: 1, question: question, answers: .all, additionals: .none, to: &$0)
    }
    #expect(written.count < MDNSMessage.size)
  }

  /// Whatever comes, the reader ends and nothing traps.
  @Test func mutilatedMessagesAreDropped() {
    var random = SystemRandomNumberGenerator()
    let whole = MDNSMessages.written {
      MDNSMessage.writeProbe(MDNSMessages.identity, to: &$0)
    }
    for length in 0..<whole.count { feed(Array(whole[..<length])) }
    for _ in 0..<20_000 {
      var bytes = whole
      for _ in 0..<3 {
        bytes[Int.random(in: 0..<bytes.count, using: &random)] = .random(in: 0...255)
      }
      feed(bytes)
    }
  }

  private func feed(_ bytes: [UInt8]) {
    var machine = MDNSMachine(identity: MDNSMessages.identity, seed: 1)
    machine.addressChanged(IPv4(192, 0, 2, 7), now: Instant(ms: 0))
    for now in stride(from: 300, to: 3000, by: 250) {
      _ = machine.tick(now: Instant(ms: UInt64(now)))
    }
    bytes.withUnsafeBytes {
      _ = machine.receive(
        $0, from: MDNSPeer(address: IPv4(192, 0, 2, 9), port: 5353), now: Instant(ms: 4000))
    }
  }
}
