import Archive
import Foundation
import Glibc
import MadeFilms
import Testing
import Wire

@testable import Linux

@Suite(.serialized) struct StorageBoundsTests {
  let folder: StorageFolder

  init() throws { folder = try StorageFolder() }

  /// Segments of four cameras. The debug build, beside other tests, is asked for what is right, the
  /// shipped program (`Tests/run`, agent-shipped) for its bars as well, at the full number.
  private static let segments = StorageWorker.isShipped ? 100_000 : 12_000

  private func fill() throws {
    let film = MadeFilm.seconds(1, mediaBytes: 100)
    for camera in 0..<4 {
      let place = try folder.camera("cam-\(camera)")
      var source = ""
      for number in 0..<Self.segments / 4 {
        let wallMs = 1_700_000_000_000 + UInt64(number) * 60_000
        let name = SegmentName(wallMs: wallMs, boot: 0x0909_0909, life: 1).text(.recording)
        let path = place.path + "/" + name.string
        // Links are made faster than files; a file has at most 65,000 of them on ext4.
        if number % 10_000 == 0 {
          try Data(film.bytes).write(to: URL(filePath: path))
          source = path
        } else {
          #expect(link(source, path) == 0)
        }
      }
    }
  }

  @Test func aPageOfAHundredThousandComesAtOnce() throws {
    try fill()
    var worker: StorageWorker? = try StorageWorker(folder.url)
    try worker?.wait(.rebuilt, seconds: 300)
    worker?.end()
    // With its index: the first answer must not wait for the folders.
    let start = Date()
    worker = try StorageWorker(folder.url)
    let (first, _) = try #require(try worker?.list())
    let firstS = Date().timeIntervalSince(start)
    print("first page of \(Self.segments) files after \(firstS) s")
    if StorageWorker.isShipped { #expect(firstS < 4) }
    #expect(Int(first.known) == Self.segments)
    var times: [Double] = []
    var cursor: UInt64 = 0
    for number in 0..<300 {
      let start = Date()
      let (head, entries) = try #require(
        try worker?.list {
          $0.limit = number % 3 == 0 ? 1000 : 50
          $0.cursor = number % 3 == 2 ? 0 : cursor
          if number % 3 == 1 { $0.camera = text("nobody") }
          if number % 3 == 2 { $0.fromUnixMs = .max - 1 }
        })
      times.append(Date().timeIntervalSince(start) * 1000)
      #expect(entries.count == (number % 3 == 0 ? min(1000, entries.count) : 0))
      if number % 3 == 0 { cursor = head.nextCursor }
    }
    times.sort()
    print("pages of \(Self.segments) files: median \(times[150]) ms, p99 \(times[296]) ms")
    if StorageWorker.isShipped { #expect(times[296] <= 50, "99th percentile in ms") }
  }

  /// The scan is over: all that is complete is listed, and every end has been looked at.
  private func hasAll(of complete: [String: Int], _ files: [FileEntry]) -> Bool {
    complete.keys.allSatisfy { name in files.contains { $0.name.string == name } }
      && files.allSatisfy { $0.state != .open && $0.state != .unchecked }
  }

  /// What a power cut may leave: an index cut anywhere, the open file cut behind what was synced.
  @Test(arguments: 0..<12) func powerCutsLoseNothingThatWasComplete(seed: Int) throws {
    var random = SplitMix(state: UInt64(seed))
    var complete: [String: Int] = [:]
    let index = folder.url.appending(path: "state/index")
    for life in UInt8(1)...3 {
      let worker = try StorageWorker(folder.url, boot: life)
      try worker.wait(.totals)
      let known = try worker.files(within: 60) { hasAll(of: complete, $0) }
      for (name, size) in complete {
        let entry = try #require(known.first { $0.name.string == name }, "\(name) is lost")
        #expect(entry.state == .complete && Int(entry.bytes) == size)
      }
      #expect(Set(known.map(\.name.string)).count == known.count)
      var open: WrittenSegment?
      for number in 0...Int.random(in: 0...4, using: &random) {
        let ago = 9 - Double(number)
        let segment = try WrittenSegment(
          folder, "cam", name: StorageFolder.name(boot: life, ago: ago), seconds: 2)
        segment.part()
        if number == 4 || Bool.random(using: &random) {
          segment.part()
          segment.close()
          try worker.wait(.segment) { $0[32] == 2 }
          complete[segment.url.lastPathComponent] = segment.made.bytes.count
        } else {
          open = segment
        }
      }
      worker.kill()
      open?.close()
      if let open {
        truncate(open.url.path, Int.random(in: 0...folder.size(open.url), using: &random))
      }
      // Records behind the last that was synced may be missing: those of open files. Losing more
      // than the disk can lose must not harm either.
      let size = folder.size(index)
      if size > 160 { truncate(index.path, Int.random(in: 160...size, using: &random)) }
    }
    let worker = try StorageWorker(folder.url, boot: 9)
    let files = try worker.files(within: 60) { hasAll(of: complete, $0) }
    for (name, size) in complete {
      let entry = try #require(files.first { $0.name.string == name }, "\(name) is lost")
      #expect(entry.state == .complete && Int(entry.bytes) == size && entry.durationMs == 2000)
    }
    for entry in files where complete[entry.name.string] == nil {
      let file = try folder.camera("cam").appending(path: entry.name.string)
      #expect(folder.size(file) == Int(entry.bytes))
      #expect(entry.state == .repaired || entry.state == .damaged || entry.durationMs > 0)
    }
  }
}

/// Repeatable numbers (Steele, Lea and Flood 2014).
struct SplitMix: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
    return mixed ^ mixed >> 31
  }
}
