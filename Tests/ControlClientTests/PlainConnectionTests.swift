import Foundation
import NIOCore
import Testing

@testable import ControlClient
@testable import Wire

/// What goes to a device in plain text, for everybody on the way to read.
@Suite(.timeLimit(.minutes(1))) struct PlainConnectionTests {
  /// An address of this machine that counts as somewhere else.
  private static let outside: String? = {
    let devices = (try? System.enumerateDevices()) ?? []
    return devices.lazy.compactMap(\.address)
      .first { $0.protocol == .inet && !$0.isThisMachine }?.ipAddress
  }()
  private static let why: Comment = "this machine has no address but its loopback"

  private func with(
    _ keys: FakeKeys, _ body: (DeviceAddress, TemporaryKeys) async throws -> Void
  ) async throws {
    let host = try #require(Self.outside)
    let device = try await FakeDevice(.sealed(keys, .golden), on: host)
    try await body(DeviceAddress(host: host, port: device.port), TemporaryKeys())
    await device.stop()
  }

  /// A text with a password is not handed to whoever answers.
  @Test(.enabled(if: outside != nil, why)) func aTextIsNotSentInTheClear() async throws {
    let keys = FakeKeys()
    let text = FileManager.default.temporaryDirectory.appending(path: "\(UUID()).ini").path
    try "[rtsp]\npassword = pw-of-the-barn\n".write(
      toFile: text, atomically: false, encoding: .utf8)
    defer { try? FileManager.default.removeItem(atPath: text) }
    try await with(keys) { device, own in
      let stage = ["config", "stage", text, "v1", "-d", "\(device)", "--keys", own.folder.path]
      let run = try await wpctl(stage)
      #expect(run.code == 1)
      #expect(run.complaint.contains("was not sent: this client has no key at \(device)"))
      #expect(run.complaint.contains("`wpctl pair \(device)`"))
      #expect(keys.state.withLock { $0.plain } == [])
      // Whoever wants it gets it.
      #expect(try await wpctl(stage + ["--plain"]).code == 1)
      #expect(keys.state.withLock { $0.plain } == [.configurationStage])
    }
  }

  @Test(.enabled(if: outside != nil, why)) func healthIsForAnybody() async throws {
    let keys = FakeKeys()
    try await with(keys) { device, own in
      let run = try await wpctl("status", "-d", "\(device)", "--keys", own.folder.path)
      #expect(run.code == 0)
      #expect(run.output.contains("Health "))
      let ping = try await wpctl("ping", "-d", "\(device)", "--keys", own.folder.path)
      #expect(ping.code == 0)
    }
    #expect(Set(keys.state.withLock { $0.plain }) == [.health, .ping])
  }

  @Test(arguments: [
    ("127.0.0.1", true), ("127.9.9.9", true), ("::1", true), ("::ffff:127.0.0.1", true),
    ("10.0.0.5", false), ("128.0.0.1", false), ("::ffff:10.0.0.5", false), ("fe80::1", false),
    ("::", false), ("::2", false),
  ]) func whatThisMachineIs(address: String, isThisMachine: Bool) throws {
    let peer = try SocketAddress(ipAddress: address, port: 4710)
    #expect(peer.isThisMachine == isThisMachine)
    let known = Credentials.folder(TemporaryKeys().folder)
    #expect(known.allowsPlain(.reboot, to: peer) == isThisMachine)
    #expect(known.allowsPlain(.health, to: peer) && known.allowsPlain(.handshake, to: peer))
    #expect(Credentials.none.allowsPlain(.reboot, to: peer))
    #expect(!known.allowsPlain(.reboot, to: nil))
  }
}
