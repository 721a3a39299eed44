import Foundation
import Testing

@testable import ControlClient
@testable import Wire

@Suite(.timeLimit(.minutes(1))) struct ConnectionTests {
  @Test func everyOperationIsRead() async throws {
    try await with(.golden) { connection in
      let roundTrip = try await connection.ping()
      #expect(roundTrip > .zero)
      let name = try await connection.health().name.string
      #expect(name == "watchpost")
      let rtspPort = try await connection.serverInfo().rtspPort
      #expect(rtspPort == 8554)
      let cameraNames = try await connection.cameras().cameras.map { $0.name.string }
      #expect(cameraNames == ["cam-front", "cam-1-1-3"])
      let product = try await connection.camera("cam-front").product.string
      #expect(product == "HD Webcam C270")
      let modeCount = try await connection.capabilities(of: "cam-front").modes.count
      #expect(modeCount == 2)
      let streamCount = try await connection.streams().streams.count
      #expect(streamCount == 2)
      let published = try await connection.subscriptionStatistics().published
      #expect(published == 43)
      let longestTurnUs = try await connection.metrics()[.longestTurnUs]
      #expect(longestTurnUs == 830)
      let textLength = try await connection.log(.agent, from: 0).text.count
      #expect(textLength == 56)
      let version = try await connection.mediaServer().version.string
      #expect(version == "v1.20.1")
      try await connection.identify(durationMs: 5)
      try await connection.reboot()
      try await connection.shutdown()
    }
  }

  @Test func eventsCome() async throws {
    try await with(.golden) { connection in
      let next = try await connection.subscribe(.cameras).nextSequence
      #expect(next == 43)
      var codes: [String] = []
      for await event in connection.events.prefix(2) { codes.append(event.code.name) }
      #expect(codes == ["cameraConnected", "cameraConnected"])
    }
  }

  @Test func answersInPiecesAmongEvents() async throws {
    try await with(.piecemeal) { connection in
      let pieceName = try await connection.health().name.string
      #expect(pieceName == "watchpost")
      let life = try await connection.mediaServer().life
      #expect(life == 7)
    }
  }

  /// Pipelined requests whose answers overtake each other.
  @Test func answersAreMatchedById() async throws {
    try await with(.reversed(count: 3)) { connection in
      async let health = connection.health()
      async let media = connection.mediaServer()
      async let cameras = connection.cameras()
      let life = try await media.life
      #expect(life == 7)
      let cameraCount = try await cameras.cameras.count
      #expect(cameraCount == 2)
      let requests = try await health.requests
      #expect(requests == 1_234_567)
    }
  }

  @Test func nobodyListens() async throws {
    let nobody = try DeafPort()
    let address = DeviceAddress(host: "127.0.0.1", port: nobody.port)
    await #expect(throws: ControlError.unreachable(address, reason: "connection refused")) {
      _ = try await ControlConnection.open(address)
    }
    _ = nobody
  }

  @Test func silence() async throws {
    let start = ContinuousClock.now
    try await expect(.silent, timeout: .milliseconds(200)) {
      .timeout($0, operation: .health, seconds: 0.2)
    }
    // Many suites run beside this one.
    #expect(ContinuousClock.now - start < .seconds(30))
  }

  @Test func busy() async throws {
    try await expect(.busy) { .busy($0, retryAfterMs: 500) }
  }

  @Test func anotherProtocol() async throws {
    try await expect(.garbage) { .protocolViolation($0, .badMagic) }
  }

  @Test func hangingUp() async throws { try await expect(.hangingUp) { .closed($0) } }

  @Test func refusals() async throws {
    try await expect(.refusing([.health: .rateLimited])) { _ in
      .refused(
        operation: .health, status: Status.rateLimited.rawValue, detail: 0,
        message: "\(Status.rateLimited.sentence)")
    }
    try await expect(.refusing([.health: .busy])) { _ in
      .overloaded(operation: .health, retryAfterMs: 0, message: "\(Status.busy.sentence)")
    }
  }

  /// Requests on a connection that has ended are told why it has.
  @Test func afterTheEnd() async throws {
    let device = try await FakeDevice(.busy)
    let address = DeviceAddress(host: "127.0.0.1", port: device.port)
    let connection = try await ControlConnection.open(address)
    for await _ in connection.events {}
    await #expect(throws: ControlError.busy(address, retryAfterMs: 500)) {
      _ = try await connection.health()
    }
    await device.stop()
  }

  @Test func everyErrorIsASentence() {
    let device = DeviceAddress(host: "10.0.0.1")
    let errors: [ControlError] = [
      .unreachable(device, reason: "connection refused"), .connectTimeout(device, seconds: 0.5),
      .busy(device, retryAfterMs: 500), .closed(device),
      .overloaded(operation: .fileRead, retryAfterMs: 200, message: "Too much to do."),
      .timeout(device, operation: .ping, seconds: 5),
      .refused(operation: .ping, status: 900, detail: 0, message: "No."),
      .ended(status: 21, message: "Silent for too long."), .protocolViolation(device, .badMagic),
      .protocolViolation(device, .payloadChecksum), .malformedAnswer(.health),
      .protocolViolation(device, .seal),
      .forbidden(device, operation: .reboot, role: nil, message: "No."),
      .keyNeeded(device, operation: .configurationStage),
      .forbidden(device, operation: .reboot, role: .operator, message: "No."),
      .forbidden(device, operation: .changeApprove, role: .admin, message: "No."),
      .deviceKeyChanged(
        device, known: Fingerprint(FakeKeys(1).publicKey),
        shown: Fingerprint(FakeKeys(2).publicKey)),
      .handshakeRefused(device, .rateLimited(retryAfterMs: 1)), .keys(.locked(path: "/k")),
    ]
    for error in errors {
      #expect("\(error)".hasSuffix("."))
      #expect(!"\(error)".contains("\n"))
    }
  }

  // MARK: -

  private func with(
    _ behaviour: FakeDevice.Behaviour, _ body: (ControlConnection) async throws -> Void
  ) async throws {
    let device = try await FakeDevice(behaviour)
    let connection = try await ControlConnection.open(
      DeviceAddress(host: "127.0.0.1", port: device.port))
    try await body(connection)
    await connection.close()
    await device.stop()
  }

  private func expect(
    _ behaviour: FakeDevice.Behaviour, timeout: Duration = .seconds(5),
    _ error: (DeviceAddress) -> ControlError
  ) async throws {
    let device = try await FakeDevice(behaviour)
    let address = DeviceAddress(host: "127.0.0.1", port: device.port)
    // Connecting has all the time that it takes beside many other suites.
    let first = try await ControlConnection.open(address, timeout: .seconds(50))
    await first.close()
    let connection = try await first.reopened(timeout: .seconds(50), answers: timeout)
    await #expect(throws: error(address)) { _ = try await connection.health() }
    await connection.close()
    await device.stop()
  }
}

extension Text: ExpressibleByStringLiteral, ExpressibleByUnicodeScalarLiteral,
  ExpressibleByExtendedGraphemeClusterLiteral
{
  public init(stringLiteral value: StaticString) { self.init(value) }
}
