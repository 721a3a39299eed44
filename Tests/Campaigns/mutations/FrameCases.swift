import Appliance
import Wire

/// Sealed frames that are not what they should be, among others that are.
extension Scene {
  private static let name = [UInt8](repeating: 0x61, count: 32)

  /// What may be asked, with what must come of it.
  private func ask(_ role: Role, _ line: Line) -> Asked {
    let id = id()
    func asked(_ number: Kind, _ payload: [UInt8] = [], is status: Status) -> Asked {
      asked(number.rawValue, payload, is: status)
    }
    func asked(_ kind: UInt16, _ payload: [UInt8] = [], is status: Status) -> Asked {
      let echo = kind == Kind.ping.rawValue && status == .ok ? payload : nil
      return Asked(
        bytes: line.seal(frame(kind, id: id, payload)), kind: kind, id: id, status: status,
        echo: echo)
    }
    func needs(_ least: Role, _ status: Status) -> Status { role >= least ? status : .permission }
    switch random.below(16) {
    case 0: return asked(.serverInfo, is: .ok)
    case 1: return asked(.cameraList, is: .ok)
    case 2: return asked(.identity, is: .ok)
    case 3: return asked(.storageStatus, is: needs(.admin, .ok))
    case 4:
      return asked(.logTail, [UInt8](repeating: 0, count: 16), is: needs(.admin, .ok))
    case 5:
      return asked(.sourceRemove, Scene.name, is: needs(.operator, .notFound))
    case 6, 7:
      guard role < .admin else { break }
      let above = random.pick([Kind.reboot, .shutdown, .retentionRun])
      return asked(above, is: .permission)
    case 8:
      guard role < .operator else { break }
      let above = random.pick([Kind.streamStart, .streamStop, .snapshot, .snapshotSave])
      return asked(above, Scene.name, is: .permission)
    case 9: return asked(0x7700 | UInt16(random.below(256)), is: .unknownOperation)
    case 10: return asked(.ping, random.bytes(65 + random.below(600)), is: .malformed)
    case 11: return asked(.handshake, message(of: line.holder), is: .state)
    default: break
    }
    return asked(.ping, random.bytes(random.below(65)), is: .ok)
  }

  /// A frame whose sealed header is wrong in itself: its sender has the keys.
  private func askWrongly(_ line: Line) -> Asked {
    let id = id()
    let ping = Kind.ping.rawValue
    var plain = frame(.ping, id: id, random.bytes(random.below(65)))
    func asked(_ status: Status, isRefused: Bool = true, ends: Bool = true) -> Asked {
      Asked(
        bytes: line.seal(plain), kind: ping, id: id, status: status, proves: !isRefused,
        isRefused: isRefused, ends: ends)
    }
    switch random.below(6) {
    case 0:
      plain[random.below(4)] ^= UInt8(1 + random.below(255))
      return asked(.malformed)
    case 1:
      plain[4] = UInt8(2 + random.below(250))
      return asked(.unsupportedVersion)
    case 2:
      plain[16 + random.below(4)] ^= UInt8(1 + random.below(255))
      return asked(.malformed)
    case 3:
      plain[5] |= 2 << UInt8(random.below(7))
      return asked(.reservedBits, ends: false)
    case 4:
      plain[random.pick([14, 15, 20, 21, 22, 23])] = UInt8(1 + random.below(255))
      return asked(.reservedBits, ends: false)
    default:
      // An answer, or a request with a status.
      if random.chance(50) { plain[5] = 1 } else { plain[12] = UInt8(1 + random.below(255)) }
      return asked(.reservedBits, isRefused: false)
    }
  }

  private func stream(_ asked: [Asked]) -> [UInt8] { asked.flatMap(\.bytes) }

  /// Delivers what was made of `asked`, on a session that is proven or not.
  private func tell(_ bytes: [UInt8], _ asked: [Asked], _ line: Line, isProven: Bool) {
    let forecast = Forecast.sealed(bytes, asked, isProven: isProven)
    deliver(bytes, to: line, meant: stream(asked))
    expect(forecast, on: line, key: line.holder.name)
    if forecast.isUnfinished, !forecast.ends, random.chance(10) { waitForEnd(line, forecast) }
  }

  /// A session of somebody, with some frames on it as they should be.
  private func conversation(
    _ body: (_ line: Line, _ role: Role, _ asked: inout [Asked], _ isProven: Bool) -> [UInt8]
  ) {
    let (holder, role) = someone()
    guard let line = session(holder) else { return }
    check(line.welcome?.role.known == role, "welcomed with another role")
    let isProven = random.chance(70)
    if isProven { use(line) }
    var asked: [Asked] = []
    for _ in 0..<random.below(4) { asked.append(ask(role, line)) }
    let bytes = body(line, role, &asked, isProven)
    tell(bytes, asked, line, isProven: isProven)
  }

  /// Nothing is wrong with any of them.
  func rightFrames() {
    conversation { line, role, asked, _ in
      for _ in 0...random.below(4) { asked.append(ask(role, line)) }
      return stream(asked)
    }
  }

  /// A bit of one is another.
  func flippedFrame() {
    conversation { line, role, asked, _ in
      let before = stream(asked).count
      let victim = ask(role, line)
      asked.append(victim)
      var bytes = stream(asked)
      // Prefix, sealed header, payload, tag: each as likely.
      let size = victim.bytes.count
      let part = random.pick([0..<8, 8..<32, 32..<(size - 16), (size - 16)..<size])
      let place = part.isEmpty ? random.below(size) : part.lowerBound + random.below(part.count)
      for _ in 0...(random.chance(80) ? 0 : 3) {
        bytes[before + place] ^= 1 << UInt8(random.below(8))
      }
      while random.chance(40) { bytes += append(&asked, role, line) }
      return bytes
    }
  }

  private func append(_ asked: inout [Asked], _ role: Role, _ line: Line) -> [UInt8] {
    let next = ask(role, line)
    asked.append(next)
    return next.bytes
  }

  /// Bytes are missing at the end of one, which is the last or is not.
  func truncatedFrame() {
    conversation { line, role, asked, _ in
      var bytes = stream(asked)
      let victim = append(&asked, role, line)
      bytes += victim.prefix(random.below(victim.count))
      while random.chance(60) { bytes += append(&asked, role, line) }
      return bytes
    }
  }

  /// A length that no frame has, or another than its own.
  func otherLength() {
    conversation { line, role, asked, _ in
      let before = stream(asked).count
      _ = append(&asked, role, line)
      var bytes = stream(asked)
      let own = Int(bytes[before + 4]) | Int(bytes[before + 5]) << 8
      let length = random.pick([
        0, 1, 16, 39, 40, own - 1, own + 1, own + random.below(64), 16_376, 16_377, 0xFFFF,
        random.below(0x10000),
      ])
      bytes[before + 4] = UInt8(truncatingIfNeeded: length)
      bytes[before + 5] = UInt8(truncatingIfNeeded: length >> 8)
      if random.chance(30) { bytes += random.bytes(random.below(17_000)) }
      return bytes
    }
  }

  /// Frames twice, in another order, or not all of them.
  func otherOrder() {
    conversation { line, role, asked, _ in
      for _ in 0...1 + random.below(4) { _ = append(&asked, role, line) }
      var frames = asked.map { $0.bytes }
      switch random.below(3) {
      case 0:
        let place = random.below(frames.count)
        frames.insert(frames[place], at: place + random.below(frames.count - place) + 1)
      case 1:
        let place = random.below(frames.count - 1)
        frames.swapAt(place, place + 1 + random.below(frames.count - place - 1))
      default: frames.remove(at: random.below(frames.count))
      }
      return frames.flatMap { $0 }
    }
  }

  /// A frame that another session has sealed, or the device.
  func foreignFrame() {
    conversation { line, role, asked, isProven in
      let foreign: [UInt8]
      switch random.below(3) {
      case 0:
        // Of the same key: nothing but the session differs.
        guard let other = session(line.holder) else { return [] }
        foreign = other.seal(frame(.ping, id: id()))
      case 1:
        guard let other = session(someone().holder) else { return [] }
        foreign = other.seal(frame(.serverInfo, id: id()))
      default: foreign = reflected(line) ?? [UInt8](repeating: 0x57, count: 9)
      }
      var bytes = stream(asked)
      bytes.insert(contentsOf: foreign, at: random.chance(50) ? 0 : bytes.count)
      while random.chance(50) { bytes += append(&asked, role, line) }
      return bytes
    }
  }

  /// What the device has sealed, sent back to it. Nil: it has not sealed anything here yet.
  private func reflected(_ line: Line) -> [UInt8]? {
    let (holder, _) = someone()
    guard let other = session(holder) else { return nil }
    let id = id()
    other.send([other.seal(frame(.ping, id: id))])
    toll.succeeded += 1
    note(.sessionOpened, key: holder.name)
    other.pending = nil
    let answer = other.unread
    // To where it came from, too.
    let forecast = Forecast.sealed(answer, [], isProven: true)
    deliver(answer, to: other, meant: other.seal(frame(.ping, id: self.id())))
    note(forecast, on: other, key: holder.name)
    check(other.isEnded, "the device takes its own frame")
    return answer
  }

  /// Plain text where everything is sealed.
  func downgrade() {
    conversation { line, role, asked, _ in
      var bytes = stream(asked)
      let kind = random.pick([Kind.ping, .health, .reboot, .serverInfo, .handshake])
      let payload = kind == .handshake ? message(of: line.holder) : []
      bytes += frame(kind, id: id(), payload)
      while random.chance(40) { bytes += append(&asked, role, line) }
      return bytes
    }
  }

  /// Anything.
  func nonsense() {
    conversation { line, role, asked, _ in
      var bytes = stream(asked)
      var noise = random.bytes(1 + random.below(random.chance(90) ? 200 : 20_000))
      if random.chance(70) {
        noise.replaceSubrange(0..<0, with: [0x57, 0x50, 0x53, 0x45])
      }
      bytes += noise
      return bytes
    }
  }

  /// Sealed as it should be, by somebody who seals what should not be.
  func wrongHeader() {
    conversation { line, role, asked, _ in
      asked.append(askWrongly(line))
      while random.chance(50) { asked.append(ask(role, line)) }
      return stream(asked)
    }
  }

  /// A plain connection asks for what needs a key.
  func plainRequest() {
    let line = line(Holder("nobody"))
    for _ in 0...random.below(3) {
      let id = id()
      let kind = random.pick([Kind.serverInfo, .cameraList, .reboot, .shutdown, .metrics])
      deliver(frame(kind, id: id), to: line, meant: frame(.ping, id: id))
      toll.failed += 1
      toll.denied += 1
      note(.plainRefused)
      compare(
        line.readPlain(), [Forecast.Answer(kind: kind.rawValue, id: id, status: .permission)],
        line)
    }
  }
}
