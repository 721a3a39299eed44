import Testing
import Wire

@testable import Appliance

/// Recordings that are asked for.
@Suite struct RecordingTests {
  @Test func isConfirmedByItsBytes() throws {
    let (world, name) = try World.recordable()
    world.clearLog()
    let entry = try world.record(name)
    #expect(entry.state == .arming && entry.recording == 1 && entry.durationS == 0)
    #expect(world.asked.contains(.tagRecording(Text(name), number: 1)))
    #expect(world.asked.contains(.rememberRecordings))
    let patch = Effect.media(.recordPath(life: world.serverLife, Text(name), on: true))
    #expect(world.asked.contains(patch), "asked of MediaMTX in the same step")
    #expect(world.events(.recordingStarted).isEmpty)
    world.run(2000)
    let started = try #require(world.events(.recordingStarted).first)
    #expect(started.event.subject == Text(name) && started.event.value == 1)
    #expect(world.recording(name)?.state.known == .recording)
    world.run(10_000)
    #expect(world.events(.recordingStarted).count == 1)
    #expect(world.events(.recordingInterrupted).isEmpty)
    let told = try #require(world.recording(name))
    #expect(told.bytes >= 10_000_000 && told.segments == 1 && told.gaps == 0)
    #expect((1...1100).contains(told.quietMs))
    #expect(world.count { $0 == patch } == 1)
  }

  @Test func stopsWhenTheFileIsClosed() throws {
    let (world, name) = try World.recordable()
    try world.record(name)
    world.run(5300)
    world.clearLog()
    try world.stopRecording(name)
    #expect(world.recording(name)?.state.known == .stopping)
    let before = world.now
    world.run(1000)
    let stopped = try #require(world.events(.recordingStopped).first)
    #expect(stopped.ms - before < 200 && stopped.event.detail == "stopped by request")
    #expect(world.recording(name) == nil && world.recorders.isEmpty)
    #expect(world.keptRecordings.isEmpty && world.asked.contains(.rememberRecordings))
    // Numbers are not given twice.
    world.run(1000)
    #expect(try world.record(name).recording == 2)
  }

  @Test func theListTellsEachOfThem() throws {
    let (world, name) = try World.recordable()
    func list() -> [String] {
      var bytes = [UInt8](repeating: 0xA5, count: Limits.payloadSize)
      return bytes.withUnsafeMutableBytes { bytes in
        var writer = ByteWriter(bytes)
        world.read { $0.writeRecordingList(now: world.instant, into: &writer) }
        var reader = ByteReader(writer.written)
        let head = RecordingListHead(from: &reader)
        let entries = (0..<head.count).map { _ in RecordingEntry(from: &reader) }
        #expect(reader.remaining == 0)
        return entries.map { String($0.camera) }
      }
    }
    #expect(list() == [])
    try world.record(name)
    #expect(list() == [name])
  }

  /// A file is full in the moment in which its recording is stopped: what comes behind it is
  /// waited for, if anything comes.
  @Test(arguments: [false, true]) func theLastFileMayBeginBehindTheStop(begins: Bool) {
    var recording = Recording()
    var news = SegmentNews()
    func took(_ what: SegmentNews.What, goesOn: Bool, ms: UInt64) -> Recording.News {
      news.what = what
      news.bytes += 1000
      return recording.took(news, goesOn: goesOn, now: Instant(ms: ms))
    }
    let around = RecordingSurroundings(
      isWritable: true, isCritical: false, serverIsUp: true, streamFlows: true)
    recording.start(KnownRecording(), now: Instant(ms: 1000))
    #expect(took(.began, goesOn: true, ms: 2000) == .started)
    recording.stop(.requested, now: Instant(ms: 3000))
    #expect(took(.closed, goesOn: true, ms: 3010) == .none)
    if begins {
      #expect(took(.began, goesOn: false, ms: 3100) == .none)
      #expect(recording.tick(around, now: Instant(ms: 7000)) == .none)
      #expect(took(.closed, goesOn: false, ms: 7010) == .ended(.requested))
    } else {
      let wake = recording.nextDeadline
      #expect(wake == Instant(ms: 3010 + RecordingTiming.nextFileMs))
      #expect(recording.tick(around, now: Instant(ms: wake.ms - 1)) == .none)
      #expect(recording.tick(around, now: wake) == .ended(.requested))
    }
  }

  @Test func lastsAsLongAsAsked() throws {
    let (world, name) = try World.recordable()
    try world.record(name, for: 60)
    world.run(1500)
    #expect((58...60).contains(world.recording(name)!.remainingS))
    world.run(70_000)
    let started = try #require(world.events(.recordingStarted).first).ms
    let stopped = try #require(world.events(.recordingStopped).first)
    // The first bytes are a part old.
    #expect((59_000...59_300).contains(stopped.ms - started))
    #expect(stopped.event.detail == "its time is over")
    #expect(world.recording(name) == nil)
  }

  @Test func refusalsAreTyped() throws {
    let (world, name) = try World.recordable()
    #expect(throws: Status.unknownCamera) { try world.record("nobody") }
    #expect(throws: Status.unknownCamera) { try world.stopRecording("nobody") }
    #expect(throws: Status.notRecording) { try world.stopRecording(name) }
    world.fill(percent: 90)
    #expect(throws: Status.storageLow) { try world.record(name) }
    world.fill(percent: 95)
    #expect(throws: Status.storageCritical) { try world.record(name) }
    for state in [StorageFacts.State.missing, .readOnly, .failing, .hanging, .unknown] {
      world.fill(percent: 10, state)
      #expect(throws: Status.storageUnavailable) { try world.record(name) }
    }
    world.fill(percent: 10)
    try world.record(name)
    world.run(3000)
    #expect(throws: Status.alreadyRecording) { try world.record(name) }
    try world.stopRecording(name)
    #expect(throws: Status.state) { try world.record(name) }
    world.run(6000)
    world.exitServer(.code(1))
    #expect(throws: Status.mediaServerDown) { try world.record(name) }
    world.run(5000)
    try world.ask { try $0.stopStream(Text(name), now: $1, effects: &$2) }
    world.run(2000)
    #expect(throws: Status.cameraNotStreaming) { try world.record(name) }
    // Before earlier recordings are known, a new one could get the number of an old one.
    let (early, camera) = try World.streaming()
    #expect(throws: Status.state) { try early.record(camera) }
  }

  @Test func aReserveIsHeldForEach() throws {
    let world = World.up { $0.storage.reserveBytes = 4_000_000_000 }
    for number in 0..<3 {
      world.plug(World.webcam("video\(number)", port: "2-\(number)", serial: "SERIAL\(number)X"))
    }
    world.run(3000)
    world.recallRecordings([])
    world.fill(percent: 80)
    let names = world.cameras.keys.sorted()
    try world.record(names[0])
    try world.record(names[1])
    #expect(throws: Status.storageLow) { try world.record(names[2]) }
    #expect(world.read { $0.storageReport() }.reserveBytes == 8_000_000_000)
    try world.stopRecording(names[0])
    try world.record(names[2])
  }

  @Test func outlivesMediaMTX() throws {
    let (world, name) = try World.recordable()
    try world.record(name)
    world.run(4000)
    world.clearLog()
    world.exitServer(.signal(9))
    world.run(10_000)
    #expect(world.events(.recordingResumed).count == 1)
    #expect(world.events(.recordingStarted).isEmpty)
    let entry = try #require(world.recording(name))
    #expect(entry.state == .recording && entry.gaps == 1 && entry.segments == 2)
    #expect(entry.recording == 1)
    // The file of the new life says it: nothing is asked for.
    #expect(world.count { if case .media(.recordPath) = $0 { true } else { false } } == 0)
    // One that does not come back for a while is told of.
    world.serverExitsWith = 1
    world.exitServer(.signal(9))
    world.run(10_000)
    #expect(world.events(.recordingInterrupted).count == 1)
    #expect(world.recording(name)?.state.known == .waiting)
    world.serverExitsWith = nil
    world.run(70_000)
    #expect(world.recording(name)?.state.known == .recording)
    #expect(world.events(.recordingInterrupted).count == 1)
    #expect(world.events(.recordingResumed).count == 2)
  }

  @Test func outlivesAReplug() throws {
    let (world, name) = try World.recordable()
    try world.record(name)
    world.run(4000)
    world.clearLog()
    world.unplug("video0")
    world.run(20_000)
    #expect(world.recording(name)?.state.known == .waiting)
    #expect(world.recording(name)?.reason.known == .cameraNotStreaming)
    world.plug(World.webcam())
    world.run(5000)
    #expect(world.recording(name)?.state.known == .recording)
    #expect(world.events(.recordingInterrupted).count == 1)
    #expect(world.events(.recordingResumed).count == 1)
    #expect(world.health.state == .healthy)
  }

  @Test func outlivesTheAgentAndTheBoard() throws {
    let (world, name) = try World.recordable()
    try world.record(name, for: 600)
    world.run(130_000)
    let kept = world.keptRecordings
    #expect(kept.count == 1 && (470...480).contains(kept[0].remainingS))
    let next = World(facts: World.facts)
    next.remember(world.known)
    next.enumerate([World.webcam()])
    next.fill(percent: 10)
    next.recallRecordings(kept, lastNumber: 9)
    let begun = next.now
    next.run(5000)
    #expect(next.recording(name)?.state.known == .recording && next.recording(name)?.recording == 1)
    #expect(next.events(.recordingResumed).count == 1 && next.events(.recordingStarted).isEmpty)
    next.run(600_000)
    let stopped = try #require(next.events(.recordingStopped).first).ms
    #expect((470_000...485_000).contains(stopped - begun))
    #expect(try next.record(name).recording == 10)
  }

  /// MediaMTX says nothing when it cannot write.
  @Test func aSilentRecorderIsNoticed() throws {
    let (world, name) = try World.recordable()
    try world.record(name)
    world.run(4000)
    world.clearLog()
    world.diskIsFull = true
    world.run(8000)
    let interrupted = try #require(world.events(.recordingInterrupted).first)
    #expect(interrupted.event.value == UInt32(RecordingReason.notGrowing.rawValue))
    #expect(world.recording(name)?.state.known == .stalled)
    #expect(world.health.reasons.contains(.recordingStalled))
    #expect(world.cameras[name] == .streaming, "streaming goes on")
    world.run(120_000)
    #expect(world.events(.recordingInterrupted).count == 1, "told once")
    world.diskIsFull = false
    world.run(20_000)
    #expect(world.recording(name)?.state.known == .recording)
    #expect(world.events(.recordingResumed).count == 1)
    #expect(!world.health.reasons.contains(.recordingStalled))
  }

  @Test func aRecorderThatNeverBeginsIsNoticed() throws {
    let (world, name) = try World.recordable()
    world.diskIsFull = true
    try world.record(name)
    world.run(9000)
    #expect(world.events(.recordingInterrupted).isEmpty)
    world.run(2000)
    #expect(world.events(.recordingInterrupted).count == 1)
    world.diskIsFull = false
    world.run(20_000)
    #expect(world.recording(name)?.state.known == .recording)
    try world.stopRecording(name)
    world.run(100)
    #expect(world.recording(name) == nil)
  }

  @Test func waitsForRoom() throws {
    let (world, name) = try World.recordable()
    try world.record(name)
    world.run(4000)
    world.clearLog()
    world.fill(percent: 95)
    #expect(world.recording(name)?.state.known == .suspended)
    #expect(world.health.reasons.contains(.recordingSuspended))
    world.run(500)
    #expect(world.recorders.isEmpty, "MediaMTX no longer writes")
    // A little more room does not switch it to and fro.
    world.fill(percent: 94)
    world.run(500)
    #expect(world.recording(name)?.state.known == .suspended)
    world.fill(percent: 93)
    world.run(3000)
    #expect(world.recording(name)?.state.known == .recording)
    #expect(world.events(.recordingResumed).count == 1)
    for state in [StorageFacts.State.missing, .readOnly, .failing, .hanging] {
      world.fill(percent: 50, state)
      world.run(500)
      #expect(world.recording(name)?.reason.known == .storageUnavailable, "\(state)")
      #expect(world.cameras[name] == .streaming)
      world.fill(percent: 50)
      world.run(3000)
      #expect(world.recording(name)?.state.known == .recording, "\(state)")
    }
  }

  /// What MediaMTX does not do is asked for again, in both directions.
  @Test func aLostChangeIsAskedForAgain() throws {
    let (world, name) = try World.recordable()
    world.serverForgets = true
    try world.record(name)
    world.run(5000)
    world.serverForgets = false
    world.run(20_000)
    #expect(world.recording(name)?.state.known == .recording)
    world.serverRejects = 404
    try world.stopRecording(name)
    world.run(1000)
    world.serverRejects = nil
    world.run(1000)
    #expect(world.recorders.isEmpty && world.recording(name) == nil)
  }

  @Test func stoppedInEveryState() throws {
    for delay in stride(from: UInt64(0), to: 3000, by: 73) {
      for fault in 0..<4 {
        let (world, name) = try World.recordable()
        try world.record(name)
        if fault == 1 { world.diskIsFull = true }
        world.run(delay)
        if fault == 2 { world.unplug("video0") }
        if fault == 3 { world.exitServer(.signal(9)) }
        world.run(delay / 2)
        try world.stopRecording(name)
        world.run(RecordingTiming.closingMs + 10_000)
        #expect(world.recording(name) == nil, "\(delay) \(fault)")
        #expect(world.recorders.isEmpty, "\(delay) \(fault)")
        #expect(world.events(.recordingStopped).count == 1)
      }
    }
  }

  /// Seed 11003 of the simulator: two changes that MediaMTX forgot, and none was asked for again.
  @Test func whatMediaMTXForgetsIsToldUntilItRecords() throws {
    let (world, name) = try World.recordable()
    world.serverForgets = true
    try world.record(name)
    world.run(60_000)
    #expect(try #require(world.recording(name)).state != .recording)
    world.serverForgets = false
    world.run(30_000)
    #expect(try #require(world.recording(name)).state == .recording)
  }

  /// The one that is due first wakes the device.
  @Test func theFirstDeadlineOfAllCounts() throws {
    let memory = UnsafeMutableBufferPointer<Recording>.allocate(capacity: 4)
    let room = UnsafeMutableBufferPointer<Effect>.allocate(capacity: Effects.capacity)
    defer {
      memory.deallocate()
      room.deallocate()
    }
    var recordings = Recordings(Table(memory, repeating: Recording()))
    var effects = Effects(room)
    let now = Instant(ms: 1000)
    recordings.loaded(UnsafeBufferPointer(start: nil, count: 0), lastNumber: 0, now: now, &effects)
    #expect(recordings.nextDeadline == .never)
    try recordings.start("a", durationS: 0, now: now + 500, &effects)
    let first = recordings.nextDeadline
    #expect(first > now + 500 && first < now + 60_000)
    try recordings.start("b", durationS: 0, now: now, &effects)
    #expect(recordings.nextDeadline.ms == first.ms - 500)
    try recordings.start("c", durationS: 0, now: now + 900, &effects)
    #expect(recordings.nextDeadline.ms == first.ms - 500)
  }
}
