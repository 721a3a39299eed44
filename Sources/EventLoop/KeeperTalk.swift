import Appliance
import Noise
import Wire

extension EventLoop where System: ~Copyable {
  /// Sends a request; `body` writes what its kind says. 0: there is no keeper, or its queue is
  /// full. What was written is wiped: keys pass through here.
  mutating func ask(_ request: KeeperRequest, _ body: (inout ByteWriter) -> Void) -> UInt32 {
    guard keeping.isThere else { return 0 }
    let number = keeping.nextNumber()
    var writer = ByteWriter(keeping.message)
    writer.write(request.rawValue)
    writer.zero(3)
    writer.write(number)
    body(&writer)
    let bytes = UnsafeRawBufferPointer(rebasing: keeping.message[..<writer.count])
    defer { Wiping.wipe(UnsafeMutableRawBufferPointer(mutating: bytes)) }
    return system.tellKeeper(bytes) ? number : 0
  }

  /// Takes what the keeper has to say.
  mutating func takeKept() {
    for _ in 0..<Self.batch {
      guard let news = system.nextKept() else { return }
      accessWake = now
      switch news {
      case .began:
        keeping.hasBegun = true
        greetKeeper()
      case .ended: keeperEnded()
      case .said(let message): hear(message)
      }
    }
  }

  /// The first message, once the loop has begun.
  mutating func greetKeeper() {
    guard keeping.hasBegun, keeping.mayBegin, !keeping.isThere else { return }
    keeping.isThere = true
    let hasData = appliance.storageIsThere
    keeping.hasData = hasData
    let number = ask(.hello) { writer in
      for lane in 0..<4 {
        writer.write(UInt16(AuditRing.share(AuditLane(rawValue: UInt8(lane)) ?? .admin)))
      }
      writer.write(hasData)
    }
    if number == 0 { keeping.isThere = false }
    keeping.pairingIsNews = access.pairing.code != nil
    keeping.retryAt = now + Keeping.retryMs
  }

  private mutating func keeperEnded() {
    keeping.lose()
    if keeping.isAppending {
      keeping.appending = InlineArray(repeating: 0)
      keeping.appendFailed = false
      access.audit.stored(false, now: now)
    }
    loseDecisions()
  }

  private mutating func hear(_ message: UnsafeRawBufferPointer) {
    guard message.count >= KeeperMessage.replyHead else { return }
    var reader = ByteReader(message)
    let kind = KeeperReply(rawValue: reader.read())
    reader.skip(KeeperMessage.replyHead - 1)
    switch kind {
    case .facts: hearFacts(&reader)
    case .blob: hearBlob(&reader)
    case .audit: hearAudit(&reader)
    case .staged: hearStaged(&reader)
    case .text: hearText(&reader)
    case .done: hearDone(&reader)
    case nil: break
    }
  }

  private mutating func hearFacts(_ reader: inout ByteReader) {
    guard reader.remaining >= KeeperFacts.size, let facts = KeeperFacts(from: &reader) else {
      return
    }
    keeping.isMissing = facts.place == .missing
    if facts.reset == .carriedOut, keeping.forgetting.asked == 0 {
      // A person has asked for it with a file.
      if access.keys.isLoaded { forgetKeys() } else { record(AuditNote(.factoryReset)) }
    }
    switch facts.place {
    case .missing: log(LogLine(.warning, Text("keys: the card's boot partition is missing")))
    case .memory: log(LogLine(.warning, Text("keys: no card, they are gone after a restart")))
    case .kept: break
    }
    if facts.repair == .finished || facts.repair == .putBack { wantReload() }
  }

  // MARK: Blobs

  private mutating func hearBlob(_ reader: inout ByteReader) {
    guard reader.remaining >= BlobNews.size, let news = BlobNews(from: &reader) else { return }
    let bytes = reader.take(reader.remaining)
    if news.state == .unreadable { keeping.isMissing = true }
    switch news.blob {
    case .device: hearDeviceKey(news, bytes)
    case .clients:
      keeping.hasToldKeys = true
      hearClients(news, bytes)
    case .changes: hearChanges(news, bytes)
    case .swap, .staged: break
    }
  }

  private mutating func hearDeviceKey(_ news: BlobNews, _ bytes: UnsafeRawBufferPointer) {
    guard bytes.count == Blob.keySize else { return }
    // A keeper that was started again, and whose card cannot be read, has one for the time being:
    // clients know the one that is in use.
    guard news.state != .unreadable || deviceKey.publicKey.isNone else { return }
    // The crypto is proven before the first key is used.
    guard KnownAnswer.holds() else {
      log(LogLine(.error, Text("keys: the cryptography computes wrong answers; nobody gets in")))
      return
    }
    let before = deviceKey.publicKey
    deviceKey.load(bytes)
    defer { keeping.deviceStoring = news.storing }
    if news.storing != .done, news.storing != keeping.deviceStoring {
      var line = Text<160>("keys: the card does not keep the device key (")
      line.append(news.storing.word)
      line.append("); it is another one after a restart")
      log(LogLine(.warning, line))
    }
    // One that the card does not take is told again with each try.
    if news.state == .madeAnew || news.state == .damaged, deviceKey.publicKey != before {
      record(AuditNote(.deviceKeyMade))
    }
  }

  private mutating func hearClients(_ news: BlobNews, _ bytes: UnsafeRawBufferPointer) {
    // A keeper that was started again tells what is known; after a factory reset there is nothing.
    guard !access.keys.isLoaded, !keeping.hasForeignClients else { return }
    switch news.state {
    case .loaded:
      do throws(KeyImageError) {
        try access.keys.load(image: bytes, now: now)
      } catch {
        // Keys of another version: with none in their place, the next one would replace them all.
        keeping.hasForeignClients = true
        record(AuditNote(.keysUnreadable))
        log(
          LogLine(
            .error,
            Text("keys: this version cannot read them; nobody gets in before a factory reset")))
        return
      }
    case .none, .madeAnew: access.keys.startEmpty()
    case .damaged:
      access.keys.startEmpty()
      record(AuditNote(.keysUnreadable))
    // Nobody gets in, and nobody can become the first admin, before the card says who may.
    case .unreadable: return
    }
    agreeOnChanges()
    settlePairing(access.pairing.keys(hasAdmin: access.keys.hasAdmin))
  }

  private mutating func hearChanges(_ news: BlobNews, _ bytes: UnsafeRawBufferPointer) {
    guard !access.changes.isRunning, news.state != .unreadable else { return }
    let boot = appliance.bootID
    let isRestored = news.state == .loaded && restoreChanges(bytes, boot)
    if !isRestored { access.changes.begin(boot: boot) }
    agreeOnChanges()
  }

  /// Keys remember changes, also such as are in no image that the card has now.
  private mutating func agreeOnChanges() {
    access.changes.skip(to: access.keys.newestChange)
    access.keys.lastChange = access.changes.lastID
  }

  private mutating func restoreChanges(_ bytes: UnsafeRawBufferPointer, _ boot: BootID) -> Bool {
    var effects = ChangeEffects()
    do throws(ChangeImageError) {
      try access.changes.restore(bytes, boot: boot, at: changeTime, &effects)
    } catch {
      return false
    }
    hold(effects)
    return true
  }

  // MARK: Audit

  private mutating func hearAudit(_ reader: inout ByteReader) {
    guard reader.remaining >= AuditNews.size, let news = AuditNews(from: &reader), news.lane < 4
    else { return }
    guard !access.audit.isRestored else { return }
    while reader.remaining >= AuditEntry.size {
      // One that is refused says nothing about the next.
      try? access.audit.restore(reader.take(AuditEntry.size))
    }
    guard news.isLast, news.outcome == .done || news.outcome == .missing else { return }
    keeping.lanesTold |= 1 << news.lane
    if keeping.lanesTold == 15 { access.audit.finishRestoring(boot: appliance.bootNumber) }
  }

  /// Hands over what is new in the audit, a message for each lane; with `all`, at the end, also
  /// entries that count on.
  mutating func keepAudit(all: Bool = false) {
    guard keeping.isThere, !keeping.isAppending else { return }
    guard all || access.audit.deadline <= now else { return }
    let size = Keeping.auditBatch * AuditEntry.size
    let gathered = UnsafeMutableRawBufferPointer(
      rebasing: keeping.message[(KeeperMessage.size - size)...])
    let count = access.audit.gather(into: gathered, all: all, now: now)
    guard count > 0 else { return }
    keeping.appendFailed = false
    for lane in 0..<4 {
      let number = append(UnsafeRawBufferPointer(rebasing: gathered[..<count]), of: UInt8(lane))
      guard let number else { continue }
      keeping.appending[lane] = number
      if number == 0 { keeping.appendFailed = true }
    }
    if !keeping.isAppending { access.audit.stored(false, now: now) }
  }

  /// The number of the request with a lane's records; nil: there are none.
  private mutating func append(_ records: UnsafeRawBufferPointer, of lane: UInt8) -> UInt32? {
    let laneOffset = 34
    var isWanted = false
    for start in stride(from: 0, to: records.count, by: AuditEntry.size)
    where records[start + laneOffset] == lane {
      isWanted = true
    }
    guard isWanted else { return nil }
    return ask(.append) { writer in
      writer.write(lane)
      for start in stride(from: 0, to: records.count, by: AuditEntry.size)
      where records[start + laneOffset] == lane {
        writer.write(
          UnsafeRawBufferPointer(rebasing: records[start..<(start + AuditEntry.size)]))
      }
    }
  }

  // MARK: The end

  /// The card has all that it is to have, and nothing that it is to forget.
  public var isKept: Bool {
    !keeping.isAppending && keeping.clients.isKept && keeping.changes.isKept
      && keeping.forgetting.isKept && keeping.left.count == 0
  }

  /// Hands over what the keeper has not been told yet, and waits for answers until `deadline`. What
  /// is asked later is answered by nobody.
  public mutating func handOver(until deadline: Instant) {
    while keeping.isThere {
      keepImages()
      keepAudit(all: true)
      guard !isKept, now < deadline else { return }
      let answer = min(deadline, now + KeptImage.fullMs)
      _ = system.wait(until: answer)
      now = Instant(ms: system.nowUs() / 1000)
      takeKept()
    }
  }

  // MARK: What has been done

  private mutating func hearDone(_ reader: inout ByteReader) {
    guard reader.remaining >= KeeperDone.size,
      let done = KeeperDone(from: &reader), done.number != 0
    else { return }
    let isKept = done.outcome == .done || done.outcome == .already
    if done.number == keeping.clients.asked {
      keeping.clients.done(isKept, now: now)
      if !isKept { complain("client keys", done) }
      return
    }
    if done.number == keeping.changes.asked {
      keeping.changes.done(isKept, now: now)
      if !isKept { complain("configuration changes", done) }
      release(isKept: isKept)
      return
    }
    if done.number == keeping.forgetting.asked {
      keeping.forgetting.done(isKept, now: now)
      // It takes everything with it, also what has come since it was asked for.
      guard isKept else { return complain("factory reset", done) }
      keeping.clients.change()
      keeping.changes.change()
      if access.pairing.code != nil { keeping.pairingIsNews = true }
      return
    }
    if done.number == keeping.left.asked { return keeping.left.done(isKept, now: now) }
    for lane in keeping.appending.indices where keeping.appending[lane] == done.number {
      keeping.appending[lane] = 0
      if !isKept { keeping.appendFailed = true }
      if !keeping.isAppending { access.audit.stored(!keeping.appendFailed, now: now) }
      return
    }
    for place in keeping.underWay.indices where keeping.underWay[place].number == done.number {
      let step = keeping.underWay[place]
      keeping.underWay[place] = Keeping.ChangeStep()
      stepDone(step, done)
      return
    }
    decisionDone(done)
  }

  private mutating func complain(_ what: StaticString, _ done: KeeperDone) {
    var line = Text<160>("the card does not keep the ")
    line.append(what)
    line.append(" (")
    line.append(done.outcome.word)
    line.append("); it is tried again")
    log(LogLine(.warning, line))
  }
}

extension KeeperOutcome {
  /// For a line of the log.
  var word: StaticString {
    switch self {
    case .done, .already: "done"
    case .changedElsewhere: "changed by hand"
    case .wrong: "wrong"
    case .unknown: "unknown"
    case .damaged: "damaged"
    case .tooLarge: "too large"
    case .tooMany: "too many"
    case .malformed: "malformed"
    case .readOnly: "read-only"
    case .full: "full"
    case .missing: "missing"
    case .failing: "failing"
    }
  }
}
