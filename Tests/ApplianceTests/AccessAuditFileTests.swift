import Testing
import Wire

@testable import Appliance

/// What an earlier life has stored.
@Suite struct AccessAuditFileTests {
  private let sixth: [UInt8] = Audit.records(AccessAuditFileTests.stored().file)[5]

  private func stored() -> Audit { Self.stored() }

  private static func stored() -> Audit {
    let audit = Audit(boot: 7)
    for number in 0..<20 {
      let code: AuditCode =
        [.keyUnknown, .keyAdded, .changeStaged, .adminOperation][number % 4]
      audit.record(
        AuditNote(code, role: .viewer, key: "anna", address: IPv4(UInt32(number + 1)), detail: 3))
    }
    audit.store()
    return audit
  }

  @Test func theNextLifeHasItAndGoesOn() {
    let audit = stored()
    let next = audit.reboot(boot: 8)
    #expect(next.entries() == audit.entries() && next.entries().count == 20)
    #expect(next.deadline == .never, "it is in the file already")
    #expect(next.record(AuditNote(.deviceStarted)) == 21)
    #expect(next.entries()[20].boot == 8 && next.entries()[0].boot == 7)
    #expect(next.store() == 1 && next.reboot(boot: 9).entries() == next.entries())
  }

  @Test func nothingIsStoredBeforeTheFileIsRead() {
    let audit = Audit(boot: nil)
    audit.record(AuditNote(.deviceStarted))
    #expect(audit.deadline == .never && audit.gather(all: true).isEmpty)
    audit.finishRestoring(boot: 3)
    #expect(audit.deadline <= audit.now && audit.store() == 1)
    #expect(audit.entries()[0].boot == 3)
  }

  /// The card is slower than the start.
  @Test func whatHappenedMeanwhileComesLast() {
    let audit = stored()
    let next = Audit(boot: nil)
    next.record(AuditNote(.deviceStarted))
    next.refuse(1)
    next.record(AuditNote(.keyAdded, subject: "fresh"))
    for record in Audit.records(audit.file) { #expect(next.restore(record) == nil) }
    next.refuse(1)
    next.finishRestoring(boot: 8)
    let fresh = next.entries().suffix(3)
    #expect(next.entries().dropLast(3) == audit.entries()[...])
    #expect(fresh.map(\.sequence) == [21, 22, 23] && fresh.map(\.boot) == [8, 8, 8])
    #expect(fresh.map(\.code) == [.deviceStarted, .handshakeRefused, .keyAdded].map(Code.init))
    #expect(fresh.map(\.count) == [1, 2, 1] && next.next == 24)
    next.file = audit.file
    #expect(next.store() == 3 && next.reboot(boot: 9).entries() == next.entries())
  }

  /// Even where the same refusal goes on, an earlier life's entry does not.
  @Test func anEarlierLifesEntryIsClosed() {
    let audit = Audit(boot: 7)
    audit.refuse(5)
    audit.store()
    let next = audit.reboot(boot: 8)
    next.refuse(5)
    #expect(next.entries().map(\.count) == [1, 1] && next.entries().map(\.boot) == [7, 8])
  }

  @Test func aLongFileFillsTheLanesWithItsEnd() {
    let audit = Audit(boot: 7)
    for number in 0..<1000 {
      audit.record(AuditNote(.keyAdded, detail: UInt64(number)))
      if number % 10 == 0 { audit.record(AuditNote(.changeStaged)) }
      if number % 50 == 0 { audit.store() }
    }
    audit.store()
    let next = audit.reboot(boot: 8)
    #expect(next.entries() == audit.entries() && next.entries(of: .keys).count == 96)
    #expect(next.overwritten == 0, "in this life nothing gave way")
    next.record(AuditNote(.keyAdded))
    #expect(next.overwritten == 1 && next.lost == 0)
  }

  @Test func aBusyLifeLeavesNoRoomForAnEarlierOne() {
    let audit = Audit(boot: 7)
    for _ in 0..<90 { audit.record(AuditNote(.keyAdded)) }
    audit.store()
    let next = Audit(boot: nil)
    for number in 0..<96 { next.record(AuditNote(.keyRemoved, detail: UInt64(number))) }
    for record in Audit.records(audit.file) { #expect(next.restore(record) == nil) }
    next.finishRestoring(boot: 8)
    #expect(next.entries().map(\.detail) == Array(0..<96))
    #expect(next.entries().map(\.sequence) == Array(91...186) && next.next == 187)
  }

  // MARK: Damage

  @Test func everyFlippedBitIsFound() {
    let record = sixth
    let target = Audit(boot: nil)
    for bit in 0..<record.count * 8 {
      var damaged = record
      damaged[bit / 8] ^= 1 << (bit % 8)
      #expect(target.restore(damaged) == .checksum)
    }
    #expect(target.entries().isEmpty && target.restore(record) == nil)
    #expect(target.entries().count == 1)
  }

  @Test func everyOtherLengthIsFound() {
    let record = sixth
    let target = Audit(boot: nil)
    for length in 0..<128 { #expect(target.restore([UInt8](record.prefix(length))) == .length) }
    #expect(target.restore(record + [0]) == .length && target.entries().isEmpty)
  }

  /// A torn or damaged record costs itself alone.
  @Test func theRestIsTaken() {
    let audit = stored()
    var records = Audit.records(audit.file)
    records[3][17] ^= 4
    let target = Audit(boot: nil)
    #expect(records.map { target.restore($0) }.count { $0 == nil } == 19)
    target.finishRestoring(boot: 8)
    #expect(target.entries() == audit.entries().filter { $0.sequence != 4 })
  }

  /// The record with bytes changed, under the right checksum.
  private func forged(_ change: (inout [UInt8]) -> Void) -> [UInt8] {
    var record = sixth
    change(&record)
    let sum = record.dropLast(4).withUnsafeBytes { CRC32C.of($0) }
    return record.dropLast(4) + withUnsafeBytes(of: sum.littleEndian) { [UInt8]($0) }
  }

  @Test func nothingInItIsTrusted() {
    func restore(_ change: (inout [UInt8]) -> Void) -> AuditRecordError? {
      Audit(boot: nil).restore(forged(change))
    }
    #expect(restore { _ in } == nil)
    #expect(restore { for index in 0..<8 { $0[index] = 0 } } == .sequence)
    #expect(restore { for index in 0..<8 { $0[index] = 0xFF } } == .sequence)
    #expect(restore { $0[6] = 1 } == .sequence)
    #expect(restore { $0[33] = 3 } == .lane)
    #expect(restore { $0[34] = 0 } == .lane)
    #expect(restore { ($0[33], $0[34]) = (4, 4) } == .lane)
    #expect(restore { $0[32] = 0xEE } == nil, "a newer version's code")
    #expect(restore { $0[35] = 4 } == .role)
    #expect(restore { $0[36] = 0 } == .count)
    #expect(restore { $0[52] = 0x20 } == .name)
    #expect(restore { $0[84] = 0x41 } == .name)
  }

  @Test func recordsComeInOrder() {
    let audit = stored()
    let records = Audit.records(audit.file)
    let target = Audit(boot: nil)
    for record in records { target.restore(record) }
    // The same once more is its present state.
    for record in records { #expect(target.restore(record) == nil) }
    #expect(target.entries() == audit.entries())
    let early = Audit(boot: nil)
    #expect(early.restore(records[5]) == nil && early.restore(records[9]) == nil)
    // Its lane has an older and a newer one, but never had this.
    #expect(early.restore(forged { $0[0] = 8 }) == .order)
    #expect(early.restore(forged { $0[44] = 9 }) == .order, "another address")
    #expect(early.restore(forged { $0[52] = 0x62 }) == .order, "another key")
    #expect(early.restore(forged { $0[36] = 2 }) == nil)
    #expect(early.restore(records[5]) == .order, "it does not count back")
    #expect(early.entries().map(\.count) == [2, 1])
  }

  /// Whatever bytes come with a right checksum: nothing traps, and lanes stay in order.
  @Test(arguments: UInt64(1)...4) func arbitraryForgeries(seed: UInt64) {
    var random = SplitMix(state: seed)
    let target = Audit(boot: nil)
    var taken = 0
    for round in 0..<3000 {
      if round % 7 == 0 { target.refuse(UInt32(round)) }
      let record = forged { record in
        record[0] = UInt8.random(in: 0...255, using: &random)
        record[1] = UInt8(round / 200)
        (record[33], record[34]) = (UInt8(round % 4), UInt8(round % 4))
        record[Int.random(in: 0..<124, using: &random)] = UInt8.random(in: 0...255, using: &random)
      }
      if target.restore(record) == nil { taken += 1 }
    }
    target.finishRestoring(boot: 3)
    let sequences = target.entries().map(\.sequence)
    #expect(sequences == sequences.sorted() && Set(sequences).count == sequences.count)
    #expect(taken > 100 && sequences.count <= 512 && sequences.last! < target.next)
  }
}
