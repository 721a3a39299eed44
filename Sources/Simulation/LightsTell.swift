import Appliance
import EventLoop
import Wire

/// The LEDs show what the pure function of health says.
struct LightsTell: Invariant {
  static let reason = "a person without a client sees nothing else"
  /// How late a turn may switch a light: rounding to milliseconds.
  private static let slackMs: UInt64 = 20

  private struct Light {
    var code: LEDCode?
    var sinceUs: UInt64 = 0
    var seen = 0
    /// Flashes since a pause was seen; nil: none has been seen.
    var flashes: Int?
  }

  private var lights = [Light(), Light(), Light()]
  private var published: UInt64 = 0
  private var starvedUs: UInt64 = 0
  private var camerasAtUs: UInt64 = 0

  mutating func look(_ world: SimulatedWorld, _ loop: borrowing EventLoop<SimulatedWorld>) {
    guard !world.isStopping else { return }
    // Whatever was published may have been a change there and back, which begins a pattern anew.
    let restarts =
      published != loop.events.next || starvedUs != world.starvedUs
      || world.us < world.board.identifiesUntilUs
    published = loop.events.next
    starvedUs = world.starvedUs
    var situation = LEDSituation()
    let health = loop.appliance.health
    (situation.health, situation.reasons) = (health.state, health.reasons)
    situation.linkUp = loop.appliance.linkUp
    situation.hasAddress = loop.appliance.address != .any
    situation.clients = loop.appliance.connections
    situation.isPairing = loop.access.pairing.wasOpened
    look(.power, situation, restarts, world)
    look(.link, situation, restarts, world)
    guard world.us - camerasAtUs >= 1_000_000 else { return }
    camerasAtUs = world.us
    for index in 0..<loop.appliance.cameras.count {
      let camera = loop.appliance.cameras[index]
      if camera.wireState == .probing { situation.camerasProbing += 1 }
      guard camera.isAnnounced else { continue }
      situation.camerasKnown += 1
      if camera.wireState != .absent { situation.camerasPresent += 1 }
    }
    lookAtCameraLight(situation, restarts, world)
  }

  private mutating func look(
    _ led: LED, _ situation: LEDSituation, _ restarts: Bool, _ world: SimulatedWorld
  ) {
    let index = led.rawValue
    let code = LEDs.code(led, of: situation)
    if lights[index].code != code || restarts {
      lights[index] = Light(code: code, sinceUs: world.us)
      world.board.changes[index].removeAll()
      if world.us < world.board.identifiesUntilUs { return }
    }
    guard code.pattern.count > 0 else {
      let wanted = code.pattern.level(elapsedMs: 0).on
      if world.board.lights[index] != wanted {
        world.broke(Self.self, "\(led) is \(wanted ? "off" : "on"), health says \(code)")
        // Once is enough.
        world.board.lights[index] = wanted
      }
      return
    }
    let changes = world.board.changes[index]
    while lights[index].seen < changes.count {
      // The first one ends a time that began under another code.
      if lights[index].seen > 0 {
        judge(changes[lights[index].seen], index, code, world)
      }
      lights[index].seen += 1
    }
    lookForDelay(index, code, world)
  }

  /// A time of a pattern is over: it must be one of the pattern's, and flashes must be as many.
  private mutating func judge(
    _ change: Board.LightChange, _ index: Int, _ code: LEDCode, _ world: SimulatedWorld
  ) {
    let pattern = code.pattern
    var fits = false
    var longest: UInt64 = 0
    for time in 0..<pattern.count {
      longest = max(longest, UInt64(pattern[time]))
      guard (time % 2 == 0) == !change.on else { continue }
      let wanted = UInt64(pattern[time])
      if change.afterMs + 2 >= wanted, change.afterMs <= wanted + Self.slackMs { fits = true }
    }
    if !fits {
      world.broke(
        Self.self,
        "LED \(index) was \(change.on ? "off" : "on") for \(change.afterMs) ms in \(code)")
    }
    guard pattern.blinks > 1 else { return }
    if !change.on {
      lights[index].flashes? += 1
    } else if change.afterMs + 2 >= longest {
      if let flashes = lights[index].flashes, flashes != pattern.blinks {
        world.broke(Self.self, "LED \(index) flashes \(flashes) times in \(code)")
      }
      lights[index].flashes = 0
    }
  }

  /// A light that should have changed by now.
  private mutating func lookForDelay(_ index: Int, _ code: LEDCode, _ world: SimulatedWorld) {
    var longest: UInt64 = 0
    for time in 0..<code.pattern.count { longest = max(longest, UInt64(code.pattern[time])) }
    let since = max(lights[index].sinceUs, world.board.changedUs[index])
    guard world.us - since > (longest + Self.slackMs) * 1000 else { return }
    world.broke(Self.self, "LED \(index) does not change in \(code)")
    lights[index].sinceUs = world.us
  }

  /// What the camera LED shows while nothing is examined.
  private mutating func lookAtCameraLight(
    _ situation: LEDSituation, _ restarts: Bool, _ world: SimulatedWorld
  ) {
    let code = LEDs.code(.camera, of: situation)
    defer { lights[1].code = code }
    guard lights[1].code == code, !restarts, code == .ready || code == .noCamera else { return }
    let wanted = code == .ready
    if world.board.lights[1] != wanted {
      world.broke(Self.self, "the camera LED is \(wanted ? "off" : "on"), cameras say \(code)")
    }
  }
}
