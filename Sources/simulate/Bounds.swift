import Foundation

/// What one run may take of the machine. A run of the product that does not end, or grows, is a
/// finding and must not take the campaign with it.
enum Bounds {
  /// Seconds: a run of an hour takes less than one.
  private static let seconds: UInt32 = 120
  /// Bytes of addresses: a run takes some tens of megabytes.
  private static let bytes: rlim_t = 4 << 30

  /// To be called by a process of its own before each run.
  static func begin() {
    alarm(seconds)
    var limit = rlimit(rlim_cur: bytes, rlim_max: bytes)
    setrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit)
  }

  /// How a process has ended that did not live to tell what it found.
  static func failure(of process: Process) -> String {
    let isLate =
      process.terminationReason == .uncaughtSignal && process.terminationStatus == SIGALRM
    return isLate ? "the run does not end" : "the agent traps"
  }
}
