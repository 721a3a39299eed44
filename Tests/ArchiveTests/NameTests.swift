import Testing
import Wire

@testable import Archive

@Suite struct NameTests {
  private func name(_ string: String) -> Text<56> {
    var string = string
    return string.withUTF8 { Text(UnsafeRawBufferPointer($0)) }
  }

  @Test func aNameTellsTimeBootAndLife() {
    let parsed = SegmentName(name("2025-03-01_12-34-56-789012_a1b2c3d4-17.mp4"))
    // date -u -d '2025-03-01 12:34:56' +%s
    #expect(
      parsed == SegmentName(wallMs: 1_740_832_496_789, boot: 0xD4C3_B2A1, life: 17))
    #expect(
      SegmentName(name("1970-01-01_00-00-03-000000_00000001-0.jpg"))
        == SegmentName(wallMs: 3000, boot: 0x0100_0000, life: 0))
  }

  @Test func whatIsWrittenIsRead() {
    var wallMs: UInt64 = 0
    // To the year 9999, in steps of about 9 days.
    while wallMs < 253_402_300_000_000 {
      let written = SegmentName(wallMs: wallMs, boot: 0x1234_ABCD, life: 999_999_999)
      #expect(SegmentName(written.text(.recording, micros: 7)) == written)
      #expect(SegmentName(written.text(.snapshot)) == written)
      wallMs += 777_777_777
    }
  }

  @Test(arguments: [
    "2025-02-29_12-34-56-789012_a1b2c3d4-17.mp4", "2025-13-01_12-34-56-789012_a1b2c3d4-17.mp4",
    "2025-04-31_12-34-56-789012_a1b2c3d4-17.mp4", "2025-03-01_24-34-56-789012_a1b2c3d4-17.mp4",
    "2025-03-01_12-60-56-789012_a1b2c3d4-17.mp4", "2025-03-01_12-34-60-789012_a1b2c3d4-17.mp4",
    "2025-03-01_12-34-56-78901_a1b2c3d4-17.mp4", "2025-03-01_12-34-56-789012_A1B2C3D4-17.mp4",
    "2025-03-01_12-34-56-789012_a1b2c3d-17.mp4", "2025-03-01_12-34-56-789012_a1b2c3d4-.mp4",
    "2025-03-01_12-34-56-789012_a1b2c3d4-1234567890.mp4",
    "1969-12-31_12-34-56-789012_a1b2c3d4-1.mp4",
    "2025-03-01_12-34-56-789012_a1b2c3d4-17", "2025-03-01_12-34-56-789012_a1b2c3d4-17.mp4x",
    "2025-03-00_12-34-56-789012_a1b2c3d4-17.mp4", "video.mp4", "",
  ])
  func otherNamesTellNothing(_ string: String) {
    #expect(SegmentName(name(string)) == nil)
  }

  @Test func foreignFilesAreLeftAlone() {
    #expect(SegmentName.kind(of: name("video.mp4")) == .recording)
    #expect(SegmentName.kind(of: name("a.jpg")) == .snapshot)
    for foreign in [".mp4", ".hidden.mp4", "notes.txt", "a b.mp4", "x.mp4.new", "ä.jpg", "x.MP4"] {
      #expect(SegmentName.kind(of: name(foreign)) == nil, "\(foreign)")
    }
  }
}
