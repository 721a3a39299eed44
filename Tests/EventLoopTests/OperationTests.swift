import Appliance
import Testing
import Wire

@testable import EventLoop

/// What a request asks of the machines is done, and answered.
@Suite struct OperationTests {
  /// A device with a camera and a data partition, and a client of this machine.
  private struct Bench: ~Copyable {
    var fixture = PictureTests.fixture()
    let client: Int32
    private var taken = 0

    init() {
      var facts = StorageFacts()
      facts.state = .writable
      (facts.totalBytes, facts.freeBytes) = (1 << 40, 1 << 39)
      fixture.loop.step(.storageChanged(facts))
      // Before it is known what was remembered nothing is.
      fixture.loop.step(.sourcesLoaded(UnsafeBufferPointer(start: nil, count: 0)))
      client = fixture.loop.system.connect()
      fixture.turns(2)
    }

    /// The answer to a request, and what the system was asked for until it had come.
    mutating func ask(_ kind: Kind, _ payload: [UInt8] = []) throws -> (Reply, [Effect]) {
      let before = fixture.loop.system.executed.count
      fixture.loop.system.peers[client]!.chunks.append(request(kind, payload))
      fixture.turns(3)
      let answers = try #require(replies(fixture.loop.system.peers[client]!.received))
      defer { taken = answers.count }
      try #require(answers.count == taken + 1)
      return (answers[taken], Array(fixture.loop.system.executed[before...]))
    }

    mutating func status(_ kind: Kind, _ payload: [UInt8] = []) throws -> UInt16 {
      try ask(kind, payload).0.status
    }
  }

  private static let front = MessageTests.encoded(CameraRequest(name: Name("front")))
  private static let nobody = MessageTests.encoded(CameraRequest(name: Name("nobody")))

  @Test func streamsAreStoppedAndStarted() throws {
    var bench = Bench()
    let (stopped, effects) = try bench.ask(.streamStop, Self.front)
    #expect(stopped.status == 0)
    #expect(effects.contains(.signal(.feed(slot: 0), life: 1, .terminate)))
    let told = try bench.ask(.cameraStatus, Self.front).0.payload
    #expect(try told.withUnsafeBytes { try CameraEntry.decode($0) }.enabled == false)
    bench.fixture.loop.step(.childExited(.feed(slot: 0), life: 1, .code(0)))
    let (started, spawned) = try bench.ask(.streamStart, Self.front)
    #expect(started.status == 0 && spawned.contains(.spawnFeed(slot: 0, life: 2)))
    for kind in [Kind.streamStop, .streamStart, .cameraCapabilities, .cameraRecovery] {
      #expect(try bench.status(kind, Self.nobody) == Status.unknownCamera.rawValue)
    }
  }

  @Test func sourcesComeAndGo() throws {
    var bench = Bench()
    let source = MessageTests.encoded(SourceRequest(name: Name("door"), url: Text("rtsp://h/x")))
    let (added, effects) = try bench.ask(.sourceAdd, source)
    #expect(added.status == 0 && effects.contains(.rememberSources))
    #expect(try bench.status(.sourceAdd, source) == Status.alreadyExists.rawValue)
    let list = try bench.ask(.sourceList).0.payload
    #expect(list.count == SourceListHead.size + SourceEntry.size && list[0] == 1)
    let name = MessageTests.encoded(CameraRequest(name: Name("door")))
    let (removed, forgotten) = try bench.ask(.sourceRemove, name)
    #expect(removed.status == 0 && forgotten.contains(.rememberSources))
    #expect(try bench.ask(.sourceList).0.payload[0] == 0)
  }

  @Test func listsTellWhatThereIs() throws {
    var bench = Bench()
    let modes = try bench.ask(.cameraCapabilities, Self.front).0
    #expect(modes.payload.count == CapabilitiesHead.size + ModeEntry.size)
    let streams = try bench.ask(.streamList).0.payload
    #expect(streams.count == StreamListHead.size + StreamEntry.size)
    let entry = try streams[StreamListHead.size...].withUnsafeBytes { try StreamEntry.decode($0) }
    #expect(entry.name == Name("front") && entry.source == .camera && !entry.ready)
    #expect(try bench.ask(.alertList).0.payload.count == AlertListHead.size + 8 * AlertEntry.size)
    let (recovery, _) = try bench.ask(.cameraRecovery, Self.front)
    #expect(recovery.status == 0 && recovery.payload.count == RecoveryReport.size)
    #expect(try bench.ask(.recordingList).0.payload.count == RecordingListHead.size)
    let storage = try bench.ask(.storageStatus).0.payload
    #expect(try storage.withUnsafeBytes { try StorageReport.decode($0) }.state == .writable)
    #expect(try bench.status(.recordingStop, Self.front) == Status.notRecording.rawValue)
    let wanted = MessageTests.encoded(RecordingRequest(camera: Name("front"), durationS: 60))
    #expect(try bench.status(.recordingStart, wanted) == Status.mediaServerDown.rawValue)
  }

  @Test func retentionAndIdentifyAreCarriedOut() throws {
    var bench = Bench()
    let policy = RetentionPolicy(maximumAgeS: 3600, maximumBytes: 1 << 30)
    let (kept, effects) = try bench.ask(.retentionSet, MessageTests.encoded(policy))
    #expect(kept.status == 0 && effects.contains(.setRetention(policy, keep: true)))
    let shown = MessageTests.encoded(IdentifyRequest(durationMs: 5000))
    let (identified, lights) = try bench.ask(.identify, shown)
    #expect(identified.status == 0)
    #expect(lights.contains { if case .light = $0 { true } else { false } })
  }

  @Test(arguments: [(Kind.reboot, PowerAction.reboot), (.shutdown, .powerOff)])
  func theDeviceStops(kind: Kind, action: PowerAction) throws {
    var fixture = Fixture()
    let client = fixture.loop.system.connect(request(kind))
    fixture.turns(3)
    #expect(replies(fixture.loop.system.peers[client]!.received)?.map(\.status) == [0])
    expect(fixture.loop.stopping, action)
  }

  /// What MediaMTX has printed last before it ended is told for as long as it does not end again.
  @Test func theLastWordsOfMediaMTXAreTold() throws {
    var bench = Bench()
    bench.fixture.loop.step(.childStarted(.mediaServer, life: 1, pid: 90))
    for byte in "first\nno such codec\n".utf8 { bench.fixture.loop.logs.mediaServer.append(byte) }
    bench.fixture.loop.system.inputs = [.childExited(.mediaServer, life: 1, .code(1))]
    bench.fixture.turns(2)
    let report = try bench.ask(.mediaServer).0.payload
      .withUnsafeBytes { try MediaServerReport.decode($0) }
    #expect(report.lastExitLine == Text("no such codec"))
    #expect(report.lastExit == Wire.LastExit(.code, 1))
  }

  /// Processes are started one by one, and no time is lost between two of them.
  @Test func processesThatWaitKeepTheLoopAwake() {
    var fixture = Fixture { $0.cameras.enabled = true }
    fixture.loop.step(.identitiesLoaded(UnsafeBufferPointer(start: nil, count: 0)))
    fixture.turns(3)
    for number in 0..<3 as Range<UInt64> {
      var device = DeviceFacts()
      device.node = Text("video")
      device.node.append(decimal: number)
      device.port = Text("1-")
      device.port.append(decimal: number)
      fixture.loop.step(.deviceAdded(device))
    }
    fixture.loop.system.executeUs = 3000
    let start = fixture.loop.system.timeUs
    func spawned() -> Int {
      fixture.loop.system.executed.count { if case .spawnProbe = $0 { true } else { false } }
    }
    let before = spawned()
    for turn in 1...3 {
      fixture.loop.turn()
      #expect(spawned() - before == turn)
      #expect(fixture.loop.system.timeUs - start == 3000 * UInt64(turn))
    }
  }

  /// Bytes that cannot be read any more are an error of the device's.
  @Test(arguments: [false, true]) func whatIsGoneMeanwhileIsAnError(isJob: Bool) throws {
    var bench = Bench()
    let client = bench.client
    bench.fixture.loop.system.peers[client]!.budget = 20_000
    let file = FileRequest(kind: .recording, camera: Text("cam"), name: Text("a.mp4"))
    let read = MessageTests.encoded(FileReadRequest(file: file, offset: 0, length: 1 << 20))
    bench.fixture.loop.system.peers[client]!.chunks.append(
      isJob ? request(.fileRead, id: 3, read) : PictureTests.snapshot(id: 3))
    bench.fixture.loop.system.picture = PictureTests.picture(60_000)
    bench.fixture.turns(3)
    if isJob {
      let entry = try #require(bench.fixture.loop.system.jobs.keys.first)
      bench.fixture.loop.system.answerJob(entry, .ok, PictureTests.picture(60_000))
      bench.fixture.turns(3)
      bench.fixture.loop.system.jobBytes[entry] = []
    } else {
      bench.fixture.loop.system.answerPictures()
      bench.fixture.turns(3)
      bench.fixture.loop.system.picture = []
    }
    let before = bench.fixture.loop.counters
    bench.fixture.loop.system.peers[client]!.budget = .max
    bench.fixture.turns(4)
    let answers = try #require(replies(bench.fixture.loop.system.peers[client]!.received))
    #expect(answers.last?.status == Status.internalError.rawValue)
    #expect(bench.fixture.loop.counters[.requestsFailedHere] == before[.requestsFailedHere] + 1)
    #expect(bench.fixture.loop.counters[.requestsSucceeded] == before[.requestsSucceeded])
    #expect(bench.fixture.loop.pictures.used == 0 && bench.fixture.loop.jobs.used == 0)
  }
}
