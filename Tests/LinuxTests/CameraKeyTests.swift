import Appliance
import Testing
import Wire

@testable import Linux

/// The keys that say what is captured.
@Suite struct CameraKeyTests {
  private func parse(_ text: String) -> Result<Configuration.Cameras, ConfigurationError> {
    Array(text.utf8).withUnsafeBytes { bytes in
      do throws(ConfigurationError) {
        return .success(try ConfigurationParser.parse(bytes, base: Configuration()).cameras)
      } catch {
        return .failure(error)
      }
    }
  }

  private func message(_ text: String) -> String? {
    guard case .failure(let error) = parse(text) else { return nil }
    return error.message.withBytes { String(decoding: $0, as: UTF8.self) }
  }

  private func fourcc(_ text: StaticString) -> UInt32 { PixelFormat.fourcc(text) }

  @Test(arguments: [
    ("cam-1=MJPG:1280x720@30", "MJPG", 1280, 720, 30_000),
    ("cam-1=H264", "H264", 0, 0, 0), ("cam-1=h264@15", "H264", 0, 0, 15_000),
    ("cam-1=YUYV:640x480", "YUYV", 640, 480, 0), ("cam-1=1920x1080", "", 1920, 1080, 0),
    ("cam-1=1920x1080@7.5", "", 1920, 1080, 7500), ("cam-1=@29.97", "", 0, 0, 29_970),
    ("cam-1=422P", "422P", 0, 0, 0), ("cam-1=Y16@0.125", "Y16 ", 0, 0, 125),
    ("cam-1=MJPG:4096x2160@240", "MJPG", 4096, 2160, 240_000),
  ])
  func modes(
    _ value: String, _ format: String, _ width: UInt16, _ height: UInt16, _ rate: UInt32
  ) throws {
    let mode = try parse("cameras.modes = \(value)").get().modes[0]
    let number = format.utf8.reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
    #expect(mode.camera == "cam-1" && mode.format == number)
    #expect(mode.width == width && mode.height == height && mode.rateMilli == rate)
  }

  @Test func severalCameras() throws {
    let modes = try parse("[cameras]\nmodes = front=MJPG , *=H264@15,yard=@5").get().modes
    #expect(modes[0].camera == "front" && modes[0].format == fourcc("MJPG"))
    #expect(modes[1].camera == "*" && modes[1].rateMilli == 15_000)
    #expect(modes[2].camera == "yard" && modes[3].camera.isEmpty)
  }

  @Test(arguments: [
    "MJPG", "cam", "cam=", "=MJPG", "Cam=MJPG", "cam_1=MJPG", "cam=MJ", "cam=MJPEG", "cam=M-PG",
    "cam=MJPG:", "cam=MJPG:1280", "cam=MJPG:1280x", "cam=MJPG:x720", "cam=MJPG:1280x720x3",
    "cam=MJPG:8x8", "cam=MJPG:70000x720", "cam=MJPG@", "cam=MJPG@0", "cam=MJPG@0.05",
    "cam=MJPG@241", "cam=MJPG@30fps", "cam=MJPG@1.2345", "cam=MJPG@1.", "cam=@", "cam=:640x480",
    "a=H264,a=MJPG", "a=H264,", ",", "a=H264 b=MJPG", "*=H264,*=MJPG",
    "\(String(repeating: "a", count: 33))=H264",
  ])
  func noModes(_ value: String) {
    #expect(message("cameras.modes = \(value)") != nil, "\(value)")
  }

  @Test func atMostSixteen() {
    let names = (0..<17).map { "c\($0)=@5" }.joined(separator: ",")
    #expect(message("cameras.modes = \(names)") == "Give at most 16 of them.")
  }

  @Test func playback() throws {
    let files = try parse("cameras.playback = /data/a.mjpeg@30, /data/b@c.h264@1").get().playback
    #expect(files[0].path == "/data/a.mjpeg" && files[0].rate == 30)
    #expect(files[1].path == "/data/b@c.h264" && files[1].rate == 1)
    #expect(files[2].path.isEmpty && files[3].path.isEmpty)
    #expect(try parse("cameras.playback = none").get() == Configuration.Cameras())
    #expect(try parse("cameras.modes = none").get() == Configuration.Cameras())
  }

  @Test(arguments: [
    "/a.mjpeg", "/a.mjpeg@", "/a.mjpeg@0", "/a.mjpeg@121", "/a.mjpeg@x", "a.mjpeg@30", "@30",
    "/a@1,/b@1,/c@1,/d@1,/e@1", "/\(String(repeating: "a", count: 96))@30",
  ])
  func noPlayback(_ value: String) {
    #expect(message("cameras.playback = \(value)") != nil, "\(value)")
  }
}
