import Wire

// All configuration changes of the device: those that have not ended, and the last ones that have.
//
//   waiting ── begin, or an image restored ──▶ running
//
// At most one change at a time is being applied, in force without a confirmation, or rolled back.
// What an input does to a change is the matter of the change; here it is looked up, kept, and moved
// to the history when it has ended.

/// The machine of configuration changes.
public struct ConfigurationChanges {
  /// Elements of the table that it needs.
  public static let capacity = Limits.openChanges + Limits.endedChanges

  private enum Phase: Equatable {
    case waiting
    case running(boot: BootID)
  }

  private var phase = Phase.waiting
  /// The places of open changes, then the ring of those that have ended.
  let table: Table<ConfigurationChange>
  private(set) var firstEnded = 0
  private(set) var endedCount = 0
  /// The id that was given last; 0: none was.
  public private(set) var lastID: UInt32 = 0
  /// What was confirmed last; nil: not known.
  public private(set) var inForce: ConfirmedChange?
  /// When the image was kept last.
  private var keptAt = Instant(ms: 0)
  /// As the configuration in force has it; `tick` does what follows from a change.
  public var policy: ChangePolicy

  /// Bytes of memory that it needs, aligned for any value.
  public static let memory = capacity * MemoryLayout<ConfigurationChange>.stride

  /// A machine over `memory` bytes.
  public init(_ memory: UnsafeMutableBufferPointer<UInt8>, _ policy: ChangePolicy) {
    precondition(memory.count >= Self.memory, "too little memory for changes")
    let places = UnsafeMutableRawPointer(memory.baseAddress!).bindMemory(
      to: ConfigurationChange.self, capacity: Self.capacity)
    self.init(
      Table(
        UnsafeMutableBufferPointer(start: places, count: Self.capacity),
        repeating: ConfigurationChange()), policy)
  }

  init(_ table: Table<ConfigurationChange>, _ policy: ChangePolicy) {
    precondition(table.count >= ConfigurationChanges.capacity, "too few places for changes")
    self.table = table
    self.policy = policy
  }

  /// It has begun: changes are taken.
  public var isRunning: Bool { phase != .waiting }

  // MARK: The start

  /// Begins without changes: there is no image yet, or none that can be used.
  public mutating func begin(boot: BootID) {
    guard phase == .waiting else { return }
    phase = .running(boot: boot)
  }

  /// Goes on from the image of an earlier life of the agent. To be called before anything uses the
  /// configuration: what was in force unconfirmed when the device started anew is rolled back.
  ///
  /// An image that cannot be used changes nothing.
  public mutating func restore(
    _ image: UnsafeRawBufferPointer, boot: BootID, at time: ChangeTime,
    _ effects: inout ChangeEffects
  ) throws(ChangeImageError) {
    guard phase == .waiting else { throw .state }
    let image = try read(image)
    // A kernel that started later cannot have been up for longer.
    let isSameBoot = image.boot == boot && image.keptAt <= time.now
    phase = .running(boot: boot)
    lastID = image.lastID
    inForce = image.inForce
    endedCount = image.endedCount
    for place in 0..<Limits.openChanges {
      let leftMs = table[place].facts.expiresAt.since(image.keptAt)
      table[place].resume(leftMs: isSameBoot ? nil : leftMs, now: time.now, &effects)
    }
    // The life that kept its confirmation may have ended before it could say so.
    if let inForce { effects.append(.forget(id: inForce.id)) }
    keptAt = time.now
    effects.keep()
    tick(at: time, &effects)
  }

  private func read(
    _ bytes: UnsafeRawBufferPointer
  ) throws(ChangeImageError) -> ChangeImage {
    do throws(ChangeImageError) {
      return try ChangeImage(bytes, into: table)
    } catch {
      for place in table.indices { table[place] = ConfigurationChange() }
      throw error
    }
  }

  /// Bytes of an image.
  public static let imageSize = ChangeImage.size

  /// Writes all that `restore` needs to `bytes` of exactly `imageSize` bytes.
  public func encode(into bytes: UnsafeMutableRawBufferPointer, now: Instant) {
    guard case .running(let boot) = phase else {
      preconditionFailure("changes are kept before they have begun")
    }
    var image = ChangeImage()
    image.boot = boot
    image.keptAt = now
    image.lastID = lastID
    image.endedCount = endedCount
    image.inForce = inForce
    image.encode({ record($0) }, into: bytes)
  }

  /// The records of an image in their order.
  private func record(_ index: Int) -> ConfigurationChange {
    if index < Limits.openChanges { return table[index] }
    let ended = index - Limits.openChanges
    return ended < endedCount ? table[placeOfEnded(ended)] : ConfigurationChange()
  }

  /// Forgets all changes, and what was confirmed: the device is as it came from the factory. What
  /// the executor answers about one of them is dropped, since no id is given twice.
  public mutating func reset() {
    for place in table.indices { table[place] = ConfigurationChange() }
    (firstEnded, endedCount) = (0, 0)
    inForce = nil
  }

  /// Ids up to this one were given in an earlier life, whatever the image has told.
  public mutating func skip(to id: UInt32) { lastID = max(lastID, id) }

  /// The configuration that this life has read. Somebody may have written another one on the card
  /// than the one that was confirmed last.
  public mutating func found(_ digest: ConfigurationDigest) {
    if placeUnderWay == nil, inForce?.text.digest != digest { inForce = nil }
  }

  // MARK: What clients ask for

  /// Stages a text, and gives its id. The executor holds the text and stores it for `check`.
  ///
  /// The same once more gives the same id. Throws `invalidArgument`, `tooLarge`, `alreadyExists`
  /// (something else, or somebody else's, has this version and ring), `busy` (all places are
  /// taken) and, like everything here, `storageUnavailable` before the start.
  public mutating func stage(
    _ text: ConfigurationText, by key: Text<32>, at time: ChangeTime,
    _ effects: inout ChangeEffects
  ) throws(Status) -> UInt32 {
    let stamp = try stamp(time)
    if let refusal = text.refusal { throw refusal }
    if key.isEmpty { throw .invalidArgument }
    for place in 0..<Limits.openChanges
    where !table[place].isFree && table[place].facts.text.hasName(of: text) {
      guard table[place].facts.text == text, table[place].facts.stager == key else {
        throw .alreadyExists
      }
      return table[place].id
    }
    if let inForce, inForce.text.hasName(of: text) {
      guard inForce.text == text, inForce.stager == key else { throw .alreadyExists }
      return inForce.id
    }
    guard let place = freePlace else { throw .busy }
    guard lastID < .max else { throw .internalError }
    lastID += 1
    table[place] = ConfigurationChange(id: lastID, text, by: key, at: stamp, &effects)
    settle(at: time, &effects)
    return lastID
  }

  /// Throws `notFound`, `state` (it is not pending), `permission` (where another key is needed: it
  /// is the stager's, or younger than the change).
  public mutating func approve(
    _ id: UInt32, by key: ChangeApprover, at time: ChangeTime, _ effects: inout ChangeEffects
  ) throws(Status) {
    if key.name.isEmpty { throw .invalidArgument }
    let decision = ConfigurationChange.Decision.approve(
      key, needsAnother: policy.needsAnotherKey)
    try decide(decision, id, at: time, &effects)
  }

  /// Throws `notFound` and `state` (it is not pending). Who staged it may take it back.
  public mutating func reject(
    _ id: UInt32, by key: Text<32>, at time: ChangeTime, _ effects: inout ChangeEffects
  ) throws(Status) {
    if key.isEmpty { throw .invalidArgument }
    try decide(.reject(by: key), id, at: time, &effects)
  }

  private mutating func decide(
    _ decision: ConfigurationChange.Decision, _ id: UInt32, at time: ChangeTime,
    _ effects: inout ChangeEffects
  ) throws(Status) {
    let stamp = try stamp(time)
    let place = try place(of: id)
    try table[place].decide(decision, at: stamp, &effects)
    settle(at: time, &effects)
  }

  /// Applies an approved change. Throws `notFound`, `state` (it is not approved) and `busy`
  /// (another one is under way).
  public mutating func apply(
    _ id: UInt32, by key: Text<32>, at time: ChangeTime, _ effects: inout ChangeEffects
  ) throws(Status) {
    _ = try stamp(time)
    let place = try place(of: id)
    if let other = placeUnderWay, other != place { throw .busy }
    try table[place].apply(by: key, now: time.now, &effects)
    settle(at: time, &effects)
  }

  /// Confirms what is in force. `begunAt`: when this life of the agent began. Only one that began
  /// after the change was applied shows that the device can be reached with it: the one that has
  /// applied it goes on with what was in force before. Throws `notFound` and `state` (it is not
  /// unconfirmed, or no longer, or this life is older).
  public mutating func confirm(
    _ id: UInt32, by key: Text<32>, begunAt: Instant, at time: ChangeTime,
    _ effects: inout ChangeEffects
  ) throws(Status) {
    let stamp = try stamp(time)
    let place = try place(of: id)
    try table[place].confirm(by: key, begunAt: begunAt, at: stamp, &effects)
    let facts = table[place].facts
    inForce = ConfirmedChange(id: id, text: facts.text, stager: facts.stager)
    settle(at: time, &effects)
  }

  // MARK: What the executor answers

  /// Answers `check`.
  public mutating func checked(
    _ id: UInt32, _ check: ChangeCheck, at time: ChangeTime, _ effects: inout ChangeEffects
  ) {
    guard let stamp = try? stamp(time), let place = try? place(of: id) else { return }
    table[place].checked(check, at: stamp, &effects)
    settle(at: time, &effects)
  }

  /// Answers `apply`.
  public mutating func applied(
    _ id: UInt32, succeeded: Bool, at time: ChangeTime, _ effects: inout ChangeEffects
  ) {
    guard phase != .waiting, let place = try? place(of: id) else { return }
    table[place].applied(succeeded, now: time.now, &effects)
    settle(at: time, &effects)
  }

  /// Answers `rollBack`.
  public mutating func rolledBack(
    _ id: UInt32, succeeded: Bool, at time: ChangeTime, _ effects: inout ChangeEffects
  ) {
    guard let stamp = try? stamp(time), let place = try? place(of: id) else { return }
    table[place].rolledBack(succeeded, at: stamp, &effects)
    settle(at: time, &effects)
  }

  // MARK: Time

  /// Does what is due.
  public mutating func tick(at time: ChangeTime, _ effects: inout ChangeEffects) {
    guard time.now >= nextDeadline, let stamp = try? stamp(time) else { return }
    for place in 0..<Limits.openChanges {
      table[place].tick(at: stamp, &effects)
      if table[place].canExpire, time.now >= keptAt + ChangeTiming.keepMs { effects.keep() }
    }
    settle(at: time, &effects)
  }

  /// When `tick` is due; `never` while nothing goes on.
  public var nextDeadline: Instant {
    guard phase != .waiting else { return .never }
    if nextToApply != nil { return Instant(ms: 0) }
    var deadline = Instant.never
    for place in 0..<Limits.openChanges {
      deadline = min(deadline, table[place].nextDeadline)
      if table[place].canExpire { deadline = min(deadline, keptAt + ChangeTiming.keepMs) }
    }
    return deadline
  }

  /// Moves what has ended to the history, and goes on with the next change if that is wanted.
  private mutating func settle(at time: ChangeTime, _ effects: inout ChangeEffects) {
    for place in 0..<Limits.openChanges where table[place].hasEnded {
      if endedCount == Limits.endedChanges {
        firstEnded = (firstEnded + 1) % Limits.endedChanges
      } else {
        endedCount += 1
      }
      table[placeOfEnded(endedCount - 1)] = table[place]
      table[place] = ConfigurationChange()
    }
    if let next = nextToApply {
      let decider = table[next].facts.decider
      try? table[next].apply(by: decider, now: time.now, &effects)
    }
    if effects.mustKeep { keptAt = time.now }
  }

  /// The change that is applied without being asked for: of those that may be, the one that was
  /// staged first.
  private var nextToApply: Int? {
    guard policy.appliesAtOnce, placeUnderWay == nil else { return nil }
    var next: Int?
    for place in 0..<Limits.openChanges where table[place].state == .approved {
      if let known = next, table[known].id < table[place].id { continue }
      next = place
    }
    return next
  }

  // MARK: Places

  private var placeUnderWay: Int? {
    for place in 0..<Limits.openChanges where table[place].isUnderWay { return place }
    return nil
  }

  private var freePlace: Int? {
    for place in 0..<Limits.openChanges where table[place].isFree { return place }
    return nil
  }

  /// The place of the change that was the `index`th to end, of those that are remembered.
  func placeOfEnded(_ index: Int) -> Int {
    Limits.openChanges + (firstEnded + index) % Limits.endedChanges
  }

  /// The place of an open change. Nothing happens any more to one that has ended.
  private func place(of id: UInt32) throws(Status) -> Int {
    for place in 0..<Limits.openChanges where !table[place].isFree && table[place].id == id {
      return place
    }
    for index in 0..<endedCount where table[placeOfEnded(index)].id == id { throw .state }
    throw .notFound
  }

  private func stamp(_ time: ChangeTime) throws(Status) -> ChangeStamp {
    switch phase {
    case .waiting: throw .storageUnavailable
    case .running(let boot):
      ChangeStamp(at: time.now, unixMs: time.unixMs, boot: boot.number)
    }
  }
}
