import Foundation
import Testing

@testable import Wire

/// Numbers that stand in sentences of the documents, not in their tables.
@Suite struct NumberTests {
  private func expect(_ article: String, _ sentences: [String]) throws {
    let file = SpecificationTests.folder.appending(path: article + ".md")
    let words = try String(contentsOf: file, encoding: .utf8)
      .split { $0.isWhitespace }.joined(separator: " ")
    for sentence in sentences { #expect(words.contains(sentence), "\(article): \(sentence)") }
  }

  @Test func theDocumentsHaveTheNumbers() throws {
    try expect(
      "Operations",
      [
        "the default ones, \(KeyDefaults.rate) requests a second and \(KeyDefaults.slots) "
          + "connections, do not hold for a key with `loadTest`",
        "From place \(OperationStatistics.firstPlace) on, each kind up to 31 has eight places",
        "keys, 0 … \(KeyListHead.maximum)", "`busy` when there are \(Limits.sources).",
        "entries that follow, 0 … \(AuditListHead.maximum)",
        "entries that follow, 0 … \(ChangeListHead.maximum)",
        "`busy` when \(Limits.openChanges) have not ended",
        "within \(AuditCode.plainRefused.countedForMs / 1000) s becomes one entry that counts, "
          + "and so do the keys that a client gives itself within a day",
        "of up to \(Limits.messageSize >> 20) MiB for every connection",
        "of its text, 1 … \(Limits.configurationSize)",
      ])
    #expect(OperationStatistics.places == 8)
    for code in (0...UInt16.max).compactMap({ AuditCode(rawValue: $0) }) {
      let isDaily = code == .keyRotated || code == .keyRetired
      let isCounted = code == .adminRefused || code.lane == .access
      let ms: UInt64 = isDaily ? 24 * 3_600_000 : isCounted ? 60_000 : 0
      #expect(code.countedForMs == ms, "\(code)")
    }
    try expect(
      "Access",
      [
        "message 1: \(HandshakeForm.firstOverhead) bytes and a payload of "
          + "0 … \(Limits.handshakePayloadSize)",
        "message 2: \(HandshakeForm.secondOverhead) bytes and a Welcome",
      ])
    try expect(
      "Frames",
      [
        "4 1 version \(Header.version)", "A header of \(Limits.headerSize) bytes",
        "3. version is \(Header.version)",
      ])
  }
}
