import Appliance
import Noise
import Wire

/// What clients with keys do: come in by a handshake, and, if they are admins, work with keys and
/// with changes of the configuration.
extension Client {
  /// Begins a handshake on a new connection. False: it has nothing to come in with yet.
  func shakeHands(_ holder: KeyHolder, _ world: SimulatedWorld) {
    let pairs = holder.standing == .unpaired
    let secret =
      !pairs
      ? holder.secret
      : holder.isGuest
        ? SealedEnd.secretOfButton : SealedEnd.secret(of: holder.code ?? world.card.code ?? "")
    let device = pairs ? world.devicePublicKey : holder.device
    let end = SealedEnd(device: device, secret: secret, pairs: pairs)
    guard let hello = end.hello(holder, &random) else { return leave(world) }
    seal = end
    let id = nextID
    nextID &+= 1
    var frame = [UInt8](repeating: 0, count: Limits.headerSize + 256)
    let size = frame.withUnsafeMutableBytes { room in
      var writer = FrameWriter(room)
      hello.withUnsafeBytes { writer.payload.write($0) }
      return writer.seal(Header(kind: Kind.handshake.rawValue, requestID: id))
    }
    var request = Asked(id: id, kind: .handshake, atUs: world.us, starvedUs: world.starvedUs)
    request.askersRole = roleNow(world)
    asked.append(request)
    outbox += frame[..<size]
    if !pairs { world.lastHello = Array(frame[..<size]) }
    pump(world)
  }

  /// Ends the connection, and comes again later.
  func leave(_ world: SimulatedWorld) {
    if let connection, let socket = world.sockets[connection] { socket.clientEnded = true }
    forget()
  }

  // MARK: What admins do

  func askOfKeys(_ world: SimulatedWorld) {
    switch random.below(20) {
    case 0: ask(.keyList, world)
    case 1: request(.auditList, world)
    case 2: ask(.changeHistory, world)
    case 3, 4: addKey(world)
    case 5: removeKey(world)
    case 6: changeKey(world)
    case 7: if holder?.standing == .sure { rotateKey(world) }
    case 8: if world.holders.count < SimulatedWorld.mostHolders { request(.pairingOpen, world) }
    case 9: ask(random.chance(50) ? .pairingCancel : .identity, world)
    case 10, 11: request(.configurationStage, world)
    case 12: request(random.chance(50) ? .configurationText : .configurationCheck, world)
    case 13: ask(.changeList, world)
    default: decide(world)
    }
  }

  private func addKey(_ world: SimulatedWorld) {
    guard world.holders.count < SimulatedWorld.mostHolders else { return }
    let holder = world.newHolder()
    holder.stand(.unsure, world)
    holder.role = random.pick([.viewer, .operator, .admin])
    request(.keyAdd, world, about: holder)
  }

  /// One of the others whose key holds.
  private func other(_ world: SimulatedWorld) -> KeyHolder? {
    let others = world.holders.filter { $0 !== holder && $0.standing == .sure && $0.role != nil }
    return others.isEmpty ? nil : random.pick(others)
  }

  private func removeKey(_ world: SimulatedWorld) {
    guard let other = other(world) else { return }
    other.stand(.unsure, world)
    request(.keyRemove, world, about: other)
  }

  private func changeKey(_ world: SimulatedWorld) {
    guard let other = other(world) else { return }
    other.role = nil
    world.say("key \(String(other.name)): its role is to change")
    request(.keyChange, world, about: other, role: random.pick([.viewer, .operator, .admin]))
  }

  private func rotateKey(_ world: SimulatedWorld) {
    guard let holder else { return }
    holder.stand(.unsure, world)
    request(.keyRotate, world, about: holder, newKey: random.bytes(PublicKey.size))
  }

  /// Goes on with a change that it has heard of.
  private func decide(_ world: SimulatedWorld) {
    guard let change = changes.last(where: { $0.isOpen }) else { return ask(.changeList, world) }
    switch change.state.known {
    case .pending: request(random.chance(20) ? .changeReject : .changeApprove, world, on: change.id)
    case .approved: request(.changeApply, world, on: change.id)
    case .unconfirmed where random.chance(60): request(.changeConfirm, world, on: change.id)
    default: ask(.changeList, world)
    }
    // It may have gone on meanwhile: any step at any time, and by anybody.
    if random.chance(15) {
      let kind = random.pick([Kind.changeApprove, .changeReject, .changeApply, .changeConfirm])
      request(kind, world, on: change.id)
    }
  }

  // MARK: Requests

  private func request(
    _ kind: Kind, _ world: SimulatedWorld, about holder: KeyHolder? = nil, role: Role? = nil,
    newKey: [UInt8]? = nil, on change: UInt32 = 0
  ) {
    var asked = Asked(
      id: nextID, kind: kind, atUs: world.us, starvedUs: world.starvedUs)
    nextID &+= 1
    asked.holder = holder
    asked.role = role
    asked.newKey = newKey
    asked.change = change
    var frame = [UInt8](repeating: 0, count: Limits.headerSize + 512)
    let size = frame.withUnsafeMutableBytes { room in
      var writer = FrameWriter(room)
      write(asked, world, into: &writer.payload)
      return writer.seal(Header(kind: kind.rawValue, requestID: asked.id))
    }
    if kind == .configurationStage {
      asked.text = Array(frame[(Limits.headerSize + StageRequest.size)..<size])
    }
    world.asksOfChange(asked, by: self.holder?.name ?? Name())
    send(Array(frame[..<size]), asked, world)
  }

  private func write(_ asked: Asked, _ world: SimulatedWorld, into payload: inout ByteWriter) {
    switch asked.kind {
    case .keyAdd, .keyChange:
      var request = KeyRequest()
      guard let holder = asked.holder else { return }
      request.name = holder.name
      if asked.kind == .keyAdd { request.publicKey = holder.publicKey }
      request.role = asked.role ?? holder.role ?? .viewer
      request.encode(into: &payload)
    case .keyRemove: KeyName(name: asked.holder?.name ?? Name()).encode(into: &payload)
    case .keyRotate:
      var pair = KeyPair()
      asked.newKey?.withUnsafeBytes { pair.load($0) }
      KeyRotation(publicKey: pair.publicKey).encode(into: &payload)
    case .pairingOpen: PairingRequest(role: .operator).encode(into: &payload)
    case .auditList: AuditRequest().encode(into: &payload)
    case .changeApprove, .changeReject, .changeApply, .changeConfirm, .configurationText:
      ChangeRequest(id: asked.change).encode(into: &payload)
    case .configurationStage:
      let number = random.below(1000)
      StageRequest(version: Text(of: "v\(number)"), ring: Text("barn")).encode(into: &payload)
      write(number, into: &payload)
    case .configurationCheck: write(random.below(1000), into: &payload)
    default: return
    }
  }

  /// One text in ten is wrong.
  private func write(_ number: Int, into payload: inout ByteWriter) {
    let text = number % 10 == 0 ? "wrong = \(number)\n" : "name = barn-\(number)\n"
    Array(text.utf8).withUnsafeBytes { payload.write($0) }
  }
}
