import Testing
import Wire

@testable import Appliance

@Suite struct LinkLocalTests {
  private static let mac: UInt64 = 0x5254_0012_3456
  private static let other: UInt64 = 0x5254_0099_9999

  @Test func anARPPacketIsTheseBytes() throws {
    let packet = ARPPacket(
      operation: .request, senderMAC: Self.mac, sender: .any, target: IPv4(169, 254, 1, 2))
    var bytes = [UInt8](repeating: 0xFF, count: ARPPacket.size)
    bytes.withUnsafeMutableBytes {
      var writer = ByteWriter($0)
      packet.write(to: &writer)
    }
    #expect(
      bytes == [
        0, 1, 8, 0, 6, 4, 0, 1, 0x52, 0x54, 0, 0x12, 0x34, 0x56, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        169, 254, 1, 2,
      ])
    #expect(bytes.withUnsafeBytes { ARPPacket($0) } == packet)
    for length in 0..<bytes.count {
      #expect(bytes[..<length].withUnsafeBytes { ARPPacket($0) } == nil)
    }
    for index in 0..<8 {
      var wrong = bytes
      wrong[index] ^= 0x40
      #expect(wrong.withUnsafeBytes { ARPPacket($0) } == nil)
    }
  }

  /// Runs until the machine says something, at most a minute.
  private func next(_ machine: inout LinkLocalMachine, _ now: inout Instant)
    -> LinkLocalMachine.Output
  {
    for _ in 0..<20 {
      guard machine.nextDeadline != .never else { return .nothing }
      now = max(now, machine.nextDeadline)
      let output = machine.tick(now: now)
      if output != .nothing { return output }
    }
    return .nothing
  }

  @Test func threeProbesThenTheClaimThenTwoAnnouncements() {
    var machine = LinkLocalMachine(mac: Self.mac)
    var now = Instant(ms: 1000)
    machine.start(now: now)
    let address = machine.address
    #expect(Subnet(address: IPv4(169, 254, 0, 0), prefix: 16).contains(address))
    var probes: [Instant] = []
    for _ in 0..<3 {
      let output = next(&machine, &now)
      #expect(
        output
          == .send(
            ARPPacket(operation: .request, senderMAC: Self.mac, sender: .any, target: address)))
      probes.append(now)
    }
    #expect(probes[0].since(Instant(ms: 1000)) <= 1000)
    for index in 1...2 { #expect((1000...2000).contains(probes[index].since(probes[index - 1]))) }
    #expect(next(&machine, &now) == .claim(address))
    #expect(now.since(probes[2]) == 2000)
    let announcement = ARPPacket(
      operation: .request, senderMAC: Self.mac, sender: address, target: address)
    #expect(next(&machine, &now) == .send(announcement))
    #expect(next(&machine, &now) == .send(announcement))
    #expect(next(&machine, &now) == .nothing)
  }

  /// Addresses and waits come from the device's own address alone; the first and the last 256
  /// addresses of the network are nobody's (RFC 3927, section 2.1).
  @Test func drawsAreThoseOfSplitMix() {
    var machine = LinkLocalMachine(mac: Self.mac)
    var random = SplitMix(state: Self.mac ^ 0x9E37_79B9_7F4A_7C15)
    for _ in 0..<20 {
      machine.start(now: Instant(ms: 5000))
      let address = 0xA9FE_0100 + UInt32(random.next() % (254 * 256))
      #expect(machine.address == IPv4(address))
      #expect(machine.nextDeadline == Instant(ms: 5000 + random.next() % 1000))
      let wait = machine.nextDeadline
      _ = machine.tick(now: wait)
      #expect(machine.nextDeadline == wait + 1000 + random.next() % 1000)
      machine.stop()
      #expect(machine.nextDeadline == .never && machine.address == .any)
    }
  }

  @Test func theSameDeviceChoosesTheSameAddress() {
    var first = LinkLocalMachine(mac: Self.mac)
    var second = LinkLocalMachine(mac: Self.mac)
    first.start(now: Instant(ms: 1))
    second.start(now: Instant(ms: 999))
    #expect(first.address == second.address)
  }

  @Test func aTakenAddressIsGivenUpWhileProbing() {
    var machine = LinkLocalMachine(mac: Self.mac)
    var now = Instant(ms: 0)
    machine.start(now: now)
    _ = next(&machine, &now)
    let first = machine.address
    let reply = ARPPacket(operation: .reply, senderMAC: Self.other, sender: first, target: .any)
    #expect(machine.receive(reply, now: now) == .nothing)
    #expect(machine.address != first)
    // Our own packets, which come back, are no conflict.
    _ = next(&machine, &now)
    let second = machine.address
    let own = ARPPacket(operation: .request, senderMAC: Self.mac, sender: second, target: second)
    _ = machine.receive(own, now: now)
    #expect(machine.address == second)
    // Another host probes for it at the same time.
    let probe = ARPPacket(
      operation: .request, senderMAC: Self.other, sender: .any, target: second)
    _ = machine.receive(probe, now: now)
    #expect(machine.address != second)
  }

  @Test func tenConflictsSlowItDown() {
    var machine = LinkLocalMachine(mac: Self.mac)
    var now = Instant(ms: 0)
    machine.start(now: now)
    for conflict in 0..<10 {
      #expect(machine.nextDeadline.since(now) <= 1000, "\(conflict) conflicts are few")
      _ = next(&machine, &now)
      let reply = ARPPacket(
        operation: .reply, senderMAC: Self.other, sender: machine.address, target: .any)
      _ = machine.receive(reply, now: now)
    }
    #expect(machine.nextDeadline.since(now) == 60_000)
  }

  @Test func aClaimedAddressIsDefendedOnceInTenSeconds() {
    var machine = LinkLocalMachine(mac: Self.mac)
    var now = Instant(ms: 0)
    machine.start(now: now)
    while machine.nextDeadline != .never { _ = next(&machine, &now) }
    let address = machine.address
    let thief = ARPPacket(operation: .request, senderMAC: Self.other, sender: address, target: .any)
    let defence = ARPPacket(
      operation: .request, senderMAC: Self.mac, sender: address, target: address)
    #expect(machine.receive(thief, now: now) == .send(defence))
    #expect(machine.receive(thief, now: now + 10_000) == .send(defence))
    #expect(machine.receive(thief, now: now + 19_999) == .release)
    #expect(machine.address != address)
  }
}
