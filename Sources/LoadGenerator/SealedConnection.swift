import Glibc
import Noise
import Wire

/// A client's key, and what it knows of the device.
public struct SealedIdentity: Sendable {
  /// Both 32 bytes: the private key, and the psk of its handshakes.
  public var key: [UInt8]
  public var secret: [UInt8]
  public var device: PublicKey

  public init(key: [UInt8], secret: [UInt8], device: PublicKey) {
    (self.key, self.secret, self.device) = (key, secret, device)
  }

  /// Of a client that has a new key and knows the code that the device shows.
  public init(code: String, device: PublicKey) {
    var psk = PairingSecret()
    Array(code.utf8).withUnsafeBytes { psk.derive(from: $0) }
    self.init(key: SealedIdentity.draw(), secret: psk.lend { [UInt8]($0) }, device: device)
  }

  /// Of somebody whom the device does not know.
  public static func stranger(to device: PublicKey) -> SealedIdentity {
    SealedIdentity(key: draw(), secret: draw(), device: device)
  }

  /// 32 bytes for a private key.
  public static func draw() -> [UInt8] { (0..<32).map { _ in .random(in: 0...255) } }
}

/// One sealed connection: what goes out is sealed, what comes in is opened, in place.
///
/// A class, because secrets must not move: they stand where they were made.
public final class SealedConnection {
  static let prologue: [UInt8] = [HandshakeForm.version, 0, 0, 0, 0, 0, 0, 0]
  /// Bytes of a handshake's answer.
  private static let replySize =
    Limits.headerSize + HandshakeForm.size + HandshakeForm.secondOverhead + Welcome.size

  /// -1: it was given up.
  private(set) var descriptor: Int32
  private var transport = Transport()
  /// What the device has said to this client.
  public private(set) var welcome = Welcome()
  private let buffer: UnsafeMutableRawBufferPointer
  private var filled = 0
  /// What is sent, with room for the tag.
  private let output: UnsafeMutableRawBufferPointer
  /// When the latest request was sent, or was to be, and its number.
  var sentAt: UInt64 = 0
  private(set) var number: UInt32 = 0
  /// A ping is under way.
  var isAwaiting = false

  private init(_ descriptor: Int32) {
    self.descriptor = descriptor
    buffer = .allocate(byteCount: 2 * Limits.frameSize, alignment: 64)
    output = .allocate(byteCount: Limits.frameSize, alignment: 64)
  }

  deinit {
    giveUp()
    buffer.deallocate()
    output.deallocate()
  }

  /// Nothing more is expected of it.
  func giveUp() {
    if descriptor >= 0 { close(descriptor) }
    descriptor = -1
    isAwaiting = false
  }

  // MARK: Handshake

  static func begin(with device: PublicKey) -> Initiator {
    let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: prologue.count, alignment: 8)
    defer { bytes.deallocate() }
    bytes.copyBytes(from: prologue)
    return Initiator(prologue: UnsafeRawBufferPointer(bytes), device: device)
  }

  /// A frame with somebody's message 1, with the state that reads the answer.
  static func hello(
    _ name: String, _ initiator: inout Initiator, _ pair: borrowing KeyPair
  ) throws(LoadError) -> [UInt8] {
    var message = [UInt8](repeating: 0, count: Handshake.firstOverhead + Handshake.payloadSize)
    let ephemeral = SealedIdentity.draw()
    let size = message.withUnsafeMutableBytes { message in
      Array(name.utf8).withUnsafeBytes { name in
        ephemeral.withUnsafeBytes { ephemeral in
          try? initiator.write(payload: name, key: pair, ephemeral: ephemeral, into: message)
        }
      }
    }
    guard let size else { throw .handshake(.authentication) }
    return plainFrame(.handshake, id: 1, prologue + message[..<size])
  }

  static func plainFrame(_ kind: Kind, id: UInt32, _ payload: [UInt8]) -> [UInt8] {
    var frame = [UInt8](repeating: 0, count: Limits.headerSize) + payload
    frame.withUnsafeMutableBytes {
      _ = Header(kind: kind.rawValue, requestID: id).seal($0, payloadSize: payload.count)
    }
    return frame
  }

  /// A frame with message 1 of somebody who does not care for the answer.
  public static func hello(_ identity: SealedIdentity) throws(LoadError) -> [UInt8] {
    var pair = KeyPair()
    identity.key.withUnsafeBytes { pair.load($0) }
    var initiator = begin(with: identity.device)
    return try hello("", &initiator, pair)
  }

  /// Connects from `origin` (nil: any address) and shakes hands, within `seconds`. A device that
  /// hears no more handshakes now is asked again when it says so.
  public static func open(
    _ identity: SealedIdentity, to target: Endpoint, from origin: UInt32? = nil,
    named name: String = "", seconds: Double = 60
  ) throws(LoadError) -> SealedConnection {
    let end = monotonicNs() + UInt64(seconds * 1e9)
    guard let descriptor = try startConnecting(to: target, from: origin),
      isReady(descriptor, POLLOUT, 5000), connectError(descriptor) == 0
    else { throw .handshake(.timeout) }
    let connection = SealedConnection(descriptor)
    while true {
      let waitMs = try connection.shakeHands(identity, name)
      guard waitMs > 0 else { return connection }
      guard monotonicNs() + UInt64(waitMs) * 1_000_000 < end else {
        throw .handshake(.rateLimited)
      }
      usleep(waitMs * 1000)
    }
  }

  /// 0: it is done; otherwise after how many milliseconds it is worth another try.
  private func shakeHands(
    _ identity: SealedIdentity, _ name: String
  ) throws(LoadError) -> UInt32 {
    var pair = KeyPair()
    identity.key.withUnsafeBytes { pair.load($0) }
    var initiator = SealedConnection.begin(with: identity.device)
    let frame = try SealedConnection.hello(name, &initiator, pair)
    guard Glibc.send(descriptor, frame, frame.count, Int32(MSG_NOSIGNAL)) == frame.count else {
      throw .system("send", errno)
    }
    let (header, reply) = try readPlain()
    guard header.status == 0 else {
      let status = Status(rawValue: header.status) ?? .internalError
      guard reply.count >= Refusal.size else { throw .handshake(status) }
      let refusal = reply.withUnsafeBytes {
        var reader = ByteReader($0)
        return Refusal(from: &reader)
      }
      // A device that has just begun has no keys yet.
      let isBrief = status == .notSupported && refusal.retryAfterMs > 0
      guard status == .rateLimited || isBrief else { throw .handshake(status) }
      return max(1, refusal.retryAfterMs)
    }
    var message = Array(reply[HandshakeForm.size...])
    let isRight = message.withUnsafeMutableBytes { message in
      identity.secret.withUnsafeBytes { psk in
        guard
          let payload = try? initiator.read(message, key: pair, psk: psk, transport: &transport)
        else { return false }
        var reader = ByteReader(payload)
        welcome = Welcome(from: &reader)
        return true
      }
    }
    guard isRight else { throw .handshake(.authentication) }
    return 0
  }

  /// The next plain frame.
  private func readPlain() throws(LoadError) -> (Header, [UInt8]) {
    while true {
      let step = Header.next(
        in: UnsafeRawBufferPointer(rebasing: buffer[..<filled]), ignoringReserved: true)
      if case .frame(let header, let payload, let size) = step {
        let bytes = Array(payload)
        consume(size)
        return (header, bytes)
      }
      guard isReady(descriptor, POLLIN, 5000), receive() > 0 else { throw .handshake(.timeout) }
    }
  }

  // MARK: Frames

  /// Sends a request; false: the socket did not take it.
  func send(_ kind: Kind, _ payload: [UInt8] = []) -> Bool {
    number &+= 1
    payload.withUnsafeBytes {
      UnsafeMutableRawBufferPointer(rebasing: output[Limits.headerSize...]).copyMemory(from: $0)
    }
    let plain = Header(kind: kind.rawValue, requestID: number).seal(
      output, payloadSize: payload.count)
    let size = SealedFrame.seal(output, size: plain, with: &transport)
    return Glibc.send(descriptor, output.baseAddress!, size, Int32(MSG_NOSIGNAL)) == size
  }

  /// Takes what has come; 0: nothing; negative: the connection has ended.
  func receive() -> Int {
    let count = recv(
      descriptor, buffer.baseAddress! + filled, buffer.count - filled, Int32(MSG_DONTWAIT))
    if count < 0 && errno == EAGAIN { return 0 }
    guard count > 0 else { return -1 }
    filled += count
    return count
  }

  /// Hands over all whole frames that have come; false: one is not what the device has sealed, or
  /// `body` does not like it.
  func drain(_ body: (Header, UnsafeRawBufferPointer) -> Bool) -> Bool {
    var offset = 0
    defer { consume(offset) }
    while offset < filled {
      let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[offset..<filled])
      switch SealedFrame.next(in: rest, with: &transport, ignoringReserved: true) {
      case .incomplete: return true
      case .refused: return false
      case .opened(let header, let payload, let size):
        offset += size
        guard body(header, payload) else { return false }
      }
    }
    return true
  }

  private func consume(_ count: Int) {
    guard count > 0 else { return }
    let start = buffer.baseAddress!
    start.copyMemory(from: start + count, byteCount: filled - count)
    filled -= count
  }

  /// A request and the payload of its answer, which says yes.
  public func ask(_ kind: Kind, _ payload: [UInt8] = []) throws(LoadError) -> [UInt8] {
    guard send(kind, payload) else { throw .system("send", errno) }
    var answer: [UInt8]?
    var status = Status.malformed
    while answer == nil {
      guard isReady(descriptor, POLLIN, 5000), receive() > 0 else { throw .handshake(.timeout) }
      let isRight = drain { header, payload in
        status = Status(rawValue: header.status) ?? .internalError
        guard header.kind == kind.rawValue, header.requestID == number, status == .ok else {
          return false
        }
        answer = Array(payload)
        return true
      }
      guard isRight else { throw .handshake(status) }
    }
    return answer ?? []
  }
}
