import LoadGenerator
import LoadReport
import Wire

/// The tester against itself: what it reports of an oracle, beside what is true.
public struct OracleCheck: Sendable {
  public struct Row: Sendable, Equatable {
    public var name: String
    /// Nanoseconds.
    public var truth: Double
    public var reported: Double

    /// Relative; 0: exact.
    public var deviation: Double { truth > 0 ? reported / truth - 1 : 0 }
  }

  public let rows: [Row]
  /// Requests that the oracle never answers, and those that the tester says have failed.
  public let unanswered: (truth: Int, reported: Int)
  /// How late the tester sent what it could have sent: 99 % were no later.
  public let latenessP99Ns: UInt64
  /// So late that the deviations are its own.
  public let isTesterTheLimit: Bool

  /// Requests that take longer than this have failed.
  private static let timeout = 120.0

  /// Users who suffice: each has one request under way, and the truth is that of requests which
  /// wait for none of them. Those that are lost keep theirs to the end.
  public static func users(_ options: OracleOptions, rate: Double, seconds: Double) -> Int {
    let frozen = Double(options.freeze?.frozenNs ?? 0) / 1e9
    let longest = frozen + options.delay.quantile(0.9999) / 1e9
    let lost = options.lossPercent / 100 * min(seconds, timeout)
    return Int((rate * (longest + lost) * 1.05).rounded(.up)) + 20
  }

  /// Asks an oracle `rate` times a second over `seconds` (open model), with so many users.
  public init(
    _ options: OracleOptions, rate: Double, seconds: Double, users: Int
  ) throws(LoadError) {
    var options = options
    options.slots = max(options.slots, users)
    let oracle = try OracleThread(options)
    let crowd = try Crowd(labels: 2, timeout: Self.timeout, seed: options.seed) { _ in
      Newcomer(to: oracle.endpoint, conduct: OraclePings(), label: 0)
    }
    // Everybody is there before the first request is due.
    _ = try crowd.run(CrowdStage(users: users, rate: 0.001, seconds: 0.5))
    let phase = monotonicNs() - oracle.startedAtNs
    let result = try crowd.run(CrowdStage(users: users, rate: rate, seconds: seconds))
    let truth = OracleTruth(options, rate: rate, seconds: seconds, phaseNs: phase)
    let reported = result.tallies[1].latency
    rows =
      [Row(name: "mean", truth: truth.latencies.mean, reported: reported.mean)]
      + [("p50", 0.5), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99)].map { name, share in
        Row(
          name: name, truth: Double(truth.latencies.quantile(share)),
          reported: Double(reported.quantile(share)))
      }
    unanswered = (truth.unanswered, result.tallies[1].failed + result.dropped)
    latenessP99Ns = result.lateness.quantile(0.99)
    isTesterTheLimit = Validity.isLate(latenessP99Ns, of: truth.latencies.quantile(0.95))
  }
}

/// Pings, and checks that they come back.
private final class OraclePings: Conduct {
  private static let bytes: [UInt8] = [1, 2, 3, 4, 5, 6, 7, 8]

  func next(now: UInt64) -> Move { .ask(Ask(1, .ping, Self.bytes)) }

  func answer(
    _ label: Int, _ refusal: Status?, _ payload: UnsafeRawBufferPointer, now: UInt64
  ) -> Verdict {
    payload.elementsEqual(Self.bytes) ? .right : .wrong
  }
}
