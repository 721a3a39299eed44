import Wire

// The appliance: all machines, one way in, one way out.
//
//   Input ──▶ the machine it concerns ──▶ every machine's deadlines ──▶ boot ──▶ health ──▶ LEDs
//                        └───────────────────────┴── Effects, in order ──┴─────────┴─────────┘
//
// Every step looks at all deadlines: they are few, and so no input can be handled against a state
// whose time is over.

public struct Appliance: ~Copyable {
  public let configuration: Configuration
  package private(set) var boot = Boot()
  public private(set) var mediaServer: MediaServer
  public internal(set) var streams: Streams
  public internal(set) var sources: ExternalSources
  public internal(set) var cameras: Cameras
  public internal(set) var clock = Clock()
  package private(set) var watchdog: Watchdog
  public private(set) var alerts: Alerts
  private var leds = LEDs()
  /// nil: nobody has told of it yet.
  package private(set) var button: Button?
  /// A client without a key may come in, because somebody wants it.
  private var isPairing = false
  public private(set) var facts = BootFacts()
  public internal(set) var storage: DataPartition
  public internal(set) var recordings: Recordings
  public private(set) var address = IPv4.any
  public private(set) var linkUp = false
  /// Connection slots in use.
  public private(set) var connections = 0
  /// When the next `tick` is due at the latest. Only steps change it: the loop looks at it in every
  /// turn.
  public private(set) var nextDeadline = Instant.never
  /// Derived from the machines at the end of every step.
  public private(set) var health = Health(state: .starting, reasons: .none)

  /// An appliance that has not started. The tables are its own from now on.
  public init(_ configuration: Configuration, tables: ApplianceMemory.Tables) {
    self.configuration = configuration
    mediaServer = MediaServer(configuration.mediaServer)
    streams = Streams(tables.streams)
    sources = ExternalSources(tables.sources)
    cameras = Cameras(
      configuration.cameras, table: tables.cameras, reports: tables.reports,
      waiting: tables.waiting, known: tables.known)
    storage = DataPartition(configuration.storage)
    recordings = Recordings(tables.recordings)
    watchdog = Watchdog(configuration.watchdog)
    alerts = Alerts(configuration.alerts)
  }

  /// Takes one input. `effects` gains what is to be done, at most `Effects.capacity` in all; the
  /// caller executes and clears them before the next step.
  public mutating func step(_ input: Input, now: Instant, effects: inout Effects) {
    take(input, now: now, &effects)
    settle(now: now, &effects)
  }

  /// `mutating`, as everything that a step asks the machines together: a getter would be given a
  /// copy of all of them.
  private mutating func findDeadline() {
    guard boot.state != .stopped else {
      nextDeadline = .never
      return
    }
    nextDeadline = min(
      min(boot.nextDeadline, mediaServer.nextDeadline(streams: streams)),
      min(
        min(cameras.nextDeadline(), min(recordings.nextDeadline, storage.nextDeadline)),
        min(watchdog.nextDeadline, min(leds.nextDeadline, button?.deadline ?? .never))))
  }

  public var isSafeMode: Bool { watchdog.mode == .safe }

  // MARK: What clients ask for

  /// Shows with all LEDs which box this is, for `durationMs` (at most `Limits.identifyMs`; 0 ends
  /// it).
  public mutating func identify(
    durationMs: UInt32, now: Instant, effects: inout Effects
  ) throws(Status) {
    guard durationMs <= Limits.identifyMs else { throw .invalidArgument }
    // What is over already does not end once more.
    if durationMs > 0 || leds.isIdentifying {
      effects.append(.publish(Event(.identify, value: durationMs)))
    }
    leds.identify(forMs: UInt64(durationMs), now: now)
    settle(now: now, &effects)
  }

  /// Ends everything in order, then reboots or powers off. `.state` when it is ending already.
  public mutating func stop(
    _ action: PowerAction, now: Instant, effects: inout Effects
  ) throws(Status) {
    guard stopInOrder(action, now: now, &effects) else { throw .state }
    settle(now: now, &effects)
  }

  // MARK: What the keys' keeper must know

  /// The data partition can be written to.
  public var storageIsThere: Bool { storage.isWritable }
  /// Zero before the start.
  public var bootID: BootID { BootID(facts.bootID) }
  /// The number of this boot; 0: not known.
  public var bootNumber: UInt32 { facts.bootCount }

  // MARK: Inputs

  private mutating func take(_ input: Input, now: Instant, _ effects: inout Effects) {
    switch input {
    case .started(let facts): start(facts, now: now, &effects)
    case .historyLoaded(let history): historyLoaded(history, now: now, &effects)
    case .tick: break
    case .sampled(let sample): alerts.take(sample, now: now, &effects)
    case .turnCompleted(let vitals): watchdog.turnCompleted(vitals, now: now, &effects)
    case .deviceAdded(let device):
      guard !isSafeMode else { return }
      cameras.added(device, streams: &streams, now: now, &effects)
    case .deviceRemoved(let node):
      cameras.removed(node: node, streams: &streams, now: now, &effects)
    case .devicesEnumerating: cameras.enumerationBegan()
    case .devicesEnumerated:
      cameras.enumerationEnded(streams: &streams, now: now, &effects)
    case .childStarted(let kind, let life, let pid):
      childStarted(kind, life: life, pid: pid, now: now, &effects)
    case .childSpawnFailed(let kind, let life, let errno):
      childEnded(kind, life: life, .spawnFailed(errno: errno), now: now, &effects)
    case .childExited(let kind, let life, let status):
      childEnded(kind, life: life, .exited(status), now: now, &effects)
    case .probeAnswered(let slot, let life, let report):
      cameras.probeAnswered(
        slot: slot, life: life, report, streams: &streams, now: now, &effects)
    case .feedReported(let slot, let life, let report):
      cameras.feedReported(
        slot: slot, life: life, report, streams: &streams, now: now, &effects)
    case .mediaAnswered(let answer, let paths):
      mediaServer.answered(answer, paths: paths, streams: &streams, now: now, &effects)
    case .mediaSocketsChecked(let life, let asWanted):
      mediaServer.socketsChecked(life: life, asWanted: asWanted, &effects)
    case .networkChanged(let address, let linkUp):
      networkChanged(address: address, linkUp: linkUp, &effects)
    case .clockTrusted(let unixMs):
      clock.told(unixMs: unixMs, now: now, &effects)
      if clock.isTrusted { effects.append(.tellClock) }
    case .storageStarted: storageStarted(&effects)
    case .storageChanged(let facts): storageChanged(facts, now: now, &effects)
    case .retentionLoaded(let policy): storage.recall(policy)
    case .archiveChanged(let totals): storage.totals = totals
    case .segment(let news): recordings.took(news, streams: &streams, now: now, &effects)
    case .recordingsLoaded(let known, let lastNumber):
      guard !isSafeMode else { return }
      recordings.loaded(known, lastNumber: lastNumber, now: now, &effects)
    case .noticed(let event): effects.append(.publish(event))
    case .identitiesLoaded(let known):
      guard !isSafeMode else { return }
      cameras.identitiesLoaded(known, streams: &streams, now: now, &effects)
    case .sourcesLoaded(let known): sourcesLoaded(known)
    case .ledFailed(let led, _): facts.ledAvailable[led.rawValue] = false
    case .connectionsChanged(let used): connections = used
    case .button(let isDown):
      // The start may wait, and its facts are older than what is read meanwhile.
      if button == nil { button = Button(isDown: !isDown) }
      if let press = button?.edge(isDown: isDown, now: now) { pressed(press, now: now, &effects) }
    case .pairing(let isOpen): isPairing = isOpen
    case .stopRequested: _ = stopInOrder(.none, now: now, &effects)
    }
  }

  private mutating func start(_ facts: BootFacts, now: Instant, _ effects: inout Effects) {
    guard boot.state == .idle else { return }
    self.facts = facts
    if button == nil { button = Button(isDown: facts.buttonIsDown) }
    boot.started(now: now)
    alerts.start(now: now)
    watchdog.start(facts, now: now)
    guard !isSafeMode else { return }
    cameras.start(now: now)
    mediaServer.start(now: now, &effects)
  }

  /// What earlier boots have left, which the start may have gone without.
  private mutating func historyLoaded(
    _ history: BootHistory, now: Instant, _ effects: inout Effects
  ) {
    switch boot.state {
    // The first input's facts will hold it.
    case .idle: return
    case .starting, .ready, .stopping, .stopped: facts.add(history)
    }
    guard !isSafeMode, !boot.isStopping else { return }
    watchdog.learned(facts, now: now)
    guard isSafeMode else { return }
    effects.append(
      .log(LogLine(.warning, Text("safe mode: the watchdog has reset the board too often"))))
    cameras.end(now: now, &effects)
    mediaServer.end(streams: &streams, now: now, &effects)
  }

  private mutating func childStarted(
    _ kind: ChildKind, life: UInt32, pid: Int32, now: Instant, _ effects: inout Effects
  ) {
    switch kind {
    case .mediaServer: mediaServer.started(life: life, pid: pid, now: now, &effects)
    case .probe(let slot):
      cameras.probeStarted(slot: slot, life: life, pid: pid, now: now, &effects)
    case .feed(let slot):
      cameras.feedStarted(slot: slot, life: life, pid: pid, now: now, &effects)
    case .recovery(let slot):
      cameras.recoveryStarted(slot: slot, life: life, pid: pid, now: now, &effects)
    }
  }

  private mutating func childEnded(
    _ kind: ChildKind, life: UInt32, _ exit: ChildExit, now: Instant, _ effects: inout Effects
  ) {
    switch kind {
    case .mediaServer:
      mediaServer.ended(life: life, exit, streams: &streams, now: now, &effects)
    case .probe(let slot):
      cameras.probeEnded(
        slot: slot, life: life, exit, streams: &streams, now: now, &effects)
    case .feed(let slot):
      cameras.feedEnded(
        slot: slot, life: life, exit, streams: &streams, now: now, &effects)
    case .recovery(let slot):
      cameras.recoveryEnded(
        slot: slot, life: life, exit, streams: &streams, now: now, &effects)
    }
  }

  private mutating func lookAtButton(now: Instant, _ effects: inout Effects) {
    if let press = button?.tick(now: now) { pressed(press, now: now, &effects) }
  }

  private mutating func pressed(_ press: Button.Press, now: Instant, _ effects: inout Effects) {
    effects.append(.press(press))
    if press == .long { leds.show(.forgotten, forMs: LEDs.forgottenMs, now: now) }
  }

  private mutating func networkChanged(
    address: IPv4, linkUp: Bool, _ effects: inout Effects
  ) {
    guard address != self.address || linkUp != self.linkUp else { return }
    self.address = address
    self.linkUp = linkUp
    effects.append(
      .publish(Event(.networkChanged, value: linkUp ? 1 : 0, detail: Text(address.text))))
  }

  private mutating func stopInOrder(
    _ action: PowerAction, now: Instant, _ effects: inout Effects
  ) -> Bool {
    guard boot.stop(action, now: now) else { return false }
    effects.append(.publish(Event(.systemStopping, value: UInt32(action.rawValue))))
    effects.append(.breadcrumb(.orderlyStop))
    cameras.end(now: now, &effects)
    mediaServer.end(streams: &streams, now: now, &effects)
    return true
  }

  // MARK: After every input

  mutating func settle(now: Instant, _ effects: inout Effects) {
    guard boot.state != .idle else {
      // The start may wait. Who holds the button meanwhile is seen holding it.
      lookAtButton(now: now, &effects)
      nextDeadline = button?.deadline ?? .never
      return
    }
    // Cameras first: the paths they want are asked for in the same step.
    cameras.tick(streams: &streams, now: now, &effects)
    storage.tick(now: now, &effects)
    recordings.tick(recordingSurroundings, streams: &streams, now: now, &effects)
    mediaServer.tick(streams: &streams, now: now, &effects)
    cameras.follow(&streams, now: now, &effects)
    watchdog.tick(now: now, &effects)
    if cameras.takeIdentityChange() { effects.append(.rememberIdentities) }
    if sources.takeChange() { effects.append(.rememberSources) }
    if recordings.takeChange() { effects.append(.rememberRecordings) }
    let isReady = boot.settle(
      camerasEnumerated: camerasEnumerated(), mediaServerSettled: mediaServerSettled(), now: now)
    if isReady {
      effects.append(
        .publish(
          Event(.systemStarted, value: facts.agentStarts, detail: Text(facts.version))))
    }
    tellHealth(&effects)
    let childrenGone =
      mediaServer.isGone && cameras.probesRunning == 0 && cameras.feedsRunning == 0
      && cameras.stepsRunning == 0
    let power = boot.finish(childrenGone: childrenGone, now: now)
    lookAtButton(now: now, &effects)
    leds.update(situation(), now: now, &effects)
    if let power { effects.append(.stop(power)) }
    findDeadline()
  }

  private mutating func camerasEnumerated() -> Bool {
    isSafeMode || !configuration.cameras.enabled || !facts.udevAvailable
      || cameras.enumerations > 0
  }

  private mutating func mediaServerSettled() -> Bool {
    isSafeMode || !mediaServer.isConfigured || mediaServer.wireState == .up
  }

  private mutating func tellHealth(_ effects: inout Effects) {
    let before = health
    health = judgedHealth()
    guard health != before else { return }
    effects.append(
      .publish(
        Event(
          .healthChanged, value: UInt32(health.state.rawValue), detail: health.reasons.words)))
  }

  private mutating func situation() -> LEDSituation {
    var situation = LEDSituation()
    situation.health = health.state
    situation.reasons = health.reasons
    situation.isStopped = boot.state == .stopped
    for index in cameras.slots {
      if cameras.table[index].isAnnounced { situation.camerasKnown += 1 }
      guard cameras.table[index].isPresent else { continue }
      // Nobody is told of a camera that is examined for the first time.
      if cameras.table[index].isAnnounced {
        situation.camerasPresent += 1
      } else {
        situation.camerasProbing += 1
      }
    }
    situation.linkUp = linkUp
    situation.hasAddress = address != .any
    situation.clients = connections
    situation.isPairing = isPairing
    return situation
  }
}
