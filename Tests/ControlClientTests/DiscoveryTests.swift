import Foundation
import NIOCore
import NIOPosix
import Testing

@testable import Appliance
@testable import ControlClient
@testable import Wire

@Suite(.timeLimit(.minutes(1))) struct DiscoveryTests {
  /// What the device's own responder writes is what the client reads.
  @Test func readsTheResponder() throws {
    let message = try #require(DNSMessage(Responder.answer(id: 7)))
    #expect(Discovery.devices(in: message, from: nil) == [Responder.device])
  }

  /// The client's question is one that the device's responder answers, to whom asked.
  @Test func theResponderUnderstandsTheQuestion() {
    var machine = MDNSMachine(identity: Responder.identity, seed: 1)
    machine.addressChanged(IPv4(10, 1, 2, 3), now: Instant(ms: 0))
    var now = Instant(ms: 0)
    for _ in 0..<20 {
      now = now + 250
      _ = machine.tick(now: now)
    }
    let query = DNSMessage.query(id: 0x1234, pointersOf: Discovery.service)
    let peer = MDNSPeer(address: IPv4(10, 1, 2, 9), port: 40_000)
    let output = query.withUnsafeBytes { machine.receive($0, from: peer, now: now) }
    guard case .legacy(peer, 0x1234, _, let answers, let additionals) = output else {
      Issue.record("no answer to the asker, but \(output)")
      return
    }
    #expect(answers == .pointer)
    #expect(additionals.contains(.service | .text | .address))
  }

  /// RFC 1035 section 4.1.4: names that end in a pointer to an earlier one.
  @Test func compressedNames() throws {
    var bytes: [UInt8] = [0, 0, 0x84, 0, 0, 0, 0, 2, 0, 0, 0, 0]
    for label in ["_watchpost", "_tcp", "local"] { bytes += labelled(label) }
    bytes += [0, 0, 12, 0, 1, 0, 0, 0, 120, 0, 6]
    let instance = UInt8(bytes.count)
    bytes += labelled("box") + [0xC0, 12]
    bytes += [0xC0, instance, 0, 33, 0, 1, 0, 0, 0, 120, 0, 12, 0, 0, 0, 0, 0x12, 0x66]
    bytes += labelled("box") + [0xC0, 28]
    let message = try #require(DNSMessage(bytes))
    #expect(
      Discovery.devices(in: message, from: "10.9.9.9") == [
        DiscoveredDevice(
          name: "box", host: "box.local", addresses: ["10.9.9.9"], port: 4710, texts: [])
      ])
    for length in 0..<bytes.count {
      #expect(DNSMessage(Array(bytes[..<length])) == nil, "\(length) bytes")
    }
  }

  private func labelled(_ text: String) -> [UInt8] { [UInt8(text.utf8.count)] + text.utf8 }

  /// Pointers to themselves, forwards and in a circle end the reading.
  @Test func maliciousPointers() {
    let head: [UInt8] = [0, 0, 0x84, 0, 0, 0, 0, 1, 0, 0, 0, 0]
    let rest: [UInt8] = [0, 12, 0, 1, 0, 0, 0, 120, 0, 0]
    for name: [UInt8] in [
      [0xC0, 12], [0xC0, 14], [1, 0x61, 0xC0, 12], [0x40, 0], [0xFF, 0xFF],
    ] {
      #expect(DNSMessage(head + name + rest) == nil)
    }
  }

  /// No byte of an answer can make the reader trap.
  @Test func changedBytes() {
    let answer = Responder.answer(id: 7)
    for index in answer.indices {
      for value in [UInt8(0), 1, 0x3F, 0x40, 0xC0, 0xFF] {
        var bytes = answer
        bytes[index] = value
        _ = DNSMessage(bytes).map { Discovery.devices(in: $0, from: nil) }
      }
    }
  }

  @Test func discover() async throws {
    let responder = try await Responder.start()
    let server = "127.0.0.1:\(responder.localAddress!.port!)"
    let run = try await wpctl("discover", "--server", server, "--wait", "2")
    #expect(run.code == 0)
    #expect(
      run.lines == [
        "NAME         DEVICE         HOST               ",
        "watchpost-7  10.1.2.3:4710  watchpost-7.local  txtvers=1 protocol=1 boot=1a2b3c4d",
      ])
    let json = try await wpctl("discover", "--server", server, "--wait", "2", "--json")
    #expect(try Schema("discover").faults(in: json.output) == [])
    #expect(json.output.contains("10.1.2.3"))
    try await responder.close()

    let nobody = try await wpctl("discover", "--server", server, "--wait", "0.2")
    #expect(nobody.code == 4)
    #expect(nobody.complaint.contains("No device answered;"))
  }
}

/// The device's own responder behind a socket of the loopback interface.
private enum Responder {
  static let identity = MDNSIdentity(
    name: "watchpost-7", address: IPv4(10, 1, 2, 3), port: 4710, version: "protocol=1",
    boot: "boot=1a2b3c4d")

  static let device = DiscoveredDevice(
    name: "watchpost-7", host: "watchpost-7.local", addresses: ["10.1.2.3"], port: 4710,
    texts: ["txtvers=1", "protocol=1", "boot=1a2b3c4d"])

  static func answer(id: UInt16) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: MDNSMessage.size) { buffer, count in
      var writer = ByteWriter(UnsafeMutableRawBufferPointer(buffer))
      MDNSMessage.writeResponse(
        identity, answers: .pointer, additionals: .service | .text | .address, to: &writer)
      count = writer.count
    }
  }

  static func start() async throws -> any Channel {
    try await DatagramBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(Replying())
        }
      }
      .bind(host: "127.0.0.1", port: 0).get()
  }

  private final class Replying: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>
    typealias OutboundOut = AddressedEnvelope<ByteBuffer>

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      let peer = unwrapInboundIn(data).remoteAddress
      let envelope = AddressedEnvelope(
        remoteAddress: peer, data: ByteBuffer(bytes: Responder.answer(id: 0)))
      context.writeAndFlush(wrapOutboundOut(envelope), promise: nil)
    }
  }
}
