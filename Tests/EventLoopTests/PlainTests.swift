import Appliance
import Testing
import Wire

@testable import EventLoop

/// Requests in plain text: what they may ask for, by where they come from and what the
/// configuration says.
@Suite struct PlainTests {
  private static let this = IPv4(127, 0, 0, 1)
  private static let known = IPv4(192, 168, 7, 4)
  private static let stranger = IPv4(10, 0, 0, 7)

  private struct Case: CustomTestStringConvertible {
    let address: IPv4
    var plain = false
    var healthIsPublic = true
    /// What is answered to ping, health, cameraList, logTail and identity.
    let allowed: [Bool]

    var testDescription: String {
      "\(address.value >> 24).x, plain \(plain), health \(healthIsPublic)"
    }
  }

  private static let cases: [Case] = [
    Case(address: this, allowed: [true, true, false, false, true]),
    Case(address: known, allowed: [true, true, false, false, true]),
    Case(address: stranger, allowed: [true, true, false, false, true]),
    Case(address: this, plain: true, allowed: [true, true, true, true, true]),
    Case(address: known, plain: true, allowed: [true, true, false, false, true]),
    Case(address: stranger, plain: true, allowed: [true, true, false, false, true]),
    Case(
      address: this, plain: true, healthIsPublic: false, allowed: [true, true, true, true, true]),
    Case(address: this, healthIsPublic: false, allowed: [false, false, false, false, true]),
    Case(address: known, healthIsPublic: false, allowed: [false, false, false, false, true]),
    Case(address: stranger, healthIsPublic: false, allowed: [false, false, false, false, true]),
  ]

  private func device(_ wanted: Case) throws -> Fixture {
    try Fixture.withKeys {
      $0.control.plain = wanted.plain
      $0.control.healthIsPublic = wanted.healthIsPublic
      $0.control.trusted[1] = Subnet(address: IPv4(192, 168, 7, 0), prefix: 24)
    }
  }

  @Test(arguments: cases) private func whatMayBeAskedInPlainText(_ wanted: Case) throws {
    var fixture = try device(wanted)
    let client = fixture.loop.system.connect(
      from: wanted.address, request(.ping, id: 0), request(.health, id: 1),
      request(.cameraList, id: 2), logTail(id: 3), request(.identity, id: 4))
    fixture.turns(10)
    let answers = try #require(replies(fixture.loop.system.peers[client]!.received))
    #expect(answers.map(\.id) == [0, 1, 2, 3, 4])
    let no = Status.permission.rawValue
    #expect(answers.map(\.status) == wanted.allowed.map { $0 ? 0 : no })
    let isRefused = wanted.allowed.contains(false)
    expect(fixture.audit().contains(.plainRefused), isRefused)
  }

  /// A key is worth the same everywhere, and a viewer may always ask for health.
  @Test(arguments: [this, stranger]) func aKeyDoesNotCareForAddresses(_ address: IPv4) throws {
    var fixture = try device(Case(address: address, healthIsPublic: false, allowed: []))
    let viewer = try fixture.client(1, from: address)
    viewer.send(
      &fixture, ping(id: 0), request(.health, id: 1), request(.cameraList, id: 2), logTail(id: 3))
    fixture.turns(10)
    expect(try viewer.answers(&fixture).map(\.status), [0, 0, 0, Status.permission.rawValue])
  }

  /// What an admin does to the device is told with the name of its key; what has entries of its own
  /// is not told twice.
  @Test func whatAnAdminDoesIsOnTheRecord() throws {
    var fixture = try Fixture.withKeys()
    let admin = try fixture.client(3)
    admin.send(
      &fixture, request(.identify, id: 1, [0xE8, 3, 0, 0, 0, 0, 0, 0]), request(.keyList, id: 2))
    fixture.turns(10)
    expect(try admin.answers(&fixture).map(\.status), [0, 0])
    expect(fixture.audit().filter { $0 == .adminOperation }.count, 1)
    expect(fixture.audit().last, .adminOperation)
  }
}
