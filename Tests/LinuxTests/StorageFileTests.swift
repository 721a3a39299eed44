import Archive
import Foundation
import Glibc
import MadeFilms
import Testing
import Wire

@testable import Linux

@Suite struct StorageFileTests {
  let folder: StorageFolder
  let film = MadeFilm.seconds(2)
  var index: URL { folder.url.appending(path: "state/index") }

  init() throws { folder = try StorageFolder() }

  private func retention(ageS: UInt32 = 0, bytes: UInt64 = 0) -> [UInt8] {
    encoded(RetentionPolicy.size) {
      RetentionPolicy(maximumAgeS: ageS, maximumBytes: bytes).encode(into: &$0)
    }
  }

  private func isSettled(_ files: [FileEntry], _ count: Int) -> Bool {
    files.count == count && files.allSatisfy { $0.durationMs > 0 || $0.state == .damaged }
  }

  @Test func aLostIndexIsMadeAnewFromTheFiles() throws {
    let ages = [50.0, 40, 30, 20, 10].shuffled()
    for ago in ages { try folder.put(film.bytes, "cam", StorageFolder.name(boot: 9, ago: ago)) }
    try folder.put(film.bytes, "cam", "planted.mp4")
    try folder.put([1], "cam", "notes.txt")
    symlink("/etc/passwd", try folder.camera("cam").appending(path: "link.mp4").path)
    let worker = try StorageWorker(folder.url)
    let told = try worker.wait(.rebuilt)
    #expect(told.prefix(4) == [6, 0, 0, 0])
    let files = try worker.files { isSettled($0, 6) }
    #expect(files[0].name == text("planted.mp4"), "it was put there last")
    let names = files.dropFirst().map(\.name.string)
    #expect(names == names.sorted().reversed())
    #expect(files.allSatisfy { $0.state == .complete && $0.durationMs == 2000 })
    let totals = try worker.wait(.totals) { $0[24] == 2 }
    #expect(totals[16] == 6, "recordings; a text and a link are foreign")
  }

  @Test(arguments: [false, true]) func aDamagedIndexIsMadeAnew(isDeleted: Bool) throws {
    var worker: StorageWorker? = try StorageWorker(folder.url)
    try worker?.begun()
    worker?.send(
      .tag,
      encoded(RecordingTag.size) {
        RecordingTag(camera: text("cam"), recording: 5).encode(into: &$0)
      })
    for ago in [9.0, 6, 3] {
      let segment = try WrittenSegment(
        folder, "cam", name: StorageFolder.name(ago: ago), seconds: 1)
      segment.part()
      segment.close()
      try worker?.wait(.segment) { $0[32] == 2 }
    }
    let before = try #require(try worker?.list().1)
    worker?.end()
    if isDeleted {
      try FileManager.default.removeItem(at: index)
    } else {
      var bytes = [UInt8](try Data(contentsOf: index))
      bytes[3 * IndexRecord.size + 40] ^= 4
      try Data(bytes).write(to: index)
    }
    worker = try StorageWorker(folder.url, boot: 2)
    try worker?.wait(.rebuilt)
    let after = try #require(try worker?.files { isSettled($0, 3) })
    #expect(after.map(\.name) == before.map(\.name))
    if !isDeleted { #expect(after.map(\.recording) == before.map(\.recording)) }
    worker?.end()
    worker = try StorageWorker(folder.url, boot: 2)
    #expect(try worker?.list().1 == after, "the new index holds")
  }

  /// The record of a removal may be lost with the power, and the removal not. While the folders are
  /// still being compared, such a file is not listed.
  @Test func whatIsGoneIsNotListedAtTheStart() throws {
    let names = [30.0, 20, 10].map { StorageFolder.name(ago: $0) }
    let first = try folder.put(film.bytes, "cam", names[0])
    for name in names.dropFirst() { try folder.put(film.bytes, "cam", name) }
    var worker: StorageWorker? = try StorageWorker(folder.url)
    _ = try worker?.files { isSettled($0, 3) }
    worker?.kill()
    try FileManager.default.removeItem(at: folder.camera("cam").appending(path: names[1]))
    // So many that the comparison takes a while.
    for number in 0..<10_000 {
      let other = try folder.camera("other").appending(path: "\(number).mp4")
      #expect(link(first.path, other.path) == 0)
    }
    worker = try StorageWorker(folder.url, boot: 2)
    try worker?.wait(.recordings)
    let listed = try #require(try worker?.list { $0.camera = text("cam") }.1)
    #expect(listed.map(\.name) == [text(names[2]), text(names[0])])
    worker?.kill()
  }

  @Test func filesThatGoAreForgotten() throws {
    for ago in [1.0, 2, 3] { try folder.put(film.bytes, "cam", StorageFolder.name(ago: ago)) }
    var worker: StorageWorker? = try StorageWorker(folder.url, boot: 2)
    let files = try #require(try worker?.files { isSettled($0, 3) })
    let place = try folder.camera("cam")
    try FileManager.default.removeItem(at: place.appending(path: files[1].name.string))
    #expect(try worker?.files { $0.count == 2 }.map(\.name) == [files[0].name, files[2].name])
    worker?.end()
    try FileManager.default.removeItem(at: place.appending(path: files[0].name.string))
    worker = try StorageWorker(folder.url, boot: 2)
    #expect(try worker?.files { $0.count == 1 }.map(\.name) == [files[2].name])
    try FileManager.default.removeItem(at: place)
    _ = try worker?.files { $0.isEmpty }
  }

  /// The power went while a picture was written: what there is of it goes, nothing else.
  @Test func unfinishedPicturesOfOtherBootsAreRemoved() throws {
    let whole = StorageFolder.name(boot: 9, ago: 50, .snapshot)
    let cut = try folder.camera("cam", .snapshot).appending(path: ".\(whole).part")
    let own = try folder.camera("cam", .snapshot)
      .appending(path: ".\(StorageFolder.name(boot: 1, .snapshot)).part")
    let other = try folder.camera("cam", .snapshot).appending(path: ".notes.part")
    for file in [cut, own, other] { try Data([1, 2, 3]).write(to: file) }
    let worker = try StorageWorker(folder.url)
    // A foreign one, and one that is being written.
    _ = try worker.wait(.totals) { $0[24] == 2 }
    #expect(folder.size(cut) == -1)
    #expect([own, other].allSatisfy { folder.size($0) == 3 })
  }

  @Test func removing() throws {
    let worker = try StorageWorker(folder.url)
    let written = try WrittenSegment(folder, "cam", name: StorageFolder.name())
    written.part()
    let planted = try folder.put(film.bytes, "cam", "planted.mp4")
    // Whose end is not seen yet is open, or has not been looked at.
    let files = try worker.files { files in
      [.open, .complete].allSatisfy { state in files.contains { $0.state == state } }
    }
    let open = try #require(files.first { $0.state == .open })
    #expect(try worker.remove(open) == .state)
    let other = try #require(files.first { $0.state == .complete })
    #expect(try worker.remove(other) == .ok)
    #expect(folder.size(planted) == -1)
    #expect(try worker.remove(other) == .notFound)
    #expect(try worker.list().1.map(\.id) == [open.id])
    written.close()
  }

  @Test func retentionBySizeTakesTheOldest() throws {
    let film = MadeFilm.seconds(2, mediaBytes: 300_000)
    for ago in 1...8 {
      try folder.put(film.bytes, "cam", StorageFolder.name(boot: 9, ago: Double(ago)))
    }
    let worker = try StorageWorker(folder.url)
    let files = try worker.files { isSettled($0, 8) }
    worker.send(.retention, retention(bytes: 2_000_000) + [1])
    let left = try worker.files { $0.count == 3 }
    #expect(left == Array(files[..<3]))
    try worker.wait(.removed)
    worker.end()
    let again = try StorageWorker(folder.url)
    #expect(try again.wait(.retention) == retention(bytes: 2_000_000))
    #expect(try again.list().1 == left)
  }

  /// The partition may be there before the agent has said anything: a soak, in which nothing was
  /// removed any longer once the agent had been started again.
  @Test func whatTheConfigurationSaysDoesNotUndoWhatWasKept() throws {
    let film = MadeFilm.seconds(2, mediaBytes: 300_000)
    let worker = try StorageWorker(folder.url)
    try worker.begun()
    worker.send(.retention, retention(bytes: 2_000_000) + [1])
    worker.end()
    let again = try StorageWorker(folder.url)
    try again.wait(.retention)
    again.send(.retention, retention() + [0])
    for ago in (1...8).reversed() {
      try folder.put(film.bytes, "cam", StorageFolder.name(boot: 9, ago: Double(ago)))
    }
    try again.wait(.removed)
    #expect(try again.files { $0.count == 3 }.count == 3)
    // What somebody says holds.
    again.send(.retention, retention(bytes: 1_100_000) + [1])
    #expect(try again.files { $0.count == 1 }.count == 1)
  }

  @Test func retentionByAgeCountsTimeOfRunning() throws {
    // Files of 0 s and 5000 s by the age clock, which stands at 6000 s.
    let names = [3.0, 2, 1].map { StorageFolder.name(boot: 9, ago: $0) }
    var records: [IndexRecord] = [.header]
    for (index, name) in names.enumerated() {
      try folder.put(film.bytes, "cam", name)
      var entry = FileEntry()
      entry.id = UInt64(index + 1)
      entry.state = Code(.complete)
      entry.bytes = UInt64(film.bytes.count)
      entry.durationMs = 2000
      // A clock that jumped ten years ahead has dated them.
      entry.unixMs = 1
      entry.camera = text("cam")
      entry.name = text(name)
      records.append(.put(entry, ageS: index == 0 ? 0 : 5000))
    }
    records.append(.clock(AgeClock(ageS: 6000, boot: 0x0909_0909, atMs: 1), nextID: 4))
    try FileManager.default.createDirectory(
      at: folder.url.appending(path: "state"), withIntermediateDirectories: true)
    let bytes = records.flatMap { record in
      [UInt8](unsafeUninitializedCapacity: IndexRecord.size) { buffer, count in
        record.encode(into: UnsafeMutableRawBufferPointer(buffer))
        count = IndexRecord.size
      }
    }
    try Data(bytes).write(to: index)
    let worker = try StorageWorker(folder.url)
    #expect(try worker.list().1.count == 3)
    // What the host has run since it started counts as well.
    let upS = UInt32(try #require(Double(try uptime())))
    worker.send(.retention, retention(ageS: upS + 3600) + [1])
    let (status, answer) = try worker.job(.retentionRun)
    #expect(status == .ok && answer.count == RetentionReport.size)
    #expect(try worker.files { $0.count == 2 }.map(\.name.string) == [names[2], names[1]])
  }

  private func uptime() throws -> String {
    let text = try String(contentsOfFile: "/proc/uptime", encoding: .utf8)
    return String(text.prefix { $0 != " " })
  }

  @Test func theLogsOfTheBootBeforeAreKept() throws {
    var worker: StorageWorker? = try StorageWorker(folder.url)
    try worker?.wait(.recordings)
    for line in 0..<4000 {
      worker?.send(.log, [0] + Array("agent line \(line) of this boot\n".utf8))
    }
    worker?.send(.log, [1] + Array("media\n".utf8))
    _ = try worker?.list()
    worker?.end()
    // A further start in the same boot goes on with the same log.
    worker = try StorageWorker(folder.url)
    try worker?.wait(.recordings)
    worker?.send(.log, [0] + Array("the last line\n".utf8))
    _ = try worker?.list()
    worker?.kill()
    worker = try StorageWorker(folder.url, boot: 2)
    try worker?.wait(.recordings)
    worker?.send(.log, [0] + Array("another boot\n".utf8))
    let agent = try before(#require(worker), .agentBefore)
    #expect(agent.hasSuffix("agent line 3999 of this boot\nthe last line\n"))
    #expect(agent.utf8.count > 64 * 1024 && agent.utf8.count <= 128 * 1024)
    #expect(try before(#require(worker), .mediaServerBefore) == "media\n")
  }

  /// The first words of a boot come before its data partition.
  @Test func whatIsSaidBeforeThePartitionIsThereIsKept() throws {
    try FileManager.default.removeItem(at: folder.url)
    var worker: StorageWorker? = try StorageWorker(folder.url)
    try worker?.wait(.facts) { $0[0] == DataState.missing.rawValue }
    for line in 0..<400 { worker?.send(.log, [0] + Array("early line \(line)\n".utf8)) }
    try FileManager.default.createDirectory(at: folder.url, withIntermediateDirectories: true)
    try worker?.wait(.facts) { $0[0] == DataState.writable.rawValue }
    worker?.send(.log, [0] + Array("a later line\n".utf8))
    _ = try worker?.list()
    worker?.end()
    worker = try StorageWorker(folder.url, boot: 2)
    try worker?.wait(.recordings)
    let lines = try before(#require(worker), .agentBefore).split(separator: "\n")
    // The newest of them, whole.
    #expect(lines.suffix(3) == ["early line 398", "early line 399", "a later line"])
    let numbers = lines.dropLast().compactMap { Int($0.dropFirst("early line ".count)) }
    #expect(numbers.count > 300 && numbers == Array(400 - numbers.count..<400))
    worker?.end()
  }

  /// A whole log, part by part.
  private func before(_ worker: StorageWorker, _ source: LogSource) throws -> String {
    var text: [UInt8] = []
    var cursor: UInt64 = 0
    while true {
      let request = LogRequest(source: source, cursor: cursor)
      let (status, answer) = try worker.job(
        .logTail, encoded(LogRequest.size) { request.encode(into: &$0) })
      #expect(status == .ok)
      let (head, part) = try answer.withUnsafeBytes { bytes in
        let (head, text) = try LogHead.open(bytes)
        return (head, [UInt8](text))
      }
      if part.isEmpty { return String(decoding: text, as: UTF8.self) }
      text += part
      cursor = head.nextCursor
    }
  }

  @Test func withoutAPartitionNothingIsAnswered() throws {
    let place = folder.url.appending(path: "later")
    let worker = try StorageWorker(place)
    try worker.wait(.facts) { $0[0] == 1 }
    #expect(try worker.job(.fileList, [UInt8](repeating: 0, count: 64)).0 == .storageUnavailable)
    try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
    try worker.wait(.facts) { $0[0] == 3 }
    #expect(try worker.list().1 == [])
    // A sign of life, changed or not.
    try worker.wait(.facts, seconds: 3)
  }

  @Test func whatIsKeptIsToldAgain() throws {
    var worker: StorageWorker? = try StorageWorker(folder.url)
    #expect(try worker?.wait(.recordings) == [])
    worker?.send(.recordings, [1, 2, 3])
    _ = try worker?.list()
    worker?.kill()
    worker = try StorageWorker(folder.url)
    #expect(try worker?.wait(.recordings) == [1, 2, 3])
  }
}
