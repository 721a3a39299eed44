import Appliance
import EventLoop
import Noise
import Wire

/// What the device has answered about keys holds, also after a power cut.
enum KeysHold: Invariant {
  static let reason =
    "who was told it has a key is locked out, or one without a key is in"
  /// After which the sessions of a removed key are over.
  static let endedUs: UInt64 = 2_000_000
}

/// No configuration is put in force without its approval, and none that was confirmed is taken
/// back.
enum ChangesApproved: Invariant {
  static let reason = "who may change a device's configuration decides what it does"
}

/// What the world knows of one change of the configuration.
struct KnownChange {
  var id: UInt32
  var stager = Name()
  /// What was handed in; nil: nobody was told that it is there.
  var text: [UInt8]?
  /// Names of keys that may have approved it.
  var approvers: [Name] = []
  /// Names of those who may not where another key is needed: their keys came after the change.
  var latecomers: [Name] = []
  /// The life of the agent that has put it in force last.
  var appliedIn = -1
  var isRejected = false
  var mayBeApplied = false
  var isConfirmed = false
}

extension Card {
  /// The code that stands on it, for whoever is there.
  var code: String? { note.isEmpty ? nil : String(note.prefix(PairingCode.textSize)) }

  func hasKey(of name: Name) -> Bool { clients?.firstRange(of: String(name).utf8) != nil }
}

extension SimulatedWorld {
  static let mostHolders = 7

  /// The key that the device shows now.
  var devicePublicKey: PublicKey {
    var pair = KeyPair()
    guard let key = card.unsavedKey ?? card.deviceKey else { return PublicKey() }
    key.withUnsafeBytes { pair.load($0) }
    return pair.publicKey
  }

  // MARK: Holders

  func newHolder() -> KeyHolder {
    holdersMade += 1
    // Only what was answered is sure to have been staged before.
    let newest = knownChanges.lazy.filter { !$0.stager.isEmpty }.map(\.id).max() ?? 0
    let holder = KeyHolder(Text(of: "key-\(holdersMade)"), sinceChange: newest, &random)
    holders.append(holder)
    return holder
  }

  /// The first client, who reads the code from the card.
  func inviteOwner() {
    guard options.keys else { return }
    add(.admin, newHolder())
  }

  /// A holder whose key was just added: a client of its own.
  func invite(_ holder: KeyHolder) {
    switch holder.role {
    case .admin: add(.admin, holder)
    case .operator: add(.poller, holder)
    default: add(random.chance(50) ? .subscriber : .poller, holder)
    }
  }

  /// Somebody is told a code.
  func inviteNewcomer(_ reply: PairingReply) {
    guard holders.count < Self.mostHolders else { return }
    let holder = newHolder()
    holder.code = String(reply.code)
    // One in four types it wrong.
    if random.chance(25) { holder.code = "0000-0000-0000" }
    add(.poller, holder)
    surely(Pairing.codeMs + 60_000) { world in
      if holder.standing == .unpaired { world.dismiss(holder) }
    }
  }

  func add(_ kind: ClientKind, _ holder: KeyHolder) {
    let number = 5000 + holdersMade
    let address = IPv4(10, 2, 0, UInt8(truncatingIfNeeded: holdersMade))
    let client = Client(kind, address, seed: options.seed, number: number)
    client.holder = holder
    clients.append(client)
    plan(client, client.random.between(500, 10_000))
  }

  /// A client has its key by pairing, and so has the card, unless it is in trouble.
  func paired(_ client: Client) {
    guard let holder = client.holder else { return }
    let isTroubled = keeperIsTroubled || us - keeperTroubledUs < RecordingsKept.keptUs
    holder.stand(isTroubled ? .unsure : .sure, self)
    if !isTroubled, !card.hasKey(of: holder.name) {
      broke(KeysHold.self, "\(String(holder.name)) is told of its key before the card has that")
    }
    if holder.isGuest { guestPaired(client, holder) }
    let life = epoch
    surely(RecordingsKept.keptUs / 1000) { world in
      // A power cut takes with it what a slow card has not got until then.
      guard world.epoch == life || world.card.hasKey(of: holder.name) else { return }
      // A loop that hangs hands nothing over, and the keeper's trouble is looked at with its turns.
      guard world.starvedUntilUs <= world.us else { return }
      let since = max(holder.sinceUs, world.keeperTroubledUs)
      if holder.standing == .unsure, world.us - since >= RecordingsKept.keptUs {
        holder.stand(.sure, world)
      }
    }
  }

  /// A key's owner gives it up.
  func dismiss(_ holder: KeyHolder) {
    holders.removeAll { $0 === holder }
    for client in clients where client.holder === holder { dismiss(client) }
    // Somebody must be able to get in again: the device is reset by who is there.
    let canCome = holders.contains {
      $0.role == .admin || $0.waitsForCode
    }
    if !canCome, holder.standing != .gone { requestReset() }
  }

  /// Nobody who may is left: somebody puts the file on the card, and switches off and on.
  func requestReset() {
    guard options.keys, !card.resetIsAsked else { return }
    say("world: somebody asks for a factory reset")
    card.resetIsAsked = true
    surely(5000) { $0.end = .powerCut }
  }

  /// The card has been erased. Whoever has come since somebody held the button is not among those
  /// who were forgotten then.
  func everythingForgotten(byButton: Bool) {
    say("world: the card has forgotten everything")
    let heldUs = byButton ? board.heldUs ?? us : us
    let former = holders.filter { $0.sinceUs <= heldUs }
    for holder in former { holder.stand(.gone, self) }
    // Who has come while it was held came before or after that.
    for holder in holders where holder.standing == .unsure || holder.standing == .sure {
      holder.stand(.unsure, self)
    }
    knownChanges.removeAll { !byButton || $0.id <= board.heldChange }
    surely(2500) { world in
      for holder in former { world.dismissQuietly(holder) }
      if !world.holders.contains(where: { $0.role == .admin || $0.waitsForCode }) {
        world.inviteOwner()
      }
    }
  }

  func dismissQuietly(_ holder: KeyHolder) {
    holders.removeAll { $0 === holder }
    for client in clients where client.holder === holder { dismiss(client) }
  }

  private var keeperIsTroubled: Bool {
    isNow(.keeperRefuses) || isNow(.keeperHangs) || isNow(.keeperSlow)
      || isNow(.keeperUnreadable) || !keeper.isRunning
  }

  /// Once a second.
  func lookAtKeys() {
    if isNow(.stalledSubscribers) { stalledUs = us }
    guard options.keys else { return }
    if keeperIsTroubled { keeperTroubledUs = us }
    for client in clients {
      guard let holder = client.holder, holder.standing == .gone, client.seal?.isOpen == true,
        let connection = client.connection, let socket = sockets[connection],
        !socket.isBroken, !socket.agentEnded, !socket.clientEnded
      else { continue }
      let lost = starvedUs - holder.sinceStarvedUs
      guard us - holder.sinceUs > KeysHold.endedUs + lost else { continue }
      broke(KeysHold.self, "a session of the removed key \(String(holder.name)) goes on")
      holder.stand(.unsure, self)
    }
  }

  // MARK: Changes

  private func known(_ id: UInt32) -> Int {
    if let index = knownChanges.firstIndex(where: { $0.id == id }) { return index }
    knownChanges.append(KnownChange(id: id))
    return knownChanges.count - 1
  }

  func asksOfChange(_ asked: Client.Asked, by name: Name) {
    guard asked.change > 0 else { return }
    let index = known(asked.change)
    if asked.kind == .changeApprove {
      knownChanges[index].approvers.append(name)
      if let holder = holders.first(where: { $0.name == name }),
        holder.sinceChange >= asked.change
      {
        knownChanges[index].latecomers.append(name)
      }
    }
    if asked.kind == .changeApply { knownChanges[index].mayBeApplied = true }
  }

  func answeredOfChange(
    _ asked: Client.Asked, _ status: UInt16, _ entry: ChangeEntry?, by name: Name
  ) {
    if let entry, asked.kind == .configurationStage {
      knownChanges[known(entry.id)].stager = entry.stager
      knownChanges[known(entry.id)].text = asked.text
    }
    guard asked.change > 0 else { return }
    let index = known(asked.change)
    let isDone = status == Status.ok.rawValue
    if status == Status.notFound.rawValue, !knownChanges[index].stager.isEmpty,
      knownChanges.count - index < Limits.endedChanges / 2
    {
      broke(ChangesApproved.self, "change \(asked.change), which was staged, is not there")
    }
    switch asked.kind {
    case .changeApprove where !isDone && Client.isPlainRefusal(status):
      if let place = knownChanges[index].approvers.firstIndex(of: name) {
        knownChanges[index].approvers.remove(at: place)
      }
    case .changeReject where isDone: knownChanges[index].isRejected = true
    case .changeConfirm where isDone:
      knownChanges[index].isConfirmed = true
      if knownChanges[index].appliedIn == epoch {
        broke(
          ChangesApproved.self, "change \(asked.change) is confirmed in the life that applied it")
      }
    default: return
    }
  }

  /// Another configuration is in force.
  func changeApplied(from former: UInt32) {
    let id = card.applied
    changedUs = us
    say("keeper: change \(id) is in force, \(former) was")
    coverage.note(id > 0 ? "change applied" : "change settled")
    guard id > 0 else {
      if former > 0, knownChanges[known(former)].isConfirmed, card.text(former) != nil,
        !card.isInForce(former)
      {
        broke(ChangesApproved.self, "change \(former), which was confirmed, is taken back")
      }
      return
    }
    knownChanges[known(id)].appliedIn = epoch
    let change = knownChanges[known(id)]
    if let text = change.text, text != card.inForce {
      broke(ChangesApproved.self, "in place of change \(id) another text is in force")
    }
    if change.approvers.isEmpty {
      broke(ChangesApproved.self, "change \(id) is in force, and nobody has approved it")
    }
    if options.needsAnotherKey, !change.stager.isEmpty,
      !change.approvers.contains(where: { $0 != change.stager && !change.latecomers.contains($0) })
    {
      broke(ChangesApproved.self, "change \(id) is in force, approved for who has staged it")
    }
    if change.isRejected { broke(ChangesApproved.self, "change \(id), rejected, is in force") }
    if !change.mayBeApplied, !options.appliesAtOnce {
      broke(ChangesApproved.self, "change \(id) is in force, and nobody has asked for that")
    }
  }
}
