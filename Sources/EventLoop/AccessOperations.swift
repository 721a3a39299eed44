import Appliance
import Noise
import Wire

/// Operations with keys, pairing and the audit. All of them need a key: who may let others in is
/// known by name.
extension EventLoop where System: ~Copyable {
  /// Begins an operation that is answered when the card has it. False: it is none of these.
  mutating func decide(
    _ index: Int, _ header: Header, _ request: Request
  ) throws(Status) -> Bool {
    switch request {
    case .keyAdd(let bytes): try addKey(index, header, KeyRequest.decode(bytes))
    case .keyRemove(let wanted): try removeKey(index, header, wanted.name)
    case .keyRotate(let wanted): try rotateKey(index, header, wanted.publicKey)
    case .keyChange(let bytes): try changeKey(index, header, KeyRequest.decode(bytes))
    case .configurationText, .configurationCheck, .configurationStage, .changeApprove,
      .changeReject, .changeApply, .changeConfirm:
      do throws(Status) {
        try decideChange(index, header, request)
      } catch {
        if error == .busy { refusalRetryMs = busyMs(header.kind) }
        throw error
      }
    default: return false
    }
    return true
  }

  /// The name of a connection's key. `.permission`: it has none.
  func keyName(of index: Int) throws(Status) -> Name {
    guard sessions.slots[index].isSealed, case .key(let handle, true) = sealed[index].client else {
      throw .permission
    }
    return access.keys.name(of: handle)
  }

  // MARK: Keys

  /// The same before keys change. `.busy`: the answer would find no place to wait in.
  private func keyNameWithRoom(of index: Int) throws(Status) -> Name {
    let name = try keyName(of: index)
    guard decisions.used < Decisions.capacity else { throw .busy }
    return name
  }

  /// Lends 32 random bytes, and wipes them.
  private mutating func withNewSecret(
    _ body: (inout Self, UnsafeRawBufferPointer) throws(KeyError) -> KeyHandle
  ) throws(Status) -> KeyHandle {
    do throws(KeyError) {
      return try withUnsafeTemporaryAllocation(byteCount: 32, alignment: 8) {
        (secret) throws(KeyError) in
        defer { Wiping.wipe(secret) }
        system.random(into: secret)
        return try body(&self, UnsafeRawBufferPointer(secret))
      }
    } catch {
      throw error.status
    }
  }

  private mutating func addKey(
    _ index: Int, _ header: Header, _ wanted: KeyRequest
  ) throws(Status) {
    let by = try keyNameWithRoom(of: index)
    let unixMs = appliance.clock.unixMs(at: now)
    let handle = try withNewSecret { (loop, secret) throws(KeyError) in
      try loop.access.keys.add(
        wanted.name, wanted.publicKey, secret: secret, role: wanted.role,
        limits: KeyLimits(rate: wanted.rate, slots: wanted.slots, flags: wanted.flags),
        addedBy: by, unixMs: unixMs)
    }
    note(.keyAdded, index, subject: wanted.name)
    try keysChanged(index, header, key: handle)
  }

  private mutating func removeKey(
    _ index: Int, _ header: Header, _ name: Name
  ) throws(Status) {
    _ = try keyNameWithRoom(of: index)
    do throws(KeyError) { try access.keys.remove(name) } catch { throw error.status }
    note(.keyRemoved, index, subject: name)
    settlePairing(access.pairing.disown(name), by: index)
    try keysChanged(index, header)
    endsRevoked = true
  }

  /// A client's own key: whoever has the old one may have a new one.
  private mutating func rotateKey(
    _ index: Int, _ header: Header, _ key: PublicKey
  ) throws(Status) {
    let name = try keyNameWithRoom(of: index)
    let handle = try withNewSecret { (loop, secret) throws(KeyError) in
      do throws(KeyError) {
        return try loop.access.keys.rotate(name, to: key, secret: secret, now: loop.now)
      } catch {
        if case .tooSoon(let ms) = error { loop.refusalRetryMs = UInt32(clamping: ms) }
        throw error
      }
    }
    note(.keyRotated, index, subject: name)
    try keysChanged(index, header, key: handle)
  }

  private mutating func changeKey(
    _ index: Int, _ header: Header, _ wanted: KeyRequest
  ) throws(Status) {
    _ = try keyNameWithRoom(of: index)
    do throws(KeyError) {
      try access.keys.change(
        wanted.name, role: wanted.role,
        limits: KeyLimits(rate: wanted.rate, slots: wanted.slots, flags: wanted.flags))
    } catch {
      throw error.status
    }
    note(.keyChanged, index, subject: wanted.name)
    if wanted.role < .admin { settlePairing(access.pairing.disown(wanted.name), by: index) }
    try keysChanged(index, header)
    endsRevoked = true
  }

  private mutating func keysChanged(
    _ index: Int, _ header: Header, key: KeyHandle? = nil
  ) throws(Status) {
    if access.keys.takeChange() { keeping.clients.change() }
    settlePairing(access.pairing.keys(hasAdmin: access.keys.hasAdmin), by: index)
    try wait(index, header, for: .clients(keeping.clients.revision), key: key)
  }

  /// A client's new key that nobody will be told of, as the card does not have it: it may be asked
  /// for again.
  mutating func takeBack(_ key: KeyHandle, _ index: Int) {
    let name = access.keys.name(of: key)
    guard access.keys.takeBack(key) else { return }
    if access.keys.find(name) == nil { note(.keyRemoved, index, subject: name) }
    accessWake = now
  }

  /// The list of keys.
  func writeKeys(into payload: inout ByteWriter) {
    KeyListHead(count: UInt16(access.keys.count)).encode(into: &payload)
    for place in 0..<ClientKeys.capacity {
      access.keys.entry(place, now: now)?.encode(into: &payload)
    }
  }

  // MARK: Pairing

  /// Opens pairing for somebody whom an admin tells the code.
  mutating func openPairing(
    _ index: Int, role: Role, into payload: inout ByteWriter
  ) throws(Status) {
    let name = try keyName(of: index)
    guard access.keys.isLoaded else { throw .notSupported }
    settlePairing(
      access.pairing.openByCode(bits: pairingBits(), role: role, opener: name, now: now),
      by: index)
    var reply = PairingReply(
      openForMs: UInt32(clamping: access.pairing.openForMs(at: now)), code: Text())
    access.pairing.code?.withText { reply.code = Text($0) }
    reply.encode(into: &payload)
  }

  mutating func cancelPairing(_ index: Int) throws(Status) {
    _ = try keyName(of: index)
    settlePairing(access.pairing.cancel(), by: index)
  }

  private mutating func pairingBits() -> UInt64 {
    var bits: UInt64 = 0
    withUnsafeMutableBytes(of: &bits) { system.random(into: $0) }
    return bits
  }

  /// Somebody at the device has pressed its button.
  mutating func pressed(_ press: Button.Press) {
    switch press {
    case .short:
      guard access.keys.isLoaded else { return }
      settlePairing(access.pairing.openByButton(now: now))
    case .long: forgetEverything()
    }
    accessWake = now
  }

  /// Factory reset: nobody's key holds from here on, whatever the card says. The keeper makes a new
  /// device key, and says so.
  private mutating func forgetEverything() {
    keeping.forgetting.change()
    forgetKeys()
    // The keeper forgets them itself.
    _ = access.keys.takeChange()
    keepImages()
  }

  mutating func forgetKeys() {
    access.keys.reset()
    forgetChanges()
    record(AuditNote(.factoryReset))
    endsRevoked = true
    // Whoever holds a code of before is nobody, too.
    settlePairing(access.pairing.reset())
    accessWake = now
  }

  // MARK: Once a turn

  /// Does what has become due of keys, pairing, changes and the audit. Nothing most of the time:
  /// `accessWake` says when.
  @inline(never)
  mutating func serveAccess() {
    if access.keys.deadline <= now {
      while let name = access.keys.expire(now: now) {
        record(AuditNote(.keyRetired, subject: name))
        endsRevoked = true
      }
    }
    settlePairing(access.pairing.tick(now: now))
    if access.keys.takeChange() { keeping.clients.change() }
    executePairing()
    if pairingTold != access.pairing.wasOpened {
      pairingTold.toggle()
      step(.pairing(isOpen: pairingTold))
    }
    tickChanges()
    if endsRevoked {
      endsRevoked = false
      endRevoked()
    }
    keepImages()
    keepAudit()
    let decided = min(serveDecisions(), serveNewcomer())
    forgetText()
    accessWake = min(decided, nextAccessDeadline)
    if let reloadBy {
      if decisions.used == 0 || reloadBy <= now { reload() }
      accessWake = min(accessWake, reloadBy)
    }
  }

  /// A configuration holds secrets: nothing of it stays behind an answer.
  private mutating func forgetText() {
    guard keeping.textSize > 0, decisions.textOwner == nil else { return }
    Wiping.wipe(UnsafeMutableRawBufferPointer(rebasing: keeping.text[..<keeping.textSize]))
    keeping.textSize = 0
  }

  private var nextAccessDeadline: Instant {
    var wake = min(access.keys.deadline, access.pairing.deadline)
    // A step that finds no room for its effects comes again when the card has answered.
    if keeping.held.hasRoom { wake = min(wake, access.changes.nextDeadline) }
    guard keeping.isThere else { return wake }
    wake = min(wake, min(keeping.clients.deadline, keeping.changes.deadline))
    wake = min(wake, min(keeping.forgetting.deadline, keeping.left.deadline(keeping.changes)))
    if keeping.pairingIsNews { wake = min(wake, keeping.showAt) }
    if !keeping.isAppending { wake = min(wake, access.audit.deadline) }
    return min(wake, keeping.retryAt)
  }

  mutating func keepImages() {
    greetKeeper()
    guard keeping.isThere else { return }
    if keeping.retryAt <= now {
      keeping.retryAt = now + Keeping.retryMs
      let hasData = appliance.storageIsThere
      let isWanted =
        keeping.isMissing || keeping.deviceStoring != .done || !access.audit.isRestored
        || keeping.hasData != hasData
      if isWanted, ask(.retry, { $0.write(hasData) }) != 0 {
        keeping.isMissing = false
        keeping.hasData = hasData
      }
    }
    // Before everything is forgotten, which goes the way back that is still there.
    dropLeft()
    // Before the keys of whoever has come in since.
    if keeping.forgetting.isDue(at: now) {
      let number = ask(.forget) { _ in }
      keeping.forgetting.ask(number, now: now)
    }
    if keeping.clients.isDue(at: now), access.keys.isLoaded { keepClients() }
    if keeping.changes.isDue(at: now), access.changes.isRunning { keepChanges() }
    if keeping.pairingIsNews, keeping.showAt <= now { showPairing() }
  }

  private mutating func keepClients() {
    withUnsafeTemporaryAllocation(byteCount: ClientKeys.imageCapacity, alignment: 8) { image in
      defer { Wiping.wipe(image) }
      let size = access.keys.encode(into: image, now: now)
      let number = ask(.clients) { $0.write(UnsafeRawBufferPointer(rebasing: image[..<size])) }
      keeping.clients.ask(number, now: now)
    }
  }

  private mutating func keepChanges() {
    withUnsafeTemporaryAllocation(byteCount: ConfigurationChanges.imageSize, alignment: 8) {
      let image = UnsafeMutableRawBufferPointer(rebasing: $0[..<ConfigurationChanges.imageSize])
      access.changes.encode(into: image, now: now)
      let number = ask(.changes) { $0.write(UnsafeRawBufferPointer(image)) }
      keeping.changes.ask(number, now: now)
    }
  }

  // MARK: What pairing asks for

  private mutating func executePairing() {
    while !pairingEffects.isEmpty {
      let effects = pairingEffects
      pairingEffects = .none
      if effects.contains(.show) || effects.contains(.withdraw) || effects.contains(.opened) {
        keeping.pairingIsNews = true
      }
      if effects.contains(.wantCode) {
        pairingEffects.insert(access.pairing.renew(bits: pairingBits(), now: now))
      }
    }
  }

  /// Has the keeper show the code, or take it away.
  private mutating func showPairing() {
    let code = access.pairing.code
    let number = ask(.pairing) { writer in
      guard let code else { return }
      code.withText { writer.write($0) }
      writer.write(Text<128>("\n\nThis code lets one client in: type it into `wpctl pair`.\n"))
    }
    keeping.pairingIsNews = number == 0
    keeping.showAt = number == 0 ? now + KeptImage.fullMs : now
  }
}
