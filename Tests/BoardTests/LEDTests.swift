import Appliance
import ControlClient
import EmulatedBoard
import Foundation
import Testing
import Wire

/// What one line showed: the lengths of its light and dark times, from its edges.
struct Rhythm {
  /// Milliseconds, in order; true: light.
  var times: [(on: Bool, ms: Double)] = []

  init(_ edges: [Journal<PinEdge>.Entry], line: Int) {
    let own = edges.filter { $0.value.line == line }
    for (edge, next) in zip(own, own.dropFirst()) {
      times.append((edge.value.isHigh, (next.at - edge.at).milliseconds))
    }
  }

  /// Whether one whole period of `pattern` was seen, each time right within a quarter or 60 ms: the
  /// emulator's own unevenness, well below the difference between any two codes.
  func shows(_ pattern: LEDPattern) -> Bool {
    guard pattern.count > 0, times.count >= pattern.count else { return false }
    return (0...(times.count - pattern.count)).contains { start in
      (0..<pattern.count).allSatisfy { offset in
        let time = times[start + offset]
        let wanted = Double(pattern[offset])
        return time.on == (offset % 2 == 0) && abs(time.ms - wanted) <= max(wanted / 4, 60)
      }
    }
  }
}

/// The GPIO lines of board/qemu-arm64.
let ledLines: [LED: Int] = [.power: 0, .camera: 1, .link: 2]

/// Waits until the line of a code shows it: its rhythm, or its level without an edge for 2.5 s
/// (longer than any dark or light time of a code).
func see(
  _ code: LEDCode, on board: EmulatedBoard, line: Int? = nil,
  within limit: Duration = .seconds(40),
  sourceLocation: SourceLocation = #_sourceLocation
) async throws {
  let line = try line ?? #require(code.led.flatMap { ledLines[$0] })
  if let seen = try await look(for: code, on: board, line: line, within: limit) {
    Issue.record(
      "code \(code) was not seen on line \(line); times: \(seen)", sourceLocation: sourceLocation)
  }
}

/// The same without an issue: what was seen instead of the code, or nil.
func look(
  for code: LEDCode, on board: EmulatedBoard, line: Int, within limit: Duration
) async throws -> String? {
  let from = board.pins.count
  let deadline = ContinuousClock.now + limit
  var quietSince = ContinuousClock.now
  var known = from
  while ContinuousClock.now < deadline {
    try await Task.sleep(for: .milliseconds(100))
    let edges = board.pins.entries(from: from)
    if code.pattern.count > 0 {
      if Rhythm(edges, line: line).shows(code.pattern) { return nil }
      continue
    }
    if let last = edges.last(where: { $0.value.line == line }), last.index >= known {
      known = last.index + 1
      quietSince = ContinuousClock.now
    }
    guard ContinuousClock.now - quietSince > .milliseconds(2500) else { continue }
    let isHigh = try await board.pinLevels() & (1 << UInt8(line)) != 0
    if isHigh == code.pattern.level(elapsedMs: 0).on { return nil }
  }
  return Rhythm(board.pins.entries(from: from), line: line).times.suffix(12)
    .map { "\($0.on ? "on" : "off") \(Int($0.ms))" }.joined(separator: ", ")
}

extension OnTheBoard {
  /// Every code that the product shows today, seen as edges on the GPIO controller's lines.
  @Suite(.serialized) struct LEDTests {
    /// A start takes a fraction of a second, too short to see a rhythm; with a MediaMTX that ends
    /// at once it takes as long as the board waits for one.
    @Test(.timeLimit(.minutes(3)))
    func starting() async throws {
      let card = try Card.editing(
        configuration: """
          [led]
          power = gpiochip0:0
          [mediamtx]
          path = /bin/busybox
          """, image: Bench.imageFolder)
      defer { card.remove() }
      try await Bench.withBoard(.normal.with(card: .file(card.path))) { board in
        try await see(.starting, on: board)
        try await see(.failed, on: board)
      }
    }

    @Test(.timeLimit(.minutes(5)))
    func healthAndCamera() async throws {
      try await Bench.withBoard(.debugging) { board in
        let technician = try await Technician.arrive(at: board)
        try await technician.health(within: .seconds(60), "healthy") { $0.state.known == .healthy }
        try await see(.healthy, on: board)
        try await see(.noCamera, on: board)
        try await see(.client, on: board)
        try await board.plug()
        _ = try await technician.events.first(.cameraConnected)
        try await see(.ready, on: board)
        await board.unplug(.usb0)
        try await see(.cameraAbsent, on: board)

        // All three together, then back.
        try await technician.connection.identify(durationMs: 8000)
        for line in 0...2 { try await see(.identify, on: board, line: line) }
        try await technician.connection.identify(durationMs: 0)
        try await see(.healthy, on: board)

        // MediaMTX flapping: the device does not do its job.
        let up = try await technician.mediaServerUp()
        _ = try await board.shell(
          "echo flap > /run/watchpost/mediamtx/standin.faults; kill -9 \(up.pid)")
        try await see(.failed, on: board)
        await technician.leave()
        try await see(.address, on: board)
        try await board.setLink(up: false)
        try await see(.noLink, on: board)
      }
    }

    @Test(.timeLimit(.minutes(4)))
    func wrongConfigurationMissingCardAndStopping() async throws {
      let card = try Card.editing(
        configuration: """
          [control]
          trusted = 127.0.0.0/8, 10.0.2.2/32
          slots = many
          """, image: Bench.imageFolder)
      defer { card.remove() }
      try await Bench.withBoard(.normal.with(card: .file(card.path))) { board in
        let technician = try await Technician.arrive(at: board)
        try await technician.health("told of the configuration") {
          $0.reasons.contains(.configurationInvalid)
        }
        try await see(.configurationInvalid, on: board)
        await technician.leave()
      }
      try await Bench.withBoard(.normal.with(card: .none)) { board in
        let technician = try await Technician.arrive(at: board)
        try await technician.health("told of the missing card") {
          $0.reasons.contains(.dataMissing)
        }
        try await see(.dataUnavailable, on: board)
        await technician.leave()
      }
    }

    /// Camera faults. The driver itself gives no such fault on demand, so the node in /dev is made
    /// to: first it is missing, then it is a device that somebody holds (the watchdog's).
    @Test(.timeLimit(.minutes(5)))
    func cameraFaults() async throws {
      try await Bench.withBoard(.debugging) { board in
        let technician = try await Technician.arrive(at: board)
        try await technician.health("past its start") { $0.state.known != .starting }
        try await board.plug()
        let name = try await technician.events.first(.cameraConnected).subject
        let node = try await technician.connection.camera(name).node.string
        await technician.leave()
        _ = try await board.shell("rm /dev/\(node); kill -9 \(board.agent())")
        try await see(.cameraFailed, on: board)
        _ = try await board.shell("busybox mknod /dev/\(node) c 10 130; kill -9 \(board.agent())")
        try await see(.cameraBusy, on: board)
        await board.unplug(.usb0)
        _ = try await board.shell("rm -f /dev/\(node)")

        // More cameras than slots.
        let types = Array(repeating: "0x1", count: 40).joined(separator: ",")
        let loaded = try await board.shell(
          "grep ^vivid /etc/modules.shelf | while read m f; do case $f in "
            + "*/vivid.ko) a='n_devs=40 node_types=\(types)';; *) a=;; esac; "
            + "busybox insmod $f $a; done; grep -q ^vivid /proc/modules", within: .seconds(120))
        // Logs come in between, also in the middle of a line.
        #expect(loaded.status == 0, "\(loaded.output)")
        // Thirty-two feeds that code pictures are too many for the emulated board: some fail, which
        // the LED tells first.
        let crowded = try await Technician.arrive(at: board)
        try await crowded.health(within: .seconds(120), "told of a camera without a slot") {
          $0.reasons.contains(.noCameraSlot)
        }
        await crowded.leave()
      }
    }

    /// A link without an address, and an orderly stop that MediaMTX delays.
    @Test(.timeLimit(.minutes(4)))
    func noAddressAndStopping() async throws {
      let card = try Card.editing(
        configuration: """
          [control]
          trusted = 127.0.0.0/8, 10.0.2.2/32
          [network]
          mode = off
          [led]
          power = gpiochip0:0
          camera = gpiochip0:1
          link = gpiochip0:2
          """, image: Bench.imageFolder)
      defer { card.remove() }
      try await Bench.withBoard(.debugging.with(card: .file(card.path))) { board in
        _ = try await board.shell("busybox ifconfig eth0 up")
        try await see(.noAddress, on: board)
        _ = try await board.shell("busybox ifconfig eth0 10.0.2.15")
        let technician = try await Technician.arrive(at: board)
        try await technician.mediaServerUp()
        _ = try await board.shell(
          "echo ignore-sigterm > /run/watchpost/mediamtx/standin.faults; "
            + "kill -USR1 \(board.processes("/bin/mediamtx").first ?? 0)")
        try await technician.connection.shutdown()
        try await see(.stopping, on: board)
        _ = try await board.waitForPowerOff()
        await technician.leave()
      }
    }

    /// The light follows the state within 100 ms: from the event's report of the unplugged camera
    /// to the edge of the camera LED.
    @Test(.timeLimit(.minutes(4)))
    func lightFollowsTheState() async throws {
      try await Bench.withBoard { board in
        let technician = try await Technician.arrive(at: board)
        try await technician.health("past its start") { $0.state.known != .starting }
        var samples: [Double] = []
        for _ in 0..<5 {
          let from = await technician.events.count
          try await board.plug()
          _ = try await technician.events.first(.cameraConnected, from: from)
          try await see(.ready, on: board)
          let edges = board.pins.count
          await board.unplug(.usb0)
          let told = try await technician.events.first(.cameraDisconnected, from: from)
          let seenAt = ContinuousClock.now
          let edge = try await board.pins.first("edge of the camera LED", from: edges) {
            $0.line == 1
          }
          #expect(told.subject.count > 0)
          samples.append(max(0, (edge.at - seenAt).milliseconds))
        }
        expectMedian(
          samples, atMostMs: 100, "`camera disconnected` at the client to the LED's edge")
        await technician.leave()
      }
    }
  }
}
