import Foundation
import Testing
import Wire

@testable import Noise

/// The session that the specification shows, byte by byte, against the code.
///
/// `WATCHPOST_REGENERATE=1 swift test --filter NoiseTests.SpecificationTests` writes it anew; the
/// difference is then a change of the protocol and to be read as one.
@Suite struct SpecificationTests {
  static let page = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "Sources/Wire/Wire.docc/Access.md")
  static let begin = "<!-- session -->\n"
  static let end = "<!-- end of the session -->\n"

  /// All that two ends with the keys of these tests say.
  private func session() throws -> [(String, [UInt8])] {
    let prologue: [UInt8] = [HandshakeForm.version, 0, 0, 0, 0, 0, 0, 0]
    let device = Device(prologue: prologue)
    let client = Client(device: device.key.publicKey, prologue: prologue)
    let first = try client.first()
    _ = try device.first(first)
    var welcome = Welcome()
    welcome.role = Code(.operator)
    let payload = [UInt8](unsafeUninitializedCapacity: Welcome.size) { buffer, count in
      var writer = ByteWriter(UnsafeMutableRawBufferPointer(buffer))
      welcome.encode(into: &writer)
      count = writer.count
    }
    let second = try device.second(payload)
    #expect(try client.second(second) == payload)
    let ask = Header(kind: Kind.ping.rawValue, requestID: 2)
    let answer = Header(flags: Header.replyFlag, kind: Kind.ping.rawValue, requestID: 2)
    let bytes: [UInt8] = [0xDE, 0xAD, 0xBE, 0xEF]
    let health = Header(kind: Kind.health.rawValue, requestID: 3)
    return [
      ("the client's private key", Keys.client), ("its public key", client.key.publicKey.bytes),
      ("the device's private key", Keys.device), ("its public key", device.key.publicKey.bytes),
      ("the client's ephemeral private key", Keys.clientEphemeral),
      ("the device's ephemeral private key", Keys.deviceEphemeral),
      ("psk", Keys.psk), ("prologue", prologue), ("message 1, without payload", first),
      ("message 2, with a Welcome to an operator", second),
      ("frame 1 of the client: a ping of 4 bytes", client.sealed(frame: plain(bytes, ask))),
      ("frame 1 of the device: its answer", device.sealed(frame: plain(bytes, answer))),
      ("frame 2 of the client: health", client.sealed(frame: plain([], health))),
    ]
  }

  private func text(_ session: [(String, [UInt8])]) -> String {
    let blocks = session.map { title, bytes in
      let rows = stride(from: 0, to: bytes.count, by: 32).map { start in
        bytes[start..<min(start + 32, bytes.count)]
          .map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
      }
      return "\(title)\n" + rows.joined(separator: "\n")
    }
    return "```\n" + blocks.joined(separator: "\n\n") + "\n```\n"
  }

  @Test func theSessionOfTheSpecification() throws {
    let wanted = try text(session())
    var page = try String(contentsOf: Self.page, encoding: .utf8)
    let begin = try #require(page.range(of: Self.begin))
    let end = try #require(page.range(of: Self.end))
    if ProcessInfo.processInfo.environment["WATCHPOST_REGENERATE"] != nil {
      page.replaceSubrange(begin.upperBound..<end.lowerBound, with: wanted)
      try page.write(to: Self.page, atomically: true, encoding: .utf8)
    } else {
      #expect(page[begin.upperBound..<end.lowerBound] == wanted)
    }
  }
}
