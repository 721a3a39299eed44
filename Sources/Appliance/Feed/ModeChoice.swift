import Wire

// Which of a camera's modes is captured.
//
// Without a wish: H.264 at its largest size with at least 15 frames/s, since it is passed through
// whatever its size; then M-JPEG in sizes that RTP carries (RFC 2435 section 3.1: multiples of 8,
// at most 2040 pixels); then raw pictures, which the device must compress itself, up to 1280x720
// with at least 10 frames/s. If a camera has none of these: the same formats in the same order with
// whatever rate and size they have.
//
// A wish names format, size and rate, each optional. Format and size hold exactly, or the camera
// is refused: another picture than the one asked for would go unnoticed for long. Of the rates the
// nearest is taken. Without a size the largest with that rate is.

/// A V4L2 pixel format (videodev2.h): four characters, the first one in the low byte.
public enum PixelFormat {
  public static let h264 = fourcc("H264")
  public static let mjpeg = fourcc("MJPG")
  /// Another name of it, of still cameras' drivers.
  public static let jpeg = fourcc("JPEG")

  /// The number of four ASCII characters.
  public static func fourcc(_ text: StaticString) -> UInt32 {
    precondition(text.utf8CodeUnitCount == 4, "a fourcc has four characters")
    var value: UInt32 = 0
    for index in 0..<4 { value |= UInt32(text.utf8Start[index]) << UInt32(8 * index) }
    return value
  }

  /// The four characters, blanks at the end left out.
  public static func text(_ format: UInt32) -> Text<4> {
    var text = Text<4>()
    for index: UInt32 in 0..<4 {
      let byte = UInt8(truncatingIfNeeded: format >> (8 * index))
      if byte > 0x20, byte < 0x7F { text.append(byte) }
    }
    return text
  }

  /// Uncompressed formats that libv4lconvert reads, the cheapest to convert first. Depth, infrared
  /// and video codecs other than H.264 are none of them.
  static let rawCount = 22
  static func raw(_ index: Int) -> UInt32 {
    let names: StaticString =
      "YUYVUYVYYVYUVYUYNV12NV21YU12YV12422PNV16NV61GREYRGB3BGR3RGBPBA81GBRGGRBGRGGBRGB4BGR4AR24"
    var value: UInt32 = 0
    for byte in 0..<4 {
      value |= UInt32(names.utf8Start[4 * index + byte]) << UInt32(8 * byte)
    }
    return value
  }
}

/// What is captured from a camera.
public enum ModeChoice: Equatable, Sendable {
  case mode(CaptureMode)
  /// It has no mode such as the configuration names.
  case refused
  /// None of its formats can be streamed.
  case unusable
}

extension ModeChoice {
  /// The frames per 1000 s from which on a picture counts as moving.
  static let movingRateMilli: UInt32 = 15_000
  static let rawRateMilli: UInt32 = 10_000
  /// More is asked for only by name: no reader gains by it, and the device pays.
  static let rateCapMilli: UInt32 = 60_000
  static let rawRateCapMilli: UInt32 = 30_000
  /// Thousandths by which a rate may be off and still be the wished one: 30000/1001 is 30.
  static let rateTolerance: UInt32 = 50
  /// The largest width and height in RFC 2435's header: 255 units of 8 pixels.
  static let carriedPixels: UInt16 = 2040

  /// Chooses among the modes of `report`; `wish` without a name leaves the choice to the device.
  public init(_ report: borrowing ProbeReport, wish: Configuration.CameraMode?) {
    let wish = wish ?? Configuration.CameraMode()
    var best: (rank: Rank, mode: CaptureMode)?
    for index in 0..<report.modeCount {
      let mode = report.modes[index]
      guard let rank = Rank(mode, wish) else { continue }
      if let known = best, !(known.rank < rank) { continue }
      best = (rank, mode)
    }
    if let best {
      self = .mode(best.mode.asking(wish))
    } else if wish.format != 0 || wish.width != 0 {
      self = .named(wish, report)
    } else {
      self = .unusable
    }
  }

  /// A list that does not hold every mode proves nothing: the driver decides.
  private static func named(_ wish: Configuration.CameraMode, _ report: borrowing ProbeReport)
    -> ModeChoice
  {
    guard report.truncated, wish.format != 0, wish.width != 0 else { return .refused }
    var mode = CaptureMode()
    mode.format = wish.format
    mode.width = wish.width
    mode.height = wish.height
    return .mode(mode.asking(wish))
  }

  /// How good a mode is; compared field by field.
  private struct Rank {
    /// Format and whether rate and size are as they should be: the classes of the text above.
    var level: Int
    /// How far the rate is from the wished one, in thousandths of it; 0 without a wish.
    var error: UInt32
    var area: UInt32
    /// The rate, as far as more is better.
    var rate: Int64
    /// Raw formats only: the cheaper one.
    var preference: Int

    /// nil: not usable, or not what is wished.
    init?(_ mode: CaptureMode, _ wish: Configuration.CameraMode) {
      guard wish.format == 0 || mode.format == wish.format,
        wish.width == 0 || mode.width == wish.width && mode.height == wish.height,
        let kind = Kind(mode.format)
      else { return nil }
      let told = mode.rateMilli
      error = Rank.error(told, wish.rateMilli)
      area = UInt32(mode.width) * UInt32(mode.height)
      preference = kind.preference
      let isNamed = wish.width != 0
      let moves = wish.rateMilli != 0 ? error <= rateTolerance : told == 0 || told >= kind.rateMilli
      switch kind {
      case .h264: level = moves ? 9 : 6
      case .jpeg where isNamed || ModeChoice.isCarried(mode): level = moves ? 8 : 5
      case .jpeg where mode.width <= carriedPixels && mode.height <= carriedPixels: level = 3
      case .jpeg: level = 2
      case .raw where isNamed || mode.width <= 1280 && mode.height <= 720: level = moves ? 7 : 4
      case .raw: level = 1
      }
      // Too slow anyway: what moves most comes first.
      let cap = kind.capMilli
      rate = told <= cap ? Int64(told) : Int64(cap) - Int64(told)
    }

    static func error(_ rate: UInt32, _ wished: UInt32) -> UInt32 {
      guard wished > 0, rate > 0 else { return 0 }
      let distance = UInt64(rate > wished ? rate - wished : wished - rate)
      return UInt32(clamping: distance * 1000 / UInt64(wished))
    }

    static func < (left: Rank, right: Rank) -> Bool {
      if left.level != right.level { return left.level < right.level }
      let isAsWished = left.error <= rateTolerance && right.error <= rateTolerance
      if !isAsWished, left.error != right.error { return left.error > right.error }
      // Below the moving rate a larger picture is no gain.
      if left.level < 7, left.level > 3, left.rate != right.rate { return left.rate < right.rate }
      // What has to be compressed anew in a large size costs by the pixel.
      if left.area != right.area {
        return left.area < right.area && left.level > 2
          || left.area > right.area && left.level <= 2
      }
      if left.error != right.error { return left.error > right.error }
      if left.rate != right.rate { return left.rate < right.rate }
      return left.preference > right.preference
    }
  }

  private enum Kind: Equatable {
    case h264, jpeg
    case raw(Int)

    init?(_ format: UInt32) {
      switch format {
      case PixelFormat.h264: self = .h264
      case PixelFormat.mjpeg, PixelFormat.jpeg: self = .jpeg
      default:
        for index in 0..<PixelFormat.rawCount where PixelFormat.raw(index) == format {
          self = .raw(index)
          return
        }
        return nil
      }
    }

    var preference: Int { if case .raw(let index) = self { index } else { 0 } }
    var rateMilli: UInt32 {
      if case .raw = self { ModeChoice.rawRateMilli } else { ModeChoice.movingRateMilli }
    }
    var capMilli: UInt32 {
      if case .raw = self { ModeChoice.rawRateCapMilli } else { ModeChoice.rateCapMilli }
    }
  }

  /// Whether a rate is more than 5 % from the wished one.
  fileprivate static func isFar(_ rateMilli: UInt32, _ wished: UInt32) -> Bool {
    Rank.error(rateMilli, wished) > rateTolerance
  }

  /// Whether M-JPEG of this size is passed through.
  static func isCarried(_ mode: CaptureMode) -> Bool {
    mode.width <= carriedPixels && mode.height <= carriedPixels && mode.width % 8 == 0
      && mode.height % 8 == 0
  }

  /// What is said where the wish cannot be had: the wish, and the modes there are, as many as fit.
  static func refusal(
    of camera: Name, _ wish: Configuration.CameraMode, _ report: borrowing ProbeReport
  ) -> Text<160> {
    var text = Text<160>(camera)
    text.append(": no mode ")
    if wish.format != 0 { text.append(PixelFormat.text(wish.format)) }
    if wish.width != 0 {
      if wish.format != 0 { text.append(UInt8(ascii: ":")) }
      append(wish.width, wish.height, to: &text)
    }
    text.append("; it has")
    var last = CaptureMode()
    for index in 0..<report.modeCount {
      let mode = report.modes[index]
      if mode.format == last.format, mode.width == last.width, mode.height == last.height {
        continue
      }
      last = mode
      // ` MJPG:4096x2160`: a mode that is cut would be taken for another one.
      guard text.count + 16 <= 160 else { break }
      text.append(UInt8(ascii: " "))
      text.append(PixelFormat.text(mode.format))
      text.append(UInt8(ascii: ":"))
      append(mode.width, mode.height, to: &text)
    }
    return text
  }

  private static func append(_ width: UInt16, _ height: UInt16, to text: inout Text<160>) {
    text.append(decimal: UInt64(width))
    text.append(UInt8(ascii: "x"))
    text.append(decimal: UInt64(height))
  }
}

extension CaptureMode {
  /// The mode with the interval to ask the driver for.
  fileprivate func asking(_ wish: Configuration.CameraMode) -> CaptureMode {
    var mode = self
    switch (wish.rateMilli, rateMilli) {
    case (0, let told) where told > ModeChoice.rateCapMilli && isRaw:
      // Only the fastest mode of a range is enumerated; any slower one may be asked for.
      (mode.intervalNumerator, mode.intervalDenominator) = (1, ModeChoice.rawRateCapMilli / 1000)
    case (let wished, let told) where wished > 0 && (told == 0 || ModeChoice.isFar(told, wished)):
      (mode.intervalNumerator, mode.intervalDenominator) = (1000, wished)
    default: break
    }
    return mode
  }

  private var isRaw: Bool {
    for index in 0..<PixelFormat.rawCount where PixelFormat.raw(index) == format { return true }
    return false
  }
}
