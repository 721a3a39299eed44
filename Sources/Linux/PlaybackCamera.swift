import Appliance
import CLinux
import Feed
import Wire

/// A file that is played as if it were a camera: for machines without one, and to try a device with
/// pictures that are known.
enum PlaybackCamera {
  /// The name that stands for the file in place of a V4L2 node.
  static func node(_ index: Int) -> Text<16> {
    var node = Text<16>("file")
    node.append(decimal: UInt64(index))
    return node
  }

  /// What would be udev's word on it. The file's path is the place that names it.
  static func facts(_ file: Configuration.PlaybackFile, _ index: Int) -> DeviceFacts {
    var facts = DeviceFacts()
    facts.node = node(index)
    let path = file.path
    for at in max(0, path.count - 32)..<path.count { facts.bus.append(path[at]) }
    for at in 0..<path.count {
      if path[at] == UInt8(ascii: "/") {
        facts.product = .empty
      } else {
        facts.product.append(path[at])
      }
    }
    return facts
  }

  /// What a probe is asked about such a file: its path and its rate behind an `@`.
  static func subject(_ file: Configuration.PlaybackFile) -> Text<112> {
    var subject = Text<112>(file.path)
    subject.append(UInt8(ascii: "@"))
    subject.append(decimal: UInt64(file.rate))
    return subject
  }

  // V4L2 fourccs `MJPG` and `H264`.
  static let mjpeg: UInt32 = 0x4750_4A4D
  static let h264: UInt32 = 0x3436_3248

  /// The bytes at a file's front in which the first picture must lie.
  private static let window = 4 << 20

  /// What the file can do: one mode, its own. `subject` is a path with a rate.
  static func probe(_ subject: Text<112>) -> ProbeReport {
    var report = ProbeReport()
    report.card = Text("playback")
    report.driver = Text("file")
    let (path, rate) = parts(subject)
    guard let memory = lx_map(window) else {
      report.outcome = .openFailed
      report.errno = Int32(LX_ENOMEM.rawValue)
      return report
    }
    let count = path.withCString { lx_read_file($0, memory, window) }
    guard count >= 0 else {
      report.outcome = .openFailed
      report.errno = Int32(-count)
      return report
    }
    report.outcome = .capture
    if var mode = mode(of: UnsafeRawBufferPointer(start: memory, count: Int(count))) {
      mode.intervalNumerator = 1
      mode.intervalDenominator = rate
      report.modes[0] = mode
      report.modeCount = 1
    }
    return report
  }

  private static func parts(_ subject: Text<112>) -> (path: Text<96>, rate: UInt32) {
    var end = subject.count
    while end > 0, subject[end - 1] != UInt8(ascii: "@") { end -= 1 }
    var path = Text<96>()
    for index in 0..<max(0, end - 1) { path.append(subject[index]) }
    var rate: UInt32 = 0
    for index in end..<subject.count {
      rate = rate &* 10 &+ UInt32(subject[index] &- UInt8(ascii: "0"))
    }
    return (path, max(rate, 1))
  }

  /// Format and size of the first picture; nil where there is none.
  static func mode(of bytes: UnsafeRawBufferPointer) -> CaptureMode? {
    var mode = CaptureMode()
    if let range = JPEGPicture.next(in: bytes, from: 0), range.lowerBound == 0 {
      let first = UnsafeRawBufferPointer(rebasing: bytes[range])
      guard let picture = try? JPEGPicture.inspect(first) else { return nil }
      mode.format = mjpeg
      mode.width = picture.width
      mode.height = picture.height
      return mode
    }
    var packetizer = H264Packetizer()
    packetizer.learn(bytes)
    guard let set = packetizer.parameterSets.newest else { return nil }
    mode.format = h264
    mode.width = set.width
    mode.height = set.height
    return mode
  }
}
