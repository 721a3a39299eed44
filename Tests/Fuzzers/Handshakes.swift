import Wire

@testable import Noise

extension Fuzzer {
  /// In: which message (its last bit), the length of its payload, then changes to it (place and
  /// bits, two bytes each); 2: the rest itself is the message. Holds: a message that nobody has
  /// changed is taken and tells what was put in, every other one is refused.
  static let handshake = Fuzzer("handshake", longest: 256) {
    [[0, 0], [1, 0], [0, 64], [1, 40], [0, 8, 3, 1], [1, 8, 200, 128]]
      + [[2] + [UInt8](repeating: 7, count: 160), [3] + [UInt8](repeating: 7, count: 112)]
  } run: { bytes in
    defer { Lent.forget() }
    var input = Bytes(bytes)
    let options = input.byte()
    if options & 2 != 0 {
      withCopy(input.rest) { Conversation.takeForeign($0, isFirst: options & 1 == 0) }
      return
    }
    let payload = [UInt8](repeating: 0x5A, count: Int(input.byte()) % 65)
    Conversation.run(payload, changes: [UInt8](input.rest), inFirst: options & 1 == 0)
  }
}

/// Both sides, with keys that never change: so that the same input is the same case.
private enum Conversation {
  private static let prologue: [UInt8] = [1, 0, 0, 0, 0, 0, 0, 0]
  private static let psk = [UInt8](repeating: 4, count: 32)

  private static func load(_ pair: inout KeyPair, _ seed: UInt8) {
    [UInt8](repeating: seed, count: 32).withUnsafeBytes { pair.load($0) }
  }

  static func run(_ payload: [UInt8], changes: [UInt8], inFirst: Bool) {
    require(KnownAnswer.isReady, "libsodium is what it should be")
    var client = KeyPair()
    var device = KeyPair()
    load(&client, 1)
    load(&device, 2)
    let ephemeral = [UInt8](repeating: 3, count: 32)
    prologue.withUnsafeBytes { prologue in
      var initiator = Initiator(prologue: prologue, device: device.publicKey)
      var responder = Responder(prologue: prologue, key: device)
      var clientSide = Transport()
      var deviceSide = Transport()
      var first = [UInt8](repeating: 0, count: Handshake.firstOverhead + payload.count)
      let size = first.withUnsafeMutableBytes { message in
        try? initiator.write(
          payload: Self.bytes(payload), key: client, ephemeral: Self.bytes(ephemeral),
          into: message)
      }
      require(size == first.count, "message 1 has its size")
      let isChanged = inFirst && change(&first, changes)
      let isTaken = first.withUnsafeMutableBytes { message -> Bool in
        guard let told = try? responder.read(message, key: device) else { return false }
        require(told.client == client.publicKey, "the client's key is told")
        require(isEqual(told.payload, Self.bytes(payload)), "its payload is told")
        return true
      }
      require(isTaken != isChanged, "message 1 is taken exactly as it was sent")
      guard isTaken else { return }
      var second = [UInt8](repeating: 0, count: Handshake.secondOverhead + payload.count)
      let answered = second.withUnsafeMutableBytes { message in
        try? responder.write(
          payload: Self.bytes(payload), psk: Self.bytes(psk),
          ephemeral: Self.bytes([UInt8](repeating: 9, count: 32)), into: message,
          transport: &deviceSide)
      }
      require(answered == second.count, "message 2 has its size")
      let isOther = !inFirst && change(&second, changes)
      let isOpen = second.withUnsafeMutableBytes { message in
        (try? initiator.read(
          message, key: client, psk: Self.bytes(psk), transport: &clientSide)) != nil
      }
      require(isOpen != isOther, "message 2 is taken exactly as it was sent")
      require(clientSide.isOpen == isOpen, "there are keys only after a handshake")
    }
  }

  /// A message of somebody who knows no key.
  static func takeForeign(_ message: UnsafeMutableRawBufferPointer, isFirst: Bool) {
    require(KnownAnswer.isReady, "libsodium is what it should be")
    var client = KeyPair()
    var device = KeyPair()
    var transport = Transport()
    load(&client, 1)
    load(&device, 2)
    prologue.withUnsafeBytes { prologue in
      if isFirst {
        var responder = Responder(prologue: prologue, key: device)
        require((try? responder.read(message, key: device)) == nil, "a stranger is refused")
        return
      }
      var initiator = Initiator(prologue: prologue, device: device.publicKey)
      var first = [UInt8](repeating: 0, count: Handshake.firstOverhead)
      _ = first.withUnsafeMutableBytes { first in
        try? initiator.write(
          payload: Self.bytes([]), key: client,
          ephemeral: Self.bytes([UInt8](repeating: 3, count: 32)), into: first)
      }
      let told = try? initiator.read(
        message, key: client, psk: Self.bytes(psk), transport: &transport)
      require(told == nil && !transport.isOpen, "a stranger is refused")
    }
  }

  /// True: it is another message now.
  private static func change(_ message: inout [UInt8], _ changes: [UInt8]) -> Bool {
    let before = message
    for index in stride(from: 0, to: changes.count - 1, by: 2) {
      message[Int(changes[index]) % message.count] ^= changes[index + 1]
    }
    if changes.count % 2 == 1 { message.removeLast(min(message.count, Int(changes.last ?? 0))) }
    return message != before
  }

  private static func bytes(_ bytes: [UInt8]) -> UnsafeRawBufferPointer {
    Lent.hold(bytes)
  }
}

/// Bytes that stay where they are to the end of a run.
private enum Lent {
  nonisolated(unsafe) private static var held: [UnsafeMutableRawBufferPointer] = []

  static func forget() {
    for bytes in held { bytes.deallocate() }
    held.removeAll()
  }

  static func hold(_ bytes: [UInt8]) -> UnsafeRawBufferPointer {
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 8)
    memory.copyBytes(from: bytes)
    held.append(memory)
    return UnsafeRawBufferPointer(memory)
  }
}

extension KnownAnswer {
  /// Looked at once a process.
  static let isReady = KnownAnswer.holds()
}
