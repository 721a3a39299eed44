import Foundation
import Testing

@testable import ControlClient
@testable import Wire
@testable import wpctl

/// The live view: what stands where, what is written, and what is left behind.
@Suite(.timeLimit(.minutes(2))) struct TopTests {
  private func goldenState() async throws -> LiveState {
    let device = try await FakeDevice(.golden)
    let connection = try await ControlConnection.open(
      DeviceAddress(host: "127.0.0.1", port: device.port))
    let state = try await connection.liveState()
    await connection.close()
    await device.stop()
    return state
  }

  /// Many cameras with long names and long words.
  private func crowded() async throws -> LiveState {
    var state = try await goldenState()
    let camera = state.cameras[0]
    state.cameras = (0..<32).map { index in
      var camera = camera
      camera.name = String(repeating: "n", count: 30) + "\(index)"
      return camera
    }
    state.reasons = (0..<20).map { "reason \($0) in words that are long enough for a line" }
    state.status.name = "日本語のカメラ箱"
    return state
  }

  @Test func oneFrameWithoutATerminal() async throws {
    let device = try await FakeDevice(.golden)
    let name = device.name
    let run = try await wpctl("top", "--device", name)
    await device.stop()
    #expect(run.code == 0)
    #expect(!run.output.contains("\u{1B}"))
    #expect(run.lines[0].hasPrefix("watchpost 1.0.0 at \(name)  "))
    #expect(run.lines[0].hasSuffix("up 1 h 2 min  2026-01-01 00:00 UTC"))
    #expect(run.lines[0].count == 80)
    #expect(run.lines[1].hasPrefix("Health    degraded: "))
    #expect(run.lines.contains("MediaMTX  up, v1.20.1, 6 restarts, last exit: signal 9"))
    #expect(
      run.lines.contains("Storage   warning, 4.9 GiB free of 28.8 GiB, 83.1 % used, 2272 files"))
    #expect(run.lines.contains("Alerts    slots warning"))
    #expect(run.lines.contains { $0.hasPrefix("CAMERA") && $0.contains("RECORDING") })
    #expect(run.lines.contains { $0.hasPrefix("cam-front  busy (") && $0.contains("1.0 GiB") })
    #expect(run.lines.allSatisfy { $0.count <= 80 })
  }

  @Test func everySizeFits() async throws {
    for state in [try await goldenState(), try await crowded()] {
      let frame = LiveFrame(
        state: state, events: (0..<50).map { "event \($0)" }, trouble: "No connection.")
      for (columns, rows) in [(1, 1), (10, 3), (40, 10), (80, 24), (120, 40), (200, 60), (80, 5)] {
        let shown = frame.rows(columns: columns, rows: rows)
        #expect(shown.count <= rows)
        #expect(shown.allSatisfy { $0.columns <= columns }, "\(columns)x\(rows)")
      }
    }
  }

  /// On the smallest screen that is promised all parts have their place.
  @Test func allPartsOnASmallScreen() async throws {
    let events = (0..<50).map { "event \($0)" }
    let shown = LiveFrame(state: try await crowded(), events: events).rows(columns: 80, rows: 24)
    for title in ["Health", "MediaMTX", "Storage", "Slots", "Alerts", "CAMERA"] {
      #expect(shown.contains { $0.hasPrefix(title) }, "\(title)")
    }
    #expect(shown.contains { $0.hasPrefix("          and 17 more reasons") })
    #expect(shown.contains { $0.contains("more cameras") })
    #expect(shown.last == "event 49")
    let wide = LiveFrame(state: try await crowded(), events: events).rows(columns: 200, rows: 80)
    #expect(wide.contains { $0.hasPrefix(String(repeating: "n", count: 30) + "31  ") })
    #expect(wide[0].hasPrefix("日本語のカメラ箱 1.0.0 at "))
  }

  /// A product or an event with control characters does not steer the terminal.
  @Test func nothingSteersTheTerminal() async throws {
    var state = try await goldenState()
    state.status.name = "\u{1B}[2Jbox"
    state.cameras[0].name = "a\u{07}b"
    let frame = LiveFrame(state: state, events: ["\u{1B}]0;title\u{07}"], trouble: "a\nb")
    let shown = frame.rows(columns: 100, rows: 40).joined()
    #expect(!shown.contains("\u{1B}") && !shown.contains("\u{07}") && !shown.contains("\n"))
  }

  @Test func onlyWhatDiffersIsWritten() {
    var update = ScreenUpdate()
    #expect(
      update.show(["a", "b"], columns: 80, rows: 24)
        == "\u{1B}[2J\u{1B}[1;1H\u{1B}[2Ka\u{1B}[2;1H\u{1B}[2Kb")
    #expect(update.show(["a", "b"], columns: 80, rows: 24) == "")
    #expect(update.show(["a", "c"], columns: 80, rows: 24) == "\u{1B}[2;1H\u{1B}[2Kc")
    #expect(update.show(["a"], columns: 80, rows: 24) == "\u{1B}[2;1H\u{1B}[2K")
    #expect(update.show(["a"], columns: 79, rows: 24) == "\u{1B}[2J\u{1B}[1;1H\u{1B}[2Ka")
    #expect(update.show(["a", "b"], columns: 79, rows: 1) == "\u{1B}[2J\u{1B}[1;1H\u{1B}[2Ka")
  }

  @Test func texts() {
    #expect("abcdef".clipped(to: 4) == "abc…")
    #expect("日本語".clipped(to: 5) == "日本…" && "日本語".clipped(to: 6) == "日本語")
    #expect("abc".clipped(to: 0) == "")
    #expect(coarse(ms: 59_999) == "0 min" && coarse(ms: 3_700_000) == "1 h 1 min")
    #expect(coarse(ms: 90_000_000) == "1 d 1 h")
  }

  @Test(arguments: ["q", "SIGINT", "SIGTERM"]) func aTerminal(end: String) async throws {
    let device = try await FakeDevice(.golden)
    let terminal = try PseudoTerminal(columns: 80, rows: 24)
    #expect(terminal.echoes)
    let process = Process()
    process.executableURL = wpctlProgram
    process.arguments = ["top", "--device", device.name]
    process.environment = ["TERM": "xterm"].merging(sanitizerOptions) { $1 }
    let handle = FileHandle(fileDescriptor: terminal.slave, closeOnDealloc: false)
    process.standardInput = handle
    process.standardOutput = handle
    process.standardError = FileHandle.nullDevice
    try process.run()
    // The golden device tells of two events as soon as somebody subscribes.
    #expect(try await terminal.waits { $0.components(separatedBy: "cameraConnected").count == 3 })
    #expect(terminal.text.hasPrefix("\u{1B}[?1049h\u{1B}[?25l"))
    #expect(!terminal.echoes)

    // Several polls in which nothing changes write nothing.
    try await Task.sleep(for: .milliseconds(500))
    let before = terminal.count
    try await Task.sleep(for: .seconds(4))
    #expect(terminal.count - before == 0, "bytes in 4 s")

    terminal.resize(columns: 100, rows: 30)
    kill(process.processIdentifier, SIGWINCH)
    #expect(try await terminal.waits { $0.components(separatedBy: "\u{1B}[2J").count == 3 })
    switch end {
    case "q": terminal.type("q")
    case "SIGINT": kill(process.processIdentifier, SIGINT)
    default: kill(process.processIdentifier, SIGTERM)
    }
    #expect(try await terminal.waits { $0.hasSuffix("\u{1B}[?25h\u{1B}[?1049l") })
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
    #expect(terminal.echoes)
    terminal.hangUp()
    await device.stop()
  }

  /// A device that goes away is said so, and shown again when it is back.
  @Test func aDeviceThatGoesAway() async throws {
    let device = try await FakeDevice(.golden)
    let name = device.name
    let terminal = try PseudoTerminal(columns: 80, rows: 24)
    let process = Process()
    process.executableURL = wpctlProgram
    process.arguments = ["top", "--device", name, "--timeout", "10"]
    process.environment = ["TERM": "xterm"].merging(sanitizerOptions) { $1 }
    let handle = FileHandle(fileDescriptor: terminal.slave, closeOnDealloc: false)
    (process.standardInput, process.standardOutput) = (handle, handle)
    process.standardError = FileHandle.nullDevice
    try process.run()
    #expect(try await terminal.waits { $0.contains("cameraConnected") })
    await device.stop()
    await device.disconnect()
    #expect(try await terminal.waits { $0.contains("Cannot connect to \(name)") })
    terminal.type("q")
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
    terminal.hangUp()
  }
}
