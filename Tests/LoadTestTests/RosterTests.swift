import ControlClient
import LoadGenerator
import LoadPlan
import LoadReport
import Testing

@testable import LoadTest

@Suite struct RosterTests {
  private func roster(_ targets: Int, users: Int) throws -> Roster {
    let plan = Plan(
      name: "p", summary: "s",
      classes: [
        UserClass("viewers", weight: 3, work: .mix([.init(.ping), .init(.health)])),
        UserClass("publisher", work: .publisher),
      ], course: .stages([Stage("a", users: users, seconds: 1)]))
    let all = try (0..<targets).map {
      try LoadTarget(DeviceAddress(host: "127.0.0.1", port: 4710 + $0))
    }
    return Roster(plan, targets: all, seed: 1, startedUnixS: 1_700_000_000)
  }

  @Test func everybodyHasAPlace() throws {
    let roster = try roster(3, users: 26)
    var seen: [String: Int] = [:]
    for user in 0..<26 {
      let place = roster.place(of: user)
      #expect(place.target == user % 3)
      seen["\(place.target) \(place.userClass) \(place.number)", default: 0] += 1
    }
    #expect(seen.count == 26, "no place is given twice")
    for target in 0..<3 {
      let counts = roster.counts(at: target)
      #expect(counts.reduce(0, +) == (26 - target + 2) / 3)
      for (userClass, count) in counts.enumerated() {
        for number in 0..<count { #expect(seen["\(target) \(userClass) \(number)"] == 1) }
      }
    }
  }

  @Test func labelsAreThoseOfTheClasses() throws {
    let labels = try roster(1, users: 8).labels
    #expect(
      labels.map(\.operation) == ["connect", "ping", "health", "connect", "publish", "publication"])
    #expect(labels.map(\.isConnect) == [true, false, false, true, false, false])
    #expect(labels.map(\.isWhole) == [false, false, false, false, false, true])
  }

  @Test func usersOnLoopbackHaveAddressesOfTheirOwn() throws {
    let target = try LoadTarget(DeviceAddress(host: "127.0.0.1", port: 4710))
    #expect(target.origin(of: 0) == 0x7F40_0001 && target.origin(of: 256) == 0x7F40_0101)
    var other = target
    other.endpoint.address = 0x0A00_0005
    #expect(other.origin(of: 0) == nil)
    #expect(throws: LoadTestError.self) {
      _ = try LoadTarget(DeviceAddress(host: "no.such.host.invalid", port: 1))
    }
  }

  @Test(arguments: 1...7) func sharesAddUp(threads: Int) {
    let stage = CrowdStage(users: 23, ramp: 7, rate: 70, seconds: 3)
    let shares = (0..<threads).map { stage.share(of: $0, among: threads) }
    #expect(shares.map(\.users).reduce(0, +) == 23)
    #expect(abs(shares.compactMap(\.rate).reduce(0, +) - 70) < 1e-9)
    #expect(abs(shares.compactMap(\.ramp).reduce(0, +) - 7) < 1e-9)
    #expect(shares.allSatisfy { $0.seconds == 3 })
  }

  @Test func secondsOfAllThreadsAreOne() {
    final class Told: @unchecked Sendable { var seconds: [RunResult.Second] = [] }
    let told = Told()
    let log = SecondLog(threads: 2, start: 1_000_000_000) { second, _ in
      told.seconds.append(second)
    }
    log.begin("a")
    func second(_ end: UInt64, _ latencies: [UInt64], present: Int) -> CrowdSecond {
      var second = CrowdSecond()
      (second.begin, second.end, second.present) = (
        (end - 1) * 1_000_000_000, end * 1_000_000_000, present
      )
      for latency in latencies { second.tally.latency.record(latency) }
      return second
    }
    log.add(second(2, [1000, 2000], present: 3), from: 0)
    log.add(second(3, [500], present: 3), from: 0)
    #expect(told.seconds.isEmpty, "the other thread has not told its part")
    log.add(second(2, [3000], present: 4), from: 1)
    log.add(second(3, [], present: 4), from: 1)
    #expect(told.seconds.map(\.requests) == [3, 1] && told.seconds.map(\.users) == [7, 7])
    #expect(told.seconds[0].maxNs == 3000 && told.seconds[0].second == 1)
    #expect(told.seconds[0].stage == "a" && told.seconds[0].length == 1)
  }
}
