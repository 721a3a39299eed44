import Testing
import Wire

@testable import Appliance

/// Modes as real cameras list them (`v4l2-ctl --list-formats-ext`), and what is chosen.
@Suite struct ModeChoiceTests {
  /// `MJPG 1280x720 30 15 10`: a format, a size, its rates.
  private func report(_ lines: [String], truncated: Bool = false) -> ProbeReport {
    var report = ProbeReport()
    report.outcome = .capture
    report.truncated = truncated
    for line in lines {
      let words = line.split(separator: " ")
      let size = words[1].split(separator: "x").map { UInt16($0)! }
      for rate in words.dropFirst(2) {
        var mode = CaptureMode()
        mode.format = words[0].utf8.reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        (mode.width, mode.height) = (size[0], size[1])
        if rate == "7.5" {
          (mode.intervalNumerator, mode.intervalDenominator) = (2, 15)
        } else if rate == "29.97" {
          (mode.intervalNumerator, mode.intervalDenominator) = (1001, 30_000)
        } else if rate != "?" {
          (mode.intervalNumerator, mode.intervalDenominator) = (1, UInt32(rate)!)
        }
        report.modes[report.modeCount] = mode
        report.modeCount += 1
      }
    }
    return report
  }

  private func chosen(_ lines: [String], _ wish: Configuration.CameraMode? = nil) -> String {
    text(ModeChoice(report(lines), wish: wish))
  }

  private func text(_ choice: ModeChoice) -> String {
    guard case .mode(let mode) = choice else { return "\(choice)" }
    let size = mode.width == 0 ? "" : " \(mode.width)x\(mode.height)"
    let rate = mode.rateMilli == 0 ? "" : "@\(Double(mode.rateMilli) / 1000)"
    return String(PixelFormat.text(mode.format)) + size + rate
  }

  static let c270 = [
    "YUYV 640x480 30 25 20 15 10 5", "YUYV 160x120 30 25 20 15 10 5", "YUYV 320x240 30 15 5",
    "YUYV 800x600 20 15 10 5", "YUYV 1280x720 10 5", "YUYV 1280x960 7.5 5",
    "MJPG 640x480 30 25 20 15 10 5", "MJPG 160x120 30 5", "MJPG 800x600 30 5",
    "MJPG 1280x720 30 25 20 15 10 5", "MJPG 1280x960 30 25 20 15 10 5",
  ]
  static let c920 = [
    "YUYV 640x480 30 24 15 5", "YUYV 1280x720 10 7.5 5", "YUYV 1920x1080 5",
    "H264 640x480 30 24 15", "H264 1280x720 30 15", "H264 1920x1080 30 24 20 15 5",
    "MJPG 640x480 30", "MJPG 1920x1080 30 24 15",
  ]
  /// Brio: M-JPEG up to 4K, H.264 not at all.
  static let brio = [
    "YUYV 640x480 30", "YUYV 1280x720 10", "MJPG 1280x720 60 30", "MJPG 1920x1080 60 30 24",
    "MJPG 2560x1440 30", "MJPG 3840x2160 30", "NV12 640x480 30",
  ]
  /// ELP: H.264 beside M-JPEG, 4K at 10/s only.
  static let elp = [
    "MJPG 3840x2160 30", "MJPG 1920x1080 30", "H264 3840x2160 10", "H264 1920x1080 30",
    "YUYV 640x480 30",
  ]
  static let yuyvOnly = ["YUYV 640x480 30", "YUYV 1280x720 10", "YUYV 1920x1080 5"]
  /// vivid's webcam input, as its driver lists it.
  static let vivid = [
    "YUYV 320x180 100 50 30", "YUYV 640x360 60 30", "YUYV 640x480 60 30", "YUYV 1280x720 60 30 15",
    "YUYV 1920x1080 30 15", "YUYV 3840x2160 10", "UYVY 1280x720 60 30 15", "NV12 1280x720 60 30",
    "RGB3 1280x720 30", "Z16  640x480 30",
  ]

  @Test(arguments: [
    (c270, "MJPG 1280x960@30.0"), (c920, "H264 1920x1080@30.0"), (brio, "MJPG 1920x1080@60.0"),
    (elp, "H264 1920x1080@30.0"), (yuyvOnly, "YUYV 1280x720@10.0"),
    (vivid, "YUYV 1280x720@30.0"),
    (["MJPG 1920x1080 29.97"], "MJPG 1920x1080@29.97"),
    // H.264 that hardly moves gives way to M-JPEG that does, and to nothing less.
    (["H264 1920x1080 10 5", "MJPG 640x480 30", "YUYV 640x480 30"], "MJPG 640x480@30.0"),
    (["H264 1920x1080 5", "H264 640x480 10", "MJPG 1920x1080 5"], "H264 640x480@10.0"),
    (["MJPG 1280x720 10 5", "MJPG 640x480 10", "YUYV 1920x1080 5"], "MJPG 1280x720@10.0"),
    (["YUYV 640x480 5", "YUYV 320x240 7.5"], "YUYV 320x240@7.5"),
    // What RTP does not carry is the last choice of the compressed ones.
    (["MJPG 3840x2160 30", "YUYV 640x480 30"], "YUYV 640x480@30.0"),
    (["MJPG 3840x2160 30"], "MJPG 3840x2160@30.0"),
    (["MJPG 3840x2160 30", "MJPG 2592x1944 30"], "MJPG 2592x1944@30.0"),
    (["MJPG 1922x1081 30", "MJPG 3840x2160 30"], "MJPG 1922x1081@30.0"),
    (["MJPG 2040x1080 30", "MJPG 2048x1080 30"], "MJPG 2040x1080@30.0"),
    (["YUYV 1920x1080 30", "YUYV 2592x1944 30"], "YUYV 1920x1080@30.0"),
    // The cheapest of equal raw formats.
    (["RGB3 640x480 30", "NV12 640x480 30", "YUYV 640x480 30"], "YUYV 640x480@30.0"),
    // Of a range only the fastest mode is told.
    (["YUYV 640x480 1000"], "YUYV 640x480@30.0"),
    // A driver that does not say its rates, or a size.
    (["MJPG 1280x720 ?"], "MJPG 1280x720"), (["H264 0x0 ?"], "H264"),
    (["Z16  640x480 30", "HEVC 1920x1080 30"], "unusable"), ([], "unusable"),
  ])
  func withoutAWish(_ modes: [String], _ expected: String) {
    #expect(chosen(modes) == expected)
    #expect(chosen(modes, .wish("*")) == expected)
  }

  @Test func everyRateAboveSixtyIsForThoseWhoNameIt() {
    let fast = ["MJPG 640x480 120 60 30"]
    #expect(chosen(fast) == "MJPG 640x480@60.0")
    #expect(chosen(["MJPG 640x480 120"]) == "MJPG 640x480@120.0")
    #expect(chosen(fast, .wish("*", rate: 120_000)) == "MJPG 640x480@120.0")
  }

  @Test(arguments: [
    (c270, wish("YUYV"), "YUYV 1280x720@10.0"),
    (c270, wish("", 640, 480), "MJPG 640x480@30.0"),
    (c270, wish("YUYV", 1280, 960), "YUYV 1280x960@7.5"),
    (c270, wish("MJPG", 1280, 720, 15_000), "MJPG 1280x720@15.0"),
    (c270, wish("MJPG", 1280, 720, 12_000), "MJPG 1280x720@12.0"),
    (c270, wish("", 0, 0, 5000), "MJPG 1280x960@5.0"),
    (c270, wish("YUYV", 0, 0, 30_000), "YUYV 640x480@30.0"),
    (c920, wish("MJPG"), "MJPG 1920x1080@30.0"),
    (c920, wish("H264", 0, 0, 5000), "H264 1920x1080@5.0"),
    (c920, wish("", 1280, 720), "H264 1280x720@30.0"),
    // Named, it is taken, whatever its size: the feed transcodes.
    (brio, wish("MJPG", 3840, 2160), "MJPG 3840x2160@30.0"),
    (brio, wish("", 2560, 1440), "MJPG 2560x1440@30.0"),
    (vivid, wish("YUYV", 3840, 2160), "YUYV 3840x2160@10.0"),
    (vivid, wish("NV12"), "NV12 1280x720@30.0"),
    (["MJPG 1280x720 29.97"], wish("MJPG", 0, 0, 30_000), "MJPG 1280x720@29.97"),
    (["MJPG 1280x720 ?"], wish("MJPG", 0, 0, 20_000), "MJPG 1280x720@20.0"),
    (["YUYV 640x480 1000"], wish("YUYV", 0, 0, 12_500), "YUYV 640x480@12.5"),
    (c270, wish("H264"), "refused"), (c270, wish("MJPG", 1920, 1080), "refused"),
    (c920, wish("YUYV", 800, 600), "refused"), (c270, wish("HEVC"), "refused"),
  ])
  func withAWish(_ modes: [String], _ wish: Configuration.CameraMode, _ expected: String) {
    #expect(chosen(modes, wish) == expected)
  }

  /// A list that was cut proves nothing.
  @Test func theDriverDecidesWhereTheListIsCut() {
    let cut = report(Self.c270, truncated: true)
    let choice = ModeChoice(cut, wish: Self.wish("MJPG", 1920, 1080, 15_000))
    #expect(text(choice) == "MJPG 1920x1080@15.0")
    #expect(ModeChoice(cut, wish: Self.wish("H264")) == .refused)
  }

  @Test func theRefusalTellsWhatThereIs() {
    let text = ModeChoice.refusal(
      of: "cam", Self.wish("H264"), report(["MJPG 640x480 30 15", "YUYV 640x480 30"]))
    #expect(String(text) == "cam: no mode H264; it has MJPG:640x480 YUYV:640x480")
    let long = ModeChoice.refusal(of: "cam", Self.wish("", 9999, 9999), report(Self.c270))
    #expect(long.count <= 160 && String(long).hasPrefix("cam: no mode 9999x9999; it has YUYV:640"))
    #expect(String(long).split(separator: " ").dropFirst(6).allSatisfy { $0.contains("x") })
  }

  private static func wish(
    _ format: String, _ width: UInt16 = 0, _ height: UInt16 = 0, _ rate: UInt32 = 0
  ) -> Configuration.CameraMode {
    let number = format.utf8.reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
    return .wish("*", format: number, width, height, rate: rate)
  }
}
