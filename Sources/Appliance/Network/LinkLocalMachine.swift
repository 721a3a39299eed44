// idle ─start─► waiting ─► probing ×3 ─► listening ─► claimed (announced twice)
//                 ▲            │ conflict                │ conflict: defended once in 10 s,
//                 └────────────┴─────────────────────────┘ otherwise the next address

/// An address of 169.254/16 by RFC 3927: chosen from the Ethernet address, probed, announced,
/// defended.
public struct LinkLocalMachine: Equatable, Sendable {
  public enum Output: Equatable, Sendable {
    case nothing
    case send(ARPPacket)
    /// The address is ours.
    case claim(IPv4)
    /// Somebody else uses it: give it up at once.
    case release
  }

  private enum State: Equatable, Sendable {
    case idle
    case waiting(until: Instant)
    case probing(sent: Int, until: Instant)
    case listening(until: Instant)
    /// The conflict that came last, and how many announcements went out.
    case claimed(announced: Int, until: Instant, defended: Instant?)
  }

  // RFC 3927, section 9.
  public static let probeWaitMs: UInt64 = 1000
  public static let probeCount = 3
  public static let probeMinMs: UInt64 = 1000
  public static let probeMaxMs: UInt64 = 2000
  public static let announceWaitMs: UInt64 = 2000
  public static let announceCount = 2
  public static let announceIntervalMs: UInt64 = 2000
  public static let maxConflicts = 10
  public static let rateLimitMs: UInt64 = 60_000
  public static let defendIntervalMs: UInt64 = 10_000

  private var state = State.idle
  private let mac: UInt64
  private var random: UInt64
  private var conflicts = 0
  public private(set) var address = IPv4.any

  /// `mac` in the low 48 bits; it seeds the choice, so that a device tends to keep its address.
  public init(mac: UInt64) {
    self.mac = mac & 0xFFFF_FFFF_FFFF
    random = self.mac ^ 0x9E37_79B9_7F4A_7C15
  }

  public var isIdle: Bool { state == .idle }

  public var nextDeadline: Instant {
    switch state {
    case .idle: .never
    case .waiting(let until), .probing(_, let until), .listening(let until): until
    case .claimed(let announced, let until, _):
      announced < LinkLocalMachine.announceCount ? until : .never
    }
  }

  /// Begins to look for an address, unless it is doing so or has one.
  public mutating func start(now: Instant) {
    guard state == .idle else { return }
    chooseAddress()
    state = .waiting(until: now + draw(LinkLocalMachine.probeWaitMs))
  }

  public mutating func stop() {
    state = .idle
    address = .any
  }

  /// Time has passed.
  public mutating func tick(now: Instant) -> Output {
    guard nextDeadline <= now else { return .nothing }
    switch state {
    case .idle:
      return .nothing
    case .waiting:
      return probe(number: 1, now)
    case .probing(let sent, _):
      if sent < LinkLocalMachine.probeCount { return probe(number: sent + 1, now) }
      state = .listening(until: now + LinkLocalMachine.announceWaitMs)
      return .nothing
    case .listening:
      conflicts = 0
      state = .claimed(announced: 0, until: now, defended: nil)
      return .claim(address)
    case .claimed(let announced, _, let defended):
      state = .claimed(
        announced: announced + 1, until: now + LinkLocalMachine.announceIntervalMs,
        defended: defended)
      return .send(announcement)
    }
  }

  /// An ARP packet was seen on the link.
  public mutating func receive(_ packet: ARPPacket, now: Instant) -> Output {
    guard packet.senderMAC != mac else { return .nothing }
    switch state {
    case .idle, .waiting:
      return .nothing
    case .probing, .listening:
      // Another host has the address, or probes for the same one.
      let isProbe = packet.sender == .any && packet.target == address
      guard packet.sender == address || isProbe else { return .nothing }
      startOver(now)
      return .nothing
    case .claimed(let announced, let until, let defended):
      guard packet.sender == address else { return .nothing }
      if let defended, now.since(defended) < LinkLocalMachine.defendIntervalMs {
        startOver(now)
        return .release
      }
      state = .claimed(announced: announced, until: until, defended: now)
      return .send(announcement)
    }
  }

  private mutating func probe(number: Int, _ now: Instant) -> Output {
    let spread = LinkLocalMachine.probeMaxMs - LinkLocalMachine.probeMinMs
    let isLast = number == LinkLocalMachine.probeCount
    let restMs = isLast ? 0 : LinkLocalMachine.probeMinMs + draw(spread)
    state = .probing(sent: number, until: now + restMs)
    return .send(
      ARPPacket(operation: .request, senderMAC: mac, sender: .any, target: address))
  }

  private var announcement: ARPPacket {
    ARPPacket(operation: .request, senderMAC: mac, sender: address, target: address)
  }

  private mutating func startOver(_ now: Instant) {
    conflicts += 1
    chooseAddress()
    let isLimited = conflicts >= LinkLocalMachine.maxConflicts
    let waitMs = isLimited ? LinkLocalMachine.rateLimitMs : draw(LinkLocalMachine.probeWaitMs)
    state = .waiting(until: now + waitMs)
  }

  /// 169.254.1.0 … 169.254.254.255: the first and last 256 addresses are reserved.
  private mutating func chooseAddress() {
    address = IPv4(0xA9FE_0100 + UInt32(draw(254 * 256)))
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
