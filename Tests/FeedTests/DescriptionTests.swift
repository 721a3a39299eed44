import Feed
import Foundation
import Testing
import Wire

@Suite struct DescriptionTests {
  private func target(_ url: String) -> Result<RTSPTarget, RTSPTargetError> {
    Array(url.utf8).withUnsafeBytes { bytes in
      do throws(RTSPTargetError) {
        return .success(try RTSPTarget(parsing: bytes))
      } catch {
        return .failure(error)
      }
    }
  }

  @Test func targetsAreParsed() {
    #expect(
      target("rtsp://127.0.0.1:8554/cam-front")
        == .success(RTSPTarget(address: 0x7F00_0001, port: 8554, path: Text("cam-front"))))
    #expect(
      target("RTSP://feed:a%40b%3A%2F@10.1.2.255/a/b?c=d")
        == .success(
          RTSPTarget(
            address: 0x0A01_02FF, port: 554, path: Text("a/b?c=d"),
            credentials: RTSPCredentials(user: Text("feed"), password: Text("a@b:/")))))
    #expect(
      target("rtsp://feed@1.2.3.4/x")
        == .success(
          RTSPTarget(
            address: 0x0102_0304, port: 554, path: Text("x"),
            credentials: RTSPCredentials(user: Text("feed"), password: Text("")))))
  }

  @Test(
    arguments: [
      ("http://1.2.3.4/x", .scheme), ("", .scheme), ("rtsp:/", .scheme),
      ("rtsp://1.2.3.4", .path), ("rtsp://1.2.3.4/", .path), ("rtsp://1.2.3.4/a b", .path),
      ("rtsp://1.2.3.4/a\r\nB: c", .path), ("rtsp://1.2.3.4/\"", .path),
      ("rtsp://1.2.3.4/\u{E4}", .path),
      ("rtsp://1.2.3.4/" + String(repeating: "x", count: 97), .path),
      ("rtsp://localhost/x", .host), ("rtsp://1.2.3/x", .host), ("rtsp://1.2.3.256/x", .host),
      ("rtsp://1.2.3.4.5/x", .host), ("rtsp://1..3.4/x", .host), ("rtsp:///x", .host),
      ("rtsp://1.2.3.4:0/x", .port), ("rtsp://1.2.3.4:65536/x", .port),
      ("rtsp://1.2.3.4:/x", .port), ("rtsp://1.2.3.4:8a/x", .port),
      ("rtsp://:b@1.2.3.4/x", .credentials), ("rtsp://a%0D:b@1.2.3.4/x", .credentials),
      ("rtsp://a%4:b@1.2.3.4/x", .credentials), ("rtsp://a%zz:b@1.2.3.4/x", .credentials),
      ("rtsp://a:" + String(repeating: "x", count: 65) + "@1.2.3.4/x", .credentials),
    ] as [(String, RTSPTargetError)])
  func wrongTargetsHaveAReason(url: String, expected: RTSPTargetError) {
    #expect(target(url) == .failure(expected))
  }

  private func sets(_ file: [UInt8]) -> ParameterSets {
    var packetizer = H264Packetizer()
    file.withUnsafeBytes { packetizer.learn($0) }
    return packetizer.parameterSets
  }

  private func text(_ description: SessionDescription) -> String {
    description.text.withBytes { String(decoding: $0, as: UTF8.self) }
  }

  @Test func h264IsDescribed() {
    let known = sets(annexB([H264Tests.sequenceSet, H264Tests.pictureSet]))
    let parts = [H264Tests.sequenceSet, H264Tests.pictureSet].map {
      Data($0).base64EncodedString()
    }
    #expect(
      text(.h264(known)).hasSuffix(
        "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
          + "a=fmtp:96 packetization-mode=1; profile-level-id=42c00a; "
          + "sprop-parameter-sets=\(parts[0]),\(parts[1])\r\na=control:streamid=0\r\n"))
    #expect(
      text(.h264(ParameterSets())).hasSuffix(
        "a=fmtp:96 packetization-mode=1\r\na=control:streamid=0\r\n"))
  }

  /// The largest sets that are kept fit, whatever is left over in base64.
  @Test(arguments: 254...256) func theLargestDescriptionFits(size: Int) {
    let set = H264Tests.sequenceSet
    let padding = [UInt8](repeating: 0xAB, count: size - set.count)
    let picture = [0x68, 0xCE] + [UInt8](repeating: 0xCD, count: size - 2)
    let whole = text(.h264(sets(annexB([set + padding, picture]))))
    #expect(whole.hasSuffix("\r\na=control:streamid=0\r\n"))
    #expect(whole.contains(Data(set + padding).base64EncodedString()))
    #expect(whole.contains("," + Data(picture).base64EncodedString() + "\r\n"))
  }

  /// A request with everything at its longest.
  @Test func theLargestRequestFits() {
    let long = String(repeating: "p", count: 64)
    let path = String(repeating: "x", count: 96)
    guard case .success(let target) = target("rtsp://\(long):\(long)@255.255.255.255:65535/\(path)")
    else {
      Issue.record("the longest target is refused")
      return
    }
    let set = H264Tests.sequenceSet + [UInt8](repeating: 0xAB, count: 246)
    let picture = [0x68, 0xCE] + [UInt8](repeating: 0xCD, count: 254)
    var dialogue = Dialogue()
    let description = SessionDescription.h264(sets(annexB([set, picture])))
    dialogue.publisher = Publisher(target: target, description: description)
    _ = dialogue.request()
    dialogue.answer("RTSP/1.0 401 No\r\nCSeq: 1\r\nWWW-Authenticate: Basic\r\n\r\n")
    let request = dialogue.request()
    #expect(request.utf8.count > 1200)
    let pair = Data("\(long):\(long)".utf8).base64EncodedString()
    #expect(request.contains("Authorization: Basic " + pair + "\r\n"))
  }
}
