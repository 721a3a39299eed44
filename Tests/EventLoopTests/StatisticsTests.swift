import Appliance
import Testing
import Wire

@testable import EventLoop

/// Histograms, the samples of a second, and the alerts that come of real causes.
@Suite struct StatisticsTests {
  /// Statistics with their memory.
  private struct Room: ~Copyable {
    var statistics: Statistics
    private let memory: UnsafeMutableBufferPointer<UInt32>

    init() {
      memory = .allocate(capacity: Statistics.memory)
      statistics = Statistics(memory, now: Instant(ms: 0))
    }

    deinit { memory.deallocate() }
  }

  @Test func bucketsAreAsExactAsTheySay() {
    var last = -1
    var us: UInt64 = 0
    while us < 1 << 27 {
      let bucket = Statistics.bucket(of: us)
      #expect(bucket >= last && bucket <= last + 1 && bucket < Statistics.buckets)
      last = bucket
      let told = Statistics.middle(of: bucket)
      let error = max(told, us) - min(told, us)
      #expect(error * 16 <= us, "\(us) is told as \(told)")
      us += max(1, us / 100)
    }
    #expect(Statistics.bucket(of: .max) == Statistics.buckets - 1)
  }

  @Test func percentilesOfKnownTimes() {
    var room = Room()
    for us in 1...1000 as ClosedRange<UInt64> { room.statistics.record(1, us: us, count: 3) }
    room.statistics.recordError(1)
    let summary = room.statistics.summary(1)
    #expect(summary.errors == 1)
    for (told, true_) in [(summary.p50Us, 500.0), (summary.p95Us, 950.0), (summary.p99Us, 990.0)] {
      #expect(abs(Double(told) - true_) <= true_ / 16)
    }
    #expect(summary.largestUs == 1000 && summary.longestUs == 1000)
    #expect(room.statistics.summary(2) == OperationStatistics())
    let second = room.statistics.takeSecond()
    #expect(second.map { abs(Double($0) - 950) <= 950 / 16 } == true)
    #expect(room.statistics.takeSecond() == nil)
  }

  /// What is older than two windows is forgotten; the longest of the life is not.
  @Test func windowsForget() {
    var room = Room()
    room.statistics.record(1, us: 5000, count: 1)
    room.statistics.turnWindow(now: Instant(ms: 29_999))
    room.statistics.turnWindow(now: Instant(ms: 30_000))
    room.statistics.record(1, us: 10, count: 1)
    #expect(room.statistics.summary(1).largestUs == 5000)
    room.statistics.turnWindow(now: Instant(ms: 60_000))
    #expect(room.statistics.summary(1).largestUs == 10)
    #expect(room.statistics.summary(1).longestUs == 5000)
    // A long silence empties both.
    room.statistics.turnWindow(now: Instant(ms: 500_000))
    #expect(room.statistics.summary(1).p99Us == 0)
  }

  // MARK: In the loop

  private func metrics(_ fixture: inout Fixture) throws -> MetricValues {
    let client = fixture.loop.system.connect(request(.metrics))
    fixture.turns(3)
    let answer = try #require(replies(fixture.loop.system.peers[client]!.received)?.first)
    fixture.loop.system.peers[client]!.ended = true
    fixture.turns(1)
    return try answer.payload.withUnsafeBytes { try MetricValues.decode($0) }
  }

  @Test func operationsAreTimedAndCounted() throws {
    var fixture = Fixture()
    fixture.loop.system.sendUs = 300
    let client = fixture.loop.system.connect(ping(id: 1) + ping(id: 2) + request(.health))
    fixture.turns(2)
    fixture.loop.system.peers[client]!.chunks = [
      request(.cameraStatus, Array("nobody".utf8) + [UInt8](repeating: 0, count: 26)),
      request(.reboot, [1]),
    ]
    fixture.turns(3)
    let values = try metrics(&fixture)
    let pings = values[operation: Int(Kind.ping.rawValue)]
    #expect(pings.largestUs == 300 && pings.p50Us == 300 && pings.errors == 0)
    #expect(values[operation: Int(Kind.health.rawValue)].p99Us == 300)
    #expect(values[operation: Int(Kind.cameraStatus.rawValue)].errors == 1)
    #expect(values[operation: Int(Kind.cameraStatus.rawValue)].largestUs == 300)
    #expect(values[operation: Int(Kind.reboot.rawValue)].errors == 1)
    #expect(values[.requestsFailedHere] == 0)
  }

  /// What the machine as a whole does, and nothing where it does not say.
  @Test func whatTheMachineDoesIsTold() throws {
    var fixture = Fixture()
    let told: [(Metric, WritableKeyPath<Resources, UInt64>)] = [
      (.networkReceivedBytes, \.networkReceivedBytes), (.networkSentBytes, \.networkSentBytes),
      (.diskReadBytes, \.diskReadBytes), (.diskWrittenBytes, \.diskWrittenBytes),
      (.deviceMemoryKiB, \.deviceMemoryKiB), (.deviceMemoryAvailableKiB, \.deviceAvailableKiB),
      (.memoryKiB, \.memoryKiB), (.memoryPeakKiB, \.memoryPeakKiB), (.cpuMs, \.cpuMs),
    ]
    let before = try metrics(&fixture)
    #expect(told.allSatisfy { before[$0.0] == 0 })
    for (index, (_, place)) in told.enumerated() {
      fixture.loop.system.machine[keyPath: place] = UInt64(1001 + index)
    }
    fixture.pass(ms: 1100)
    let after = try metrics(&fixture)
    #expect(told.map { after[$0.0] } == (0..<UInt64(told.count)).map { 1001 + $0 })
  }

  /// The agent's own share of a processor.
  @Test(arguments: [(0, 0), (500, 500), (1000, 1000), (1500, 1500)] as [(UInt64, UInt32)])
  func itsOwnShareIsTold(cpuMs: UInt64, permille: UInt32) throws {
    var fixture = Fixture()
    fixture.pass(ms: 2000)
    fixture.loop.system.machine.cpuMs += cpuMs
    fixture.pass(ms: 1000)
    let client = fixture.loop.system.connect(request(.health))
    fixture.turns(3)
    let answer = try #require(replies(fixture.loop.system.peers[client]!.received)?.first)
    let health = try answer.payload.withUnsafeBytes { try HealthReport.decode($0) }
    #expect(health.cpuPermille == permille)
  }

  /// A picture's time runs until its last part has gone.
  @Test func picturesAreTimedToTheirEnd() throws {
    var fixture = PictureTests.fixture()
    fixture.loop.system.picture = [UInt8](repeating: 0x55, count: 20_000)
    let name = Array("front".utf8) + [UInt8](repeating: 0, count: 27)
    let client = fixture.loop.system.connect(request(.snapshot, name))
    fixture.turns(2)
    fixture.loop.system.timeUs += 25_000
    fixture.loop.system.answerPictures()
    fixture.turns(5)
    #expect(fixture.loop.system.peers[client]!.received.count > 20_000)
    let times = try metrics(&fixture)[operation: Int(Kind.snapshot.rawValue)]
    #expect(times.largestUs == 25_000 && times.p50Us == 25_000)
  }

  /// Seconds in which `cause` happens, then seconds without: the levels that were told.
  private func levels(
    _ alert: Alert, in fixture: inout Fixture, seconds: Int = 4,
    cause: (inout Fixture, Int) -> Void, end: (inout Fixture, Int) -> Void = { _, _ in }
  ) throws -> [UInt32] {
    let watcher = fixture.loop.system.connect(subscribe(.health))
    fixture.turns(3)
    fixture.loop.system.peers[watcher]!.received = []
    for second in 0..<seconds {
      cause(&fixture, second)
      fixture.pass(ms: 1000)
    }
    for second in 0..<15 {
      end(&fixture, second)
      fixture.pass(ms: 1000)
    }
    let events = try #require(replies(fixture.loop.system.peers[watcher]!.received))
    return try events.map { try $0.payload.withUnsafeBytes { try EventMessage.decode($0) } }
      .filter { $0.code == .alertChanged && UInt8($0.value & 0xFF) == alert.rawValue }
      .map { $0.value >> 8 }
  }

  @Test func slowAnswersRaiseLatency() throws {
    var fixture = Fixture()
    let client = fixture.loop.system.connect()
    fixture.turns(2)
    let told = try levels(
      .latency, in: &fixture,
      cause: { fixture, _ in
        fixture.loop.system.sendUs = 700_000
        fixture.loop.system.peers[client]!.chunks = [ping(id: 1)]
      }, end: { fixture, _ in fixture.loop.system.sendUs = 0 })
    #expect(told == [1, 0])
  }

  /// One client's unfinished message keeps another one's from being taken.
  @Test func refusalsForWantOfRoomRaiseErrors() throws {
    var fixture = Fixture()
    let first = fixture.loop.system.connect(publish(10, of: 20))
    let second = fixture.loop.system.connect()
    fixture.turns(3)
    let told = try levels(
      .errors, in: &fixture,
      cause: { fixture, _ in
        fixture.loop.system.peers[second]!.chunks = [ping(id: 1) + publish(10, of: 10)]
      }, end: { fixture, _ in fixture.loop.system.peers[first]!.ended = true })
    let answers = try #require(replies(fixture.loop.system.peers[second]!.received))
    #expect(answers.map(\.status).filter { $0 == Status.busy.rawValue }.count == 4)
    #expect(told == [2, 0])
  }

  /// The first part of a message.
  private func publish(_ count: Int, of total: UInt32) -> [UInt8] {
    let head = PublishPart(total: total, offset: 0, count: UInt32(count))
    return request(.publish, MessageTests.encoded(head) + [UInt8](repeating: 0x2A, count: count))
  }

  /// What a client does wrong is no failure of the device.
  @Test func mistakesOfClientsRaiseNothing() throws {
    var fixture = Fixture()
    let client = fixture.loop.system.connect()
    fixture.turns(2)
    let told = try levels(
      .errors, in: &fixture,
      cause: { fixture, _ in
        fixture.loop.system.peers[client]!.chunks = [request(.reboot, [1, 2, 3])]
      })
    #expect(told.isEmpty)
  }

  @Test func busyCoresAndUsedMemoryAreAlerts() throws {
    var fixture = Fixture()
    fixture.loop.system.machine.deviceMemoryKiB = 500_000
    fixture.loop.system.machine.deviceAvailableKiB = 400_000
    let busy = try levels(
      .cpu, in: &fixture,
      cause: { fixture, _ in
        fixture.loop.system.machine.busyMs += 1600
        fixture.loop.system.machine.wholeMs += 2000
      }, end: { fixture, _ in fixture.loop.system.machine.wholeMs += 2000 })
    #expect(busy == [1, 0])
    let full = try levels(
      .memory, in: &fixture,
      cause: { fixture, _ in fixture.loop.system.machine.deviceAvailableKiB = 10_000 },
      end: { fixture, _ in fixture.loop.system.machine.deviceAvailableKiB = 400_000 })
    #expect(full == [2, 0])
  }

  @Test func fullSlotsAndRefusalsAreAlerts() throws {
    var fixture = Fixture(slots: 10)
    var clients: [Int32] = []
    let slots = try levels(
      .slots, in: &fixture,
      cause: { fixture, second in
        guard second == 0 else { return }
        for _ in 0..<9 { clients.append(fixture.loop.system.connect(ping(id: 1))) }
      },
      end: { fixture, _ in
        for client in clients { fixture.loop.system.peers[client]!.ended = true }
      })
    #expect(slots == [2, 0])

    var crowded = Fixture(slots: 2)
    let first = crowded.loop.system.connect(ping(id: 1))
    let refused = try levels(
      .connections, in: &crowded,
      cause: { fixture, _ in
        let late = fixture.loop.system.connect(ping(id: 1))
        fixture.loop.system.peers[late]!.ended = true
      },
      end: { fixture, _ in fixture.loop.system.peers[first]!.ended = true })
    #expect(refused == [2, 0])
  }

  /// Clients that take nothing hold the large buffers.
  @Test func lentBuffersAreAnAlert() throws {
    var fixture = Fixture(slots: 80) { $0.control.writeTimeoutMs = 6000 }
    for _ in 0..<20_000 { fixture.loop.log(LogLine(.info, Text<160>("a line of the log"))) }
    let told = try levels(
      .queue, in: &fixture, seconds: 5,
      cause: { fixture, second in
        guard second == 0 else { return }
        for _ in 0..<60 {
          let client = fixture.loop.system.connect(logTail(id: 1))
          fixture.loop.system.peers[client]!.budget = 0
        }
      })
    #expect(told == [1, 0])
  }

  @Test func tooFewRequestsAreAnAlertWhereAFloorIsSet() throws {
    var fixture = Fixture { $0.alerts.throughput = .init(2, 0) }
    let client = fixture.loop.system.connect()
    fixture.turns(2)
    let told = try levels(
      .throughput, in: &fixture, cause: { _, _ in },
      end: { fixture, _ in
        fixture.loop.system.peers[client]!.chunks = [ping(id: 1) + ping(id: 2) + ping(id: 3)]
      })
    #expect(told == [1, 0])
  }
}
