import Appliance
import Testing
import Wire

@testable import EventLoop

/// Requests that take longer than a turn.
@Suite struct JobTests {
  private static let file = FileRequest(kind: .recording, camera: Text("cam"), name: Text("a.mp4"))

  private static func bytes<Body: Payload>(_ body: Body) -> [UInt8] {
    var bytes = [UInt8](repeating: 0xA5, count: Body.size)
    bytes.withUnsafeMutableBytes {
      var writer = ByteWriter($0)
      body.encode(into: &writer)
    }
    return bytes
  }

  private static func read(id: UInt32) -> [UInt8] {
    request(.fileRead, id: id, bytes(FileReadRequest(file: file, offset: 0, length: 1 << 20)))
  }

  private static func info(id: UInt32, camera: Name = Text("cam")) -> [UInt8] {
    request(
      .fileVerify, id: id, bytes(FileRequest(kind: .recording, camera: camera, name: Text("a.mp4")))
    )
  }

  private func fixture() -> Fixture {
    var fixture = Fixture()
    var facts = StorageFacts()
    facts.state = .writable
    (facts.totalBytes, facts.freeBytes) = (1 << 40, 1 << 39)
    fixture.loop.step(.storageChanged(facts))
    return fixture
  }

  @Test func aLongAnswerComesInParts() throws {
    var fixture = fixture()
    let client = fixture.loop.system.connect(Self.read(id: 9))
    fixture.turns(3)
    let job = try #require(fixture.loop.system.jobs.first)
    #expect(job.value.kind == .fileRead)
    #expect(job.value.request == Array(Self.read(id: 9)[Limits.headerSize...]))
    let content = (0..<50_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
    fixture.loop.system.answerJob(job.key, .ok, content)
    fixture.turns(20)
    let answers = try #require(replies(fixture.loop.system.peers[client]!.received))
    #expect(answers.count == 4 && answers.allSatisfy { $0.id == 9 && $0.status == 0 })
    var whole: [UInt8] = []
    for answer in answers {
      try answer.payload.withUnsafeBytes { payload in
        let (part, bytes) = try BulkPart.open(payload)
        #expect(part.total == 50_000 && Int(part.offset) == whole.count)
        whole += bytes
        #expect(part.isLast == (whole.count == 50_000))
      }
    }
    #expect(whole == content)
    #expect(fixture.loop.jobs.used == 0 && fixture.loop.system.jobBytes.isEmpty)
    #expect(fixture.loop.counters[.jobsDone] == 1)
    #expect(fixture.loop.counters[.fileBytesRead] == 50_000)
  }

  @Test func nothingIsAnAnswerToo() throws {
    var fixture = fixture()
    let remove = request(.fileRemove, id: 3, Self.bytes(Self.file))
    let client = fixture.loop.system.connect(Self.read(id: 2), remove)
    fixture.turns(3)
    for entry in fixture.loop.system.jobs.keys { fixture.loop.system.answerJob(entry) }
    fixture.turns(5)
    let answers = try #require(replies(fixture.loop.system.peers[client]!.received))
    #expect(answers.map { $0.id }.sorted() == [2, 3])
    let read = try #require(answers.first { $0.id == 2 })
    #expect(read.payload == [UInt8](repeating: 0, count: BulkPart.size))
    #expect(answers.first { $0.id == 3 }?.payload == [])
  }

  @Test func aPingDoesNotWaitBehindAFile() throws {
    var fixture = fixture()
    let client = fixture.loop.system.connect(Self.read(id: 1))
    fixture.turns(3)
    let entry = try #require(fixture.loop.system.jobs.keys.first)
    fixture.loop.system.answerJob(entry, .ok, [UInt8](repeating: 1, count: 1 << 20))
    fixture.turns(3)
    fixture.loop.system.peers[client]!.chunks.append(ping(id: 77))
    let before = fixture.loop.system.peers[client]!.received.count
    fixture.turns(2)
    let since = fixture.loop.system.peers[client]!.received[before...]
    #expect(try #require(replies(Array(since))).contains { $0.id == 77 })
    fixture.turns(80)
    #expect(try #require(replies(fixture.loop.system.peers[client]!.received)).count == 66)
  }

  /// Nor does it where the client takes little by little: its end is heard between two parts.
  @Test func aPingOvertakesAFileThatIsTakenSlowly() throws {
    var fixture = fixture()
    let client = fixture.loop.system.connect(Self.read(id: 1))
    fixture.loop.system.peers[client]!.budget = 20_000
    fixture.turns(3)
    let entry = try #require(fixture.loop.system.jobs.keys.first)
    fixture.loop.system.answerJob(entry, .ok, [UInt8](repeating: 1, count: 200_000))
    fixture.turns(4)
    fixture.loop.system.peers[client]!.chunks.append(ping(id: 2, [7]))
    for _ in 0..<40 {
      fixture.loop.system.peers[client]!.budget += 9000
      fixture.turns(2)
    }
    let frames = try #require(replies(fixture.loop.system.peers[client]!.received))
    let ping = try #require(frames.firstIndex { $0.id == 2 })
    #expect(ping <= 4 && frames.filter { $0.id == 1 }.count == 13)
  }

  @Test func theQueueIsBoundedAndFair() throws {
    var fixture = Fixture(slots: 16)
    var facts = StorageFacts()
    facts.state = .writable
    (facts.totalBytes, facts.freeBytes) = (1 << 40, 1 << 39)
    fixture.loop.step(.storageChanged(facts))
    let many = (0..<110).flatMap { Self.read(id: UInt32($0)) }
    let client = fixture.loop.system.connect(many)
    fixture.turns(10)
    #expect(fixture.loop.jobs.running == 2 && fixture.loop.jobs.waiting == 98)
    let refused = try #require(replies(fixture.loop.system.peers[client]!.received))
    #expect(refused.count == 10 && refused.allSatisfy { $0.status == Status.busy.rawValue })
    #expect(fixture.loop.counters[.jobsRefused] == 10)
    // In the order in which they were asked for.
    var order: [UInt32] = []
    for _ in 0..<100 {
      let table = fixture.loop.jobs.table
      let running = fixture.loop.system.jobs.keys.min { table[$0].number < table[$1].number }
      let entry = try #require(running)
      order.append(fixture.loop.jobs.table[entry].header.requestID)
      fixture.loop.system.answerJob(entry, .ok, [1])
      fixture.turns(3)
    }
    #expect(order == Array(0..<100))
    #expect(fixture.loop.jobs.used == 0 && fixture.loop.jobs.waiting == 0)
  }

  /// Nobody waits until the time of the job is over.
  @Test(arguments: [Status.notFound, .storageUnavailable, .invalidArgument])
  func whatAWorkerRefusesIsToldAtOnce(status: Status) throws {
    var fixture = fixture()
    let client = fixture.loop.system.connect(Self.info(id: 5))
    fixture.turns(3)
    let entry = try #require(fixture.loop.system.jobs.keys.first)
    fixture.loop.system.answerJob(entry, status)
    fixture.turns(3)
    let answers = try #require(replies(fixture.loop.system.peers[client]!.received))
    #expect(answers.map(\.id) == [5] && answers.map(\.status) == [status.rawValue])
    #expect(fixture.loop.jobs.used == 0 && fixture.loop.system.hungJobs.isEmpty)
    // It has worked, although it has refused.
    #expect(fixture.loop.counters[.jobsDone] == 1 && fixture.loop.counters[.jobsFailed] == 0)
  }

  @Test func timeIsBounded() throws {
    var fixture = fixture()
    fixture.loop.system.jobWorkers = 1
    let client = fixture.loop.system.connect(Self.read(id: 1), Self.read(id: 2))
    fixture.turns(4)
    let entry = try #require(fixture.loop.system.jobs.keys.first)
    fixture.pass(ms: 9900)
    #expect(fixture.loop.system.hungJobs.isEmpty)
    fixture.pass(ms: 300)
    #expect(fixture.loop.system.hungJobs == [entry], "its worker is ended")
    let answers = try #require(replies(fixture.loop.system.peers[client]!.received))
    #expect(answers.first { $0.id == 1 }?.status == Status.timeout.rawValue)
    #expect(answers.first { $0.id == 2 }?.status == Status.busy.rawValue, "waited for too long")
    #expect(fixture.loop.counters[.jobsFailed] == 1 && fixture.loop.jobs.used == 0)
  }

  @Test func whatHasFailedTooOftenIsNotTried() throws {
    var fixture = fixture()
    let client = fixture.loop.system.connect()
    func ask(_ fixture: inout Fixture, _ id: UInt32, _ camera: Name = Text("cam")) {
      fixture.loop.system.peers[client]!.chunks.append(Self.info(id: id, camera: camera))
      fixture.turns(3)
    }
    for id in UInt32(1)...3 {
      ask(&fixture, id)
      fixture.loop.system.loseJob(try #require(fixture.loop.system.jobs.keys.first))
      fixture.turns(3)
    }
    ask(&fixture, 4)
    #expect(fixture.loop.system.jobs.isEmpty)
    #expect(fixture.loop.counters[.jobsBroken] == 1)
    // Another camera's are.
    ask(&fixture, 5, Text("other"))
    #expect(fixture.loop.system.jobs.count == 1)
    fixture.loop.system.answerJob(fixture.loop.system.jobs.keys.first!)
    fixture.pass(ms: 30_000)
    // One try, then it is known.
    ask(&fixture, 6)
    #expect(fixture.loop.system.jobs.count == 1)
    ask(&fixture, 7)
    #expect(fixture.loop.system.jobs.count == 1)
    fixture.loop.system.answerJob(fixture.loop.system.jobs.keys.first!)
    fixture.turns(3)
    ask(&fixture, 8)
    ask(&fixture, 9)
    #expect(fixture.loop.system.jobs.count == 2)
    let answers = try #require(replies(fixture.loop.system.peers[client]!.received))
    #expect(
      answers.filter { $0.status == Status.internalError.rawValue }.map { $0.id } == [1, 2, 3])
    #expect(answers.filter { $0.status == Status.busy.rawValue }.map { $0.id } == [4, 7])
  }

  @Test func aClientThatLeavesTakesItsJobsAlong() throws {
    var fixture = fixture()
    let client = fixture.loop.system.connect(Self.read(id: 1), Self.read(id: 2), Self.read(id: 3))
    fixture.turns(5)
    #expect(fixture.loop.jobs.used == 3)
    fixture.loop.system.peers[client]!.broken = true
    fixture.turns(3)
    #expect(fixture.loop.jobs.used == 0 && fixture.loop.system.jobs.isEmpty)
    #expect(fixture.loop.system.hungJobs.isEmpty)
  }

  @Test func withoutAPartitionTheAnswerComesAtOnce() throws {
    var fixture = Fixture()
    let client = fixture.loop.system.connect(Self.read(id: 1), request(.storageStatus, id: 2))
    fixture.turns(4)
    let answers = try #require(replies(fixture.loop.system.peers[client]!.received))
    #expect(answers[0].status == Status.storageUnavailable.rawValue)
    #expect(answers[1].payload.count == StorageReport.size)
  }

  // MARK: Pictures

  /// A loop with one camera that streams H.264.
  private static func streaming() -> Fixture {
    var fixture = Fixture { configuration in
      configuration.cameras.enabled = true
      configuration.mediaServer.path = Text("/bin/mediamtx")
    }
    fixture.stream(Text("cam"), format: PixelFormat.h264)
    return fixture
  }

  private static func snapshot(_ fixture: inout Fixture) -> Int32 {
    fixture.loop.system.connect(
      request(.snapshot, id: 5, bytes(CameraRequest(name: Text("cam")))))
  }

  /// A picture that has to be decoded is a job, and comes as every picture does.
  @Test func aKeyFrameIsDecodedByAJob() throws {
    var fixture = Self.streaming()
    let client = Self.snapshot(&fixture)
    fixture.turns(3)
    let job = try #require(fixture.loop.system.jobs.first)
    #expect(job.value.kind == .snapshot && fixture.loop.pictures.used == 0)
    let nowUs = fixture.loop.system.timeUs
    fixture.loop.step(.clockTrusted(unixMs: 1_800_000_000_000))
    var head = SnapshotPart()
    head.total = 40_000
    (head.width, head.height, head.frame, head.transcoded) = (640, 480, 31, true)
    head.capturedUs = nowUs - 1500
    let picture = (0..<40_000).map { UInt8(truncatingIfNeeded: $0 &* 5) }
    fixture.loop.system.answerJob(job.key, .ok, Self.bytes(head) + picture)
    fixture.turns(20)
    let answers = try #require(replies(fixture.loop.system.peers[client]!.received))
    #expect(answers.count == 3)
    var whole: [UInt8] = []
    for answer in answers {
      try answer.payload.withUnsafeBytes { payload in
        let (part, bytes) = try SnapshotPart.open(payload)
        #expect(part.total == 40_000 && Int(part.offset) == whole.count && part.transcoded)
        #expect((part.width, part.height, part.frame) == (640, 480, 31))
        #expect(part.ageUs == 1500 && part.unixMs == 1_799_999_999_998)
        whole += bytes
      }
    }
    #expect(whole == picture)
    #expect(fixture.loop.counters[.snapshotsSent] == 1 && fixture.loop.jobs.used == 0)
  }

  /// A worker that answers something else than a picture costs its client an error.
  @Test func anAnswerWithoutAPictureIsNotSent() throws {
    for bytes in [[], Self.bytes(SnapshotPart()), [UInt8](repeating: 1, count: 100)] {
      var fixture = Self.streaming()
      let client = Self.snapshot(&fixture)
      fixture.turns(3)
      let entry = try #require(fixture.loop.system.jobs.keys.first)
      fixture.loop.system.answerJob(entry, .ok, bytes)
      fixture.turns(5)
      let answers = try #require(replies(fixture.loop.system.peers[client]!.received))
      #expect(answers.map { $0.status } == [Status.internalError.rawValue])
      #expect(fixture.loop.jobs.used == 0)
    }
  }
}
