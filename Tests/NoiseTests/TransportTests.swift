import CSodium
import Testing
import Wire

@testable import Noise

@Suite struct TransportTests {
  @Test func isSmall() { #expect(MemoryLayout<Transport>.stride <= 96) }

  /// Frames go on through two changes of the key, in one direction and not in the other.
  @Test(.timeLimit(.minutes(2))) func goesOnThroughRekeys() throws {
    let (client, device) = try connected()
    let frames = 2 * Int(Transport.framesPerKey) + 2
    for number in 0..<frames where device.payload(client.sealed([])) != [] {
      Issue.record("frame \(number) was not opened")
      return
    }
    #expect(client.sent == UInt64(frames))
    #expect(device.received == UInt64(frames))
    #expect(device.sent == 0)
    #expect(client.payload(device.sealed([9])) == [9])
  }

  /// Frame 65,535 still has the old key and frame 65,536 the new one: 32 zeros encrypted under the
  /// nonce 2^64 - 1, with the nonces going on.
  @Test(.timeLimit(.minutes(2))) func theKeyChangesAtTheBoundary() throws {
    var old = key(11)
    let transport = Fixed(sending: old, receiving: key(12))
    for _ in 0..<65_535 { _ = transport.seal([]) }
    #expect(transport.seal([1, 2, 3]) == Self.sealed([1, 2, 3], old, 65_535))
    var next = [UInt8](repeating: 0, count: 32)
    var tag = [UInt8](repeating: 0, count: 16)
    cs_seal(&next, 32, &tag, nil, 0, .max, &old)
    #expect(transport.seal([4, 5, 6]) == Self.sealed([4, 5, 6], next, 65_536))
    #expect(transport.seal([7, 8, 9]) == Self.sealed([7, 8, 9], next, 65_537))
  }

  /// A receiver that has not changed its key at the boundary, or too early, opens nothing.
  @Test(.timeLimit(.minutes(2)), arguments: [65_535, 65_536, 65_537])
  func bothSidesCountAlike(seen: Int) throws {
    let (client, device) = try connected()
    for _ in 0..<65_536 { _ = client.sealed([]) }
    let frame = client.sealed([1])
    let (other, _) = try connected()
    for _ in 0..<seen { _ = device.payload(other.sealed([])) }
    #expect((device.payload(frame) == [1]) == (seen == 65_536))
  }

  // MARK: -

  private final class Fixed {
    var transport = Transport()

    init(sending: [UInt8], receiving: [UInt8]) {
      transport.begin(sending: secret(sending), receiving: secret(receiving))
    }

    func seal(_ payload: [UInt8]) -> [UInt8] {
      var bytes = payload + [UInt8](repeating: 0, count: 16)
      bytes.withUnsafeMutableBufferPointer {
        let start = $0.baseAddress!
        transport.seal(start, count: payload.count, associated: start, count: 0)
      }
      return bytes
    }
  }

  private static func sealed(_ payload: [UInt8], _ key: [UInt8], _ nonce: UInt64) -> [UInt8] {
    var bytes = payload + [UInt8](repeating: 0, count: 16)
    bytes.withUnsafeMutableBufferPointer {
      let start = $0.baseAddress!
      cs_seal(start, payload.count, start + payload.count, nil, 0, nonce, key)
    }
    return bytes
  }
}
