import Foundation
import Synchronization
import Testing

@testable import EmulatedBoard

/// A log as QEMU writes it.
private struct MadeLog {
  private(set) var data = Data(count: WriteLog.sectorBytes)

  mutating func sign(version: UInt64 = WriteLog.version, sectorBytes: Int = 512) {
    var writer = ByteWriter()
    for word in [WriteLog.magic, version, 0, UInt64(sectorBytes)] { writer.put64(word) }
    data.replaceSubrange(0..<32, with: writer.bytes)
  }

  mutating func add(_ flags: WriteLog.Flags, _ sector: Int, _ sectors: Int, filling byte: UInt8?) {
    var writer = ByteWriter()
    for word in [UInt64(sector), UInt64(sectors), flags.rawValue, 0] { writer.put64(word) }
    writer.pad(to: WriteLog.sectorBytes)
    data += writer.bytes
    if let byte { data += Data(repeating: byte, count: sectors * WriteLog.sectorBytes) }
  }

  mutating func write(_ sector: Int, _ sectors: Int = 1, _ byte: UInt8, fua: Bool = false) {
    add(fua ? .forceUnitAccess : [], sector, sectors, filling: byte)
  }

  mutating func flush() { add(.flush, 0, 0, filling: nil) }
  mutating func discard(_ sector: Int, _ sectors: Int) {
    add(.discard, sector, sectors, filling: nil)
  }
  mutating func cut(_ bytes: Int) { data.removeLast(bytes) }
  mutating func gap(_ sectors: Int) { data += Data(count: sectors * WriteLog.sectorBytes) }

  func parsed(cardSectors: Int = 64) throws -> WriteLog {
    try WriteLog(data, cardSectors: cardSectors)
  }
}

/// The log is taken apart as far as its entries can be true.
struct WriteLogTests {
  @Test func entriesOfEveryKindAreRead() throws {
    var log = MadeLog()
    log.write(3, 2, 0xA1)
    log.flush()
    log.discard(8, 40)
    log.write(63, 1, 0xA2, fua: true)
    log.add(.mark, 0, 0, filling: nil)
    for isSigned in [false, true] {
      // QEMU writes the first sector with the first flush.
      if isSigned { log.sign() }
      let parsed = try log.parsed()
      #expect(
        parsed.entries == [
          .init(sector: 3, sectors: 2, flags: [], data: 2 * 512),
          .init(sector: 0, sectors: 0, flags: .flush, data: 5 * 512),
          .init(sector: 8, sectors: 40, flags: .discard, data: 6 * 512),
          .init(sector: 63, sectors: 1, flags: .forceUnitAccess, data: 7 * 512),
          .init(sector: 0, sectors: 0, flags: .mark, data: 9 * 512),
        ])
      #expect(parsed.end == log.data.count)
    }
  }

  @Test func entryThatWasNotFinishedEndsTheLog() throws {
    var whole = MadeLog()
    whole.write(3, 2, 0xA1)
    let end = whole.data.count
    whole.write(5, 2, 0xA2)
    for missing in 1...3 * 512 {
      var log = whole
      log.cut(missing)
      let parsed = try log.parsed()
      #expect(parsed.entries.count == 1 && parsed.end == end)
    }
  }

  @Test(arguments: [
    (60, 5, 0), (65, 0, 1), (0, 0, 0), (0, 1, 16), (-1, 1, 0), (0, -1, 0), (1, .max, 0),
  ])
  func whatCannotBeAnEntryEndsTheLog(sector: Int, sectors: Int, flags: UInt64) throws {
    var log = MadeLog()
    log.write(3, 2, 0xA1)
    let end = log.data.count
    var writer = ByteWriter()
    for word in [UInt64(bitPattern: Int64(sector)), UInt64(bitPattern: Int64(sectors)), flags] {
      writer.put64(word)
    }
    writer.pad(to: 8 * WriteLog.sectorBytes)
    var data = log.data
    data += writer.bytes
    #expect(try WriteLog(data, cardSectors: 64).end == end)
  }

  @Test func anotherFileIsNoLog() throws {
    #expect(try WriteLog(Data(), cardSectors: 64).entries == [])
    var log = MadeLog()
    log.sign(version: 2)
    #expect(throws: BoardError.self) { try log.parsed() }
    log.sign(sectorBytes: 4096)
    #expect(throws: BoardError.self) { try log.parsed() }
    #expect(throws: BoardError.self) {
      try WriteLog(Data(repeating: 7, count: 512), cardSectors: 64)
    }
  }
}

/// Which writes survive.
struct VolatileCacheTests {
  private func fates(_ log: MadeLog, seed: UInt64) throws -> [WriteFate] {
    var generator = SplitMix(seed: seed)
    return VolatileCache.fates(of: try log.parsed().entries, using: &generator)
  }

  @Test func flushedAndForcedWritesAreSafeAndAllOthersMayBeLost() throws {
    var log = MadeLog()
    log.write(0, 4, 1)
    log.flush()
    log.write(4, 4, 2)
    log.add(.flush, 8, 4, filling: 3)  // A flush before its own data.
    log.write(12, 4, 4, fua: true)
    log.write(16, 4, 5)
    log.discard(0, 4)
    var seen: [Int: Set<String>] = [:]
    for seed in UInt64(0)..<500 {
      let fates = try fates(log, seed: seed)
      #expect(fates == (try self.fates(log, seed: seed)), "the seed decides")
      #expect([0, 1, 2, 4].allSatisfy { fates[$0] == .safe } && fates[6] == .dropped)
      for index in [3, 5] {
        #expect(fates[index] != .safe)
        if case .torn(let sectors) = fates[index] { #expect((1...3).contains(sectors)) }
        seen[index, default: []].insert("\(fates[index])")
      }
    }
    let every: Set = [
      "kept", "dropped", "torn(sectors: 1)", "torn(sectors: 2)", "torn(sectors: 3)",
    ]
    #expect(seen == [3: every, 5: every])
  }

  @Test func withoutAFlushNothingIsSafe() throws {
    var log = MadeLog()
    for sector in 0..<64 { log.write(sector, 1, 1) }
    var shares: [Int] = []
    for seed in UInt64(0)..<200 {
      let fates = try fates(log, seed: seed)
      #expect(fates.allSatisfy { $0 == .kept || $0 == .dropped }, "a sector is never torn")
      shares.append(fates.count { $0 == .kept })
    }
    #expect(shares.contains { $0 < 6 } && shares.contains { $0 > 58 })
  }
}

/// The card's file after the cut.
struct LosingCardTests {
  private static let sectors = 64

  private func withCard(_ body: (_ card: LosingCard, _ file: String) throws -> Void) throws {
    try FFmpegDecoder.withFolder { folder in
      let file = folder.appending(path: "disk.img").path
      try Data(repeating: 0xEE, count: Self.sectors * 512).write(to: URL(filePath: file))
      let state = try StateFolder(folder.path)
      let card = try LosingCard(card: file, disk: "", in: state)
      try card.powerOn()
      try body(card, file)
    }
  }

  /// What QEMU leaves: the log, and a card on which all writes are.
  private func leave(_ log: MadeLog, _ card: LosingCard, _ file: String) throws {
    try log.data.write(to: URL(filePath: card.log))
    try Data(repeating: 0x55, count: Self.sectors * 512).write(to: URL(filePath: file))
  }

  /// The byte that fills each sector.
  private func content(_ file: String) throws -> [UInt8] {
    let data = try Data(contentsOf: URL(filePath: file))
    #expect(data.count == Self.sectors * 512)
    return stride(from: 0, to: data.count, by: 512).map { start in
      let sector = data[start..<start + 512]
      #expect(Set(sector).count == 1, "a sector is whole")
      return sector[start]
    }
  }

  @Test(arguments: UInt64(0)..<40)
  func cardHoldsWhatWasFlushedAndSomeOfTheRest(seed: UInt64) throws {
    var log = MadeLog()
    log.sign()
    log.write(0, 4, 1)
    log.write(2, 4, 2)
    log.discard(0, 6)
    log.flush()
    log.write(4, 8, 3)
    log.write(20, 2, 4, fua: true)
    try withCard { card, file in
      try leave(log, card, file)
      let lost = try card.loseWrites(seed)
      #expect(lost.flushes == 1 && lost.flushed == 3 && lost.kept + lost.torn + lost.dropped == 1)
      let after = try content(file)
      #expect(Array(after[..<4]) == [1, 1, 2, 2] && Array(after[20..<22]) == [4, 4])
      #expect((after[12..<20] + after[22...]).allSatisfy { $0 == 0xEE }, "never written to")
      // The write at 4 over what lay below: a beginning of it, all or nothing.
      let below: [UInt8] = [2, 2] + Array(repeating: 0xEE, count: 6)
      let arrived = after[4..<12].prefix { $0 == 3 }.count
      #expect(Array(after[(4 + arrived)..<12]) == Array(below[arrived...]))
      #expect(lost.kept == (arrived == 8 ? 1 : 0) && lost.dropped == (arrived == 0 ? 1 : 0))

      try leave(log, card, file)
      #expect(try card.loseWrites(seed) == lost && content(file) == after, "the seed decides")
    }
  }

  @Test func nextLifeBeginsWithAnEmptyLogAndTheCardAsItIs() throws {
    var log = MadeLog()
    log.write(0, 4, 1)
    log.flush()
    try withCard { card, file in
      try leave(log, card, file)
      _ = try card.loseWrites(0)
      try card.powerOn()
      let lost = try card.loseWrites(0)
      #expect(lost.flushed == 0 && lost.flushes == 0)
      #expect(try content(file) == [1, 1, 1, 1] + Array(repeating: 0xEE, count: 60))
    }
  }

  /// An entry that was overtaken and never written: which writes lie behind it is unknown, and the
  /// board may have been told of their completion.
  @Test func gapInTheLogIsAnErrorAndLeavesTheCard() throws {
    var log = MadeLog()
    log.write(0, 4, 1)
    log.gap(3)
    log.flush()
    try withCard { card, file in
      try leave(log, card, file)
      #expect(throws: BoardError.self) { try card.loseWrites(0) }
      #expect(try content(file) == Array(repeating: 0x55, count: Self.sectors))
    }
  }

  @Test func logIsWaitedForUntilItRests() async throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "log-\(UUID().uuidString)")
    let state = try StateFolder(folder.path)
    defer { try? FileManager.default.removeItem(at: folder) }
    let disk = folder.appending(path: "disk.img")
    try Data(count: 512).write(to: disk)
    let card = try LosingCard(card: nil, disk: disk.path, in: state)
    try card.powerOn()
    let log = try FileHandle(forWritingTo: URL(filePath: card.log))
    // A thread of its own: tasks wait for those of other tests.
    let writer = Mutex<Result<ContinuousClock.Instant, any Error>?>(nil)
    Thread.detachNewThread {
      let result = Result {
        for _ in 0..<20 {
          try log.write(contentsOf: Data(count: 512))
          Thread.sleep(forTimeInterval: 0.02)
        }
        return ContinuousClock.now
      }
      writer.withLock { $0 = result }
    }
    // Long against the writer's pauses, also on a busy machine.
    try await card.logRests(for: .seconds(1))
    let rested = ContinuousClock.now
    let written = try #require(writer.withLock { $0 }).get()
    #expect(rested - written >= .milliseconds(500))
    #expect(try log.seekToEnd() == 20 * 512)
  }
}
