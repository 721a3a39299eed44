import Appliance
import Testing
import Wire

@testable import Linux

@Suite struct BootRecordTests {
  private static func id(_ byte: UInt8) -> InlineArray<16, UInt8> { .init(repeating: byte) }

  /// The record of boot `number` after the one given.
  private func next(
    _ number: UInt8, watchdog: Bool = false, longLived: Bool = false,
    after earlier: BootRecord?
  ) -> BootRecord {
    BootRecord(
      of: Self.id(number), watchdogReset: watchdog, longLived: longLived,
      after: earlier.map { .record($0, isLatest: true) } ?? .none)
  }

  private func orderly(_ record: BootRecord) -> BootRecord {
    var record = record
    record.orderly = true
    return record
  }

  @Test func aNewCardMeansThatPowerCame() {
    #expect(next(1, after: nil).history == BootHistory(reset: .powerOn, bootCount: 1))
  }

  @Test func howABootEndedIsWhyTheNextBegan() {
    let first = next(1, after: nil)
    #expect(next(2, after: first).history == BootHistory(reset: .powerOn, bootCount: 2))
    #expect(
      next(2, after: orderly(first)).history == BootHistory(reset: .requested, bootCount: 2))
    #expect(
      next(2, watchdog: true, after: first).history
        == BootHistory(reset: .watchdog, bootCount: 2, recentWatchdogResets: 1))
  }

  @Test func whatCannotBeKnownIsNotTold() {
    let damaged = BootRecord(
      of: Self.id(1), watchdogReset: false, longLived: false, after: .untold)
    #expect(damaged.history == BootHistory(reset: .unknown, bootCount: 1))
    // On a read-only card the end of the latest boot may not be written.
    let old = BootRecord(
      of: Self.id(2), watchdogReset: false, longLived: false,
      after: .record(orderly(next(1, after: nil)), isLatest: false))
    #expect(old.history == BootHistory(reset: .unknown, bootCount: 2))
  }

  @Test func furtherLivesInOneBootAreNotCounted() {
    let first = orderly(next(1, after: nil))
    let second = next(2, after: first)
    // The agent was asked to end, by init for a new configuration, and started again.
    let again = next(2, after: orderly(second))
    #expect(again.history == second.history, "still requested, still the second boot")
    // Then power was cut: the end that had been asked for was the earlier life's alone.
    #expect(next(3, after: again).history == BootHistory(reset: .powerOn, bootCount: 3))
  }

  @Test func aFurtherLifeRemembersTheReset() {
    let reset = next(2, watchdog: true, after: next(1, after: nil))
    #expect(next(2, watchdog: false, after: reset).history == reset.history)
    #expect(next(2, watchdog: true, after: reset).history == reset.history)
  }

  @Test func resetsInARowAreCounted() {
    var record = next(1, after: nil)
    for number in 2...5 {
      record = next(UInt8(number), watchdog: true, after: record)
      #expect(record.history.recentWatchdogResets == UInt32(number) - 1)
    }
    #expect(next(6, after: record).history.recentWatchdogResets == 0, "a power cut ends the row")
    #expect(
      next(6, watchdog: true, after: orderly(record)).history.recentWatchdogResets == 1)
  }

  @Test func aLongLifeEndsTheRow() {
    let short = next(2, watchdog: true, after: next(1, after: nil))
    // The mark may come with the first message, where the partition was mounted late.
    let long = next(2, longLived: true, after: short)
    #expect(long.history == BootHistory(reset: .watchdog, bootCount: 2))
    #expect(next(3, watchdog: true, after: long).history.recentWatchdogResets == 1)
  }

  @Test func recordsComeBackAndAnotherSizeIsNone() {
    var record = next(9, watchdog: true, longLived: true, after: orderly(next(8, after: nil)))
    record.bootCount = 0x0102_0304
    var bytes = [UInt8](repeating: 0xFF, count: BootRecord.size)
    bytes.withUnsafeMutableBytes {
      var writer = ByteWriter($0)
      record.encode(into: &writer)
      #expect(writer.count == BootRecord.size)
    }
    #expect(
      bytes == [UInt8](repeating: 9, count: 16) + [4, 3, 2, 1, 1, 0, 0, 0, 1, 0, 2, 0])
    let read = bytes.withUnsafeBytes { BootRecord($0) }
    #expect(read?.history == record.history && read?.longLived == true && read?.orderly == false)
    #expect(bytes.withUnsafeBytes { BootRecord(.init(rebasing: $0.dropLast())) } == nil)
  }
}
