import Foundation
import Testing
import Wire

@testable import Linux

/// The audit's lanes on the data partition.
@Suite(.serialized) struct KeeperAuditTests {
  private let place: KeeperPlace

  init() throws { place = try KeeperPlace() }

  private func record(_ number: Int) -> [UInt8] {
    (0..<128).map { UInt8(truncatingIfNeeded: number * 31 + $0) }
  }

  private func file(_ name: String) -> URL { place.data.appending(path: "state/audit-\(name)") }

  @Test func recordsComeBackInTheirOrder() throws {
    let keeper = try Keeper(place)
    for lane in UInt8(0)..<4 {
      #expect(try keeper.lane(lane).0.outcome == .done && keeper.lane(lane).1 == [])
    }
    for lane in UInt8(0)..<4 {
      #expect(try keeper.append(lane, [record(Int(lane))]) == .done)
      #expect(try keeper.append(lane, [record(50), record(51)]) == .done)
    }
    keeper.kill()
    let later = try Keeper(place)
    for lane in UInt8(0)..<4 {
      #expect(try later.lane(lane).1 == [record(Int(lane)), record(50), record(51)])
    }
    for name in ["access", "keys", "changes", "admin"] {
      #expect(place.mode(file(name)) == 0o600)
    }
  }

  @Test(arguments: [1, 3, 5, 40]) func aLaneIsBounded(atOnce: Int) throws {
    let share = Int(Keeper.shares[0])
    let keeper = try Keeper(place)
    var all: [[UInt8]] = []
    for round in 0..<30 {
      let records = (0..<atOnce).map { record(round * atOnce + $0) }
      #expect(try keeper.append(0, records) == .done)
      all += records
      let size = try Data(contentsOf: file("access")).count / 128
      #expect(size <= 2 * share && size >= min(share, all.count))
    }
    keeper.kill()
    let told = try Keeper(place).lane(0).1
    #expect(told.count >= share && told == Array(all.suffix(told.count)))
    #expect(!FileManager.default.fileExists(atPath: file("access.new").path))
  }

  @Test func manyRecordsComeInSeveralMessages() throws {
    var shares: [UInt8] = []
    for _ in 0..<4 { shares += [0, 2] }
    let keeper = try Keeper(place, greets: false)
    #expect(try keeper.ask(.hello, shares + [1]).outcome == .done)
    for part in 0..<5 {
      let records = (0..<200).map { record(part * 200 + $0) }
      #expect(try keeper.append(2, records) == .done)
    }
    keeper.kill()
    let later = try Keeper(place, greets: false)
    #expect(try later.ask(.hello, shares + [1]).outcome == .done)
    #expect(try later.lane(2).1 == (0..<1000).map { record($0) })
    #expect(later.replies.count { $0.0 == .audit && $0.1[0] == 2 } > 2)
    // Less is wanted now: the newest.
    later.kill()
    let (news, records) = try Keeper(place).lane(2)
    #expect(news.skipped == 996 && records == (996..<1000).map { record($0) })
  }

  @Test func aTornRecordGoes() throws {
    let keeper = try Keeper(place)
    #expect(try keeper.append(1, [record(1), record(2)]) == .done)
    keeper.kill()
    let whole = try Data(contentsOf: file("keys"))
    for length in [1, 127, 128, 129, 255] {
      try whole.prefix(length).write(to: file("keys"))
      let later = try Keeper(place)
      let (news, records) = try later.lane(1)
      #expect(records.count == length / 128 && Int(news.torn) == length % 128)
      #expect(try later.append(1, [record(3)]) == .done)
      later.kill()
      #expect(try Keeper(place).lane(1).1 == Array([record(1)].prefix(length / 128)) + [record(3)])
    }
  }

  @Test func whatARotationLeavesBehindIsNothing() throws {
    let keeper = try Keeper(place)
    #expect(try keeper.append(3, [record(1)]) == .done)
    keeper.kill()
    try Data(record(8) + record(9)).write(to: file("admin.new"))
    #expect(try Keeper(place).lane(3).1 == [record(1)])
    #expect(!FileManager.default.fileExists(atPath: file("admin.new").path))
  }

  @Test func aMissingPartitionIsToldAndTriedAgain() throws {
    let away = place.url.appending(path: "away")
    let keeper = try Keeper(place)
    #expect(try keeper.append(0, [record(1)]) == .done)
    keeper.end()
    try FileManager.default.moveItem(at: place.data, to: away)
    let later = try Keeper(place)
    #expect(try later.lane(0).0.outcome == .missing && later.lane(3).0.outcome == .missing)
    #expect(try later.blob(.device).0.state == .loaded, "operators get in")
    #expect(try later.append(0, [record(2)]) == .missing)
    #expect(try later.ask(.retry, [1]).outcome == .done)
    #expect(try later.lane(0).0.outcome == .missing)
    try FileManager.default.moveItem(at: away, to: place.data)
    #expect(try later.ask(.retry, [1]).outcome == .done)
    #expect(try later.lane(0).1 == [record(1)])
    #expect(try later.append(0, [record(2)]) == .done)
    // Loaded once is enough.
    #expect(try later.ask(.retry, [1]).outcome == .done && later.replies.isEmpty)
    // Before it is unmounted, and after.
    #expect(try later.ask(.retry, [0]).outcome == .done)
    #expect(try later.append(0, [record(3)]) == .missing)
    #expect(try later.ask(.retry, [1]).outcome == .done)
    #expect(try later.lane(0).1 == [record(1), record(2)])
  }

  @Test func aPartitionThatIsNotMountedIsNotLookedFor() throws {
    let keeper = try Keeper(place, hasData: false)
    #expect(!keeper.replies.contains { $0.0 == .audit })
    #expect(try keeper.append(0, [record(1)]) == .missing)
    #expect(!FileManager.default.fileExists(atPath: place.data.path + "/state"))
    #expect(try keeper.ask(.retry, [1]).outcome == .done && keeper.lane(0).0.outcome == .done)
  }

  @Test func aFileThatHasBecomeShorterIsNotFilledWithZeros() throws {
    let keeper = try Keeper(place)
    #expect(try keeper.append(0, [record(1), record(2)]) == .done)
    try Data(record(1)).write(to: file("access"))
    #expect(try keeper.append(0, [record(3)]) == .missing)
    #expect(try keeper.ask(.retry, [1]).outcome == .done && keeper.lane(0).1 == [record(1)])
    #expect(try keeper.append(0, [record(3)]) == .done)
  }

  @Test func onlyWholeRecordsAreTaken() throws {
    let keeper = try Keeper(place)
    #expect(try keeper.append(4, [record(1)]) == .malformed)
    #expect(try keeper.append(0, [record(1), [1]]) == .malformed)
    #expect(try keeper.append(0, []) == .done)
    #expect(try keeper.ask(.retry, [1]).outcome == .done)
    keeper.kill()
    #expect(try Keeper(place).lane(0).1 == [])
  }
}
