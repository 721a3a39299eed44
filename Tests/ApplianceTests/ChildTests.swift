import Testing
import Wire

@testable import Appliance

@Suite struct ChildTests {
  private static let policy = ChildPolicy.mediaServer

  private func at(_ ms: UInt64) -> Instant { Instant(ms: ms) }

  private func running(_ policy: ChildPolicy = policy) -> Child {
    var child = Child(policy)
    #expect(child.step(.start, now: at(0)) == .spawn(life: 1))
    #expect(child.step(.started(pid: 7), now: at(0)) == .none)
    #expect(child.phase == .running && child.pid == 7)
    return child
  }

  @Test func firstRestartIsImmediate() {
    var child = running()
    #expect(child.step(.ended(.exited(.code(1))), now: at(50)) == .spawn(life: 2))
    #expect(child.phase == .spawning && child.starts == 2 && child.restarts == 1)
    #expect(child.lastExit == .exited(.code(1)))
  }

  /// Exit code 0 is no more wanted than another.
  @Test func delaysDoubleToTheCap() {
    var child = running()
    var now: UInt64 = 0
    var delays: [UInt64] = []
    for life in 1..<UInt32(12) {
      let action = child.step(.ended(.exited(.code(0))), now: at(now))
      if action == .none {
        #expect(child.phase == .waiting)
        let due = child.nextDeadline.ms
        delays.append(due - now)
        #expect(child.step(.tick, now: at(due - 1)) == .none)
        #expect(child.step(.tick, now: at(due)) == .spawn(life: life + 1))
        now = due
      } else {
        delays.append(0)
      }
      _ = child.step(.started(pid: 8), now: at(now))
      now += 100
    }
    #expect(
      delays == [0, 250, 500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000])
  }

  @Test func aGoodRunForgives() {
    var child = running()
    for _ in 0..<5 {
      _ = child.step(.ended(.exited(.code(1))), now: at(0))
      _ = child.step(.tick, now: at(100_000))
      _ = child.step(.started(pid: 8), now: at(100_000))
    }
    #expect(child.failures == 5)
    // It never worked, however long it ran.
    #expect(child.step(.ended(.exited(.code(1))), now: at(200_000)) == .none)
    _ = child.step(.tick, now: at(300_000))
    _ = child.step(.started(pid: 9), now: at(300_000))
    // It worked, but not for long.
    _ = child.step(.worked, now: at(309_800))
    #expect(child.step(.ended(.exited(.code(1))), now: at(310_000)) == .none)
    #expect(child.failures == 7)
    _ = child.step(.tick, now: at(400_000))
    _ = child.step(.started(pid: 10), now: at(400_000))
    _ = child.step(.worked, now: at(400_500))
    _ = child.step(.worked, now: at(401_400))
    #expect(child.step(.ended(.exited(.code(1))), now: at(401_500)) == .spawn(life: child.life))
    #expect(child.failures == 1)
  }

  @Test func failedSpawnsCountAsBadRuns() {
    var child = Child(.mediaServer)
    _ = child.step(.start, now: at(0))
    #expect(child.step(.ended(.spawnFailed(errno: 2)), now: at(0)) == .spawn(life: 2))
    #expect(child.step(.ended(.spawnFailed(errno: 2)), now: at(0)) == .none)
    #expect(child.nextDeadline == at(250))
    #expect(child.lastExit == .spawnFailed(errno: 2))
  }

  @Test func terminateThenKillThenQuarantine() {
    var child = running()
    #expect(child.step(.end(.terminate, .restart), now: at(100)) == .signal(life: 1, .terminate))
    #expect(child.nextDeadline == at(3100))
    #expect(child.step(.tick, now: at(3099)) == .none)
    #expect(child.step(.tick, now: at(3100)) == .signal(life: 1, .kill))
    #expect(child.nextDeadline == at(8100))
    #expect(child.step(.tick, now: at(8100)) == .none)
    #expect(child.phase == .quarantined && child.nextDeadline == .never)
    // Never waited for, never replaced while it may still hold what it held …
    #expect(child.step(.start, now: at(9000)) == .none)
    // … but a late end releases the slot.
    #expect(child.isCurrent(1))
    #expect(child.step(.ended(.exited(.signal(9))), now: at(900_000)) == .spawn(life: 2))
  }

  @Test func restingIsFinal() {
    var child = running()
    #expect(child.step(.end(.terminate, .rest), now: at(100)) == .signal(life: 1, .terminate))
    #expect(child.step(.ended(.exited(.code(0))), now: at(130)) == .none)
    #expect(child.phase == .idle && child.nextDeadline == .never)
    #expect(child.step(.start, now: at(200)) == .spawn(life: 2))
  }

  @Test func restCancelsAPlannedRestart() {
    var child = running()
    _ = child.step(.ended(.exited(.code(1))), now: at(0))
    _ = child.step(.ended(.spawnFailed(errno: 2)), now: at(0))
    #expect(child.phase == .waiting)
    #expect(child.step(.end(.terminate, .rest), now: at(10)) == .none)
    #expect(child.phase == .idle && child.step(.tick, now: at(99_999)) == .none)
  }

  @Test func anEndAskedForWhileSpawningIsKept() {
    var child = Child(.mediaServer)
    _ = child.step(.start, now: at(0))
    #expect(child.step(.end(.terminate, .rest), now: at(1)) == .none)
    #expect(child.step(.started(pid: 7), now: at(2)) == .signal(life: 1, .terminate))
    #expect(child.phase == .ending)
  }

  @Test func aSecondEndOnlyEverHurries() {
    var child = running()
    _ = child.step(.end(.terminate, .restart), now: at(0))
    #expect(child.step(.end(.terminate, .rest), now: at(1000)) == .none)
    #expect(child.nextDeadline == at(3000))
    #expect(child.step(.end(.kill, .rest), now: at(1500)) == .signal(life: 1, .kill))
    #expect(child.step(.end(.kill, .rest), now: at(1600)) == .none)
  }

  @Test func aProbeRunsOncePerStart() {
    var child = running(.probe)
    #expect(child.step(.ended(.exited(.code(0))), now: at(10)) == .none)
    #expect(child.phase == .idle)
  }

  @Test func onlyTheLivingLifeIsCurrent() {
    var child = running()
    _ = child.step(.ended(.exited(.code(1))), now: at(0))
    #expect(!child.isCurrent(1) && child.isCurrent(2))
    _ = child.step(.ended(.spawnFailed(errno: 2)), now: at(0))
    // Waiting: nothing of any life can happen.
    #expect(!child.isCurrent(2) && !child.isCurrent(3))
  }
}
