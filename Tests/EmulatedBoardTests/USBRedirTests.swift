import Testing

@testable import EmulatedBoard

/// The usb-redir codec against the layout of usbredir-protocol.txt.
struct USBRedirTests {
  private static let all: USBRedir.Capabilities = .ours

  private static let setup = USBSetup(
    requestType: 0x80, request: 6, value: 0x0100, index: 0x0201, length: 64)

  private static let messages: [USBRedir.Message] = [
    .deviceDisconnect, .reset, .setConfiguration(1), .getConfiguration,
    .configurationStatus(.success, configuration: 1), .setAlternate(interface: 1, alternate: 2),
    .getAlternate(interface: 3), .alternateStatus(.stall, interface: 1, alternate: 0),
    .cancelDataPacket, .control(.init(endpoint: 0x80, setup: setup), data: [1, 2, 3]),
    .bulk(.init(endpoint: 0x81, length: 0x12345, streamID: 7), data: [9, 8]),
    .other(type: 104, body: [1, 2]),
  ]

  @Test(arguments: messages)
  func encodingAndDecodingAreInverse(message: USBRedir.Message) throws {
    let packet = USBRedir.Packet(id: 0x1_0000_0002, message)
    var decoder = USBRedir.Decoder()
    decoder.agreed = Self.all
    decoder.append(USBRedir.Encoder(agreed: Self.all).encode(packet))
    try expectNext(packet, from: &decoder)
    try expectNext(nil, from: &decoder)
  }

  @Test(arguments: messages)
  func everySplitIntoTwoReadsGivesTheSame(message: USBRedir.Message) throws {
    let packet = USBRedir.Packet(id: 3, message)
    let bytes = USBRedir.Encoder(agreed: Self.all).encode(packet)
    for cut in 1..<bytes.count {
      var decoder = USBRedir.Decoder()
      decoder.agreed = Self.all
      decoder.append(bytes[..<cut])
      try expectNext(nil, from: &decoder)
      decoder.append(bytes[cut...])
      try expectNext(packet, from: &decoder)
    }
  }

  @Test func headerHas32BitIDsUntilAgreedOtherwise() {
    let packet = USBRedir.Packet(id: 0x0403_0201, .setConfiguration(5))
    #expect(
      USBRedir.Encoder().encode(packet) == [6, 0, 0, 0, 1, 0, 0, 0, 1, 2, 3, 4, 5])
    #expect(
      USBRedir.Encoder(agreed: .ids64).encode(packet)
        == [6, 0, 0, 0, 1, 0, 0, 0, 1, 2, 3, 4, 0, 0, 0, 0, 5])
  }

  @Test func helloIsSixtyEightBytesInTheOldForm() throws {
    let hello = USBRedir.Packet(.hello(version: "me", capabilities: .ids64))
    let bytes = USBRedir.Encoder(agreed: Self.all).encode(hello)
    #expect(bytes.count == 12 + 68)
    #expect(Array(bytes[12...14]) == [UInt8(ascii: "m"), UInt8(ascii: "e"), 0])
    #expect(Array(bytes.suffix(4)) == [0x20, 0, 0, 0])
    var decoder = USBRedir.Decoder()
    decoder.append(bytes)
    try expectNext(hello, from: &decoder)
  }

  @Test func controlPacketPutsRequestBeforeType() {
    let bytes = USBRedir.Encoder(agreed: Self.all).encode(
      .init(.control(.init(endpoint: 0x80, setup: Self.setup), data: [])))
    #expect(Array(bytes[16...]) == [0x80, 6, 0x80, 0, 0, 1, 1, 2, 64, 0])
  }

  @Test func endpointTablePutsInputsInTheUpperHalf() {
    let bytes = USBRedir.Encoder(agreed: Self.all).encode(
      .init(
        .endpointInfo([.init(address: 0x81, kind: .bulk, interface: 1, maxPacketSize: 512)])))
    let body = Array(bytes[16...])
    #expect(body.count == 3 * 32 + 2 * 32)
    #expect(body[17] == 2 && body[0] == 255)
    #expect(body[64 + 17] == 1)
    #expect(Array(body[(96 + 34)...(96 + 35)]) == [0, 2])
  }

  @Test func shortBodiesAndGiantLengthsAreTypedErrors() {
    var decoder = USBRedir.Decoder()
    decoder.append([100, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1, 2])
    expect(.truncated(type: 100), from: &decoder)
    decoder = USBRedir.Decoder()
    decoder.append([101, 0, 0, 0, 0, 0, 0, 0x7F])
    expect(.tooLong(type: 101, length: 0x7F00_0000), from: &decoder)
  }

  private func expectNext(
    _ packet: USBRedir.Packet?, from decoder: inout USBRedir.Decoder,
    at location: SourceLocation = #_sourceLocation
  ) throws {
    let next = try decoder.next()
    #expect(next == packet, sourceLocation: location)
  }

  private func expect(
    _ error: USBRedir.DecodeError, from decoder: inout USBRedir.Decoder,
    at location: SourceLocation = #_sourceLocation
  ) {
    do {
      let next = try decoder.next()
      Issue.record("decoded \(String(describing: next))", sourceLocation: location)
    } catch let found {
      #expect(found == error, sourceLocation: location)
    }
  }
}
