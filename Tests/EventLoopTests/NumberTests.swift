import Appliance
import Testing
import Wire

@testable import EventLoop

/// Numbers of the loop at their edges: one more or one millisecond later is something else.
@Suite struct NumberTests {
  private func at(_ ms: UInt64) -> Instant { Instant(ms: ms) }

  /// The third failure in a row opens a camera's breaker for half a minute; then one try is made,
  /// and for another half a minute no other one.
  @Test func aBreakerOpensAtTheThirdFailure() {
    var breakers = Breakers()
    let camera = Name("front")
    for _ in 0..<3 {
      expect(breakers.isClosed(for: camera, now: at(1000)), true)
      breakers.failed(camera, now: at(1000))
    }
    expect(breakers.isClosed(for: camera, now: at(1000)), false)
    expect(breakers.isClosed(for: camera, now: at(30_999)), false)
    expect(breakers.isClosed(for: camera, now: at(31_000)), true)
    expect(breakers.isClosed(for: camera, now: at(60_999)), false)
    expect(breakers.isClosed(for: camera, now: at(61_000)), true)
  }

  /// What a card has refused is tried again after two seconds; a keeper that has taken nothing is
  /// asked again after a fifth of one.
  @Test func anImageIsTriedAgain() {
    var image = KeptImage()
    image.change()
    image.ask(1, now: at(500))
    image.done(false, now: at(1000))
    #expect(!image.isDue(at: at(2999)) && image.isDue(at: at(3000)))
    image.ask(0, now: at(3000))
    #expect(!image.isDue(at: at(3199)) && image.isDue(at: at(3200)))
  }

  /// As many changes as a card is to forget are remembered; one more takes the place of the oldest.
  @Test func thirtyTwoChangesAreLeftOnTheCard() {
    var left = LeftOnCard()
    for id in 1...32 as ClosedRange<UInt32> { left.add(id, after: 0, sparing: 0) }
    #expect(left.count == 32 && left.next == 1)
    left.add(33, after: 0, sparing: 0)
    #expect(left.count == 32 && left.next == 2)
    // What fails comes last, and two seconds later.
    left.ask(7, now: at(1000))
    left.done(false, now: at(1000))
    #expect(left.next == 3 && left.deadline(KeptImage()) == at(3000))
    left.ask(0, now: at(3000))
    #expect(left.deadline(KeptImage()) == at(3200))
  }

  /// Sixteen lines at once, and one more ten minutes later.
  @Test func aLogIsSparedFromTheSeventeenthLineOn() {
    let memory = UnsafeMutableBufferPointer<EventThrift.Account>.allocate(capacity: 128)
    defer { memory.deallocate() }
    var thrift = EventThrift(memory)
    let event = Event(.cameraStatus, subject: Name("front"))
    for _ in 0..<16 { expect(thrift.spend(event, now: at(1000)), 0) }
    expect(thrift.spend(event, now: at(1000)), nil)
    // Of 128 pairs of code and subject each has its own account, of 129 no longer.
    func others(_ numbers: Range<Int>) {
      for number in numbers {
        var subject = Name("s")
        subject.append(decimal: UInt64(number))
        _ = thrift.spend(Event(.streamStatus, subject: subject), now: at(2000))
      }
    }
    others(0..<127)
    expect(thrift.spend(event, now: at(600_999)), nil)
    expect(thrift.spend(event, now: at(601_000)), 2)
    expect(thrift.spend(event, now: at(1_200_999)), nil)
    others(0..<127)
    expect(thrift.spend(event, now: at(1_200_999)), nil)
  }

  /// A client that asks for a picture waits for two seconds.
  @Test func aPictureMayTakeTwoSeconds() throws {
    var fixture = PictureTests.fixture()
    let client = fixture.loop.system.connect(PictureTests.snapshot(id: 3))
    let start = fixture.loop.system.timeUs
    fixture.turns(2)
    #expect(fixture.loop.system.askedPictures[0]?.deadlineUs == start + 2_000_000)
    fixture.pass(ms: 1999)
    fixture.turns(1)
    #expect(fixture.loop.system.peers[client]!.received.isEmpty)
    fixture.pass(ms: 1)
    fixture.turns(2)
    #expect(!fixture.loop.system.peers[client]!.received.isEmpty)
  }

  /// Ten seconds for a worker to be found, ten for its work, and a second before another try.
  @Test(arguments: [0, 1]) func aJobMayTakeTenSeconds(workers: Int) throws {
    var fixture = Fixture()
    fixture.loop.system.jobWorkers = workers
    var facts = StorageFacts()
    facts.state = .writable
    (facts.totalBytes, facts.freeBytes) = (1 << 40, 1 << 39)
    fixture.loop.step(.storageChanged(facts))
    let file = FileRequest(kind: .recording, camera: Text("cam"), name: Text("a.mp4"))
    let client = fixture.loop.system.connect(
      request(.fileVerify, MessageTests.encoded(file)))
    fixture.turns(2)
    fixture.pass(ms: 9999)
    fixture.turns(1)
    #expect(fixture.loop.system.peers[client]!.received.isEmpty)
    fixture.pass(ms: 1)
    fixture.turns(2)
    let answer = try #require(replies(fixture.loop.system.peers[client]!.received)?.first)
    let (status, retryAfterMs): (Status, UInt32) =
      workers == 0 ? (.busy, 1000) : (.timeout, 0)
    let refusal = try answer.payload.withUnsafeBytes { try Refusal.decode($0) }
    #expect(answer.status == status.rawValue && refusal.retryAfterMs == retryAfterMs)
  }

  /// A card may take eight seconds for an answer; whom it refuses asks again half a second later.
  @Test func aDecisionMayTakeEightSeconds() throws {
    let card = try FakeCard.withKeys()
    var fixture = Fixture.with(card)
    let admin = try fixture.client(3)
    let name = MessageTests.encoded(KeyName(name: Name("viewer")))
    card.hangs = true
    admin.send(&fixture, request(.keyRemove, id: 4, name))
    fixture.turns(1)
    fixture.pass(ms: 7999)
    fixture.turns(1)
    expect(try admin.answers(&fixture).map(\.status), [])
    fixture.pass(ms: 1)
    fixture.turns(2)
    expect(try admin.answers(&fixture).map(\.status), [Status.timeout.rawValue])
    card.hangs = false
    fixture.rest(card)
    card.isReadOnly = true
    let other = MessageTests.encoded(KeyName(name: Name("operator")))
    admin.send(&fixture, request(.keyRemove, id: 5, other))
    fixture.settle(card)
    let answer = try #require(try admin.answers(&fixture).last)
    let refusal = try answer.payload.withUnsafeBytes { try Refusal.decode($0) }
    #expect(answer.status == Status.storageUnavailable.rawValue && refusal.retryAfterMs == 500)
  }

  /// A machine without descriptors is left alone for a tenth of a second.
  @Test func anExhaustedMachineIsLeftAlone() {
    var fixture = Fixture()
    fixture.turns(1)
    fixture.loop.system.exhausted = true
    let client = fixture.loop.system.connect(ping(id: 3))
    fixture.turns(1)
    fixture.loop.system.exhausted = false
    fixture.pass(ms: 99)
    #expect(fixture.loop.system.backlog.count == 1)
    fixture.pass(ms: 1)
    fixture.turns(2)
    #expect(replies(fixture.loop.system.peers[client]!.received)?.map(\.id) == [3])
  }

  /// What one turn takes of a backlog, of inputs and of a single connection: the rest comes later.
  @Test func aTurnIsBounded() {
    var fixture = Fixture(slots: 100)
    for _ in 0..<65 { _ = fixture.loop.system.connect() }
    fixture.turns(1)
    #expect(fixture.loop.system.backlog.count == 1)
    fixture.loop.system.inputs = [Input](repeating: .tick, count: 65)
    fixture.turns(1)
    #expect(fixture.loop.system.inputs.count == 1)
    fixture.turns(1)
    // Sources that take long: two milliseconds of a turn.
    fixture.loop.system.inputUs = 500
    fixture.loop.system.inputs = [Input](repeating: .tick, count: 9)
    fixture.turns(1)
    #expect(fixture.loop.system.inputs.count == 5)
    fixture.loop.system.inputUs = 0
    let flood = (0..<2 * 4 * Limits.frameSize / 32).flatMap { ping(id: UInt32($0)) }
    let greedy = fixture.loop.system.connect(flood)
    fixture.turns(2)
    let left = fixture.loop.system.peers[greedy]!.chunks.map(\.count).reduce(0, +)
    #expect(flood.count - left == 4 * Limits.frameSize)
  }
}
