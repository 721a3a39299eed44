import Wire

@testable import Appliance

/// A machine with its clock.
struct Timed<Machine> {
  var machine: Machine
  var now = Instant(ms: 1000)
  var counter: UInt32 = 0

  init(_ machine: Machine) { self.machine = machine }

  /// Goes to a time that the machine has named; if there is none, an hour on.
  mutating func pass(to deadline: Instant) {
    now = deadline == .never ? now + 3_600_000 : max(now + 1, deadline)
  }
}

func withEffects(_ body: (inout Effects) -> Void) {
  let memory = UnsafeMutableBufferPointer<Effect>.allocate(capacity: Effects.capacity)
  var effects = Effects(memory)
  body(&effects)
  memory.deallocate()
}

extension Walk {
  static let boot = Walk(
    "Boot", states: ["idle", "starting", "ready", "stopping", "stopped"],
    begin: { Timed(Boot()) }, state: { $0.machine.state },
    inputs: [
      ("started", { $0.machine.started(now: $0.now) }),
      (
        "looked: not all there",
        {
          _ = $0.machine.settle(camerasEnumerated: true, mediaServerSettled: false, now: $0.now)
        }
      ),
      (
        "looked: all there",
        {
          _ = $0.machine.settle(camerasEnumerated: true, mediaServerSettled: true, now: $0.now)
        }
      ),
      (
        "looked: time is over",
        {
          $0.pass(to: $0.machine.nextDeadline)
          _ = $0.machine.settle(camerasEnumerated: false, mediaServerSettled: false, now: $0.now)
        }
      ),
      ("stop", { _ = $0.machine.stop(.reboot, now: $0.now) }),
      ("looked: children run", { _ = $0.machine.finish(childrenGone: false, now: $0.now) }),
      ("looked: children gone", { _ = $0.machine.finish(childrenGone: true, now: $0.now) }),
      (
        "looked: children stay for too long",
        {
          $0.pass(to: $0.machine.nextDeadline)
          _ = $0.machine.finish(childrenGone: false, now: $0.now)
        }
      ),
    ])

  static let children = [
    child("Child that is started again", .mediaServer), child("Child that runs once", .probe),
  ]

  private static func child(_ title: String, _ policy: ChildPolicy) -> Walk {
    func step(_ event: Child.Event) -> (inout Timed<Child>) -> Void {
      { _ = $0.machine.step(event, now: $0.now) }
    }
    let once = ["spawning", "running", "terminating", "killed", "quarantined"]
    return Walk(
      title,
      states: ["idle", "spawning", "running", "terminating", "killed", "quarantined", "waiting"],
      begin: { Timed(Child(policy)) }, state: { part($0.machine, "state") },
      key: { "\(min($0.machine.failures, 2) == 0)" },
      inputs: [
        ("start", step(.start)),
        ("end: SIGTERM, then rest", step(.end(.terminate, .rest))),
        ("end: SIGTERM, then restart", step(.end(.terminate, .restart))),
        ("end: SIGKILL, then rest", step(.end(.kill, .rest))),
        ("end: SIGKILL, then restart", step(.end(.kill, .restart))),
        ("started", step(.started(pid: 7))), ("worked", step(.worked)),
        ("ended: exit", step(.ended(.exited(.code(1))))),
        ("ended: not spawned", step(.ended(.spawnFailed(errno: 12)))),
        ("tick", step(.tick)),
        (
          "tick when due",
          {
            $0.pass(to: $0.machine.nextDeadline)
            _ = $0.machine.step(.tick, now: $0.now)
          }
        ),
      ])
  }

  static let clock = Walk(
    "Clock", states: ["untrusted", "trusted"], begin: { Timed(Clock()) },
    state: { part($0.machine, "state") },
    inputs: [
      ("told: before the start", tell { _ in 0 }),
      ("told: first, or drift", tell { 1_800_000_000_000 + $0.ms }),
      ("told: ahead", tell { 1_800_000_009_000 + $0.ms }),
      ("told: back", tell { 1_799_999_000_000 + $0.ms }),
    ])

  private static func tell(
    _ unixMs: @escaping (Instant) -> UInt64
  ) -> (inout Timed<Clock>) -> Void {
    { timed in
      withEffects { timed.machine.told(unixMs: unixMs(timed.now), now: timed.now, &$0) }
    }
  }

  static let button = Walk(
    "Button", states: ["up", "pressed", "spent"], begin: { Timed(Button(isDown: false)) },
    state: { part($0.machine, "state") },
    key: { timed in
      ["isDown", "isSteadyDown", "isWatched"].map { "\(part(timed.machine, $0))" }.joined()
    },
    inputs: [
      ("line down", { _ = $0.machine.edge(isDown: true, now: $0.now) }),
      ("line up", { _ = $0.machine.edge(isDown: false, now: $0.now) }),
      (
        "tick",
        {
          $0.now = $0.now + 1
          _ = $0.machine.tick(now: $0.now)
        }
      ),
      (
        "tick when due",
        {
          $0.pass(to: $0.machine.deadline)
          _ = $0.machine.tick(now: $0.now)
        }
      ),
      (
        "ticks for ten seconds",
        {
          for _ in 0...Button.longMs / Button.lookMs {
            $0.now = $0.now + Button.lookMs
            _ = $0.machine.tick(now: $0.now)
          }
        }
      ),
      (
        "tick after ten seconds",
        {
          $0.now = $0.now + Button.longMs
          _ = $0.machine.tick(now: $0.now)
        }
      ),
    ])

  static let watchdogs = [
    watchdog("Watchdog: the device", states: ["absent", "armed"], "state"),
    watchdog("Watchdog: the boot's age", states: ["young", "long"], "life"),
    watchdog("Watchdog: safe mode", states: ["normal", "safe"], "mode"),
  ]

  private static func watchdog(_ title: String, states: [String], _ name: String) -> Walk {
    func facts(resets: UInt32, available: Bool = true) -> BootFacts {
      var facts = BootFacts()
      facts.watchdogAvailable = available
      facts.reset = resets > 0 ? .watchdog : .powerOn
      facts.recentWatchdogResets = resets
      return facts
    }
    func turn(_ vitals: Vitals) -> (inout Timed<Watchdog>) -> Void {
      { timed in
        timed.now = timed.now + 10_000
        withEffects { timed.machine.turnCompleted(vitals, now: timed.now, &$0) }
      }
    }
    return Walk(
      title, states: states,
      begin: { Timed(Watchdog(Configuration().watchdog)) }, state: { part($0.machine, name) },
      key: { "\(part($0.machine, "state")) \(part($0.machine, "life")) \($0.machine.mode)" },
      inputs: [
        ("start: there is a device", { $0.machine.start(facts(resets: 0), now: $0.now) }),
        (
          "start: there is none",
          { $0.machine.start(facts(resets: 0, available: false), now: $0.now) }
        ),
        ("learned: two resets", { $0.machine.learned(facts(resets: 2), now: $0.now) }),
        ("learned: three resets", { $0.machine.learned(facts(resets: 3), now: $0.now) }),
        ("turn completed, all vitals", turn(.all)),
        ("turn completed, one missing", turn(.turn | .accept)),
        ("tick", { timed in withEffects { timed.machine.tick(now: timed.now, &$0) } }),
        (
          "tick after ten minutes",
          { timed in
            timed.now = max(timed.now, Instant(ms: WatchdogTiming.longLifeMs))
            withEffects { timed.machine.tick(now: timed.now, &$0) }
          }
        ),
      ])
  }

  static let lights = Walk(
    "LEDs: what all three show", states: ["nothing", "code"], begin: { Timed(LEDs()) },
    state: { part($0.machine, "together") },
    inputs: [
      ("identify", { $0.machine.identify(forMs: 5000, now: $0.now) }),
      ("identify: no longer", { $0.machine.identify(forMs: 0, now: $0.now) }),
      ("show that all is forgotten", { $0.machine.show(.forgotten, forMs: 5000, now: $0.now) }),
      ("update", light(after: 1)), ("update when it is over", light(after: 5000)),
    ])

  private static func light(after ms: UInt64) -> (inout Timed<LEDs>) -> Void {
    { timed in
      timed.now = timed.now + ms
      withEffects { timed.machine.update(LEDSituation(), now: timed.now, &$0) }
    }
  }
}
