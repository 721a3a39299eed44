import Appliance
import Wire

/// What `state/boots` on the data partition holds of the latest boot. The next one reads from it
/// why it began, since no board tells a power cut from a reboot that was asked for.
struct BootRecord {
  static let size = 28

  /// What was found of earlier boots.
  enum Earlier {
    /// There is no file: a new card, and so a board that was without power.
    case none
    /// A file that cannot be trusted, or none that could be written.
    case untold
    /// `isLatest` is false where the partition is read-only: boots may have come between that could
    /// not write theirs.
    case record(BootRecord, isLatest: Bool)
  }

  var bootID = InlineArray<16, UInt8>(repeating: 0)
  var bootCount: UInt32 = 0
  /// Watchdog resets in a row up to and including the one that began this boot.
  var recent: UInt32 = 0
  /// This boot has lived long enough to end the row.
  var longLived = false
  /// The end of this boot was asked for.
  var orderly = false
  /// Why this boot began.
  var reset = ResetReason.unknown

  private init() {}

  /// The record of the boot `bootID`. `watchdogReset` is the watchdog's word on how it began.
  init(
    of bootID: InlineArray<16, UInt8>, watchdogReset: Bool, longLived: Bool, after earlier: Earlier
  ) {
    var before = BootRecord()
    if case .record(let record, _) = earlier { before = record }
    if case .record = earlier, before.isOf(bootID) {
      // A further life of the agent in the same boot, which is not counted again. The end that was
      // asked for was only the earlier life's.
      self = before
      orderly = false
      if watchdogReset { reset = .watchdog }
    } else {
      self.bootID = bootID
      bootCount = before.bootCount &+ 1
      reset = watchdogReset ? .watchdog : BootRecord.reset(after: earlier)
      if watchdogReset {
        recent = before.longLived || before.orderly ? 1 : before.recent &+ 1
      }
    }
    if longLived { self.longLived = true }
  }

  private static func reset(after earlier: Earlier) -> ResetReason {
    switch earlier {
    case .none: .powerOn
    case .untold, .record(_, isLatest: false): .unknown
    case .record(let before, isLatest: true): before.orderly ? .requested : .powerOn
    }
  }

  private func isOf(_ other: InlineArray<16, UInt8>) -> Bool {
    for index in bootID.indices where other[index] != bootID[index] { return false }
    return true
  }

  /// What the agent is told.
  var history: BootHistory {
    BootHistory(
      reset: reset, bootCount: bootCount, recentWatchdogResets: longLived ? 0 : recent)
  }

  /// nil: not as many bytes as a record has.
  init?(_ bytes: UnsafeRawBufferPointer) {
    guard bytes.count == BootRecord.size else { return nil }
    var reader = ByteReader(bytes)
    for index in bootID.indices { bootID[index] = reader.read() }
    bootCount = reader.read()
    recent = reader.read()
    longLived = reader.read(UInt8.self) != 0
    orderly = reader.read(UInt8.self) != 0
    reset = ResetReason(rawValue: reader.read(UInt8.self)) ?? .unknown
  }

  func encode(into writer: inout ByteWriter) {
    for index in bootID.indices { writer.write(bootID[index]) }
    writer.write(bootCount)
    writer.write(recent)
    writer.write(longLived)
    writer.write(orderly)
    writer.write(reset.rawValue)
    writer.zero(1)
  }
}
