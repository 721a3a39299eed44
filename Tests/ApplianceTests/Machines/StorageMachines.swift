import Wire

@testable import Appliance

/// A recording with its file.
private struct Wanted {
  var recording = Recording()
  var now = Instant(ms: 1000)
  var bytes: UInt64 = 0

  mutating func start(durationS: UInt32, recalled: Bool = false) {
    var known = KnownRecording()
    (known.camera, known.number) = ("door", 1)
    (known.durationS, known.remainingS) = (durationS, durationS)
    if recalled { recording.recall(known, now: now) } else { recording.start(known, now: now) }
  }

  mutating func file(_ what: SegmentNews.What, life: UInt32 = 1, goesOn: Bool = true) {
    now = now + 100
    bytes = what == .began ? 100 : bytes + 100
    var news = SegmentNews()
    (news.camera, news.what, news.life, news.bytes) = ("door", what, life, bytes)
    _ = recording.took(news, goesOn: goesOn, now: now)
  }

  mutating func tick(after ms: UInt64?, _ change: (inout RecordingSurroundings) -> Void = { _ in })
  {
    let due = recording.nextDeadline
    if let ms { now = now + ms } else if due != .never { now = max(now + 1, due) }
    var around = RecordingSurroundings(
      isWritable: true, isCritical: false, serverIsUp: true, streamFlows: true)
    change(&around)
    _ = recording.tick(around, now: now)
    _ = recording.keep(now: now)
  }
}

extension Walk {
  static let recording = Walk(
    "Recording", states: ["free", "arming", "recording", "interrupted", "stopping"],
    impossible: [
      Impossible(
        states: ["arming", "recording", "interrupted", "stopping"],
        inputs: ["start", "start: for ten seconds", "recall"],
        reason: "a recording is put into a free place only")
    ],
    begin: { Wanted() }, state: { $0.recording.state },
    key: { value in
      "\(value.recording.endsAt == .never) \(value.recording.grewAt == nil) "
        + "\(value.recording.known.durationS > 0)"
    },
    inputs: [
      ("start", { $0.start(durationS: 0) }),
      ("start: for ten seconds", { $0.start(durationS: 10) }),
      ("recall", { $0.start(durationS: 10, recalled: true) }),
      ("stop", { $0.recording.stop(.requested, now: $0.now) }),
      ("file began", { $0.file(.began) }), ("file grew", { $0.file(.grew) }),
      ("file grew: of another life", { $0.file(.grew, life: 2) }),
      ("file closed, another follows", { $0.file(.closed) }),
      ("file closed", { $0.file(.closed, goesOn: false) }), ("tick", { $0.tick(after: 1) }),
      ("tick when due", { $0.tick(after: nil) }),
      ("tick after a minute", { $0.tick(after: 60_000) }),
      ("tick: not writable", { $0.tick(after: 1) { $0.isWritable = false } }),
      ("tick: no room", { $0.tick(after: 1) { $0.isCritical = true } }),
      ("tick: MediaMTX is down", { $0.tick(after: 1) { $0.serverIsUp = false } }),
      ("tick: no stream", { $0.tick(after: 1) { $0.streamFlows = false } }),
      ("tick: no stream for long", { $0.tick(after: 10_000) { $0.streamFlows = false } }),
    ])

  private static func facts(
    _ state: StorageFacts.State, used percent: UInt64 = 10
  ) -> (inout Timed<DataPartition>) -> Void {
    { timed in
      var facts = StorageFacts()
      facts.state = state
      facts.totalBytes = 1_000_000
      facts.freeBytes = (100 - percent) * 10_000
      withEffects { timed.machine.take(facts, now: timed.now, &$0) }
    }
  }

  static let partitions = [
    partition(
      "Data partition",
      states: ["unknown", "missing", "readOnly", "writable", "failing", "hanging"]
    ) { $0.machine.facts.state },
    partition(
      "Data partition: how full", states: ["normal", "warning", "low", "critical"]
    ) { $0.machine.level },
  ]

  private static func partition(
    _ title: String, states: [String], state: @escaping (Timed<DataPartition>) -> Any
  ) -> Walk {
    Walk(
      title, states: states, begin: { Timed(DataPartition(Configuration().storage)) }, state: state,
      key: {
        "\($0.machine.facts.state) \($0.machine.level) \($0.machine.nextDeadline == .never)"
      },
      inputs: [
        ("unknown", facts(.unknown)), ("missing", facts(.missing)), ("read-only", facts(.readOnly)),
        ("failing", facts(.failing)), ("hanging", facts(.hanging)), ("writable", facts(.writable)),
        ("writable, 86 % used", facts(.writable, used: 86)),
        ("writable, 92 % used", facts(.writable, used: 92)),
        ("writable, 99 % used", facts(.writable, used: 99)),
        (
          "tick when due",
          { timed in
            timed.pass(to: timed.machine.nextDeadline)
            withEffects { timed.machine.tick(now: timed.now, &$0) }
          }
        ),
      ])
  }

  // MARK: Alerts

  /// An alert as its events tell of it.
  private struct Alarm {
    var alerts = Alerts(Configuration().alerts)
    var level = AlertLevel.none
    var now = Instant(ms: 1000)

    mutating func take(_ latencyUs: UInt32) {
      now = now + 1000
      var sample = Sample()
      sample.latencyUs = latencyUs
      withEffects {
        alerts.take(sample, now: now, &$0)
        for index in 0..<$0.count {
          guard case .publish(let event) = $0[index], event.code == .alertChanged else { continue }
          level = AlertLevel(rawValue: UInt8(event.value >> 8)) ?? .none
        }
      }
    }
  }

  static let alert: Walk = {
    let settings = Configuration().alerts
    let warning = settings[.latency].warning
    let critical = settings[.latency].critical
    func seconds(_ count: UInt16, _ latencyUs: UInt32) -> (inout Alarm) -> Void {
      { alarm in for _ in 0..<count { alarm.take(latencyUs) } }
    }
    return Walk(
      "Alert", states: ["none", "warning", "critical"], begin: { Alarm() }, state: { $0.level },
      inputs: [
        ("good for a second", seconds(1, 0)), ("a warning for a second", seconds(1, warning)),
        ("critical for a second", seconds(1, critical)),
        ("good for long", seconds(settings.clearS, 0)),
        ("a warning for long", seconds(settings.clearS, warning)),
        ("9/10 of a warning for long", seconds(settings.clearS, warning / 10 * 9)),
        ("critical for long", seconds(settings.raiseS, critical)),
      ])
  }()
}
