import Testing
import Wire

@testable import Appliance

/// The data partition: thresholds, states, retention.
@Suite struct DataPartitionTests {
  private func levels(_ world: World) -> [UInt32] { world.events(.storageLevel).map(\.event.value) }

  @Test func thresholdsAreEventsAndReasons() {
    let world = World.up()
    for (percent, level, reasons) in [
      (UInt64(79), UInt32(0), HealthReasons.none), (80, 1, .storageWarning),
      (89, 1, .storageWarning),
      (90, 2, .storageLow), (95, 3, .storageLow | .storageCritical),
      (100, 3, .storageLow | .storageCritical),
      // One percent below a threshold a level holds, beneath that it falls.
      (94, 3, .storageLow | .storageCritical), (93, 2, .storageLow), (89, 2, .storageLow),
      (88, 1, .storageWarning), (79, 1, .storageWarning), (78, 0, .none),
    ] {
      world.fill(percent: percent)
      #expect(world.read { $0.storage.level.rawValue } == UInt8(level), "\(percent) %")
      #expect(world.health.reasons == reasons, "\(percent) %")
    }
    #expect(levels(world) == [1, 2, 3, 2, 1, 0])
  }

  /// 15 s, 30 s, … 10 minutes; from the beginning when all has been well for long.
  @Test(arguments: [StorageFacts.State.missing, .readOnly, .failing])
  func isMountedAnewAtGrowingIntervals(state: StorageFacts.State) {
    let world = World.up()
    var at = world.now
    var intervals: [UInt64] = []
    func fail() {
      world.clearLog()
      world.fill(percent: 10, state)
      at = world.now
      intervals = []
    }
    func run(_ ms: UInt64) {
      for _ in 0..<(ms / 1000) {
        let before = world.count { $0 == .remountData }
        world.run(1000)
        guard world.count({ $0 == .remountData }) > before else { continue }
        intervals.append((world.now - at + 500) / 1000)
        at = world.now
      }
    }
    fail()
    run(14_000)
    #expect(intervals.isEmpty, "MediaMTX has to close its files first")
    run(3_000_000)
    #expect(intervals.prefix(8) == [15, 30, 60, 120, 240, 480, 600, 600])
    world.fill(percent: 10)
    run(60_000)
    fail()
    run(700_000)
    #expect(intervals.first == 600, "a fault that comes back is not a new one")
    world.fill(percent: 10)
    run(700_000)
    #expect(intervals.count == 1, "what is well stays as it is")
    fail()
    run(20_000)
    #expect(intervals == [15])
  }

  @Test func whatHangsIsLeftAlone() {
    let world = World.up()
    world.fill(percent: 10, .hanging)
    world.run(1_000_000)
    #expect(world.count { $0 == .remountData } == 0)
  }

  @Test func aWarningLeavesTheDeviceHealthy() {
    let world = World.up()
    world.fill(percent: 85)
    #expect(world.health.state == .healthy)
    world.fill(percent: 92)
    #expect(world.health.state == .degraded)
  }

  @Test func thresholdsAreConfigured() {
    let world = World.up {
      ($0.storage.warningPercent, $0.storage.lowPercent) = (20, 30)
      $0.storage.criticalPercent = 40
    }
    for percent in [UInt64(19), 20, 30, 40] { world.fill(percent: percent) }
    #expect(levels(world) == [1, 2, 3])
  }

  @Test func everyStateHasItsReason() {
    let world = World.up()
    for (state, reason) in [
      (StorageFacts.State.missing, HealthReasons.dataMissing), (.readOnly, .dataReadOnly),
      (.failing, .dataFailing), (.hanging, .dataHanging),
    ] {
      world.clearLog()
      world.fill(percent: 10, state)
      #expect(world.health.reasons == reason && world.health.state == .degraded)
      #expect(world.events(.storageChanged).map(\.event.value) == [UInt32(state.rawValue)])
      #expect(world.read { $0.storageReport() }.state.rawValue == state.rawValue)
      world.fill(percent: 10)
      #expect(world.health.reasons == .none)
    }
  }

  @Test func retentionIsToldAndKept() throws {
    let world = World.up { $0.storage.retention.maximumAgeS = 7200 }
    let configured = RetentionPolicy(maximumAgeS: 7200)
    world.clearLog()
    world.send(.storageStarted)
    #expect(world.asked.contains(.setRetention(configured, keep: false)))
    #expect(world.asked.contains(.tellClock))
    // What was kept counts more than the configuration.
    let kept = RetentionPolicy(maximumBytes: 1 << 30)
    world.send(.retentionLoaded(kept))
    #expect(world.read { $0.storageReport() }.maximumBytes == 1 << 30)
    world.clearLog()
    world.send(.storageStarted)
    #expect(world.asked.contains(.setRetention(kept, keep: false)))
    let wanted = RetentionPolicy(maximumAgeS: 3600)
    try world.ask { try $0.setRetention(wanted, now: $1, effects: &$2) }
    #expect(world.asked.contains(.setRetention(wanted, keep: true)))
    #expect(world.read { $0.storageReport() }.maximumAgeS == 3600)
    // It may not have reached the partition: a new worker is told, whatever it has read there.
    world.clearLog()
    world.send(.storageStarted)
    #expect(world.asked.contains(.setRetention(wanted, keep: true)))
    world.send(.retentionLoaded(kept))
    #expect(world.read { $0.storageReport() }.maximumAgeS == 3600)
    world.fill(percent: 10, .readOnly)
    #expect(throws: Status.storageUnavailable) {
      try world.ask { try $0.setRetention(wanted, now: $1, effects: &$2) }
    }
  }

  /// What was said while the partition failed has not been kept: seed 156 of the simulator, where a
  /// source was forgotten after a power cut.
  @Test func aNewWorkerIsToldAllThatIsToBeKept() throws {
    let world = World.up()
    world.recallRecordings([])
    world.send(.sourcesLoaded(UnsafeBufferPointer(start: nil, count: 0)))
    world.fill(percent: 10, .failing)
    world.plug(World.webcam())
    try world.ask {
      try $0.addSource(
        Text("gate"), url: Text("rtsp://10.0.0.9/stream"), now: $1, effects: &$2)
    }
    world.run(1000)
    world.fill(percent: 10)
    world.clearLog()
    world.send(.storageStarted)
    for effect in [Effect.rememberIdentities, .rememberSources, .rememberRecordings] {
      #expect(world.count { $0 == effect } == 1)
    }
  }

  @Test func whatMayHaveBeenLostIsToldAgain() {
    let world = World.up()
    world.recallRecordings([])
    world.send(.sourcesLoaded(UnsafeBufferPointer(start: nil, count: 0)))
    for (percent, state) in [
      (UInt64(10), StorageFacts.State.failing), (10, .readOnly), (10, .hanging), (100, .writable),
    ] {
      world.fill(percent: percent, state)
      world.clearLog()
      world.fill(percent: 10)
      for effect in [Effect.rememberIdentities, .rememberSources, .rememberRecordings] {
        #expect(world.count { $0 == effect } == 1, "after \(state), \(percent) % used")
      }
      world.clearLog()
      world.fill(percent: 20)
      #expect(world.count { $0 == .rememberSources } == 0, "what is well stays as it is")
    }
  }

  @Test func whatLiesOnItIsTold() {
    let world = World.up()
    var totals = ArchiveTotals()
    (totals.recordingBytes, totals.snapshotBytes, totals.removedBytes) = (11, 12, 13)
    (totals.recordingFiles, totals.snapshotFiles, totals.foreignFiles) = (14, 15, 16)
    (totals.repairedFiles, totals.removedFiles) = (17, 18)
    world.send(.archiveChanged(totals))
    let report = world.read { $0.storageReport() }
    #expect((report.recordingBytes, report.snapshotBytes, report.removedBytes) == (11, 12, 13))
    #expect((report.recordingFiles, report.snapshotFiles, report.foreignFiles) == (14, 15, 16))
    #expect((report.repairedFiles, report.removedFiles) == (17, 18))
    #expect((report.totalBytes, report.freeBytes) == (100_000_000_000, 90_000_000_000))
    #expect((report.warningPercent, report.lowPercent, report.criticalPercent) == (80, 90, 95))
  }

  @Test func nothingIsToldOfWhatNobodyHasLookedAt() {
    let report = World().read { $0.storageReport() }
    #expect(report.totalBytes == 0 && report.freeBytes == 0 && report.recordingBytes == 0)
  }

  @Test func whatHasNotBeenReadIsNotReplaced() {
    let world = World()
    world.plug(World.webcam())
    world.send(.storageStarted)
    for effect in [Effect.rememberIdentities, .rememberSources, .rememberRecordings] {
      #expect(world.count { $0 == effect } == 0)
    }
  }

  @Test func jobsNeedAPartition() {
    let world = World.up()
    func status(_ kind: Kind) -> Status? {
      world.read { appliance -> Status? in
        do throws(Status) {
          try appliance.admitJob(kind)
          return nil
        } catch { return error }
      }
    }
    world.fill(percent: 10)
    #expect(status(.fileList) == nil && status(.snapshotSave) == nil)
    world.fill(percent: 96)
    #expect(status(.snapshotSave) == .storageCritical && status(.fileRemove) == nil)
    world.fill(percent: 10, .readOnly)
    #expect(status(.fileRead) == nil && status(.fileRemove) == .storageUnavailable)
    for kind in [Kind.snapshotSave, .retentionRun] {
      #expect(status(kind) == .storageUnavailable, "\(kind)")
    }
    world.fill(percent: 10, .failing)
    #expect(status(.fileRead) == nil)
    for state in [StorageFacts.State.missing, .hanging, .unknown] {
      world.fill(percent: 10, state)
      #expect(status(.fileList) == .storageUnavailable)
    }
  }
}
