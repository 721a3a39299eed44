import MadeFilms
import Testing
import Wire

@testable import Archive

@Suite struct FilmTests {
  /// Walks over bytes in steps of so many boxes.
  private func walk(_ bytes: [UInt8], boxes: Int = .max) -> FragmentedMP4 {
    var film = FragmentedMP4()
    advance(&film, over: bytes, boxes: boxes)
    return film
  }

  private func advance(_ film: inout FragmentedMP4, over bytes: [UInt8], boxes: Int = .max) {
    withUnsafeTemporaryAllocation(byteCount: FragmentedMP4.windowSize, alignment: 8) { window in
      bytes.withUnsafeBytes { file in
        var steps = 0
        while !film.advance(
          size: UInt64(file.count), boxes: boxes, window: window,
          read: { offset, buffer in
            guard offset <= UInt64(file.count) else { return -1 }
            let count = min(buffer.count, file.count - Int(offset))
            buffer.copyMemory(from: .init(rebasing: file[Int(offset)..<Int(offset) + count]))
            return count
          })
        {
          steps += 1
          #expect(steps < 100_000, "the walk does not end")
        }
      }
    }
  }

  @Test func aWholeFilmIsWhole() {
    let made = MadeFilm.seconds(7)
    let film = walk(made.bytes)
    #expect(film.condition(size: UInt64(made.bytes.count)) == .whole)
    #expect(film.parts == 7)
    #expect(film.durationMs == 7000)
    #expect(film.end == UInt64(made.bytes.count))
  }

  @Test func everyCutLeavesTheWholeParts() {
    let made = MadeFilm.seconds(3, mediaBytes: 64)
    for length in 0...made.bytes.count {
      let film = walk(Array(made.bytes[..<length]))
      let whole = made.ends.filter { $0 <= length }
      #expect(Int(film.parts) == max(0, whole.count - 1), "cut at \(length)")
      #expect(film.end == UInt64(whole.last ?? 0))
      let condition: FileCondition =
        film.parts == 0 ? .damaged : length == whole.last ? .whole : .unfinished
      #expect(film.condition(size: UInt64(length)) == condition)
    }
  }

  @Test func aGrowingFilmIsWalkedOverOnce() {
    let made = MadeFilm.seconds(5, mediaBytes: 100)
    var film = FragmentedMP4()
    for length in stride(from: 0, through: made.bytes.count, by: 37) {
      advance(&film, over: Array(made.bytes[..<length]), boxes: 2)
    }
    advance(&film, over: made.bytes)
    #expect(film.condition(size: UInt64(made.bytes.count)) == .whole)
    #expect(film.durationMs == 5000)
  }

  @Test func theVideoTrackIsTheOneThatCounts() {
    var made = MadeFilm(tracks: [
      .init(id: 1, timescale: 48_000, handler: "soun"), .init(id: 2, timescale: 90_000),
    ])
    made.part(samples: 30, ticks: 3000, mediaBytes: 10)
    #expect(walk(made.bytes).durationMs == 1000)
    var audio = MadeFilm(tracks: [.init(id: 4, timescale: 48_000, handler: "soun")])
    audio.part(samples: 48, ticks: 1000, mediaBytes: 10)
    #expect(walk(audio.bytes).durationMs == 1000)
  }

  @Test func samplesMayLeaveTheirDurationToTheHeader() {
    var made = MadeFilm(defaultTicks: 4500)
    made.partOfDefaults(samples: 20, mediaBytes: 5)
    #expect(walk(made.bytes).durationMs == 1000)
  }

  @Test func boxesThatNobodyKnowsAreSteppedOver() {
    var made = MadeFilm.seconds(1)
    made.bytes += MadeFilm.box("free", [1, 2, 3]) + MadeFilm.box("sidx", [0, 0, 0, 0])
    let end = made.bytes.count
    #expect(walk(made.bytes).condition(size: UInt64(end)) == .whole)
    made.part(samples: 25, ticks: 3600, mediaBytes: 10)
    #expect(walk(made.bytes).durationMs == 2000)
  }

  @Test func hostileSizesEndTheWalk() {
    let made = MadeFilm.seconds(2)
    let end = made.bytes.count
    let tails: [[UInt8]] = [
      MadeFilm.u32(0) + Array("mdat".utf8) + [UInt8](repeating: 1, count: 64),
      MadeFilm.u32(4) + Array("moof".utf8) + [UInt8](repeating: 1, count: 64),
      MadeFilm.u32(1) + Array("mdat".utf8) + MadeFilm.u32(0) + MadeFilm.u32(8)
        + [UInt8](repeating: 1, count: 64),
      MadeFilm.u32(1) + Array("mdat".utf8) + [UInt8](repeating: 0xFF, count: 72),
      MadeFilm.u32(.max) + Array("mdat".utf8) + [UInt8](repeating: 1, count: 64),
      [UInt8](repeating: 0, count: 4096), [UInt8](repeating: 0xFF, count: 100),
      MadeFilm.box("moov", [1, 2, 3]), MadeFilm.box("moof", [0, 0, 0, 200, 1, 2, 3, 4]),
      MadeFilm.box("moof", MadeFilm.box("mfhd", [])) + MadeFilm.box("moof", []),
    ]
    for tail in tails {
      let film = walk(made.bytes + tail)
      #expect(film.end == UInt64(end))
      #expect(film.parts == 2)
      #expect(film.condition(size: UInt64(end + tail.count)) == .unfinished)
    }
  }

  @Test func aLongMediaBoxIsStillABox() {
    var made = MadeFilm.seconds(1)
    let moof = made.bytes[made.ends[0]...].prefix { _ in true }
    let size = Int(moof.prefix(4).reduce(0) { $0 << 8 | UInt32($1) })
    made.bytes += moof.prefix(size)
    made.bytes +=
      MadeFilm.u32(1) + Array("mdat".utf8) + MadeFilm.u32(0) + MadeFilm.u32(20) + [1, 2, 3, 4]
    let film = walk(made.bytes)
    #expect(film.parts == 2)
    #expect(film.condition(size: UInt64(made.bytes.count)) == .whole)
  }

  @Test func runsOfSamplesThatClaimTooMuchAreRefused() {
    var made = MadeFilm()
    let run = MadeFilm.u32(0x100) + MadeFilm.u32(.max) + MadeFilm.u32(5)
    let track = MadeFilm.box("tfhd", MadeFilm.u32(0) + MadeFilm.u32(1))
    made.bytes += MadeFilm.box("moof", MadeFilm.box("traf", track + MadeFilm.box("trun", run)))
    made.bytes += MadeFilm.box("mdat", [])
    #expect(walk(made.bytes).parts == 0)
  }

  @Test func durationsSaturate() {
    var made = MadeFilm(tracks: [.init(id: 1, timescale: 1)])
    for _ in 0..<3 { made.part(samples: 25, ticks: .max, mediaBytes: 1) }
    #expect(walk(made.bytes).durationMs == .max)
    var still = MadeFilm(tracks: [.init(id: 1, timescale: 0)])
    still.part(samples: 2, ticks: 9, mediaBytes: 1)
    #expect(walk(still.bytes).durationMs == 0)
  }

  @Test func flippedBytesNeverTrapNorCutBeyondTheFile() {
    let made = MadeFilm.seconds(2, mediaBytes: 16)
    var random = SystemRandomNumberGenerator()
    for _ in 0..<2000 {
      var bytes = made.bytes
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        bytes[Int.random(in: 0..<bytes.count, using: &random)] = .random(in: 0...255)
      }
      #expect(walk(bytes).end <= UInt64(bytes.count))
    }
  }
}
