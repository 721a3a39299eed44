import Testing
import Wire

@testable import Appliance

@Suite struct AccessAuditTests {
  @Test func whatWasNotedIsRead() {
    let audit = Audit(boot: 17)
    let note = AuditNote(
      .keyAdded, role: .admin, key: "anna-laptop", address: IPv4(10, 0, 0, 5), subject: "bert",
      detail: 14)
    #expect(audit.record(note) == 1)
    audit.now = audit.now + 5
    audit.record(AuditNote(.deviceStarted))
    var entry = AuditEntry()
    entry.sequence = 1
    entry.unixMs = Audit.unixMs + 1000
    entry.bootMs = 1000
    entry.detail = 14
    entry.code = Code(.keyAdded)
    entry.lane = Code(.keys)
    entry.role = Code(.admin)
    entry.count = 1
    entry.address = 0x0A00_0005
    entry.boot = 17
    entry.key = "anna-laptop"
    entry.subject = "bert"
    let (head, entries) = audit.page()
    #expect(head == AuditListHead(nextCursor: 3, overwritten: 0, count: 2))
    #expect(entries[0] == entry && entries[1].code == .deviceStarted && entries[1].sequence == 2)
  }

  @Test func whatIsNoNameIsNotKept() {
    let audit = Audit()
    audit.record(
      AuditNote(.pairingRefused, key: "7K3M-0WXY-1ABC", subject: "rm -rf", detail: 1))
    #expect(audit.entries()[0].key.isEmpty && audit.entries()[0].subject.isEmpty)
  }

  @Test func repeatedRefusalsAreOneEntry() {
    let audit = Audit()
    for _ in 0..<1000 {
      #expect(audit.refuse(1) == 1)
      audit.now = audit.now + 59
    }
    #expect(audit.entries().count == 1 && audit.entries()[0].count == 1000)
    #expect(audit.entries()[0].spanMs == 999 * 59 && audit.entries()[0].bootMs == 1000)
    audit.now = audit.now + 1000
    #expect(audit.now.since(Instant(ms: 1000)) == 60_000)
    #expect(audit.refuse(1) == 2, "its minute is over")
    #expect(audit.entries().map(\.count) == [1000, 1])
  }

  @Test func differentOnesAreNot() {
    let audit = Audit()
    audit.refuse(1)
    audit.refuse(2)
    audit.refuse(1, key: "anna")
    audit.refuse(1, .keyUnknown)
    #expect(audit.entries().map(\.count) == [1, 1, 1, 1])
    // They count on side by side.
    audit.refuse(1, .keyUnknown)
    audit.refuse(1, key: "anna")
    #expect(audit.entries().map(\.count) == [1, 1, 2, 2])
    // What was refused is another matter.
    for detail: UInt64 in [7, 8, 1 << 32 | 7] {
      audit.record(AuditNote(.keyUnknown, address: IPv4(1), detail: detail))
    }
    audit.record(AuditNote(.keyUnknown, address: IPv4(1), subject: "other", detail: 7))
    audit.record(AuditNote(.keyUnknown, address: IPv4(1), detail: 8))
    #expect(audit.entries().map(\.count) == [1, 1, 2, 2, 1, 2, 1, 1])
  }

  /// A client that changes its key all day pushes nothing out.
  @Test func newKeysOfOneClientAreOneEntry() {
    let audit = Audit()
    audit.record(AuditNote(.keyPaired, subject: "anna"))
    for minute in 0..<600 as Range<UInt32> {
      audit.record(AuditNote(.keyRotated, key: "bert", address: IPv4(minute), subject: "bert"))
      audit.record(AuditNote(.keyRetired, subject: "bert"))
      audit.store()
      audit.now = audit.now + 60_000
    }
    #expect(audit.entries().map(\.code.known) == [.keyPaired, .keyRotated, .keyRetired])
    #expect(audit.entries().map(\.count) == [1, 600, 600])
    audit.record(AuditNote(.keyRotated, key: "carl", subject: "carl"))
    // The next day it is another one; and what is stored is not lost with the power.
    audit.now = Instant(ms: 1000) + 86_400_000
    audit.record(AuditNote(.keyRotated, key: "bert", subject: "bert"))
    #expect(audit.entries().map(\.count) == [1, 600, 600, 1, 1])
    audit.store()
    #expect(audit.reboot(boot: 2).entries().map(\.count) == [1, 600, 600, 1, 1])
  }

  @Test func whatIsNoRefusalIsNeverCounted() {
    let audit = Audit()
    for code in [AuditCode.keyRemoved, .changeStaged, .adminOperation] {
      for _ in 0..<3 { audit.record(AuditNote(code, key: "anna", address: IPv4(1))) }
    }
    #expect(audit.entries().map(\.count) == [UInt32](repeating: 1, count: 9))
  }

  @Test func aFloodStaysInItsLane() {
    let audit = Audit()
    for code in [AuditCode.keyPaired, .changeApplied, .adminOperation] {
      audit.record(AuditNote(code))
    }
    for address in 0..<10_000 as Range<UInt32> { audit.refuse(address) }
    #expect(audit.entries().count == 192 + 3 && audit.entries(of: .access).count == 192)
    #expect(
      audit.entries().prefix(3).map(\.code)
        == [.keyPaired, .changeApplied, .adminOperation]
        .map(Code.init))
    #expect(audit.entries(of: .access).map(\.address) == Array(9808..<10_000))
    #expect(audit.overwritten(.access) == 9808 && audit.overwritten == 9808)
    #expect(audit.overwritten(.keys) == 0 && audit.lost == 9808)
    #expect(audit.page().head.overwritten == 9808 && audit.next == 10_004)
  }

  @Test(arguments: [
    (AuditCode.sessionOpened, AuditLane.access, 192), (.keyAdded, .keys, 96),
    (.changeStaged, .changes, 96), (.adminOperation, .admin, 128),
  ])
  func aLaneHasItsShare(code: AuditCode, lane: AuditLane, share: Int) {
    let audit = Audit()
    for number in 0..<500 as Range<UInt32> {
      audit.record(AuditNote(code, address: IPv4(number), detail: UInt64(number)))
    }
    #expect(audit.entries().map(\.detail) == Array(UInt64(500 - share)..<500))
    #expect(audit.overwritten(lane) == UInt64(500 - share))
  }

  @Test func pagesGoOnWhereTheLastOneEnded() {
    let audit = Audit()
    for number in 0..<300 {
      let code: AuditCode =
        [.keyUnknown, .keyAdded, .changeStaged, .adminOperation][number % 4]
      audit.record(AuditNote(code, address: IPv4(UInt32(number))))
    }
    #expect(audit.page().head.count == 120 && audit.page().head.nextCursor == 121)
    #expect(audit.page(from: 121, most: 7).entries.map(\.sequence) == Array(121...127))
    #expect(audit.page(from: 295).entries.map(\.sequence) == Array(295...300))
    #expect(audit.page(from: 295).head.nextCursor == 301)
    #expect(audit.page(from: 301).head == AuditListHead(nextCursor: 301, overwritten: 0, count: 0))
    #expect(audit.page(from: .max).head.count == 0 && audit.page(most: 0).head.nextCursor == 1)
    #expect(audit.page(lane: .keys, most: 3).entries.map(\.sequence) == [2, 6, 10])
    #expect(audit.page(lane: .keys, most: 3).head.nextCursor == 14)
    #expect(audit.page(from: 298, lane: .keys).entries.map(\.sequence) == [298])
    #expect(audit.page(room: 24 + 128 * 5 + 127).entries.map(\.sequence) == Array(1...5))
    #expect(audit.page(most: 1000).head.count == 120)
    #expect(audit.entries().map(\.sequence) == Array(1...300))
  }

  // MARK: Storing

  @Test func newEntriesAreStoredAtOnce() {
    let audit = Audit()
    #expect(audit.deadline == .never && audit.gather().isEmpty)
    audit.record(AuditNote(.keyAdded))
    audit.refuse(1)
    #expect(audit.deadline <= audit.now)
    #expect(audit.gather().count == 2 * 128)
    #expect(audit.deadline == .never && audit.gather().isEmpty, "a batch is under way")
    audit.record(AuditNote(.keyRemoved))
    audit.stored()
    #expect(audit.deadline <= audit.now && audit.gather().count == 128)
    audit.stored()
    #expect(audit.deadline == .never && audit.gather().isEmpty)
  }

  @Test func whatCountsOnIsStoredAgainWhenItsMinuteIsOver() {
    let audit = Audit()
    audit.refuse(1)
    audit.refuse(1)
    #expect(audit.store() == 1)
    audit.now = audit.now + 10
    audit.refuse(1)
    audit.refuse(2)
    #expect(audit.store() == 1, "the other one alone")
    #expect(audit.deadline == Instant(ms: 61_000))
    audit.now = Instant(ms: 60_999)
    #expect(audit.store() == 0)
    audit.now = Instant(ms: 61_000)
    #expect(audit.store() == 1 && audit.deadline == .never)
    #expect(audit.reboot(boot: 2).entries().map(\.count) == [3, 1])
  }

  @Test func whatCountsOnMeanwhileIsStoredLater() {
    let audit = Audit()
    audit.refuse(1)
    audit.file = audit.gather()
    audit.refuse(1)
    audit.stored()
    #expect(audit.deadline == Instant(ms: 61_000))
    #expect(audit.store(all: true) == 1, "at the end, at once")
    #expect(audit.reboot(boot: 2).entries().map(\.count) == [2])
  }

  @Test func whatCouldNotBeWrittenIsTriedAgain() {
    let audit = Audit()
    audit.record(AuditNote(.keyAdded))
    let records = audit.gather()
    audit.stored(false)
    #expect(audit.deadline == audit.now + 5000)
    audit.now = audit.now + 5000
    #expect(audit.gather() == records)
    audit.stored()
    #expect(audit.deadline == .never && audit.lost == 0)
  }

  @Test func aBatchTakesWhatFits() {
    let audit = Audit()
    for _ in 0..<10 { audit.record(AuditNote(.keyAdded)) }
    var batches: [Int] = []
    while audit.deadline <= audit.now {
      batches.append(audit.gather(room: 128 * 4 + 127).count / 128)
      audit.stored()
    }
    #expect(batches == [4, 4, 2])
    audit.storeAnew()
    #expect(audit.store() == 10 && audit.reboot(boot: 2).entries().count == 10)
  }

  @Test func whatGaveWayUnstoredIsLost() {
    let audit = Audit()
    for _ in 0..<96 { audit.record(AuditNote(.keyAdded)) }
    audit.store()
    for _ in 0..<100 { audit.record(AuditNote(.keyAdded)) }
    #expect(audit.overwritten(.keys) == 100 && audit.lost == 4)
  }
}
