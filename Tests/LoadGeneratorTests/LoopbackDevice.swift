import Foundation
import Glibc
import LoadGenerator
import Noise
import Wire

/// A device on loopback that shakes hands with one client and answers its sealed pings, or
/// misbehaves as told. A thread for each connection.
final class LoopbackDevice: Sendable {
  enum Conduct: Sendable {
    case answers
    /// Refuses each connection's first handshake, and says to come again in a millisecond.
    case limits
    /// A byte of each answer is another.
    case forges
    /// Answers another request than was asked.
    case misnumbers
    /// Sends each answer twice.
    case repeats
    /// Ends the connection after so many answers.
    case closes(after: Int)
  }

  static let key = [UInt8](repeating: 0x42, count: 32)
  static let secret = [UInt8](repeating: 0x17, count: 32)

  let endpoint: Endpoint
  private let listener: Int32

  init(_ conduct: Conduct) throws {
    (listener, endpoint) = try listenOnLoopback()
    Thread.detachNewThread { [listener] in
      while true {
        let descriptor = accept(listener, nil, nil)
        guard descriptor >= 0 else { break }
        Thread.detachNewThread {
          SealedService(descriptor, conduct).run()
          close(descriptor)
        }
      }
      close(listener)
    }
  }

  deinit { shutdown(listener, Int32(SHUT_RDWR)) }

  /// A client that it knows.
  var identity: SealedIdentity {
    var pair = KeyPair()
    LoopbackDevice.key.withUnsafeBytes { pair.load($0) }
    return SealedIdentity(
      key: [UInt8](repeating: 0x33, count: 32), secret: LoopbackDevice.secret,
      device: pair.publicKey)
  }
}

private final class SealedService {
  private let descriptor: Int32
  private let conduct: LoopbackDevice.Conduct
  private var transport = Transport()
  private var held: [UInt8] = []
  private var answers = 0

  init(_ descriptor: Int32, _ conduct: LoopbackDevice.Conduct) {
    (self.descriptor, self.conduct) = (descriptor, conduct)
  }

  func run() {
    if case .limits = conduct {
      guard let (header, _) = nextPlain() else { return }
      var refusal = [UInt8](repeating: 0, count: 256)
      let size = refusal.withUnsafeMutableBytes {
        Frame.refusal(to: header, .rateLimited, retryAfterMs: 1, into: $0)
      }
      send(Array(refusal[..<size]))
    }
    guard let (header, payload) = nextPlain(), shakeHands(header, payload) else { return }
    while answerOne() {
      answers += 1
      if case .closes(let after) = conduct, answers == after { return }
    }
  }

  private func shakeHands(_ header: Header, _ payload: [UInt8]) -> Bool {
    var pair = KeyPair()
    LoopbackDevice.key.withUnsafeBytes { pair.load($0) }
    let room = UnsafeMutableRawBufferPointer.allocate(byteCount: 1024, alignment: 8)
    defer { room.deallocate() }
    room.copyBytes(from: payload)
    let whole = UnsafeMutableRawBufferPointer(rebasing: room[..<payload.count])
    var responder = Responder(
      prologue: UnsafeRawBufferPointer(rebasing: whole[..<HandshakeForm.size]), key: pair)
    let message = UnsafeMutableRawBufferPointer(rebasing: whole[HandshakeForm.size...])
    guard (try? responder.read(message, key: pair)) != nil else { return false }
    let welcome = [UInt8](repeating: 0, count: Welcome.size)
    let size = welcome.withUnsafeBytes { welcome in
      LoopbackDevice.secret.withUnsafeBytes { psk in
        LoopbackDevice.key.withUnsafeBytes { ephemeral in
          try? responder.write(
            payload: welcome, psk: psk, ephemeral: ephemeral, into: room, transport: &transport)
        }
      }
    }
    guard let size else { return false }
    let body = [HandshakeForm.version, 0, 0, 0, 0, 0, 0, 0] + room[..<size]
    var reply = [UInt8](repeating: 0, count: Limits.headerSize) + body
    reply.withUnsafeMutableBytes { _ = header.reply().seal($0, payloadSize: body.count) }
    send(reply)
    return true
  }

  private func answerOne() -> Bool {
    while true {
      var request: (Header, Int)?
      held.withUnsafeMutableBytes { bytes in
        if case .opened(let header, _, let size) = SealedFrame.next(in: bytes, with: &transport) {
          request = (header, size)
        }
      }
      guard let (header, size) = request else {
        guard receive() else { return false }
        continue
      }
      held.removeFirst(size)
      var answered = header.reply()
      if case .misnumbers = conduct { answered.requestID += 1 }
      var twice = false
      if case .repeats = conduct { twice = true }
      for _ in 0..<(twice ? 2 : 1) {
        var reply = [UInt8](repeating: 0, count: Limits.headerSize + SealedFrame.overhead)
        reply.withUnsafeMutableBytes {
          let plain = answered.seal($0, payloadSize: 0)
          _ = SealedFrame.seal($0, size: plain, with: &transport)
        }
        if case .forges = conduct { reply[20] ^= 1 }
        send(reply)
      }
      return true
    }
  }

  private func nextPlain() -> (Header, [UInt8])? {
    while true {
      let parsed: (Header, [UInt8], Int)? = held.withUnsafeBytes {
        guard case .frame(let header, let payload, let size) = Header.next(in: $0) else {
          return nil
        }
        return (header, Array(payload), size)
      }
      if let (header, payload, size) = parsed {
        held.removeFirst(size)
        return (header, payload)
      }
      guard receive() else { return nil }
    }
  }

  private func receive() -> Bool {
    var buffer = [UInt8](repeating: 0, count: 4096)
    let count = recv(descriptor, &buffer, buffer.count, 0)
    guard count > 0 else { return false }
    held += buffer[..<count]
    return true
  }

  private func send(_ bytes: [UInt8]) {
    _ = Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
  }
}
