import Testing
import Wire

@testable import Appliance

/// An appliance in a fake world: time moves when told, children and MediaMTX do what the properties
/// say. Everything that the appliance asked for is kept with its time.
final class World {
  private var appliance: Appliance
  private var effects: Effects
  private(set) var now: UInt64
  /// All effects of this life, with the time at which they were asked for.
  private(set) var log: [(ms: UInt64, effect: Effect)] = []
  private var pending: [(at: UInt64, order: Int, action: (World) -> Void)] = []
  private var order = 0
  private(set) var inputs = 0
  private(set) var mostEffects = 0

  // MediaMTX
  /// False: a stopped process, which accepts calls and never answers.
  var serverAnswers = true
  var serverIgnoresTerminate = false
  var serverIgnoresKill = false
  var serverSpawnFails = false
  /// Ends with this code as soon as it is started.
  var serverExitsWith: UInt8?
  var serverPaths: [String: MediaPath] = [:]
  /// The answer to the next calls that change a path, instead of doing it.
  var serverRejects: UInt16?
  /// Calls that change a path are answered, but never applied.
  var serverForgets = false
  var serverPageSize = 100
  var serverSocketsAsWanted = true
  private(set) var serverLife: UInt32 = 0
  private(set) var serverCallOutstanding = false
  private var serverCalls = 0

  // Probes
  /// What a probe of a node reports; nil: it hangs.
  var reports: [String: ProbeReport?] = [:]
  var probesIgnoreKill = false
  var probesCrash = false
  private(set) var probeLives: [Int: UInt32] = [:]
  private(set) var probesAlive = 0
  private(set) var mostProbesAlive = 0

  // Recorders of MediaMTX, by path; see WorldRecordings.
  var recorders: [String: FakeRecorder] = [:]
  /// Nothing can be written: MediaMTX says nothing of it.
  var diskIsFull = false

  // Feeds
  var feeds: [Int: FakeFeed] = [:]
  /// What becomes of the next feeds that are started, by node.
  var feedPlans: [String: FakeFeed.Plan] = [:]
  var feedPlan = FakeFeed.Plan.works
  var feedsIgnoreKill = false

  // Steps at the USB
  var steps = FakeSteps()

  init(
    at ms: UInt64 = 1000, facts: BootFacts = World.facts, start: Bool = true,
    prepare: (World) -> Void = { _ in }, configure: (inout Configuration) -> Void = { _ in }
  ) {
    var configuration = Configuration()
    configure(&configuration)
    let tables = UnsafeMutableRawBufferPointer.allocate(
      byteCount: ApplianceMemory.tableBytes, alignment: 16)
    appliance = Appliance(configuration, tables: ApplianceMemory.Tables(tables))
    effects = Effects(.allocate(capacity: Effects.capacity))
    now = ms
    prepare(self)
    if start { send(.started(facts)) }
  }

  static var facts: BootFacts {
    var facts = BootFacts()
    facts.watchdogAvailable = true
    facts.udevAvailable = true
    facts.ledAvailable = [true, true, true]
    facts.version = "1.0"
    return facts
  }

  /// A world whose machines have all come up: no cameras remembered; network, clock, storage fine.
  static func up(
    feedPlan: FakeFeed.Plan = .works, configure: (inout Configuration) -> Void = { _ in }
  ) -> World {
    let world = World(configure: configure)
    world.feedPlan = feedPlan
    world.remember([])
    world.enumerate([])
    world.send(.networkChanged(address: IPv4(10, 0, 2, 15), linkUp: true))
    world.send(.clockTrusted(unixMs: 1_800_000_000_000))
    var storage = StorageFacts()
    storage.state = .writable
    storage.totalBytes = 100_000_000_000
    storage.freeBytes = 90_000_000_000
    world.send(.storageChanged(storage))
    world.run(500)
    return world
  }

  var deadline: UInt64 { appliance.nextDeadline.ms }
  func read<Result>(_ body: (borrowing Appliance) throws -> Result) rethrows -> Result {
    try body(appliance)
  }
  var health: Health { appliance.health }
  var isSafeMode: Bool { appliance.isSafeMode }
  var instant: Instant { Instant(ms: now) }

  // MARK: Input

  func send(_ input: Input) {
    appliance.step(input, now: instant, effects: &effects)
    settle()
  }

  /// A client's request that changes something.
  func ask(_ body: (inout Appliance, Instant, inout Effects) throws -> Void) throws {
    defer { settle() }
    try body(&appliance, instant, &effects)
  }

  func identify(_ ms: UInt32) throws(Status) {
    try appliance.identify(durationMs: ms, now: instant, effects: &effects)
    settle()
  }

  func stop(_ action: PowerAction) throws(Status) {
    try appliance.stop(action, now: instant, effects: &effects)
    settle()
  }

  func remember(_ cameras: [KnownCamera]) {
    cameras.withUnsafeBufferPointer { send(.identitiesLoaded($0)) }
  }

  /// Lets `ms` pass: deadlines and what the fake world does come in order of time.
  func run(_ ms: UInt64) {
    let end = now + ms
    while true {
      let next = pending.min { ($0.at, $0.order) < ($1.at, $1.order) }
      let deadline = self.deadline
      if let next, next.at <= end, next.at <= deadline {
        pending.removeAll { $0.order == next.order }
        now = max(now, next.at)
        next.action(self)
      } else if deadline <= end {
        now = max(now, deadline)
        let before = deadline
        send(.turnCompleted(.all))
        precondition(
          self.deadline > before,
          "a deadline in the past, the loop would spin: \(before) at \(now)")
      } else {
        break
      }
    }
    now = end
  }

  /// `action` happens in `ms` milliseconds.
  func later(_ ms: UInt64, _ action: @escaping (World) -> Void) {
    order += 1
    pending.append((now + ms, order, action))
  }

  // MARK: Output

  private func settle() {
    inputs += 1
    mostEffects = max(mostEffects, effects.count)
    let asked = (0..<effects.count).map { effects[$0] }
    effects.removeAll()
    for effect in asked {
      log.append((now, effect))
      react(effect)
    }
  }

  func clearLog() { log = [] }

  var asked: [Effect] { log.map(\.effect) }

  func events(_ code: EventCode) -> [(ms: UInt64, event: Event)] {
    log.compactMap {
      if case .publish(let event) = $0.effect, event.code == code { ($0.ms, event) } else { nil }
    }
  }

  /// The time of the first effect that `isWanted`.
  func time(of isWanted: (Effect) -> Bool) -> UInt64? { log.first { isWanted($0.effect) }?.ms }

  func count(_ isWanted: (Effect) -> Bool) -> Int { log.count { isWanted($0.effect) } }

  /// Names of announced cameras with their states.
  var cameras: [String: CameraState] {
    var result: [String: CameraState] = [:]
    for index in 0..<appliance.cameras.count where appliance.cameras[index].isAnnounced {
      result[String(appliance.cameras[index].name)] = appliance.cameras[index].wireState
    }
    return result
  }

  /// What a client is told of a camera.
  func camera(_ name: String?) -> CameraEntry {
    if let name, let entry = try? appliance.cameraStatus(Text(name), now: instant) { return entry }
    Issue.record("no camera \(name ?? "there")")
    return CameraEntry()
  }

  /// The name of the camera at a node.
  func name(at node: String) -> String? {
    for index in 0..<appliance.cameras.count
    where appliance.cameras[index].isPresent
      && appliance.cameras[index].node(named: Text(node)) != nil
    {
      return String(appliance.cameras[index].name)
    }
    return nil
  }

  /// The memory of cameras as it would be written now.
  var known: [KnownCamera] {
    (0..<appliance.cameras.known.count).map { appliance.cameras.known[$0] }
  }

  var streams: [String: StreamState] {
    var result: [String: StreamState] = [:]
    for index in 0..<appliance.streams.count where appliance.streams[index].isWanted {
      result[String(appliance.streams[index].name)] = appliance.streams[index].streamState
    }
    return result
  }

  /// Paths that MediaMTX's file says to record.
  private var recordedAtStart: [String] {
    (0..<appliance.streams.count).filter { appliance.streams[$0].recordsTold }
      .map { String(appliance.streams[$0].name) }
  }

  // MARK: The fake world

  private func react(_ effect: Effect) {
    switch effect {
    case .spawnMediaServer(let life): spawnServer(life)
    case .spawnProbe(let slot, let life, let node): spawnProbe(slot, life, String(node))
    case .signal(.mediaServer, let life, let signal): signalServer(life, signal)
    case .signal(.probe(let slot), let life, _):
      if probesIgnoreKill { return }
      later(2) { $0.endProbe(slot, life, .signal(9)) }
    case .media(let request): answer(request)
    case .cancelMedia: serverCallOutstanding = false
    case .checkMediaSockets(let life):
      later(3) {
        $0.send(.mediaSocketsChecked(life: life, asWanted: $0.serverSocketsAsWanted))
      }
    case .light, .petWatchdog, .publish, .rememberIdentities, .log, .breadcrumb, .stop: break
    case .spawnFeed(let slot, let life): spawnFeed(slot, life)
    case .publishFeed(let slot, let life): directFeed(slot, life, publishes: true)
    case .silenceFeed(let slot, let life): directFeed(slot, life, publishes: false)
    case .signal(.feed(let slot), let life, _):
      if !feedsIgnoreKill { later(2) { $0.endFeed(slot, life, .signal(9)) } }
    case .rememberSources, .rememberRecordings, .tagRecording, .setRetention, .remountData,
      .tellClock, .press:
      break
    case .reauthorise(let slot, let life, let port):
      takeStep(.reauthorise, slot, life, String(port))
    case .cyclePower(let slot, let life, let port):
      takeStep(.portPower, slot, life, String(port))
    case .signal(.recovery(let slot), let life, _):
      if !steps.ignoreKill { later(2) { $0.endStep(slot, life, .signal(9)) } }
    }
  }

  private func spawnServer(_ life: UInt32) {
    serverLife = life
    serverPaths = [:]
    for name in streams.keys { addPath(name) }
    stopRecorders()
    startRecorders(recordedAtStart)
    guard !serverSpawnFails else {
      return later(1) { $0.send(.childSpawnFailed(.mediaServer, life: life, errno: 2)) }
    }
    later(1) { $0.send(.childStarted(.mediaServer, life: life, pid: Int32(life) + 100)) }
    if let code = serverExitsWith { later(5) { $0.exitServer(.code(code)) } }
  }

  func exitServer(_ status: ChildStatus) {
    serverCallOutstanding = false
    serverPaths = [:]
    stopRecorders()
    send(.childExited(.mediaServer, life: serverLife, status))
  }

  private func signalServer(_ life: UInt32, _ signal: Signal) {
    switch signal {
    case .terminate where !serverIgnoresTerminate && serverAnswers:
      later(5) { $0.send(.childExited(.mediaServer, life: life, .code(0))) }
    case .kill where !serverIgnoresKill:
      later(2) { world in
        // A restarted process is not the stopped one.
        world.serverAnswers = true
        world.send(.childExited(.mediaServer, life: life, .signal(9)))
      }
    case .terminate, .kill: break
    }
  }

  /// The outstanding call is refused.
  func refuse(_ request: MediaRequest) {
    serverCallOutstanding = false
    let answer = MediaAnswer(request: request, outcome: .failed(.refused))
    send(.mediaAnswered(answer, paths: UnsafeBufferPointer(start: nil, count: 0)))
  }

  func addPath(_ name: String) {
    var path = MediaPath()
    path.name = Text(name)
    serverPaths[name] = path
  }

  private func answer(_ request: MediaRequest) {
    precondition(!serverCallOutstanding, "two calls at once")
    serverCallOutstanding = true
    guard serverAnswers else { return }
    serverCalls += 1
    let call = serverCalls
    later(2) { world in
      // A call of an earlier life, or one that was cancelled, has no answer any more.
      guard world.serverCallOutstanding, world.serverCalls == call else { return }
      world.serverCallOutstanding = false
      world.deliver(request)
    }
  }

  private func deliver(_ request: MediaRequest) {
    var page: [MediaPath] = []
    let outcome: MediaAnswer.Outcome
    switch request {
    case .info: outcome = .info(version: "v1.20.1")
    case .listPaths(_, let number):
      countBytes()
      let all = serverPaths.values.sorted { String($0.name) < String($1.name) }
      page = Array(all.dropFirst(Int(number) * serverPageSize).prefix(serverPageSize))
      outcome = .paths(pages: UInt16((all.count + serverPageSize - 1) / serverPageSize))
    case .addPath(_, let name):
      outcome = serverRejects.map { .rejected(status: $0) } ?? .done
      if serverRejects == nil, !serverForgets {
        let records = recordedAtStart.contains(String(name))
        later(70) {
          $0.addPath(String(name))
          $0.switchRecorder(String(name), records)
        }
      }
    case .removePath(_, let name):
      outcome = serverRejects.map { .rejected(status: $0) } ?? .done
      if serverRejects == nil, !serverForgets { serverPaths[String(name)] = nil }
    case .recordPath(_, let name, let on):
      outcome = serverRejects.map { .rejected(status: $0) } ?? .done
      // An answer comes before the change is applied.
      if serverRejects == nil, !serverForgets { later(5) { $0.switchRecorder(String(name), on) } }
    }
    page.withUnsafeBufferPointer {
      send(.mediaAnswered(MediaAnswer(request: request, outcome: outcome), paths: $0))
    }
  }

  private func spawnProbe(_ slot: Int, _ life: UInt32, _ node: String) {
    probeLives[slot] = life
    probesAlive += 1
    mostProbesAlive = max(mostProbesAlive, probesAlive)
    later(1) { $0.send(.childStarted(.probe(slot: slot), life: life, pid: 500 + Int32(slot))) }
    if probesCrash { return later(5) { $0.endProbe(slot, life, .signal(11)) } }
    guard let report = reports[node] ?? World.capture else { return }
    later(50) { $0.answerProbe(slot, life, report) }
    later(52) { $0.endProbe(slot, life, .code(0)) }
  }

  func probeAlive(_ slot: Int) -> Bool {
    read { $0.cameras[slot].probe.phase != .idle }
  }

  func answerProbe(_ slot: Int, _ life: UInt32, _ report: ProbeReport) {
    withUnsafePointer(to: report) { send(.probeAnswered(slot: slot, life: life, $0)) }
  }

  func endProbe(_ slot: Int, _ life: UInt32, _ status: ChildStatus) {
    probesAlive -= 1
    send(.childExited(.probe(slot: slot), life: life, status))
  }
}
