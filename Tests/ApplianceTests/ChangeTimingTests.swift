import Testing
import Wire

@testable import Appliance

/// How long each step of a change may take, to the millisecond.
@Suite struct ChangeTimingTests {
  /// Nothing is asked for a millisecond before `ms` have passed, and this then.
  private func expect(_ desk: ChangeDesk, after ms: UInt64, _ asked: [ChangeEffect]) {
    desk.pass(ms - 1)
    #expect(desk.work.isEmpty)
    desk.pass(1)
    #expect(desk.work == asked)
  }

  @Test func aCheckHasTenSeconds() throws {
    let desk = ChangeDesk()
    let id = try desk.stage()
    expect(desk, after: 10_000, [.check(id: id)])
    expect(desk, after: 10_000, [.check(id: id)])
  }

  @Test func itIsAppliedWithinAMinute() throws {
    let desk = ChangeDesk()
    let id = try desk.approved()
    try desk.apply(id)
    expect(desk, after: 60_000, [.rollBack(id: id)])
  }

  @Test func itIsConfirmedWithinTwoMinutes() throws {
    let desk = ChangeDesk()
    let id = try desk.unconfirmed()
    expect(desk, after: 120_000, [.rollBack(id: id)])
  }

  /// The way back has half a minute; then it is asked for again, after a second at first.
  @Test func theWayBackHasHalfAMinute() throws {
    let desk = ChangeDesk()
    let id = try desk.unconfirmed()
    desk.pass(120_000)
    expect(desk, after: 30_000, [])
    #expect(desk.news.map(\.what) == [.rollBackFailed])
    expect(desk, after: 1000, [.rollBack(id: id)])
  }

  /// Seven days in which the device runs; its image is kept every hour meanwhile.
  @Test func itExpiresAfterAWeek() throws {
    let desk = ChangeDesk()
    let id = try desk.approved()
    let keeps = desk.keeps
    desk.pass(3_599_999)
    #expect(desk.keeps == keeps)
    desk.pass(1)
    #expect(desk.keeps == keeps + 1)
    desk.pass(7 * 24 * 3_600_000 - 3_600_001)
    #expect(desk.state(id) == .approved)
    desk.pass(1)
    #expect(desk.state(id) == .expired)
  }
}
