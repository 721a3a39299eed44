import Appliance
import Testing
import Wire

@testable import EventLoop

/// Each request and each answer is counted once, whatever way it takes.
@Suite struct CountTests {
  static let metrics: [Metric] = [
    .requestsSucceeded, .requestsFailed, .requestsFailedHere, .requestsUnknown, .permissionDenied,
    .snapshotsSent, .jobsDone, .jobsFailed, .jobsRefused, .fileBytesRead,
  ]

  /// What has been counted since `before`, what is not 0.
  private func counted(_ fixture: borrowing Fixture, since before: MetricValues) -> [Metric: UInt64]
  {
    var counts: [Metric: UInt64] = [:]
    for metric in Self.metrics where fixture.loop.counters[metric] != before[metric] {
      counts[metric] = fixture.loop.counters[metric] - before[metric]
    }
    return counts
  }

  /// A device with a camera and a data partition.
  private func device() -> Fixture {
    var fixture = PictureTests.fixture()
    var facts = StorageFacts()
    facts.state = .writable
    (facts.totalBytes, facts.freeBytes) = (1 << 40, 1 << 39)
    fixture.loop.step(.storageChanged(facts))
    fixture.turns(2)
    return fixture
  }

  @Test func whatIsAnsweredAtOnce() {
    let cases: [([UInt8], IPv4, [Metric: UInt64])] = [
      (ping(id: 1), IPv4(127, 0, 0, 1), [.requestsSucceeded: 1]),
      (request(.health), IPv4(127, 0, 0, 1), [.requestsSucceeded: 1]),
      (request(.cameraList), IPv4(127, 0, 0, 1), [.requestsSucceeded: 1]),
      (
        request(.cameraStatus, [UInt8](repeating: 97, count: 32)), IPv4(127, 0, 0, 1),
        [.requestsFailed: 1]
      ),
      (request(.cameraList), IPv4(10, 0, 0, 9), [.requestsFailed: 1, .permissionDenied: 1]),
      (request(.cameraList, [1]), IPv4(127, 0, 0, 1), [.requestsFailed: 1]),
    ]
    for (bytes, address, counts) in cases {
      var fixture = device()
      let before = fixture.loop.counters
      _ = fixture.loop.system.connect(from: address, bytes)
      fixture.turns(3)
      #expect(counted(fixture, since: before) == counts, "\(counts)")
    }
  }

  @Test func whatNobodyKnows() {
    var fixture = device()
    let before = fixture.loop.counters
    var frame = [UInt8](repeating: 0, count: Limits.headerSize)
    frame.withUnsafeMutableBytes {
      _ = Header(kind: 0x7FFF, requestID: 1).seal($0, payloadSize: 0)
    }
    _ = fixture.loop.system.connect(frame)
    fixture.turns(3)
    #expect(counted(fixture, since: before) == [.requestsFailed: 1, .requestsUnknown: 1])
  }

  @Test func pictures() {
    for (hasPicture, isOff) in [(true, false), (false, false), (true, true)] {
      var fixture = device()
      fixture.loop.system.picture = hasPicture ? PictureTests.picture(40_000) : nil
      fixture.loop.system.picturesOff = isOff
      let before = fixture.loop.counters
      _ = fixture.loop.system.connect(PictureTests.snapshot(id: 1))
      fixture.turns(3)
      fixture.loop.system.answerPictures()
      fixture.turns(12)
      let counts: [Metric: UInt64] =
        isOff
        ? [.requestsFailed: 1, .requestsFailedHere: 1]
        : hasPicture ? [.requestsSucceeded: 1, .snapshotsSent: 1] : [.requestsFailed: 1]
      #expect(counted(fixture, since: before) == counts)
    }
  }

  @Test func jobs() throws {
    let file = FileRequest(kind: .recording, camera: Text("cam"), name: Text("a.mp4"))
    let read = MessageTests.encoded(FileReadRequest(file: file, offset: 0, length: 1 << 20))
    for outcome in [Status.ok, .notFound, .internalError] {
      var fixture = device()
      let before = fixture.loop.counters
      _ = fixture.loop.system.connect(request(.fileRead, read))
      fixture.turns(3)
      let entry = try #require(fixture.loop.system.jobs.keys.first)
      if outcome == .internalError {
        fixture.loop.system.loseJob(entry)
      } else {
        fixture.loop.system.answerJob(entry, outcome, [UInt8](repeating: 1, count: 50_000))
      }
      fixture.turns(12)
      let counts: [Metric: UInt64] =
        switch outcome {
        case .ok: [.requestsSucceeded: 1, .jobsDone: 1, .fileBytesRead: 50_000]
        case .notFound: [.requestsFailed: 1, .jobsDone: 1]
        default: [.requestsFailed: 1, .requestsFailedHere: 1, .jobsFailed: 1]
        }
      #expect(counted(fixture, since: before) == counts, "\(outcome)")
    }
  }

  @Test(arguments: [false, true]) func decisions(isReadOnly: Bool) throws {
    let card = try FakeCard.withKeys()
    var fixture = Fixture.with(card)
    let admin = try fixture.client(3)
    admin.send(&fixture, ping(id: 1))
    fixture.settle(card)
    card.isReadOnly = isReadOnly
    let before = fixture.loop.counters
    let name = MessageTests.encoded(KeyName(name: Name("viewer")))
    admin.send(&fixture, request(.keyRemove, id: 4, name))
    fixture.settle(card)
    let counts: [Metric: UInt64] = isReadOnly ? [.requestsFailed: 1] : [.requestsSucceeded: 1]
    #expect(counted(fixture, since: before) == counts)
    // Who reads the log wants to know what is not kept, and why.
    let line = " warning the card does not keep the client keys (read-only); it is tried again\n"
    #expect(fixture.loop.system.kept.contains { $0.hasSuffix(line) } == isReadOnly)
  }
}
