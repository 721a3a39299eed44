import CLinux

/// What a recording's header says of its video.
enum VideoFormat {
  case h264(sequenceSet: [UInt8], pictureSet: [UInt8], picture: H264.ParameterSet)
  case motionJPEG(width: Int, height: Int)
}

/// A picture in a part of a recording.
struct RecordedSample {
  var duration: Int64
  var size: Int
  var isKey: Bool
}

/// MediaMTX's recordings: fragmented MP4 with one track.
///
///     ftyp, moov, then for every part: moof, mdat
///
/// The order of the boxes and their values are those of MediaMTX 1.20, its own `mtxi` among them,
/// by which its playback server knows the segments of one stream.
enum RecordingFile {
  /// Where the overall duration stands, in milliseconds: zero until the segment has ended.
  static let durationOffset: Int64 = 64

  static func header(
    _ format: VideoFormat, stream: [UInt8], segment: Int, start: (ticks: Int64, real: Nanoseconds)
  ) -> [UInt8] {
    let brands = Array("mp42".utf8) + MP4.number(1, 4) + Array("mp41mp42isomhlsf".utf8)
    let information = MP4.fullBox(
      "mtxi", stream, MP4.number(segment, 8),
      MP4.number(Int(MP4.nanoseconds(ticks: start.ticks)), 8), MP4.number(Int(start.real), 8))
    let extends = MP4.fullBox(
      "trex", MP4.number(1, 4), MP4.number(1, 4), MP4.zeros(12))
    return MP4.box("ftyp", brands)
      + MP4.box(
        "moov", movieHeader, track(format), MP4.box("mvex", extends),
        MP4.box("udta", information))
  }

  private static let matrix: [UInt8] =
    MP4.number(0x10000, 4) + MP4.zeros(12) + MP4.number(0x10000, 4) + MP4.zeros(12)
    + MP4.number(0x4000_0000, 4)

  private static var movieHeader: [UInt8] {
    let times = MP4.zeros(8) + MP4.number(1000, 4) + MP4.zeros(4)
    let rateAndVolume = MP4.number(0x10000, 4) + MP4.number(0x100, 2) + MP4.zeros(10)
    return MP4.fullBox(
      "mvhd", times, rateAndVolume, matrix, MP4.zeros(24), MP4.number(0xFFFF_FFFF, 4))
  }

  private static func track(_ format: VideoFormat) -> [UInt8] {
    let width: Int
    let height: Int
    switch format {
    case .h264(_, _, let picture): (width, height) = (picture.width, picture.height)
    case .motionJPEG(let wide, let high): (width, height) = (wide, high)
    }
    let trackHeader = MP4.fullBox(
      "tkhd", flags: 3, MP4.zeros(8), MP4.number(1, 4), MP4.zeros(24), matrix,
      MP4.number(width << 16, 4), MP4.number(height << 16, 4))
    // The language is "und", five bits a letter.
    let mediaHeader = MP4.fullBox(
      "mdhd", MP4.zeros(8), MP4.number(Int(MP4.ticksPerSecond), 4), MP4.zeros(4),
      MP4.number(0x55C4, 2), MP4.zeros(2))
    let kind = MP4.fullBox(
      "hdlr", MP4.zeros(4), Array("vide".utf8), MP4.zeros(12), Array("VideoHandler".utf8), [0])
    let inThisFile = MP4.fullBox("url ", flags: 1)
    let place = MP4.box("dinf", MP4.fullBox("dref", MP4.number(1, 4), inThisFile))
    // All samples are in the parts.
    let samples = MP4.box(
      "stbl", MP4.fullBox("stsd", MP4.number(1, 4), sampleEntry(format, width, height)),
      MP4.fullBox("stts", MP4.zeros(4)), MP4.fullBox("stsc", MP4.zeros(4)),
      MP4.fullBox("stsz", MP4.zeros(8)), MP4.fullBox("stco", MP4.zeros(4)))
    let information = MP4.box("minf", MP4.fullBox("vmhd", flags: 1, MP4.zeros(8)), place, samples)
    return MP4.box("trak", trackHeader, MP4.box("mdia", mediaHeader, kind, information))
  }

  private static func sampleEntry(_ format: VideoFormat, _ width: Int, _ height: Int) -> [UInt8] {
    let dotsPerInch = MP4.number(72 << 16, 4)
    let picture =
      MP4.zeros(6) + MP4.number(1, 2) + MP4.zeros(16) + MP4.number(width, 2)
      + MP4.number(height, 2) + dotsPerInch + dotsPerInch + MP4.zeros(4) + MP4.number(1, 2)
      + MP4.zeros(32) + MP4.number(24, 2) + [0xFF, 0xFF]
    // Buffer size, then the maximum and the average of bits a second, which nobody has measured.
    let rates = MP4.number(1_000_000, 4) + MP4.number(1_000_000, 4)
    let bitRate = MP4.box("btrt", MP4.zeros(4), rates)
    switch format {
    case .h264(let sequenceSet, let pictureSet, _):
      let configuration =
        [1, sequenceSet[1], sequenceSet[2], sequenceSet[3], 0xFF, 0xE1]
        + MP4.number(sequenceSet.count, 2) + sequenceSet
        + [1] + MP4.number(pictureSet.count, 2) + pictureSet
      return MP4.box("avc1", picture, MP4.box("avcC", configuration), bitRate)
    case .motionJPEG:
      // ISO/IEC 14496-1, 7.2.6: an elementary stream of type 4 (visual), coded as ISO/IEC 10918-1.
      // Lengths are written in four bytes of seven bits each.
      let elementary: [UInt8] = [3, 0x80, 0x80, 0x80, 27, 0, 1, 0]
      let decoder: [UInt8] = [4, 0x80, 0x80, 0x80, 13, 0x6C, 4 << 2 | 1, 0, 0, 0]
      let synchronization: [UInt8] = [6, 0x80, 0x80, 0x80, 1, 2]
      return MP4.box(
        "mp4v", picture, MP4.fullBox("esds", elementary, decoder, rates, synchronization), bitRate)
    }
  }

  /// One part: `baseTime` is its start since that of the segment, in ticks.
  static func part(
    number: Int, baseTime: Int64, samples: [RecordedSample], media: [UInt8]
  ) -> [UInt8] {
    let isAllKeys = samples.allSatisfy { $0.isKey }
    var entries: [UInt8] = []
    entries.reserveCapacity(samples.count * 12)
    for sample in samples {
      entries += MP4.number(Int(sample.duration), 4) + MP4.number(sample.size, 4)
      if !isAllKeys { entries += MP4.number(sample.isKey ? 0 : 1 << 16, 4) }
    }
    func fragment(dataOffset: Int) -> [UInt8] {
      // Offset, durations and sizes are there; flags only where a sample is no key frame.
      let run = MP4.fullBox(
        "trun", version: 1, flags: 0x301 | (isAllKeys ? 0 : 0x400), MP4.number(samples.count, 4),
        MP4.number(dataOffset, 4), entries)
      return MP4.box(
        "moof", MP4.fullBox("mfhd", MP4.number(number, 4)),
        MP4.box(
          "traf", MP4.fullBox("tfhd", flags: 0x20000, MP4.number(1, 4)),
          MP4.fullBox("tfdt", version: 1, MP4.number(Int(baseTime), 8)), run))
    }
    let size = fragment(dataOffset: 0).count
    return fragment(dataOffset: size + 8) + MP4.box("mdat", media)
  }
}

// MARK: - Reading

extension RecordingFile {
  /// A part's description longer than this is none of ours.
  private static let maximumFragment = 1024 * 1024

  /// The sum of the samples' durations in the parts that are whole; nil if it is no recording.
  static func duration(of file: String) -> Nanoseconds? {
    var ticks: Int64 = 0
    var part: Int64 = 0
    var position = 0
    while true {
      let head = read(file, at: position, count: 8)
      guard head.count == 8, let size = MP4.number(head[...], at: 0), size >= 8 else { break }
      let type = String(decoding: head[4...], as: UTF8.self)
      if position == 0, type != "ftyp" { return nil }
      // The last byte tells whether the box is whole.
      guard read(file, at: position + size - 1, count: 1).count == 1 else { break }
      switch type {
      case "moof":
        part =
          size <= maximumFragment ? duration(ofFragment: read(file, at: position, count: size)) : 0
      case "mdat":
        ticks += part
        part = 0
      default: break
      }
      position += size
    }
    return position == 0 ? nil : MP4.nanoseconds(ticks: ticks)
  }

  private static func duration(ofFragment bytes: [UInt8]) -> Int64 {
    var ticks = 0
    for (type, track) in MP4.boxes(bytes.dropFirst(8)) where type == "traf" {
      for (type, run) in MP4.boxes(track) where type == "trun" {
        guard let flags = MP4.number(run, at: 1, size: 3), let count = MP4.number(run, at: 4),
          flags & 0x100 != 0
        else { continue }
        // What an entry and the run's head have besides is told by the flags (8.8.8.1).
        let stride = 4 * [0x100, 0x200, 0x400, 0x800].count { flags & $0 != 0 }
        var offset = 8 + 4 * [0x1, 0x4].count { flags & $0 != 0 }
        for _ in 0..<count {
          guard let duration = MP4.number(run, at: offset) else { break }
          ticks += duration
          offset += stride
        }
      }
    }
    return Int64(ticks)
  }

  private static func read(_ file: String, at position: Int, count: Int) -> [UInt8] {
    var bytes = MP4.zeros(count)
    let got = bytes.withUnsafeMutableBytes {
      si_read_at(file, Int64(position), $0.baseAddress!, $0.count)
    }
    return Array(bytes[..<max(0, Int(got))])
  }

  static func delete(_ file: String) -> Int32 { si_unlink(file) }
}
