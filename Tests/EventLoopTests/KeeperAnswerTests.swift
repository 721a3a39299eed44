import Appliance
import Noise
import Testing
import Wire

@testable import EventLoop

/// What the keeper says besides yes and no.
@Suite struct KeeperAnswerTests {
  /// Clients do not know a device whose key is another one, whatever has become of the first.
  @Test(arguments: [BlobNews.State.madeAnew, .damaged, .loaded])
  func anotherDeviceKeyIsInTheAudit(state: BlobNews.State) {
    let card = FakeCard()
    (card.hasDeviceKey, card.madeKeyIs) = (false, state)
    let fixture = Fixture.with(card)
    expect(fixture.audit().contains(.deviceKeyMade), state != .loaded)
    expect(fixture.loop.deviceKey.publicKey.isNone, false)
  }

  /// Whoever asks once more, because the answer was lost, is told that the card has it.
  @Test(arguments: [KeeperRequest.clients, .forget, .append])
  func whatTheCardHasHadIsKept(request kind: KeeperRequest) throws {
    let card = try FakeCard.withKeys()
    var fixture = Fixture.with(card)
    let admin = try fixture.client(3)
    card.hasDone = kind
    if kind == .forget { fixture.loop.pressed(.long) }
    let request = request(.keyRemove, id: 4, MessageTests.encoded(KeyName(name: Name("viewer"))))
    if kind == .clients { admin.send(&fixture, request) }
    fixture.settle(card)
    if kind == .clients { expect(try admin.answers(&fixture).map(\.status), [0]) }
    fixture.rest(card)
    expect(fixture.loop.isKept, true)
    let asked = card.log.filter { $0 == kind }.count
    #expect(asked > 0)
    fixture.rest(card)
    #expect(card.log.filter { $0 == kind }.count == asked)
    #expect(!fixture.loop.system.kept.contains { $0.contains("does not keep") })
  }
}
