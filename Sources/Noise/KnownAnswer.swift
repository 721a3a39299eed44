import CSodium
import Wire

/// A handshake whose every byte is known: that the primitives, as linked and as chosen for this
/// processor, do what they should. What holds in tests on another machine says little about it.
///
/// The numbers are the cacophony library's vector for this handshake (`Tests/Fixtures/noise`).
public enum KnownAnswer {
  private static let prologue: StaticString = "4a6f686e2047616c74"
  private static let psk: StaticString =
    "54686973206973206d7920417573747269616e20706572737065637469766521"
  private static let clientKey: StaticString =
    "e61ef9919cde45dd5f82166404bd08e38bceb5dfdfded0a34c8df7ed542214d1"
  private static let clientEphemeral: StaticString =
    "893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a"
  private static let deviceKey: StaticString =
    "4a3acbfdb163dec651dfa3194dece676d437029c62a408b4c5ea9114246e4893"
  private static let deviceEphemeral: StaticString =
    "bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b"
  private static let firstPayload: StaticString = "4c756477696720766f6e204d69736573"
  private static let first: StaticString =
    """
    ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c79442ec9b09893d0f510791784c10cbc95\
    9f25b1766e0def6e301d14fbca1c7790ac829b8b3674f5f649a5f0e98479662cbfbf2b2c47cd4b09fcd266cd29d7cb\
    675f1808849707847840f6d178ec4d3733aa
    """
  private static let secondPayload: StaticString = "4d757272617920526f746862617264"
  private static let second: StaticString =
    """
    95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f1448088439a1b3cebf680b2c74217fcb5eba4ff\
    58a9468cd90c4aca6194f57479b379a7
    """
  private static let thirdPayload: StaticString = "462e20412e20486179656b"
  private static let third: StaticString =
    "a8fde7a0accec190cd306c5950d4fd8e04a205ec288aa747d8b347"
  private static let fourthPayload: StaticString = "4361726c204d656e676572"
  private static let fourth: StaticString =
    "59caddd9984a3bbe24c4fb31a2bd455b7eba3fa0980674b1a3a5f9"

  /// Prepares libsodium and goes through a whole handshake as both sides, about a millisecond. To
  /// be called once before anything else of this module; false: nothing of it may be used.
  ///
  /// It waits until the kernel's random numbers are seeded, which is early in a boot.
  public static func holds() -> Bool {
    guard cs_begin() else { return false }
    var memory = InlineArray<1024, UInt8>(repeating: 0)
    var span = memory.mutableSpan
    return span.withUnsafeMutableBytes { bytes in
      var pieces = Pieces(bytes: bytes)
      do throws(NoiseError) { return try isRight(&pieces) } catch { return false }
    }
  }

  private static func isRight(_ pieces: inout Pieces) throws(NoiseError) -> Bool {
    var client = KeyPair()
    var device = KeyPair()
    client.load(pieces.decode(clientKey))
    device.load(pieces.decode(deviceKey))
    let prologue = pieces.decode(prologue)
    let psk = pieces.decode(psk)
    var initiator = Initiator(prologue: prologue, device: device.publicKey)
    var responder = Responder(prologue: prologue, key: device)
    var clientSide = Transport()
    var deviceSide = Transport()

    let message = pieces.room(Handshake.firstOverhead + Handshake.payloadSize)
    var size = try initiator.write(
      payload: pieces.decode(firstPayload), key: client,
      ephemeral: pieces.decode(clientEphemeral), into: message)
    guard pieces.isEqual(first, UnsafeRawBufferPointer(message), size) else { return false }
    let (introduced, greeting) = try responder.read(
      UnsafeMutableRawBufferPointer(rebasing: message[..<size]), key: device)
    guard introduced == client.publicKey, pieces.isEqual(firstPayload, greeting, greeting.count)
    else { return false }

    size = try responder.write(
      payload: pieces.decode(secondPayload), psk: psk, ephemeral: pieces.decode(deviceEphemeral),
      into: message, transport: &deviceSide)
    guard pieces.isEqual(second, UnsafeRawBufferPointer(message), size) else { return false }
    _ = try initiator.read(
      UnsafeMutableRawBufferPointer(rebasing: message[..<size]), key: client, psk: psk,
      transport: &clientSide)

    guard try goes(thirdPayload, as: third, from: &clientSide, to: &deviceSide, &pieces),
      try goes(fourthPayload, as: fourth, from: &deviceSide, to: &clientSide, &pieces)
    else { return false }
    return refusesChanged(from: &clientSide, to: &deviceSide, &pieces)
  }

  /// Whether a payload becomes the known bytes, and comes back from them.
  private static func goes(
    _ payload: StaticString, as expected: StaticString, from: inout Transport,
    to: inout Transport, _ pieces: inout Pieces
  ) throws(NoiseError) -> Bool {
    let count = payload.utf8CodeUnitCount / 2
    let room = pieces.room(count + Handshake.tagSize)
    room.copyMemory(from: pieces.decode(payload))
    let bytes = room.baseAddress!.assumingMemoryBound(to: UInt8.self)
    from.seal(bytes, count: count, associated: bytes, count: 0)
    guard pieces.isEqual(expected, UnsafeRawBufferPointer(room), room.count) else { return false }
    try to.open(bytes, count: count, associated: bytes, count: 0)
    return pieces.isEqual(payload, UnsafeRawBufferPointer(room), count)
  }

  /// A cipher that takes everything would pass all of the above.
  private static func refusesChanged(
    from: inout Transport, to: inout Transport, _ pieces: inout Pieces
  ) -> Bool {
    let room = pieces.room(1 + Handshake.tagSize)
    let bytes = room.baseAddress!.assumingMemoryBound(to: UInt8.self)
    from.seal(bytes, count: 1, associated: bytes, count: 0)
    bytes[0] ^= 1
    do throws(NoiseError) {
      try to.open(bytes, count: 1, associated: bytes, count: 0)
      return false
    } catch { return true }
  }

  /// Memory for the pieces of one run, one behind the other.
  private struct Pieces {
    let bytes: UnsafeMutableRawBufferPointer
    private var used = 0

    init(bytes: UnsafeMutableRawBufferPointer) { self.bytes = bytes }

    mutating func room(_ count: Int) -> UnsafeMutableRawBufferPointer {
      defer { used += count }
      return UnsafeMutableRawBufferPointer(rebasing: bytes[used..<used + count])
    }

    mutating func decode(_ hex: StaticString) -> UnsafeRawBufferPointer {
      func digit(_ character: UInt8) -> UInt8 {
        character < 0x3A ? character - 0x30 : character - 0x61 + 10
      }
      let place = room(hex.utf8CodeUnitCount / 2)
      hex.withUTF8Buffer { text in
        for index in 0..<place.count {
          place[index] = digit(text[2 * index]) << 4 | digit(text[2 * index + 1])
        }
      }
      return UnsafeRawBufferPointer(place)
    }

    /// Whether the first `count` bytes of `bytes` are these.
    mutating func isEqual(
      _ hex: StaticString, _ bytes: UnsafeRawBufferPointer, _ count: Int
    ) -> Bool {
      let expected = decode(hex)
      return expected.count == count
        && cs_equal(expected.baseAddress!, bytes.baseAddress!, count)
    }
  }
}
