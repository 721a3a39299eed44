import Testing
import Wire

/// Each ledger of a soak sees what it is there for; needs no board.
@Suite struct SoakLedgerTests {
  private func event(
    _ sequence: UInt64, missed: UInt32 = 0, _ code: EventCode = .identify, value: UInt32 = 0
  ) -> EventMessage {
    var event = EventMessage()
    (event.sequence, event.missed, event.value) = (sequence, missed, value)
    event.code = Code(code)
    return event
  }

  private func broken(from next: UInt64, _ events: [EventMessage]) -> [SoakRule] {
    var ledger = EventLedger(next: next)
    return events.flatMap { ledger.take($0).map(\.rule) }
  }

  @Test func gapsThatAreCountedAreRight() {
    #expect(broken(from: 5, [event(5), event(6), event(9, missed: 2), event(10)]) == [])
    #expect(broken(from: 5, [event(7, missed: 2)]) == [])
  }

  @Test func gapsThatAreNotCountedAreTold() {
    #expect(broken(from: 5, [event(6)]) == [.eventsCounted])
    #expect(broken(from: 5, [event(5), event(7)]) == [.eventsCounted])
    #expect(broken(from: 5, [event(5), event(6, missed: 1)]) == [.eventsCounted])
    #expect(broken(from: 5, [event(5), event(5)]) == [.eventsCounted])
    #expect(broken(from: 5, [event(4)]) == [.eventsCounted])
  }

  @Test func aSecondMediaServerIsTold() {
    let (first, second) = (
      event(1, .mediaServerStarted, value: 70), event(2, .mediaServerStarted, value: 71)
    )
    #expect(broken(from: 1, [first, second]) == [.oneMediaServer])
    let ended = [first, event(2, .mediaServerExited), event(3, .mediaServerStarted, value: 71)]
    #expect(broken(from: 1, ended) == [])
  }

  @Test func booksThatDoNotAddUpAreTold() {
    var told = SubscriptionStatistics()
    (told.delivered, told.missed, told.queued) = (10, 3, 2)
    (told.published, told.missedTotal, told.nextSequence) = (34, 3, 35)
    #expect(EventLedger.complaints(told, first: 20) == [])
    #expect(EventLedger.complaints(told, first: 19).count == 1)
    told.published = 33
    #expect(EventLedger.complaints(told, first: 20).count == 1)
    (told.published, told.missedTotal) = (34, 2)
    #expect(EventLedger.complaints(told, first: 20).count == 1)
  }

  /// So many pings of 20 ms, then so many of another time.
  @Test(arguments: [
    (100, 0, 0.0, 0), (97, 3, 900, 0), (94, 6, 101, 1), (2, 1, 1001, 1), (0, 20, 1500, 2),
    (0, 0, 0, 0),
  ])
  func slowPingsAreTold(_ quick: Int, _ others: Int, _ ms: Double, _ complaints: Int) {
    let waits = [Double](repeating: 20, count: quick) + [Double](repeating: ms, count: others)
    #expect(PingBar.complaints(waits, factor: 1).count == complaints)
    let twice = waits.map { $0 * 2 }
    #expect(PingBar.complaints(twice, factor: 2).count == complaints)
  }

  private func file(_ id: UInt64, _ bytes: UInt64, _ state: FileState = .complete) -> FileEntry {
    var file = FileEntry()
    (file.id, file.bytes, file.state) = (id, bytes, Code(state))
    return file
  }

  private func complaints(_ before: [FileEntry], _ after: [FileEntry]) -> Int {
    var ledger = RecordingsLedger(limit: 100)
    #expect(ledger.compare(before).isEmpty)
    return ledger.compare(after).count
  }

  @Test func recordingsThatVanishOrChangeAreTold() {
    let files = [file(1, 10), file(2, 10), file(3, 5, .open)]
    #expect(complaints(files, files) == 0)
    #expect(complaints(files, [file(1, 10), file(2, 10), file(3, 9), file(4, 1, .open)]) == 0)
    #expect(complaints(files, [file(2, 10), file(3, 5)]) == 1, "too little for retention")
    #expect(complaints(files, [file(1, 10), file(2, 9)]) == 1)
    #expect(complaints(files, [file(1, 10), file(1, 10), file(2, 10)]) == 1)
    #expect(complaints(files, []) == 2)
  }

  @Test func retentionTakesTheOldest() {
    let files = [file(1, 40), file(2, 40), file(3, 5, .open)]
    #expect(complaints(files, [file(2, 40), file(3, 20)]) == 0)
    #expect(complaints(files, [file(1, 40), file(3, 20)]) == 1, "not the oldest")
  }

  @Test func memoryThatGrowsIsTold() {
    var ledger = MemoryLedger()
    #expect(ledger.take(5000).isEmpty)
    #expect(ledger.take(5256).isEmpty)
    #expect(ledger.take(5257).count == 1)
    ledger.begin()
    #expect(ledger.take(6000).isEmpty)
  }
}
