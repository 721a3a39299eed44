import Wire

// MediaMTX: a supervised child and the conversation with its control API.
//
//          started               first list           no answer in time
//   down ───────────▶ starting ────────────▶ up ───────────────────────▶ silent
//    ▲                   │ no answer         ▲ └─────────── answer ─────────┘ │
//    │                   │ in 20 s           └──────────── answer ────────────┤ 2 x time-out
//    │                   ▼                                                    ▼
//    └─── exited ─── ending(hung): SIGKILL ◀──────────────────────────────────┘
//    └─── exited ─── ending(asked): SIGTERM, 3 s, SIGKILL ◀── end, or poisoned configuration
//
// The child machine decides when `down` is over. Liveness is an answered API call: a stopped server
// (SIGSTOP) accepts connections and never answers, and ignores SIGTERM as well, so a hung one gets
// SIGKILL at once: with the default 2 s it is noticed at most 1 + 2 + 2 s after it stopped.

/// The numbers of the conversation with MediaMTX that are not configuration keys.
public enum MediaServerTiming {
  /// From spawn to the first answer; the emulated board needs a few seconds, a PC 30–75 ms.
  public static let startMs: UInt64 = 20_000
  /// Between the first calls of a life; grows with its age up to the cap.
  public static let firstCallMs: UInt64 = 20
  public static let firstCallCapMs: UInt64 = 500
  /// After a call that failed without a time-out.
  public static let retryMs: UInt64 = 250
  /// Silence of this many time-outs in a row means that it hangs.
  public static let missedTimeouts: UInt64 = 2
  /// Restarts because of a rejected call: so many …
  public static let poisonRestarts = 3
  /// … in this time.
  public static let poisonWindowMs: UInt64 = 600_000
}

/// The one MediaMTX of the appliance.
public struct MediaServer {
  private enum Call: Equatable {
    case free(next: Instant)
    case waiting(MediaRequest, until: Instant)
  }

  private enum Ending { case hung, asked }

  private enum State {
    case off
    case down
    case starting(Call, since: Instant)
    case up(Call)
    case silent(Call, since: Instant)
    case ending(Ending)
  }

  /// Whether its listening sockets are the wanted ones.
  public enum Sockets: Equatable, Sendable { case unknown, asWanted, other }

  private let settings: Configuration.MediaServer
  private var state = State.off
  public private(set) var child = Child(.mediaServer)
  /// The version it told, kept over its lives until another one is told.
  public private(set) var version = Text<24>()
  private var versionAskedIn: UInt32 = 0
  public private(set) var sockets = Sockets.unknown
  /// When the present state (as others see it) began.
  public private(set) var since = Instant(ms: 0)
  /// When the API answered last; nil before the first time.
  public private(set) var answeredAt: Instant?
  /// Counters of this life of the agent.
  public private(set) var exits: UInt64 = 0
  public private(set) var probesFailed: UInt64 = 0
  /// Rejected calls that ended a life, in the window that began at `poisonedSince`.
  private var poisonRestarts = 0
  private var poisonedSince = Instant(ms: 0)

  init(_ settings: Configuration.MediaServer) { self.settings = settings }

  /// True when this machine has a media server to run.
  public var isConfigured: Bool { !settings.path.isEmpty }

  // MARK: Wishes

  mutating func start(now: Instant, _ effects: inout Effects) {
    guard isConfigured else { return }
    enter(.down, now: now)
    apply(child.step(.start, now: now), &effects)
  }

  /// Ends it for good.
  mutating func end(streams: inout Streams, now: Instant, _ effects: inout Effects) {
    end(.asked, with: .terminate, .rest, &streams, now: now, &effects)
  }

  // MARK: What happens to its process

  mutating func started(life: UInt32, pid: Int32, now: Instant, _ effects: inout Effects) {
    guard child.isCurrent(life) else { return }
    apply(child.step(.started(pid: pid), now: now), &effects)
    sockets = .unknown
    if child.phase == .running {
      enter(.starting(.free(next: now), since: now), now: now)
    } else {
      enter(.ending(.asked), now: now)
    }
    effects.append(.publish(Event(.mediaServerStarted, value: UInt32(bitPattern: pid))))
  }

  mutating func ended(
    life: UInt32, _ exit: ChildExit, streams: inout Streams, now: Instant, _ effects: inout Effects
  ) {
    guard child.isCurrent(life) else { return }
    exits += 1
    hangUp(&effects)
    streams.serverDown(&effects)
    enter(.down, now: now)
    effects.append(.publish(Event(.mediaServerExited, value: exit.value, detail: exit.text)))
    applyStart(child.step(.ended(exit), now: now), &streams, &effects)
  }

  mutating func socketsChecked(life: UInt32, asWanted: Bool, _ effects: inout Effects) {
    guard child.isCurrent(life) else { return }
    sockets = asWanted ? .asWanted : .other
    if !asWanted { effects.append(.publish(Event(.mediaServerSockets))) }
  }

  // MARK: What its API says

  /// Takes the answer to the outstanding call; any other one is of an earlier call and is dropped.
  mutating func answered(
    _ answer: MediaAnswer, paths: UnsafeBufferPointer<MediaPath>, streams: inout Streams,
    now: Instant, _ effects: inout Effects
  ) {
    guard case .waiting(let request, let until) = call, request == answer.request else { return }
    switch (request, answer.outcome) {
    case (_, .failed), (.listPaths, .rejected), (.listPaths, .info), (.listPaths, .done):
      set(.free(next: now + MediaServerTiming.retryMs))
      missed(sentAt: sent(until), &streams, now: now, &effects)
    case (.listPaths(_, let page), .paths(let pages)):
      streams.listed(page: page, of: pages, paths, now: now, &effects)
      heard(next: now + again(streams, now: now), now: now, &effects)
    case (.info, .info(let version)):
      self.version = version
      heard(next: now, now: now, &effects)
    case (.info, .rejected), (.info, .done), (.info, .paths):
      heard(next: now, now: now, &effects)
    case (.recordPath(_, let name, let on), .done):
      streams.recordingTold(name, on: on, taken: true, now: now)
      heard(next: now + again(streams, now: now), now: now, &effects)
    case (.addPath, .rejected(400)), (.removePath, .rejected(400)), (.recordPath, .rejected(400)):
      heard(next: now, now: now, &effects)
      poisoned(&streams, now: now, &effects)
    case (.recordPath(_, let name, let on), .rejected),
      (.recordPath(_, let name, let on), .info), (.recordPath(_, let name, let on), .paths):
      streams.recordingTold(name, on: on, taken: false, now: now)
      heard(next: now + again(streams, now: now), now: now, &effects)
    case (.addPath, .rejected), (.removePath, .rejected), (.addPath, .done), (.removePath, .done),
      (.addPath, .info), (.removePath, .info), (.addPath, .paths), (.removePath, .paths):
      heard(next: now + Streams.awaitMs, now: now, &effects)
    }
    converse(&streams, now: now, &effects)
  }

  /// Milliseconds to the next list.
  private func again(_ streams: Streams, now: Instant) -> UInt64 {
    streams.listInterval(settings.probeIntervalMs, now: now)
  }

  mutating func tick(streams: inout Streams, now: Instant, _ effects: inout Effects) {
    applyStart(child.step(.tick, now: now), &streams, &effects)
    if case .waiting(_, let until) = call, now >= until {
      effects.append(.cancelMedia)
      set(.free(next: now))
      missed(sentAt: sent(until), &streams, now: now, &effects)
    }
    converse(&streams, now: now, &effects)
  }

  @inline(__always)
  func nextDeadline(streams: Streams) -> Instant {
    switch state {
    case .off, .down, .ending: child.nextDeadline
    case .starting(.free(let next), _), .silent(.free(let next), _): min(child.nextDeadline, next)
    case .up(.free(let next)): min(child.nextDeadline, min(next, streams.nextDeadline))
    case .starting(.waiting(_, let until), _), .silent(.waiting(_, let until), _),
      .up(.waiting(_, let until)):
      min(child.nextDeadline, until)
    }
  }

  // MARK: The conversation

  private var call: Call? {
    switch state {
    case .off, .down, .ending: nil
    case .starting(let call, _), .up(let call), .silent(let call, _): call
    }
  }

  /// Sends the next call if one is due and none is outstanding.
  private mutating func converse(
    _ streams: inout Streams, now: Instant, _ effects: inout Effects
  ) {
    hurry(streams, now: now)
    guard case .free(let next) = call else { return }
    let life = child.life
    let list = MediaRequest.listPaths(life: life, page: streams.nextPage)
    let request: MediaRequest
    switch state {
    case .off, .down, .ending: return
    case .starting, .silent:
      guard now >= next else { return }
      request = list
    case .up where versionAskedIn != life:
      versionAskedIn = life
      request = .info(life: life)
    case .up:
      switch streams.nextChange(now: now) {
      case .add(let name): request = .addPath(life: life, name)
      case .remove(let name): request = .removePath(life: life, name)
      case .record(let name, let on): request = .recordPath(life: life, name, on: on)
      case nil:
        guard now >= next else { return }
        request = list
      }
    }
    set(.waiting(request, until: now + settings.probeTimeoutMs))
    effects.append(.media(request))
  }

  /// Something has become worth asking for since the next call was planned.
  private mutating func hurry(_ streams: Streams, now: Instant) {
    guard case .up(.free(let next)) = state else { return }
    let soon = now + streams.listInterval(settings.probeIntervalMs, now: now)
    if soon < next { state = .up(.free(next: soon)) }
  }

  private mutating func set(_ call: Call) {
    switch state {
    case .off, .down, .ending: return
    case .starting(_, let since): state = .starting(call, since: since)
    case .up: state = .up(call)
    case .silent(_, let since): state = .silent(call, since: since)
    }
  }

  /// It answered: it lives.
  private mutating func heard(next: Instant, now: Instant, _ effects: inout Effects) {
    answeredAt = now
    apply(child.step(.worked, now: now), &effects)
    switch state {
    case .off, .down, .ending: return
    case .up, .silent: state = .up(.free(next: next))
    case .starting(_, let since):
      enter(.up(.free(next: next)), now: now)
      let took = UInt32(truncatingIfNeeded: now.since(since))
      effects.append(.publish(Event(.mediaServerReady, value: took)))
      effects.append(.checkMediaSockets(life: child.life))
    }
  }

  /// When a call was sent that may take until `until`.
  private func sent(_ until: Instant) -> Instant {
    Instant(ms: until.ms - min(until.ms, settings.probeTimeoutMs))
  }

  /// No usable answer came to the call sent at `sentAt`.
  private mutating func missed(
    sentAt: Instant, _ streams: inout Streams, now: Instant, _ effects: inout Effects
  ) {
    switch state {
    case .off, .down, .ending: return
    case .starting(_, let since):
      let age = now.since(since)
      if age >= MediaServerTiming.startMs { return hung(&streams, now: now, &effects) }
      let pause = max(
        MediaServerTiming.firstCallMs, min(age / 4, MediaServerTiming.firstCallCapMs))
      state = .starting(.free(next: now + pause), since: since)
    case .up(let call):
      probesFailed += 1
      state = .silent(call, since: sentAt)
    case .silent(_, let since):
      probesFailed += 1
      let limit = MediaServerTiming.missedTimeouts * settings.probeTimeoutMs
      if now.since(since) >= limit { hung(&streams, now: now, &effects) }
    }
  }

  private mutating func hung(_ streams: inout Streams, now: Instant, _ effects: inout Effects) {
    effects.append(.publish(Event(.mediaServerUnresponsive)))
    end(.hung, with: .kill, .restart, &streams, now: now, &effects)
  }

  /// A rejected call leaves the live configuration unusable for every later one. The file written
  /// at the next start holds what is wanted, so a restart is the cure; without a budget it would
  /// become the disease.
  private mutating func poisoned(
    _ streams: inout Streams, now: Instant, _ effects: inout Effects
  ) {
    if now.since(poisonedSince) >= MediaServerTiming.poisonWindowMs {
      poisonRestarts = 0
      poisonedSince = now
    }
    guard poisonRestarts < MediaServerTiming.poisonRestarts else { return }
    poisonRestarts += 1
    effects.append(.log(LogLine(.warning, Text("mediamtx rejected a change: restarting it"))))
    end(.asked, with: .terminate, .restart, &streams, now: now, &effects)
  }

  private mutating func end(
    _ ending: Ending, with signal: Signal, _ next: Child.Afterwards, _ streams: inout Streams,
    now: Instant, _ effects: inout Effects
  ) {
    hangUp(&effects)
    streams.serverDown(&effects)
    apply(child.step(.end(signal, next), now: now), &effects)
    switch child.phase {
    case .idle, .waiting: enter(isConfigured ? .down : .off, now: now)
    case .spawning, .running, .ending, .quarantined: enter(.ending(ending), now: now)
    }
  }

  /// Drops an outstanding call whose answer nobody waits for any longer.
  private mutating func hangUp(_ effects: inout Effects) {
    if case .waiting = call { effects.append(.cancelMedia) }
  }

  private mutating func enter(_ state: State, now: Instant) {
    self.state = state
    since = now
  }

  /// The same where it may mean a start.
  private func applyStart(
    _ action: ChildAction, _ streams: inout Streams, _ effects: inout Effects
  ) {
    if case .spawn = action { streams.serverStarts() }
    apply(action, &effects)
  }

  private func apply(_ action: ChildAction, _ effects: inout Effects) {
    switch action {
    case .none: break
    case .spawn(let life): effects.append(.spawnMediaServer(life: life))
    case .signal(let life, let signal):
      effects.append(.signal(.mediaServer, life: life, signal))
    }
  }
}

extension MediaServer {
  /// The state as clients see it.
  @inline(__always)
  public var wireState: MediaServerState {
    switch (child.phase, state) {
    case (.quarantined, _): .quarantined
    case (.idle, _), (_, .off): .off
    case (.waiting, _): .waiting
    case (.spawning, _), (_, .starting), (.running, .down): .starting
    case (_, .up), (_, .silent): .up
    case (_, .ending(.hung)): .unresponsive
    case (_, .ending(.asked)), (.ending, .down): .stopping
    }
  }

  /// True once no process is left, or none that could still be ended.
  var isGone: Bool {
    switch child.phase {
    case .idle, .waiting, .quarantined: true
    case .spawning, .running, .ending: false
    }
  }
}

extension ChildExit {
  /// The number told in events and answers: the exit code, 256 + the signal, or 512 + errno where
  /// the process could not be started.
  public var value: UInt32 {
    switch self {
    case .exited(.code(let code)): UInt32(code)
    case .exited(.signal(let signal)): 256 + UInt32(signal)
    case .spawnFailed(let errno): 512 + UInt32(truncatingIfNeeded: errno)
    }
  }

  /// The same as text.
  public var text: Text<88> {
    var text = Text<88>()
    switch self {
    case .exited(.code(let code)):
      text.append("exit code ")
      text.append(decimal: UInt64(code))
    case .exited(.signal(let signal)):
      text.append("signal ")
      text.append(decimal: UInt64(signal))
    case .spawnFailed(let errno):
      text.append("not started: errno ")
      text.append(decimal: UInt64(UInt32(truncatingIfNeeded: errno)))
    }
    return text
  }
}
