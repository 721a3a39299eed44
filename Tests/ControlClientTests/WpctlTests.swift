import Foundation
import Testing

@testable import ControlClient
@testable import Wire

/// The program as a person or a script meets it, against a device made of golden vectors.
@Suite(.timeLimit(.minutes(2))) struct WpctlTests {
  @Test func statusInWords() async throws {
    let run = try await against(.golden, "status")
    #expect(run.code == 0)
    #expect(run.complaint == "")
    #expect(run.output.contains("Health         degraded\n"))
    #expect(run.output.contains("the last reset came from the watchdog\n"))
    #expect(run.output.contains("Configuration  line 7, column 13: `control.slot` is no key"))
    #expect(
      run.output.contains(
        "MediaMTX       up, v1.20.1, pid 312, 6 restarts, last exit: signal 9, next start in"))
    #expect(run.output.contains("Slots          930 of 1024 used, peak 1001, 12 refused\n"))
    #expect(run.output.contains("Uptime         1 h 2 min, agent 1 h 2 min, start 2 of boot 17\n"))
    #expect(run.output.contains("Clock          2026-01-01 00:00:00 UTC\n"))
    #expect(run.output.contains("Last reset     watchdog, 1 watchdog resets in a row\n"))
    #expect(!run.output.contains("\u{1B}"))
  }

  /// An address that may only ask for health still gets a status.
  @Test func statusWithoutPermission() async throws {
    let refused: FakeDevice.Behaviour = .refusing(
      [.serverInfo: .permission, .mediaServer: .permission])
    let run = try await against(refused, "status")
    #expect(run.code == 0)
    #expect(run.output.contains("MediaMTX       up, pid 312, 6 restarts, last exit: signal 9\n"))
  }

  @Test func statusTellsScripts() async throws {
    #expect(try await against(.health(.failed), "status").code == 6)
    #expect(try await against(.health(.degraded), "status", "--strict").code == 6)
    #expect(try await against(.health(.healthy), "status", "--strict").code == 0)
  }

  @Test func camerasInAlignedColumns() async throws {
    let run = try await against(.golden, "cameras")
    #expect(run.code == 0)
    #expect(
      run.output == """
        NAME       PRODUCT         SERIAL    FORMATS    STATE
        cam-front  HD Webcam C270  2F3A9C10  MJPG YUYV  busy (held by motion, pid 411)
        cam-1-1-3  Überwachung 2   –         –          absent

        """)
  }

  @Test func oneCamera() async throws {
    let run = try await against(.golden, "camera", "cam-front")
    #expect(run.code == 0)
    #expect(run.lines.contains("USB         046d:0825"))
    #expect(run.lines.contains("YUYV    640x480   30.0/s"))
    #expect(run.lines.contains("MJPG    1280x720  29.97/s"))
    let unknown = try await against(
      .refusing([.cameraStatus: .unknownCamera, .cameraCapabilities: .unknownCamera]),
      "camera", "cam-rear")
    #expect(unknown.code == 1)
    #expect(unknown.complaint.hasPrefix("wpctl: The device refused `camera"))
    #expect(unknown.complaint.contains("(unknownCamera): No camera has this name"))
  }

  @Test func streams() async throws {
    let device = try await FakeDevice(.golden)
    let run = try await wpctl("streams", "--device", device.name)
    #expect(run.code == 0)
    #expect(run.lines[1].hasSuffix("941.9 MiB  4       rtsp://127.0.0.1:8554/cam-front"))
    await device.stop()
  }

  @Test func smallCommands() async throws {
    let ping = try await against(.golden, "ping", "--count", "3", "--interval", "0")
    #expect(ping.code == 0)
    #expect(ping.lines.count == 3)
    #expect(ping.lines[2].contains("seq=3 time="))
    let identify = try await against(.golden, "identify", "--seconds", "1.5")
    #expect(identify.code == 0)
    #expect(identify.output.contains("blink"))
    #expect(try await against(.golden, "reboot").output.contains("restarts"))
    #expect(try await against(.golden, "shutdown").output.contains("switches off"))
    let metrics = try await against(.golden, "metrics")
    #expect(metrics.lines.contains { $0.hasPrefix("longestTurnUs ") && $0.hasSuffix(" 830") })
    #expect(
      metrics.output.hasSuffix(
        """

        OPERATION    REQUESTS  ERRORS  P50       P95       P99       MAX
        ping         1000000   3       0.012 ms  0.060 ms  0.140 ms  3.0 ms
        mediaServer  12        0       –         –         –         –

        """))
    #expect(try await against(.golden, "subscriptions").lines.contains("Published    43 events"))
  }

  @Test func alerts() async throws {
    let run = try await against(.golden, "alerts")
    #expect(run.code == 0)
    #expect(
      run.output == """
        ALERT       LEVEL    VALUE          WARNING  CRITICAL  FOR        RAISED
        slots       warning  91.2 %         90.0 %   95.0 %    1 min 1 s  2
        throughput  none     14 requests/s  –        –         0 ms       0

        """)
    let old = try await against(.refusing([.alertList: .unknownOperation]), "alerts")
    #expect(old.code == 1)
  }

  @Test func metricsForPrometheus() async throws {
    let run = try await against(.golden, "metrics", "--prometheus")
    #expect(run.code == 0)
    let reading = ExpositionReading(run.output)
    #expect(reading.faults == [])
    #expect(reading.values[#"watchpost_requests_total{operation="ping"}"#] == "1000000")
    #expect(reading.values[#"watchpost_alert_level{alert="slots"}"#] == "1")
  }

  @Test func events() async throws {
    let some = try await against(.golden, "events", "--count", "2", "--topic", "cameras")
    #expect(some.code == 0)
    #expect(
      some.lines.suffix(2) == [
        "… 2 events missed",
        "2026-01-01 00:00:00  cameraConnected  cam-front  HD Webcam C270  (1)",
      ])
    let late = try await against(.golden, "events", "--count", "3", "--timeout", "3")
    #expect(late.code == 4)
    #expect(late.lines.count == 4)
    #expect(try await against(.golden, "events", "--timeout", "3").code == 0)
  }

  @Test func followingEndsWithInterrupt() async throws {
    let device = try await FakeDevice(.golden)
    let events = try await wpctl("events", "--follow", "--device", device.name) {
      $0.split(separator: "\n").count == 4
    }
    #expect(events.code == 0)
    let logs = try await wpctl("logs", "--follow", "--device", device.name) {
      $0.contains("listener opened")
    }
    #expect(logs.code == 0)
    await device.stop()
  }

  @Test func logs() async throws {
    let run = try await against(.golden, "logs", "--media")
    #expect(run.code == 0)
    #expect(run.output == "2026/01/01 00:00:01 INF [RTSP] listener opened on :8554\n")
    #expect(try await against(.golden, "logs", "-n", "0").output == "")
  }

  // MARK: - What goes wrong

  @Test func nobodyListens() async throws {
    let nobody = try DeafPort()
    let name = nobody.name
    let run = try await wpctl("status", "--device", name)
    #expect(run.code == 3)
    #expect(run.complaint.hasPrefix("wpctl: Cannot connect to \(name) (connection refused);"))
    #expect(run.output == "")
  }

  @Test func silence() async throws {
    let run = try await against(.silent, "cameras", "--timeout", "1.5")
    #expect(run.code == 4)
    #expect(run.complaint.contains("did not answer `cameraList` within 1.5 s;"))
  }

  @Test func busy() async throws {
    let run = try await against(.busy, "status")
    #expect(run.code == 5)
    #expect(run.complaint.contains("has no connection slot free; try again in 0.5 s"))
  }

  @Test func anotherServer() async throws {
    let run = try await against(.garbage, "status")
    #expect(run.code == 1)
    #expect(run.complaint.contains("is no Watchpost device"))
  }

  @Test(arguments: [
    ["status", "--timeout", "0"], ["camera"], ["camera", "No Name"], ["events", "--topic", "x"],
    ["nonsense"], ["identify", "--seconds", "601"], ["ping", "--size", "65"],
    ["status", "--device", "box:0"], ["metrics", "--json", "--prometheus"],
    ["exporter", "--listen", "9710"], ["exporter", "--timeout", "0"],
  ])
  func usage(arguments: [String]) async throws {
    let run = try await wpctl(arguments)
    #expect(run.code == 2, "\(arguments)")
    #expect(run.complaint.contains("Usage:"))
    #expect(run.output == "")
  }

  @Test func theDeviceComesFromTheEnvironmentToo() async throws {
    let device = try await FakeDevice(.golden)
    let environment = ["WPCTL_DEVICE": device.name]
    #expect(try await wpctl("ping", environment: environment).code == 0)
    #expect(try await wpctl("--device", device.name, "ping").code == 0)
    #expect(try await wpctl("ping", environment: ["WPCTL_DEVICE": "box:x"]).code == 2)
    await device.stop()
  }

  @Test(arguments: ["bash", "zsh", "fish"])
  func completions(shell: String) async throws {
    let run = try await wpctl("--generate-completion-script", shell)
    #expect(run.code == 0)
    #expect(run.output.contains("subscriptions"))
  }

  @Test func help() async throws {
    let run = try await wpctl("--help")
    #expect(run.code == 0)
    #expect(run.output.contains("Exit codes: 0 done"))
    #expect(try await wpctl("--version").output == "\(productVersion)\n")
  }
}

func against(_ behaviour: FakeDevice.Behaviour, _ arguments: String...) async throws -> WpctlRun {
  try await against(behaviour, arguments)
}

func against(_ behaviour: FakeDevice.Behaviour, _ arguments: [String]) async throws -> WpctlRun {
  let device = try await FakeDevice(behaviour)
  let run = try await wpctl(arguments, environment: ["WPCTL_DEVICE": device.name])
  await device.stop()
  return run
}
