import Wire

@testable import Appliance

/// PID 1 with what it has asked for.
private struct Init {
  var machine = InitMachine()
  var now = Instant(ms: 1000)

  mutating func take(_ input: InitInput) {
    var effects = InitEffects()
    machine.step(input, now: now, &effects)
  }

  mutating func pass() {
    if machine.nextDeadline != .never { now = max(now, machine.nextDeadline) }
    take(.tick)
  }

  mutating func end(_ job: InitJob, _ code: UInt8 = 0) { take(.jobEnded(job, .code(code))) }
}

extension Walk {
  private static func initWalk(
    _ title: String, states: [String], started: Bool = true, state: @escaping (Init) -> Any
  ) -> Walk {
    func take(_ input: InitInput) -> (inout Init) -> Void { { $0.take(input) } }
    let job = InitJob.dataPartition
    return Walk(
      title, states: states,
      impossible: [
        Impossible(
          states: states.filter { $0 != "idle" || started }, inputs: ["started"],
          reason: "the executor says so once, as the first thing")
      ],
      begin: {
        var machine = Init()
        if started { machine.take(.started(shell: true)) }
        return machine
      }, state: state,
      key: { value in
        let names = ["phase", "configuration"].map { caseName(of: part(value.machine, $0)) }
        let jobs = [job, .lateModules, .unmount].map { "\(value.machine.isLate($0))" }
        let failures = part(value.machine, "failures") as? InlineArray<5, UInt32>
        let service = "\(caseName(of: value.machine.services[0])) \(failures?[0] == 0)"
        let partition = caseName(of: value.machine.jobs[job.rawValue])
        return (names + jobs + [service, partition]).joined(separator: " ")
      },
      inputs: [
        ("started", take(.started(shell: true))),
        (
          "all early jobs ended",
          {
            $0.end(.watchdogModules)
            $0.end(.bootPartition)
            $0.end(.lateModules)
          }
        ),
        ("data partition: writable", take(.jobEnded(job, .code(0)))),
        ("data partition: with a configuration", take(.jobEnded(job, .code(1)))),
        ("data partition: missing", take(.jobNotStarted(job))),
        ("configuration is wrong", take(.jobEnded(.bootPartition, .code(2)))),
        ("no configuration", take(.jobEnded(.bootPartition, .code(1)))),
        ("unmounted", take(.jobEnded(.unmount, .code(0)))),
        ("agent ended", take(.serviceEnded(.agent, .code(1)))),
        ("agent ended: reload", take(.serviceEnded(.agent, .code(ServiceExit.reload)))),
        ("agent ended: reboot", take(.serviceEnded(.agent, .code(ServiceExit.reboot)))),
        ("agent not started", take(.serviceNotStarted(.agent))),
        ("mount it anew", take(.remountWanted)), ("shut down", take(.shutdown(.powerOff))),
        ("shut down: no action", take(.shutdown(.none))), ("no child is left", take(.childrenGone)),
        ("tick", take(.tick)), ("tick when due", { $0.pass() }),
        (
          "tick after a minute",
          {
            $0.now = $0.now + 60_000
            $0.take(.tick)
          }
        ),
      ])
  }

  static let inits = [
    initWalk(
      "init", states: ["idle", "early", "up", "terminating", "killing", "unmounting"],
      started: false
    ) { part($0.machine, "phase") },
    initWalk("init: a job (data partition)", states: ["idle", "running", "late", "ended"]) {
      $0.machine.jobs[InitJob.dataPartition.rawValue]
    },
    initWalk(
      "init: a service (the agent)", states: ["off", "running", "ending", "killed", "waiting"]
    ) { $0.machine.services[InitService.agent.rawValue] },
    initWalk(
      "init: the configuration", states: ["unread", "right", "missing", "wrong", "lastGood"]
    ) { part($0.machine, "configuration") },
  ]

  // MARK: Network

  private struct Link {
    var machine = LinkLocalMachine(mac: 0x0200_0000_0001)
    var now = Instant(ms: 1000)

    mutating func hear(_ sender: IPv4) {
      let packet = ARPPacket(
        operation: .request, senderMAC: 0x0200_0000_0002, sender: sender, target: machine.address)
      _ = machine.receive(packet, now: now)
    }

    mutating func pass(to deadline: Instant) {
      if deadline != .never { now = max(now, deadline) }
      _ = machine.tick(now: now)
    }
  }

  static let linkLocal = Walk(
    "Address of the link (RFC 3927)",
    states: ["idle", "waiting", "probing", "listening", "claimed"],
    begin: { Link() }, state: { part($0.machine, "state") },
    key: { "\(String(repeating: "x", count: progress($0.machine)))" },
    inputs: [
      ("start", { $0.machine.start(now: $0.now) }), ("stop", { $0.machine.stop() }),
      (
        "tick",
        {
          $0.now = $0.now + 1
          _ = $0.machine.tick(now: $0.now)
        }
      ), ("tick when due", { $0.pass(to: $0.machine.nextDeadline) }),
      ("a probe for the same address", { $0.hear(.any) }),
      ("somebody has the address", { $0.hear($0.machine.address) }),
      (
        "somebody has it, a minute later",
        {
          $0.now = $0.now + 60_000
          $0.hear($0.machine.address)
        }
      ), ("another address", { $0.hear(IPv4(169, 254, 9, 9)) }),
    ])

  /// Probes and announcements that went out.
  private static func progress(_ machine: LinkLocalMachine) -> Int {
    let state = part(machine, "state")
    guard let held = Mirror(reflecting: state).children.first?.value else { return 0 }
    for child in Mirror(reflecting: held).children
    where child.label == "sent" || child.label == "announced" {
      return min(child.value as? Int ?? 0, 4)
    }
    return 0
  }

  private struct Name {
    var machine = MDNSMachine(identity: MDNSMessages.identity, seed: 3)
    var now = Instant(ms: 1000)

    mutating func hear(_ bytes: [UInt8], port: UInt16 = 5353) {
      now = now + 1
      _ = bytes.withUnsafeBytes {
        machine.receive($0, from: MDNSPeer(address: IPv4(192, 0, 2, 9), port: port), now: now)
      }
    }

    /// The address of another host under our name.
    mutating func contradict() {
      hear(
        MDNSMessages.header(0x8400, [0, 1, 0, 0])
          + MDNSMessages.record("Garage.local", 1, ttlS: 120, [192, 0, 2, 9]))
    }
  }

  static let mdns = Walk(
    "Name of the link (RFC 6762)", states: ["silent", "probing", "announcing", "running"],
    begin: { Name() }, state: { part($0.machine, "state") },
    key: { name in
      let state = "\(part(name.machine, "state"))"
      let sent = (0...3).first { state.contains("sent: \($0)") } ?? 0
      return String(repeating: "x", count: sent) + " \(name.machine.nextDeadline == .never)"
    },
    inputs: [
      (
        "an address",
        { $0.machine.addressChanged(IPv4(192, 0, 2, 7), now: $0.now) }
      ), ("no address", { $0.machine.addressChanged(.any, now: $0.now) }),
      ("tick", { _ = $0.machine.tick(now: $0.now) }),
      (
        "tick when due",
        {
          if $0.machine.nextDeadline != .never { $0.now = max($0.now, $0.machine.nextDeadline) }
          _ = $0.machine.tick(now: $0.now)
        }
      ),
      ("a question for us", { $0.hear(MDNSMessages.query("_watchpost._tcp.local", 12)) }),
      ("a question for others", { $0.hear(MDNSMessages.query("printer.local", 1)) }),
      (
        "a question from no responder",
        { $0.hear(MDNSMessages.query("_watchpost._tcp.local", 12), port: 4000) }
      ), ("somebody has the name", { $0.contradict() }), ("junk", { $0.hear([1, 2, 3]) }),
    ])

  // MARK: Changes as a whole

  private final class Desk {
    private let memory = UnsafeMutableBufferPointer<ConfigurationChange>.allocate(
      capacity: ConfigurationChanges.capacity)
    var changes: ConfigurationChanges
    var now = Instant(ms: 5000)

    init() {
      changes = ConfigurationChanges(
        Table(memory, repeating: ConfigurationChange()), ChangePolicy(appliesAtOnce: true))
    }
    deinit { memory.deallocate() }

    var boot: BootID { BootID(InlineArray(repeating: 1)) }
    var time: ChangeTime { ChangeTime(now: now, unixMs: 0) }
    var text: ConfigurationText {
      var text = ConfigurationText()
      (text.version, text.ring, text.size) = ("1.0", "barns", 500)
      return text
    }

    func take(_ body: (inout ConfigurationChanges, inout ChangeEffects) throws -> Void) {
      var effects = ChangeEffects()
      try? body(&changes, &effects)
    }

    func restore(damaged: Bool) {
      let bytes = UnsafeMutableRawBufferPointer.allocate(
        byteCount: ConfigurationChanges.imageSize, alignment: 8)
      let desk = Desk()
      desk.changes.begin(boot: boot)
      desk.changes.encode(into: bytes, now: now)
      if damaged { bytes[40] ^= 1 }
      take { try $0.restore(UnsafeRawBufferPointer(bytes), boot: self.boot, at: self.time, &$1) }
      bytes.deallocate()
    }
  }

  static let changes = Walk(
    "Configuration changes as a whole", states: ["waiting", "running"],
    impossible: [
      Impossible(
        states: ["waiting"], inputs: ["encode"],
        reason: "what has not begun has nothing to keep; it traps")
    ], begin: { Desk() },
    state: { part($0.changes, "phase") }, key: { caseName(of: $0.changes.table[0].state) },
    inputs: [
      (
        "encode",
        { desk in
          let bytes = UnsafeMutableRawBufferPointer.allocate(
            byteCount: ConfigurationChanges.imageSize, alignment: 8)
          desk.changes.encode(into: bytes, now: desk.now)
          bytes.deallocate()
        }
      ),
      ("begin", { $0.changes.begin(boot: $0.boot) }), ("restore", { $0.restore(damaged: false) }),
      ("restore: damaged", { $0.restore(damaged: true) }),
      (
        "stage",
        { desk in desk.take { _ = try $0.stage(desk.text, by: "anna", at: desk.time, &$1) } }
      ),
      (
        "approve",
        { desk in desk.take { try $0.approve(1, by: ChangeApprover("bert"), at: desk.time, &$1) } }
      ), ("reject", { desk in desk.take { try $0.reject(1, by: "bert", at: desk.time, &$1) } }),
      ("apply", { desk in desk.take { try $0.apply(1, by: "bert", at: desk.time, &$1) } }),
      (
        "confirm",
        { desk in
          desk.now = desk.now + 1
          desk.take { try $0.confirm(1, by: "anna", begunAt: desk.now, at: desk.time, &$1) }
        }
      ), ("checked", { desk in desk.take { $0.checked(1, .right, at: desk.time, &$1) } }),
      (
        "applied", { desk in desk.take { $0.applied(1, succeeded: true, at: desk.time, &$1) } }
      ),
      (
        "rolled back",
        { desk in desk.take { $0.rolledBack(1, succeeded: true, at: desk.time, &$1) } }
      ),
      (
        "tick when due",
        { desk in
          if desk.changes.nextDeadline != .never {
            desk.now = max(desk.now, desk.changes.nextDeadline)
          }
          desk.take { $0.tick(at: desk.time, &$1) }
        }
      ), ("reset", { $0.changes.reset() }),
    ])
}
