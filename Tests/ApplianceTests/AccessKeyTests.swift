import Testing
import Wire

@testable import Appliance

@Suite struct AccessKeyTests {
  @Test func nothingIsDoneBeforeTheKeysAreRead() {
    let table = KeyTable(isLoaded: false)
    #expect(table.add("anna", 1, .admin).error == .notLoaded)
    #expect(table.remove("anna") == .notLoaded && table.change("anna", .admin) == .notLoaded)
    #expect(table.rotate("anna", to: 2).error == .notLoaded)
    #expect(!table.takeChange() && !table.isLoaded)
    table.startEmpty()
    #expect(table.add("anna", 1, .admin).error == nil)
    #expect(table.takeChange() && !table.takeChange())
  }

  @Test func aClientIsFoundByItsKeyAlone() throws {
    let table = KeyTable.withAdmin()
    let handle = try #require(table.add("anna-laptop", 1, .operator).value)
    #expect(table.find(1) == handle && table.find(2) == nil)
    #expect(table.find(PublicKey()) == nil)
    #expect(table.name(of: handle) == "anna-laptop")
    #expect(table.role(of: handle) == .operator && table.isCurrent(handle))
    #expect(table.secret(handle) == KeyTable.secret(1))
  }

  @Test func wrongOnesAreRefusedAndChangeNothing() {
    let table = KeyTable.withAdmin()
    table.add("anna", 1)
    #expect(table.takeChange())
    #expect(table.add("anna", 2).error == .nameTaken)
    #expect(table.add("bert", 1).error == .keyKnown)
    #expect(table.add("", 2).error == .badName)
    #expect(table.add("Bert", 2).error == .badName)
    #expect(table.add("bert smith", 2).error == .badName)
    #expect(table.add("bert", 2, .anybody).error == .badRole)
    #expect(table.add("bert", 2, .viewer, KeyLimits(flags: .bit(7))).error == .badFlags)
    let none = [UInt8](repeating: 0, count: 32)
    #expect(table.add("bert", KeyTable.key(2), none, .viewer).error == .badKey)
    #expect(table.add("bert", PublicKey(), KeyTable.secret(2), .viewer).error == .badKey)
    table.adder = "No Name"
    #expect(table.add("bert", 2).error == .badName)
    table.adder = ""
    #expect(table.remove("bert") == .nameUnknown && table.change("bert", .admin) == .nameUnknown)
    #expect(table.rotate("bert", to: 2).error == .nameUnknown)
    #expect(table.rotate("anna", to: 0).error == .keyKnown)
    #expect(table.rotate("anna", to: 1).error == .keyKnown)
    #expect(table.change("anna", .anybody) == .badRole)
    #expect(table.change("anna", .viewer, KeyLimits(flags: .bit(1))) == .badFlags)
    #expect(table.count == 2 && !table.takeChange())
  }

  @Test func thereIsRoomFor64() {
    let table = KeyTable.withAdmin()
    for number in 1..<64 { #expect(table.add(Name("key-\(number)"), number).error == nil) }
    #expect(table.count == 64 && table.add("one-more", 64).error == .tableFull)
    for number in 1..<64 { #expect(table.name(number) == Name("key-\(number)")) }
    table.remove("key-17")
    #expect(table.add("one-more", 64).error == nil && table.name(64) == "one-more")
  }

  @Test func oneAdminRemains() {
    let table = KeyTable()
    #expect(!table.hasAdmin && table.add("anna", 1, .operator).error == .noAdmin)
    table.add("anna", 1, .admin)
    table.add("bert", 2, .operator)
    #expect(table.remove("anna") == .noAdmin && table.change("anna", .operator) == .noAdmin)
    #expect(table.change("anna", .admin, KeyLimits(rate: 5)) == nil)
    #expect(table.change("bert", .admin) == nil)
    #expect(table.change("anna", .viewer) == nil && table.change("bert", .viewer) == .noAdmin)
    #expect(table.remove("bert") == .noAdmin && table.remove("anna") == nil)
    #expect(table.hasAdmin)
  }

  @Test func aRoleHoldsForRunningSessions() throws {
    let table = KeyTable.withAdmin()
    let handle = try #require(table.add("anna", 1, .viewer).value)
    table.change("anna", .operator)
    #expect(table.role(of: handle) == .operator)
  }

  @Test func aRemovedKeysSessionsAreOver() throws {
    let table = KeyTable.withAdmin()
    let handle = try #require(table.add("anna", 1).value)
    #expect(table.enter(handle))
    #expect(table.remove("anna") == nil)
    #expect(!table.isCurrent(handle) && table.role(of: handle) == nil)
    #expect(table.name(of: handle).isEmpty && table.secret(handle) == nil)
    #expect(table.limits(of: handle) == nil && !table.used(handle))
    #expect(!table.enter(handle) && !table.spend(handle))
    // Its place goes to another key, even to the same one: the old session is not its.
    let other = try #require(table.add("anna", 1).value)
    #expect(table.enter(other) && !table.isCurrent(handle))
    table.leave(handle)
    #expect(table.entries[1].connections == 1, "the old session's end is not counted here")
  }

  @Test func bothKeysAreTakenUntilTheNewOneIsUsed() throws {
    let table = KeyTable.withAdmin()
    let old = try #require(table.add("anna", 1, .operator).value)
    #expect(table.enter(old))
    let new = try #require(table.rotate("anna", to: 2).value)
    #expect(table.find(1) == old && table.find(2) == new)
    #expect(table.secret(old) == KeyTable.secret(1) && table.secret(new) == KeyTable.secret(2))
    #expect(table.entries[1].publicKey == KeyTable.key(2))
    #expect(table.entries[1].formerForMs == 600_000)
    #expect(!table.used(old), "the old one goes on being used")
    #expect(table.isCurrent(old) && table.takeChange())
    #expect(table.used(new))
    #expect(!table.isCurrent(old) && table.find(1) == nil && table.secret(old) == nil)
    #expect(table.takeChange() && table.deadline == .never)
    #expect(!table.used(new))
    table.leave(old)
    #expect(table.entries[1].connections == 0, "a retired key's connection was counted here")
  }

  @Test func aFormerKeyIsTakenForTenMinutes() throws {
    let table = KeyTable.withAdmin()
    let old = try #require(table.add("anna", 1).value)
    table.rotate("anna", to: 2)
    #expect(table.deadline == table.now + 600_000)
    table.now = table.now + 599_999
    #expect(table.expire() == [] && table.find(1) == old)
    #expect(table.takeChange() && !table.takeChange())
    table.now = table.now + 1
    #expect(table.find(1) == nil, "also where nobody has called expire yet")
    #expect(table.expire() == ["anna"] && !table.isCurrent(old))
    #expect(table.takeChange(), "the card is to have it no longer, either")
    #expect(table.name(2) == "anna" && table.add("bert", 1).error == nil)
  }

  /// The answer with the new key was lost: the client, which still has the first, asks again.
  @Test func anUnusedKeyGivesWayToTheNext() throws {
    let table = KeyTable.withAdmin()
    let first = try #require(table.add("anna", 1).value)
    let second = try #require(table.rotate("anna", to: 2).value)
    table.now = table.now + 59_999
    #expect(table.rotate("anna", to: 3).error == .tooSoon(ms: 1))
    table.now = table.now + 240_001
    let third = try #require(table.rotate("anna", to: 3).value)
    #expect(table.isCurrent(first) && !table.isCurrent(second))
    #expect(table.find(2) == nil && table.find(3) == third)
    #expect(table.deadline == table.now + 600_000)
    #expect(table.rotate("anna", to: 1).error == .keyKnown)
  }

  @Test func slotsAreCountedPerKey() throws {
    let table = KeyTable.withAdmin()
    let usual = try #require(table.add("usual", 1).value)
    let own = try #require(table.add("own", 2, .viewer, KeyLimits(slots: 2)).value)
    let load = try #require(table.add("load", 3, .viewer, KeyLimits(flags: .loadTest)).value)
    let both = try #require(
      table.add("both", 4, .viewer, KeyLimits(slots: 3, flags: .loadTest)).value)
    for (handle, slots) in [(usual, 4), (own, 2), (load, 2000), (both, 3)] {
      for _ in 0..<slots { #expect(table.enter(handle)) }
      #expect(table.enter(handle) == (handle == load))
    }
    table.leave(own)
    #expect(table.enter(own) && !table.enter(own))
    #expect(table.entries.map(\.connections) == [0, 4, 2, 2001, 3])
  }

  @Test(arguments: [
    (KeyLimits(), 100), (KeyLimits(rate: 7), 7), (KeyLimits(rate: 1), 1),
    (KeyLimits(rate: 3, flags: .loadTest), 3), (KeyLimits(rate: 250), 250),
  ])
  func aRateIsASecondsWorthAndThenSteady(limits: KeyLimits, rate: Int) throws {
    let table = KeyTable.withAdmin()
    let handle = try #require(table.add("anna", 1, .viewer, limits).value)
    func spent(_ tries: Int) -> Int {
      (0..<tries).count { _ in table.spend(handle) }
    }
    #expect(spent(1000) == rate)
    table.now = table.now + 1000
    #expect(spent(1000) == rate)
    table.now = table.now + 3_600_000
    #expect(spent(1000) == rate, "no more than a second's worth is saved")
    var steady = 0
    for _ in 0..<10_000 {
      table.now = table.now + 1
      steady += spent(2)
    }
    #expect(abs(steady - 10 * rate) <= 1)
  }

  @Test func aLoadTestHasNoDefaultRate() throws {
    let table = KeyTable.withAdmin()
    let handle = try #require(table.add("load", 1, .viewer, KeyLimits(flags: .loadTest)).value)
    #expect((0..<5000).count { _ in table.spend(handle) } == 5000)
    table.change("load", .viewer)
    let spent = (0..<1000).count { _ in table.spend(handle) }
    #expect(spent == 100, "the permission was taken back")
  }

  @Test func whatIsToldOfAKey() throws {
    let table = KeyTable.withAdmin()
    let limits = KeyLimits(rate: 9, slots: 3, flags: .loadTest)
    let handle = try #require(table.add("anna", 1, .operator, limits).value)
    var entry = KeyEntry()
    entry.name = "anna"
    entry.publicKey = KeyTable.key(1)
    entry.addedBy = "admin-0"
    entry.role = Code(.operator)
    entry.flags = .loadTest
    entry.slots = 3
    entry.rate = 9
    entry.addedUnixMs = 1_793_364_092_123
    #expect(table.entries.count == 2 && table.entries[1] == entry)
    table.used(handle)
    entry.quietMs = 1
    #expect(table.entries[1] == entry)
    table.now = table.now + 5000
    entry.quietMs = 5000
    #expect(table.entries[1] == entry)
  }

  @Test func aResetForgetsEverybody() throws {
    let table = KeyTable.withAdmin()
    let handle = try #require(table.add("anna", 1).value)
    table.rotate("anna", to: 2)
    table.reset()
    #expect(table.count == 0 && !table.hasAdmin && table.entries.isEmpty)
    #expect(table.find(0) == nil && table.find(1) == nil && table.find(2) == nil)
    #expect(!table.isCurrent(handle) && table.deadline == .never)
    #expect(table.takeChange() && table.image.count == ClientKeys.imageSize(0))
    #expect(table.add("anna", 1, .admin).error == nil && !table.isCurrent(handle))
  }
}
