import Wire

@testable import Appliance

/// Two camera slots, of which the first is looked at, with what one device may do.
private final class Slots {
  private let table = UnsafeMutableBufferPointer<Camera>.allocate(capacity: 1)
  private let reports = UnsafeMutableBufferPointer<ProbeReport>.allocate(capacity: 1)
  private let waiting = UnsafeMutableBufferPointer<DeviceFacts>.allocate(capacity: 1)
  private let known = UnsafeMutableBufferPointer<KnownCamera>.allocate(capacity: 4)
  private let paths = UnsafeMutableBufferPointer<Stream>.allocate(capacity: 4)
  var cameras: Cameras
  var streams: Streams
  var now = Instant(ms: 1000)

  init(started: Bool) {
    cameras = Cameras(
      Configuration().cameras, table: Table(table, repeating: Camera()),
      reports: Table(reports, repeating: ProbeReport()),
      waiting: Table(waiting, repeating: DeviceFacts()),
      known: Table(known, repeating: KnownCamera()))
    streams = Streams(Table(paths, repeating: Stream()))
    guard started else { return }
    cameras.start(now: now)
    load([])
  }

  deinit {
    table.deallocate()
    reports.deallocate()
    waiting.deallocate()
    known.deallocate()
    paths.deallocate()
  }

  func load(_ known: [KnownCamera]) {
    known.withUnsafeBufferPointer { known in
      withEffects { cameras.identitiesLoaded(known, streams: &streams, now: now, &$0) }
    }
  }

  func add(_ serial: String, node: Text<16> = "video1", index: UInt16 = 1) {
    var device = DeviceFacts()
    (device.node, device.port, device.serial) = (node, "1-1", Text(serial))
    (device.product, device.index) = ("Camera", index)
    withEffects { cameras.added(device, streams: &streams, now: now, &$0) }
  }

  func remove(node: Text<16> = "video1") {
    withEffects { cameras.removed(node: node, streams: &streams, now: now, &$0) }
  }

  func enumerate(_ serial: String?) {
    cameras.enumerationBegan()
    if let serial { add(serial) }
    withEffects { cameras.enumerationEnded(streams: &streams, now: now, &$0) }
  }

  func answer(_ outcome: ProbeReport.Outcome, modes: Int = 0) {
    let report = UnsafeMutablePointer<ProbeReport>.allocate(capacity: 1)
    report.initialize(to: ProbeReport())
    report.pointee.outcome = outcome
    report.pointee.modeCount = modes
    report.pointee.modes[0].format = 0x4750_4A4D
    (report.pointee.modes[0].width, report.pointee.modes[0].height) = (1280, 720)
    let life = cameras[0].probe.life
    withEffects {
      cameras.probeAnswered(
        slot: 0, life: life, report, streams: &streams, now: now, &$0)
    }
    report.deallocate()
  }

  func probe(_ exit: ChildExit?) {
    let life = cameras[0].probe.life
    withEffects {
      if let exit {
        cameras.probeEnded(slot: 0, life: life, exit, streams: &streams, now: now, &$0)
      } else {
        cameras.probeStarted(slot: 0, life: life, pid: 9, now: now, &$0)
      }
    }
  }

  func feed(_ exit: ChildExit?) {
    let life = cameras[0].feed.child.life
    withEffects {
      if let exit {
        cameras.feedEnded(slot: 0, life: life, exit, streams: &streams, now: now, &$0)
      } else {
        cameras.feedStarted(slot: 0, life: life, pid: 9, now: now, &$0)
      }
    }
  }

  func tick(when due: Bool) {
    let deadline = cameras.nextDeadline()
    now = due && deadline != .never ? max(now + 1, deadline) : now + 1
    withEffects { cameras.tick(streams: &streams, now: now, &$0) }
  }

  /// The verdict and the examination of a present camera, or the state.
  var label: String {
    guard case .present(let verdict, let examination) = cameras[0].state else {
      return caseName(of: cameras[0].state)
    }
    return "\(caseName(of: verdict)), \(caseName(of: examination))"
  }

  var key: String {
    let camera = cameras[0]
    let probe = caseName(of: part(camera.probe, "state"))
    let isHeld = !camera.feed.isGone
    let nodes = String(repeating: "x", count: min(camera.nodeCount, 2))
    return "\(label) \(probe) \(isHeld) \(camera.stopped) \(cameras.naming) \(nodes)"
      + " \(camera.captureNode == nil) \(camera.recovery.rung == .none)"
  }

  /// What can be said of the one slot.
  static var inputs: [(String, (inout Slots) -> Void)] {
    [
      ("plugged in", { $0.add("A") }), ("plugged in: another one", { $0.add("B") }),
      ("one more node, a lower one", { $0.add("A", node: "video0", index: 0) }),
      ("pulled", { $0.remove() }), ("enumerated: there", { $0.enumerate("A") }),
      ("enumerated: gone", { $0.enumerate(nil) }), ("probe started", { $0.probe(nil) }),
      ("answer: a camera", { $0.answer(.capture, modes: 1) }),
      ("answer: no formats", { $0.answer(.capture) }),
      ("answer: no camera", { $0.answer(.notCapture) }),
      ("answer: not to be opened", { $0.answer(.openFailed) }),
      ("answer: busy", { $0.answer(.busy) }),
      ("probe ended", { $0.probe(.exited(.code(0))) }),
      ("feed started", { $0.feed(nil) }), ("feed ended", { $0.feed(.exited(.code(1))) }),
      ("stream stopped", { $0.cameras.setStopped(0, true, now: $0.now) }),
      ("stream started", { $0.cameras.setStopped(0, false, now: $0.now) }),
      ("tick", { $0.tick(when: false) }), ("tick when due", { $0.tick(when: true) }),
      ("the end", { slots in withEffects { slots.cameras.end(now: slots.now, &$0) } }),
    ]
  }
}

extension Walk {
  static let camera = Walk(
    "Camera slot",
    states: ["free", "absent"]
      + ["undecided", "ready", "failed", "busy"].flatMap { verdict in
        ["idle", "due", "running", "closing"].map { "\(verdict), \($0)" }
      },
    unreachable: [
      "undecided, idle": "until there is a verdict, an examination is due or under way",
      "busy, idle": "a camera that was busy is looked at again",
    ],
    begin: { Slots(started: true) }, state: { $0.label }, key: { $0.key }, inputs: Slots.inputs)

  static let naming = Walk(
    "Naming of cameras", states: ["waiting", "open", "closed"],
    begin: { Slots(started: false) }, state: { $0.cameras.naming },
    key: { "\($0.label) \($0.cameras.known.count > 0)" },
    inputs: [
      ("start", { $0.cameras.start(now: $0.now) }), ("plugged in", { $0.add("A") }),
      ("pulled", { $0.remove() }), ("enumerated: there", { $0.enumerate("A") }),
      ("enumerated: gone", { $0.enumerate(nil) }), ("memory read: nothing", { $0.load([]) }),
      (
        "memory read: a camera",
        {
          var camera = KnownCamera()
          (camera.name, camera.rung, camera.serial) = ("camera-a", .serial, "A")
          $0.load([camera])
        }
      ), ("tick", { $0.tick(when: false) }), ("tick when due", { $0.tick(when: true) }),
      ("the end", { slots in withEffects { slots.cameras.end(now: slots.now, &$0) } }),
    ])

  // MARK: Feed

  private struct FeedOf {
    var feed = Feed()
    var now = Instant(ms: 1000)
    var report = FeedReport()

    mutating func say(_ change: (inout FeedReport) -> Void) {
      now = now + 100
      if feed.report.frames == 0 { report = FeedReport() }
      change(&report)
      feed.reported(report, now: now)
    }

    mutating func tick(after ms: UInt64?) {
      let due = feed.nextDeadline(timeoutMs: 2000, stallMs: 2000)
      if let ms { now = now + ms } else if due != .never { now = max(now + 1, due) }
      _ = feed.tick(timeoutMs: 2000, stallMs: 2000, now: now)
    }
  }

  private static func fail(_ failure: FeedFailure) -> (inout FeedOf) -> Void {
    {
      $0.say {
        $0.stage = .failed
        $0.failure = failure
      }
    }
  }

  static let feeds = [
    feed(
      "Feed", states: ["resting", "starting", "watching", "ending", "waiting"],
      state: { $0.feed.state }),
    feed("Feed: its order", states: ["silent", "publish"], state: { $0.feed.order }),
  ]

  private static func feed(
    _ title: String, states: [String], state: @escaping (FeedOf) -> Any
  ) -> Walk {
    Walk(
      title, states: states, begin: { FeedOf() }, state: state,
      key: { value in
        let child = caseName(of: part(value.feed.child, "state"))
        var watched = ""
        if case .watching(let watch) = value.feed.state {
          watched = "\(watch.stage) \(watch.workedAt == nil) \(watch.sentAt == nil)"
        }
        return "\(caseName(of: value.feed.state)) \(child) \(value.feed.order) \(watched) "
          + "\(caseName(of: value.feed.fault)) \(value.feed.attempts == 0) \(value.feed.isSlow)"
      },
      inputs: [
        ("wanted", { _ = $0.feed.want(timeoutMs: 2000, now: $0.now) }),
        (
          "wanted when due",
          {
            $0.now = $0.now + 60_000
            _ = $0.feed.want(timeoutMs: 2000, now: $0.now)
          }
        ),
        ("no longer wanted: SIGTERM", { _ = $0.feed.unwant(with: .terminate, now: $0.now) }),
        ("no longer wanted: SIGKILL", { _ = $0.feed.unwant(with: .kill, now: $0.now) }),
        ("try now", { $0.feed.tryNow($0.now) }), ("hold", { $0.feed.hold() }),
        ("release", { $0.feed.release(now: $0.now) }),
        ("started", { _ = $0.feed.started(pid: 9, now: $0.now) }),
        ("ended", { $0.feed.ended(.exited(.code(1)), now: $0.now) }),
        ("reports: opening", { $0.say { $0.stage = .opening } }),
        (
          "reports: pictures",
          {
            $0.say {
              $0.stage = .capturing
              $0.frames += 3
            }
          }
        ),
        (
          "reports: damaged pictures",
          {
            $0.say {
              $0.stage = .capturing
              $0.frames += 3
              $0.damaged += 3
            }
          }
        ),
        ("reports: busy", fail(.busy)), ("reports: no bandwidth", fail(.noBandwidth)),
        ("reports: gone", fail(.gone)),
        ("stream: idle", { _ = $0.feed.direct(.idle, now: $0.now) }),
        ("stream: pending", { _ = $0.feed.direct(.pending, now: $0.now) }),
        ("stream: flowing", { _ = $0.feed.direct(.flowing, now: $0.now) }),
        ("stream: down", { _ = $0.feed.direct(.down, now: $0.now) }),
        ("stream: none", { _ = $0.feed.direct(nil, now: $0.now) }),
        ("tick", { $0.tick(after: 1) }), ("tick when due", { $0.tick(after: nil) }),
        ("tick after a minute", { $0.tick(after: 60_000) }),
      ])
  }

  // MARK: Recovery

  private struct Ladder {
    var recovery = Recovery()
    var now = Instant(ms: 1_000_000)

    mutating func fail(_ cause: CameraReason, _ reach: Recovery.Reach) {
      _ = recovery.failed(cause, reach: reach, now: now)
    }

    mutating func tick(_ reach: Recovery.Reach, vacant: Bool = true, turn: Bool = true) {
      now = now + 1
      _ = recovery.tick(reach: reach, isVacant: vacant, isTurn: turn, now: now)
    }
  }

  static let recovery = Walk(
    "Recovery of a camera",
    states: ["ground", "failing", "due", "stepping", "settling", "trying", "resting"],
    begin: { Ladder() }, state: { $0.recovery.state },
    key: { ladder in
      let names = [
        "isAway", "hasReauthorised", "hasCycledPower", "canReauthorise", "canCyclePower", "hasLeft",
        "isBack",
      ]
      let flags = names.map { "\(part(ladder.recovery, $0))" }.joined(separator: " ")
      let child = caseName(of: part(ladder.recovery.child, "state"))
      let restarts = part(ladder.recovery, "restarts") as? UInt32 ?? 0
      return "\(flags) \(child) \(ladder.recovery.rung) \(restarts >= RecoveryTiming.restarts)"
    },
    inputs: [
      ("failed: the process", { $0.fail(.feedFailed, .process) }),
      ("failed: the device", { $0.fail(.stalled, .device) }),
      (
        "failed: once too often",
        {
          for _ in 0...RecoveryTiming.restarts {
            $0.fail(.stalled, .device)
            $0.recovery.tried(now: $0.now)
          }
          $0.fail(.stalled, .device)
        }
      ), ("failed: quarantined", { $0.fail(.quarantined, .device) }),
      ("tried", { $0.recovery.tried(now: $0.now) }),
      ("reopened", { $0.recovery.reopened(now: $0.now) }),
      ("pictures", { $0.recovery.pictures(now: $0.now) }),
      (
        "pictures for ten seconds",
        {
          $0.recovery.pictures(now: $0.now)
          $0.now = $0.now + RecoveryTiming.goodRunMs
          $0.recovery.pictures(now: $0.now)
        }
      ), ("left", { $0.recovery.left(now: $0.now) }), ("returned", { $0.recovery.returned() }),
      ("forgiven", { _ = $0.recovery.forgive() }), ("hurried", { $0.recovery.hurry(now: $0.now) }),
      ("tick: vacant", { $0.tick(.device) }), ("tick: held", { $0.tick(.device, vacant: false) }),
      ("tick: another one's turn", { $0.tick(.device, turn: false) }),
      ("tick: out of reach", { $0.tick(.process) }),
      (
        "tick when due",
        {
          let due = $0.recovery.nextDeadline(isVacant: true)
          if due != .never { $0.now = max($0.now, due) }
          $0.tick(.device)
        }
      ),
      (
        "tick when due, out of reach",
        {
          let due = $0.recovery.nextDeadline(isVacant: true)
          if due != .never { $0.now = max($0.now, due) }
          $0.tick(.process)
        }
      ), ("step started", { _ = $0.recovery.started(pid: 9, now: $0.now) }),
      (
        "step ended: done",
        { _ = $0.recovery.ended(.exited(.code(RecoveryExit.done)), now: $0.now) }
      ),
      (
        "step ended: not there",
        { _ = $0.recovery.ended(.exited(.code(RecoveryExit.notThere)), now: $0.now) }
      ),
      (
        "step ended: unsupported",
        { _ = $0.recovery.ended(.exited(.code(RecoveryExit.unsupported)), now: $0.now) }
      ),
      (
        "step ended: not spawned", { _ = $0.recovery.ended(.spawnFailed(errno: 12), now: $0.now) }
      ),
    ])
}
