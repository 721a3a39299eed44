import Foundation
import StandInDriver
import Testing

@testable import StandIn

/// What stops MediaMTX from starting, and what a running one does about its file.
@Suite struct ConfigurationTests {
  private func refusal(_ text: String) -> String? {
    do throws(Refusal) {
      _ = try Configuration.Overlay.parse(file: Array(text.utf8)) { _ in nil }.compiled()
      return nil
    } catch {
      return error.reason
    }
  }

  @Test(arguments: [
    "nosuchkey: 1", "paths:\n  a:\n    nosuchkey: 1", "api: 1", "api: \"yes\"",
    "rtspEncryption: no", "logLevel: loud", "paths:\n  a b:", "paths:\n  a:\n    record: 3",
    "paths:\n  a:\n    recordPath: /x/%Y", "pathDefaults:\n  recordPath: /x/%path_%s",
    "pathDefaults:\n  recordDeleteAfter: 1s", "rtspAddress: 8554", "a: b: c", "\tapi: yes",
    "api: [yes", "api: yes\napi: no", "readTimeout: ten", "a", "paths:\n  ~^x$:",
    "authInternalUsers:\n- user: x\n  permissions:\n  - action: fly",
  ])
  func isRefused(_ text: String) {
    #expect(refusal(text) != nil)
  }

  @Test func unknownKeysAreNamed() {
    #expect(refusal("nosuchkey: 1") == "json: unknown field \"nosuchkey\"")
  }

  @Test(arguments: [
    "", "# only a comment", "api: yes # and a comment", "paths:", "paths:\n  a:\n  b:",
    "logDestinations: [stdout]", "logDestinations:\n- stdout", "logDestinations:\n  - stdout",
    "rtspEncryption: \"no\"", "rtspEncryption: 'no'", "readTimeout: 1m30s",
    "paths:\r\n  a:\r\n    record: yes\r\n", "authInternalUsers: []",
    "pathDefaults:\n  recordDeleteAfter: 0s",
  ])
  func isTaken(_ text: String) {
    #expect(refusal(text) == nil)
  }

  @Test func durationsAreListedInGoNotation() {
    let pairs = [
      ("0s", ""), ("90s", "1m30s"), ("3600s", "1h0m0s"), ("1d", "1d"), ("200ms", "200ms"),
      ("25h", "1d1h0m0s"), ("1500ms", "1.5s"), ("1.5s", "1.5s"), ("0.25m", "15s"),
    ]
    for (text, listed) in pairs {
      #expect(DurationText.parse(text).map { DurationText.format($0) } == listed)
    }
  }

  @Test func recordPathsAreReadBack() throws {
    let pattern = RecordPath("/data/%path/x/%Y-%m-%d_%H-%M-%S-%f_b7.mp4")
    for path in ["cam", "a/b/c", "cam-1"] {
      let start: Nanoseconds = 1_763_678_218_946_650_000
      let name = pattern.name(path: path, start: start)
      let read = try #require(pattern.parse(name))
      #expect(read.path == path)
      #expect(read.start == start)
    }
    #expect(pattern.parse("/data/cam/x/other.mp4") == nil)
  }

  @Test func digestsAreRight() {
    // RFC 1321, A.5.
    #expect(md5("") == "d41d8cd98f00b204e9800998ecf8427e")
    #expect(md5("message digest") == "f96b697d7cb7938d525a2f31aaf161d0")
  }

  @Test func differencesAreSeen() throws {
    func differ(_ a: String, _ b: String) throws -> Bool {
      let (a, b) = (try JSONParser.parse(Array(a.utf8)), try JSONParser.parse(Array(b.utf8)))
      return !Transcript.differences(a, b).isEmpty
    }
    #expect(try differ("{\"a\":1}", "{\"a\":2}"))
    #expect(try differ("{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1}"))
    #expect(try differ("[1]", "[1,1]"))
    #expect(try differ("{\"id\":\"x\"}", "{\"id\":null}"))
    #expect(try differ("{\"inboundBytes\":1}", "{\"inboundBytes\":\"1\"}"))
    #expect(try !differ("{\"inboundBytes\":1}", "{\"inboundBytes\":23}"))
  }

  @Test func busyPortsStopTheStart() throws {
    let first = try StandInProcess()
    #expect(first.waitUntilUp())
    let second = try StandInProcess(ports: first.ports)
    #expect(second.exit() == 1)
    #expect(second.log.contains("address already in use"))
  }

  @Test func aBadFileStopsTheStartAndEndsARunningOne() throws {
    let bad = try StandInProcess { StandInProcess.configuration($0, $1) + "nosuchkey: 1\n" }
    #expect(bad.exit() == 1)
    #expect(bad.log.contains("ERR json: unknown field \"nosuchkey\""))
    let running = try StandInProcess()
    #expect(running.waitUntilUp())
    // Changes within a second of the start are lost: it is written until one of them is seen.
    let file = running.folder.appending(path: "mediamtx.yml")
    var writes = 0
    while running.isRunning, writes < 20 {
      try "nosuchkey: 1\n".write(to: file, atomically: false, encoding: .utf8)
      writes += 1
      _ = running.exit(within: .milliseconds(1500))
    }
    #expect(running.exit() == 0)
  }

  @Test func effectsComeAfterTheAnswer() throws {
    let standIn = try StandInProcess(faults: ["effect-delay 500"])
    #expect(standIn.waitUntilUp())
    #expect(try standIn.api("POST", "/v3/config/paths/add/new", body: "{}").status == 200)
    #expect(try standIn.api("GET", "/v3/config/paths/get/new").status == 404)
    #expect(waitUntil { (try? standIn.api("GET", "/v3/paths/get/new"))?.status == 200 })
  }
}
