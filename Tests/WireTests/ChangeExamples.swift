@testable import Wire

extension Example {
  /// A change with something in every field: no real one has both a decider and a wrong text.
  static let change: ChangeEntry = {
    var entry = ChangeEntry()
    entry.id = 41
    entry.state = Code(.refused)
    entry.reason = Code(.textLost)
    entry.remainingS = 604_799
    entry.bytes = 1733
    var digest = InlineArray<16, UInt8>(repeating: 0)
    for index in 0..<16 { digest[index] = UInt8(0xD0 + index) }
    entry.digest = ConfigurationDigest(digest)
    entry.version = "2026.3.1"
    entry.ring = "barns"
    entry.stager = "anna"
    entry.decider = "bernd's tablet"
    entry.stagedMs = 3_723_004
    entry.stagedUnixMs = 1_767_225_600_123
    entry.decidedMs = 3_790_501
    entry.decidedUnixMs = 1_767_225_667_620
    entry.endedMs = 95_200
    entry.endedUnixMs = 1_767_229_000_001
    entry.stagedBoot = 0xB3B2_B1B0
    entry.decidedBoot = 0xB3B2_B1B1
    entry.endedBoot = 0xC3C2_C1C0
    entry.line = 7
    entry.column = 13
    entry.message = "`control.slot` is no key; write `control.slots`."
    return entry
  }()
}
