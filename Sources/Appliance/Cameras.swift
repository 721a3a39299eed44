import Wire

// The camera table: which device sits in which slot, under which name.
//
//   added ──▶ a node of a device that is here? ──▶ one more node of it
//      └────▶ a new device: identity ──▶ its absent slot, else a free one, else the oldest absent
//                                   └──▶ none left: it waits until a slot is free
//
// Naming opens when the memory of earlier cameras has been read, when there is none, or after
// `namingWaitMs`: two cameras with one serial, both plugged in at power-on, are told apart only by
// that memory.

/// The numbers of the camera table that are not configuration keys.
public enum CameraTiming {
  /// The longest wait for the memory of earlier cameras.
  public static let namingWaitMs: UInt64 = 2000
  /// Probes at once: enough that one hanging driver does not hold up the others, few enough for a
  /// small machine.
  public static let probesAtOnce = 4
}

public struct Cameras {
  enum Naming: Equatable {
    case waiting(until: Instant)
    case open
    /// The appliance stops: no new camera, no new probe.
    case closed
  }

  private enum Enumeration: Equatable { case none, running }

  let settings: Configuration.Cameras
  let table: Table<Camera>
  let reports: Table<ProbeReport>
  /// Devices for which there is no slot.
  let waiting: Table<DeviceFacts>
  var waitingCount = 0
  /// Slots from this one on have never held a camera: the first free one is taken always, and every
  /// step goes over the slots several times.
  var firstUntouched = 0
  public internal(set) var known: KnownCameras
  private(set) var naming = Naming.waiting(until: .never)
  private var enumeration = Enumeration.none
  private(set) var sweep: UInt32 = 0
  /// Enumerations completed in this life.
  private(set) var enumerations: UInt32 = 0
  var arrivals: UInt64 = 0
  /// Counters of this life.
  public internal(set) var connects: UInt64 = 0
  public internal(set) var disconnects: UInt64 = 0

  init(
    _ settings: Configuration.Cameras, table: Table<Camera>, reports: Table<ProbeReport>,
    waiting: Table<DeviceFacts>, known: Table<KnownCamera>
  ) {
    precondition(table.count == reports.count, "every camera slot needs room for a report")
    self.settings = settings
    self.table = table
    self.reports = reports
    self.waiting = waiting
    self.known = KnownCameras(known)
  }

  mutating func start(now: Instant) {
    naming = .waiting(until: now + CameraTiming.namingWaitMs)
  }

  public var count: Int { table.count }

  /// The slots that may hold something.
  @inline(__always)
  public var slots: Range<Int> { 0..<firstUntouched }

  public subscript(index: Int) -> Camera { table[index] }

  /// The last report of a slot's probe, in place.
  func withReport<Result>(_ index: Int, _ body: (borrowing ProbeReport) -> Result) -> Result {
    body(reports[index])
  }

  /// The slot of an announced camera.
  public func index(of name: Name) -> Int? {
    for index in slots where table[index].isAnnounced && table[index].name == name {
      return index
    }
    return nil
  }

  /// Probes of this life that found a camera at fault.
  public var probesFailed: UInt64 {
    var sum: UInt64 = 0
    for index in slots { sum += table[index].faults }
    return sum
  }

  // MARK: Devices

  mutating func added(
    _ device: DeviceFacts, streams: inout Streams, now: Instant, _ effects: inout Effects
  ) {
    guard settings.enabled, naming != .closed else { return }
    if let index = slot(ofNode: device.node) {
      if table[index].device.isSameDevice(as: device) {
        if let node = table[index].node(named: device.node) {
          table[index][node: node].sweep = sweep
        }
        return
      }
      // The node's number went to another device: its removal was missed.
      depart(index, streams: &streams, now: now, &effects)
    }
    if let index = slot(atPlaceOf: device) {
      if table[index].device.isSameDevice(as: device) {
        let before = table[index].captureNode
        table[index].addNode(device, sweep: sweep)
        if table[index].captureNode != before { table[index].examineAgain(now: now) }
        return
      }
      depart(index, streams: &streams, now: now, &effects)
    }
    admit(device, streams: &streams, now: now, &effects)
  }

  mutating func removed(
    node name: Text<16>, streams: inout Streams, now: Instant, _ effects: inout Effects
  ) {
    guard let index = slot(ofNode: name) else { return forget(waitingNode: name) }
    guard let node = table[index].node(named: name) else { return }
    let wasCapture = table[index].captureNode == node
    table[index].removeNode(node)
    // Nodes of a device go one after another: with the one that matters all are as good as gone.
    if wasCapture || table[index].nodeCount == 0 {
      depart(index, streams: &streams, now: now, &effects)
    }
  }

  /// The executor enumerates from the start, because notifications were lost.
  mutating func enumerationBegan() {
    sweep &+= 1
    enumeration = .running
  }

  /// Everything that is there has been told: what was not is gone.
  mutating func enumerationEnded(
    streams: inout Streams, now: Instant, _ effects: inout Effects
  ) {
    enumerations &+= 1
    guard enumeration == .running else { return }
    enumeration = .none
    for index in slots where table[index].isPresent {
      if table[index].keepNodes(seenIn: sweep) { continue }
      depart(index, streams: &streams, now: now, &effects)
    }
  }

  // MARK: Identities

  mutating func identitiesLoaded(
    _ cameras: UnsafeBufferPointer<KnownCamera>, streams: inout Streams, now: Instant,
    _ effects: inout Effects
  ) {
    known.load(cameras)
    openNaming(streams: &streams, now: now, &effects)
    guard naming == .open else { return }
    for index in slots where table[index].isAnnounced {
      table[index].stopped = table[index].stopped || known.isStopped(table[index].name)
    }
    guard settings.enabled else { return }
    // Remembered cameras are shown as absent, the latest first if there are more than slots.
    var index = known.count
    while index > 0 {
      index -= 1
      let camera = known[index]
      guard !isTaken(camera.name), let slot = freeSlot else { continue }
      reset(slot)
      table[slot].name = camera.name
      table[slot].rung = camera.rung
      table[slot].collided = camera.collided
      table[slot].stopped = camera.stopped
      table[slot].device = DeviceFacts(remembered: camera)
      table[slot].state = .absent(since: now)
      streams.want(camera.name)
    }
  }

  /// There is no memory of earlier cameras to wait for.
  mutating func openNaming(streams: inout Streams, now: Instant, _ effects: inout Effects) {
    guard case .waiting = naming else { return }
    naming = .open
    var after: UInt64 = 0
    while let index = nextUnnamed(after: after) {
      after = table[index].arrival
      identify(index, as: resolve(table[index].device, slot: index, streams, &effects))
    }
  }

  // MARK: Probes

  mutating func probeStarted(
    slot: Int, life: UInt32, pid: Int32, now: Instant, _ effects: inout Effects
  ) {
    guard table.indices.contains(slot), table[slot].probe.isCurrent(life) else { return }
    apply(table[slot].probe.step(.started(pid: pid), now: now), slot, &effects)
  }

  mutating func probeAnswered(
    slot: Int, life: UInt32, _ report: UnsafePointer<ProbeReport>, streams: inout Streams,
    now: Instant, _ effects: inout Effects
  ) {
    guard table.indices.contains(slot), table[slot].probe.isCurrent(life) else { return }
    guard case .present(_, .running) = table[slot].state else { return }
    // A child's word is not trusted: a report that cannot be is no answer.
    guard (0...Limits.modesPerCamera).contains(report.pointee.modeCount) else { return }
    if report.pointee.outcome == .capture { reports[slot] = report.pointee }
    let before = Shown(&table[slot])
    let faults = table[slot].faults
    if table[slot].answered(report.pointee, now: now) {
      probeFailed(slot, since: faults, now: now)
      chooseMode(slot, &effects)
      tell(slot, before, streams: &streams, now: now, &effects)
    } else {
      depart(slot, streams: &streams, now: now, &effects)
    }
  }

  mutating func probeEnded(
    slot: Int, life: UInt32, _ exit: ChildExit, streams: inout Streams, now: Instant,
    _ effects: inout Effects
  ) {
    guard table.indices.contains(slot), table[slot].probe.isCurrent(life) else { return }
    let before = Shown(&table[slot])
    let faults = table[slot].faults
    apply(table[slot].probeEnded(.ended(exit), now: now), slot, &effects)
    probeFailed(slot, since: faults, now: now)
    tell(slot, before, streams: &streams, now: now, &effects)
    admitWaiting(streams: &streams, now: now, &effects)
  }

  mutating func tick(streams: inout Streams, now: Instant, _ effects: inout Effects) {
    if case .waiting(let until) = naming, now >= until {
      openNaming(streams: &streams, now: now, &effects)
    }
    for index in slots where !table[index].isUnused() {
      let before = Shown(&table[index])
      let faults = table[index].faults
      apply(table[index].tick(now: now), index, &effects)
      probeFailed(index, since: faults, now: now)
      recover(index, now: now, &effects)
      supervise(index, now: now, &effects)
      tell(index, before, streams: &streams, now: now, &effects)
    }
    streams.watchOften(until: bytesExpectedUntil)
    guard naming == .open else { return }
    for _ in 0..<max(0, CameraTiming.probesAtOnce - probesRunning) {
      guard let index = nextDue, table[index].examinationDue <= now else { return }
      table[index].recovery.tried(now: now)
      apply(table[index].examine(timeoutMs: settings.probeTimeoutMs, now: now), index, &effects)
    }
  }

  /// Ends every probe and every feed: the appliance stops.
  mutating func end(now: Instant, _ effects: inout Effects) {
    naming = .closed
    for index in slots {
      apply(table[index].abandonProbe(now: now), index, &effects)
      applyFeed(table[index].feed.unwant(with: .terminate, now: now), index, &effects)
    }
  }

  /// `mutating`, so that nothing is copied.
  mutating func nextDeadline() -> Instant {
    var deadline = Instant.never
    for index in slots where !table[index].isUnused() {
      deadline = min(deadline, min(table[index].nextDeadline, feedDeadline(index)))
      deadline = min(deadline, recoveryDeadline(index))
    }
    switch naming {
    case .waiting(let until): return min(deadline, until)
    case .closed: return deadline
    case .open: break
    }
    if probesRunning < CameraTiming.probesAtOnce, let index = nextDue {
      deadline = min(deadline, table[index].examinationDue)
    }
    return deadline
  }

  /// True once after each change of the memory that is to be written.
  mutating func takeIdentityChange() -> Bool { known.takeChange() }
}
