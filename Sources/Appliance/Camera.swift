import Wire

// One camera slot.
//
//          plug                    verdict
//   free ───────▶ present(undecided) ────▶ present(ready | failed | busy) ◀──┐
//    ▲ ▲              │ not a camera             │ unplug           plug     │
//    │ └──────────────┘                          ▼                           │
//    └── gives way to a present camera ─────── absent ───────────────────────┘
//
// While present, an examination goes on beside the verdict:
//
//   idle ── due(at) ──▶ running ── answer ──▶ closing ── exit ──▶ idle, or due(later) after a fault
//                         │ time-out: SIGKILL      ▲
//                         └────────────────────────┘   exit without answer: due(later)
//
// A camera that is ready has a feed while its stream is wanted (FeedMachine); the feed has ended
// before a probe may open the device again, since only one of them can have its buffers.
//
// The old verdict stays in view while a fault is examined again. A probe that even SIGKILL does not
// end stays quarantined in its slot and holds the device: nobody else is let near it.

/// A node of a device, and whether it can capture.
public struct DeviceNode: Equatable, Sendable {
  public var name = Text<16>()
  public var index: UInt16 = 0
  var isCapture = true
  /// The enumeration that saw it last.
  var sweep: UInt32 = 0

  public init() {}
}

/// A slot of the camera table.
public struct Camera: Sendable {
  enum Verdict: Equatable {
    case undecided
    case ready
    case failed(CameraReason)
    case busy(holder: Int32, name: Text<16>)
  }

  enum Examination: Equatable {
    case idle
    case due(Instant)
    case running(node: Text<16>, until: Instant)
    /// The process has answered or been given up on, and must end; then `retryAt` counts.
    case closing(until: Instant, retryAt: Instant)
  }

  enum State: Equatable {
    case free
    case absent(since: Instant)
    case present(Verdict, Examination)
  }

  /// Nodes of one device that are looked at; further ones are ignored.
  static let nodes = 8

  var state = State.free
  public internal(set) var name = Name()
  public internal(set) var rung = IdentityRung.none
  var collided = false
  /// Order of arrival among all devices.
  var arrival: UInt64 = 0
  /// What udev said of the device; kept while it is absent.
  public internal(set) var device = DeviceFacts()
  private var nodeTable = InlineArray<8, DeviceNode>(repeating: DeviceNode())
  private(set) var nodeCount = 0
  package internal(set) var probe = Child(.probe)
  public internal(set) var feed = Feed()
  /// What is done to get its pictures back.
  public internal(set) var recovery = Recovery()
  /// What its feed is to capture, once the probe has told the modes.
  var choice = ModeChoice.unusable
  /// Its stream was stopped by request.
  public internal(set) var stopped = false
  /// Its stream at MediaMTX, as seen last.
  var stream: StreamState?
  var flow: StreamFlow?
  public internal(set) var connectedAt = Instant(ms: 0)
  public internal(set) var disconnects: UInt32 = 0
  /// Faults in a row.
  public internal(set) var attempts: UInt32 = 0
  /// Faults that probes in this slot found.
  var faults: UInt64 = 0
  /// Its report has been filled by a probe of this camera.
  public private(set) var hasReport = false

  public init() {}

  // MARK: Nodes

  subscript(node index: Int) -> DeviceNode {
    get { nodeTable[index] }
    set { nodeTable[index] = newValue }
  }

  func node(named name: Text<16>) -> Int? {
    for index in 0..<nodeCount where nodeTable[index].name == name { return index }
    return nil
  }

  /// The node to open: the lowest one that has not turned out to be something else.
  var captureNode: Int? {
    var best: Int?
    for index in 0..<nodeCount where nodeTable[index].isCapture {
      guard let known = best, nodeTable[known].index <= nodeTable[index].index else {
        best = index
        continue
      }
    }
    return best
  }

  /// The name of that node; empty where there is none.
  var captureNodeName: Text<16> {
    guard let node = captureNode else { return .empty }
    return nodeTable[node].name
  }

  mutating func addNode(_ device: DeviceFacts, sweep: UInt32) {
    guard nodeCount < Camera.nodes else { return }
    var node = DeviceNode()
    node.name = device.node
    node.index = device.index
    node.sweep = sweep
    nodeTable[nodeCount] = node
    nodeCount += 1
  }

  mutating func removeNode(_ index: Int) {
    nodeCount -= 1
    nodeTable[index] = nodeTable[nodeCount]
  }

  mutating func removeNodes() { nodeCount = 0 }

  /// Drops the nodes that the enumeration `sweep` has not seen. False when the capture node, or
  /// every node, is among them.
  mutating func keepNodes(seenIn sweep: UInt32) -> Bool {
    let capture = captureNodeName
    var index = 0
    while index < nodeCount {
      if nodeTable[index].sweep == sweep { index += 1 } else { removeNode(index) }
    }
    return nodeCount > 0 && (capture.isEmpty || node(named: capture) != nil)
  }

  // MARK: The examination

  /// Starts a probe of the capture node. The caller has seen that the process slot is idle.
  mutating func examine(timeoutMs: UInt64, now: Instant) -> ChildAction {
    guard case .present(let verdict, .due) = state else { return .none }
    state = .present(verdict, .running(node: captureNodeName, until: now + timeoutMs))
    return probe.step(.start, now: now)
  }

  /// Asks for another look at once, unless a probe is under way.
  mutating func examineAgain(now: Instant) {
    guard case .present(let verdict, let examination) = state else { return }
    switch examination {
    case .idle, .due: state = .present(verdict, .due(now))
    case .running, .closing: break
    }
  }

  /// What to capture has been chosen among the modes that the probe has found.
  mutating func choose(_ choice: ModeChoice) {
    guard case .present(.ready, let examination) = state else { return }
    self.choice = choice
    switch choice {
    case .mode: break
    // Neither the camera nor the configuration changes while it is plugged in.
    case .refused: state = .present(.failed(.modeRefused), examination)
    case .unusable: state = .present(.failed(.noFormats), examination)
    }
  }

  /// Whether a feed is to capture from it now.
  var wantsFeed: Bool {
    guard case .present(.ready, .idle) = state, case .mode = choice else { return false }
    return !stopped && probe.phase == .idle
  }

  /// Takes a probe's answer. False: the node is not a camera, and no other node is left to ask.
  mutating func answered(_ report: ProbeReport, now: Instant) -> Bool {
    guard case .present(let old, .running(let asked, let until)) = state else { return true }
    switch report.outcome {
    case .capture where report.modeCount > 0:
      attempts = 0
      hasReport = true
      // A lower node has come in the meantime: it may be the better one.
      let isLowest = captureNodeName == asked
      state = .present(.ready, .closing(until: until, retryAt: isLowest ? .never : now))
    case .capture:
      hasReport = true
      fault(.failed(.noFormats), until: until, now: now)
    case .openFailed:
      fault(.failed(.openFailed), until: until, now: now)
    case .busy:
      fault(.busy(holder: report.holder, name: report.holderName), until: until, now: now)
    case .notCapture:
      if let node = node(named: asked) { nodeTable[node].isCapture = false }
      state = .present(old, .closing(until: until, retryAt: captureNode == nil ? .never : now))
      return captureNode != nil
    }
    return true
  }

  /// The probe's process is gone.
  mutating func probeEnded(_ event: Child.Event, now: Instant) -> ChildAction {
    let action = probe.step(event, now: now)
    guard case .present(let verdict, let examination) = state else { return action }
    switch examination {
    case .running:
      countFault()
      state = .present(.failed(.probeCrashed), .due(now + retryDelayMs))
    case .closing(_, let retryAt):
      state = .present(verdict, retryAt == .never ? .idle : .due(retryAt))
    case .idle, .due:
      // A device that came back while its old probe hung: it may be looked at now.
      break
    }
    released(now: now)
    return action
  }

  /// Nothing is in the slot and nothing is left of what was: every step passes over most slots.
  /// `mutating`, so that nothing is copied.
  mutating func isUnused() -> Bool {
    guard case .free = state else { return false }
    return probe.phase == .idle && feed.child.phase == .idle
  }

  /// A process that held the device has ended after all.
  mutating func released(now: Instant) {
    guard case .present(.failed(.quarantined), _) = state, isVacant else { return }
    state = .present(.failed(.quarantined), .due(now))
  }

  mutating func tick(now: Instant) -> ChildAction {
    let action = probe.step(.tick, now: now)
    guard action == .none, case .present(let verdict, let examination) = state else {
      return action
    }
    if probe.phase == .quarantined || feed.child.phase == .quarantined,
      verdict != .failed(.quarantined)
    {
      state = .present(.failed(.quarantined), .idle)
      return .none
    }
    switch examination {
    case .running(_, let until) where now >= until:
      fault(.failed(.probeTimeout), until: .never, now: now)
      return probe.step(.end(.kill, .rest), now: now)
    case .closing(let until, let retryAt) where now >= until:
      state = .present(verdict, .closing(until: .never, retryAt: retryAt))
      return probe.step(.end(.kill, .rest), now: now)
    case .idle, .due, .running, .closing:
      return .none
    }
  }

  /// Ends a probe that is no longer of use.
  mutating func abandonProbe(now: Instant) -> ChildAction {
    switch probe.phase {
    case .spawning, .running: probe.step(.end(.terminate, .rest), now: now)
    case .idle, .waiting, .ending, .quarantined: .none
    }
  }

  private mutating func fault(_ verdict: Verdict, until: Instant, now: Instant) {
    countFault()
    state = .present(verdict, .closing(until: until, retryAt: now + retryDelayMs))
  }

  private mutating func countFault() {
    attempts = attempts == .max ? .max : attempts + 1
    faults += 1
  }

  private var retryDelayMs: UInt64 { probe.policy.delayMs(failures: attempts) }
}

extension Camera {
  @inline(__always)
  var isPresent: Bool {
    if case .present = state { true } else { false }
  }

  var isAbsent: Bool {
    if case .absent = state { true } else { false }
  }

  /// True once others have been told of it: it is in lists, its name is final.
  @inline(__always)
  public var isAnnounced: Bool {
    switch state {
    case .free, .present(.undecided, _): false
    case .absent, .present: true
    }
  }

  public var wireState: CameraState { seen.state }

  public var reason: CameraReason { seen.reason }

  /// Both, in place: every step asks for them several times. `mutating`, so that nothing is copied.
  mutating func condition() -> (state: CameraState, reason: CameraReason) { seen }

  @inline(__always)
  private var seen: (state: CameraState, reason: CameraReason) {
    switch state {
    case .free: return (.absent, .none)
    case .absent: return (.absent, .unplugged)
    case .present(.undecided, _): return (.probing, .none)
    case .present(.ready, _):
      let (state, reason) = feed.condition(flow, stream: stream)
      return (state, stopped && state == .ready ? .stopped : reason)
    case .present(.failed(let reason), _): return (.failed, reason)
    case .present(.busy, _): return (.busy, .heldByOther)
    }
  }

  /// When the next look at a faulty camera is due; `never` where none is planned.
  public var nextAttempt: Instant {
    switch state {
    case .present(_, .due(let at)): at
    case .present(_, .closing(_, let retryAt)): min(retryAt, recovery.restsUntil)
    case .present(_, .idle): min(feed.nextAttempt, recovery.restsUntil)
    case .absent: recovery.restsUntil
    case .free, .present(_, .running): .never
    }
  }

  /// When the slot has to be looked at, examinations that wait for their turn aside.
  @inline(__always)
  var nextDeadline: Instant {
    switch state {
    case .present(_, .running(_, let until)), .present(_, .closing(let until, _)):
      min(until, probe.nextDeadline)
    case .free, .absent, .present(_, .idle), .present(_, .due): probe.nextDeadline
    }
  }

  /// When its examination may start; `never` while the process slot is taken.
  @inline(__always)
  var examinationDue: Instant {
    guard case .present(_, .due(let at)) = state, probe.phase == .idle, feed.isGone else {
      return .never
    }
    return at
  }
}
