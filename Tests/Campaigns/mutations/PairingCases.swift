import Appliance
import Noise
import Wire

/// Clients without a key, and keys that come and go.
extension Scene {
  /// Which door is open while a case runs. Each case finds it as if it had just been opened.
  enum Door: CaseIterable {
    case closed, code, button
  }

  /// The psk of the handshake that pairs.
  private func pairingPSK() -> [UInt8] {
    guard let code = device.loop.access.pairing.code else {
      return Primitives.sha256(Array("watchpost button".utf8))
    }
    let text = code.withText { [UInt8]($0) }
    return Primitives.sha256(Array("watchpost pairing".utf8), text)
  }

  private func newcomer(isRight: Bool) -> Holder {
    var holder = Holder("newcomer \(random.next())")
    if isRight { holder.psk = pairingPSK() }
    return holder
  }

  private func knock(_ holder: Holder, name: String = "laptop") -> (line: Line, id: UInt32) {
    let (line, id) = (line(holder), id())
    line.send([
      line.hello({ $0.payload = Array(name.utf8) }, ephemeral: random.bytes(32), id: id)
    ])
    return (line, id)
  }

  /// The first attempt of a case, with a wrong secret: it is answered, and leads nowhere.
  func expectAttempt(id: UInt32, on line: Line) {
    guard let reply = expectHandshake(.ok, id: id, on: line, isNew: true) else { return }
    check(!line.accept(reply), "a message 2 that anybody can read")
    failAttempt(on: line)
  }

  /// Whoever has not read message 2 cannot seal.
  private func failAttempt(on line: Line) {
    let size = 40 + random.below(40)
    let guess = [0x57, 0x50, 0x53, 0x45, UInt8(size), 0, 0, 0] + random.bytes(size)
    line.send([guess])
    let forecast = Forecast.sealed(guess, [], isProven: false)
    note(forecast, on: line, key: "")
    check(line.isEnded, "an attempt to pair without the code goes on")
  }

  /// Somebody wants to be paired: with what it needs, or without.
  func pairing() {
    guard device.loop.access.pairing.status != .closed else {
      let (line, id) = knock(newcomer(isRight: true))
      expectHandshake(.authentication, id: id, on: line)
      note(.keyUnknown)
      return
    }
    switch random.below(6) {
    case 0: pairOne()
    case 1: pairWithoutName()
    case 2: pairTooLate()
    case 3: pairAgainAtOnce()
    case 4: if random.chance(10) { exhaustCode() } else { pairOne() }
    default:
      let (line, id) = knock(newcomer(isRight: false))
      expectAttempt(id: id, on: line)
    }
  }

  /// Exactly one gets in: the door closes behind it.
  private func pairOne() {
    changesPairing = true
    let isCode = device.loop.access.pairing.status == .code
    let (line, id) = knock(newcomer(isRight: true))
    guard let reply = expectHandshake(.ok, id: id, on: line, isNew: true), line.accept(reply)
    else {
      return check(false, "a client with the code is not let in")
    }
    check(device.loop.access.keys.count == Device.holders.count, "a key before it is proven")
    check(line.welcome?.isPaired == true, "who is paired is not told so")
    note(.keyPaired, subject: "laptop")
    let first = self.id()
    line.send([line.seal(frame(.ping, id: first))])
    toll.succeeded += 1
    note(.sessionOpened, key: "laptop")
    line.pending = nil
    let ping = Kind.ping.rawValue
    compare(line.read(), [Forecast.Answer(kind: ping, id: first, status: .ok)], line)
    check(device.loop.access.keys.count == Device.holders.count + 1, "no key was added")
    check(device.loop.access.pairing.status == .closed, "the door is still open")

    var late = Holder("too late")
    late.psk = isCode ? late.psk : Primitives.sha256(Array("watchpost button".utf8))
    let (other, otherID) = knock(late, name: "second")
    expectHandshake(.authentication, id: otherID, on: other)
    note(.keyUnknown)
    remove("laptop", line)
  }

  private func pairWithoutName() {
    let names = ["", "Laptop", "a b", "ä", "x/y", String(repeating: "x", count: 33)]
    let (line, id) = knock(newcomer(isRight: true), name: random.pick(names))
    expectHandshake(.invalidArgument, id: id, on: line)
    note(.pairingRefused)
  }

  /// The door is closed between the handshake and the first frame.
  private func pairTooLate() {
    changesPairing = true
    let (line, id) = knock(newcomer(isRight: true))
    guard let reply = expectHandshake(.ok, id: id, on: line, isNew: true), line.accept(reply)
    else {
      return check(false, "a client with the code is not let in")
    }
    _ = device.loop.access.pairing.cancel()
    line.send([line.seal(frame(.ping, id: self.id()))])
    toll.refused += 1
    toll.ended += 1
    note(.pairingRefused)
    line.pending = nil
    compare(line.read(), [.end(.authentication)], line)
    check(line.isEnded, "a client that was paired too late goes on")
  }

  /// A second attempt right behind the first has to wait; a button's has not.
  private func pairAgainAtOnce() {
    let (first, firstID) = knock(newcomer(isRight: false))
    expectAttempt(id: firstID, on: first)
    let (second, secondID) = knock(newcomer(isRight: true))
    guard device.loop.access.pairing.status == .code else {
      expectHandshake(.ok, id: secondID, on: second, isNew: true)
      return
    }
    countsAsFailed = true
    expectHandshake(.rateLimited, id: secondID, on: second)
    note(.pairingRefused)
  }

  /// After five attempts a code is void.
  private func exhaustCode() {
    guard let code = device.loop.access.pairing.code else { return pairOne() }
    changesPairing = true
    for attempt in 0..<Int(Pairing.attempts) {
      check(device.loop.access.pairing.code == code, "a code is void after \(attempt) attempts")
      let (line, id) = knock(newcomer(isRight: false))
      expectAttempt(id: id, on: line)
      line.leave()
      device.pass(ms: Pairing.pauseMs << UInt64(attempt + 1))
    }
    note(.pairingVoided)
    check(device.loop.access.pairing.code != code, "a code is valid after five attempts")
  }

  // MARK: Keys that go

  /// A key is removed while its session is open, or half open.
  func removedKey() {
    let holder = Holder("leaver")
    let role = random.pick([Role.viewer, .operator, .admin])
    do { try device.add(holder, as: role) } catch { return check(false, "\(error)") }
    guard let line = session(holder) else { return }
    let other = session(Holder("viewer"))
    let isProven = random.chance(70)
    if isProven { use(line) }
    if random.chance(70) {
      remove(holder.name, line, isProven: isProven)
    } else {
      // What was on its way already comes before the session is ended.
      let id = id()
      let stray = line.seal(frame(.ping, id: id))
      forgetKey(holder.name)
      line.send([stray])
      // A key that is gone proves nothing.
      if isProven {
        toll.failed += 1
      } else {
        toll = toll + Toll(refused: 1, ended: 1)
        note(.keyUnknown)
        line.pending = nil
      }
      let ping = Kind.ping.rawValue
      compare(
        line.read(),
        [isProven ? .init(kind: ping, id: id, status: .authentication) : .end(.authentication)],
        line)
      end(line, isProven: isProven)
    }
    if let other { use(other) }
  }

  private func forgetKey(_ name: String) {
    do { try device.loop.access.keys.remove(wireName(name)) } catch { check(false, "\(error)") }
    _ = device.loop.access.keys.takeChange()
  }

  private func remove(_ name: String, _ line: Line, isProven: Bool = true) {
    forgetKey(name)
    end(line, key: name, isProven: isProven)
  }

  private func end(_ line: Line, key: String? = nil, isProven: Bool = true) {
    device.loop.endRevoked()
    device.settle()
    if isProven { note(.sessionRevoked, key: key ?? line.holder.name) }
    check(line.isEnded, "the session of a key that was removed goes on")
  }

  /// A key has as many connections as it gets.
  func usedUpSlots() {
    let holder = Holder("leaver")
    let limits = KeyLimits(slots: UInt16(1 + random.below(3)))
    do { try device.add(holder, as: .viewer, limits: limits) } catch {
      return check(false, "\(error)")
    }
    let open = (0..<Int(limits.slots)).compactMap { _ in session(holder) }
    // A handshake takes none: it may be a copy.
    let one = session(holder)
    for line in open { use(line) }
    if let one {
      one.send([one.seal(frame(.ping, id: id()))])
      toll = toll + Toll(refused: 1, ended: 1)
      note(.slotsRefused, key: holder.name)
      one.pending = nil
      compare(one.read(), [.end(.busy)], one)
    }
    forgetKey(holder.name)
    for line in open { end(line) }
  }

  /// More handshakes than an address may make: nothing is computed for the rest.
  func tooManyHandshakes() {
    let holder = Holder("stranger \(random.next())")
    let burst = 8
    for attempt in 0..<burst + 1 + random.below(4) {
      let (line, id) = (line(holder), id())
      let hello = random.chance(50) ? rightHello(holder, id: id) : malformed(id: id)
      line.send([hello])
      if attempt < burst {
        expectHandshake(.authentication, id: id, on: line)
        // A stranger's key is found out only where the message can be read.
        note(hello.count == 32 + 8 + 96 ? .keyUnknown : .handshakeRefused)
      } else {
        expectHandshake(.rateLimited, id: id, on: line)
        note(.handshakeLimited)
      }
      line.leave()
    }
  }

  /// A handshake that cannot be read, one byte longer than any without a name.
  private func malformed(id: UInt32) -> [UInt8] {
    frame(.handshake, id: id, [1, 0, 0, 0, 0, 0, 0, 0] + random.bytes(97))
  }
}
