import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import Testing

@testable import ControlClient
@testable import Wire

@Suite(.serialized, .timeLimit(.minutes(2 * slowness))) struct ExporterTests {
  @Test func aDevice() async throws {
    try await with { exporter in
      let device = try await FakeDevice(.golden)
      let answer = try await exporter.get("/probe?target=\(device.name)")
      #expect(answer.status == 200)
      #expect(answer.head.contains("Content-Type: text/plain; version=0.0.4; charset=utf-8"))
      let reading = ExpositionReading(answer.body)
      #expect(reading.faults == [])
      #expect(reading.values["watchpost_up"] == "1")
      #expect(reading.values[#"watchpost_requests_total{operation="ping"}"#] == "1000000")
      #expect(reading.values[#"watchpost_alert_value{alert="slots"}"#] == "0.912")
      let duration = try #require(reading.values["watchpost_probe_duration_seconds"])
      #expect(try #require(Double(duration)) > 0)
      try await eventually { device.openConnections == 0 }
      await device.stop()
    }
  }

  /// A device from before alerts has everything else.
  @Test func anOlderDevice() async throws {
    try await with { exporter in
      let device = try await FakeDevice(.refusing([.alertList: .unknownOperation]))
      let answer = try await exporter.get("/probe?target=\(device.name)")
      let reading = ExpositionReading(answer.body)
      #expect(reading.faults == [])
      #expect(reading.values["watchpost_up"] == "1")
      #expect(reading.values[#"watchpost_alert_level{alert="slots"}"#] == nil)
      await device.stop()
    }
  }

  @Test func manyAtATime() async throws {
    try await with { exporter in
      let devices = try await [
        FakeDevice(.golden), FakeDevice(.health(.failed)), FakeDevice(.piecemeal),
      ]
      let rightOnes = try await withThrowingTaskGroup(of: Bool.self) { group in
        for index in 0..<48 {
          let name = devices[index % 3].name
          group.addTask {
            let answer = try await exporter.get("/probe?target=\(name)")
            let failed = index % 3 == 1 ? 1 : 0
            return answer.body.contains("\nwatchpost_up 1\n")
              && answer.body.contains(#"_state{state="failed"} \#(failed)\#n"#)
          }
        }
        return try await group.reduce(into: []) { $0.append($1) }
      }
      #expect(rightOnes == Array(repeating: true, count: 48))
      for device in devices {
        try await eventually { device.openConnections == 0 }
        await device.stop()
      }
    }
  }

  @Test func aDeadTarget() async throws {
    try await with { exporter in
      let device = try await FakeDevice(.golden)
      let name = device.name
      await device.stop()
      let answer = try await exporter.get("/probe?target=\(name)")
      #expect(answer.status == 200)
      #expect(answer.body.hasPrefix("# Cannot connect to \(name) (connection refused);"))
      let reading = ExpositionReading(answer.body)
      #expect(reading.faults == [])
      #expect(reading.values["watchpost_up"] == "0")
      #expect(reading.types.count == 2)
    }
  }

  @Test(arguments: [
    (FakeDevice.Behaviour.busy, "has no connection slot free"),
    (.garbage, "is no Watchpost device"), (.hangingUp, "closed the connection"),
    (.refusing([.metrics: .permission]), "refused `metrics` (permission)"),
  ])
  func aTargetThatDoesNotTell(behaviour: FakeDevice.Behaviour, words: String) async throws {
    try await with { exporter in
      let device = try await FakeDevice(behaviour)
      let answer = try await exporter.get("/probe?target=\(device.name)")
      #expect(answer.status == 200)
      #expect(answer.body.split(separator: "\n")[0].contains(words))
      #expect(ExpositionReading(answer.body).values["watchpost_up"] == "0")
      try await eventually { device.openConnections == 0 }
      await device.stop()
    }
  }

  /// A device that accepts and says nothing costs what Prometheus allows, and no more.
  @Test func prometheusSaysHowLong() async throws {
    try await with { exporter in
      let device = try await FakeDevice(.silent)
      let start = ContinuousClock.now
      let answer = try await exporter.get(
        "/probe?target=\(device.name)", "X-Prometheus-Scrape-Timeout-Seconds: 0.8")
      #expect(ContinuousClock.now - start >= .milliseconds(390))
      let values = ExpositionReading(answer.body).values
      #expect(values["watchpost_up"] == "0")
      #expect(answer.body.contains("did not answer"))
      // The default would be 30 s here.
      #expect(Double(values["watchpost_probe_duration_seconds"] ?? "")! < 10)
      try await eventually { device.openConnections == 0 }
      await device.stop()
    }
  }

  @Test func moreThanAllowed() async throws {
    try await with { exporter in
      let silent = try await FakeDevice(.silent)
      let golden = try await FakeDevice(.golden)
      try await withThrowingTaskGroup(of: Int.self) { group in
        for _ in 0..<Probes.atOnce {
          group.addTask {
            // As long as the test takes; the device hangs up at its end.
            try await exporter.get(
              "/probe?target=\(silent.name)", "X-Prometheus-Scrape-Timeout-Seconds: 600"
            ).status
          }
        }
        try await eventually {
          try await exporter.own("watchpost_exporter_probes_in_flight") == "64"
        }
        // Under way is also one that has not reached the device yet, which would miss its end.
        try await eventually { silent.openConnections == Probes.atOnce }
        let refused = try await exporter.get("/probe?target=\(golden.name)")
        #expect(refused.status == 503)
        #expect(refused.head.contains("Retry-After: 1"))
        #expect(refused.body.contains("64 probes are under way"))
        await silent.disconnect()
        for try await status in group { #expect(status == 200) }
      }
      #expect(try await exporter.own("watchpost_exporter_probes_total") == "64")
      #expect(try await exporter.own("watchpost_exporter_probe_failures_total") == "64")
      #expect(try await exporter.own("watchpost_exporter_probes_refused_total") == "1")
      #expect(try await exporter.own("watchpost_exporter_probes_in_flight") == "0")
      #expect(try await exporter.get("/probe?target=\(golden.name)").status == 200)
      await silent.stop()
      await golden.stop()
    }
  }

  @Test func otherPages() async throws {
    try await with { exporter in
      let bad = try await exporter.get("/probe?target=http://box/")
      #expect(bad.status == 400)
      #expect(bad.body.contains("/probe?target=10.0.0.5:4710"))
      let form = try await exporter.get("/")
      #expect(form.status == 200 && form.body.contains("<form action=\"/probe\">"))
      let own = try await exporter.get("/metrics")
      #expect(own.status == 200 && ExpositionReading(own.body).faults == [])
      #expect(try await exporter.get("/favicon.ico").status == 404)
      let post = "POST /metrics HTTP/1.1\r\nConnection: close\r\nContent-Length: 2\r\n\r\nab"
      let posted = try await exporter.exchange(post)
      #expect(posted.status == 405 && posted.head.contains("Allow: GET, HEAD"))
      let head = try await exporter.exchange("HEAD / HTTP/1.0\r\n\r\n")
      #expect(head.status == 200 && head.body == "")
      #expect(try await exporter.exchange("nonsense\r\n\r\n").status == 400)
    }
  }

  @Test func oneConnectionForManyRequests() async throws {
    try await with { exporter in
      let get = "GET /metrics HTTP/1.1\r\nHost: x\r\n"
      let text = "\(get)\r\n\(get)\r\n\(get)Connection: close\r\n\r\n"
      let answer = try await exporter.exchange(text)
      #expect(answer.whole.components(separatedBy: "HTTP/1.1 200 OK").count == 4)
    }
  }

  @Test func tooMuchAndTooSlow() async throws {
    try await with(patience: .seconds(2)) { exporter in
      let padding = String(repeating: "a", count: RequestLimit.bytes)
      #expect(try await exporter.get("/metrics", "X-Padding: \(padding)").status == 431)
      async let unfinished = exporter.exchange("GET /metrics HTTP/1.1\r\nHost: x")
      async let silent = exporter.exchange("")
      // Kept open for the next request, which does not come.
      async let idle = exporter.exchange("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
      // Closed without a word.
      #expect(try await unfinished.whole == "")
      #expect(try await silent.whole == "")
      #expect(try await idle.status == 200)
      try await eventually { try await exporter.own("watchpost_exporter_connections") == "1" }
    }
  }

  @Test func tooManyConnections() async throws {
    try await with(patience: .seconds(3)) { exporter in
      let wholes = try await withThrowingTaskGroup(of: String.self) { group in
        for _ in 0..<(Exporter.connections + 20) {
          group.addTask { try await exporter.exchange("").whole }
        }
        return try await group.reduce(into: []) { $0.append($1) }
      }
      #expect(wholes.allSatisfy { $0 == "" })
      #expect(try await exporter.own("watchpost_exporter_connections_refused_total") == "20")
    }
  }

  // MARK: - The program

  @Test(arguments: [SIGINT, SIGTERM])
  func theProgramEndsCleanly(signal: Int32) async throws {
    let run = try await wpctl(
      ["exporter", "--listen", "127.0.0.1:0"], interruptedWhen: { $0.hasSuffix("/\n") }, by: signal)
    #expect(run.code == 0)
    #expect(run.complaint == "")
    #expect(run.output.wholeMatch(of: /Listening on http:\/\/127\.0\.0\.1:[1-9][0-9]*\/\n/) != nil)
  }

  @Test func aPortThatIsTaken() async throws {
    try await with { exporter in
      let run = try await wpctl("exporter", "--listen", "\(exporter.address)")
      #expect(run.code == 1)
      #expect(
        run.complaint.hasPrefix("wpctl: Cannot listen on \(exporter.address) (address in use);"))
    }
  }

  // MARK: -

  private func with(
    patience: TimeAmount = .seconds(60), _ body: (Exporter) async throws -> Void
  ) async throws {
    let exporter = try await Exporter.start(
      on: ListenAddress(port: 0), limit: .seconds(30 * slowness), patience: patience)
    try await body(exporter)
    await exporter.stop()
  }

  /// Waits for something that happens soon.
  private func eventually(_ condition: () async throws -> Bool) async throws {
    let deadline = ContinuousClock.now + .seconds(20 * slowness)
    while ContinuousClock.now < deadline {
      if try await condition() { return }
      try await Task.sleep(for: .milliseconds(10))
    }
    Issue.record("it did not happen")
  }
}
