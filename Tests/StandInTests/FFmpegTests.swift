import Foundation
import StandInDriver
import Testing

@testable import StandIn

/// The stand-in between a real publisher and a real reader.
@Suite(.serialized, .enabled(if: FFmpeg.isInstalled, "no ffmpeg: run board/setup first"))
struct FFmpegTests {
  private static let users = """
    authInternalUsers:
    - user: feed
      pass: secret
      ips: ['127.0.0.1/32']
      permissions: [{action: publish}]
    - user: any
      pass:
      permissions: [{action: read}, {action: api}]
    """

  enum Codec: String, CaseIterable {
    case motionJPEG, h264

    var options: [String] {
      switch self {
      case .motionJPEG:
        // Two quantization tables: ffmpeg publishes a single one as such, and cannot read that.
        [
          "-c:v", "mjpeg", "-pix_fmt", "yuvj420p", "-q:v", "5", "-huffman", "default",
          "-chroma_intra_matrix", [String](repeating: "17", count: 64).joined(separator: ","),
        ]
      case .h264:
        [
          "-c:v", "libx264", "-profile:v", "baseline", "-preset", "ultrafast", "-pix_fmt",
          "yuv420p", "-g", "30",
        ]
      }
    }
  }

  @Test(.timeLimit(.minutes(5)), arguments: Codec.allCases)
  func whatIsPublishedIsDecoded(_ codec: Codec) throws {
    let standIn = try StandInProcess {
      StandInProcess.configuration(
        $0, $1, global: Self.users,
        paths: "  cam:\n  yard:\n    source: rtsp://127.0.0.1:\($0.rtsp)/cam")
    }
    #expect(standIn.waitUntilUp(), Comment(rawValue: standIn.log))
    let port = standIn.ports.rtsp
    let publisher = try FFmpeg(
      ["-re", "-f", "lavfi", "-i", "testsrc2=s=1280x720:r=30"] + codec.options
        + ["-t", "60", "-f", "rtsp", "-rtsp_transport", "tcp"]
        + ["rtsp://feed:secret@127.0.0.1:\(port)/cam"])
    defer { publisher.end() }
    // The pulled path is asked for again after 5 s.
    for name in ["cam", "yard"] {
      #expect(
        waitUntil(within: .seconds(20)) {
          let list = (try? standIn.api("GET", "/v3/paths/list"))?.body ?? []
          let paths = (try? JSONParser.parse(list))?["items"]?.list ?? []
          return paths.contains { $0["name"]?.text == name && $0["ready"]?.flag == true }
        }, "\(name) is not ready: \(publisher.complaints) \(standIn.log)")
      let reader = try FFmpeg(
        ["-rtsp_transport", "tcp", "-i", "rtsp://127.0.0.1:\(port)/\(name)"]
          + ["-frames:v", "30", "-f", "null", "-"])
      #expect(reader.exit(within: .seconds(30)) == 0)
      #expect(reader.frames == 30)
      // Whoever comes in the middle of a picture gets its second half first.
      let complaints = reader.complaints.split(separator: "\n").filter {
        !$0.contains("without a start chunk") && !$0.contains("Last message repeated")
      }
      #expect(complaints == [])
    }
    #expect(!standIn.log.contains("request timed out"))
  }
}
