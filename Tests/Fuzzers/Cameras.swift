import CLinux
import CWorld
import Wire

@testable import Appliance
@testable import Linux

extension Fuzzer {
  /// In: what a driver answers, ioctl for ioctl: a byte that says whether it fails or how much it
  /// writes, then what it writes. Holds: a probe ends, after a bounded number of questions; its
  /// report travels; a mode is chosen from what it says, whatever it says.
  static let v4l2 = Fuzzer("v4l2", longest: 4096) {
    func zeros(_ count: Int) -> [UInt8] { [UInt8](repeating: 0, count: count) }
    // How much it writes stands in the upper seven bits.
    let capability = [184] + zeros(84) + [1, 0, 0, 0x80, 1, 0, 0, 0]
    let format = [96] + zeros(44) + text("MJPG")
    let picture: [UInt8] = [128, 2, 0, 0, 224, 1, 0, 0]
    let size = [40, 0, 0, 0, 0] + text("MJPG") + [1, 0, 0, 0] + picture
    let rate = [56] + zeros(16) + [1, 0, 0, 0, 1, 0, 0, 0, 30, 0, 0, 0]
    let probe = capability + format + size + rate + [1, 1, 1, 0]
    let granted = [40, 1, 0, 0, 0, 0, 0, 0, 0] + picture + text("MJPG")
    let buffer = [152] + zeros(72) + [0, 16, 0, 0] + [0]
    func taken(_ index: UInt8) -> [UInt8] { [24, index, 0, 0, 0, 1, 0, 0, 0, 100, 0, 0, 0] }
    let begin = capability + [0, 0]
    let four = begin + [0] + granted + [0] + buffer + buffer + buffer + buffer
    let two = begin + [8, 2, 0, 0, 0] + granted + [0] + buffer + buffer
    return [
      capability, probe, probe + four + taken(0) + taken(3) + [1],
      // Opened again it has fewer buffers, and tells of one that it had before.
      probe + four + taken(3) + [13, 0] + two + taken(1) + taken(3) + [13, 0],
    ]
  } run: { bytes in
    let video = UnsafeMutablePointer<lx_video>.allocate(capacity: 1)
    defer { video.deallocate() }
    world_says(bytes.baseAddress, bytes.count)
    let result = lx_video_probe("/dev/video0", video)
    require(world_calls() < 1000, "a bounded number of questions")
    require((0...128).contains(video.pointee.mode_count), "modes within their table")
    var report = ProbeReport()
    report.describe(video.pointee, result: result)
    var room = [UInt8](repeating: 0, count: ProbeReport.encodedSize)
    room.withUnsafeMutableBytes { report.encode(into: $0) }
    let told = room.withUnsafeBytes { ProbeReport(decoding: $0) }
    require(told?.modeCount == report.modeCount, "the report travels")
    var mode = lx_mode(format: 0x4750_4A4D, width: 640, height: 480, numerator: 1, denominator: 30)
    // What it says next is said to a feed.
    // A feed opens it again when it stalls.
    for _ in 0..<2 where lx_capture_open("/dev/video0") >= 0 {
      if lx_capture_prepare(&mode) == 0 { take() }
      lx_capture_close()
    }
    world_ends()
  }

  /// Looks at pictures as a feed does.
  private static func take() {
    var picture = lx_picture()
    for _ in 0..<4 where lx_capture_next(&picture) == 1 {
      require((0..<4).contains(picture.index), "one of its buffers")
      require(picture.captured_ns <= picture.taken_ns, "not from the future")
      let bytes = UnsafeRawBufferPointer(start: picture.bytes, count: picture.count)
      require(bytes.reduce(0) { $0 &+ Int($1) } >= 0, "all of it can be read")
    }
  }

  /// In: what udev says of a device, text for text (the length, then its bytes; 255: nothing).
  /// Holds: texts are within their room and the camera has a name.
  static let uevents = Fuzzer("uevents", longest: 1024) {
    func said(_ words: [String?]) -> [UInt8] {
      words.flatMap { $0.map { [UInt8($0.utf8.count)] + text($0) } ?? [255] }
    }
    return [
      [0] + said(["add", "video0", "video0", "0"]) + [1]
        + said(["1", "1.4", "SN12345", "HD Webcam", "046d", "0825"]),
      [0] + said(["remove", "video3", "video3"]),
      [0] + said(["add", "video1", "video1", nil]) + [0]
        + said(["vivid-000-vid-cap", "vivid.0", "vivid-000-vid-cap"]),
      [1], [0] + said(["change", "video0"]),
    ]
  } run: { bytes in
    world_says(bytes.baseAddress, bytes.count)
    defer { world_ends() }
    _ = lx_udev_open()
    for _ in 0..<8 {
      var device = lx_device()
      guard lx_udev_next(&device) == 1 else { break }
      guard UInt32(device.action) == LX_DEVICE_ADDED.rawValue else { continue }
      let facts = DeviceFacts(device)
      for rung: IdentityRung in [.serial, .serialAndPort, .port, .bus] {
        for digits in [4, 8] {
          let name = IdentityKey(rung, of: facts).name(product: facts.product, digits: digits)
          require(name.isName, "a name")
        }
      }
      _ = Identity.isSane(facts.serial)
    }
  }
}
