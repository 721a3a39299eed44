import Testing

@testable import Noise

/// The memory in which a machine lived, read after its end.
///
/// None of this would hold for ordinary structs: their `deinit` wipes a copy.
@Suite struct WipingTests {
  @Test func aKeyPair() {
    let place = Place(KeyPair())
    Keys.device.withUnsafeBytes { place.value.pointee.load($0) }
    #expect(place.holds(Keys.device))
    place.end()
    #expect(!place.holds(Keys.device))
  }

  @Test func aTransport() throws {
    let place = Place(Transport())
    place.value.pointee.begin(sending: secret(Keys.client), receiving: secret(Keys.device))
    #expect(place.holds(Keys.client) && place.holds(Keys.device))
    place.end()
    #expect(!place.holds(Keys.client) && !place.holds(Keys.device))
    #expect(place.bytes(besides: []) <= 1)
  }

  /// The slot of a session that ends is reset by assignment.
  @Test func aTransportThatIsReplaced() throws {
    let place = Place(Transport())
    place.value.pointee.begin(sending: secret(Keys.client), receiving: secret(Keys.device))
    #expect(place.holds(Keys.client) && place.holds(Keys.device))
    place.value.pointee = Transport()
    #expect(place.bytes(besides: []) == 0)
  }

  @Test func aTransportThatGotAWrongFrameKeepsNoKeyToReceive() throws {
    let place = Place(Transport())
    place.value.pointee.begin(sending: secret(Keys.client), receiving: secret(Keys.device))
    var frame = [UInt8](repeating: 7, count: 32)
    frame.withUnsafeMutableBufferPointer {
      let start = $0.baseAddress!
      #expect(throws: NoiseError.unauthentic) {
        try place.value.pointee.open(start, count: 16, associated: start, count: 0)
      }
    }
    #expect(place.holds(Keys.client) && !place.holds(Keys.device))
  }

  @Test func aResponderThatIsLeftAfterMessage1() throws {
    let (place, known) = try introduced()
    #expect(place.bytes(besides: known) >= 64)
    place.end()
    #expect(place.bytes(besides: known) <= 2)
  }

  @Test func aResponderAfterMessage2() throws {
    let (place, known) = try introduced()
    let transport = Place(Transport())
    var message = [UInt8](repeating: 0, count: 48)
    let size = try message.withUnsafeMutableBytes { message in
      try Keys.psk.withUnsafeBytes { psk in
        try Keys.deviceEphemeral.withUnsafeBytes { ephemeral in
          try place.value.pointee.write(
            payload: UnsafeRawBufferPointer(start: nil, count: 0), psk: psk, ephemeral: ephemeral,
            into: message, transport: &transport.value.pointee)
        }
      }
    }
    #expect(size == 48)
    #expect(transport.bytes(besides: []) >= 48)
    // It has done its work: nothing is left even before its end.
    #expect(place.bytes(besides: known) <= 2)
    #expect(!place.holds(Keys.psk) && !place.holds(Keys.deviceEphemeral))
  }

  @Test func aResponderThatRefused() throws {
    let (device, client) = (Device(), Client(device: Device().key.publicKey))
    var message = try client.first()
    message[90] ^= 1
    let place = Place(responder(device))
    #expect(throws: NoiseError.unauthentic) {
      try message.withUnsafeMutableBytes {
        _ = try place.value.pointee.read($0, key: device.key)
      }
    }
    let known = [client.key.publicKey.bytes, Array(message[..<32])]
    #expect(place.bytes(besides: known) <= 2)
  }

  @Test(arguments: [false, true]) func anInitiator(finishing: Bool) throws {
    let (device, client) = (Device(), Client(device: Device().key.publicKey))
    let place = Place(
      Initiator(
        prologue: UnsafeRawBufferPointer(start: nil, count: 0), device: device.key.publicKey))
    var message = [UInt8](repeating: 0, count: 96)
    try message.withUnsafeMutableBytes { message in
      _ = try Keys.clientEphemeral.withUnsafeBytes { ephemeral in
        try place.value.pointee.write(
          payload: UnsafeRawBufferPointer(start: nil, count: 0), key: client.key,
          ephemeral: ephemeral, into: message)
      }
    }
    #expect(place.holds(Keys.clientEphemeral) && !place.holds(Keys.client))
    let known = [device.key.publicKey.bytes, Array(message[..<32])]
    if finishing {
      _ = try device.first(message)
      var second = try device.second()
      try second.withUnsafeMutableBytes { second in
        try Keys.psk.withUnsafeBytes { psk in
          _ = try place.value.pointee.read(
            second, key: client.key, psk: psk, transport: &client.transport)
        }
      }
    } else {
      place.end()
    }
    #expect(!place.holds(Keys.clientEphemeral) && !place.holds(Keys.psk))
    #expect(place.bytes(besides: known) <= 2)
  }

  // MARK: -

  /// A value in memory that outlives it.
  private final class Place<Value: ~Copyable> {
    let value: UnsafeMutablePointer<Value>
    private var isThere = true

    init(_ value: consuming Value) {
      precondition(isReady)
      self.value = .allocate(capacity: 1)
      UnsafeMutableRawPointer(self.value).initializeMemory(
        as: UInt8.self, repeating: 0, count: MemoryLayout<Value>.stride)
      self.value.initialize(to: value)
    }

    deinit {
      end()
      value.deallocate()
    }

    func end() {
      guard isThere else { return }
      value.deinitialize(count: 1)
      isThere = false
    }

    private var memory: [UInt8] {
      [UInt8](UnsafeRawBufferPointer(start: value, count: MemoryLayout<Value>.size))
    }

    /// Whether any eight bytes of `secret` in a row are there.
    func holds(_ secret: [UInt8]) -> Bool {
      let memory = memory
      return (0...secret.count - 8).contains { start in
        (0...memory.count - 8).contains { memory[$0..<$0 + 8] == secret[start..<start + 8] }
      }
    }

    /// Bytes that are not zero and belong to none of the public keys.
    func bytes(besides known: [[UInt8]]) -> Int {
      var memory = memory
      for key in known {
        for start in 0...memory.count - key.count
        where Array(memory[start..<start + key.count]) == key {
          for index in start..<start + key.count { memory[index] = 0 }
        }
      }
      return memory.count { $0 != 0 }
    }
  }

  private func responder(_ device: Device) -> Responder {
    Responder(prologue: UnsafeRawBufferPointer(start: nil, count: 0), key: device.key)
  }

  /// A responder that has read message 1, and the public keys that it may keep.
  private func introduced() throws -> (Place<Responder>, [[UInt8]]) {
    let device = Device()
    let client = Client(device: device.key.publicKey)
    var message = try client.first()
    let place = Place(responder(device))
    try message.withUnsafeMutableBytes {
      _ = try place.value.pointee.read($0, key: device.key)
    }
    return (place, [client.key.publicKey.bytes, Array(message[..<32])])
  }
}
