/// What a plan may hold at least and at most. `Plans.md` says the same in words, and a test
/// compares the two.
public enum PlanBounds {
  /// Bytes of a plan's text.
  public static let textBytes = 64 * 1024
  /// Characters of a name.
  public static let name = 1...32
  /// Characters of a summary.
  public static let summary = 1...300
  /// Seconds until an answer counts as missing.
  public static let timeout = 0.01...600.0
  /// Bytes of a message; the protocol's bound.
  public static let payload = 1...2 * 1024 * 1024
  /// Classes of users.
  public static let classes = 1...32
  /// Of a class, or of an operation in a mix.
  public static let weight = 1...1000
  /// Seconds between an answer and the next request.
  public static let think = 0.0...3600.0
  /// Requests under way on a connection.
  public static let depth = 1...128
  /// Users that share a key.
  public static let usersPerKey = 1...16
  /// Stages of a course.
  public static let stages = 1...256
  /// Users at a time: as many as a device has slots at most.
  public static let users = 1...16_384
  /// Requests a second of all users together.
  public static let rate = 0.01...10_000_000.0
  /// Users that come in a second.
  public static let ramp = 0.01...1_000_000.0
  /// Seconds that a stage or a step lasts: up to a week.
  public static let duration = 0.1...604_800.0
  /// Steps of a ladder.
  public static let steps = 1...64
  /// Seconds in which a device has to recover.
  public static let recovery = 0.0...3600.0
  /// Of a threshold, in its unit.
  public static let limit = 0.0...1_000_000_000.0
}
