import Wire

/// Four letters, the first one highest, as they lie in the file.
struct BoxType: Equatable {
  let code: UInt32
  static let ftyp = Self(code: 0x6674_7970)
  static let moov = Self(code: 0x6D6F_6F76)
  static let moof = Self(code: 0x6D6F_6F66)
  static let mdat = Self(code: 0x6D64_6174)
  static let trak = Self(code: 0x7472_616B)
  static let tkhd = Self(code: 0x746B_6864)
  static let mdia = Self(code: 0x6D64_6961)
  static let mdhd = Self(code: 0x6D64_6864)
  static let hdlr = Self(code: 0x6864_6C72)
  static let mvex = Self(code: 0x6D76_6578)
  static let trex = Self(code: 0x7472_6578)
  static let traf = Self(code: 0x7472_6166)
  static let tfhd = Self(code: 0x7466_6864)
  static let trun = Self(code: 0x7472_756E)
  /// The handler of video tracks.
  static let vide = Self(code: 0x7669_6465)

  /// Four printable bytes (or the sign ©): zeros that were never written are no box.
  var isPrintable: Bool {
    for shift in stride(from: 0, through: 24, by: 8) {
      let byte = UInt8(truncatingIfNeeded: code >> UInt32(shift))
      guard (0x20...0x7E).contains(byte) || byte == 0xA9 else { return false }
    }
    return true
  }
}

extension UnsafeRawBufferPointer {
  /// A big-endian number, nil beyond the end.
  fileprivate func number<Value: FixedWidthInteger>(
    at offset: Int, _: Value.Type = Value.self
  ) -> Value? {
    guard offset >= 0, offset <= count, count - offset >= MemoryLayout<Value>.size else {
      return nil
    }
    return Value(bigEndian: loadUnaligned(fromByteOffset: offset, as: Value.self))
  }
}

/// Size and type of a box (ISO/IEC 14496-12, 4.2).
struct BoxHeader {
  let type: BoxType
  /// Of the whole box, at least `headerSize`.
  let size: UInt64
  let headerSize: Int

  /// nil: no box begins here, or one without an end (size 0), which a film in parts never has.
  init?(_ bytes: UnsafeRawBufferPointer) {
    guard let short: UInt32 = bytes.number(at: 0), let code: UInt32 = bytes.number(at: 4) else {
      return nil
    }
    type = BoxType(code: code)
    guard type.isPrintable else { return nil }
    if short == 1 {
      guard let long: UInt64 = bytes.number(at: 8), long >= 16, long <= UInt64(Int64.max) else {
        return nil
      }
      size = long
      headerSize = 16
    } else {
      guard short >= 8 else { return nil }
      size = UInt64(short)
      headerSize = 8
    }
  }
}

/// The boxes in a box, one after another.
struct BoxChildren {
  private let bytes: UnsafeRawBufferPointer
  private var offset = 0
  /// What lies there is no box, or none that ends within its parent.
  private(set) var isBroken = false

  init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  mutating func next() -> (type: BoxType, body: UnsafeRawBufferPointer)? {
    let rest = UnsafeRawBufferPointer(rebasing: bytes[offset...])
    if rest.isEmpty || isBroken { return nil }
    guard let header = BoxHeader(rest), header.size <= UInt64(rest.count) else {
      isBroken = true
      return nil
    }
    offset += Int(header.size)
    let body = rest[header.headerSize..<Int(header.size)]
    return (header.type, UnsafeRawBufferPointer(rebasing: body))
  }
}

/// What the walk needs of `moov`: the track whose samples are counted.
struct FilmHeader: Sendable {
  private var track: UInt32 = 0
  private var isVideo = false
  /// Ticks a second of the track.
  private(set) var timescale: UInt32 = 0
  /// What a sample lasts of which nothing else is said.
  private var sampleTicks: UInt32 = 0

  init() {}

  /// nil: it is broken, or holds no track.
  init?(_ body: UnsafeRawBufferPointer) {
    var boxes = BoxChildren(body)
    while let box = boxes.next() {
      guard box.type == .trak, let track = Self.track(box.body) else { continue }
      if self.track == 0 || (track.isVideo && !isVideo) { self = track }
    }
    guard !boxes.isBroken, track != 0 else { return nil }
    boxes = BoxChildren(body)
    while let box = boxes.next() {
      guard box.type == .mvex else { continue }
      var defaults = BoxChildren(box.body)
      while let box = defaults.next() {
        // Version and flags, track, description, duration, …
        guard box.type == .trex, box.body.number(at: 4) == track else { continue }
        sampleTicks = box.body.number(at: 12) ?? 0
      }
    }
  }

  private static func track(_ body: UnsafeRawBufferPointer) -> FilmHeader? {
    var header = FilmHeader()
    var boxes = BoxChildren(body)
    while let box = boxes.next() {
      if box.type == .tkhd {
        header.track = box.body.number(at: box.body.first == 1 ? 20 : 12) ?? 0
      }
      guard box.type == .mdia else { continue }
      var media = BoxChildren(box.body)
      while let box = media.next() {
        if box.type == .mdhd {
          header.timescale = box.body.number(at: box.body.first == 1 ? 20 : 12) ?? 0
        } else if box.type == .hdlr {
          header.isVideo = box.body.number(at: 8) == BoxType.vide.code
        }
      }
    }
    return header.track == 0 ? nil : header
  }

  /// What a fragment (`moof`) lasts in ticks of the track: 0 where it holds none of its samples.
  /// nil: it is broken.
  func ticks(ofFragment body: UnsafeRawBufferPointer) -> UInt64? {
    var sum: UInt64 = 0
    var boxes = BoxChildren(body)
    while let box = boxes.next() {
      guard box.type == .traf else { continue }
      guard let ticks = self.ticks(ofTrack: box.body) else { return nil }
      sum &+= ticks
    }
    return boxes.isBroken ? nil : sum
  }

  private func ticks(ofTrack body: UnsafeRawBufferPointer) -> UInt64? {
    var sum: UInt64 = 0
    var isOurs = false
    var sampleTicks = sampleTicks
    var boxes = BoxChildren(body)
    while let box = boxes.next() {
      if box.type == .tfhd {
        guard let header = TrackFragment(box.body) else { return nil }
        isOurs = header.track == track
        sampleTicks = header.sampleTicks ?? sampleTicks
      } else if box.type == .trun {
        guard let run = TrackRun(box.body) else { return nil }
        if isOurs { sum &+= run.ticks(each: sampleTicks) }
      }
    }
    return boxes.isBroken ? nil : sum
  }
}

/// `tfhd` (ISO/IEC 14496-12, 8.8.7).
private struct TrackFragment {
  let track: UInt32
  /// nil: as `trex` says.
  let sampleTicks: UInt32?

  init?(_ body: UnsafeRawBufferPointer) {
    guard let flags: UInt32 = body.number(at: 0), let track: UInt32 = body.number(at: 4) else {
      return nil
    }
    self.track = track
    guard flags & 0x8 != 0 else {
      sampleTicks = nil
      return
    }
    // Base data offset and description may stand before it.
    let offset = 8 + (flags & 0x1 != 0 ? 8 : 0) + (flags & 0x2 != 0 ? 4 : 0)
    guard let ticks: UInt32 = body.number(at: offset) else { return nil }
    sampleTicks = ticks
  }
}

/// `trun` (ISO/IEC 14496-12, 8.8.8).
private struct TrackRun {
  private let samples: UnsafeRawBufferPointer
  private let count: Int
  private let stride: Int
  private let hasTicks: Bool

  /// nil: it is shorter than its samples.
  init?(_ body: UnsafeRawBufferPointer) {
    guard let flags: UInt32 = body.number(at: 0), let count: UInt32 = body.number(at: 4) else {
      return nil
    }
    let start = 8 + (flags & 0x1 != 0 ? 4 : 0) + (flags & 0x4 != 0 ? 4 : 0)
    stride = (flags >> 8 & 0xF).nonzeroBitCount * 4
    hasTicks = flags & 0x100 != 0
    self.count = Int(count)
    guard start <= body.count, UInt64(count) * UInt64(stride) <= UInt64(body.count - start) else {
      return nil
    }
    samples = UnsafeRawBufferPointer(rebasing: body[start...])
  }

  /// The duration stands first in each sample's row, where it stands at all.
  func ticks(each: UInt32) -> UInt64 {
    guard hasTicks else { return UInt64(count) * UInt64(each) }
    var sum: UInt64 = 0
    for index in 0..<count {
      sum += UInt64(samples.number(at: index * stride, UInt32.self) ?? 0)
    }
    return sum
  }
}
