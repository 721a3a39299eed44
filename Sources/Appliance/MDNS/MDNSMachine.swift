import Wire

// silent ─address─► probing ×3 ─► announcing ×2 ─► running
//    ▲                 ▲  │ conflict: next name       │ conflict: probe again
//    └── no address ── └──┴───────────────────────────┘

/// Who asked.
public struct MDNSPeer: Equatable, Sendable {
  public var address: IPv4
  public var port: UInt16

  public init(address: IPv4, port: UInt16) {
    self.address = address
    self.port = port
  }
}

public enum MDNSOutput: Equatable, Sendable {
  case none
  case probe
  /// To everybody on the link.
  case multicast(answers: MDNSRecordSet, additionals: MDNSRecordSet)
  case unicast(MDNSPeer, answers: MDNSRecordSet, additionals: MDNSRecordSet)
  case legacy(
    MDNSPeer, id: UInt16, DNSQuestion, answers: MDNSRecordSet, additionals: MDNSRecordSet)
}

/// A multicast DNS responder for one service on one interface (RFC 6762, 6763). Every input yields
/// at most one output; time, address and randomness come from outside.
public struct MDNSMachine {
  private enum State: Equatable {
    case silent
    case probing(sent: Int, until: Instant)
    case announcing(sent: Int, until: Instant)
    case running
  }

  // RFC 6762, sections 6 and 8.
  public static let port: UInt16 = 5353
  public static let group = IPv4(224, 0, 0, 251)
  public static let probeIntervalMs: UInt64 = 250
  public static let probeCount = 3
  public static let announceIntervalMs: UInt64 = 1000
  public static let announceCount = 2
  public static let deferMs: UInt64 = 1000
  public static let conflictLimit = 15
  public static let conflictRestMs: UInt64 = 5000
  /// A record is not multicast again within this time.
  public static let repeatMs: UInt64 = 1000
  /// Answers that others may have too wait for 20 … 120 ms, so that they do not collide.
  public static let sharedDelayMs: UInt64 = 20
  public static let sharedSpreadMs: UInt64 = 100
  /// Unicast answers per second: no amplifier for forged senders.
  public static let unicastLimit = 20

  public private(set) var identity: MDNSIdentity
  private var state = State.silent
  private var conflicts = 0
  private var random: UInt64
  private var pending = MDNSRecordSet.none
  private var pendingUntil = Instant.never
  private var lastSent = InlineArray<5, Instant?>(repeating: nil)
  private var unicastSecond: UInt64 = 0
  private var unicastCount = 0

  public init(identity: MDNSIdentity, seed: UInt64) {
    self.identity = identity
    random = seed
  }

  public var isAnnounced: Bool {
    switch state {
    case .silent, .probing: false
    case .announcing, .running: true
    }
  }

  public var nextDeadline: Instant {
    switch state {
    case .silent: .never
    case .probing(_, let until), .announcing(_, let until): min(until, pendingUntil)
    case .running: pendingUntil
    }
  }

  /// The interface has this address now; `.any`: none. A new one is probed for, as after a start.
  public mutating func addressChanged(_ address: IPv4, now: Instant) {
    identity.address = address
    pending = .none
    pendingUntil = .never
    state =
      address == .any
      ? .silent : .probing(sent: 0, until: now + draw(MDNSMachine.probeIntervalMs))
  }

  // MARK: Time

  public mutating func tick(now: Instant) -> MDNSOutput {
    switch state {
    case .silent:
      return .none
    case .probing(let sent, let until):
      guard until <= now else { return .none }
      if sent < MDNSMachine.probeCount {
        state = .probing(sent: sent + 1, until: now + MDNSMachine.probeIntervalMs)
        return .probe
      }
      return announce(sent: 0, now)
    case .announcing(let sent, let until):
      if until <= now { return announce(sent: sent, now) }
    case .running:
      break
    }
    return sendPending(now)
  }

  private mutating func announce(sent: Int, _ now: Instant) -> MDNSOutput {
    conflicts = 0
    let isLast = sent + 1 == MDNSMachine.announceCount
    state =
      isLast
      ? .running : .announcing(sent: sent + 1, until: now + MDNSMachine.announceIntervalMs)
    markSent(.all, now)
    return .multicast(answers: .all, additionals: .none)
  }

  private mutating func sendPending(_ now: Instant) -> MDNSOutput {
    guard pendingUntil <= now else { return .none }
    var answers = pending
    pending = .none
    pendingUntil = .never
    for number in 0..<MDNSRecordSet.count {
      if let sent = lastSent[number], now.since(sent) < MDNSMachine.repeatMs {
        answers.remove(.bit(number))
      }
    }
    guard !answers.isEmpty else { return .none }
    markSent(answers, now)
    return .multicast(answers: answers, additionals: additionals(of: answers))
  }

  private mutating func markSent(_ records: MDNSRecordSet, _ now: Instant) {
    for number in 0..<MDNSRecordSet.count where records.contains(.bit(number)) {
      lastSent[number] = now
    }
  }

  // MARK: Messages

  /// A datagram came; whatever is not a proper message of the protocol is dropped.
  public mutating func receive(
    _ bytes: UnsafeRawBufferPointer, from peer: MDNSPeer, _ delivery: MDNSDelivery = .multicast,
    now: Instant
  ) -> MDNSOutput {
    guard state != .silent else { return .none }
    do throws(DNSError) {
      var reader = DNSReader(bytes)
      let header = try reader.header()
      guard header.isPlain else { return .none }
      if header.isResponse {
        // Whoever does not send from port 5353 is no responder (section 6).
        if peer.port == MDNSMachine.port { try watch(&reader, header, now) }
        return .none
      }
      return try answer(&reader, header, peer, delivery, now)
    } catch {
      return .none
    }
  }

  /// Looks for records of others under our names.
  private mutating func watch(
    _ reader: inout DNSReader, _ header: DNSHeader, _ now: Instant
  ) throws(DNSError) {
    for _ in 0..<header.questions { _ = try reader.question() }
    let count = Int(header.answers) + Int(header.authorities) + Int(header.additionals)
    for _ in 0..<count {
      let record = try reader.record()
      if record.ttlS > 0, try MDNSRivalry.contradicts(record, reader, identity) {
        conflicted(now)
        return
      }
    }
  }

  private mutating func conflicted(_ now: Instant) {
    var waitMs = draw(MDNSMachine.probeIntervalMs)
    if case .probing = state {
      conflicts += 1
      identity.attempt &+= 1
      if conflicts >= MDNSMachine.conflictLimit { waitMs = MDNSMachine.conflictRestMs }
    }
    state = .probing(sent: 0, until: now + waitMs)
  }

  private mutating func answer(
    _ reader: inout DNSReader, _ header: DNSHeader, _ peer: MDNSPeer, _ delivery: MDNSDelivery,
    _ now: Instant
  ) throws(DNSError) -> MDNSOutput {
    var asked: DNSQuestion?
    var wanted = MDNSRecordSet.none
    var wantsUnicast = true
    for _ in 0..<header.questions {
      let question = try reader.question()
      let answers = records(for: question)
      guard !answers.isEmpty else { continue }
      if asked == nil { asked = question }
      wantsUnicast = wantsUnicast && question.unicast
      wanted = wanted | answers
    }
    for _ in 0..<header.answers {
      let record = try reader.record()
      if let known = try MDNSRivalry.knownAnswer(record, reader, identity) { wanted.remove(known) }
    }
    if case .probing(let sent, _) = state {
      if sent > 0, try MDNSRivalry.losesTo(&reader, header.authorities, identity) {
        state = .probing(sent: 0, until: now + MDNSMachine.deferMs)
      }
      return .none
    }
    guard !wanted.isEmpty, let asked else { return .none }
    if peer.port != MDNSMachine.port {
      guard mayUnicast(now) else { return .none }
      return .legacy(
        peer, id: header.id, asked, answers: wanted, additionals: additionals(of: wanted))
    }
    // Who asks us directly is answered directly (section 5.5).
    if wantsUnicast || delivery == .direct {
      guard mayUnicast(now) else { return .none }
      return .unicast(peer, answers: wanted, additionals: additionals(of: wanted))
    }
    schedule(wanted, now)
    return sendPending(now)
  }

  private func records(for question: DNSQuestion) -> MDNSRecordSet {
    // Class IN or any.
    guard question.kind == 1 || question.kind == 255 else { return .none }
    var found = MDNSRecordSet.none
    for number in 0..<MDNSRecordSet.count {
      let record = MDNSRecordSet.bit(number)
      let type = MDNSIdentity.type(of: record)
      if question.type == type || question.type == DNSType.any,
        question.name == identity.name(of: record)
      {
        found.insert(record)
      }
    }
    return found
  }

  /// What the asker will want next (RFC 6763, section 12).
  private func additionals(of answers: MDNSRecordSet) -> MDNSRecordSet {
    var more = MDNSRecordSet.none
    if answers.contains(.pointer) { more = .service | .text | .address }
    if answers.contains(.service) { more.insert(.address) }
    return more - answers
  }

  private mutating func schedule(_ wanted: MDNSRecordSet, _ now: Instant) {
    let isShared = wanted.intersects(.pointer | .enumeration)
    let delayMs = isShared ? MDNSMachine.sharedDelayMs + draw(MDNSMachine.sharedSpreadMs) : 0
    pending = pending | wanted
    pendingUntil = min(pendingUntil, now + delayMs)
  }

  private mutating func mayUnicast(_ now: Instant) -> Bool {
    if unicastSecond != now.ms / 1000 { (unicastSecond, unicastCount) = (now.ms / 1000, 0) }
    unicastCount += 1
    return unicastCount <= MDNSMachine.unicastLimit
  }

  /// A number below `limit` (SplitMix64).
  private mutating func draw(_ limit: UInt64) -> UInt64 {
    random &+= 0x9E37_79B9_7F4A_7C15
    var mixed = random
    mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
    return (mixed ^ mixed >> 31) % limit
  }
}
