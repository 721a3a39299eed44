import Appliance
import EventLoop
import Wire

/// The button, as a hand and its contacts make it, and what must come of it.
extension SimulatedWorld {
  /// What the loop may take for it beyond the button's own times.
  private static let slackUs: UInt64 = 1_000_000
  /// Milliseconds for which somebody may hold it without being taken for one who wants everything
  /// to be forgotten, however late the loop looks.
  private static let surelyShortMs = Button.longMs - 1100

  func press(_ fault: Fault) {
    // One hand at a time, which does not come down again before it has gone up.
    guard !board.isButtonDown, us >= board.handUpUs else { return }
    let bounces = fault.subject % 4
    turnButton(isDown: true, bounces)
    presses += 1
    board.downUs = isAlive ? us : nil
    let life = epoch
    board.starvedAtPress = starvedUs
    surely(Self.surelyShortMs) { world in
      // The hand is still there, and nothing is sure from here on.
      guard fault.durationMs >= Self.surelyShortMs else { return }
      world.hold(from: life, isLong: fault.durationMs >= Button.longMs + 200)
    }
    surely(fault.durationMs) { world in
      world.turnButton(isDown: false, bounces)
      world.letGo(fault.durationMs, life)
    }
  }

  /// Contacts bounce for a few milliseconds.
  private func turnButton(isDown: Bool, _ bounces: UInt64) {
    board.isButtonDown = isDown
    post(.mailbox, .button(isDown: isDown))
    for bounce in 0..<bounces {
      surely(2 + 4 * bounce) { $0.post(.mailbox, .button(isDown: !isDown)) }
      surely(4 + 4 * bounce) { $0.post(.mailbox, .button(isDown: isDown)) }
    }
  }

  private func hold(from life: Int, isLong: Bool) {
    guard epoch == life, let downUs = board.downUs else { return }
    board.heldUs = us
    board.starvedAtHold = starvedUs
    board.heldChange = knownChanges.lazy.map(\.id).max() ?? 0
    board.identifiesUntilUs = max(board.identifiesUntilUs, us + 30_000_000)
    board.forgotten = []
    for holder in holders where holder.standing != .unpaired {
      if isLong { board.forgotten.append(holder.name) }
      if holder.standing != .gone { holder.stand(.unsure, self) }
    }
    // The card forgets one thing after the other, and the power may be cut between them.
    for index in knownChanges.indices { knownChanges[index].stager = Name() }
    board.forgottenDueUs = downUs + Button.longMs * 1000 + Self.slackUs
    say("world: the button is held")
  }

  /// Everything is being forgotten about now.
  var forgets: Bool {
    guard let heldUs = board.heldUs else { return false }
    return us - heldUs < 3 * Self.slackUs + starvedUs - board.starvedAtHold
  }

  private func letGo(_ ms: UInt64, _ life: Int) {
    board.downUs = nil
    board.handUpUs = us + 3 * Button.steadyMs * 1000
    guard epoch == life, ms < Button.shortMs else { return }
    if ms > 2 * Button.steadyMs + 20 { board.openDueUs = us + Self.slackUs }
    guard options.keys else { return }
    for _ in 0..<2 where holders.count <= Self.mostHolders {
      let holder = newHolder()
      holder.isGuest = true
      add(.poller, holder)
      surely(Pairing.buttonMs + 5000) { world in
        if holder.standing == .unpaired { world.dismissQuietly(holder) }
      }
    }
  }

  /// Somebody may come in, if it knows the code or nobody wants one.
  func welcomesNewcomer(_ holder: KeyHolder, as role: Role?) {
    holder.role = role
    guard holder.isGuest, role == .admin else { return }
    let admin = holders.first { $0 !== holder && $0.standing == .sure && $0.role == .admin }
    if let admin {
      broke(
        KeysHold.self, "a press of the button makes an admin, and \(String(admin.name)) is one")
    }
  }

  func guestPaired(_ client: Client, _ holder: KeyHolder) {
    coverage.note("guest paired")
    guestsPaired += 1
    if guestsPaired > presses {
      broke(KeysHold.self, "\(guestsPaired) came in with \(presses) presses of the button")
    }
    guard holder.role == .admin else { return }
    client.promote()
    // Nobody needs the code any more.
    for other in holders where other.waitsForCode { dismissQuietly(other) }
  }

  /// Once a second.
  func lookAtButton(_ loop: borrowing EventLoop<SimulatedWorld>) {
    if !loop.access.keys.isLoaded {
      keysLoadedUs = nil
    } else if keysLoadedUs == nil {
      keysLoadedUs = us
    }
    if let dueUs = board.openDueUs, us >= dueUs {
      board.openDueUs = nil
      let pairing = loop.access.pairing
      let wasOpen = pairing.wasOpened || pairing.lastOpen == .button
      let wasSeen = !isStopping && starvedUs == board.starvedAtPress
      if wasSeen, let keysLoadedUs, us - keysLoadedUs > 10_000_000, !wasOpen {
        broke(KeysHold.self, "the button was pressed, and nobody is let in")
      }
    }
    guard !board.forgotten.isEmpty, us >= board.forgottenDueUs + 20_000_000 else { return }
    if starvedUs != board.starvedAtPress { board.forgotten = [] }
    for name in board.forgotten where loop.access.keys.find(name) != nil {
      broke(KeysHold.self, "the button was held, and \(String(name)) still has a key")
    }
    board.forgotten = []
  }
}
