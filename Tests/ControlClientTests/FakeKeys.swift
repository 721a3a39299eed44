import Noise
import Synchronization

@testable import ControlClient
@testable import Wire

/// The keys of a sealed `FakeDevice`, what becomes of handshakes, and what has come.
final class FakeKeys: Sendable {
  enum Cut: CaseIterable, Sendable { case before, after }

  struct State: Sendable {
    /// Of each client that is known: its public key, the secret, its role.
    var clients: [(key: PublicKey, secret: [UInt8], role: Role)] = []
    var pairing = PairingState.closed
    var code = PairingCode(random: 0)
    /// What the next handshakes are refused with, and for how long.
    var refusals: [(status: Status, retryAfterMs: UInt32)] = []
    /// What a newcomer's first sealed frame is refused with.
    var newcomer: Status?
    /// The connection is cut instead of its answer, and before or after its key counts.
    var cutsNewcomer: Cut?
    /// What new keys are refused with.
    var grants: Status?
    /// Sealed frames, counted from 1, of which a bit is changed on the way.
    var damaged = 0
    var handshakes = 0
    var identities = 0
    /// What was asked for in plain text, besides those two.
    var plain: [Kind] = []
    var sealed: [Kind] = []
    var names: [String] = []
    /// Answers the handshake with bytes that nobody has sealed.
    var answersNonsense = false
    /// Goes back to plain text after the handshake.
    var answersPlainly = false
  }

  let state: Mutex<State>
  let number: UInt8

  /// A device with the key of this number, which knows these clients.
  init(_ number: UInt8 = 1, _ change: (inout State) -> Void = { _ in }) {
    self.number = number
    var state = State()
    change(&state)
    self.state = Mutex(state)
  }

  /// 32 bytes that no other number gives.
  static func bytes(_ number: UInt8) -> [UInt8] {
    (0..<32).map { number &* 37 &+ UInt8($0) &* 11 ^ 0x5A }
  }

  var publicKey: PublicKey {
    precondition(KnownAnswer.holds())
    var pair = KeyPair()
    Self.bytes(number).withUnsafeBytes { pair.load($0) }
    return pair.publicKey
  }

  /// Makes a client known on both sides: the device at `address` with `role`.
  func introduce(
    _ folder: KeyFolder, at address: DeviceAddress, role: Role = .admin
  ) throws {
    let identity = try ClientIdentity.findOrMake(in: folder)
    let secret = Self.bytes(200 &+ number)
    state.withLock { $0.clients = [(identity.publicKey, secret, role)] }
    try KnownDevices(in: folder).remember(
      KnownDevice(
        address: address, publicKey: publicKey,
        secret: secret.withUnsafeBytes { SecretBytes($0) }, role: role, name: "barn"))
  }

  var handshakes: Int { state.withLock { $0.handshakes } }
}

/// The device's half of one sealed connection.
final class FakeSeal {
  private let keys: FakeKeys
  private var pair = KeyPair()
  private var transport = Transport()
  private var client = PublicKey()
  private var newcomer: (key: PublicKey, secret: [UInt8])?
  private var sent = 0

  init(_ keys: FakeKeys) {
    self.keys = keys
    precondition(KnownAnswer.holds())
    FakeKeys.bytes(keys.number).withUnsafeBytes { pair.load($0) }
  }

  var isOpen: Bool { transport.isOpen }

  /// What is answered to a request, if the keys have to do with it; nothing: the connection is cut.
  func answer(_ header: Header, _ payload: [UInt8]) -> [UInt8]? {
    let kind = Kind(rawValue: header.kind)!
    if isOpen {
      keys.state.withLock { $0.sealed.append(kind) }
      return prove(header) ?? grant(header, kind, payload)
    }
    switch kind {
    case .identity:
      var report = IdentityReport()
      report.publicKey = pair.publicKey
      report.name = "barn"
      keys.state.withLock {
        $0.identities += 1
        report.pairing = Code($0.pairing)
      }
      return built { Frame.reply(to: header, report, into: $0) }
    case .handshake:
      let refusal = keys.state.withLock { state in
        state.handshakes += 1
        return state.refusals.isEmpty ? nil : state.refusals.removeFirst()
      }
      if let (status, ms) = refusal {
        return built { Frame.refusal(to: header, status, retryAfterMs: ms, into: $0) }
      }
      return begin(header, payload)
    default:
      keys.state.withLock { $0.plain.append(kind) }
      guard kind.leastRole > .anybody else { return nil }
      return built { Frame.refusal(to: header, .permission, into: $0) }
    }
  }

  /// A newcomer's first sealed frame.
  private func prove(_ header: Header) -> [UInt8]? {
    guard let (key, secret) = newcomer else { return nil }
    newcomer = nil
    return keys.state.withLock { state in
      if let status = state.newcomer {
        return built { Frame.refusal(to: nil, status, into: $0) }
      }
      if state.cutsNewcomer != .before {
        state.clients.append((key, secret, .admin))
        state.pairing = .closed
      }
      return state.cutsNewcomer == nil ? nil : []
    }
  }

  /// A new key, for another client or for this one.
  private func grant(_ header: Header, _ kind: Kind, _ payload: [UInt8]) -> [UInt8]? {
    guard kind == .keyAdd || kind == .keyRotate else { return nil }
    return keys.state.withLock { state in
      if let status = state.grants {
        return built { Frame.refusal(to: header, status, into: $0) }
      }
      let place = kind == .keyAdd ? 32 : 0
      let key = payload[place..<place + 32].withUnsafeBytes { PublicKey($0) }
      let role = kind == .keyAdd ? Role(rawValue: payload[64])! : .admin
      let secret = FakeKeys.bytes(UInt8(100 + state.clients.count))
      if kind == .keyRotate { state.clients.removeAll { $0.key == client } }
      state.clients.append((key, secret, role))
      var grant = KeyGrant()
      grant.devicePublicKey = pair.publicKey
      for index in secret.indices { grant.secret[index] = secret[index] }
      return built { Frame.reply(to: header, grant, into: $0) }
    }
  }

  private func begin(_ header: Header, _ payload: [UInt8]) -> [UInt8] {
    var responder = payload.prefix(HandshakeForm.size).withUnsafeBytes {
      let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: $0.count, alignment: 8)
      copy.copyMemory(from: $0)
      return copy
    }.prologue(pair)
    var message = Array(payload.dropFirst(HandshakeForm.size))
    var name = ""
    let isRead = message.withUnsafeMutableBytes { message in
      guard let found = try? responder.read(message, key: pair) else { return false }
      client = found.client
      name = String(decoding: found.payload, as: UTF8.self)
      return true
    }
    guard isRead, let (secret, welcome) = welcome(client, name) else {
      return built { Frame.refusal(to: header, .authentication, into: $0) }
    }
    var answer = [UInt8](repeating: 0, count: 200)
    let size = answer.withUnsafeMutableBytes { answer in
      encoded(welcome).withUnsafeBytes { welcome in
        secret.withUnsafeBytes { secret in
          FakeKeys.bytes(77).withUnsafeBytes { ephemeral in
            try! responder.write(
              payload: welcome, psk: secret, ephemeral: ephemeral, into: answer,
              transport: &transport)
          }
        }
      }
    }
    let isNonsense = keys.state.withLock { $0.answersNonsense }
    if isNonsense { answer[40] ^= 1 }
    return built { buffer in
      var writer = FrameWriter(buffer)
      HandshakeForm.encode(into: &writer.payload)
      answer[..<size].withUnsafeBytes { writer.payload.write($0) }
      return writer.seal(header.reply())
    }
  }

  private func welcome(_ client: PublicKey, _ name: String) -> (psk: [UInt8], Welcome)? {
    keys.state.withLock { state in
      state.names.append(name)
      var welcome = Welcome()
      if let known = state.clients.first(where: { $0.key == client }) {
        welcome.role = Code(known.role)
        return (known.secret, welcome)
      }
      guard state.pairing != .closed else { return nil }
      var psk = PairingSecret()
      if state.pairing == .code {
        state.code.withText { psk.derive(from: $0) }
      } else {
        psk.deriveForButton()
      }
      let secret = FakeKeys.bytes(99)
      for index in secret.indices { welcome.secret[index] = secret[index] }
      welcome.role = Code(.admin)
      welcome.isPaired = true
      newcomer = (client, secret)
      return (psk.lend { Array($0) }, welcome)
    }
  }

  /// The frame at the front of `bytes`.
  func next(in bytes: UnsafeMutableRawBufferPointer) -> (Header, [UInt8], size: Int)? {
    guard
      case .opened(let header, let payload, let size) = SealedFrame.next(
        in: bytes, with: &transport)
    else { return nil }
    return (header, [UInt8](payload), size)
  }

  /// Plain frames as they go over the connection.
  func seal(_ frames: [UInt8]) -> [UInt8] {
    guard !keys.state.withLock({ $0.answersPlainly }) else { return frames }
    var rest = frames[...]
    var whole: [UInt8] = []
    while !rest.isEmpty {
      guard case .frame(_, _, let size) = rest.withUnsafeBytes({ Header.next(in: $0) }) else {
        return whole + rest
      }
      var frame = Array(rest.prefix(size)) + [UInt8](repeating: 0, count: SealedFrame.overhead)
      frame.withUnsafeMutableBytes { _ = SealedFrame.seal($0, size: size, with: &transport) }
      sent += 1
      if keys.state.withLock({ $0.damaged }) == sent { frame[frame.count - 1] ^= 1 }
      whole += frame
      rest = rest.dropFirst(size)
    }
    return whole
  }
}

extension UnsafeMutableRawBufferPointer {
  /// The responder with these bytes, which are given back, as its prologue.
  fileprivate func prologue(_ pair: borrowing KeyPair) -> Responder {
    defer { deallocate() }
    return Responder(prologue: UnsafeRawBufferPointer(self), key: pair)
  }
}

func built(_ body: (UnsafeMutableRawBufferPointer) -> Int) -> [UInt8] {
  [UInt8](unsafeUninitializedCapacity: Limits.frameSize) { buffer, count in
    count = body(UnsafeMutableRawBufferPointer(buffer))
  }
}
