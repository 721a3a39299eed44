import ControlClient
import LoadGenerator
import LoadPlan
import Noise
import Testing
import Wire

@testable import LoadTest

/// Keys that users get from a device that gives any.
@Suite struct KeyringTests {
  private func make(
    _ classes: [UserClass], counts: [Int], at port: GrantingPort
  ) async throws -> Keyring {
    precondition(KnownAnswer.holds())
    let connection = try await ControlConnection.open(port.address)
    let plan = Plan(
      name: "p", summary: "s", classes: classes,
      course: .stages([Stage("a", users: max(1, counts.reduce(0, +)), seconds: 1)]))
    let ring = try await Keyring.make(plan, counts: counts, over: connection)
    await connection.close()
    return ring
  }

  private func pings(_ name: String, _ role: UserClass.Role, perKey: Int = 10) -> UserClass {
    UserClass(name, role: role, work: .mix([.init(.ping)]), usersPerKey: perKey)
  }

  private func key(_ ring: Keyring, _ userClass: Int, _ number: Int) -> [UInt8]? {
    ring.identity(of: Roster.Place(target: 0, userClass: userClass, number: number))?.key
  }

  @Test func soManyUsersShareAKey() async throws {
    let port = try GrantingPort()
    let classes = [pings("a", .viewer), pings("b", .anybody), pings("c", .admin, perKey: 1)]
    let ring = try await make(classes, counts: [25, 7, 2], at: port)
    let given = port.given
    #expect(
      given.map(\.name) == [
        "wpload-0-0", "wpload-0-1", "wpload-0-2", "wpload-2-0", "wpload-2-1",
      ])
    #expect(given.map(\.role) == [.viewer, .viewer, .viewer, .admin, .admin])
    #expect(given.map(\.isForTests) == Array(repeating: true, count: 5))
    // Nine at a time, and as many who have not gone yet.
    #expect(given.map(\.slots) == [18, 18, 18, 2, 2])
    // In turn, and nobody of those without a role.
    #expect(key(ring, 0, 0) != nil && key(ring, 0, 0) == key(ring, 0, 3))
    #expect(Set((0..<25).map { key(ring, 0, $0) }).count == 3)
    #expect(key(ring, 2, 0) != key(ring, 2, 1) && key(ring, 1, 0) == nil)
    let identity = ring.identity(of: Roster.Place(target: 0, userClass: 2, number: 1))
    #expect(identity?.secret == [UInt8](repeating: 5, count: 32))
  }

  /// Every class has one, however many there are, and all together no more than a device has.
  @Test(arguments: [1, 3, 32]) func thePlacesAreEnough(classes count: Int) async throws {
    let port = try GrantingPort()
    let classes = (0..<count).map { pings("c\($0)", .viewer) }
    var counts = Array(repeating: 1, count: count)
    counts[0] = 5000
    let ring = try await make(classes, counts: counts, at: port)
    // The first class gets what the others leave of 48.
    #expect(port.given.count == Keyring.keysPerTarget)
    for index in 0..<count { #expect(key(ring, index, 0) != nil) }
  }

  @Test func noUsersNeedNoKeys() async throws {
    let port = try GrantingPort()
    let classes = [pings("a", .viewer), pings("b", .viewer)]
    let ring = try await make(classes, counts: [0, 1], at: port)
    #expect(port.given.map(\.name) == ["wpload-1-0"] && key(ring, 0, 0) == nil)
  }

  @Test func whatAnEarlierTestHasLeftGoesFirst() async throws {
    let port = try GrantingPort(has: ["admin", "wpload-0-7", "wpload", "wpload-9-0"])
    _ = try await make([pings("a", .viewer)], counts: [1], at: port)
    #expect(port.removed == ["wpload-0-7", "wpload-9-0"])
    let connection = try await ControlConnection.open(port.address)
    try await Keyring.clear(over: connection)
    await connection.close()
    #expect(port.removed == ["wpload-0-7", "wpload-9-0", "wpload-0-0"])
    #expect(port.names == ["admin", "wpload"])
  }

  @Test func aRefusalIsTold() async throws {
    let port = try GrantingPort(places: 2)
    await #expect(throws: ControlError.self) {
      try await make([pings("a", .viewer, perKey: 1)], counts: [3], at: port)
    }
  }
}
