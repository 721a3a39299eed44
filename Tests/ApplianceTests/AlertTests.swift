import Testing
import Wire

@testable import Appliance

/// Levels, thresholds and hysteresis, sample by sample.
@Suite struct AlertTests {
  private static func world(_ change: @escaping (inout Configuration) -> Void = { _ in }) -> World {
    World.up {
      ($0.alerts.raiseS, $0.alerts.clearS) = (3, 10)
      change(&$0)
    }
  }

  /// Samples of one alert's value, one a second.
  private func send(_ values: [UInt32], of alert: Alert = .slots, to world: World) {
    for value in values {
      var sample = Sample()
      sample.throughput = 1000
      switch alert {
      case .latency: sample.latencyUs = value
      case .errors: sample.errors = value
      case .cpu: sample.cpu = value
      case .memory: sample.memory = value
      case .connections: sample.connections = value
      case .queue: sample.queue = value
      case .slots: sample.slots = value
      case .throughput: sample.throughput = value
      }
      world.run(1000)
      world.send(.sampled(sample))
    }
  }

  private func levels(_ world: World, _ alert: Alert = .slots) -> [UInt32] {
    world.events(.alertChanged).map(\.event.value).filter { UInt8($0 & 0xFF) == alert.rawValue }
      .map { $0 >> 8 }
  }

  @Test func raisedAfterThreeSecondsAndClearedAfterTen() throws {
    let world = Self.world()
    send([899, 900, 900], to: world)
    #expect(levels(world).isEmpty && world.health.state == .healthy)
    send([912], to: world)
    #expect(levels(world) == [1])
    let told = try #require(world.events(.alertChanged).last?.event)
    #expect(String(told.detail) == "slots: warning, 91.2 % (from 90.0 %)")
    #expect(world.health == Health(state: .degraded, reasons: .slotsNearlyFull))
    // Better, but not clearly so: it stays for ever.
    send([UInt32](repeating: 810, count: 60), to: world)
    #expect(levels(world) == [1])
    send([UInt32](repeating: 809, count: 9), to: world)
    #expect(levels(world) == [1])
    send([809], to: world)
    #expect(levels(world) == [1, 0] && world.health.state == .healthy)
    #expect(
      world.events(.alertChanged).last.map { String($0.event.detail) }
        == "slots: cleared, 80.9 % (from 90.0 %)")
  }

  /// Anything that interrupts the row begins it anew, in both directions.
  @Test func onlySecondsOnEndCount() {
    let world = Self.world()
    send([900, 900, 0, 900, 900, 0, 900, 900], to: world)
    #expect(levels(world).isEmpty)
    send([900], to: world)
    #expect(levels(world) == [1])
    send([UInt32](repeating: 0, count: 9) + [850] + [UInt32](repeating: 0, count: 9), to: world)
    #expect(levels(world) == [1])
  }

  @Test func fromNothingToCriticalAndBackByWarning() {
    let world = Self.world()
    send([1000, 1000, 1000], to: world)
    #expect(levels(world) == [2])
    // Below nine tenths of 950, but not of 900.
    send([UInt32](repeating: 850, count: 10), to: world)
    #expect(levels(world) == [2, 1])
    #expect(
      world.events(.alertChanged).map { String($0.event.detail) } == [
        "slots: critical, 100.0 % (from 95.0 %)", "slots: warning, 85.0 % (from 90.0 %)",
      ])
    send([UInt32](repeating: 0, count: 10), to: world)
    #expect(levels(world) == [2, 1, 0])
  }

  /// A row that calls for critical and for warning in turn reaches what all of it called for.
  @Test func aMixedRowReachesTheMilderLevel() {
    let world = Self.world()
    send([960, 910, 960], to: world)
    #expect(levels(world) == [1])
    send([960, 960, 960], to: world)
    #expect(levels(world) == [1, 2])
    send([0, 0, 0, 0, 0, 850, 0, 0, 0, 0], to: world)
    #expect(levels(world) == [1, 2, 1])
  }

  @Test(arguments: [
    (Alert.latency, UInt32(500_000), UInt32(1_000_000), HealthReasons.latencyHigh),
    (.errors, 20, 50, .errorsMany), (.cpu, 750, 900, .cpuBusy), (.memory, 850, 950, .memoryShort),
    (.connections, 0, 50, .connectionsFailing), (.queue, 750, 0, .queueLong),
    (.slots, 900, 950, .slotsNearlyFull),
  ])
  func everyAlertHasTheThresholdsOfTheRequirements(
    alert: Alert, warning: UInt32, critical: UInt32, reason: HealthReasons
  ) {
    let world = Self.world()
    let first = warning > 0 ? warning : critical
    send([first - 1, first - 1, first - 1], of: alert, to: world)
    #expect(levels(world, alert).isEmpty)
    send([first, first, first], of: alert, to: world)
    #expect(levels(world, alert) == [warning > 0 ? 1 : 2])
    #expect(world.health.reasons == reason)
    if warning > 0 && critical > 0 {
      send([critical, critical, critical], of: alert, to: world)
      #expect(levels(world, alert) == [1, 2])
    }
    send([UInt32](repeating: 0, count: 30), of: alert, to: world)
    #expect(levels(world, alert).last == 0 && world.health.reasons.isEmpty)
  }

  /// The one that is raised by too little, and only where a floor is configured.
  @Test func throughputHasAFloor() {
    let world = Self.world { $0.alerts.throughput = .init(100, 50) }
    send([100, 100, 100], of: .throughput, to: world)
    #expect(levels(world, .throughput).isEmpty)
    send([99, 99, 99], of: .throughput, to: world)
    #expect(levels(world, .throughput) == [1])
    #expect(world.health.reasons == .throughputLow)
    send([10, 10, 10], of: .throughput, to: world)
    #expect(levels(world, .throughput) == [1, 2])
    send([UInt32](repeating: 109, count: 40), of: .throughput, to: world)
    #expect(levels(world, .throughput) == [1, 2, 1], "not clearly above the floor")
    send([UInt32](repeating: 110, count: 10), of: .throughput, to: world)
    #expect(levels(world, .throughput) == [1, 2, 1, 0])
    let without = Self.world()
    send([0, 0, 0, 0], of: .throughput, to: without)
    #expect(levels(without, .throughput).isEmpty)
  }

  /// A silent second has neither slow answers nor errors.
  @Test func silenceClears() {
    let world = Self.world()
    send([600_000, 600_000, 600_000], of: .latency, to: world)
    #expect(levels(world, .latency) == [1])
    for _ in 0..<10 {
      world.run(1000)
      world.send(.sampled(Sample()))
    }
    #expect(levels(world, .latency) == [1, 0])
  }

  @Test func theListTellsEverything() throws {
    let world = Self.world { $0.alerts.slots = .init(500, 0) }
    send([600, 600, 600, 600], to: world)
    var bytes = [UInt8](repeating: 0xEE, count: 512)
    let count = world.read { appliance in
      bytes.withUnsafeMutableBytes { room in
        var writer = ByteWriter(room)
        appliance.writeAlertList(now: world.instant, into: &writer)
        return writer.count
      }
    }
    let entries = try bytes[..<count].withUnsafeBytes { payload in
      var (head, reader) = try AlertListHead.open(payload)
      return try (0..<Int(head.count)).map { _ in try AlertEntry(from: &reader) }
    }
    #expect(entries.map(\.alert.rawValue) == [UInt8](0..<UInt8(Alert.count)))
    let slots = entries[Int(Alert.slots.rawValue)]
    #expect(slots.level == .warning && slots.value == 600 && slots.raised == 1)
    #expect(slots.warning == 500 && slots.critical == 0 && slots.levelForMs == 1000)
    #expect(entries[Int(Alert.cpu.rawValue)].warning == 750)
  }
}
