import ControlClient
import LoadGenerator
import LoadPlan
import Noise
import Wire

/// Keys that a test makes for its users at a device, and takes away again.
///
/// They say that they are for load tests (`KeyFlags.loadTest`), so that the limits that hold for
/// other keys by default do not hold for them: everybody who lists the keys sees it.
struct Keyring: Sendable {
  /// At most, of the 64 that a device has.
  static let keysPerTarget = 48
  private static let mark = "wpload-"

  /// By class: the identities, each for `usersPerKey` users in turn.
  private var identities: [[SealedIdentity]] = []

  /// The identity of a user; nil: it has none, and speaks plainly.
  func identity(of place: Roster.Place) -> SealedIdentity? {
    guard identities.indices.contains(place.userClass) else { return nil }
    let own = identities[place.userClass]
    return own.isEmpty ? nil : own[place.number % own.count]
  }

  /// Makes keys for so many users of each class. What an earlier test has left goes first.
  static func make(
    _ plan: Plan, counts: [Int], over connection: ControlConnection
  ) async throws -> Keyring {
    try await clear(over: connection)
    let keyed = plan.classes.indices.filter {
      plan.classes[$0].role != .anybody && counts[$0] > 0
    }
    let wanted = keyed.map { index in
      (counts[index] + plan.classes[index].usersPerKey - 1) / plan.classes[index].usersPerKey
    }
    // Each class has one; of the rest, where there are not so many places, more users share one.
    let spare = keysPerTarget - keyed.count
    let more = max(spare, wanted.reduce(0, +) - keyed.count)
    var ring = Keyring()
    ring.identities = Array(repeating: [], count: plan.classes.count)
    for (index, wanted) in zip(keyed, wanted) {
      let keys = 1 + (wanted - 1) * spare / more
      let users = (counts[index] + keys - 1) / keys
      for number in 0..<keys {
        ring.identities[index].append(
          try await add(
            "\(mark)\(index)-\(number)", plan.classes[index].role, slots: users, over: connection))
      }
    }
    return ring
  }

  private static func add(
    _ name: String, _ role: UserClass.Role, slots: Int, over connection: ControlConnection
  ) async throws -> SealedIdentity {
    let key = SealedIdentity.draw()
    var pair = KeyPair()
    key.withUnsafeBytes { pair.load($0) }
    var request = KeyRequest()
    request.name = Text(string: name)
    request.publicKey = pair.publicKey
    request.role = role.wire
    request.flags = .loadTest
    // Those who come again may be there before the device knows that they have gone.
    request.slots = UInt16(clamping: 2 * slots)
    let granted = try await connection.addKey(request)
    return SealedIdentity(
      key: key, secret: granted.withSecret { Array($0) }, device: granted.publicKey)
  }

  /// Takes all keys away that tests have made.
  static func clear(over connection: ControlConnection) async throws {
    for entry in try await connection.keys() where entry.name.string.hasPrefix(mark) {
      try await connection.removeKey(entry.name)
    }
  }
}

extension UserClass.Role {
  var wire: Role {
    switch self {
    case .anybody: .anybody
    case .viewer: .viewer
    case .operator: .operator
    case .admin: .admin
    }
  }
}

extension Text {
  /// As much of it as fits.
  init(string: String) { self = Array(string.utf8).withUnsafeBytes { Text($0) } }
}
