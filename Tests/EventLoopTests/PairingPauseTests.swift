import Appliance
import Testing
import Wire

@testable import EventLoop

/// What somebody is told who comes during the pause after an attempt to pair.
@Suite struct PairingPauseTests {
  @Test func whenTheNextAttemptIsHeardIsTold() throws {
    var fixture = try Fixture.withKeys()
    _ = fixture.loop.access.pairing.keys(hasAdmin: true)
    _ = fixture.loop.access.pairing.openByCode(bits: 1, now: fixture.loop.now)
    let wrong = SealedClient(7, secret: SealedClient.bytes(1), to: &fixture)
    expect(try wrong.begin(&fixture, name: "laptop"), false)
    let next = SealedClient(8, secret: SealedClient.bytes(1), to: &fixture)
    expect(try next.begin(&fixture, name: "desk"), false)
    let received = fixture.loop.system.peers[next.peer]!.received
    let answer = try #require(replies(received)?.first)
    #expect(answer.status == Status.rateLimited.rawValue)
    let refusal = try answer.payload.withUnsafeBytes { try Refusal.decode($0) }
    #expect((1...UInt32(Pairing.pauseMs)).contains(refusal.retryAfterMs))
    #expect(refusal.message == Text(Status.rateLimited.sentence(in: .handshake)))
    expect(fixture.audit().last, .pairingRefused)
  }
}
