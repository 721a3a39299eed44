import Appliance
import Noise
import Wire

// Sealed connections: a handshake, and frames that only the two ends can read.
//
//   plain ── handshake ──▶ sealed, unproven ── first frame that opens ──▶ sealed, proven
//                            └── a frame that does not open ──▶ ends ◀──┘
//
// Whatever is written to a sealed connection is made as a plain frame and sealed in place where it
// stands, in the order in which it is sent; whatever comes is opened in place, once. What is kept
// between turns is kept as it travels, but for one frame that was opened and could not be answered
// yet (`Session.isOpened`).
extension EventLoop where System: ~Copyable {
  /// The next frame of a sealed connection.
  mutating func openFrame(_ index: Int, in input: UnsafeMutableRawBufferPointer) -> FrameStep {
    if sessions.slots[index].isOpened {
      let (header, payload) = SealedFrame.opened(UnsafeRawBufferPointer(input))
      return .frame(header, payload: payload, size: SealedFrame.size(of: header))
    }
    switch SealedFrame.next(in: input, with: &sealed[index].transport) {
    case .incomplete(let needed): return .incomplete(needed: needed)
    case .opened(let header, let payload, let size):
      sessions.setOpened(index, true)
      if let status = prove(index) {
        sealRefusal = status
        return .refused(.seal, nil, size: size)
      }
      return .frame(header, payload: payload, size: size)
    case .refused(let error, let header, let size):
      if case .header(let error) = error {
        noteBroken(index, .sealBroken, ends: error.endsConnection)
        return .refused(error, header, size: size)
      }
      noteBroken(index, error == .badMagic ? .downgradeRefused : .sealBroken)
      sealRefusal = error.status
      return .refused(.seal, nil, size: size)
    }
  }

  /// Seals the plain frame of `size` bytes at the front of `room`, if the connection is sealed.
  /// Returns the size of what is to be sent.
  @inline(__always)
  mutating func seal(
    _ index: Int, _ room: UnsafeMutableRawBufferPointer, _ size: Int
  ) -> Int {
    guard size > 0, sessions.slots[index].isSealed else { return size }
    return SealedFrame.seal(room, size: size, with: &sealed[index].transport)
  }

  /// Bytes that a frame to a connection has more than a plain one.
  @inline(__always)
  func overhead(_ index: Int) -> Int {
    sessions.slots[index].isSealed ? SealedFrame.overhead : 0
  }

  // MARK: Handshake

  /// Answers message 1 of a handshake: the cheapest check first, nothing is computed for one that
  /// is not admitted.
  mutating func beginSealed(
    _ index: Int, _ header: Header, _ payload: UnsafeRawBufferPointer,
    into room: UnsafeMutableRawBufferPointer
  ) throws(Status) -> Int {
    guard !sessions.slots[index].isSealed, !sessions.slots[index].isSubscribed,
      index < sealed.count
    else { throw .state }
    guard access.keys.isLoaded, !deviceKey.publicKey.isNone else {
      // The port listens before the card has answered.
      if !keeping.hasToldKeys { refusalRetryMs = Keeping.soonMs }
      throw .notSupported
    }
    let address = sessions.address(index)
    if case .wait(let ms) = access.admission.ask(address, now: now) {
      note(.handshakeLimited, index)
      counters[.requestsRateLimited] &+= 1
      return Frame.refusal(
        to: header, .rateLimited, retryAfterMs: UInt32(clamping: ms), into: room)
    }
    let prologue = UnsafeRawBufferPointer(rebasing: payload[..<HandshakeForm.size])
    let message = UnsafeMutableRawBufferPointer(
      mutating: UnsafeRawBufferPointer(rebasing: payload[HandshakeForm.size...]))
    var responder = Responder(prologue: prologue, key: deviceKey)
    let client: PublicKey
    let hello: Name
    do throws(NoiseError) {
      let introduced = try responder.read(message, key: deviceKey)
      client = introduced.client
      // A longer one is none, and not its beginning.
      hello = introduced.payload.count <= Name.capacity ? Name(introduced.payload) : Name()
    } catch {
      note(.handshakeRefused, index)
      throw .authentication
    }
    let size = try welcome(index, client, named: hello, &responder, into: room)
    sessions.setSealed(index, now: now)
    counters[.requestsSucceeded] &+= 1
    return header.reply().seal(room, payloadSize: size)
  }

  /// Chooses the psk that goes with a client's key, and writes message 2. Returns the bytes of the
  /// answer's payload.
  private mutating func welcome(
    _ index: Int, _ client: PublicKey, named name: Name, _ responder: inout Responder,
    into room: UnsafeMutableRawBufferPointer
  ) throws(Status) -> Int {
    var welcome = Welcome()
    defer { withUnsafeMutableBytes(of: &welcome.secret) { Wiping.wipe($0) } }
    if let handle = access.keys.find(client, now: now) {
      welcome.role = Code(access.keys.role(of: handle) ?? .anybody)
      let written = withUnsafeTemporaryAllocation(byteCount: 32, alignment: 8) { psk in
        defer { Wiping.wipe(psk) }
        access.keys.withSecret(of: handle) { psk.copyMemory(from: $0) }
        return write(&welcome, psk: UnsafeRawBufferPointer(psk), &responder, index, into: room)
      }
      guard let written else { throw .authentication }
      // It takes no slot of the key yet: what has come may be a copy.
      sealed[index].client = .key(handle, isProven: false)
      return written
    }
    switch access.pairing.begin(now: now) {
    case .closed:
      note(.keyUnknown, index)
      throw .authentication
    case .wait(let ms):
      note(.pairingRefused, index)
      refusalRetryMs = UInt32(clamping: ms)
      throw .rateLimited
    case .go(let ticket):
      guard name.isName else {
        note(.pairingRefused, index)
        settlePairing(access.pairing.failed(ticket), by: index)
        throw .invalidArgument
      }
      welcome.role = Code(access.pairing.role(for: ticket, now: now) ?? .anybody)
      welcome.isPaired = true
      drawSecret(&welcome.secret)
      sealed[index].client = .newcomer(ticket)
      sealed[index].newKey = client
      sealed[index].name = name
      sealed[index].newSecret = welcome.secret
      var psk = PairingSecret()
      if let code = access.pairing.code {
        code.withText { psk.derive(from: $0) }
      } else {
        psk.deriveForButton()
      }
      let written = psk.lend { write(&welcome, psk: $0, &responder, index, into: room) }
      if let written { return written }
      forgetClient(index)
      throw .authentication
    }
  }

  /// Message 2, nil where the client's keys are of no use.
  private mutating func write(
    _ welcome: inout Welcome, psk: UnsafeRawBufferPointer, _ responder: inout Responder,
    _ index: Int, into room: UnsafeMutableRawBufferPointer
  ) -> Int? {
    var form = ByteWriter(UnsafeMutableRawBufferPointer(rebasing: room[Limits.headerSize...]))
    HandshakeForm.encode(into: &form)
    let place = UnsafeMutableRawBufferPointer(
      rebasing: room[(Limits.headerSize + HandshakeForm.size)...])
    return withUnsafeTemporaryAllocation(byteCount: 32 + Welcome.size, alignment: 8) { memory in
      defer { Wiping.wipe(memory) }
      let ephemeral = UnsafeMutableRawBufferPointer(rebasing: memory[..<32])
      let payload = UnsafeMutableRawBufferPointer(rebasing: memory[32...])
      system.random(into: ephemeral)
      var writer = ByteWriter(payload)
      welcome.encode(into: &writer)
      do throws(NoiseError) {
        let size = try responder.write(
          payload: UnsafeRawBufferPointer(payload), psk: psk,
          ephemeral: UnsafeRawBufferPointer(ephemeral), into: place,
          transport: &sealed[index].transport)
        return HandshakeForm.size + size
      } catch {
        note(.handshakeRefused, index)
        return nil
      }
    }
  }

  mutating func drawSecret(_ secret: inout InlineArray<32, UInt8>) {
    var span = secret.mutableSpan
    span.withUnsafeMutableBytes { system.random(into: $0) }
  }

  // MARK: Who it is

  /// The first frame that opens shows who the client is; a newcomer gets its key now. Not nil: it
  /// came too late.
  private mutating func prove(_ index: Int) -> Status? {
    switch sealed[index].client {
    case .nobody, .key(_, isProven: true): return nil
    case .key(let handle, isProven: false):
      guard access.keys.isCurrent(handle) else {
        sealed[index].client = .nobody
        note(.keyUnknown, index)
        return .authentication
      }
      return begin(index, handle)
    case .newcomer(let ticket):
      do throws(Status) {
        return begin(index, try pair(index, ticket))
      } catch {
        note(.pairingRefused, index)
        settlePairing(access.pairing.failed(ticket), by: index)
        // Its keys stay until the connection ends: it is told why.
        sealed[index].client = .nobody
        return error
      }
    }
  }

  /// Only now a connection counts as one of its key.
  private mutating func begin(_ index: Int, _ handle: KeyHandle) -> Status? {
    let name = access.keys.name(of: handle)
    guard access.keys.enter(handle) else {
      sealed[index].client = .nobody
      note(.slotsRefused, index, key: name)
      return .busy
    }
    sealed[index].client = .key(handle, isProven: true)
    sealed[index].name = name
    sealed[index].role = access.keys.role(of: handle) ?? .anybody
    sessions.belongs(index)
    countPeak()
    mustMakeRoom = mustMakeRoom || sessions.placed > sessions.ordinary
    if access.keys.used(handle, now: now) { record(AuditNote(.keyRetired, subject: name)) }
    access.admission.opened(from: sessions.address(index), now: now)
    note(.sessionOpened, index, key: name)
    return nil
  }

  private mutating func pair(_ index: Int, _ ticket: Pairing.Ticket) throws(Status) -> KeyHandle {
    guard let role = access.pairing.role(for: ticket, now: now) else { throw .authentication }
    let name = sealed[index].name
    let opener = access.pairing.opener
    let handle: KeyHandle
    do throws(KeyError) {
      let key = sealed[index].newKey
      var secret = sealed[index].newSecret
      defer {
        withUnsafeMutableBytes(of: &secret) { Wiping.wipe($0) }
        withUnsafeMutableBytes(of: &sealed[index].newSecret) { Wiping.wipe($0) }
      }
      let unixMs = appliance.clock.unixMs(at: now)
      handle = try secret.span.withUnsafeBytes { (secret) throws(KeyError) in
        try access.keys.add(
          name, key, secret: secret, role: role, addedBy: opener, unixMs: unixMs)
      }
    } catch {
      throw error.status
    }
    settlePairing(access.pairing.paired(ticket, now: now), by: index)
    if access.keys.takeChange() { keeping.clients.change() }
    awaitCard(index)
    accessWake = now
    note(.keyPaired, index, subject: name)
    return handle
  }

  /// What a connection may do: nil where its key is gone, and the connection with it.
  mutating func role(of index: Int) -> Role? {
    guard sessions.slots[index].isSealed else { return sessions.slots[index].role }
    guard case .key(let handle, isProven: true) = sealed[index].client else { return nil }
    return access.keys.role(of: handle)
  }

  /// Counts a request against the rate of its key, or of its address.
  @inline(__always)
  func spend(_ index: Int) -> Bool {
    guard sessions.slots[index].isSealed else { return sessions.spend(index, now: now) }
    guard case .key(let handle, _) = sealed[index].client else { return false }
    return access.keys.spend(handle, now: now)
  }

  /// A connection ends, or never began: nothing of its keys is left.
  mutating func forgetClient(_ index: Int) {
    guard index < sealed.count else { return }
    if newcomer?.slot == index { newcomer = nil }
    switch sealed[index].client {
    case .nobody: break
    case .key(let handle, isProven: true): access.keys.leave(handle)
    // A copy of an older handshake, or a client that has not even said a word.
    case .key(_, isProven: false): note(.handshakeRefused, index)
    case .newcomer(let ticket):
      // A wrong code is found out by the one who has it, and it goes.
      note(.pairingRefused, index)
      settlePairing(access.pairing.failed(ticket), by: index)
    }
    sealed.clear(index)
  }

  /// Ends the connections whose key was removed or given up. To be called after each such change.
  public mutating func endRevoked() {
    for index in 0..<sealed.count where sessions.slots[index].isSealed {
      guard case .key(let handle, let isProven) = sealed[index].client,
        !access.keys.isCurrent(handle), sessions.slots[index].phase != .free
      else { continue }
      if isProven { note(.sessionRevoked, index) }
      close(index)
    }
  }
}

extension KeyError {
  var status: Status {
    switch self {
    case .notLoaded: .notSupported
    case .tableFull: .busy
    case .nameTaken, .keyKnown: .alreadyExists
    case .nameUnknown: .notFound
    case .noAdmin: .state
    case .tooSoon: .rateLimited
    case .badName, .badRole, .badFlags, .badKey: .invalidArgument
    }
  }
}
