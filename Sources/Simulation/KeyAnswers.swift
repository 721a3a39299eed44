import Appliance
import Noise
import Wire

/// What clients with keys are answered, and what that says of the device's mind.
extension Client {
  /// The answer to a handshake.
  func welcomed(
    _ request: Asked, _ status: UInt16, _ payload: UnsafeRawBufferPointer, _ world: SimulatedWorld
  ) {
    guard let holder, let seal else { return }
    let welcome =
      status == Status.ok.rawValue && payload.count > HandshakeForm.size
      ? seal.begin(payload, holder) : nil
    guard let welcome else { return refused(status, holder, seal, world) }
    world.say("key \(String(holder.name)): welcome")
    if seal.pairs {
      world.welcomesNewcomer(holder, as: welcome.role.known)
      var grant = KeyGrant()
      grant.secret = welcome.secret
      grant.devicePublicKey = world.devicePublicKey
      holder.take(grant)
      // The first sealed frame proves that the code was known.
      return ask(.ping, world)
    }
    if holder.standing == .gone {
      world.broke(KeysHold.self, "the removed key \(String(holder.name)) is let in")
    }
    // Whoever reads late is told what it was when it came.
    if holder.standing == .sure, let role = holder.role, role == request.askersRole,
      welcome.role.known != role
    {
      let told = welcome.role.known.map { "\($0)" } ?? "?"
      world.broke(KeysHold.self, "\(String(holder.name)) is a \(told), not a \(role)")
    }
    ask(kind == .subscriber ? .subscribe : .ping, world)
  }

  private func refused(
    _ status: UInt16, _ holder: KeyHolder, _ seal: SealedEnd, _ world: SimulatedWorld
  ) {
    let isUnknown = status == Status.authentication.rawValue || status == Status.ok.rawValue
    if isUnknown, !seal.pairs {
      switch holder.standing {
      case .sure:
        world.broke(
          KeysHold.self, "the key \(String(holder.name)) is not let in, status \(status)")
        holder.stand(.unsure, world)
      // Its owner gives it up.
      case .unsure, .gone: world.dismiss(holder)
      case .unpaired: break
      }
    }
    if seal.pairs {
      holder.refusals += 1
      if holder.code != nil, !holder.isGuest, holder.refusals >= 6 { world.dismiss(holder) }
    }
    leave(world)
  }

  /// A request of this client's was answered; true: it concerned keys or changes.
  func answeredOfKeys(
    _ request: Asked, _ status: UInt16, _ payload: UnsafeRawBufferPointer, _ world: SimulatedWorld
  ) {
    let isDone = status == Status.ok.rawValue
    var reader = ByteReader(payload)
    switch request.kind {
    case .ping where isDone && seal?.pairs == true && holder?.standing == .unpaired:
      world.paired(self)
    case .ping where status == Status.busy.rawValue:
      let name = holder.map { String($0.name) } ?? ""
      world.broke(KeysHold.self, "\(name) is told that it has too many connections")
    case .keyAdd:
      guard let added = request.holder else { return }
      // Without the secret nobody comes with it.
      guard isDone else { return world.holders.removeAll { $0 === added } }
      added.take(KeyGrant(from: &reader))
      added.stand(.sure, world)
      world.invite(added)
    case .keyRotate where isDone:
      guard let holder, holder === request.holder else { return }
      holder.take(KeyGrant(from: &reader), privateKey: request.newKey)
      holder.stand(.sure, world)
    case .keyRotate where Self.isPlainRefusal(status): request.holder?.stand(.sure, world)
    case .keyRemove where isDone: request.holder?.stand(.gone, world)
    case .keyRemove where status == Status.state.rawValue: request.holder?.stand(.sure, world)
    case .keyChange where isDone:
      request.holder?.role = request.role
      let word = request.role.map { "\($0)" } ?? "?"
      world.say("key \(request.holder.map { String($0.name) } ?? "?"): is a \(word)")
    case .pairingOpen where isDone:
      world.inviteNewcomer(PairingReply(from: &reader))
    case .changeList where isDone:
      let head = ChangeListHead(from: &reader)
      changes.removeAll()
      for _ in 0..<head.count { changes.append(ChangeEntry(from: &reader)) }
    case .configurationStage, .changeApprove, .changeReject, .changeApply, .changeConfirm:
      var entry: ChangeEntry?
      if isDone { entry = ChangeEntry(from: &reader) }
      if let entry {
        changes.removeAll { $0.id == entry.id }
        changes.append(entry)
      }
      world.answeredOfChange(request, status, entry, by: holder?.name ?? Name())
    default: return
    }
  }

  /// One that nothing was done for.
  static func isPlainRefusal(_ status: UInt16) -> Bool {
    let refusals: [Status] = [
      .permission, .state, .notFound, .invalidArgument, .alreadyExists, .busy, .rateLimited,
      .malformed,
    ]
    return refusals.contains { $0.rawValue == status }
  }
}

extension ChangeEntry {
  /// Something may still happen to it.
  var isOpen: Bool {
    switch state.known {
    case .checking, .pending, .approved, .applying, .unconfirmed, .rollingBack: true
    case .confirmed, .rejected, .refused, .expired, .rolledBack, nil: false
    }
  }
}
