import Testing
import Wire

@testable import Appliance

/// The table of keys against a naive one, with arbitrary operations.
@Suite struct AccessKeyModelTests {
  private struct Client {
    var role: Role
    var key: Int
    var former: (key: Int, until: UInt64)?
    var connections = 0
    var rotatedAt: UInt64?
  }

  /// A session that somebody has opened, and which key it was opened with.
  private struct Session {
    let name: String
    let key: Int
    let handle: KeyHandle
  }

  @Test(arguments: UInt64(1)...4) func arbitraryOperations(seed: UInt64) throws {
    var random = SplitMix(state: seed)
    let table = KeyTable()
    var model: [String: Client] = [:]
    var sessions: [Session] = []
    var nextKey = 1
    var refusals = 0
    func isKnown(_ key: Int) -> Bool {
      model.values.contains { $0.key == key || $0.former?.key == key }
    }
    func hasAdmin(except name: String) -> Bool {
      model.contains { $0.key != name && $0.value.role == .admin }
    }
    for step in 0..<2500 {
      let name = "key-\(Int.random(in: 0..<80, using: &random))"
      let role = Role(rawValue: UInt8.random(in: 1...3, using: &random))!
      // Mostly a fresh key, now and then one that was there before.
      let isFresh = Int.random(in: 0..<4, using: &random) > 0
      let key = isFresh ? nextKey : Int.random(in: 1...nextKey, using: &random)
      nextKey += 1
      var expected: KeyError?
      var found: KeyError?
      switch Int.random(in: 0..<12, using: &random) {
      case 0...4:
        if isKnown(key) {
          expected = .keyKnown
        } else if model[name] != nil {
          expected = .nameTaken
        } else if model.isEmpty && role != .admin {
          expected = .noAdmin
        } else if model.count == 64 {
          expected = .tableFull
        }
        found = table.add(Name(name), key, role).error
        if expected == nil { model[name] = Client(role: role, key: key) }
      case 5:
        if model[name] == nil {
          expected = .nameUnknown
        } else if !hasAdmin(except: name) {
          expected = .noAdmin
        }
        found = table.remove(Name(name))
        if expected == nil { model[name] = nil }
      case 6:
        if model[name] == nil {
          expected = .nameUnknown
        } else if role != .admin && !hasAdmin(except: name) {
          expected = .noAdmin
        }
        found = table.change(Name(name), role)
        if expected == nil { model[name]!.role = role }
      case 7:
        if model[name] == nil {
          expected = .nameUnknown
        } else if isKnown(key) {
          expected = .keyKnown
        } else if let at = model[name]!.rotatedAt, table.now.ms - at < 60_000 {
          expected = .tooSoon(ms: 60_000 - (table.now.ms - at))
        }
        found = table.rotate(Name(name), to: key).error
        if expected == nil {
          let client = model[name]!
          model[name]!.former = (client.former?.key ?? client.key, table.now.ms + 600_000)
          model[name]!.key = key
          model[name]!.rotatedAt = table.now.ms
        }
      case 8...9:
        guard let (name, client) = model.randomElement(using: &random) else { continue }
        let used = Bool.random(using: &random) ? client.key : client.former?.key ?? client.key
        let handle = try #require(table.find(used))
        #expect(table.used(handle) == (used == client.key && client.former != nil))
        if used == client.key { model[name]!.former = nil }
        #expect(table.enter(handle) == (client.connections < 4))
        guard client.connections < 4 else { continue }
        model[name]!.connections += 1
        sessions.append(Session(name: name, key: used, handle: handle))
      case 10:
        guard let index = sessions.indices.randomElement(using: &random) else { continue }
        let session = sessions.remove(at: index)
        table.leave(session.handle)
        // Of a removed entry nothing is counted; its name may be another's now.
        if owner(of: session, table) != nil { model[session.name]!.connections -= 1 }
      default:
        table.now = table.now + UInt64.random(in: 0..<200_000, using: &random)
        let due = model.filter { $0.value.former.map { $0.until <= table.now.ms } ?? false }
        #expect(Set(table.expire().map { String($0) }) == Set(due.keys))
        for name in due.keys { model[name]!.former = nil }
      }
      #expect(found == expected)
      if expected != nil { refusals += 1 }
      #expect(table.count == model.count)
      #expect(table.hasAdmin == model.values.contains { $0.role == .admin })
      sessions.removeAll { session in
        let client = model[session.name]
        let isCurrent = client?.key == session.key || client?.former?.key == session.key
        #expect(table.isCurrent(session.handle) == isCurrent)
        #expect(table.role(of: session.handle) == (isCurrent ? client?.role : nil))
        guard !isCurrent else { return false }
        table.leave(session.handle)
        if owner(of: session, table) != nil { model[session.name]!.connections -= 1 }
        return true
      }
      guard step % 64 == 0 else { continue }
      for (name, client) in model {
        #expect(table.name(client.key) == Name(name))
        if let former = client.former { #expect(table.name(former.key) == Name(name)) }
      }
    }
    #expect(refusals > 100 && model.count > 20, "the test must reach what it tests")
    let told = Dictionary(uniqueKeysWithValues: table.entries.map { (String($0.name), $0) })
    #expect(Set(told.keys) == Set(model.keys))
    for (name, client) in model {
      let entry = try #require(told[name])
      #expect(entry.role == Code(client.role) && entry.publicKey == KeyTable.key(client.key))
      #expect(Int(entry.connections) == client.connections)
    }
    let copy = KeyTable(isLoaded: false)
    copy.now = table.now
    #expect(copy.load(table.image) == nil && copy.image == table.image)
  }

  /// The entry that a session was counted in, if it is still there.
  private func owner(of session: Session, _ table: KeyTable) -> Name? {
    let place = Int(session.handle.place)
    let entry = table.place(place)
    return entry.isFree || session.handle.generation < entry.birth ? nil : entry.name
  }
}
