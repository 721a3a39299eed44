import CSodium
import Testing
import Wire

@testable import Noise

@Suite struct HandshakeTests {
  @Test func theKnownAnswerHolds() { #expect(KnownAnswer.holds()) }

  /// Both sides produce the bytes that another library has published.
  @Test func thePublishedVector() throws {
    let vector = Vector.cacophony
    #expect(vector.name == Handshake.name.description)
    let prologue = bytes(vector.initPrologue)
    let device = Device(
      key: bytes(vector.respStatic), ephemeral: bytes(vector.respEphemeral), prologue: prologue)
    #expect(device.key.publicKey.bytes == bytes(vector.initRemoteStatic))
    let client = Client(
      key: bytes(vector.initStatic), ephemeral: bytes(vector.initEphemeral),
      device: PublicKey(bytes: bytes(vector.initRemoteStatic)), prologue: prologue)
    let messages = vector.messages.map { (bytes($0.payload), bytes($0.ciphertext)) }

    let first = try client.first(messages[0].0)
    #expect(first == messages[0].1)
    let introduced = try device.first(first)
    #expect(introduced.client == client.key.publicKey)
    #expect(introduced.payload == messages[0].0)
    let second = try device.second(messages[1].0, psk: bytes(vector.initPsk))
    #expect(second == messages[1].1)
    #expect(try client.second(second, psk: bytes(vector.initPsk)) == messages[1].0)

    for (index, (payload, sealed)) in messages.enumerated().dropFirst(2) {
      let (sender, receiver): (Party, Party) = index % 2 == 0 ? (client, device) : (device, client)
      var message = payload + [UInt8](repeating: 0, count: 16)
      message.withUnsafeMutableBufferPointer {
        let start = $0.baseAddress!
        sender.transport.seal(start, count: payload.count, associated: start, count: 0)
      }
      #expect(message == sealed)
      try message.withUnsafeMutableBufferPointer {
        let start = $0.baseAddress!
        try receiver.transport.open(start, count: payload.count, associated: start, count: 0)
      }
      #expect(Array(message.dropLast(16)) == payload)
    }
  }

  @Test(arguments: [0, 1, 32, 63, 64]) func payloadsTravelBothWays(size: Int) throws {
    let payload = (0..<size).map { UInt8($0) }
    let device = Device()
    let client = Client(device: device.key.publicKey)
    let first = try client.first(payload)
    #expect(first.count == 96 + size)
    let introduced = try device.first(first)
    #expect(introduced.client == client.key.publicKey)
    #expect(introduced.payload == payload)
    let second = try device.second(payload.reversed())
    #expect(second.count == 48 + size)
    #expect(try client.second(second) == payload.reversed())
    #expect(client.isOpen && device.isOpen)
  }

  // MARK: What a peer does wrong

  @Test func everyTruncationOfMessage1() throws {
    let device = Device()
    let first = try Client(device: device.key.publicKey).first([1, 2, 3])
    for count in 0..<first.count {
      #expect(throws: count < 96 ? NoiseError.truncated : .unauthentic, "\(count)") {
        try Device().first(Array(first[..<count]))
      }
    }
    #expect(throws: NoiseError.unauthentic) { try Device().first(first + [0]) }
    #expect(throws: NoiseError.oversize) {
      try Device().first(first + .init(repeating: 0, count: 62))
    }
  }

  @Test func everyTruncationOfMessage2() throws {
    let (first, second) = try exchanged()
    for count in 0..<second.count {
      #expect(throws: count < 48 ? NoiseError.truncated : .unauthentic, "\(count)") {
        try waiting(first).second(Array(second[..<count]))
      }
    }
    #expect(throws: NoiseError.unauthentic) { try waiting(first).second(second + [0]) }
    #expect(throws: NoiseError.oversize) {
      try waiting(first).second(second + .init(repeating: 0, count: 62))
    }
  }

  @Test func everyFlippedBit() throws {
    let (first, second) = try exchanged()
    for bit in 0..<first.count * 8 {
      let message = flipped(first, bit)
      #expect(throws: NoiseError.unauthentic, "\(bit)") { try Device().first(message) }
    }
    for bit in 0..<second.count * 8 {
      let message = flipped(second, bit)
      #expect(throws: NoiseError.unauthentic, "\(bit)") { try waiting(first).second(message) }
    }
  }

  @Test func wrongDeviceKey() throws {
    let other = Device(key: key(9))
    let first = try Client(device: other.key.publicKey).first()
    #expect(throws: NoiseError.unauthentic) { try Device().first(first) }
  }

  @Test func wrongPrologue() throws {
    let device = Device(prologue: [1])
    let first = try Client(device: device.key.publicKey, prologue: [2]).first()
    #expect(throws: NoiseError.unauthentic) { try device.first(first) }
  }

  @Test func wrongPSK() throws {
    let device = Device()
    let client = Client(device: device.key.publicKey)
    _ = try device.first(client.first())
    let second = try device.second([7], psk: key(6))
    #expect(throws: NoiseError.unauthentic) { try client.second(second) }
    #expect(!client.isOpen)
  }

  /// A device that poses as another one cannot answer: it has not the key that message 1 is for.
  /// One that has the key, but not the client's psk, cannot either (`wrongPSK`). One that answers
  /// another client's message 1 cannot be understood.
  @Test func theAnswerToAnotherClient() throws {
    let device = Device()
    let one = Client(device: device.key.publicKey)
    let other = Client(key: key(7), ephemeral: key(8), device: device.key.publicKey)
    _ = try one.first()
    _ = try device.first(other.first())
    let second = try device.second()
    #expect(throws: NoiseError.unauthentic) { try one.second(second) }
  }

  /// A copy of message 1 is read, and says whose it was; but who sends it again cannot seal.
  @Test func aCopyOfMessage1ProvesNothing() throws {
    let (client, _) = try connected()
    let device = Device(ephemeral: key(10))
    let first = try Client(device: device.key.publicKey).first()
    #expect(try device.first(first).client == client.key.publicKey)
    _ = try device.second()
    #expect(device.payload(client.sealed([1])) == nil)
  }

  /// Points of small order (RFC 7748, 6.1): 0, 1, two of order 8, p - 1, p, p + 1, and the same
  /// with the bit that is to be ignored.
  static let weakKeys: [[UInt8]] = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  ].flatMap { text -> [[UInt8]] in
    let point = bytes(text)
    return [point, point.dropLast() + [point[31] | 0x80]]
  }

  @Test(arguments: weakKeys) func weakKeysAreRefusedEverywhere(weak: [UInt8]) throws {
    let (first, second) = try exchanged()
    #expect(throws: NoiseError.weakKey) { try Device().first(weak + first[32...]) }
    #expect(throws: NoiseError.weakKey) { try waiting(first).second(weak + second[32...]) }
    #expect(throws: NoiseError.weakKey) { try Client(device: PublicKey(bytes: weak)).first() }
    #expect(throws: NoiseError.weakKey) { try Device().first(Self.introduction(of: weak)) }
  }

  /// Message 1 of a client whose static key is `weak`.
  static func introduction(of weak: [UInt8]) throws -> [UInt8] {
    let device = Device().key.publicKey
    let ephemeral = keyPair(Keys.clientEphemeral)
    let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
    var state = SymmetricState(prologue: nothing, responder: device)
    state.mixEphemeral(ephemeral.publicKey)
    try state.mixAgreement(of: ephemeral, with: device)
    let sealed = UnsafeMutablePointer<UInt8>.allocate(capacity: 48)
    defer { sealed.deallocate() }
    sealed.update(from: weak, count: 32)
    state.seal(sealed, count: 32)
    return ephemeral.publicKey.bytes + UnsafeBufferPointer(start: sealed, count: 48)
      + [UInt8](repeating: 0, count: 16)
  }

  // MARK: What we do wrong

  // An error would end the process with a failure too: here it is none.

  @Test func message2BeforeMessage1() async {
    await #expect(processExitsWith: .failure) { _ = try? Device().second() }
    await #expect(processExitsWith: .failure) {
      _ = try? Client(device: Device().key.publicKey).second([UInt8](repeating: 0, count: 48))
    }
  }

  @Test func aMachineIsUsedOnce() async {
    await #expect(processExitsWith: .failure) {
      let device = Device()
      let client = Client(device: device.key.publicKey)
      _ = try? device.first(client.first())
      _ = try? device.second()
      _ = try? device.second()
    }
    await #expect(processExitsWith: .failure) {
      let device = Device()
      _ = try? device.first([1])
      _ = try? device.first([1])
    }
    await #expect(processExitsWith: .failure) {
      let client = Client(device: Device().key.publicKey)
      _ = try? client.first()
      _ = try? client.first()
    }
  }

  @Test func aPayloadTooLarge() async {
    await #expect(processExitsWith: .failure) {
      _ = try? Client(device: Device().key.publicKey).first([UInt8](repeating: 0, count: 65))
    }
  }

  // MARK: -

  private func flipped(_ message: [UInt8], _ bit: Int) -> [UInt8] {
    var message = message
    message[bit / 8] ^= 1 << UInt8(bit % 8)
    return message
  }

  private func exchanged() throws -> (first: [UInt8], second: [UInt8]) {
    let device = Device()
    let first = try Client(device: device.key.publicKey).first([1, 2, 3])
    _ = try device.first(first)
    return (first, try device.second([4, 5, 6]))
  }

  /// A client that has sent `first`.
  private func waiting(_ first: [UInt8]) throws(NoiseError) -> Client {
    let client = Client(device: Device().key.publicKey)
    let sent = try client.first([1, 2, 3])
    precondition(sent == first)
    return client
  }
}
