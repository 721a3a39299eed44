import Appliance
import Wire

/// Handshakes that are not what they should be, and some that are.
extension Scene {
  /// The frame of a hello whose payload is `payload`, delivered, with what must come of it.
  private func offer(_ payload: [UInt8], like hello: [UInt8], on line: Line, id: UInt32) {
    let authentic = Array(hello[32...])
    let (status, code) = Forecast.handshake(payload, authentic: authentic)
    deliver(frame(.handshake, id: id, payload), to: line, meant: hello)
    let reply = expectHandshake(status, id: id, on: line)
    if let code { note(code) }
    check(!line.isEnded, "a refused handshake ends the connection")
    guard status == .ok, let reply else { return }
    check(line.accept(reply), "a handshake that was right did not succeed")
    use(line)
  }

  /// A first frame shows that the session is one.
  func use(_ line: Line) {
    let (id, text) = (id(), random.bytes(random.below(65)))
    line.send([line.seal(frame(.ping, id: id, text))])
    toll.succeeded += 1
    note(.sessionOpened, key: line.holder.name)
    line.pending = nil
    let ping = Kind.ping.rawValue
    compare(line.read(), [Forecast.Answer(kind: ping, id: id, status: .ok, echo: text)], line)
  }

  private func hello(
    of line: Line, _ plan: (inout Initiation.Plan) -> Void = { _ in }
  ) -> (frame: [UInt8], id: UInt32) {
    let id = id()
    return (line.hello(plan, ephemeral: random.bytes(32), id: id), id)
  }

  /// The payload of a frame with somebody's message 1.
  func message(of holder: Holder, _ name: [UInt8] = []) -> [UInt8] {
    let plan = Initiation.Plan(device: device.key, payload: name)
    let initiation = Initiation(plan, identity: holder.privateKey, ephemeral: random.bytes(32))
    return plan.prologue + initiation.message
  }

  func rightHello(_ holder: Holder, id: UInt32) -> [UInt8] {
    frame(.handshake, id: id, message(of: holder))
  }

  private func anyName() -> [UInt8] { random.bytes(random.below(65)) }

  /// As it should be, with any name.
  func rightHandshake() {
    let line = line(someone().holder)
    let name = anyName()
    let (hello, id) = hello(of: line) { $0.payload = name }
    offer(Array(hello[32...]), like: hello, on: line, id: id)
  }

  /// Bits of the message are others; the checksums of the frame are right.
  func flippedHandshake() {
    let line = line(someone().holder)
    let name = anyName()
    let (hello, id) = hello(of: line) { $0.payload = name }
    var payload = Array(hello[32...])
    for _ in 0...random.below(random.chance(70) ? 1 : 8) {
      payload[8 + random.below(payload.count - 8)] ^= 1 << UInt8(random.below(8))
    }
    offer(payload, like: hello, on: line, id: id)
  }

  /// The message is shorter or longer.
  func resizedHandshake() {
    let line = line(someone().holder)
    let name = anyName()
    let (hello, id) = hello(of: line) { $0.payload = name }
    var payload = Array(hello[32...])
    if random.chance(50) {
      payload.removeLast(1 + random.below(payload.count))
    } else {
      let more = 1 + random.below(random.chance(80) ? 80 : 16_000)
      payload += random.bytes(more)
    }
    offer(payload, like: hello, on: line, id: id)
  }

  /// Another version, or something in its reserved bytes.
  func otherForm() {
    let line = line(someone().holder)
    let (hello, id) = hello(of: line)
    var payload = Array(hello[32...])
    payload[random.chance(40) ? 0 : random.below(8)] = UInt8(random.below(256))
    offer(payload, like: hello, on: line, id: id)
  }

  /// The parts of messages of two clients, or of one, put together.
  func swappedParts() {
    let line = line(someone().holder)
    let name = anyName()
    let (hello, id) = hello(of: line) { $0.payload = name }
    let other = message(of: someone().holder, name)
    var payload = Array(hello[32...])
    // The bounds of version, ephemeral key, sealed key and sealed payload.
    let bounds = [0, 8, 40, 88, payload.count]
    let part = 1 + random.below(3)
    payload.replaceSubrange(
      bounds[part]..<bounds[part + 1], with: other[bounds[part]..<bounds[part + 1]])
    offer(payload, like: hello, on: line, id: id)
  }

  /// The bytes of the whole frame are others, checksums included.
  func damagedHandshake() {
    let line = line(someone().holder)
    let (hello, id) = hello(of: line)
    var stream = hello
    switch random.below(4) {
    case 0: stream = Array(hello.prefix(random.below(hello.count)))
    case 1: stream[random.below(32)] ^= 1 << UInt8(random.below(8))
    case 2: stream[32 + random.below(hello.count - 32)] ^= 1 << UInt8(random.below(8))
    default: stream.insert(UInt8(random.below(256)), at: random.below(hello.count))
    }
    // Then the right one; nobody hears it where the connection has ended or waits for more.
    if random.chance(50) { stream += hello }
    let forecast = Forecast.plain(stream, handshake: hello, id: id)
    deliver(stream, to: line, meant: hello)
    if forecast.taken == 1, forecast.ends || forecast.isUnfinished {
      expectAfterHandshake(forecast, line)
    } else {
      expect(forecast, on: line, sealed: false)
    }
    if forecast.isUnfinished, !forecast.ends, random.chance(20) { waitForEnd(line, forecast) }
  }

  /// A handshake succeeded and what came right behind it did not.
  private func expectAfterHandshake(_ forecast: Forecast, _ line: Line) {
    note(forecast, on: line, key: line.holder.name)
    let plain = forecast.answers.filter { $0.kind != 0 }
    let replies = line.readPlain(most: plain.count)
    compare(replies, plain, line)
    guard let last = replies?.last else { return }
    check(line.accept(last), "a handshake that was right did not succeed")
    compare(line.read(), forecast.answers.filter { $0.kind == 0 }, line)
    check(line.isEnded == forecast.ends, "ended: \(line.isEnded), not \(forecast.ends)")
  }

  /// Nothing more comes: the device ends it.
  func waitForEnd(_ line: Line, _ forecast: Forecast) {
    toll.timedOut += 1 + silent
    device.pass(ms: 10_500)
    let replies = line.keys == nil ? line.readPlain() : line.read()
    compare(replies, [.end(.timeout)], line)
    check(line.isEnded, "a connection whose frame does not end goes on")
  }

  /// Somebody sends again what a client has sent, on another connection, and what it sent then.
  func replayedHandshake() {
    let (holder, _) = someone()
    guard let first = session(holder) else { return }
    let hello = rightHello(holder, id: 1)
    let honest = line(holder)
    honest.send([hello])
    expectHandshake(.ok, id: 1, on: honest)
    use(first)

    let copier = line(Holder("nobody"))
    copier.send([hello])
    expectHandshake(.ok, id: 1, on: copier)
    let id = id()
    let stolen =
      random.chance(70) ? first.seal(frame(.ping, id: id)) : frame(.ping, id: id)
    let forecast = Forecast.sealed(stolen, [], isProven: false)
    deliver(stolen, to: copier, meant: stolen)
    // The answer is for the client alone: the copier cannot read it.
    note(forecast, on: copier, key: holder.name)
    check(copier.isEnded == forecast.ends, "who has copied a handshake is heard")
  }

  /// Points of small order and other encodings, by somebody who knows what zero secrets give.
  func weakPoint() {
    let line = line(someone().holder)
    let point = random.pick(SmallOrder.points)
    let isEphemeral = random.chance(60)
    let (hello, id) = hello(of: line) {
      if isEphemeral { $0.ephemeral = point } else { $0.identity = point }
    }
    deliver(hello, to: line, meant: rightHello(line.holder, id: id))
    expectHandshake(.authentication, id: id, on: line)
    note(.handshakeRefused)
  }

  /// A key with its highest bit set is the same point and another key.
  func otherEncoding() {
    let (holder, _) = someone()
    let line = line(holder)
    let ephemeral = random.bytes(32)
    let id = id()
    if random.chance(50) {
      let other = SmallOrder.highBit(Primitives.publicKey(of: ephemeral))
      line.send([line.hello({ $0.ephemeral = other }, ephemeral: ephemeral, id: id)])
      // Both sides have agreed on these bytes: nothing is gained or lost.
      guard let reply = expectHandshake(.ok, id: id, on: line) else { return }
      check(line.accept(reply), "another encoding of an ephemeral key")
      use(line)
    } else {
      let other = SmallOrder.highBit(holder.publicKey)
      let hello = line.hello(
        {
          $0.identity = other
          $0.payload = Array("laptop".utf8)
        }, ephemeral: ephemeral, id: id)
      deliver(hello, to: line, meant: rightHello(line.holder, id: id))
      expectUnknown(id: id, on: line)
    }
  }

  /// Another prologue than the one that stands in the frame, or another device.
  func otherContext() {
    let line = line(someone().holder)
    let prologue = random.bytes(random.below(12))
    let stranger = Primitives.publicKey(of: random.bytes(32))
    let isPrologue = random.chance(50)
    let (hello, id) = hello(of: line) {
      if isPrologue { $0.prologue = prologue } else { $0.device = stranger }
    }
    deliver(hello, to: line, meant: rightHello(line.holder, id: id))
    expectHandshake(.authentication, id: id, on: line)
    note(.handshakeRefused)
  }

  /// The key is right and the secret that goes with it is not.
  func wrongSecret() {
    var (holder, _) = someone()
    holder.psk = random.bytes(32)
    let line = line(holder)
    let (hello, id) = hello(of: line)
    line.send([hello])
    guard let reply = expectHandshake(.ok, id: id, on: line) else { return }
    check(!line.accept(reply), "a message 2 that anybody can read")
    let size = 40 + random.below(40)
    let guess = [0x57, 0x50, 0x53, 0x45, UInt8(size), 0, 0, 0] + random.bytes(size)
    let forecast = Forecast.sealed(guess, [], isProven: false)
    line.send([guess])
    note(forecast, on: line, key: holder.name)
    check(line.isEnded, "a session without the secret goes on")
  }

  /// A key that the device has never seen, while nobody may be paired or somebody may.
  func unknownKey() {
    let line = line(Holder("stranger \(random.next())"))
    let (hello, id) = hello(of: line) { $0.payload = Array("laptop".utf8) }
    deliver(hello, to: line, meant: rightHello(someone().holder, id: id))
    expectUnknown(id: id, on: line)
  }

  /// What a key that is not known is told as long as nobody is paired.
  private func expectUnknown(id: UInt32, on line: Line) {
    guard device.loop.access.pairing.status == .closed else {
      return expectAttempt(id: id, on: line)
    }
    expectHandshake(.authentication, id: id, on: line)
    note(.keyUnknown)
  }
}
