/// Picture size in pixels.
public struct FrameSize: Hashable, Sendable, CustomStringConvertible {
  public var width: UInt16
  public var height: UInt16

  public init(width: UInt16, height: UInt16) {
    (self.width, self.height) = (width, height)
  }

  /// A size as people write it: `1280x720`. Nil unless both sides are 16 … 4096.
  public init?(_ text: String) {
    let sides = text.split(separator: "x", omittingEmptySubsequences: false).map { UInt16($0) }
    guard sides.count == 2, let width = sides[0], let height = sides[1],
      (16...4096).contains(width), (16...4096).contains(height)
    else { return nil }
    self.init(width: width, height: height)
  }

  public var description: String { "\(width)x\(height)" }

  /// Room for one compressed frame: what the same picture would take as raw YUYV.
  var maxFrameBytes: Int { Int(width) * Int(height) * 2 }
}

/// How a camera compresses its pictures.
public enum VideoCodec: String, Sendable {
  case mjpeg
  case h264
}

/// One format that a camera offers, with its sizes and frame rates.
public struct VideoFormat: Equatable, Sendable {
  public var codec: VideoCodec
  /// At least one, at most 32; the first is the default.
  public var sizes: [FrameSize]
  /// Frames per second, at least one, each 1 … 240; the first is the default.
  public var rates: [Int]

  public init(_ codec: VideoCodec, sizes: [FrameSize], rates: [Int] = [30]) {
    precondition(!sizes.isEmpty && sizes.count <= 32, "a format has 1 … 32 sizes")
    precondition(
      !rates.isEmpty && rates.count <= 16 && rates.allSatisfy((1...240).contains),
      "a format has 1 … 16 rates of 1 … 240 frames per second")
    (self.codec, self.sizes, self.rates) = (codec, sizes, rates)
  }

  /// Frame intervals in units of 100 ns, in the order of `rates`.
  var intervals: [UInt32] { rates.map { UInt32(10_000_000 / $0) } }
}

/// What host and camera have agreed to stream.
public struct StreamSelection: Equatable, Sendable {
  public var codec: VideoCodec
  public var size: FrameSize
  /// Time between frames in units of 100 ns.
  public var interval: UInt32
}

/// The video probe and commit control (UVC 1.1, 4.3.1.1): 34 bytes in which host and camera settle
/// format, size and rate.
struct StreamNegotiation: Equatable {
  static let length = 34

  private let formats: [VideoFormat]
  private var formatIndex = 0
  private var sizeIndex = 0
  private var interval: UInt32

  init(formats: [VideoFormat]) {
    precondition(!formats.isEmpty && formats.count <= 8, "a camera has 1 … 8 formats")
    self.formats = formats
    interval = formats[0].intervals[0]
  }

  var selection: StreamSelection {
    let format = formats[formatIndex]
    return StreamSelection(
      codec: format.codec, size: format.sizes[sizeIndex], interval: interval)
  }

  /// Takes the host's wish. Like a real camera it never refuses: an index that does not exist
  /// becomes the first one, a rate that does not exist the nearest.
  /// - Returns: false when the wish is too short to hold format, size and interval.
  mutating func propose(_ bytes: [UInt8]) -> Bool {
    var reader = ByteReader(bytes)
    guard reader.take16() != nil, let format = reader.take8(), let size = reader.take8(),
      let wanted = reader.take32()
    else { return false }
    formatIndex = formats.indices.contains(Int(format) - 1) ? Int(format) - 1 : 0
    let chosen = formats[formatIndex]
    sizeIndex = chosen.sizes.indices.contains(Int(size) - 1) ? Int(size) - 1 : 0
    interval =
      wanted == 0
      ? chosen.intervals[0]
      : chosen.intervals.min {
        $0.distance(to: wanted).magnitude < $1.distance(to: wanted).magnitude
      }
        ?? chosen.intervals[0]
    return true
  }

  /// The control's value as the camera reports it.
  var bytes: [UInt8] {
    var writer = ByteWriter(capacity: Self.length)
    writer.put16(1)  // bmHint: the frame interval is fixed
    writer.put8(UInt8(formatIndex + 1))
    writer.put8(UInt8(sizeIndex + 1))
    writer.put32(interval)
    for _ in 0..<5 { writer.put16(0) }  // key frames, quality, delay: not offered
    writer.put32(UInt32(selection.size.maxFrameBytes))
    writer.put32(UInt32(UVC.maxPayloadSize))
    writer.put32(UVC.clockFrequency)
    writer.put8(3)  // bmFramingInfo: the payload header's FID and EOF are in use
    writer.pad(to: Self.length)
    return writer.bytes
  }
}
