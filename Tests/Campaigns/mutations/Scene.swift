import Appliance
import EventLoop
import Noise
import Wire

/// One case: what happens to a device, and what must come of it.
///
/// Everything that a case does adds to `toll` and `audit` what the device must count and note; when
/// it is over, `finish` compares, and looks for whatever else has changed.
final class Scene {
  let device: Device
  let canary: Canary?
  var random: SplitMix
  /// No other case has it, so that notes of different cases are never one entry.
  let address: IPv4
  var toll = Toll()
  private var audit: [String: Int] = [:]
  private(set) var problems: [String] = []
  private var lines: [Line] = []
  private var nextID: UInt32 = 1

  private let tollBefore: Toll
  private let cursor: UInt64
  private let keysBefore: [UInt8]
  private var pairingBefore: (PairingState, PairingCode?) = (.closed, nil)
  /// The case itself has changed these.
  var changesKeys = false
  var changesPairing = false

  init(_ device: Device, number: UInt32, random: SplitMix, canary: Canary?) {
    self.device = device
    self.random = random
    self.canary = canary
    address = IPv4(10, 1, UInt8(truncatingIfNeeded: number >> 8), UInt8(truncatingIfNeeded: number))
    tollBefore = device.toll
    cursor = device.nextEntry
    keysBefore = device.keys().kept
    _ = device.loop.access.keys.takeChange()
    device.loop.system.effects.removeAll()
  }

  // MARK: What happens

  /// Opens a door, or closes all: nil, any.
  func open(_ door: Door?) {
    let bits = random.next()
    let now = device.loop.now
    _ = device.loop.access.pairing.cancel()
    switch door ?? random.pick(Door.allCases) {
    case .closed: break
    case .code: _ = device.loop.access.pairing.openByCode(bits: bits, role: .operator, now: now)
    case .button: _ = device.loop.access.pairing.openByButton(now: now)
    }
    pairingBefore = (device.loop.access.pairing.status, device.loop.access.pairing.code)
  }

  /// A new connection of somebody.
  func line(_ holder: Holder, from address: IPv4? = nil) -> Line {
    let line = Line(device, holder, from: address ?? self.address)
    lines.append(line)
    return line
  }

  func id() -> UInt32 {
    nextID += 1
    return nextID
  }

  /// Somebody who has a key, and its role.
  func someone() -> (holder: Holder, role: Role) {
    let holder = random.pick(Device.holders)
    return (Holder(holder.name), holder.role)
  }

  /// Hands over bytes in whatever pieces. `meant` is what was made of them: a device that does not
  /// look at what it gets takes one for the other (`Canary.credulous`).
  func deliver(_ bytes: [UInt8], to line: Line, meant: [UInt8]) {
    let bytes = canary == .credulous ? meant : bytes
    line.send(pieces(of: bytes))
  }

  private func pieces(of bytes: [UInt8]) -> [[UInt8]] {
    switch random.below(10) {
    case 0: return bytes.map { [$0] }
    case 1...3:
      guard bytes.count > 1 else { return [bytes] }
      let place = 1 + random.below(bytes.count - 1)
      return [Array(bytes[..<place]), Array(bytes[place...])]
    case 4:
      var pieces: [[UInt8]] = []
      var rest = bytes[...]
      while !rest.isEmpty {
        let piece = rest.prefix(1 + random.below(64))
        pieces.append(Array(piece))
        rest = rest.dropFirst(piece.count)
      }
      return pieces
    default: return [bytes]
    }
  }

  /// A session of somebody who has a key, as it should be; unproven until the first frame.
  func session(_ holder: Holder, from address: IPv4? = nil) -> Line? {
    let line = line(holder, from: address)
    line.send([line.hello(ephemeral: random.bytes(32))])
    toll.succeeded += 1
    guard let reply = line.readPlain(most: 1)?.first, line.accept(reply) else {
      problems.append("a handshake that was right did not succeed")
      return nil
    }
    line.pending = (.handshakeRefused, "")
    return line
  }

  // MARK: What must come of it

  func check(_ isRight: Bool, _ what: @autoclosure () -> String) {
    if !isRight { problems.append(what()) }
  }

  func note(_ code: AuditCode, key: String = "", subject: String = "") {
    audit["\(code) key \(key) subject \(subject)", default: 0] += 1
  }

  /// Takes the answers that came over a line, which are sealed or not, and compares.
  func expect(
    _ forecast: Forecast, on line: Line, key: String = "", sealed: Bool = true
  ) {
    note(forecast, on: line, key: key)
    compare(sealed ? line.read() : line.readPlain(), forecast.answers, line)
    check(line.isEnded == forecast.ends, "ended: \(line.isEnded), not \(forecast.ends)")
  }

  /// Counts and notes what a forecast says.
  func note(_ forecast: Forecast, on line: Line, key: String) {
    toll = toll + forecast.toll
    for (code, isNamed) in forecast.audit { note(code, key: isNamed ? key : "") }
    if forecast.ends {
      // Who wants to be paired has tried all the same.
      if line.pending?.code != .pairingRefused { line.pending = nil }
    } else if forecast.isUnfinished, line.keys != nil || forecast.taken > 0 {
      line.pending = (.sealBroken, forecast.isProven ? key : "")
    } else if forecast.isProven {
      line.pending = nil
    } else if line.keys == nil, forecast.taken > 0 {
      line.pending = (.handshakeRefused, "")
    }
  }

  /// Connections that have shaken hands and said nothing since: they do not wait for long.
  var silent: Int { lines.count { $0.pending?.code == .handshakeRefused && !$0.isEnded } }

  func compare(_ replies: [Reply]?, _ answers: [Forecast.Answer], _ line: Line) {
    guard let replies else {
      return problems.append("an answer that cannot be read, in place of \(answers)")
    }
    check(
      replies.count == answers.count && zip(answers, replies).allSatisfy { $0.fits($1) },
      "answers \(replies), not \(answers)")
  }

  /// The one plain answer to a handshake; counts it.
  @discardableResult
  func expectHandshake(
    _ status: Status, id: UInt32, on line: Line, isNew: Bool = false
  ) -> Reply? {
    switch status {
    case .ok:
      toll.succeeded += 1
      line.pending = (isNew ? .pairingRefused : .handshakeRefused, "")
    case .rateLimited where !countsAsFailed: toll.limited += 1
    default: toll.failed += 1
    }
    countsAsFailed = false
    let replies = line.readPlain(most: 1)
    compare(
      replies, [Forecast.Answer(kind: Kind.handshake.rawValue, id: id, status: status)], line)
    return replies?.first
  }

  /// The next `rateLimited` is pairing's, which is a refusal like others.
  var countsAsFailed = false

  /// Everybody leaves; what is there now must be what was there before.
  func finish(witness: Line) -> [String] {
    for line in lines {
      line.leave()
      if let (code, key) = line.pending { note(code, key: key) }
    }
    for line in lines where !line.forget() { problems.append("a connection is still held") }
    if canary == .intruder { try? device.add(Holder("intruder"), as: .admin) }
    if canary == .disturbed { witness.leave() }
    askWitness(witness)
    let counted = device.toll - tollBefore
    check(counted == toll, "counted \(counted), not \(toll)")
    compareAudit()
    let keys = device.keys()
    check(keys.kept == keysBefore, "the keys are others")
    check(keys.connections == Device.witnessed, "connections \(keys.connections)")
    check(changesKeys || !device.loop.access.keys.takeChange(), "keys are to be stored")
    let pairing = (device.loop.access.pairing.status, device.loop.access.pairing.code)
    check(changesPairing || pairing == pairingBefore, "pairing is \(pairing.0)")
    check(device.loop.sessions.used == Device.holders.count, "a slot is in use")
    check(device.loop.sessions.subscribers == 0, "somebody has subscribed")
    check(device.loop.stopping == nil, "the device stops")
    for effect in device.loop.system.effects where !effect.isHousekeeping {
      problems.append("the device does \(effect)")
    }
    return problems
  }

  private func askWitness(_ witness: Line) {
    let (id, text) = (id(), random.bytes(8))
    witness.send([witness.seal(frame(.ping, id: id, text))])
    toll.succeeded += 1
    let replies = witness.read()
    check(
      replies == [Reply(kind: Kind.ping.rawValue, id: id, status: 0, payload: text)],
      "the witness gets \(replies.map { "\($0)" } ?? "nonsense")")
  }

  private func compareAudit() {
    var noted: [String: Int] = [:]
    for entry in device.audit(from: cursor) {
      let code = entry.code.known.map { "\($0)" } ?? "?"
      let name = "\(code) key \(entry.key.text) subject \(entry.subject.text)"
      noted[name, default: 0] += Int(entry.count)
      if entry.lane.known == .access, !(lines.contains { $0.address.value == entry.address }) {
        problems.append("\(name) is noted of \(entry.address)")
      }
    }
    if canary == .silent { noted = [:] }
    check(noted == audit, "noted \(noted), not \(audit)")
  }
}

extension Effect {
  /// What a device does of its own accord.
  var isHousekeeping: Bool {
    switch self {
    case .petWatchdog, .light, .log, .publish, .tellClock, .breadcrumb: true
    default: false
    }
  }
}

extension Device {
  /// Connections while no case is under way.
  static let witnessed: [String: UInt16] = [
    "admin": 1, "operator": 1, "viewer": 1,
  ]

  var toll: Toll {
    func count(_ metric: Metric) -> Int { Int(loop.counters[metric]) }
    return Toll(
      succeeded: count(.requestsSucceeded), failed: count(.requestsFailed),
      denied: count(.permissionDenied), limited: count(.requestsRateLimited),
      refused: count(.framesRefused), ended: count(.closedProtocolError),
      timedOut: count(.closedFrameTimeout) + count(.closedHandshake) + count(.closedIdle))
  }
}

/// A bug that is planted: the campaign must find it.
enum Canary: String, CaseIterable {
  /// The device takes what was changed on its way for what was sent.
  case credulous
  /// It notes nothing.
  case silent
  /// A case adds a key.
  case intruder
  /// A case ends somebody else's session.
  case disturbed
  /// A byte between two tables of the loop is read: AddressSanitizer must see it.
  case overrun
}
