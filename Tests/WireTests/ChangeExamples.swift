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

  /// The text of a configuration.
  static let text = [UInt8]("name = barn\ncontrol.slots = 64\n".utf8)

  static let stageRequest = StageRequest(version: "2026.3.1", ring: "barns")

  static let proof: ConfigurationProof = {
    var proof = ConfigurationProof()
    proof.line = 2
    proof.column = 1
    proof.message = "`control.slot` is no key; write `control.slots`."
    return proof
  }()

  static let changeRequests: [Example] = [
    request(.configurationText, id: 48, ChangeRequest(id: 41)),
    request(.configurationCheck, id: 49, title: "configurationCheck, a text", body: text),
    request(
      .configurationStage, id: 50, title: "configurationStage with its text",
      layouts: ["StageRequest"], body: bytes(of: stageRequest) + text),
    request(.changeList, id: 51), request(.changeHistory, id: 52),
    request(.changeApprove, id: 53, ChangeRequest(id: 41)),
    request(.changeReject, id: 54, ChangeRequest(id: 41)),
    request(.changeApply, id: 55, ChangeRequest(id: 41)),
    request(.changeConfirm, id: 56, ChangeRequest(id: 41)),
  ]

  static let changeReplies: [Example] = [
    reply(.configurationText, id: 48, title: "configurationText, a text", body: text),
    reply(.configurationCheck, id: 49, proof), reply(.configurationStage, id: 50, change),
    reply(.changeList, id: 51, ChangeListHead(count: 1), [change]),
    reply(.changeHistory, id: 52, ChangeListHead(count: 1), [change]),
    reply(.changeApprove, id: 53, change), reply(.changeReject, id: 54, change),
    reply(.changeApply, id: 55, change), reply(.changeConfirm, id: 56, change),
  ]
}
