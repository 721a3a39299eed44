import Testing
import Wire

@testable import Appliance

/// USB ports in the fake world, and what steps at them do.
struct FakeSteps {
  /// What becomes of a step.
  enum Plan: Equatable {
    /// The device leaves and comes back.
    case replugs
    /// The device leaves, and does not come back.
    case takesAway
    /// Nothing happens but that the process ends so.
    case exits(ChildStatus)
    /// Its process hangs.
    case hangs
  }

  var plans: [RecoveryRung: Plan] = [
    .reauthorise: .replugs, .portPower: .exits(.code(RecoveryExit.unsupported)),
  ]
  /// After this step, feeds work.
  var cure: RecoveryRung?
  var ignoreKill = false
  var alive = 0
  var mostAlive = 0
  /// What was plugged in last, by port.
  var plugged: [String: DeviceFacts] = [:]
}

extension World {
  func takeStep(_ rung: RecoveryRung, _ slot: Int, _ life: UInt32, _ port: String) {
    precondition(feeds[slot] == nil || feedsIgnoreKill, "a step while a feed runs")
    precondition(!probeAlive(slot) || probesIgnoreKill, "a step while a probe runs")
    steps.alive += 1
    steps.mostAlive = max(steps.mostAlive, steps.alive)
    later(1) { $0.send(.childStarted(.recovery(slot: slot), life: life, pid: 900 + Int32(slot))) }
    let device = steps.plugged[port]
    switch steps.plans[rung] ?? .hangs {
    case .hangs: return
    case .exits(let status): return later(10) { $0.endStep(slot, life, status) }
    case .takesAway:
      if let device { later(5) { $0.unplug(String(device.node)) } }
      later(10) { $0.endStep(slot, life, .code(RecoveryExit.done)) }
    case .replugs:
      if let device { later(5) { $0.unplug(String(device.node)) } }
      later(500) { world in
        if world.steps.cure == rung { world.feedPlan = .works }
        if let device { world.plug(device) }
      }
      later(520) { $0.endStep(slot, life, .code(RecoveryExit.done)) }
    }
  }

  func endStep(_ slot: Int, _ life: UInt32, _ status: ChildStatus) {
    steps.alive -= 1
    send(.childExited(.recovery(slot: slot), life: life, status))
  }

  /// Times at which a step was asked for.
  func stepsTaken(_ rung: RecoveryRung) -> [UInt64] {
    log.filter {
      switch $0.effect {
      case .reauthorise: rung == .reauthorise
      case .cyclePower: rung == .portPower
      default: false
      }
    }.map(\.ms)
  }

  /// What a client is told of a camera's recovery.
  func recovery(_ name: String) -> (RecoveryReport, [RecoveryStep]) {
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 512, alignment: 8)
    defer { memory.deallocate() }
    var writer = ByteWriter(memory)
    do {
      try read {
        try $0.writeRecovery(Text(name), now: instant, into: &writer)
      }
    } catch {
      Issue.record("no recovery of \(name): \(error)")
      return (RecoveryReport(), [])
    }
    var reader = ByteReader(UnsafeRawBufferPointer(writer.written))
    let report = RecoveryReport(from: &reader)
    let steps = (0..<Int(report.count)).map { _ in RecoveryStep(from: &reader) }
    #expect(reader.remaining == 0)
    return (report, steps)
  }
}
