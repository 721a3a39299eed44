import LoadReport
import Testing

@testable import LoadTest

@Suite struct OracleTruthTests {
  private let second: UInt64 = 1_000_000_000

  private func options(_ arguments: String...) throws -> OracleOptions {
    try OracleOptions(arguments)
  }

  @Test func aPeriodThawsFirst() throws {
    let freeze = try #require(OracleFreeze(frozenNs: 3, everyNs: 10))
    #expect((0...11).map { freeze.thaw($0) } == [0, 1, 2, 3, 4, 5, 6, 10, 10, 10, 10, 11])
    #expect(freeze.thaw(19) == 20)
    #expect(OracleFreeze(frozenNs: 10, everyNs: 10) == nil)
    #expect(OracleFreeze(frozenNs: 0, everyNs: 10) == nil)
  }

  @Test func aFreezeIsChargedToAllThatCameMeanwhile() throws {
    // Frozen 2 s of 4, one request a second: at 0 and 1 s at once, at 2 s after 2 s, at 3 s after
    // one.
    let truth = try OracleTruth(options("--freeze", "2/4"), rate: 1, seconds: 4)
    #expect(truth.unanswered == 0)
    #expect(truth.latencies.values == [0, second, 2 * second])
    #expect(truth.latencies.counts == [2, 1, 1])
    #expect(truth.latencies.max == 2 * second)
    #expect(truth.latencies.mean == 0.75e9)
  }

  @Test func thePhaseMovesTheFreeze() throws {
    // From 2.5 s on, that is half a second into the freeze: 1.5 s, 0.5 s, then thawed.
    let truth = try OracleTruth(
      options("--freeze", "2/4"), rate: 1, seconds: 3, phaseNs: 2_500_000_000)
    #expect(truth.latencies.values == [0, second / 2, second * 3 / 2])
    #expect(truth.latencies.counts == [1, 1, 1])
  }

  @Test func aDelayBeginsAtTheThawAndMayEndInTheNextFreeze() throws {
    // At 0 s: due at 1.5 s. At 1 s: due at 2.5 s, frozen until 4 s. At 2 and 3 s: read at 4 s,
    // answered at 5.5 s.
    let truth = try OracleTruth(
      options("--freeze", "2/4", "--delay", "1.5s"), rate: 1, seconds: 4)
    #expect(truth.latencies.values == [1_500_000_000, 2_500_000_000, 3 * second, 3_500_000_000])
  }

  @Test func halfFrozenIsTheTriangleOfTheTextbook() throws {
    // Frozen 15 s of 30: half wait nothing, the others evenly between 0 and 15 s. The mean is
    // 15²/2/30 = 3.75 s, and p90 is what a tenth of all exceed: 15 − 30/10 = 12 s.
    let truth = try OracleTruth(options("--freeze", "15/30"), rate: 1000, seconds: 60)
    #expect(abs(truth.latencies.mean - 3.75e9) < 1e6)
    #expect(truth.latencies.quantile(0.50) == 0)
    for (share, seconds) in [(0.90, 12.0), (0.95, 13.5), (0.99, 14.7)] {
      #expect(abs(Double(truth.latencies.quantile(share)) - seconds * 1e9) < 2e6)
    }
  }

  @Test func whatIsLostOrDueAfterDeathIsUnanswered() throws {
    let lossy = try OracleTruth(options("--loss", "1"), rate: 1000, seconds: 20)
    #expect(lossy.unanswered == 200)
    #expect(lossy.latencies.count == 19_800)
    // At 0, 0.5, 1 s … 4.5 s with a delay of 1 s; those due at 3 s and later are not answered.
    let dead = try OracleTruth(
      options("--delay", "1s", "--dies-after", "3"), rate: 2, seconds: 5)
    #expect(dead.unanswered == 6)
    #expect(dead.latencies.values == [second] && dead.latencies.counts == [4])
  }

  // MARK: Draws

  /// Φ⁻¹ from the table of every book, and far out.
  @Test(arguments: [
    (0.5, 0.0), (0.95, 1.644853626951), (0.99, 2.326347874041), (0.001, -3.090232306168),
    (1e-9, -5.997807015008), (0.841344746069, 1.0),
  ])
  func theNormalQuantileIsRight(share: Double, deviate: Double) {
    #expect(abs(normalQuantile(share) - deviate) < 1e-9)
  }

  @Test func theoryOfTheLogNormal() {
    let delay = OracleDelay.logNormal(medianNs: 20_000_000, sigma: 0.5)
    #expect(abs(delay.quantile(0.5) - 20e6) < 1)
    // 20 ms · exp(0.5 · 1.6449) and exp(0.5 · 2.3263), and exp(0.125).
    #expect(abs(delay.quantile(0.95) - 45.5196e6) < 1e3)
    #expect(abs(delay.quantile(0.99) - 64.0012e6) < 1e3)
    #expect(abs(delay.mean - 22.66297e6) < 1e2)
    #expect(OracleDelay.constant(ns: 7).mean == 7)
    #expect(OracleDelay.constant(ns: 7).quantile(0.99) == 7)
  }

  /// Whatever the seed and wherever in the draws one begins.
  @Test(arguments: [UInt64(1), 2, 3, 99, .max], [0, 1, 499])
  func drawsAgreeWithTheory(seed: UInt64, skipped: Int) {
    let delay = OracleDelay.logNormal(medianNs: 20_000_000, sigma: 0.5)
    var draws = OracleDraws(delay, lossPercent: 0, seed: seed)
    for _ in 0..<skipped { _ = draws.next() }
    let sample = Latencies(of: (0..<20_000).compactMap { _ in draws.next() })
    #expect(sample.count == 20_000)
    for share in [0.5, 0.95, 0.99] {
      let theory = delay.quantile(share)
      #expect(abs(Double(sample.quantile(share)) - theory) < 0.01 * theory)
    }
    #expect(abs(sample.mean - delay.mean) < 0.01 * delay.mean)
  }

  @Test func theSeedDecides() {
    func first(_ seed: UInt64, loss: Double) -> [UInt64?] {
      var draws = OracleDraws(
        .logNormal(medianNs: 1_000_000, sigma: 1), lossPercent: loss, seed: seed)
      return (0..<100).map { _ in draws.next() }
    }
    #expect(first(1, loss: 0) == first(1, loss: 0))
    #expect(first(1, loss: 0) != first(2, loss: 0))
    // A loss takes nobody else's delay.
    let (whole, lossy) = (first(1, loss: 0), first(1, loss: 50))
    #expect(lossy.contains(nil))
    #expect(zip(whole, lossy).allSatisfy { $1 == nil || $0 == $1 })
    #expect(first(1, loss: 100).allSatisfy { $0 == nil })
  }

  @Test func dueActsComeInOrder() {
    var due = DueActs()
    let moments: [UInt64] = [5, 1, 4, 1, 9, 2, 6, 5, 3, 5]
    for (number, moment) in moments.enumerated() {
      due.add(DueAct(moment: moment, connection: number, generation: 0, act: .ending))
    }
    var taken: [Int] = []
    #expect(due.take(by: 0) == nil)
    while let act = due.take(by: 5) { taken.append(act.connection) }
    #expect(taken == [1, 3, 5, 8, 2, 0, 7, 9])
    #expect(due.next == 6 && due.count == 2)
  }

  /// Each request under way has a user: those that come due while it is frozen, too, and those that
  /// are never answered.
  @Test(arguments: [
    (["--delay", "1s"], 545), (["--freeze", "15/30"], 7895),
    (["--freeze", "15/30", "--delay", "1s"], 8420), (["--loss", "1"], 335), ([], 20),
    (["--log-normal", "20ms,0"], 31),
  ])
  func usersSuffice(words: [String], users: Int) throws {
    #expect(OracleCheck.users(try OracleOptions(words), rate: 500, seconds: 60) == users)
  }
}
