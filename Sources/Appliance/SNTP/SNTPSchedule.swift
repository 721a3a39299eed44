/// When which server is asked next (RFC 4330, section 10: never more often than every 15 s for
/// long, back off when nobody answers, obey the kiss of death).
public struct SNTPSchedule: Sendable {
  public static let serverLimit = 2
  /// Milliseconds to wait for an answer.
  public static let answerMs: UInt64 = 2000
  /// Milliseconds between questions: growing while nobody answers, growing while all is well.
  public static let firstRetryMs: UInt64 = 2000
  public static let lastRetryMs: UInt64 = 64_000
  public static let firstPollMs: UInt64 = 64_000
  public static let lastPollMs: UInt64 = 1_024_000

  private var denied = InlineArray<2, Bool>(repeating: false)
  private var current = 0
  private var retryMs = SNTPSchedule.firstRetryMs
  private var pollMs = SNTPSchedule.firstPollMs
  public private(set) var next = Instant(ms: 0)

  public init() {}

  /// The server to ask, of `count`; nil when none may be asked.
  public func server(of count: Int) -> Int? {
    for step in 0..<min(count, SNTPSchedule.serverLimit) {
      let index = (current + step) % min(count, SNTPSchedule.serverLimit)
      if !denied[index] { return index }
    }
    return nil
  }

  public mutating func answered(now: Instant) {
    next = now + pollMs
    pollMs = min(pollMs * 2, SNTPSchedule.lastPollMs)
    retryMs = SNTPSchedule.firstRetryMs
  }

  /// No answer that can be believed came from `server`.
  public mutating func failed(_ server: Int, _ refusal: SNTPRefusal?, now: Instant) {
    switch refusal {
    case .denied:
      denied[server] = true
    case .rate:
      pollMs = SNTPSchedule.lastPollMs
      retryMs = SNTPSchedule.lastRetryMs
    case .tooShort, .notServer, .notOurs, .unsynchronised, .insane, nil:
      break
    }
    current = (server + 1) % SNTPSchedule.serverLimit
    next = now + retryMs
    retryMs = min(retryMs * 2, SNTPSchedule.lastRetryMs)
  }

  /// Other servers, or none to ask so far: everything begins anew.
  public mutating func reset(now: Instant) {
    self = SNTPSchedule()
    next = now
  }
}
