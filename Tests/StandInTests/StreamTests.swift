import Foundation
import StandInDriver
import Testing

@testable import StandIn

/// Publishing, reading and recording, as MediaMTX was measured to behave.
@Suite struct StreamTests {
  private func started(global: String = "", paths: String = "  cam:") throws -> StandInProcess {
    let standIn = try StandInProcess {
      StandInProcess.configuration($0, $1, global: global, paths: paths)
    }
    #expect(standIn.waitUntilUp(), Comment(rawValue: standIn.log))
    _ = try standIn.api("POST", "/standin/fault/auth-delay/1")
    return standIn
  }

  private func publisher(
    _ standIn: StandInProcess, _ media: RTSPPublisher.Media = .motionJPEG(),
    authorization: String? = nil
  ) throws -> RTSPPublisher {
    try RTSPPublisher(
      port: standIn.ports.rtsp, path: "cam", media: media, authorization: authorization)
  }

  /// A member of the only path of the list, as text.
  private func member(_ name: String, of standIn: StandInProcess) -> String {
    let body = (try? standIn.api("GET", "/v3/paths/list"))?.body ?? []
    let path = (try? JSONParser.parse(body))?["items"]?.list.first
    return String(decoding: path?[name]?.encoded() ?? [], as: UTF8.self)
  }

  @Test func readyComesBeforeMedia() throws {
    let standIn = try started()
    let publisher = try publisher(standIn)
    #expect(try publisher.announce() == 200)
    #expect(member("ready", of: standIn) == "true")
    #expect(member("inboundBytes", of: standIn) == "0")
    publisher.start()
    #expect(waitUntil { member("inboundBytes", of: standIn) != "0" })
    publisher.stop()
    #expect(waitUntil { member("ready", of: standIn) == "false" })
  }

  @Test func h264NeedsPacketizationMode1() throws {
    let standIn = try started()
    #expect(try publisher(standIn, .h264(packetizationMode: 0)).announce() == 400)
    #expect(try publisher(standIn, .h264(packetizationMode: 1)).announce() == 200)
  }

  @Test(arguments: [
    RTSPPublisher.Media.motionJPEG(type: 65), .motionJPEG(type: 64), .motionJPEG(tables: 100),
  ])
  func jpegBeyondItsReachFailsInSilence(_ media: RTSPPublisher.Media) throws {
    let standIn = try started()
    let publisher = try publisher(standIn, media)
    #expect(try publisher.announce() == 200)
    publisher.start()
    defer { publisher.stop() }
    #expect(waitUntil { (Int(member("inboundFramesInError", of: standIn)) ?? 0) > 3 })
    #expect(member("ready", of: standIn) == "true")
    #expect(member("inboundBytes", of: standIn) == "0")
  }

  @Test func aSecondPublisherTakesOverUnlessForbidden() throws {
    for (setting, status) in [("yes", 200), ("no", 400)] {
      let standIn = try started(paths: "  cam:\n    overridePublisher: \(setting)")
      let first = try publisher(standIn)
      #expect(try first.announce() == 200)
      let source = member("source", of: standIn)
      #expect(try publisher(standIn).announce() == status)
      #expect((member("source", of: standIn) == source) == (status == 400))
    }
  }

  @Test func unknownPathsAreRefused() throws {
    let standIn = try started()
    let stranger = try RTSPPublisher(
      port: standIn.ports.rtsp, path: "other", media: .motionJPEG())
    #expect(try stranger.announce() == 400)
  }

  @Test func silentPublishersAreDropped() throws {
    let standIn = try started(global: "readTimeout: 1s")
    let publisher = try publisher(standIn)
    #expect(try publisher.announce() == 200)
    publisher.start()
    Thread.sleep(forTimeInterval: 1.5)
    #expect(member("ready", of: standIn) == "true")
    publisher.fallSilent()
    #expect(waitUntil { member("ready", of: standIn) == "false" })
  }

  private static let users = """
    authInternalUsers:
    - user: feed
      pass: secret
      ips: ['127.0.0.0/8']
      permissions:
      - action: publish
    - user: any
      pass:
      permissions: [{action: api}]
    """

  @Test func digestAuthentication() throws {
    let standIn = try started(global: "rtspAuthMethods: [digest]\n" + Self.users)
    let client = try RTSPClient(port: standIn.ports.rtsp)
    let url = "rtsp://127.0.0.1:\(standIn.ports.rtsp)/cam"
    let media = "v=0\r\ns=x\r\nt=0 0\r\nm=video 0 RTP/AVP 26\r\na=control:streamid=0\r\n"
    let asked = try client.request("ANNOUNCE", url, body: media)
    #expect(asked.status == 401)
    let challenge = try #require(asked.headers["www-authenticate"])
    let nonce = try #require(challenge.firstMatch(of: /nonce="([^"]+)"/)).1
    func authorization(_ password: String) -> String {
      let (user, request) = (md5("feed:ipcam:\(password)"), md5("ANNOUNCE:\(url)"))
      return "Digest username=\"feed\", realm=\"ipcam\", nonce=\"\(nonce)\", uri=\"\(url)\", "
        + "response=\"\(md5("\(user):\(nonce):\(request)"))\""
    }
    client.authorization = authorization("secret")
    #expect(try client.request("ANNOUNCE", url, body: media).status == 200)
    let other = try publisher(standIn, authorization: authorization("wrong"))
    #expect(try other.announce() == 401)
  }

  /// Publishing is for the address that the configuration names, even with the right password, and
  /// for the right password, even from there; who is wrong waits for the answer.
  @Test func publishersAreToldByAddressAndPassword() throws {
    func status(ips: String, password: String) throws -> (status: Int, time: Duration) {
      let users = Self.users.replacing("127.0.0.0/8", with: ips)
      let standIn = try started(global: users)
      _ = try standIn.api("POST", "/standin/fault/auth-delay/300")
      let authorization = "Basic " + Data("feed:\(password)".utf8).base64EncodedString()
      let publisher = try publisher(standIn, authorization: authorization)
      let start = ContinuousClock.now
      return (try publisher.announce(), ContinuousClock.now - start)
    }
    #expect(try status(ips: "127.0.0.1/32", password: "secret").status == 200)
    for (ips, password) in [("127.0.0.2/32", "secret"), ("127.0.0.1/32", "wrong")] {
      let answer = try status(ips: ips, password: password)
      #expect(answer.status == 401)
      #expect(answer.time >= .milliseconds(300))
    }
  }

  @Test func bigPacketsAreToldOnce() throws {
    let standIn = try started(global: "udpMaxPayloadSize: 400")
    let publisher = try publisher(standIn)
    #expect(try publisher.announce() == 200)
    publisher.start()
    defer { publisher.stop() }
    #expect(waitUntil { standIn.log.contains("[path cam] RTP packets are too big (640 > 388)") })
    Thread.sleep(forTimeInterval: 0.2)
    #expect(standIn.log.components(separatedBy: "too big").count == 2)
  }

  @Test func readersGetWhatIsPublished() throws {
    let standIn = try started()
    let publisher = try publisher(standIn)
    #expect(try publisher.announce() == 200)
    publisher.start()
    defer { publisher.stop() }
    let reader = try RTSPClient(port: standIn.ports.rtsp)
    let description = try reader.request("DESCRIBE", publisher.url)
    #expect(description.status == 200)
    #expect(description.body.contains("m=video 0 RTP/AVP 26"))
    let transport = ["Transport": "RTP/AVP/TCP;unicast;interleaved=4-5"]
    #expect(
      try reader.request("SETUP", publisher.url + "/trackID=0", headers: transport).status == 200)
    #expect(try reader.request("PLAY", publisher.url).status == 200)
    for _ in 0..<20 {
      let packet = try reader.receive()
      #expect(packet.channel == 4)
      #expect(packet.bytes[1] & 0x7F == 26)
    }
    #expect(member("readers", of: standIn).contains("rtspSession"))
  }

  @Test func recordingsAppearWhenTheirFirstPartCloses() throws {
    let standIn = try started(paths: "  cam:\n    record: yes")
    let folder = standIn.folder.appending(path: "recordings/cam").path
    func files() -> [String] {
      (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    }
    let publisher = try publisher(standIn, .h264(packetizationMode: 1))
    #expect(try publisher.announce() == 200)
    publisher.start()
    Thread.sleep(forTimeInterval: 0.5)
    #expect(files().isEmpty)
    #expect(waitUntil { files().count == 1 })
    let stop = "{\"record\":false}"
    #expect(try standIn.api("PATCH", "/v3/config/paths/patch/cam", body: stop).status == 200)
    #expect(waitUntil { standIn.log.contains("recording stopped") })
    // Neither the change nor its end dropped the publisher.
    #expect(member("ready", of: standIn) == "true")
    publisher.stop()
  }

  @Test func kickedSessionsAreGone() throws {
    let standIn = try started()
    let publisher = try publisher(standIn)
    #expect(try publisher.announce() == 200)
    let list = try JSONParser.parse(try standIn.api("GET", "/v3/rtspsessions/list").body)
    let id = try #require(list["items"]?.list.first?["id"]?.text)
    #expect(try standIn.api("POST", "/v3/rtspsessions/kick/\(id)").status == 200)
    #expect(waitUntil { member("ready", of: standIn) == "false" })
    #expect(try standIn.api("POST", "/v3/rtspsessions/kick/\(id)").status == 404)
  }
}
