import Foundation
import StandInDriver
import Testing
import Wire

@testable import Appliance
@testable import Linux

@Suite struct MediaConfigurationFileTests {
  @Test func theFileIsTheExpectedOne() {
    var settings = Configuration()
    settings.mediaServer.rtspPort = 18_554
    let wanted = """
      logLevel: info
      logDestinations: [stdout]
      api: yes
      apiAddress: 127.0.0.1:9997
      metrics: yes
      metricsAddress: 127.0.0.1:9998
      pprof: no
      playback: no
      rtsp: yes
      rtspTransports: [tcp]
      rtspEncryption: "no"
      rtspAddress: :18554
      rtmp: no
      hls: no
      webrtc: no
      srt: no
      authInternalUsers:
      - user: "watchpost"
        pass: "0123abcd"
        ips: ["127.0.0.1", "::1"]
        permissions:
        - action: publish
      - user: "watchpost-agent"
        pass: "4567cdef"
        ips: ["127.0.0.1", "::1"]
        permissions:
        - action: api
        - action: metrics
        - action: pprof
        - action: playback
      - user: "any"
        pass: ""
        ips: []
        permissions:
        - action: read
      pathDefaults:
        overridePublisher: no
        recordPath: "/data/recordings/%path/%Y-%m-%d_%H-%M-%S-%f_a5a5a5a5-7"
        recordFormat: fmp4
        recordPartDuration: 1s
        recordSegmentDuration: 60s
        recordDeleteAfter: 0s
      paths:
        "cam-a":
          record: no
        "cam-b":
          record: no

      """
    #expect(renderedConfiguration(settings, wantedStreams(["cam-a", "cam-b"])) == wanted)
  }

  @Test func pathsThatAreToGoAreLeftOut() {
    var streams = wantedStreams(["cam-a", "cam-b"])
    streams.unwant(Name("cam-a"))
    let text = renderedConfiguration(Configuration(), streams) ?? ""
    #expect(!text.contains("cam-a"))
    #expect(text.contains("\"cam-b\":"))
  }

  @Test func textsCannotBreakOutOfTheirPlace() {
    var settings = Configuration()
    settings.dataDirectory = Text("/da\"ta\\x\n")
    let text = renderedConfiguration(settings, wantedStreams([])) ?? ""
    #expect(text.contains("  recordPath: \"/da\\\"ta\\\\x?/recordings/"))
  }

  @Test func aFullTableFits() {
    var streams = wantedStreams([], capacity: 64)
    for index in 0..<64 {
      var name = Name("a-name-of-thirty-two-bytes----")
      name.append(decimal: UInt64(10 + index))
      let fits = streams.want(name)
      #expect(fits)
    }
    #expect(renderedConfiguration(Configuration(), streams) != nil)
  }

  @Test func everyTooSmallBufferIsNoticed() {
    let streams = wantedStreams(["cam-a"])
    guard let whole = renderedConfiguration(Configuration(), streams) else {
      Issue.record("nothing was rendered")
      return
    }
    for limit in 0..<whole.utf8.count {
      #expect(renderedConfiguration(Configuration(), streams, limit: limit) == nil)
    }
    #expect(renderedConfiguration(Configuration(), streams, limit: whole.utf8.count) == whole)
  }

  @Test func credentialsAreRandom() {
    let (first, second) = (MediaCredentials.random(), MediaCredentials.random())
    #expect(first != second)
    #expect(first.password.count == 32)
    #expect(first.password.isName)
    #expect(first.agentPassword.count == 32)
    #expect(first.agentPassword != first.password)
  }
}
