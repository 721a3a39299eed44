import Appliance
import Wire

/// The readings of cameras' keys.
extension ConfigurationValue {
  /// `NAME=FORMAT:WIDTHxHEIGHT@RATE`, separated by commas: each part behind the name optional, but
  /// one must be there. Parts are told apart by what they begin with, so that `*=1280x720@15` and
  /// `*=@15` are read, too.
  func modes() throws(ValueError) -> InlineArray<16, Configuration.CameraMode> {
    var result = InlineArray<16, Configuration.CameraMode>(repeating: Configuration.CameraMode())
    if isWord("none") { return result }
    try eachItem(limit: result.count) { (number, range) throws(ValueError) in
      let mode = try mode(range)
      for index in 0..<number where result[index].camera == mode.camera {
        throw ValueError("Give each camera once.")
      }
      result[number] = mode
    }
    return result
  }

  private func mode(_ range: Range<Int>) throws(ValueError) -> Configuration.CameraMode {
    var mode = Configuration.CameraMode()
    let equals = position(of: UInt8(ascii: "="), in: range)
    guard equals < range.upperBound, equals - range.lowerBound <= 32 else { throw modeError }
    mode.camera = Text(slice(range.lowerBound..<equals))
    guard mode.camera == "*" || mode.camera.isName else {
      throw ValueError("Give a camera's name before the =, or * for all.")
    }
    let at = position(of: UInt8(ascii: "@"), in: equals + 1..<range.upperBound)
    if at < range.upperBound {
      guard let rate = rateMilli(at + 1..<range.upperBound) else {
        throw ValueError("Give frames per second behind the @, from 0.1 to 240.")
      }
      mode.rateMilli = rate
    }
    let picture = equals + 1..<at
    let colon = position(of: UInt8(ascii: ":"), in: picture)
    if colon < at {
      mode.format = try format(picture.lowerBound..<colon)
      (mode.width, mode.height) = try size(colon + 1..<at)
    } else if !picture.isEmpty, isDigit(text[picture.lowerBound]), !(slice(picture) == "422P") {
      (mode.width, mode.height) = try size(picture)
    } else if !picture.isEmpty {
      mode.format = try format(picture)
    }
    guard mode.format != 0 || mode.width != 0 || mode.rateMilli != 0 else { throw modeError }
    return mode
  }

  private var modeError: ValueError {
    ValueError("Give NAME=FORMAT:WIDTHxHEIGHT@RATE, like cam-1=MJPG:1280x720@30 or *=H264.")
  }

  /// A V4L2 fourcc; lower-case letters are read as capitals, shorter ones end in blanks.
  private func format(_ range: Range<Int>) throws(ValueError) -> UInt32 {
    guard (3...4).contains(range.count) else { throw formatError }
    var format: UInt32 = 0
    for index in 0..<4 {
      var byte = index < range.count ? text[range.lowerBound + index] : 0x20
      if byte >= UInt8(ascii: "a"), byte <= UInt8(ascii: "z") { byte -= 0x20 }
      let isLetter = byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z")
      guard isLetter || isDigit(byte) || index >= range.count else { throw formatError }
      format |= UInt32(byte) << UInt32(8 * index)
    }
    return format
  }

  private var formatError: ValueError {
    ValueError("Give the format as V4L2 names it, like H264, MJPG or YUYV.")
  }

  private func size(_ range: Range<Int>) throws(ValueError) -> (UInt16, UInt16) {
    let cross = position(of: UInt8(ascii: "x"), in: range)
    guard cross < range.upperBound, let width = decimal(range.lowerBound..<cross),
      let height = decimal(cross + 1..<range.upperBound), (16...16_384).contains(width),
      (16...16_384).contains(height)
    else { throw ValueError("Give the size as WIDTHxHEIGHT, like 1280x720.") }
    return (UInt16(width), UInt16(height))
  }

  /// Frames in 1000 s of a number with at most three decimals.
  private func rateMilli(_ range: Range<Int>) -> UInt32? {
    let point = position(of: UInt8(ascii: "."), in: range)
    guard let whole = decimal(range.lowerBound..<point), whole <= 240 else { return nil }
    var milli = whole * 1000
    if point < range.upperBound {
      let decimals = point + 1..<range.upperBound
      guard decimals.count <= 3, let fraction = decimal(decimals) else { return nil }
      milli += decimals.count == 1 ? fraction * 100 : decimals.count == 2 ? fraction * 10 : fraction
    }
    return (100...240_000).contains(milli) ? UInt32(milli) : nil
  }

  /// `PATH@RATE`, separated by commas.
  func playback() throws(ValueError) -> InlineArray<4, Configuration.PlaybackFile> {
    var result = InlineArray<4, Configuration.PlaybackFile>(
      repeating: Configuration.PlaybackFile())
    if isWord("none") { return result }
    try eachItem(limit: result.count) { (number, range) throws(ValueError) in
      var at = range.upperBound
      for index in range where text[index] == UInt8(ascii: "@") { at = index }
      guard at < range.upperBound, let rate = decimal(at + 1..<range.upperBound),
        (1...120).contains(rate)
      else { throw ValueError("Give PATH@RATE, like /data/porch.mjpeg@30; 1 to 120 frames/s.") }
      let path = range.lowerBound..<at
      guard !path.isEmpty, text[path.lowerBound] == UInt8(ascii: "/") else {
        throw ValueError("Give a path that begins with /.")
      }
      guard path.count <= 96 else { throw tooLong(96) }
      result[number].path = Text(slice(path))
      result[number].rate = UInt32(rate)
    }
    return result
  }

  private func isDigit(_ byte: UInt8) -> Bool {
    byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
  }

  /// Where `byte` stands first in `range`, its end if nowhere.
  private func position(of byte: UInt8, in range: Range<Int>) -> Int {
    for index in range where text[index] == byte { return index }
    return range.upperBound
  }
}
