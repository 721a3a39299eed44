import Appliance
import Foundation
import MadeFilms
import Testing
import Wire

@testable import Linux

@Suite struct StorageSegmentTests {
  let folder: StorageFolder

  init() throws { folder = try StorageFolder() }

  private func news(_ bytes: [UInt8]) -> SegmentNews? {
    bytes.withUnsafeBytes { bytes in
      var reader = ByteReader(bytes)
      return SegmentNews(from: &reader)
    }
  }

  @discardableResult
  private func wait(_ worker: StorageWorker, _ what: SegmentNews.What) throws -> SegmentNews {
    let bytes = try worker.wait(.segment) { news($0)?.what == what }
    return try #require(news(bytes))
  }

  private func tag(_ camera: String, _ recording: UInt32) -> [UInt8] {
    encoded(RecordingTag.size) {
      RecordingTag(camera: text(camera), recording: recording).encode(into: &$0)
    }
  }

  @Test func aSegmentIsKnownFromItsFirstBytesToItsEnd() throws {
    let worker = try StorageWorker(folder.url)
    try worker.begun()
    let name = StorageFolder.name(life: 3)
    let segment = try WrittenSegment(folder, "cam", name: name)
    let began = try wait(worker, .began)
    #expect(began.camera == text("cam") && began.life == 3 && began.bytes > 0)
    segment.part()
    segment.part()
    #expect(try wait(worker, .grew).bytes > began.bytes)
    #expect(try worker.list().1.first?.state.known == .open)
    segment.part()
    segment.close()
    let closed = try wait(worker, .closed)
    #expect(closed.bytes == UInt64(segment.made.ends[3]))
    let entry = try #require(try worker.list().1.first)
    #expect(entry.state == .complete && entry.durationMs == 3000)
    #expect(entry.boot == 0x0101_0101 && entry.unixMs == 0 && entry.startedMs > 0)
  }

  @Test func aKilledWritersSegmentIsCutToItsParts() throws {
    let worker = try StorageWorker(folder.url)
    try worker.begun()
    let segment = try WrittenSegment(folder, "cam", name: StorageFolder.name())
    segment.part()
    segment.part()
    segment.part(bytes: 100)
    segment.close()
    // Told before it is checked and cut: whoever waits for the end need not wait for the disk.
    #expect(try wait(worker, .closed).bytes > UInt64(segment.made.ends[2]))
    try worker.wait(.repaired)
    #expect(folder.size(segment.url) == segment.made.ends[2])
    let entry = try #require(try worker.list().1.first)
    #expect(entry.state == .repaired && entry.durationMs == 2000)
  }

  @Test func theNextBootRepairsWhatPowerLeft() throws {
    var worker: StorageWorker? = try StorageWorker(folder.url)
    let cut = try WrittenSegment(folder, "cam", name: StorageFolder.name())
    cut.part()
    cut.part(bytes: 77)
    _ = try worker?.files { $0.count == 1 }
    worker?.kill()
    cut.close()
    try folder.put(Array(cut.made.bytes.prefix(20)), "cam", StorageFolder.name(ago: 9))
    worker = try StorageWorker(folder.url, boot: 2)
    try worker?.wait(.repaired)
    try worker?.wait(.repaired)
    let files = try #require(try worker?.list().1)
    #expect(Set(files.map(\.state.rawValue)) == [2, 3])
    #expect(folder.size(cut.url) == cut.made.ends[1])
  }

  @Test func aWorkerThatStartsAgainLeavesWhatIsWritten() throws {
    var worker: StorageWorker? = try StorageWorker(folder.url)
    let segment = try WrittenSegment(folder, "cam", name: StorageFolder.name())
    segment.part()
    _ = try worker?.files { $0.count == 1 }
    worker?.kill()
    segment.part(bytes: 500)
    let size = folder.size(segment.url)
    worker = try StorageWorker(folder.url)
    usleep(500_000)
    #expect(folder.size(segment.url) == size, "the unfinished part belongs to its writer")
    #expect(try worker?.list().1.first?.state.known == .open)
    segment.close()
    let files = try worker?.files { $0.first?.state.known != .open }
    #expect(files?.first?.state.known == .repaired)
    #expect(folder.size(segment.url) == segment.made.ends[1])
  }

  @Test func tagsAndGapsAreKept() throws {
    let worker = try StorageWorker(folder.url)
    try worker.begun()
    worker.send(.tag, tag("cam", 7))
    // It has been taken when what follows it is answered.
    _ = try worker.list()
    // Three seconds each: the second begins where the first ended, the third much later.
    for (ago, seconds) in [(9.0, 3), (6.0, 3), (1.0, 1)] {
      let name = StorageFolder.name(ago: ago)
      let segment = try WrittenSegment(folder, "cam", name: name, seconds: seconds)
      for _ in 0..<seconds { segment.part() }
      segment.close()
      try wait(worker, .closed)
    }
    worker.send(.tag, tag("cam", 8))
    _ = try worker.list()
    let last = try WrittenSegment(folder, "cam", name: StorageFolder.name(ago: 0))
    last.part()
    let files = try worker.files { $0.count == 4 }
    #expect(files.map(\.recording) == [8, 7, 7, 7])
    #expect(files.map(\.afterGap) == [false, true, false, false])
  }

  @Test func aTrustedClockDatesTheBoot() throws {
    let worker = try StorageWorker(folder.url)
    try worker.begun()
    let segment = try WrittenSegment(folder, "cam", name: StorageFolder.name())
    segment.part()
    segment.close()
    try wait(worker, .closed)
    let years: UInt64 = 315_360_000_000
    for originMs in [1_700_000_000_000, 1_700_000_000_000 + years, 1_700_000_000_000 - years] {
      worker.send(.clock, encoded(8) { $0.write(originMs) })
      let entry = try #require(try worker.list().1.first)
      #expect(entry.unixMs == originMs + entry.startedMs)
    }
    worker.end()
    let again = try StorageWorker(folder.url, boot: 2)
    let entry = try #require(try again.list().1.first)
    #expect(entry.unixMs == 1_700_000_000_000 - years + entry.startedMs)
  }

  @Test func snapshotsAreFilesWhenTheyHaveTheirName() throws {
    let worker = try StorageWorker(folder.url)
    try worker.begun()
    let place = try folder.camera("cam", .snapshot)
    try Data([0xFF, 0xD8, 1, 2, 0xFF, 0xD9]).write(to: place.appending(path: ".new"))
    let name = StorageFolder.name(.snapshot)
    try FileManager.default.moveItem(
      at: place.appending(path: ".new"), to: place.appending(path: name))
    let files = try worker.files { $0.count == 1 }
    #expect(files[0].kind == .snapshot && files[0].state == .complete && files[0].bytes == 6)
  }
}
