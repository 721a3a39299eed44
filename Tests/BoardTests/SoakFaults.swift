import ControlClient
import EmulatedBoard
import Foundation
import Testing
import Wire

/// What is done to the board in each step.
extension Soak {
  private static let faultFile = "/run/watchpost/mediamtx/standin.faults"

  /// Does it, lets it last, and undoes it; what it hit.
  func inflict(_ step: SoakStep) async throws -> String {
    let lasts = Duration.milliseconds(step.lastsMs)
    let index = Int(step.subject % 2)
    switch step.fault {
    case .unplugged: return try await unplug(index, lasts)
    case .swapped: return try await swap(lasts)
    case .silent: return try await silence(index, lasts)
    case .feedKilled: return try await signalFeed("9", step.subject)
    case .feedStopped: return try await signalFeed("STOP", step.subject)
    case .mediaKilled: return try await signalServer("9")
    case .mediaStopped: return try await signalServer("STOP")
    case .mediaCrashes: return try await tellServer("crash", "USR1", lasts)
    case .mediaHangs: return try await tellServer("hang", "USR1", lasts)
    case .mediaPoisoned: return try await tellServer("poison", "USR1", lasts)
    case .mediaSlow: return try await tellServer("slow-api 1500", "USR1", lasts)
    case .mediaExits: return try await tellServer("exit0", "9", lasts)
    case .mediaFlaps: return try await tellServer("flap", "9", lasts)
    case .mediaDeaf: return try await tellServer("no-listen", "9", lasts)
    case .diskFull: return try await fill(lasts)
    case .diskFails:
      try await board.setCardFaults([.errors(.write, sector: nil)])
      try await demand("the card fails", within: .seconds(60)) {
        $0.reasons.intersects(.dataFailing | .dataReadOnly)
      }
      try await Task.sleep(for: lasts)
      try await board.setCardFaults([])
      return "every write: EIO"
    case .diskHangs:
      try await board.setCardHanging(true)
      try await Task.sleep(for: lasts)
      try await board.setCardHanging(false)
      return "\(step.lastsMs) ms"
    case .diskSlow:
      let rate = 16 << 10 + Int(step.subject % 8) * (16 << 10)
      try await board.slowCard(to: rate)
      try await Task.sleep(for: lasts)
      try await board.slowCard(to: nil)
      return "\(rate >> 10) KiB/s"
    case .agentKilled:
      let agent = try await board.agent()
      caused.agents += 1
      _ = try await board.shell("kill -9 \(agent)")
      return "agent \(agent)"
    case .powerCut: return try await cutPower(lasts)
    case .rebooted: return try await reboot()
    case .clockJumps: return try await jump(step, lasts)
    case .linkDown: return try await pullCable(lasts)
    case .button: return try await press(lasts)
    case .clientsStall, .crowd, .garbage: return try await meet(step, lasts)
    }
  }

  // MARK: Cameras

  private func unplug(_ index: Int, _ lasts: Duration) async throws -> String {
    await board.unplug(ports[index])
    // REQ-PERF 002: seen and reported within 2 s; and then time for the LED.
    if lasts >= .milliseconds(2500) {
      let report = try await demand("one camera is absent", within: .seconds(2)) {
        $0.camerasPresent == 1 && $0.camerasKnown == 2
      }
      if let report { try await checkLights(of: report, factor: HostLoad.factor) }
    }
    try await Task.sleep(for: lasts)
    try await plug(index)
    return "\(names[index].string) in \(ports[index].rawValue)"
  }

  private func swap(_ lasts: Duration) async throws -> String {
    for port in ports { await board.unplug(port) }
    try await Task.sleep(for: lasts)
    ports.swapAt(0, 1)
    for index in ports.indices { try await plug(index) }
    return "\(names[0].string) in \(ports[0].rawValue)"
  }

  private func silence(_ index: Int, _ lasts: Duration) async throws -> String {
    await board.unplug(ports[index])
    try await plug(index, fault: .stalls(afterFrames: 60))
    let report = try await demand("a camera is stalled", within: .seconds(40)) {
      $0.state.known == .degraded && $0.reasons.contains(.cameraStalled)
    }
    if let report { try await checkLights(of: report, factor: HostLoad.factor) }
    try await Task.sleep(for: lasts)
    await board.unplug(ports[index])
    try await plug(index)
    return names[index].string
  }

  private func signalFeed(_ signal: String, _ subject: UInt64) async throws -> String {
    let feeds = try await board.feeds()
    let feed = try #require(feeds.isEmpty ? nil : feeds[Int(subject % UInt64(feeds.count))])
    let starts = try await desk.metrics()[.feedStarts]
    _ = try await board.shell("kill -\(signal) \(feed)")
    let deadline = ContinuousClock.now + .seconds(15) * HostLoad.factor
    while try await desk.metrics()[.feedStarts] == starts {
      guard ContinuousClock.now < deadline else {
        violations.add(.told, "feed \(feed) has got signal \(signal), and no successor")
        break
      }
      try await Task.sleep(for: .milliseconds(100))
    }
    return "feed \(feed)"
  }

  // MARK: MediaMTX

  private func signalServer(_ signal: String) async throws -> String {
    let server = try #require(try await board.processes("/bin/mediamtx").first)
    _ = try await board.shell("kill -\(signal) \(server)")
    try await demandSuccessor(of: server)
    return "MediaMTX \(server)"
  }

  /// It takes some seconds to find out that it does not answer.
  private func demandSuccessor(of server: Int) async throws {
    try await demand("MediaMTX \(server) has a successor", within: .seconds(25)) {
      $0.mediaPid != 0 && $0.mediaPid != UInt32(server)
    }
  }

  /// Gives the stand-in a fault; it takes it at the signal, or in its next life.
  private func tellServer(
    _ fault: String, _ signal: String, _ lasts: Duration
  ) async throws -> String {
    let server = try #require(try await board.processes("/bin/mediamtx").first)
    _ = try await board.shell("echo \(fault) > \(Self.faultFile); kill -\(signal) \(server)")
    if ["exit0", "flap"].contains(fault) {
      try await demand("MediaMTX is down", within: .seconds(5)) {
        $0.state.known == .failed && $0.reasons.contains(.mediaServerDown)
      }
    }
    try await Task.sleep(for: lasts)
    _ = try await board.shell(
      "rm -f \(Self.faultFile); set -- $(busybox pidof mediamtx); [ $# = 0 ] || kill -USR1 $*")
    let isLasting = fault == "poison" || fault.hasPrefix("slow-api")
    // One that hangs is given two time-outs of two seconds, and may come back before they are over.
    let isShort = fault == "hang" && lasts < .seconds(8)
    if !isLasting, !isShort { try await demandSuccessor(of: server) }
    return "MediaMTX \(server)"
  }

  // MARK: The card

  private func fill(_ lasts: Duration) async throws -> String {
    _ = try await board.shell(
      "dd if=/dev/zero of=/data/filling bs=1M; sync", within: .seconds(120))
    let report = try await demand("the disk is full", within: .seconds(30)) {
      $0.state.known == .degraded && $0.reasons.contains(.storageCritical)
    }
    if let report { try await checkLights(of: report, factor: HostLoad.factor) }
    try await Task.sleep(for: lasts)
    _ = try await board.shell("rm /data/filling; sync", within: .seconds(60))
    return "\((report?.dataFreeBytes ?? 0) >> 20) MiB left"
  }

  // MARK: The board

  private func cutPower(_ lasts: Duration) async throws -> String {
    let uptimeS = lastReport.uptimeMs / 1000
    caused.boots += 1
    await board.powerCut()
    let cut = board.console.count
    try await Task.sleep(for: lasts)
    try await board.powerOn()
    try await board.waitForLine(
      containing: Bench.readyLine, from: cut, within: .seconds(60) * HostLoad.factor)
    try await watchInside()
    return "after \(uptimeS) s"
  }

  private func reboot() async throws -> String {
    let uptimeS = lastReport.uptimeMs / 1000
    caused.boots += 1
    let (lines, events) = (board.console.count, board.machineEvents.count)
    try await desk.reboot()
    _ = try await board.machineEvents.first(
      "reset", from: events, within: .seconds(30) * HostLoad.factor
    ) { $0.name == "RESET" }
    try await board.waitForLine(
      containing: Bench.readyLine, from: lines, within: .seconds(60) * HostLoad.factor)
    try await watchInside()
    return "after \(uptimeS) s"
  }

  /// Up to ten years into the past or the future, and back.
  private func jump(_ step: SoakStep, _ lasts: Duration) async throws -> String {
    let days = Int(step.subject % 7300) - 3650
    func move(_ seconds: Int) async throws {
      _ = try await board.shell("busybox date -s @$(($(busybox date +%s) + \(seconds)))")
    }
    try await move(days * 86_400)
    try await Task.sleep(for: lasts)
    try await move(-days * 86_400)
    return "\(days) days"
  }

  private func pullCable(_ lasts: Duration) async throws -> String {
    try await board.setLink(up: false)
    if lasts >= .seconds(3) {
      let line = try #require(ledLines[.link])
      let seen = try await look(
        for: .noLink, on: board, line: line, within: .seconds(8) * HostLoad.factor)
      if let seen { violations.add(.lightsTell, "link does not show noLink: \(seen)") }
    }
    try await Task.sleep(for: lasts)
    try await board.setLink(up: true)
    return "\(Int(lasts.milliseconds)) ms"
  }

  /// A short press opens the door to one client; the desk closes it.
  private func press(_ lasts: Duration) async throws -> String {
    let line = try #require(board.image.pins.button)
    try await board.drivePin(line, high: true)
    try await Task.sleep(for: .milliseconds(300))
    try await board.drivePin(line, high: false)
    try await pairing(is: .button)
    try await checkLights(of: try await health(), factor: HostLoad.factor, isPairing: true)
    try await Task.sleep(for: lasts)
    try await desk.cancelPairing()
    try await pairing(is: .closed)
    return "pairing for \(Int(lasts.milliseconds)) ms"
  }

  private func pairing(is state: PairingState) async throws {
    let deadline = ContinuousClock.now + .seconds(5) * HostLoad.factor
    while try await desk.identity().pairing.known != state {
      guard ContinuousClock.now < deadline else {
        return violations.add(.told, "pairing is not \(state)")
      }
      try await Task.sleep(for: .milliseconds(50))
    }
  }

  // MARK: Clients

  private func meet(_ step: SoakStep, _ lasts: Duration) async throws -> String {
    let port = UInt16(try await Reception.address(of: board).port)
    let limit = Duration.seconds(15) * HostLoad.factor
    func crowd(_ connections: UInt64) -> SoakCrowd {
      SoakCrowd(port: port, connections: Int(connections))
    }
    switch step.fault {
    case .clientsStall:
      let stalling = crowd(2 + step.subject % 6)
      let outcome = await stalling.stall(lasts: lasts)
      return "\(stalling.connections) clients, \(outcome.ended) ended"
    case .garbage:
      let babbling = crowd(4 + step.subject % 12)
      let outcome = await babbling.babble(seed: step.subject, within: limit)
      violations.add(.oneAnswer, outcome.complaints)
      return "\(babbling.connections) clients, \(outcome.ended) ended"
    default:
      // More than there are slots, half of the time.
      let flood = crowd(60 + step.subject % 140)
      let outcome = await flood.ask(requests: 8, lasts: lasts, within: limit)
      violations.add(.oneAnswer, outcome.complaints)
      return "\(flood.connections) clients, \(outcome.answers) answers, \(outcome.ended) ended"
    }
  }
}
