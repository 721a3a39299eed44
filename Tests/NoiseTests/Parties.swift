import CSodium
import Foundation
import Wire

@testable import Noise

/// libsodium with the routines of this processor, as on the device.
let isReady = KnownAnswer.holds()

/// The numbers of Tests/Fixtures/noise/cacophony.json.
struct Vector: Decodable {
  struct Message: Decodable {
    let payload: String
    let ciphertext: String
  }

  let name: String
  let initPrologue: String
  let initPsk: String
  let initStatic: String
  let initEphemeral: String
  let initRemoteStatic: String
  let respStatic: String
  let respEphemeral: String
  let messages: [Message]

  static let folder = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "Fixtures/noise")

  static let cacophony: Vector = {
    do {
      let text = try Data(contentsOf: folder.appending(path: "cacophony.json"))
      let decoder = JSONDecoder()
      decoder.keyDecodingStrategy = .convertFromSnakeCase
      return try decoder.decode(Vector.self, from: text)
    } catch { fatalError("the vector cannot be read: \(error)") }
  }()
}

func bytes(_ hex: String) -> [UInt8] {
  let digits = hex.utf8.map { UInt8($0 < 0x3A ? $0 - 0x30 : $0 - 0x57) }
  return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
}

/// 32 bytes that no other number gives.
func key(_ number: UInt8) -> [UInt8] { (0..<32).map { number &* 37 &+ UInt8($0) &* 11 ^ 0x5A } }

/// What the parties have unless a test gives them something else.
enum Keys {
  static let client = key(1)
  static let clientEphemeral = key(2)
  static let device = key(3)
  static let deviceEphemeral = key(4)
  static let psk = key(5)
}

extension PublicKey {
  var bytes: [UInt8] { withBytes { [UInt8]($0) } }
  init(bytes: [UInt8]) { self = bytes.withUnsafeBytes { PublicKey($0) } }
}

/// A copy for calls that return what a closure of `withUnsafeBytes` cannot.
func unmanaged(_ bytes: [UInt8]) -> UnsafeRawBufferPointer {
  let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
  copy.copyBytes(from: bytes)
  return UnsafeRawBufferPointer(copy)
}

func keyPair(_ bytes: [UInt8]) -> KeyPair {
  let copy = unmanaged(bytes)
  var pair = KeyPair()
  pair.load(copy)
  copy.deallocate()
  return pair
}

func secret(_ bytes: [UInt8]) -> Secret {
  let copy = unmanaged(bytes)
  var secret = Secret()
  secret.set(copy.start(of: Secret.size))
  copy.deallocate()
  return secret
}

/// One end of a connection. A class, so that expectations can speak of what it holds.
class Party {
  let key: KeyPair
  var transport = Transport()

  init(key bytes: [UInt8]) {
    precondition(isReady)
    key = keyPair(bytes)
  }

  var isOpen: Bool { transport.isOpen }
  var sent: UInt64 { transport.sending.nonce }
  var received: UInt64 { transport.receiving.nonce }

  /// A sealed ping.
  func sealed(_ payload: [UInt8], id: UInt32 = 1) -> [UInt8] {
    sealed(frame: plain(payload, Header(kind: Kind.ping.rawValue, requestID: id)))
  }

  func sealed(frame: [UInt8]) -> [UInt8] {
    var bytes = frame + [UInt8](repeating: 0, count: SealedFrame.overhead)
    let size = bytes.withUnsafeMutableBytes {
      SealedFrame.seal($0, size: frame.count, with: &transport)
    }
    precondition(size == bytes.count)
    return bytes
  }

  enum Step: Equatable {
    case incomplete(Int)
    case opened(Header, [UInt8], Int)
    case refused(SealedFrameError, Header?, Int)
  }

  /// Opens a copy, unless `buffer` is to be looked at afterwards.
  func open(_ frame: [UInt8], ignoringReserved: Bool = false) -> Step {
    var buffer = frame
    return open(in: &buffer, ignoringReserved: ignoringReserved)
  }

  func open(in buffer: inout [UInt8], ignoringReserved: Bool = false) -> Step {
    buffer.withUnsafeMutableBytes { bytes in
      switch SealedFrame.next(in: bytes, with: &transport, ignoringReserved: ignoringReserved) {
      case .incomplete(let needed): .incomplete(needed)
      case .opened(let header, let payload, let size): .opened(header, [UInt8](payload), size)
      case .refused(let error, let header, let size): .refused(error, header, size)
      }
    }
  }

  /// The payload of a frame that is whole and right.
  func payload(_ frame: [UInt8]) -> [UInt8]? {
    guard case .opened(_, let payload, frame.count) = open(frame) else { return nil }
    return payload
  }
}

func plain(_ payload: [UInt8], _ header: Header) -> [UInt8] {
  var frame = [UInt8](repeating: 0, count: Limits.headerSize) + payload
  _ = frame.withUnsafeMutableBytes { header.seal($0, payloadSize: payload.count) }
  return frame
}

final class Client: Party {
  private var initiator: Initiator
  private let ephemeral: [UInt8]

  init(
    key: [UInt8] = Keys.client, ephemeral: [UInt8] = Keys.clientEphemeral,
    device: PublicKey, prologue: [UInt8] = []
  ) {
    let copy = unmanaged(prologue)
    defer { copy.deallocate() }
    initiator = Initiator(prologue: copy, device: device)
    self.ephemeral = ephemeral
    super.init(key: key)
  }

  func first(_ payload: [UInt8] = []) throws(NoiseError) -> [UInt8] {
    var message = [UInt8](repeating: 0xEE, count: 200)
    do {
      let size = try payload.withUnsafeBytes { payload in
        try ephemeral.withUnsafeBytes { ephemeral in
          try message.withUnsafeMutableBytes { message in
            try initiator.write(payload: payload, key: key, ephemeral: ephemeral, into: message)
          }
        }
      }
      return Array(message[..<size])
    } catch { throw error as! NoiseError }
  }

  func second(
    _ message: [UInt8], psk: [UInt8] = Keys.psk
  ) throws(NoiseError) -> [UInt8] {
    var message = message
    do {
      return try message.withUnsafeMutableBytes { message in
        try psk.withUnsafeBytes { psk in
          [UInt8](try initiator.read(message, key: key, psk: psk, transport: &transport))
        }
      }
    } catch { throw error as! NoiseError }
  }
}

final class Device: Party {
  private var responder: Responder
  private let ephemeral: [UInt8]

  init(
    key bytes: [UInt8] = Keys.device, ephemeral: [UInt8] = Keys.deviceEphemeral,
    prologue: [UInt8] = []
  ) {
    let copy = unmanaged(prologue)
    defer { copy.deallocate() }
    responder = Responder(prologue: copy, key: keyPair(bytes))
    self.ephemeral = ephemeral
    super.init(key: bytes)
  }

  func first(
    _ message: [UInt8]
  ) throws(NoiseError) -> (client: PublicKey, payload: [UInt8]) {
    var message = message
    do {
      return try message.withUnsafeMutableBytes { message in
        let (client, payload) = try responder.read(message, key: key)
        return (client, [UInt8](payload))
      }
    } catch { throw error as! NoiseError }
  }

  func second(
    _ payload: [UInt8] = [], psk: [UInt8] = Keys.psk
  ) throws(NoiseError) -> [UInt8] {
    var message = [UInt8](repeating: 0xEE, count: 200)
    do {
      let size = try payload.withUnsafeBytes { payload in
        try psk.withUnsafeBytes { psk in
          try ephemeral.withUnsafeBytes { ephemeral in
            try message.withUnsafeMutableBytes { message in
              try responder.write(
                payload: payload, psk: psk, ephemeral: ephemeral, into: message,
                transport: &transport)
            }
          }
        }
      }
      return Array(message[..<size])
    } catch { throw error as! NoiseError }
  }
}

/// Both ends behind a handshake.
func connected() throws -> (client: Client, device: Device) {
  let device = Device()
  let client = Client(device: device.key.publicKey)
  _ = try device.first(client.first())
  _ = try client.second(device.second())
  return (client, device)
}
