import Testing
import Wire

@testable import Noise

@Suite struct SealedFrameTests {
  static let header = Header(kind: Kind.ping.rawValue, requestID: 0xDEAD_BEEF)

  @Test(arguments: [0, 1, 15, 16, 17, 64, 1000, Limits.payloadSize])
  func comesBack(size: Int) throws {
    let (client, device) = try connected()
    let payload = (0..<size).map { UInt8($0 % 251) }
    for (sender, receiver) in [(client, device), (device, client)] as [(Party, Party)] {
      let sealed = sender.sealed(frame: plain(payload, Self.header))
      #expect(sealed.count == 48 + size && sealed.count <= Limits.frameSize)
      #expect(Array(sealed[..<4]) == Array("WPSE".utf8))
      #expect(Int(sealed[4]) | Int(sealed[5]) << 8 == sealed.count - 8)
      #expect(sealed[6] == 0 && sealed[7] == 0)
      var header = Self.header
      header.length = UInt32(size)
      var buffer = sealed
      #expect(receiver.open(in: &buffer) == .opened(header, payload, sealed.count))
      let original = plain(payload, Self.header)
      #expect(buffer[..<24] == original[..<24])
      #expect(buffer[24..<32].allSatisfy { $0 == 0 })
      #expect(buffer[32..<32 + size] == original[32...])
    }
  }

  /// What is sealed cannot be seen: neither the payload nor the header.
  @Test func nothingOfItIsSeen() throws {
    let (client, _) = try connected()
    let payload = [UInt8](repeating: 0, count: 64)
    let (one, other) = (client.sealed(payload), client.sealed(payload))
    #expect(one[..<8] == other[..<8])
    #expect(!zip(one[8...], other[8...]).allSatisfy { $0 == $1 })
    #expect(Set(one[32..<96]).count > 16)
  }

  /// Every prefix asks for more and is left as it is.
  @Test func everyTruncation() throws {
    let (client, device) = try connected()
    let sealed = client.sealed([1, 2, 3, 4, 5])
    for count in 0..<sealed.count {
      var buffer = Array(sealed[..<count])
      #expect(device.open(in: &buffer) == .incomplete(count < 8 ? 8 : sealed.count))
      #expect(buffer == Array(sealed[..<count]))
    }
    #expect(device.payload(sealed) == [1, 2, 3, 4, 5])
  }

  @Test func everyFlippedBit() throws {
    for bit in 0..<53 * 8 {
      let (client, device) = try connected()
      var buffer = client.sealed([1, 2, 3, 4, 5])
      buffer[bit / 8] ^= 1 << UInt8(bit % 8)
      let step = device.open(in: &buffer)
      switch bit / 8 {
      case 0..<4: #expect(step == .refused(.badMagic, nil, 53))
      case 4..<6:
        let length = UInt16(buffer[4]) | UInt16(buffer[5]) << 8
        if length < 40 || length > 16_376 {
          #expect(step == .refused(.badLength(length), nil, 53))
        } else if length > 45 {
          #expect(step == .incomplete(8 + Int(length)))
        } else {
          #expect(step == .refused(.unauthentic, nil, 53))
        }
      case 6..<8: #expect(step == .refused(.reservedBits, nil, 53))
      default:
        #expect(step == .refused(.unauthentic, nil, 53))
        #expect(buffer[8..<37].allSatisfy { $0 == 0 })
      }
    }
  }

  /// A length that cannot be is refused with the eight bytes in which it stands.
  @Test(arguments: [0, 1, 39, 16_377, 65_535] as [UInt16]) func lengthsThatCannotBe(length: UInt16)
    throws
  {
    let (_, device) = try connected()
    let prefix = Array("WPSE".utf8) + [UInt8(length & 0xFF), UInt8(length >> 8), 0, 0]
    #expect(device.open(prefix) == .refused(.badLength(length), nil, 8))
  }

  /// A length that could be, but is not this frame's: shorter, or into the next one.
  @Test(arguments: [-1, 1, 48]) func lyingPrefix(by difference: Int) throws {
    let (client, device) = try connected()
    var stream = client.sealed([1, 2, 3]) + client.sealed([4, 5, 6])
    stream[4] = UInt8(Int(stream[4]) + difference)
    #expect(device.open(stream) == .refused(.unauthentic, nil, stream.count))
  }

  @Test func theNextFrameIsLeftAlone() throws {
    let (client, device) = try connected()
    let (one, other) = (client.sealed([1]), client.sealed([2]))
    var buffer = one + other
    guard case .opened(_, [1], one.count) = device.open(in: &buffer) else {
      Issue.record("the first of two frames was not opened")
      return
    }
    #expect(Array(buffer[one.count...]) == other)
    #expect(device.payload(other) == [2])
  }

  /// A plain frame behind the handshake, and what else is no sealed one, on the first byte.
  @Test(arguments: ["WPOS", "G", "WPSX", "WPS!", "\u{16}\u{3}\u{1}"]) func goingBack(text: String)
    throws
  {
    let (client, device) = try connected()
    let bytes = Array(text.utf8)
    #expect(device.open(bytes) == .refused(.badMagic, nil, bytes.count))
    #expect(device.open(plain([1], Self.header)) == .refused(.badMagic, nil, 33))
    #expect(device.payload(client.sealed([1])) == [1])
  }

  // MARK: Order

  @Test func replayed() throws {
    let (client, device) = try connected()
    let frame = client.sealed([1])
    #expect(device.payload(frame) == [1])
    #expect(device.open(frame) == .refused(.unauthentic, nil, frame.count))
  }

  @Test func reordered() throws {
    let (client, device) = try connected()
    let (_, late) = (client.sealed([1]), client.sealed([2]))
    #expect(device.open(late) == .refused(.unauthentic, nil, late.count))
  }

  @Test func lost() throws {
    let (client, device) = try connected()
    #expect(device.payload(client.sealed([1])) == [1])
    _ = client.sealed([2])
    #expect(device.payload(client.sealed([3])) == nil)
  }

  /// One side's own frames do not come back to it as the other's.
  @Test func reflected() throws {
    let (client, _) = try connected()
    let frame = client.sealed([1])
    #expect(client.open(frame) == .refused(.unauthentic, nil, frame.count))
  }

  @Test func afterAWrongFrameNothingIsOpened() throws {
    let (client, device) = try connected()
    let frame = client.sealed([1])
    var wrong = frame
    wrong[52 - 5] ^= 1
    #expect(device.open(wrong) == .refused(.unauthentic, nil, frame.count))
    #expect(!device.isOpen)
    #expect(device.open(frame) == .refused(.unauthentic, nil, frame.count))
  }

  // MARK: What was sealed wrongly

  @Test func theSealedHeaderLies() throws {
    let cases: [(Int, UInt8, SealedFrameError)] = [
      (0, 0x58, .header(.badMagic)), (3, 0, .header(.badMagic)),
      (4, 2, .header(.unsupportedVersion(2))), (16, 4, .lyingLength(4)),
      (16, 2, .lyingLength(2)), (19, 0x80, .lyingLength(0x8000_0003)),
    ]
    for (index, value, error) in cases {
      let (client, device) = try connected()
      let frame = forged(by: client, [1, 2, 3], index, value)
      #expect(device.open(frame) == .refused(error, nil, frame.count))
      #expect(error.endsConnection)
    }
  }

  /// As in plain frames: refused by a device, ignored by a client, and the connection goes on.
  @Test(arguments: [(5, 2), (5, 0x80), (14, 1), (15, 1), (20, 1), (23, 0x80)] as [(Int, UInt8)])
  func reservedBitsOfTheSealedHeader(index: Int, value: UInt8) throws {
    let (client, device) = try connected()
    var header = Self.header
    header.length = 3
    if index == 5 { header.flags = value }
    let frame = forged(by: client, [1, 2, 3], index, value)
    #expect(device.open(frame) == .refused(.header(.reservedBits), header, frame.count))
    let next = forged(by: client, [1, 2, 3], index, value)
    #expect(
      device.open(next, ignoringReserved: true) == .opened(header, [1, 2, 3], next.count))
    #expect(device.payload(client.sealed([4])) == [4])
  }

  @Test func whatTheErrorsMean() {
    let table: [(SealedFrameError, Status, Bool)] = [
      (.badMagic, .malformed, true), (.reservedBits, .reservedBits, true),
      (.badLength(3), .malformed, true), (.unauthentic, .authentication, true),
      (.lyingLength(3), .malformed, true), (.header(.badMagic), .malformed, true),
      (.header(.unsupportedVersion(2)), .unsupportedVersion, true),
      (.header(.reservedBits), .reservedBits, false),
    ]
    for (error, status, ends) in table {
      #expect(error.status == status)
      #expect(error.endsConnection == ends)
    }
  }

  // MARK: What we do wrong

  @Test func sealingWithoutAHandshake() async {
    await #expect(processExitsWith: .failure) { _ = Party(key: key(1)).sealed([1]) }
    await #expect(processExitsWith: .failure) {
      guard let (client, _) = try? connected() else { return }
      _ = Party(key: key(1)).open(client.sealed([1]))
    }
  }

  // MARK: -

  /// A frame whose tag is right, with one byte of the sealed header changed before.
  private func forged(
    by party: Party, _ payload: [UInt8], _ index: Int, _ value: UInt8
  ) -> [UInt8] {
    var inner = Array(plain(payload, Self.header)[..<24])
    inner[index] = value
    var frame = Array("WPSE".utf8) + [UInt8(inner.count + payload.count + 16), 0, 0, 0]
    frame += inner + payload + [UInt8](repeating: 0, count: 16)
    let count = inner.count + payload.count
    frame.withUnsafeMutableBufferPointer {
      let start = $0.baseAddress!
      party.transport.seal(start + 8, count: count, associated: start, count: 8)
    }
    return frame
  }
}
