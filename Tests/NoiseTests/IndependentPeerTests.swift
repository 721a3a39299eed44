import Foundation
import Testing
import Wire

@testable import Noise

/// Against dissononce, a Noise library by others in another language, over its standard input and
/// output: the handshake, three sealed frames each way, and as many as it takes for a rekey.
@Suite(.timeLimit(.minutes(2))) struct IndependentPeerTests {
  /// The first Python that has it: Debian's own, which need not be the first in the path.
  static let python: String? = {
    let folders = ProcessInfo.processInfo.environment["PATH"]?.split(separator: ":") ?? []
    return (["/usr/bin/python3"] + folders.map { "\($0)/python3" }).first { path in
      guard FileManager.default.isExecutableFile(atPath: path) else { return false }
      let process = Process()
      process.executableURL = URL(filePath: path)
      process.arguments = ["-c", "import dissononce"]
      process.standardError = FileHandle.nullDevice
      try? process.run()
      process.waitUntilExit()
      return process.terminationStatus == 0
    }
  }()

  static let frames = Int(Transport.framesPerKey) + 4
  /// `Tests/run` has run `board/setup` before: there they must not be left out.
  static let isRequired = ProcessInfo.processInfo.environment["WATCHPOST_TESTS"] == "complete"
  static let why: Comment = "python3-dissononce is missing: nobody else's handshake is tried"

  @Test(.enabled(if: python != nil || isRequired, why)) func isAClient() throws {
    let device = Device(prologue: Array("watchpost".utf8))
    let peer = try Peer("client", key: Keys.client, device: device.key.publicKey.bytes)
    let introduced = try device.first(peer.message())
    #expect(introduced.client == Client(device: device.key.publicKey).key.publicKey)
    #expect(introduced.payload == Array("an independent client".utf8))
    try peer.send(device.second(Array("a device".utf8)))

    for index in 0..<3 {
      let (header, payload) = try peer.frame(device)
      #expect(header.kind == Kind.ping.rawValue && header.requestID == UInt32(index))
      if index == 0 { #expect(payload == Array("a device".utf8)) }
      if index == 2 { #expect(payload.count == Limits.payloadSize) }
      try peer.write(device.sealed(payload, id: header.requestID))
    }
    for number in 0..<Self.frames {
      let header = try peer.frame(device).0
      guard header.requestID == UInt32(number) else {
        Issue.record("frame \(number) has the number \(header.requestID)")
        return
      }
    }
    try peer.write(many(device))
    #expect(try peer.end() == "")
  }

  @Test(.enabled(if: python != nil || isRequired, why)) func isADevice() throws {
    let device = Device().key.publicKey
    let client = Client(device: device, prologue: Array("watchpost".utf8))
    let peer = try Peer("device", key: Keys.device, device: device.bytes)
    try peer.send(client.first(Array("door".utf8)))
    #expect(try client.second(peer.message()) == Array("door".utf8))
    let samples = [[1, 2, 3], [], [UInt8](repeating: 0xA5, count: Limits.payloadSize)]
    for (index, payload) in samples.enumerated() {
      try peer.write(client.sealed(payload, id: UInt32(index)))
      let (header, returned) = try peer.frame(client)
      #expect(header.requestID == UInt32(index) && returned == payload)
    }
    try peer.write(many(client))
    for number in 0..<Self.frames {
      let (header, payload) = try peer.frame(client)
      guard header.requestID == UInt32(number), payload == Self.number(number) else {
        Issue.record("frame \(number) came back as \(header.requestID)")
        return
      }
    }
    #expect(try peer.end() == "")
  }

  // MARK: -

  private static func number(_ number: Int) -> [UInt8] {
    (0..<4).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
  }

  private func many(_ party: Party) -> [UInt8] {
    var stream: [UInt8] = []
    for number in 0..<Self.frames {
      stream += party.sealed(Self.number(number), id: UInt32(number))
    }
    return stream
  }

  private final class Peer {
    private let process = Process()
    private let (input, output, errors) = (Pipe(), Pipe(), Pipe())
    private var buffer: [UInt8] = []
    private var used = 0

    init(_ role: String, key: [UInt8], device: [UInt8]) throws {
      process.executableURL = URL(filePath: try #require(python))
      let words = [key, device, Keys.psk, Array("watchpost".utf8)].map { bytes in
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
      }
      process.arguments =
        ["-B", Vector.folder.appending(path: "peer.py").path, role] + words + ["\(frames)"]
      process.standardInput = input
      process.standardOutput = output
      process.standardError = errors
      try process.run()
    }

    func write(_ bytes: [UInt8]) throws {
      try input.fileHandleForWriting.write(contentsOf: Data(bytes))
    }

    /// A handshake message with its size.
    func send(_ message: [UInt8]) throws {
      try write([UInt8(message.count & 0xFF), UInt8(message.count >> 8)] + message)
    }

    func message() throws -> [UInt8] {
      try fill(2)
      let size = 2 + Int(buffer[used]) | Int(buffer[used + 1]) << 8
      try fill(size)
      defer { used += size }
      return Array(buffer[used + 2..<used + size])
    }

    /// The next frame, opened by `party`.
    func frame(_ party: Party) throws -> (Header, [UInt8]) {
      while true {
        let step = buffer.withUnsafeMutableBytes { bytes -> Party.Step in
          let front = UnsafeMutableRawBufferPointer(rebasing: bytes[used...])
          switch SealedFrame.next(in: front, with: &party.transport) {
          case .incomplete(let needed): return .incomplete(needed)
          case .opened(let header, let payload, let size):
            return .opened(header, [UInt8](payload), size)
          case .refused(let error, let header, let size): return .refused(error, header, size)
          }
        }
        switch step {
        case .incomplete(let needed): try fill(needed)
        case .opened(let header, let payload, let size):
          used += size
          return (header, payload)
        case .refused(let error, _, _): throw error
        }
      }
    }

    /// What it says when it has ended well: nothing.
    func end() throws -> String {
      try input.fileHandleForWriting.close()
      let words = try errors.fileHandleForReading.readToEnd() ?? Data()
      process.waitUntilExit()
      return String(decoding: words, as: UTF8.self)
        + (process.terminationStatus == 0 ? "" : "status \(process.terminationStatus)")
    }

    private func fill(_ needed: Int) throws {
      if used > 1 << 16 {
        buffer.removeFirst(used)
        used = 0
      }
      while buffer.count - used < needed {
        let data = output.fileHandleForReading.availableData
        guard !data.isEmpty else { throw Gone(words: try end()) }
        buffer += data
      }
    }

    struct Gone: Error { let words: String }
  }
}
