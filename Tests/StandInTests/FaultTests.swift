import Foundation
import Glibc
import StandInDriver
import Testing

@testable import StandIn

/// Every way in which the stand-in can be told to fail.
@Suite struct FaultTests {
  @Test func terminationIsOrderlyAndQuick() throws {
    let standIn = try StandInProcess()
    #expect(standIn.waitUntilUp())
    let clock = ContinuousClock()
    let time = clock.measure {
      standIn.send(signal: SIGTERM)
      #expect(standIn.exit() == 0)
    }
    // 30 ms is MediaMTX's; the rest is for a busy machine, seen in steps of 5 ms.
    #expect(time < .milliseconds(250))
    #expect(standIn.log.contains("shutting down gracefully"))
  }

  @Test func saysWhatItIs() throws {
    let standIn = try StandInProcess()
    #expect(standIn.waitUntilUp())
    let lines = standIn.log.components(separatedBy: "\n")
    try #require(lines.count > 1)
    #expect(lines[0].wholeMatch(of: /[\d\/]+ [\d:]+ INF MediaMTX v1\.20\.1, linux, \w+/) != nil)
    #expect(lines[1] == "mediamtx-standin: test stand-in, not MediaMTX")
    let started = lines.filter { $0.contains("started with listener") }
    #expect(
      started.map { $0.split(separator: " ")[3] } == ["[metrics]", "[playback]", "[RTSP]", "[API]"])
  }

  @Test func crash() throws {
    let standIn = try StandInProcess()
    #expect(standIn.waitUntilUp())
    #expect(throws: LoopbackStream.Failure.self) {
      // It is gone before it could answer, or just after.
      _ = try standIn.api("POST", "/standin/fault/crash")
      throw LoopbackStream.Failure.ended
    }
    #expect(standIn.exit() == -SIGABRT)
  }

  @Test func crashFromItsFile() throws {
    let standIn = try StandInProcess()
    #expect(standIn.waitUntilUp())
    try standIn.write(faults: ["crash"])
    standIn.send(signal: SIGUSR1)
    #expect(standIn.exit() == -SIGABRT)
  }

  @Test func hangAcceptsAndNeverAnswers() throws {
    let standIn = try StandInProcess()
    #expect(standIn.waitUntilUp())
    try standIn.write(faults: ["hang"])
    standIn.send(signal: SIGUSR1)
    Thread.sleep(forTimeInterval: 0.1)
    #expect(throws: LoopbackStream.Failure.timedOut) { try standIn.api("GET", "/v3/info") }
    #expect(standIn.isRunning)
    try standIn.write(faults: [])
    standIn.send(signal: SIGUSR1)
    #expect(standIn.waitUntilUp())
  }

  @Test func ignoresTermination() throws {
    let standIn = try StandInProcess(faults: ["ignore-sigterm"])
    #expect(standIn.waitUntilUp())
    standIn.send(signal: SIGTERM)
    standIn.send(signal: SIGINT)
    #expect(standIn.exit(within: .milliseconds(500)) == nil)
    #expect(try standIn.api("GET", "/v3/info").status == 200)
  }

  @Test func flap() throws {
    let standIn = try StandInProcess(faults: ["flap"])
    #expect(standIn.waitUntilUp(within: .milliseconds(250)))
    #expect(standIn.exit() == 1)
  }

  @Test func exitsAtStart() throws {
    #expect(try StandInProcess(faults: ["exit0"]).exit() == 0)
  }

  @Test func poison() throws {
    let standIn = try StandInProcess(faults: ["poison"])
    #expect(standIn.waitUntilUp())
    let patch = "/v3/config/paths/patch/cam-front"
    #expect(try standIn.api("PATCH", patch, body: "{\"record\":true}").status == 400)
    #expect(try standIn.api("POST", "/standin/fault/none").status == 200)
    #expect(try standIn.api("PATCH", patch, body: "{\"record\":true}").status == 200)
  }

  @Test func slowAPI() throws {
    let standIn = try StandInProcess()
    #expect(standIn.waitUntilUp())
    #expect(try standIn.api("POST", "/standin/fault/slow-api/300").status == 200)
    let time = try ContinuousClock().measure { _ = try standIn.api("GET", "/v3/info") }
    #expect(time >= .milliseconds(300))
  }

  @Test func opensNoListener() throws {
    let standIn = try StandInProcess(faults: ["no-listen"])
    #expect(!standIn.waitUntilUp(within: .milliseconds(300)))
    #expect(standIn.isRunning)
    #expect(throws: LoopbackStream.Failure.refused) { try standIn.api("GET", "/v3/info") }
  }

  @Test func floodsItsLog() throws {
    let standIn = try StandInProcess(faults: ["log-flood"])
    #expect(waitUntil { standIn.log.utf8.count > 100_000 })
    #expect(try standIn.api("GET", "/v3/info").status == 200)
  }

  @Test func unknownFaultsAreRefused() throws {
    let standIn = try StandInProcess(faults: ["nonsense"])
    #expect(standIn.waitUntilUp())
    #expect(standIn.log.contains("unknown fault 'nonsense'"))
    #expect(try standIn.api("POST", "/standin/fault/nonsense").status == 404)
  }
}
