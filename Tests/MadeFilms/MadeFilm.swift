/// A fragmented MP4 made byte by byte, as MediaMTX 1.20 lays them out: `ftyp`, `moov` with `mvex`
/// and `udta`, then a `moof` with a `traf` for each track and an `mdat` for each part.
public struct MadeFilm {
  public var bytes: [UInt8] = []
  /// Where the header and each part end.
  public private(set) var ends: [Int] = []
  private var sequence: UInt32 = 0

  public struct Track {
    public var id: UInt32
    public var timescale: UInt32
    public var handler: String
    public init(id: UInt32, timescale: UInt32, handler: String = "vide") {
      self.id = id
      self.timescale = timescale
      self.handler = handler
    }
  }
  public let tracks: [Track]

  public init(tracks: [Track] = [Track(id: 1, timescale: 90_000)], defaultTicks: UInt32 = 0) {
    self.tracks = tracks
    bytes = Self.box("ftyp", Array("mp42".utf8) + Self.u32(1) + Array("mp41mp42isomhlsf".utf8))
    var moov = Self.box("mvhd", [UInt8](repeating: 0, count: 100))
    for track in tracks { moov += Self.trak(track) }
    let trex = tracks.flatMap { track in
      Self.box(
        "trex",
        Self.u32(0) + Self.u32(track.id) + Self.u32(1) + Self.u32(defaultTicks)
          + Self.u32(0) + Self.u32(0))
    }
    moov += Self.box("mvex", trex)
    moov += Self.box("udta", Self.box("mtxi", [UInt8](repeating: 7, count: 40)))
    bytes += Self.box("moov", moov)
    ends = [bytes.count]
  }

  /// Adds a part with the same samples in each track.
  public mutating func part(samples: Int, ticks: UInt32, mediaBytes: Int) {
    sequence += 1
    var moof = Self.box("mfhd", Self.u32(0) + Self.u32(sequence))
    for track in tracks {
      var rows = Self.u32(0x1 | 0x100 | 0x200 | 0x400) + Self.u32(UInt32(samples)) + Self.u32(0)
      for _ in 0..<samples { rows += Self.u32(ticks) + Self.u32(10) + Self.u32(0) }
      moof += Self.box(
        "traf",
        Self.box("tfhd", Self.u32(0x020000) + Self.u32(track.id))
          + Self.box("tfdt", Self.u32(0x0100_0000) + Self.u32(0) + Self.u32(0))
          + Self.box("trun", rows))
    }
    bytes += Self.box("moof", moof)
    bytes += Self.box(
      "mdat", [UInt8](repeating: UInt8(truncatingIfNeeded: sequence), count: mediaBytes))
    ends.append(bytes.count)
  }

  /// Adds a part whose samples' duration is left to `trex`.
  public mutating func partOfDefaults(samples: Int, mediaBytes: Int) {
    let traf = tracks.flatMap { track in
      Self.box(
        "traf",
        Self.box("tfhd", Self.u32(0x020000) + Self.u32(track.id))
          + Self.box("trun", Self.u32(0) + Self.u32(UInt32(samples))))
    }
    bytes += Self.box("moof", traf)
    bytes += Self.box("mdat", [UInt8](repeating: 1, count: mediaBytes))
    ends.append(bytes.count)
  }

  /// A film of one video track with parts of a second each, 25 pictures a second.
  public static func seconds(_ count: Int, mediaBytes: Int = 2000) -> MadeFilm {
    var film = MadeFilm()
    for _ in 0..<count { film.part(samples: 25, ticks: 3600, mediaBytes: mediaBytes) }
    return film
  }

  public static func box(_ type: String, _ body: [UInt8]) -> [UInt8] {
    u32(UInt32(body.count + 8)) + Array(type.utf8) + body
  }

  public static func u32(_ value: UInt32) -> [UInt8] {
    [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
  }

  private static func trak(_ track: Track) -> [UInt8] {
    let tkhd = u32(3) + u32(0) + u32(0) + u32(track.id) + [UInt8](repeating: 0, count: 64)
    let mdhd = u32(0) + u32(0) + u32(0) + u32(track.timescale) + u32(0) + u32(0)
    let hdlr = u32(0) + u32(0) + Array(track.handler.utf8) + [UInt8](repeating: 0, count: 13)
    return box(
      "trak",
      box("tkhd", tkhd) + box("mdia", box("mdhd", mdhd) + box("hdlr", hdlr) + box("minf", [])))
  }
}
