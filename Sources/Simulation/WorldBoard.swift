import Appliance
import Wire

/// What hangs on the board: LEDs, watchdog, network, clock.
struct Board {
  var lights: [Bool] = [false, false, false]
  /// When each LED changed last, and how often.
  var changedUs: [UInt64] = [0, 0, 0]
  var changes: [[LightChange]] = [[], [], []]
  /// nil: the device is not open.
  var pettedUs: UInt64?
  var openedUs: UInt64 = 0
  /// `starvedUs` of the world at the last pet, and its turns.
  var starvedAtPet: UInt64 = 0
  var turnAtPet: UInt64 = 0
  var reset = ResetReason.powerOn
  var agentStarts: UInt32 = 0
  /// The agent has read what earlier boots have left, in this life.
  var historyRead = false
  /// The agent ends in order; a next life does not.
  var stopsInOrder = false
  /// Wall clock minus world clock.
  var wallOffsetMs: UInt64 = 1_800_000_000_000
  /// LEDs show `identify` until then.
  var identifiesUntilUs: UInt64 = 0
  var isButtonDown = false
  /// Until then nobody presses again.
  var handUpUs: UInt64 = 0
  /// Since when, and in which life; nil: it is not, or was so when the agent started.
  var downUs: UInt64?
  /// When it was held for so long last that everything is forgotten, in this life; and the newest
  /// change then.
  var heldUs: UInt64?
  /// `starvedUs` of the world then.
  var starvedAtHold: UInt64 = 0
  var heldChange: UInt32 = 0
  /// Names that nobody has a key for from then on.
  var forgotten: [Name] = []
  var forgottenDueUs: UInt64 = 0
  /// When a short press must have opened pairing; nil: nothing is due.
  var openDueUs: UInt64?
  var starvedAtPress: UInt64 = 0

  struct LightChange {
    var on: Bool
    /// How long the level before it has lasted.
    var afterMs: UInt64
  }

  mutating func powerCame(_ us: UInt64) {
    lights = [false, false, false]
    agentStarts = 0
  }

  mutating func agentEnded(_ us: UInt64) {
    for led in 0..<3 {
      changes[led].removeAll()
      changedUs[led] = us
    }
    identifiesUntilUs = 0
    (historyRead, stopsInOrder) = (false, false)
    (downUs, heldUs, openDueUs, forgotten) = (nil, nil, nil, [])
  }
}

extension SimulatedWorld {
  /// What the agent finds at its start.
  func bootFacts() -> BootFacts {
    board.agentStarts += 1
    if board.agentStarts == 1 {
      disk.bootCount += 1
      disk.boots += 1
    }
    var facts = BootFacts()
    facts.reset = board.reset
    facts.agentStarts = board.agentStarts
    facts.version = Text("1.0")
    for byte in 0..<4 { facts.bootID[byte] = UInt8(truncatingIfNeeded: disk.boots >> (8 * byte)) }
    facts.board = Text("simulated")
    facts.watchdogAvailable = true
    facts.udevAvailable = true
    facts.ledAvailable = [true, true, true]
    facts.buttonIsDown = board.isButtonDown
    if board.reset == .watchdog {
      facts.recentWatchdogResets = 1
    }
    board.pettedUs = us
    board.openedUs = us
    board.starvedAtPet = starvedUs
    return facts
  }

  /// What the kernel and the other processes tell a new agent.
  func greet() {
    enumerate()
    tellNetwork()
    mountAtStart()
    startKeeper()
    tellClock(random.between(500, 20_000))
  }

  func tellNetwork() {
    let isUp = !isNow(.networkDown)
    post(
      .mailbox, .networkChanged(address: isUp ? IPv4(192, 168, 1, 7) : .any, linkUp: isUp))
  }

  func tellClock(_ ms: UInt64) {
    later(ms) { world in
      let unixMs = world.us / 1000 + world.board.wallOffsetMs
      world.post(.mailbox, .clockTrusted(unixMs: unixMs))
    }
  }

  // MARK: LEDs

  func light(_ led: LED, _ on: Bool) {
    if canary == .stuckLight, us > 60_000_000, led == .power { return }
    let index = led.rawValue
    if board.lights[index] == on, !board.changes[index].isEmpty {
      broke(LightsTell.self, "\(led) is switched \(on ? "on" : "off") twice")
    }
    board.changes[index].append(
      Board.LightChange(on: on, afterMs: (us - board.changedUs[index]) / 1000))
    board.lights[index] = on
    board.changedUs[index] = us
  }

  // MARK: Watchdog

  func pet() {
    guard let pettedUs = board.pettedUs else { return }
    if canary == .latePet, us > 60_000_000, turns % 3 != 0 { return }
    let interval = UInt64(options.watchdogS) * 250_000
    let gap = us - pettedUs
    let isFirst = pettedUs == board.openedUs
    if !isFirst, gap + 1000 < interval || turns == board.turnAtPet {
      broke(WatchdogPetted.self, "petted after \(gap / 1000) ms, in turn \(turns)")
    }
    let starved = starvedUs - board.starvedAtPet
    if gap > interval + starved + WatchdogPetted.slackUs {
      broke(WatchdogPetted.self, "not petted for \(gap / 1000) ms although all vitals were well")
    }
    board.pettedUs = us
    board.turnAtPet = turns
    board.starvedAtPet = starvedUs
  }

  /// The watchdog's own clock.
  func lookAtWatchdog() {
    guard let pettedUs = board.pettedUs, us - pettedUs > UInt64(options.watchdogS) * 1_000_000
    else { return }
    let starved = starvedUs - board.starvedAtPet
    if us - pettedUs > starved + UInt64(options.watchdogS) * 250_000 + WatchdogPetted.slackUs {
      broke(WatchdogPetted.self, "the watchdog resets the board although the loop could turn")
    }
    say("world: the watchdog resets the board")
    end = .watchdogReset
  }
}
