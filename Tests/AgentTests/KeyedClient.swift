import Glibc
import Noise
import Wire

/// A client's key, and what it must know of the device.
struct ClientPass: Equatable {
  var name: String
  /// Its private key, and the psk of its handshakes.
  var key: [UInt8]
  var secret: [UInt8]
  var device: PublicKey

  /// A new key that the device does not know yet.
  init(_ name: String, secret: [UInt8], device: PublicKey) {
    self.name = name
    key = (0..<32).map { _ in .random(in: 0...255) }
    (self.secret, self.device) = (secret, device)
  }

  var publicKey: PublicKey {
    var pair = KeyPair()
    key.withUnsafeBytes { pair.load($0) }
    return pair.publicKey
  }
}

/// The device has answered a handshake with a refusal, or with what does not fit the client's psk.
struct HandshakeRefusal: Error, Equatable {
  /// nil: it answered, but knows another psk.
  var status: Status?
}

/// A blocking sealed connection to the control port.
final class KeyedClient {
  struct Answer {
    var status: Status?
    var payload: [UInt8]

    /// Its only content, or its head.
    func read<Content: Payload>(_: Content.Type = Content.self) throws -> Content {
      guard status == nil, payload.count >= Content.size else {
        throw TestError("refused: \(status.map { "\($0)" } ?? "too short")")
      }
      return try payload.withUnsafeBytes { bytes in
        var reader = ByteReader(bytes)
        return try Content(from: &reader)
      }
    }

    /// What a list holds.
    func list<Head: ListHead>(_: Head.Type) throws -> [Head.Entry] {
      let head: Head = try read()
      return try payload.withUnsafeBytes { bytes in
        var reader = ByteReader(bytes)
        reader.skip(Head.size)
        var entries: [Head.Entry] = []
        for _ in 0..<Int(head.count) { entries.append(try Head.Entry(from: &reader)) }
        return entries
      }
    }
  }

  private let connection: Connection
  private var pair = KeyPair()
  private var initiator: Initiator
  private var transport = Transport()
  private var received: [UInt8] = []
  private var number: UInt32 = 0
  let pass: ClientPass
  private(set) var welcome = Welcome()

  /// Shakes hands; the first request proves that it has the key.
  init(_ agent: AgentProcess, _ pass: ClientPass, from source: UInt32 = 0) throws {
    connection = try Connection(agent, from: source)
    self.pass = pass
    let prologue = UnsafeMutableRawBufferPointer.allocate(
      byteCount: Self.prologue.count, alignment: 8)
    defer { prologue.deallocate() }
    prologue.copyBytes(from: Self.prologue)
    initiator = Initiator(prologue: UnsafeRawBufferPointer(prologue), device: pass.device)
    pass.key.withUnsafeBytes { pair.load($0) }
    try shakeHands()
  }

  /// Connects, later where too many handshakes have come from this address.
  static func arrive(
    _ agent: AgentProcess, _ pass: ClientPass, from source: UInt32 = 0
  ) throws -> KeyedClient {
    try poll("a handshake", everyMs: 300) {
      do throws(any Error) { return try KeyedClient(agent, pass, from: source) } catch let refusal
        as HandshakeRefusal where refusal.status == .rateLimited
      {
        return nil
      }
    }
  }

  /// Becomes a client of the agent with the code that it shows.
  static func pair(_ agent: AgentProcess, _ name: String, code: String) throws -> ClientPass {
    let device = try agent.identity().publicKey
    var secret = PairingSecret()
    Array(code.utf8).withUnsafeBytes { secret.derive(from: $0) }
    var pass = ClientPass(name, secret: secret.lend { Array($0) }, device: device)
    let client = try KeyedClient(agent, pass)
    guard client.welcome.isPaired else { throw TestError("it was not paired") }
    // The key counts from the first sealed frame on.
    guard try client.ask(.ping).status == nil else { throw TestError("its key is not known") }
    pass.secret = client.welcome.secret.indices.map { client.welcome.secret[$0] }
    return pass
  }

  /// Sends a request and waits for its answer.
  func ask(_ kind: Kind, _ payload: [UInt8] = []) throws -> Answer {
    try send(kind, payload)
    return try answer()
  }

  func ask<Content: Payload>(_ kind: Kind, _ content: Content) throws -> Answer {
    try ask(kind, bytes(of: content))
  }

  func send(_ kind: Kind, _ payload: [UInt8] = []) throws {
    number += 1
    var frame = plainFrame(kind, id: number, payload)
    let size = frame.count
    frame += [UInt8](repeating: 0, count: SealedFrame.overhead)
    frame.withUnsafeMutableBytes { _ = SealedFrame.seal($0, size: size, with: &transport) }
    try connection.send(frame)
  }

  /// The next answer.
  func answer() throws -> Answer {
    while true {
      var found: (answer: Answer, size: Int)?
      try received.withUnsafeMutableBytes { bytes in
        switch SealedFrame.next(in: bytes, with: &transport) {
        case .opened(let header, let payload, let size):
          found = (Answer(status: header.refusal, payload: Array(payload)), size)
        case .incomplete: break
        case .refused(let error, _, _): throw TestError("a bad frame came back: \(error)")
        }
      }
      if let found {
        received.removeFirst(found.size)
        return found.answer
      }
      let more = try connection.receive()
      guard !more.isEmpty else { throw TestError("the stream has ended") }
      received += more
    }
  }

  private static let prologue: [UInt8] = [HandshakeForm.version, 0, 0, 0, 0, 0, 0, 0]

  private func shakeHands() throws {
    var message = [UInt8](repeating: 0, count: 256)
    let ephemeral = (0..<32).map { _ in UInt8.random(in: 0...255) }
    let size = try message.withUnsafeMutableBytes { message in
      try Array(pass.name.utf8).withUnsafeBytes { name in
        try ephemeral.withUnsafeBytes {
          try initiator.write(payload: name, key: pair, ephemeral: $0, into: message)
        }
      }
    }
    let answer = try connection.ask(.handshake, Self.prologue + message[..<size])
    if let status = answer.status { throw HandshakeRefusal(status: status) }
    var reply = Array(answer.payload[HandshakeForm.size...])
    let read = reply.withUnsafeMutableBytes { reply in
      pass.secret.withUnsafeBytes { secret in
        let payload = try? initiator.read(reply, key: pair, psk: secret, transport: &transport)
        guard let payload else { return false }
        var reader = ByteReader(payload)
        welcome = Welcome(from: &reader)
        return true
      }
    }
    guard read else { throw HandshakeRefusal(status: nil) }
  }
}

extension Header {
  /// Why a request was refused; nil: it was not.
  var refusal: Status? { isRefusal ? Status(rawValue: status) ?? .internalError : nil }
  private var isRefusal: Bool { status != 0 }
}

extension Connection {
  /// Sends a plain request and waits for its answer.
  func ask(_ kind: Kind, _ payload: [UInt8] = []) throws -> KeyedClient.Answer {
    try send(plainFrame(kind, id: 1, payload))
    var bytes: [UInt8] = []
    while true {
      let more = try receive()
      guard !more.isEmpty else { throw TestError("the stream has ended") }
      bytes += more
      let answer: KeyedClient.Answer? = try bytes.withUnsafeBytes { bytes in
        switch Header.next(in: bytes) {
        case .frame(let header, let payload, _):
          return KeyedClient.Answer(status: header.refusal, payload: Array(payload))
        case .incomplete: return nil
        case .refused(let error, _, _): throw TestError("a bad frame came back: \(error)")
        }
      }
      if let answer { return answer }
    }
  }
}

/// A request as it goes over a plain connection.
func plainFrame(_ kind: Kind, id: UInt32, _ payload: [UInt8]) -> [UInt8] {
  var frame = [UInt8](repeating: 0, count: Limits.headerSize) + payload
  frame.withUnsafeMutableBytes {
    _ = Header(kind: kind.rawValue, requestID: id).seal($0, payloadSize: payload.count)
  }
  return frame
}

func bytes<Content: Payload>(of content: Content) -> [UInt8] {
  var bytes = [UInt8](repeating: 0, count: Content.size)
  bytes.withUnsafeMutableBytes { memory in
    var writer = ByteWriter(memory)
    content.encode(into: &writer)
  }
  return bytes
}
