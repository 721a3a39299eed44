import Foundation
import StandInDriver
import Testing

@testable import StandIn

/// Paths whose stream is pulled from another server.
@Suite struct SourceTests {
  private static let users = """
    authInternalUsers:
    - user: feed
      pass: 's:1'
      permissions: [{action: publish}]
    - user: viewer
      pass: 'p@ss'
      permissions: [{action: read}]
    - user: any
      pass:
      permissions: [{action: api}]
    """

  private func started(paths: String, global: String = "") throws -> StandInProcess {
    let standIn = try StandInProcess {
      StandInProcess.configuration($0, $1, global: global, paths: paths)
    }
    #expect(standIn.waitUntilUp(), Comment(rawValue: standIn.log))
    _ = try standIn.api("POST", "/standin/fault/auth-delay/1")
    return standIn
  }

  private func path(_ name: String, of standIn: StandInProcess) -> JSON? {
    let body = (try? standIn.api("GET", "/v3/paths/list"))?.body ?? []
    return (try? JSONParser.parse(body))?["items"]?.list.first { $0["name"]?.text == name }
  }

  private func bytes(_ name: String, of standIn: StandInProcess) -> Int {
    guard case .number(let text) = path(name, of: standIn)?["inboundBytes"] else { return 0 }
    return Int(text) ?? 0
  }

  /// Added through the API, with credentials; ready and growing as a published path is, readable,
  /// and gone when its origin goes.
  @Test func aStreamIsPulled() throws {
    let origin = try started(paths: "  cam:", global: Self.users)
    let authorization = "Basic " + Data("feed:s:1".utf8).base64EncodedString()
    let publisher = try RTSPPublisher(
      port: origin.ports.rtsp, path: "cam", media: .motionJPEG(), authorization: authorization)
    #expect(try publisher.announce() == 200)
    publisher.start()
    let standIn = try started(paths: "  other:")
    let url = "rtsp://viewer:p%40ss@127.0.0.1:\(origin.ports.rtsp)/cam"
    let added = try standIn.api(
      "POST", "/v3/config/paths/add/yard", body: "{\"source\":\"\(url)\"}")
    #expect(added.status == 200, Comment(rawValue: added.text))
    #expect(waitUntil { bytes("yard", of: standIn) > 10_000 }, Comment(rawValue: standIn.log))
    let pulled = try #require(path("yard", of: standIn))
    #expect(pulled["ready"]?.flag == true)
    #expect(pulled["source"]?["type"]?.text == "rtspSource")
    #expect(pulled["source"]?["id"]?.text == "")
    #expect(pulled["tracks"]?.list.first?.text == "M-JPEG")
    let sessions = try standIn.api("GET", "/v3/rtspsessions/list")
    #expect(try JSONParser.parse(sessions.body)["items"]?.list.isEmpty == true)

    let reader = try RTSPClient(port: standIn.ports.rtsp)
    let target = "rtsp://127.0.0.1:\(standIn.ports.rtsp)/yard"
    #expect(try reader.request("DESCRIBE", target).status == 200)
    let transport = ["Transport": "RTP/AVP/TCP;unicast;interleaved=0-1"]
    #expect(try reader.request("SETUP", target + "/trackID=0", headers: transport).status == 200)
    #expect(try reader.request("PLAY", target).status == 200)
    #expect(try reader.receive().bytes[1] & 0x7F == 26)

    publisher.stop()
    #expect(waitUntil { path("yard", of: standIn)?["ready"]?.flag == false })
    #expect(path("yard", of: standIn)?["source"]?["type"]?.text == "rtspSource")
  }

  /// As the real one does: every 5 s, for ever, and told in the log.
  @Test func aSourceThatIsAwayIsAskedAgainAfter5Seconds() throws {
    let origin = StandInProcess.Ports()
    let start = ContinuousClock.now
    let standIn = try started(paths: "  yard:\n    source: rtsp://127.0.0.1:\(origin.rtsp)/cam")
    #expect(waitUntil { standIn.log.contains("[path yard] [RTSP source] ") })
    #expect(standIn.log.contains("connection refused"), Comment(rawValue: standIn.log))
    let late = try StandInProcess(ports: origin) {
      StandInProcess.configuration($0, $1, paths: "  cam:")
    }
    #expect(late.waitUntilUp())
    let publisher = try RTSPPublisher(
      port: origin.rtsp, path: "cam", media: .h264(packetizationMode: 1))
    #expect(try publisher.announce() == 200)
    publisher.start()
    defer { publisher.stop() }
    #expect(waitUntil(within: .seconds(8)) { bytes("yard", of: standIn) > 0 })
    #expect(ContinuousClock.now - start > .seconds(5))
  }

  @Test func wrongCredentialsAreToldAndTriedAgain() throws {
    let origin = try started(paths: "  cam:", global: Self.users)
    let url = "rtsp://viewer:wrong@127.0.0.1:\(origin.ports.rtsp)/cam"
    let standIn = try started(paths: "  yard:\n    source: \(url)")
    #expect(waitUntil { standIn.log.contains("[RTSP source] bad status code: 401") })
    #expect(path("yard", of: standIn)?["ready"]?.flag == false)
    #expect(!standIn.log.contains("wrong"))
  }

  @Test func aSourceThatFallsSilentIsLeft() throws {
    let origin = try started(paths: "  cam:")
    let publisher = try RTSPPublisher(port: origin.ports.rtsp, path: "cam", media: .motionJPEG())
    #expect(try publisher.announce() == 200)
    publisher.start()
    let url = "rtsp://127.0.0.1:\(origin.ports.rtsp)/cam"
    let standIn = try started(
      paths: "  yard:\n    source: \(url)", global: "readTimeout: 1s")
    #expect(waitUntil { bytes("yard", of: standIn) > 0 })
    publisher.fallSilent()
    #expect(waitUntil { standIn.log.contains("[RTSP source] TCP timeout") })
    #expect(path("yard", of: standIn)?["ready"]?.flag == false)
  }

  @Test func nobodyPublishesToAPulledPath() throws {
    let standIn = try started(paths: "  yard:\n    source: rtsp://127.0.0.1:\(freePort())/cam")
    let publisher = try RTSPPublisher(
      port: standIn.ports.rtsp, path: "yard", media: .motionJPEG())
    #expect(try publisher.announce() == 400)
  }

  /// A removed source leaves its server, and the configuration.
  @Test func aSourceIsRemoved() throws {
    let origin = try started(paths: "  cam:")
    let publisher = try RTSPPublisher(port: origin.ports.rtsp, path: "cam", media: .motionJPEG())
    #expect(try publisher.announce() == 200)
    publisher.start()
    defer { publisher.stop() }
    let standIn = try started(
      paths: "  other:\n  yard:\n    source: rtsp://127.0.0.1:\(origin.ports.rtsp)/cam")
    #expect(waitUntil { bytes("yard", of: standIn) > 0 })
    #expect(path("cam", of: origin)?["readers"]?.list.count == 1)
    #expect(try standIn.api("DELETE", "/v3/config/paths/delete/yard").status == 200)
    #expect(waitUntil { path("yard", of: standIn) == nil })
    #expect(waitUntil { path("cam", of: origin)?["readers"]?.list.isEmpty == true })
  }

  @Test(arguments: [
    "http://127.0.0.1/a", "rtsp:/127.0.0.1/a", "rtsp://", "rtsp://host:port/a", "rtsp://h/a b",
    "rtsp://h/%zz", "rtsp://h/a#b", "rtsp://u:%@h/a", "redirect",
  ])
  func urlsThatAreNoneAreRefused(_ url: String) throws {
    let standIn = try started(paths: "  other:")
    let answer = try standIn.api(
      "POST", "/v3/config/paths/add/yard", body: "{\"source\":\"\(url)\"}")
    #expect(answer.status == 400, Comment(rawValue: url))
    #expect(path("yard", of: standIn) == nil)
  }

  @Test func urlsAreTakenApart() throws {
    let whole = try #require(SourceURL("rtsp://a%3Ab:c%40d@[::1]:8554/x/y?z=1"))
    #expect((whole.user, whole.password) == ("a:b", "c@d"))
    #expect((whole.host, whole.port) == ("::1", 8554))
    #expect(whole.text == "rtsp://[::1]:8554/x/y?z=1")
    #expect(SourceURL("rtsp://10.0.0.1")?.port == 554)
    #expect(SourceURL("rtsps://10.0.0.1/x")?.port == 322)
  }

  @Test func base64IsThatOfTheRFC() {
    // RFC 4648, 10.
    let pairs = [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")]
    for (text, code) in pairs {
      #expect(base64Encoded(text) == code)
    }
  }
}
