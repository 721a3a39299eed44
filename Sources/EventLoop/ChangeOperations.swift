import Appliance
import Noise
import Wire

/// Changes of the configuration: the machine decides, the card keeps what it has decided, and only
/// then anything is done about it or anybody told.
extension EventLoop where System: ~Copyable {
  var changeTime: ChangeTime {
    ChangeTime(now: now, unixMs: appliance.clock.unixMs(at: now))
  }

  /// Begins an operation with changes.
  mutating func decideChange(
    _ index: Int, _ header: Header, _ request: Request
  ) throws(Status) {
    let by = try keyName(of: index)
    guard keeping.isThere else { throw .storageUnavailable }
    guard keeping.held.hasRoom, decisions.used < Decisions.capacity, reloadBy == nil else {
      throw .busy
    }
    var effects = ChangeEffects()
    let id: UInt32
    switch request {
    case .configurationText(let wanted):
      try wait(index, header, for: .queued, change: wanted.id)
      return
    case .configurationCheck(let text):
      let number = ask(.proof) { $0.write(text) }
      guard number != 0 else { throw .storageUnavailable }
      try wait(index, header, for: .asked(number))
      return
    case .configurationStage(let bytes): id = try stage(bytes, by: by, &effects)
    case .changeApprove(let wanted):
      id = wanted.id
      guard case .key(let handle, true) = sealed[index].client,
        let approver = access.keys.approver(handle)
      else { throw .permission }
      try access.changes.approve(id, by: approver, at: changeTime, &effects)
    case .changeReject(let wanted):
      id = wanted.id
      try access.changes.reject(id, by: by, at: changeTime, &effects)
    case .changeApply(let wanted):
      id = wanted.id
      try access.changes.apply(id, by: by, at: changeTime, &effects)
    case .changeConfirm(let wanted):
      id = wanted.id
      try access.changes.confirm(id, by: by, begunAt: startedAt, at: changeTime, &effects)
    default: preconditionFailure("no operation with changes")
    }
    let role = role(of: index) ?? .anybody
    hold(effects, by: ChangePeer(name: by, role: role, address: sessions.address(index)))
    try wait(index, header, for: .changes(keeping.changes.revision), change: id)
  }

  /// When a request about changes is worth another try that was told BUSY.
  func busyMs(_ kind: UInt16) -> UInt32 {
    // Another change waits for its confirmation, or this life of the agent for its end.
    let isLong = reloadBy != nil || kind == Kind.changeApply.rawValue
    return isLong ? UInt32(Decisions.reloadMs) : Decisions.busyMs
  }

  /// The text goes to the keeper at once; one that nobody knows of after a power cut is nobody's.
  private mutating func stage(
    _ bytes: UnsafeRawBufferPointer, by name: Name, _ effects: inout ChangeEffects
  ) throws(Status) -> UInt32 {
    let (head, bytes) = try StageRequest.open(bytes)
    var text = ConfigurationText()
    text.version = head.version
    text.ring = head.ring
    text.digest = ConfigurationDigest(sha256Of: bytes)
    text.size = UInt32(bytes.count)
    let id = try access.changes.stage(text, by: name, at: changeTime, &effects)
    access.keys.lastChange = access.changes.lastID
    // The same once more brings nothing about.
    guard effects.count > 0 else { return id }
    let number = ask(.stage) { writer in
      writer.write(id)
      writer.write(bytes)
    }
    if number == 0 {
      // The machine asks for the check, which finds no text: the change is refused.
      log(LogLine(.warning, Text("the keeper could not take the text of a change")))
    }
    return id
  }

  /// Keeps the effects of a step until the card has what they rest on. `peer`: who has brought it
  /// about.
  mutating func hold(_ effects: ChangeEffects, by peer: ChangePeer? = nil) {
    if effects.mustKeep { keeping.changes.change() }
    for index in 0..<effects.count {
      keeping.held.append(effects[index], revision: keeping.changes.revision, by: peer)
    }
    accessWake = now
    releaseKept()
  }

  /// The card has an image, or has refused it.
  mutating func release(isKept: Bool) {
    releaseKept()
    guard !isKept else { return }
    while let revision = keeping.held.nextRevision, keeping.changes.hasFailed(revision) {
      fail(keeping.held.removeFirst())
    }
  }

  private mutating func releaseKept() {
    while let revision = keeping.held.nextRevision, keeping.changes.isKept(revision) {
      execute(keeping.held.removeFirst())
    }
  }

  mutating func tickChanges() {
    guard access.changes.nextDeadline <= now, keeping.held.hasRoom else { return }
    var effects = ChangeEffects()
    access.changes.tick(at: changeTime, &effects)
    hold(effects)
  }

  /// Factory reset: nothing is left of what the former owner has changed and decided. The keeper
  /// puts back what was in force before an unconfirmed change, and says so: then the device begins
  /// anew with it.
  mutating func forgetChanges() {
    access.changes.reset()
    keeping.held.removeAll()
    keeping.underWay = InlineArray(repeating: Keeping.ChangeStep())
  }

  // MARK: Effects

  private mutating func execute(_ held: HeldEffects.Entry) {
    switch held.effect {
    case .check(let id): askAbout(.check, id, for: held.peer)
    case .apply(let id): askAbout(.apply, id, for: held.peer)
    case .rollBack(let id): askAbout(.rollBack, id)
    case .forget(let id): leave(id, after: held.revision)
    case .tell(let news): tell(news, by: held.peer)
    }
  }

  /// What cannot be kept is not done either.
  private mutating func fail(_ held: HeldEffects.Entry) {
    var effects = ChangeEffects()
    switch held.effect {
    case .check(let id): access.changes.checked(id, .lost, at: changeTime, &effects)
    case .apply(let id): access.changes.applied(id, succeeded: false, at: changeTime, &effects)
    case .rollBack(let id):
      access.changes.rolledBack(id, succeeded: false, at: changeTime, &effects)
    // It has ended all the same, and the image is tried again.
    case .forget(let id): return leave(id, after: held.revision)
    case .tell(let news): tell(news, by: held.peer)
    }
    hold(effects, by: held.peer)
  }

  /// The card is to forget a change as soon as it has the image of this revision.
  private mutating func leave(_ id: UInt32, after revision: UInt32) {
    keeping.left.add(id, after: revision, sparing: access.changes.inForce?.id ?? 0)
    accessWake = now
  }

  /// The texts that the card has: those of open changes, and what requests that were lost, or
  /// changes that nobody knows any more, have left.
  mutating func hearStaged(_ reader: inout ByteReader) {
    guard access.changes.isRunning else { return }
    while reader.remaining >= 4 {
      let id = reader.read(UInt32.self)
      if !isOpen(id) { leave(id, after: keeping.changes.revision) }
    }
  }

  private func isOpen(_ id: UInt32) -> Bool { access.changes.digest(of: id) != nil }

  /// Has the card forget the next change that has ended.
  mutating func dropLeft() {
    guard keeping.left.isDue(at: now, keeping.changes) else { return }
    let id = keeping.left.next
    // An id is given twice when the image was lost that knew of it.
    guard !isOpen(id) else { return keeping.left.removeNext() }
    let number = ask(.drop) { $0.write(id) }
    keeping.left.ask(number, now: now)
  }

  /// A request that gets no answer is asked for again by the machine, or has failed for it.
  private mutating func askAbout(
    _ request: KeeperRequest, _ id: UInt32, for peer: ChangePeer? = nil
  ) {
    // A text that is looked at or put in force is the one that was staged, or none.
    let isText = request == .check || request == .apply
    let digest = isText ? access.changes.digest(of: id) : nil
    let number = ask(request) { writer in
      writer.write(id)
      digest?.encode(into: &writer)
    }
    guard number != 0 else { return }
    for place in keeping.underWay.indices where keeping.underWay[place].number == 0 {
      keeping.underWay[place] = Keeping.ChangeStep(
        number: number, request: request, id: id, peer: peer)
      return
    }
  }

  mutating func stepDone(_ step: Keeping.ChangeStep, _ done: KeeperDone) {
    var effects = ChangeEffects()
    let isDone = done.outcome == .done || done.outcome == .already
    switch step.request {
    case .check:
      let check: ChangeCheck =
        isDone ? .right : done.outcome == .wrong ? .wrong(done.error) : .lost
      access.changes.checked(step.id, check, at: changeTime, &effects)
    case .apply:
      access.changes.applied(step.id, succeeded: isDone, at: changeTime, &effects)
    case .rollBack:
      // Somebody has put another one there by hand: there is nothing to go back from.
      let isBack = isDone || done.outcome == .changedElsewhere
      access.changes.rolledBack(step.id, succeeded: isBack, at: changeTime, &effects)
    default: return
    }
    hold(effects, by: step.peer)
  }

  private mutating func tell(_ news: ChangeNews, by peer: ChangePeer?) {
    let code: AuditCode
    switch news.what {
    case .staged: code = .changeStaged
    case .refused, .expired: code = .changeDropped
    case .approved: code = .changeApproved
    case .rejected: code = .changeRejected
    case .applied:
      code = .changeApplied
      wantReload()
    case .confirmed: code = .changeConfirmed
    case .rolledBack:
      code = .changeRolledBack
      wantReload()
    case .rollBackFailed:
      log(LogLine(.warning, Text("a change could not be rolled back; it is tried again")))
      return
    }
    let ring = access.changes.entry(of: news.id, now: now)?.ring ?? Name()
    var note = AuditNote(code, key: news.key, subject: ring, detail: UInt64(news.id))
    // What one client does may bring about what another one has asked for.
    if let peer, peer.name == news.key { (note.role, note.address) = (peer.role, peer.address) }
    record(note)
  }

  /// The configuration has changed: the agent ends in order, and begins with the new one as soon
  /// as what was asked for before is answered. Whoever goes on asking does not keep it from that.
  mutating func wantReload() {
    if reloadBy == nil { reloadBy = now + Decisions.reloadMs }
    accessWake = now
  }

  mutating func reload() {
    guard stopping == nil else { return }
    reloadBy = nil
    effects.removeAll()
    try? appliance.stop(.reload, now: now, effects: &effects)
    executeAll()
  }
}
