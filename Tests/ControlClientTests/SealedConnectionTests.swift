import Foundation
import Testing

@testable import ControlClient
@testable import Wire

/// Connections to devices that this client has a key at, and to strangers.
@Suite(.timeLimit(.minutes(1))) struct SealedConnectionTests {
  /// A device, what it knows, and a client that has a key there.
  private func with(
    _ keys: FakeKeys = FakeKeys(), _ behaviour: FakeDevice.Behaviour = .golden,
    role: Role = .admin, knownAs host: String = "127.0.0.1",
    _ body: (DeviceAddress, TemporaryKeys) async throws -> Void
  ) async throws {
    let device = try await FakeDevice(.sealed(keys, behaviour))
    let own = TemporaryKeys()
    try keys.introduce(own.folder, at: DeviceAddress(host: host, port: device.port), role: role)
    try await body(DeviceAddress(host: "127.0.0.1", port: device.port), own)
    await device.stop()
  }

  @Test func aKnownDeviceHearsNothingInPlainText() async throws {
    let keys = FakeKeys()
    try await with(keys) { device, own in
      let connection = try await ControlConnection.open(device, as: .folder(own.folder))
      async let health = connection.health().name.string
      async let cameras = connection.cameras().cameras.count
      let (name, count) = try await (health, cameras)
      #expect(name == "watchpost")
      #expect(count == 2)
      try await connection.reboot()
      await connection.close()
    }
    let state = keys.state.withLock { $0 }
    #expect(state.handshakes == 1)
    #expect(state.identities == 0)
    #expect(state.plain == [])
    #expect(Set(state.sealed) == [.health, .cameraList, .reboot])
  }

  @Test func aSealedEventStreamComes() async throws {
    try await with { device, own in
      let connection = try await ControlConnection.open(device, as: .folder(own.folder))
      try await connection.subscribe(.all)
      var codes: [String] = []
      for await event in connection.events.prefix(2) { codes.append(event.code.name) }
      #expect(codes == ["cameraConnected", "cameraConnected"])
      var messages = 0
      for await _ in connection.messages.prefix(2) { messages += 1 }
      #expect(messages == 2)
      await connection.close()
    }
  }

  @Test func aLargeAnswerInPartsComes() async throws {
    let bytes = (0..<Limits.bulkSize).map { UInt8(truncatingIfNeeded: $0 &* 7 ^ $0 >> 9) }
    let files = FakeFiles([FakeFiles.file("cam-front/a.mp4", bytes: bytes)])
    let keys = FakeKeys()
    try await with(keys, .files(files)) { device, own in
      let target = own.folder.file("a.mp4")
      let document = try await Download(
        device: device, file: DeviceFile("cam-front/a.mp4")!, to: target, silence: .seconds(20),
        as: .folder(own.folder)
      ).run()
      #expect(document.bytes == UInt64(bytes.count))
      #expect(try Data(contentsOf: URL(filePath: target)) == Data(bytes))
    }
    #expect(keys.handshakes == 1)
    #expect(keys.state.withLock { $0.plain } == [])
  }

  // MARK: - Who it is

  /// Known by its name on the network, now asked by its address.
  @Test func aKnownDeviceIsFoundUnderAnotherAddress() async throws {
    let keys = FakeKeys()
    try await with(keys, knownAs: "barn.local") { device, own in
      for _ in 0..<2 {
        let connection = try await ControlConnection.open(device, as: .folder(own.folder))
        _ = try await connection.serverInfo()
        await connection.close()
      }
      let known = try KnownDevices(in: own.folder).all().map { "\($0.address)" }
      #expect(known == ["barn.local:\(device.port)", "\(device)"])
    }
    #expect(keys.state.withLock { $0.identities } == 1)
    #expect(keys.handshakes == 2)
  }

  /// Who shows the key of a known device and does not have it is not remembered, nor talked to.
  @Test func aBorrowedPublicKeyIsOfNoUse() async throws {
    let keys = FakeKeys { $0.answersNonsense = true }
    try await with(keys, knownAs: "barn.local") { device, own in
      await #expect(throws: ControlError.handshakeRefused(device, .unproven)) {
        try await ControlConnection.open(device, as: .folder(own.folder))
      }
      let known = try KnownDevices(in: own.folder).all()
      #expect(known.count == 1)
    }
    #expect(keys.state.withLock { $0.plain + $0.sealed } == [])
  }

  @Test func strangersArePlain() async throws {
    let device = try await FakeDevice(.sealed(FakeKeys(2), .golden))
    let address = DeviceAddress(host: "127.0.0.1", port: device.port)
    let own = TemporaryKeys()
    // First without any known device, then with another one.
    for number in 0..<2 {
      let connection = try await ControlConnection.open(address, as: .folder(own.folder))
      _ = try await connection.health()
      await #expect(
        throws: ControlError.forbidden(
          address, operation: .reboot, role: nil, message: "\(Status.permission.sentence)")
      ) { try await connection.reboot() }
      await connection.close()
      if number == 0 {
        try FakeKeys(3).introduce(own.folder, at: DeviceAddress(host: "barn.local"))
      }
    }
    #expect(try KnownDevices(in: own.folder).all().count == 1)
    await device.stop()
  }

  /// A device that does not know the question is a stranger, too.
  @Test func oldDevicesArePlain() async throws {
    let device = try await FakeDevice(.refusing([.identity: .unknownOperation]))
    let own = TemporaryKeys()
    try FakeKeys(3).introduce(own.folder, at: DeviceAddress(host: "barn.local"))
    let connection = try await ControlConnection.open(
      DeviceAddress(host: "127.0.0.1", port: device.port), as: .folder(own.folder))
    _ = try await connection.serverInfo()
    await connection.close()
    await device.stop()
  }

  @Test func aRoleThatIsTooLowIsTold() async throws {
    let refusing = FakeDevice.Behaviour.refusing([.reboot: .permission])
    try await with(FakeKeys(), refusing, role: .viewer) { device, own in
      let connection = try await ControlConnection.open(device, as: .folder(own.folder))
      do {
        try await connection.reboot()
        Issue.record("it was done")
      } catch let error as ControlError {
        #expect(error.status == .permission)
        #expect("\(error)".contains("that of a viewer, and it needs an admin"))
      }
      await connection.close()
    }
  }

  // MARK: - Refusals

  @Test func aChangedKeyIsRefused() async throws {
    let keys = FakeKeys(2)
    let device = try await FakeDevice(.sealed(keys, .golden))
    let address = DeviceAddress(host: "127.0.0.1", port: device.port)
    let own = TemporaryKeys()
    try FakeKeys(1).introduce(own.folder, at: address)
    let error = ControlError.deviceKeyChanged(
      address, known: Fingerprint(FakeKeys(1).publicKey), shown: Fingerprint(keys.publicKey))
    await #expect(throws: error) {
      try await ControlConnection.open(address, as: .folder(own.folder))
    }
    #expect(keys.state.withLock { $0.plain + $0.sealed } == [])
    let run = try await wpctl("status", "--device", "\(address)", "--keys", own.folder.path)
    #expect(run.code == 1)
    #expect(run.complaint.contains("`wpctl devices forget \(address)`"))
    #expect(run.output == "")
    let forget = try await wpctl(
      "devices", "forget", "\(address)", "--keys", own.folder.path)
    #expect(forget.code == 0)
    let plain = try await wpctl("status", "--device", "\(address)", "--keys", own.folder.path)
    #expect(plain.code == 0)
    await device.stop()
  }

  /// Each has a cause of its own, and none of them makes a plain connection.
  @Test(arguments: [
    (Status.authentication, HandshakeRefusal.keyUnknown), (.notSupported, .noKeys(retryAfterMs: 0)),
    (.unknownOperation, .noKeys(retryAfterMs: 0)), (.busy, .tooManyConnections(retryAfterMs: 0)),
    (.rateLimited, .rateLimited(retryAfterMs: 0)),
    (.state, .other(status: 12, message: "\(Status.state.sentence(in: .handshake))")),
  ])
  func refusedHandshakes(status: Status, refusal: HandshakeRefusal) async throws {
    let keys = FakeKeys { $0.refusals = [(status, 0)] }
    try await with(keys) { device, own in
      let error = ControlError.handshakeRefused(device, refusal)
      await #expect(throws: error) {
        try await ControlConnection.open(device, as: .folder(own.folder))
      }
      #expect("\(error)".hasSuffix(".") && !"\(error)".contains("\n"))
    }
    #expect(keys.handshakes == 1)
    #expect(keys.state.withLock { $0.plain + $0.sealed } == [])
  }

  /// A device that has no time, or has just begun, says when it will have.
  @Test(arguments: [Status.rateLimited, .notSupported])
  func aLimitedHandshakeIsTriedAgain(status: Status) async throws {
    let keys = FakeKeys { $0.refusals = [(status, 1), (status, 2)] }
    try await with(keys) { device, own in
      let connection = try await ControlConnection.open(
        device, timeout: .seconds(50), as: .folder(own.folder))
      _ = try await connection.serverInfo()
      await connection.close()
    }
    #expect(keys.handshakes == 3)
  }

  @Test func notForEver() async throws {
    let often = FakeKeys {
      $0.refusals = Array(repeating: (.rateLimited, 1), count: 100)
    }
    let long = FakeKeys { $0.refusals = [(.rateLimited, 60_000)] }
    for (keys, count, ms) in [(often, ControlConnection.handshakes, 1), (long, 1, 60_000)]
      as [(FakeKeys, Int, UInt32)]
    {
      try await with(keys) { device, own in
        await #expect(
          throws: ControlError.handshakeRefused(device, .rateLimited(retryAfterMs: ms))
        ) {
          try await ControlConnection.open(
            device, timeout: .seconds(50), as: .folder(own.folder))
        }
      }
      #expect(keys.handshakes == count)
    }
  }

  @Test func aSecretThatDiffersIsRefused() async throws {
    let keys = FakeKeys()
    try await with(keys) { device, own in
      keys.state.withLock { $0.clients[0].secret[0] ^= 1 }
      await #expect(throws: ControlError.handshakeRefused(device, .unproven)) {
        try await ControlConnection.open(device, as: .folder(own.folder))
      }
    }
    #expect(keys.state.withLock { $0.plain + $0.sealed } == [])
  }

  @Test func aMissingKeyIsNoReasonForPlainText() async throws {
    let keys = FakeKeys()
    try await with(keys) { device, own in
      try FileManager.default.removeItem(atPath: own.folder.file("key"))
      let missing = KeyFolderError.keyMissing(path: own.folder.file("key"))
      await #expect(throws: ControlError.keys(missing)) {
        try await ControlConnection.open(device, as: .folder(own.folder))
      }
      let run = try await wpctl("ping", "--device", "\(device)", "--keys", own.folder.path)
      #expect(run.code == 1)
      let plain = try await wpctl(
        "ping", "--plain", "--device", "\(device)", "--keys", own.folder.path)
      #expect(plain.code == 0)
    }
    #expect(keys.state.withLock { $0.plain } == [.ping])
  }

  /// A frame that was changed on its way ends the connection.
  @Test func aChangedFrameEndsTheConnection() async throws {
    let keys = FakeKeys { $0.damaged = 2 }
    try await with(keys) { device, own in
      let connection = try await ControlConnection.open(device, as: .folder(own.folder))
      _ = try await connection.health()
      await #expect(throws: ControlError.protocolViolation(device, .seal)) {
        try await connection.health()
      }
      for await _ in connection.events {}
      #expect(connection.endReason == .protocolViolation(device, .seal))
    }
  }

  @Test func plainAnswersToSealedRequestsAreRefused() async throws {
    try await with(FakeKeys { $0.answersPlainly = true }) { device, own in
      let connection = try await ControlConnection.open(device, as: .folder(own.folder))
      await #expect(throws: ControlError.protocolViolation(device, .seal)) {
        try await connection.health()
      }
    }
  }

  // MARK: - Those who connect again

  @Test func anotherConnectionIsSealedToo() async throws {
    let bytes = [UInt8](repeating: 7, count: 400_000)
    let files = FakeFiles(
      [FakeFiles.file("cam-front/a.mp4", bytes: bytes)],
      faults: FakeFiles.Faults(refusedConnections: [1]))
    let keys = FakeKeys()
    try await with(keys, .files(files)) { device, own in
      let first = ControlError.closed(device)
      await #expect(throws: first) {
        try await ControlConnection.open(device, as: .folder(own.folder))
      }
      let connection = try await ControlConnection.open(device, as: .folder(own.folder))
      let next = try await connection.reopened(timeout: .seconds(5))
      _ = try await next.serverInfo()
      await connection.close()
      await next.close()
    }
    #expect(keys.handshakes == 2)
    #expect(keys.state.withLock { $0.plain } == [])
  }

  /// Every command takes the same folder, the exporter, too.
  @Test func theExporterTakesAFolder() async throws {
    let keys = FakeKeys()
    try await with(keys) { device, own in
      let found = AsyncStream.makeStream(of: String.self)
      async let run = wpctl(
        "exporter", "--listen", "127.0.0.1:0", "--keys", own.folder.path,
        interruptedWhen: { output in
          guard let address = output.split(separator: "/").dropFirst().first else { return false }
          found.continuation.yield("\(address)")
          return keys.handshakes > 0
        }, by: SIGTERM)
      for await address in found.stream.prefix(1) {
        let answer = try await ListenAddress(address)!.get("/probe?target=\(device)")
        #expect(answer.body.contains("\nwatchpost_up 1\n"))
      }
      #expect(try await run.code == 0)
    }
    #expect(keys.state.withLock { $0.plain } == [])
  }

  @Test func theExporterShakesHandsOnceAProbe() async throws {
    let keys = FakeKeys()
    try await with(keys) { device, own in
      let exporter = try await Exporter.start(
        on: ListenAddress(port: 0), limit: .seconds(30), as: .folder(own.folder))
      for _ in 0..<2 {
        let answer = try await exporter.get("/probe?target=\(device)")
        #expect(answer.body.contains("\nwatchpost_up 1\n"))
      }
      await exporter.stop()
    }
    #expect(keys.handshakes == 2)
    #expect(keys.state.withLock { $0.plain } == [])
  }
}
