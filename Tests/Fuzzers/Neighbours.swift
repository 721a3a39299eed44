import Wire

@testable import Appliance

extension Fuzzer {
  /// In: how far the responder is (a byte), who sends, how (a byte each), then a datagram. Holds:
  /// reading a message ends; what is answered fits a datagram and is a message that is read to its
  /// end; nothing is said while there is no address, and no name is lost.
  static let mdns = Fuzzer("mdns", longest: 1500) {
    let identity = MDNSAnswers.identity
    let probe = encoded(MDNSMessage.size) { MDNSMessage.writeProbe(identity, to: &$0) }
    let response = encoded(MDNSMessage.size) {
      MDNSMessage.writeResponse(identity, answers: .all, to: &$0)
    }
    let service = encoded(64) { DNSName.service.write(to: &$0) }
    let question: [UInt8] = [0, 9, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0] + service + [0, 12, 0, 1]
    let pointers = question + [0xC0, 12, 0, 16, 0, 1]
    return [0, 1, 2, 3].flatMap { stage in
      [probe, response, question, pointers].map { [stage, stage & 1, 0] + $0 }
    }
  } run: { bytes in
    var input = Bytes(bytes)
    let (stage, sender, way) = (input.byte(), input.byte(), input.byte())
    withCopy(input.rest) { datagram in
      let datagram = UnsafeRawBufferPointer(datagram)
      MDNSAnswers.walk(datagram)
      var now = Instant(ms: 1000)
      var machine = MDNSMachine(identity: MDNSAnswers.identity, seed: 7)
      if stage & 7 > 0 { machine.addressChanged(IPv4(10, 0, 0, 1), now: now) }
      for _ in 0..<(stage & 7) {
        now = max(now, min(machine.nextDeadline, now + 5000))
        MDNSAnswers.look(machine.tick(now: now), machine.identity)
      }
      let peer = MDNSPeer(address: IPv4(10, 0, 0, 2), port: sender & 1 == 0 ? 5353 : 40_000)
      for _ in 0..<3 {
        let output = machine.receive(
          datagram, from: peer, way & 1 == 0 ? .multicast : .direct, now: now)
        require(stage & 7 > 0 || output == .none, "silent without an address")
        MDNSAnswers.look(output, machine.identity)
        now = now + 150
        MDNSAnswers.look(machine.tick(now: now), machine.identity)
      }
      require(!machine.identity.label.isEmpty, "a name is kept")
    }
  }

  /// In: which packet, then its bytes: an answer of a time server, ARP, the kernel's command line.
  /// Holds: an answer that is believed is within its bounds; an ARP packet is written as it was.
  static let packets = Fuzzer("packets", longest: 512) {
    var answer = [UInt8](repeating: 0, count: 48)
    answer.replaceSubrange(0..<4, with: [0x24, 2, 6, 0xEC])
    answer.replaceSubrange(24..<32, with: [0, 0, 0, 0, 0, 0, 0, 7])
    answer.replaceSubrange(32..<40, with: [0xE9, 0x9F, 0, 0, 0, 0, 0, 1])
    answer.replaceSubrange(40..<48, with: [0xE9, 0x9F, 0, 0, 0, 0, 0, 2])
    let arp = ARPPacket(
      operation: .reply, senderMAC: 0x0203_0405_0607, sender: IPv4(1, 2, 3, 4),
      target: IPv4(5, 6, 7, 8))
    return [
      [0] + answer, [1] + encoded(28) { arp.write(to: &$0) },
      [2] + text("root=/dev/x watchpost.boot=/dev/mmcblk0p1 watchpost.data=/dev/a")
        + text(" watchpost.debug=1 quiet"),
    ]
  } run: { bytes in
    var input = Bytes(bytes)
    let kind = input.byte() % 3
    withCopy(input.rest) { packet in
      let packet = UnsafeRawBufferPointer(packet)
      switch kind {
      case 0:
        guard let answer = try? SNTPPacket.answer(packet, nonce: 7) else { return }
        require(answer.sentNs >= SNTPPacket.earliestNs, "no time before this program")
        require(answer.sentNs >= answer.receivedNs, "answered behind the question")
        require((0...SNTPPacket.rootErrorLimitUs).contains(answer.rootErrorUs), "an error bound")
        // A second on the way, as long as an exchange may take.
        let unixNs = answer.unixNs(requestedNs: 5_000_000_000, answeredNs: 6_000_000_000)
        require(unixNs >= answer.sentNs, "time goes on")
      case 1:
        guard let arp = ARPPacket(packet) else { return }
        let again = encoded(ARPPacket.size) { arp.write(to: &$0) }
        again.withUnsafeBytes { require(ARPPacket($0) == arp, "the same packet") }
      default:
        let line = KernelCommandLine(packet)
        require(line.bootDevice.count <= 48 && line.dataDevice.count <= 48, "within their room")
      }
    }
  }
}

private enum MDNSAnswers {
  static let identity = MDNSIdentity(
    name: "watchpost", address: IPv4(10, 0, 0, 1), port: 4710, version: "version=1",
    boot: "boot=0123")

  /// Reads a message as far as it is right.
  static func walk(_ bytes: UnsafeRawBufferPointer) {
    var reader = DNSReader(bytes)
    guard let header = try? reader.header() else { return }
    for _ in 0..<header.questions {
      let before = reader.offset
      guard let question = try? reader.question() else { return }
      require(reader.offset > before && reader.offset <= bytes.count, "each step goes on")
      require(question.name.size <= DNSName.limit + 1, "a name within its bound")
    }
    for _ in 0..<Int(header.answers) + Int(header.authorities) + Int(header.additionals) {
      let before = reader.offset
      guard let record = try? reader.record() else { return }
      require(reader.offset > before && reader.offset <= bytes.count, "each step goes on")
      require(record.data.upperBound == reader.offset, "data within the message")
      _ = try? reader.name(at: record.data.lowerBound)
    }
  }

  /// Writes what is to be said, and reads it as a neighbour does.
  static func look(_ output: MDNSOutput, _ identity: MDNSIdentity) {
    let message = encoded(MDNSMessage.size) { writer in
      switch output {
      case .none: break
      case .probe: MDNSMessage.writeProbe(identity, to: &writer)
      case .multicast(let answers, let additionals), .unicast(_, let answers, let additionals):
        require(!answers.isEmpty, "an answer says something")
        MDNSMessage.writeResponse(
          identity, answers: answers, additionals: additionals, to: &writer)
      case .legacy(_, let id, let question, let answers, let additionals):
        MDNSMessage.writeLegacy(
          identity, id: id, question: question, answers: answers, additionals: additionals,
          to: &writer)
      }
    }
    guard !message.isEmpty else { return }
    message.withUnsafeBytes { bytes in
      var reader = DNSReader(bytes)
      let header = try? reader.header()
      let records = Int(header?.answers ?? 0) + Int(header?.authorities ?? 0)
      for _ in 0..<(header?.questions ?? 0) {
        require((try? reader.question()) != nil, "its questions are read")
      }
      for _ in 0..<records + Int(header?.additionals ?? 0) {
        require((try? reader.record()) != nil, "its records are read")
      }
      require(reader.offset == bytes.count, "nothing follows")
    }
  }
}
