import Wire

@testable import Appliance

/// Paths at MediaMTX, with a list that it tells.
private final class Paths {
  private let memory = UnsafeMutableBufferPointer<Stream>.allocate(capacity: 2)
  var streams: Streams
  var now = Instant(ms: 1000)

  init() { streams = Streams(Table(memory, repeating: Stream())) }
  deinit { memory.deallocate() }

  func list(_ paths: [MediaPath]) {
    paths.withUnsafeBufferPointer { paths in
      withEffects { streams.listed(page: 0, of: 1, paths, now: now, &$0) }
    }
  }

  static var path: MediaPath {
    var path = MediaPath()
    (path.name, path.ready) = ("door", true)
    return path
  }
}

extension Walk {
  static let stream = Walk(
    "Path at MediaMTX", states: ["free", "down", "missing", "listed", "leaving", "replacing"],
    begin: { Paths() }, state: { $0.streams[0].state },
    key: { paths in
      let path = paths.streams[0]
      let second = caseName(of: paths.streams[1].state)
      return "\(paths.streams.synced) \(path.records) \(path.recordsTold) \(path.url) \(second)"
    },
    inputs: [
      ("want", { $0.streams.want("door") }),
      ("want: with another address", { $0.streams.want("door", url: "rtsp://a/b") }),
      ("want: one more", { $0.streams.want("gate") }), ("unwant", { $0.streams.unwant("door") }),
      ("server down", { paths in withEffects { paths.streams.serverDown(&$0) } }),
      ("server starts", { $0.streams.serverStarts() }),
      ("list: it is there", { $0.list([Paths.path]) }), ("list: it is not", { $0.list([]) }),
      ("change asked for", { _ = $0.streams.nextChange(now: $0.now) }),
      (
        "change asked for when due",
        {
          if $0.streams.nextDeadline != .never {
            $0.now = max($0.now + 1, $0.streams.nextDeadline)
          }
          _ = $0.streams.nextChange(now: $0.now)
        }
      ),
      ("record", { $0.streams.record("door", true) }),
      ("record no longer", { $0.streams.record("door", false) }),
      ("record: told anew", { $0.streams.tellAgain("door") }),
      (
        "record: taken",
        { $0.streams.recordingTold("door", on: true, taken: true, now: $0.now) }
      ),
      (
        "record: not taken",
        { $0.streams.recordingTold("door", on: true, taken: false, now: $0.now) }
      ),
    ])

  private static func flow(
    after ms: UInt64, _ change: @escaping (inout MediaPath) -> Void
  ) -> (inout (StreamFlow, MediaPath, Instant)) -> Void {
    {
      $0.1.ready = true
      change(&$0.1)
      $0.2 = $0.2 + ms
      $0.0.update($0.1, now: $0.2)
    }
  }

  static let flow = Walk(
    "Media of a listed path", states: ["down", "pending", "idle", "opening", "flowing", "stalled"],
    unreachable: [
      "down": "of a path that is not listed, which has no media",
      "pending": "of a path that is not listed, which has no media",
    ],
    begin: { (StreamFlow(MediaPath(), now: Instant(ms: 1000)), MediaPath(), Instant(ms: 1000)) },
    state: { $0.0.state },
    key: { "\($0.1.inboundBytes > 0) \(min(part($0.0, "breaks") as? UInt64 ?? 0, 2) == 2)" },
    inputs: [
      ("not ready", flow(after: 10) { $0.ready = false }), ("ready", flow(after: 10) { _ in }),
      ("bytes grow", flow(after: 10) { $0.inboundBytes += 100 }),
      (
        "bytes grow, and errors",
        flow(after: 10) {
          $0.inboundBytes += 100
          $0.inboundFramesInError += 1
        }
      ),
      ("bytes begin anew", flow(after: 10) { $0.inboundBytes = 0 }),
      ("nothing for 3 s", flow(after: StreamFlow.stallMs) { _ in }),
      ("nothing for 5 s", flow(after: StreamFlow.openingMs) { _ in }),
      ("bytes grow after 30 s", flow(after: 30_000) { $0.inboundBytes += 100 }),
    ])

  static let mediaServers = [
    mediaServer("MediaMTX"), mediaServer("MediaMTX, of which there is none", path: .empty),
  ]

  private static func mediaServer(_ title: String, path: Text<88>? = nil) -> Walk {
    func take(_ body: @escaping (Server, inout Effects) -> Void) -> (inout Server) -> Void {
      { server in withEffects { body(server, &$0) } }
    }
    func answer(_ outcome: MediaAnswer.Outcome) -> (inout Server) -> Void {
      take { server, effects in server.answer(outcome, &effects) }
    }
    let all = ["off", "down", "starting", "up", "silent", "ending"]
    let none = path != nil
    return Walk(
      title, states: all,
      unreachable: none
        ? [
          "starting": "there is no process", "up": "there is no process",
          "silent": "there is no process",
          "ending": "there is no process", "down": "it is never started",
        ] : [:],
      begin: { Server(path: path) }, state: { part($0.machine, "state") },
      key: { server in
        let child = caseName(of: part(server.machine.child, "state"))
        let asked = server.request.map { caseName(of: $0) } ?? ""
        let poisoned = part(server.machine, "poisonRestarts") as? Int ?? 0
        return "\(child) \(asked) \(poisoned >= MediaServerTiming.poisonRestarts)"
      },
      inputs: [
        ("start", take { $0.machine.start(now: $0.now, &$1) }),
        ("end", take { $0.machine.end(streams: &$0.streams, now: $0.now, &$1) }),
        (
          "started",
          take { $0.machine.started(life: $0.machine.child.life, pid: 9, now: $0.now, &$1) }
        ),
        (
          "ended",
          take {
            $0.machine.ended(
              life: $0.machine.child.life, .exited(.code(1)), streams: &$0.streams, now: $0.now, &$1
            )
          }
        ),
        (
          "ended: of another life",
          take {
            $0.machine.ended(
              life: 99, .exited(.code(1)), streams: &$0.streams, now: $0.now, &$1)
          }
        ),
        (
          "sockets checked",
          take { $0.machine.socketsChecked(life: $0.machine.child.life, asWanted: false, &$1) }
        ),
        ("answer: a list", answer(.paths(pages: 1))),
        ("answer: a version", answer(.info(version: "v1"))), ("answer: done", answer(.done)),
        ("answer: 400", answer(.rejected(status: 400))),
        ("answer: 404", answer(.rejected(status: 404))),
        ("answer: unusable", answer(.failed(.closed))),
        ("a path is wanted, no longer", take { server, _ in server.change() }),
        ("tick", take { $0.tick(after: 1, &$1) }),
        ("tick when due", take { $0.tick(after: nil, &$1) }),
        ("tick after 20 s", take { $0.tick(after: 20_000, &$1) }),
      ])
  }
}

/// MediaMTX with its paths, and the call that waits for an answer.
private final class Server {
  private let memory = UnsafeMutableBufferPointer<Stream>.allocate(capacity: 2)
  var machine: MediaServer
  var streams: Streams
  var now = Instant(ms: 1000)
  var request: MediaRequest?
  private var wish = 0

  init(path: Text<88>?) {
    var settings = Configuration().mediaServer
    if path != nil { settings.path = .empty }
    machine = MediaServer(settings)
    streams = Streams(Table(memory, repeating: Stream()))
  }
  deinit { memory.deallocate() }

  /// Wanted, recorded, no longer wanted.
  func change() {
    wish += 1
    switch wish % 3 {
    case 1: streams.want("door")
    case 2: streams.record("door", true)
    default: streams.unwant("door")
    }
  }

  func note(_ effects: borrowing Effects) {
    for index in 0..<effects.count {
      if case .media(let asked) = effects[index] { request = asked }
      if case .cancelMedia = effects[index] { request = nil }
    }
  }

  func answer(_ outcome: MediaAnswer.Outcome, _ effects: inout Effects) {
    tick(after: 1, &effects)
    guard let asked = request else { return }
    request = nil
    let isListed = outcome == .paths(pages: 1) && wish % 3 == 2
    let paths = isListed ? [path] : []
    paths.withUnsafeBufferPointer {
      machine.answered(
        MediaAnswer(request: asked, outcome: outcome), paths: $0, streams: &streams, now: now,
        &effects)
    }
    effects.removeAll()
    tick(after: 1, &effects)
  }

  private var path: MediaPath {
    var path = MediaPath()
    (path.name, path.ready) = ("door", true)
    return path
  }

  func tick(after ms: UInt64?, _ effects: inout Effects) {
    let due = machine.nextDeadline(streams: streams)
    if let ms { now = now + ms } else if due != .never { now = max(now + 1, due) }
    machine.tick(streams: &streams, now: now, &effects)
    note(effects)
  }
}
