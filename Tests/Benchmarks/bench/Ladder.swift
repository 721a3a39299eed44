import Foundation
import LoadGenerator

/// Client after client up to far more than there are slots: everybody is served or told BUSY, and
/// when they are gone everybody is served again.
final class Ladder: Chapter {
  struct Entry: Named {
    let connections: Int
    let limits: Workshop.ControlLimits

    /// Connection slots of such an agent.
    var slots: Int { limits == .defaults ? 1024 : 16_384 }
    var served: Int { min(connections, slots) }
    var name: String { "ladder, \(connections) connections, \(slots) slots" }
  }

  /// Where the predecessor stopped, and on to ten thousand.
  private static let steps =
    [10, 25, 50, 75, 100, 125, 150, 250, 500, 1000, 2500, 5000, 10_000]
  /// Counts need no seven rounds.
  private static let mostRounds = 3
  private static let growthKiB = 64

  static let rows: [Entry] =
    steps.map { Entry(connections: $0, limits: .defaults) }
    + steps.filter { $0 > 1024 }.map { Entry(connections: $0, limits: .unmet) }

  private var agents: [Workshop.ControlLimits: Server] = [:]
  private var idleKiB: [Workshop.ControlLimits: Int] = [:]
  private var largestKiB: [Workshop.ControlLimits: Int] = [:]

  init(_ workshop: Workshop, for rows: [Entry]) throws {
    for limits in Set(rows.map(\.limits)) {
      agents[limits] = try workshop.startWatchpost(limits: limits)
    }
    sleep(1)
    idleKiB = try agents.mapValues { try ProcessFigures.residentKiB(of: $0.pid) }
    largestKiB = idleKiB
  }

  /// What became of the clients of a row, in all its rounds.
  private struct Tally {
    /// Neither served nor told BUSY, or lost afterwards.
    var failed = 0
    /// Told BUSY, in the round in which that was farthest from what it should be.
    var busy: Int?
    /// Not served when they came again right after all had gone.
    var failedAgain = 0
  }

  func run(_ row: Entry, _ effort: Effort, _ report: inout Report) throws -> [Outcome] {
    guard let agent = agents[row.limits] else { throw BenchError("\(row.name): no agent") }
    let rounds = min(effort.pairs, Ladder.mostRounds)
    let surplus = row.connections - row.served
    var tally = Tally()
    for _ in 1...rounds { try climb(row, agent, surplus, &tally) }
    func outcome(_ measure: String, _ value: Int, wanted: Int) -> Outcome {
      Outcome(row.name, measure, Double(value), bar: .exactly(Double(wanted)), of: rounds)
    }
    let failed = [
      outcome("failed", tally.failed, wanted: 0),
      outcome("failed when they came again at once", tally.failedAgain, wanted: 0),
    ]
    guard surplus > 0 else { return failed }
    return failed + [outcome("told BUSY", tally.busy ?? 0, wanted: surplus)]
  }

  private func climb(
    _ row: Entry, _ agent: Server, _ surplus: Int, _ tally: inout Tally
  ) throws {
    var load = try LoadGenerator(
      .ping(), to: agent.endpoint, connections: row.connections, from: .spread(250))
    let arrival = try load.arrive()
    let busy = arrival.failures.busy
    // Nobody is to be told BUSY as long as there are slots.
    tally.failed += arrival.failures.total - (surplus > 0 ? busy : 0)
    if abs(busy - surplus) >= abs((tally.busy ?? surplus) - surplus) { tally.busy = busy }
    // Whoever was served is still, however many were refused meanwhile.
    let asked = load.connected
    if asked > 0 {
      tally.failed += asked - (try load.closedLoop(depth: 1, for: .requests(asked)).answers)
    }
    let kiB = try ProcessFigures.residentKiB(of: agent.pid)
    largestKiB[row.limits] = max(largestKiB[row.limits] ?? 0, kiB)
    load.leave()
    var again = try LoadGenerator(
      .ping(), to: agent.endpoint, connections: row.served, from: .spread(250))
    tally.failedAgain += row.served - (try again.arrive().answers)
  }

  func conclude() -> [Outcome] {
    agents.keys.sorted { $0 == .defaults && $1 != .defaults }.map { limits in
      .growth(
        "ladder, \(limits == .defaults ? "1024" : "16384") slots", from: idleKiB[limits] ?? 0,
        to: largestKiB[limits] ?? 0, atMost: Ladder.growthKiB)
    }
  }
}
