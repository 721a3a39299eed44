import Testing
import Wire

@testable import Appliance

private struct Bench: ~Copyable {
  var machine = MDNSMachine(identity: MDNSMessages.identity, seed: 7)
  var now = Instant(ms: 0)

  /// Runs to the machine's deadlines until it says something.
  mutating func next() -> MDNSOutput {
    for _ in 0..<20 {
      guard machine.nextDeadline != .never else { return .none }
      now = max(now, machine.nextDeadline)
      let output = machine.tick(now: now)
      if output != .none { return output }
    }
    return .none
  }

  mutating func receive(
    _ bytes: [UInt8], port: UInt16 = 5353, _ delivery: MDNSDelivery = .multicast
  ) -> MDNSOutput {
    let (time, peer) = (now, MDNSPeer(address: IPv4(192, 0, 2, 9), port: port))
    return bytes.withUnsafeBytes { machine.receive($0, from: peer, delivery, now: time) }
  }

  mutating func run() {
    machine.addressChanged(IPv4(192, 0, 2, 7), now: now)
    while next() != .none {}
    now = now + 5000
  }
}

@Suite struct MDNSMachineTests {
  private static let service = "_watchpost._tcp.local"
  private static let instance = "garage._watchpost._tcp.local"

  @Test func threeProbesThenTwoAnnouncements() {
    var bench = Bench()
    bench.machine.addressChanged(IPv4(192, 0, 2, 7), now: bench.now)
    var times: [UInt64] = []
    for _ in 0..<3 {
      #expect(bench.next() == .probe)
      times.append(bench.now.ms)
    }
    #expect(times[0] < 250)
    #expect(times[1] - times[0] == 250 && times[2] - times[1] == 250)
    #expect(!bench.machine.isAnnounced)
    #expect(bench.next() == .multicast(answers: .all, additionals: .none))
    #expect(bench.now.ms - times[2] == 250)
    let first = bench.now
    #expect(bench.next() == .multicast(answers: .all, additionals: .none))
    #expect(bench.now.since(first) == 1000)
    #expect(bench.next() == .none)
    #expect(bench.machine.isAnnounced)
  }

  @Test func aBrowserGetsEverythingInOneAnswer() {
    var bench = Bench()
    bench.run()
    let asked = bench.now
    #expect(bench.receive(MDNSMessages.query(Self.service, 12)) == .none)
    #expect(
      bench.next()
        == .multicast(answers: .pointer, additionals: [.service, .text, .address].union()))
    // A shared record waits 20 … 120 ms.
    #expect((20...120).contains(bench.now.since(asked)))
  }

  @Test func uniqueRecordsAreAnsweredAtOnce() {
    for (name, type, answers, additionals) in [
      ("GARAGE.local", UInt16(1), MDNSRecordSet.address, MDNSRecordSet.none),
      (Self.instance, 33, .service, .address), (Self.instance, 16, .text, .none),
      (Self.instance, 255, [.service, .text].union(), .address),
    ] {
      var bench = Bench()
      bench.run()
      #expect(
        bench.receive(MDNSMessages.query(name, type))
          == .multicast(answers: answers, additionals: additionals), "\(name) \(type)")
    }
  }

  @Test func whatIsNotOursGetsNoAnswer() {
    var bench = Bench()
    bench.run()
    for (name, type, kind) in [
      ("other.local", UInt16(1), UInt16(1)), ("garage.local", 28, 1), ("garage.local", 1, 3),
      ("_http._tcp.local", 12, 1), (Self.service, 1, 1), ("garage", 1, 1),
    ] {
      #expect(bench.receive(MDNSMessages.query(name, type, kind: kind)) == .none)
      #expect(bench.machine.nextDeadline == .never, "\(name) \(type)")
    }
  }

  @Test func nothingIsAnsweredBeforeTheNameIsOurs() {
    var bench = Bench()
    #expect(bench.receive(MDNSMessages.query("garage.local", 1)) == .none)
    bench.machine.addressChanged(IPv4(192, 0, 2, 7), now: bench.now)
    #expect(bench.receive(MDNSMessages.query("garage.local", 1)) == .none)
  }

  @Test func knownAnswersAreLeftOut() {
    let known = MDNSMessages.name(Self.instance)
    for (ttlS, suppressed) in [(UInt32(4500), true), (2250, true), (2249, false)] {
      var bench = Bench()
      bench.run()
      let query =
        MDNSMessages.header(0, [1, 1, 0, 0]) + MDNSMessages.question(Self.service, 12)
        + MDNSMessages.record(Self.service, 12, ttlS: ttlS, kind: 1, known)
      _ = bench.receive(query)
      #expect((bench.next() == .none) == suppressed, "\(ttlS)")
    }
  }

  @Test func aKnownAnswerMayBeCompressed() {
    var bench = Bench()
    bench.run()
    // The data: "garage" and a pointer to the question's name at offset 12.
    let query =
      MDNSMessages.header(0, [1, 1, 0, 0]) + MDNSMessages.question(Self.service, 12)
      + MDNSMessages.record(
        "@12", 12, ttlS: 4500, kind: 1, [6] + Array("garage".utf8) + [0xC0, 12])
    _ = bench.receive(query)
    #expect(bench.next() == .none)
  }

  @Test func whoWantsUnicastGetsIt() {
    var bench = Bench()
    bench.run()
    let peer = MDNSPeer(address: IPv4(192, 0, 2, 9), port: 5353)
    #expect(
      bench.receive(MDNSMessages.query("garage.local", 1, kind: 0x8001))
        == .unicast(peer, answers: .address, additionals: .none))
  }

  /// RFC 6762, section 5.5: without the bit that asks for unicast, and without the wait that keeps
  /// multicast answers apart.
  @Test func whoAsksDirectlyIsAnsweredDirectly() {
    var bench = Bench()
    bench.run()
    let peer = MDNSPeer(address: IPv4(192, 0, 2, 9), port: 5353)
    #expect(
      bench.receive(MDNSMessages.query(Self.service, 12), .direct)
        == .unicast(
          peer, answers: .pointer, additionals: [.service, .text, .address].union()))
    #expect(bench.machine.nextDeadline == .never)
    let legacy = bench.receive(MDNSMessages.query("garage.local", 1), port: 40_000, .direct)
    guard case .legacy = legacy else {
      Issue.record("no legacy answer")
      return
    }
    var answered = 0
    for _ in 0..<1000
    where bench.receive(MDNSMessages.query("garage.local", 1), .direct) != .none {
      answered += 1
    }
    #expect(answered == 18, "the limit is one for all")
  }

  /// Our probes ask for answers by unicast: an owner's objection that comes so counts.
  @Test func anObjectionToAProbeMayComeDirectly() {
    var bench = Bench()
    bench.machine.addressChanged(IPv4(192, 0, 2, 7), now: bench.now)
    #expect(bench.next() == .probe)
    _ = bench.receive(Self.claim([192, 0, 2, 9]), .direct)
    #expect(bench.machine.identity.label == "Garage-2")
  }

  @Test func anOrdinaryResolverGetsItsQuestionBack() {
    var bench = Bench()
    bench.run()
    let output = bench.receive(MDNSMessages.query("Garage.local", 1, id: 77), port: 40_000)
    guard case .legacy(let peer, let id, let question, let answers, _) = output else {
      Issue.record("no legacy answer")
      return
    }
    #expect(peer.port == 40_000 && id == 77 && answers == .address)
    let bytes = MDNSMessages.written {
      MDNSMessage.writeLegacy(
        bench.machine.identity, id: id, question: question, answers: answers, additionals: .none,
        to: &$0)
    }
    #expect(
      bytes == MDNSMessages.header(0x8400, [1, 1, 0, 0], id: 77)
        + MDNSMessages.question("Garage.local", 1)
        + MDNSMessages.record("Garage.local", 1, ttlS: 10, kind: 1, [192, 0, 2, 7]))
  }

  @Test func unicastIsNoAmplifier() {
    var bench = Bench()
    bench.run()
    var answered = 0
    for _ in 0..<1000 {
      if bench.receive(MDNSMessages.query("garage.local", 1), port: 40_000) != .none {
        answered += 1
      }
    }
    #expect(answered == 20)
  }

  @Test func multicastIsNotRepeatedWithinASecond() {
    var bench = Bench()
    bench.run()
    #expect(bench.receive(MDNSMessages.query("garage.local", 1)) != .none)
    #expect(bench.receive(MDNSMessages.query("garage.local", 1)) == .none)
    bench.now = bench.now + 999
    #expect(bench.receive(MDNSMessages.query("garage.local", 1)) == .none)
    bench.now = bench.now + 1
    #expect(bench.receive(MDNSMessages.query("garage.local", 1)) != .none)
  }

  private static func claim(_ address: [UInt8], ttlS: UInt32 = 120) -> [UInt8] {
    MDNSMessages.header(0x8400, [0, 1, 0, 0])
      + MDNSMessages.record("garage.local", 1, ttlS: ttlS, address)
  }

  @Test func aTakenNameIsChangedWhileProbing() {
    var bench = Bench()
    bench.machine.addressChanged(IPv4(192, 0, 2, 7), now: bench.now)
    #expect(bench.next() == .probe)
    _ = bench.receive(Self.claim([192, 0, 2, 9]))
    #expect(bench.machine.identity.label == "Garage-2")
    for _ in 0..<3 { #expect(bench.next() == .probe) }
    #expect(bench.next() == .multicast(answers: .all, additionals: .none))
  }

  @Test func anAnnouncedNameIsProbedForAgain() {
    var bench = Bench()
    bench.run()
    _ = bench.receive(Self.claim([192, 0, 2, 9]))
    #expect(bench.machine.identity.label == "Garage")
    #expect(bench.next() == .probe)
    _ = bench.receive(Self.claim([192, 0, 2, 9]))
    #expect(bench.machine.identity.label == "Garage-2")
  }

  @Test func ourOwnRecordsAndGoodbyesAreNoConflict() {
    var bench = Bench()
    bench.run()
    _ = bench.receive(Self.claim([192, 0, 2, 7]))
    _ = bench.receive(Self.claim([192, 0, 2, 9], ttlS: 0))
    // Not from a responder's port.
    _ = bench.receive(Self.claim([192, 0, 2, 9]), port: 40_000)
    let own = MDNSMessages.written {
      MDNSMessage.writeResponse(bench.machine.identity, answers: .all, to: &$0)
    }
    _ = bench.receive(own)
    #expect(bench.machine.isAnnounced)
  }

  @Test func fifteenConflictsSlowItDown() {
    var bench = Bench()
    bench.machine.addressChanged(IPv4(192, 0, 2, 7), now: bench.now)
    for _ in 0..<15 {
      #expect(bench.next() == .probe)
      let host =
        "garage" + (bench.machine.identity.attempt > 1 ? "-\(bench.machine.identity.attempt)" : "")
      _ = bench.receive(
        MDNSMessages.header(0x8400, [0, 1, 0, 0])
          + MDNSMessages.record("\(host).local", 1, ttlS: 120, [192, 0, 2, 9]))
    }
    #expect(bench.machine.nextDeadline.since(bench.now) == 5000)
  }

  /// Two that start together: the one whose data come first in lexical order waits.
  @Test func theLowerAddressYieldsToTheHigher() {
    for (last, yields) in [(UInt8(9), true), (7, false), (3, false)] {
      var bench = Bench()
      bench.machine.addressChanged(IPv4(192, 0, 2, 7), now: bench.now)
      #expect(bench.next() == .probe)
      let probe =
        MDNSMessages.header(0, [1, 0, 1, 0])
        + MDNSMessages.question("garage.local", 255, kind: 0x8001)
        + MDNSMessages.record("garage.local", 1, ttlS: 120, kind: 1, [192, 0, 2, last])
      _ = bench.receive(probe)
      #expect((bench.machine.nextDeadline.since(bench.now) == 1000) == yields)
      #expect(bench.machine.identity.label == "Garage")
    }
  }

  /// What is random comes from the seed alone: a run can be repeated.
  @Test(arguments: [0, 7, 0xFFFF_FFFF_FFFF_FFFF] as [UInt64])
  func drawsAreThoseOfSplitMix(seed: UInt64) {
    var machine = MDNSMachine(identity: MDNSMessages.identity, seed: seed)
    var random = SplitMix(state: seed)
    for _ in 0..<4 {
      machine.addressChanged(IPv4(192, 0, 2, 7), now: Instant(ms: 1000))
      #expect(machine.nextDeadline.ms == 1000 + random.next() % 250)
    }
  }

  /// Nobody has heard anything of us yet: there is nothing to give way in.
  @Test func whoHasNotProbedYetYieldsToNobody() {
    var bench = Bench()
    bench.machine.addressChanged(IPv4(192, 0, 2, 7), now: bench.now)
    let first = bench.machine.nextDeadline
    let probe =
      MDNSMessages.header(0, [1, 0, 1, 0])
      + MDNSMessages.question("garage.local", 255, kind: 0x8001)
      + MDNSMessages.record("garage.local", 1, ttlS: 120, kind: 1, [192, 0, 2, 9])
    _ = bench.receive(probe)
    #expect(bench.machine.nextDeadline == first && first < bench.now + 250)
    #expect(bench.next() == .probe)
  }

  /// Types are compared before data, and the lowest one decides (RFC 6762, section 8.2.1).
  @Test(
    arguments: [
      ("garage.local", [28], true), ("garage.local", [28, 1], false),
      ("Garage._watchpost._tcp.local", [33], true), ("Garage._watchpost._tcp.local", [1], false),
    ] as [(String, [UInt16], Bool)])
  func aHigherTypeComesLater(name: String, types: [UInt16], yields: Bool) {
    var bench = Bench()
    bench.machine.addressChanged(IPv4(192, 0, 2, 7), now: bench.now)
    #expect(bench.next() == .probe)
    var probe = MDNSMessages.header(0, [1, 0, UInt16(types.count), 0])
    probe += MDNSMessages.question(name, 255, kind: 0x8001)
    for type in types {
      probe += MDNSMessages.record(name, type, ttlS: 120, kind: 1, [192, 0, 2, 3])
    }
    _ = bench.receive(probe)
    #expect((bench.machine.nextDeadline.since(bench.now) == 1000) == yields)
  }

  @Test func withoutAnAddressItIsSilent() {
    var bench = Bench()
    bench.run()
    bench.machine.addressChanged(.any, now: bench.now)
    #expect(bench.machine.nextDeadline == .never)
    #expect(!bench.machine.isAnnounced)
    bench.machine.addressChanged(IPv4(192, 0, 2, 8), now: bench.now)
    #expect(bench.next() == .probe)
  }
}

extension [MDNSRecordSet] {
  fileprivate func union() -> MDNSRecordSet { reduce(.none) { $0 | $1 } }
}
