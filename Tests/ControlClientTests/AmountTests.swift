import Foundation
import Testing

@testable import ControlClient

@Suite struct AmountTests {
  @Test(
    arguments: [
      ("90", 90), ("90s", 90), ("1h30m", 5400), ("1h30min", 5400), ("2d", 172_800),
      ("1d2h3m4s", 93_784), ("0s", 0),
    ] as [(String, UInt64)])
  func spans(text: String, seconds: UInt64) {
    #expect(TimeSpan(text) == TimeSpan(seconds: seconds))
  }

  @Test(arguments: [
    "", "h", "1", "1h30", "30m1h", "1h1h", "-1s", "1.5h", "1y", "99999999999d", "١h",
  ])
  func noSpans(text: String) { #expect(TimeSpan(text) == nil || text == "1") }

  @Test(
    arguments: [
      ("20G", 20 << 30), ("1.5k", 1536), ("500MB", 500_000_000), ("3MiB", 3 << 20), ("17", 17),
      ("8B", 8), ("1t", 1 << 40),
    ] as [(String, UInt64)])
  func amounts(text: String, bytes: UInt64) {
    #expect(ByteAmount(text) == ByteAmount(bytes: bytes))
  }

  @Test(arguments: ["", "G", "-1G", "1P", "1Gx", ".5G", "1..5G", "99999999999T", "inf", "0x10"])
  func noAmounts(text: String) { #expect(ByteAmount(text) == nil) }

  @Test(
    arguments: [
      ("2026-01-01", 1_767_225_600_000), ("2026-01-01T12:00", 1_767_268_800_000),
      ("2026-01-01 12:00:01", 1_767_268_801_000), ("2026-01-01T12:00:00Z", 1_767_268_800_000),
      ("2026-01-01T12:00+01:00", 1_767_265_200_000),
      ("2026-01-01T12:00:00.500Z", 1_767_268_800_500), ("1h", 1_767_265_200_000),
      ("1d12h", 1_767_139_200_000),
    ] as [(String, UInt64)])
  func points(text: String, unixMs: UInt64) {
    let now = Date(timeIntervalSince1970: 1_767_268_800)
    #expect(PointInTime(text, now: now)?.unixMs == unixMs)
  }

  @Test(arguments: ["", "90", "noon", "2026-13-01", "2026-01-01T25:00", "1969-01-01", "-2h"])
  func noPoints(text: String) { #expect(PointInTime(text) == nil) }

  @Test func filesOfADevice() throws {
    let file = try #require(DeviceFile("cam-front/2026-11-21_12-41-32-123456_0a1b2c3d-1.mp4"))
    #expect(file.request.kind == .recording && file.request.camera == "cam-front")
    #expect("\(file)" == "cam-front/2026-11-21_12-41-32-123456_0a1b2c3d-1.mp4")
    #expect(DeviceFile("cam-front/a.jpg")?.request.kind == .snapshot)
  }

  @Test(arguments: [
    "", "a.mp4", "cam-front/", "/a.mp4", "cam-front/a/b.mp4", "cam-front/../a.mp4", "cam-front/..",
    "cam-front/.a", "Cam/a.mp4", "cam-front/a b.mp4",
    "cam-front/" + String(repeating: "a", count: 57),
  ])
  func noFilesOfADevice(text: String) { #expect(DeviceFile(text) == nil) }
}
