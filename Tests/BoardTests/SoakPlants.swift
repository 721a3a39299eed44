import ControlClient
import EmulatedBoard
import Foundation
import Wire

/// A rule broken on purpose: a soak that does not tell of it would tell of nothing.
enum SoakPlant: String, CaseIterable, Sendable {
  /// A second MediaMTX is started behind the agent's back.
  case secondServer
  /// The agent is stopped for a while, short of the watchdog's bite.
  case agentStopped
  /// The LEDs show which box this is, and health does not tell.
  case lightsChanged
  /// A complete recording is removed behind the agent's back.
  case recordingRemoved
  /// An event is lost on its way to the listener's books.
  case eventLost
  /// The agent's memory is told to have been smaller at first.
  case memoryGrown
  /// A fault is awaited that is not there.
  case faultNotThere
  /// The agent is killed, and it was not the soak.
  case agentKilled
  /// The agent is stopped until the watchdog bites, and it was not the soak.
  case agentHung
  /// A camera is unplugged and stays so.
  case cameraMissing

  /// What must be told.
  var rules: Set<SoakRule> {
    switch self {
    case .secondServer: [.oneMediaServer]
    case .agentStopped: [.promptPing, .operatorServed, .oneAnswer]
    case .lightsChanged: [.lightsTell]
    case .recordingRemoved: [.recordingsStay]
    case .eventLost: [.eventsCounted]
    case .memoryGrown: [.memoryStays]
    case .faultNotThere: [.told]
    case .agentKilled: [.noReset, .promptPing]
    // Its connections stay open without an answer.
    case .agentHung: [.noReset, .oneAnswer]
    case .cameraMissing: [.converges]
    }
  }
}

extension Soak {
  /// Breaks the rule, and looks as after a step.
  func plant(_ plant: SoakPlant) async throws {
    switch plant {
    case .secondServer:
      // Without a listener it does not get into the other's way, and ends by itself.
      _ = try await board.shell(
        "mkdir -p /run/other && cd /run/other && echo no-listen > standin.faults && "
          + "(busybox timeout 6 /bin/mediamtx /run/watchpost/mediamtx/mediamtx.yml "
          + "< /dev/null > /dev/null 2>&1 &); cd /")
      try await Task.sleep(for: .seconds(2))
    case .agentStopped: try await stopAgent()
    case .lightsChanged: try await desk.identify(durationMs: 20_000)
    case .recordingRemoved: try await removeRecording()
    case .eventLost:
      observers.loseNextEvent()
      try await desk.identify(durationMs: 300)
    case .memoryGrown:
      memory.begin()
      _ = memory.take(try await health().memoryKiB - MemoryLedger.growthKiB - 1)
    case .faultNotThere:
      try await demand("nothing is well", within: .seconds(1)) { $0.state.known == .failed }
    case .agentKilled: _ = try await board.shell("kill -9 \(board.agent())")
    case .agentHung:
      let bites = board.machineEvents.count
      _ = try await board.shell("kill -STOP \(board.agent())")
      _ = try await board.machineEvents.first(
        "watchdog's bite", from: bites, within: .seconds(60)
      ) { $0.name == "WATCHDOG" }
    case .cameraMissing: await board.unplug(ports[0])
    }
    if let trouble = try await converge(within: .seconds(plant == .cameraMissing ? 5 : 60)) {
      return violations.add(.converges, trouble)
    }
    try await check(factor: 1, isHard: true)
  }

  /// Longer than an answer may take, and shorter than the watchdog waits.
  private func stopAgent() async throws {
    let agent = try await board.agent()
    let port = UInt16(try await Reception.address(of: board).port)
    _ = try await board.shell("kill -STOP \(agent)")
    let outcome = await SoakCrowd(port: port, connections: 2).ask(
      requests: 4, lasts: .zero, within: .seconds(3))
    violations.add(.oneAnswer, outcome.complaints)
    _ = try await board.shell("kill -CONT \(agent)")
  }

  /// The newest that is complete; one is made first.
  private func removeRecording() async throws {
    _ = try await desk.stopRecording(names[1])
    let file = try await poll(within: .seconds(20)) {
      let files = try await listFiles()
      let isOpen = files.contains { $0.state.known == .open }
      let last = files.last { $0.state.known == .complete }
      return last.map { isOpen ? .failure(BoardError("a file is open")) : .success($0) }
        ?? .failure(BoardError("no recording is complete"))
    }
    // Now it is known.
    try await checkRecordings(verifying: 1)
    _ = try await board.shell("rm /data/recordings/\(names[1].string)/\(file.name.string)")
    _ = try await desk.startRecording(names[1])
  }
}
