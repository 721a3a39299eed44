/// How far a configuration change has come. From `confirmed` on, nothing more happens to it.
public enum ChangeState: UInt8, Sendable {
  /// Its text is being stored and checked.
  case checking = 0
  /// Its text is in order; it waits for somebody to approve or reject it.
  case pending = 1
  /// Somebody has approved it; it waits to be applied.
  case approved = 2
  /// It is being put in force.
  case applying = 3
  /// It is in force, and goes back by itself unless it is confirmed in time.
  case unconfirmed = 4
  /// What was in force before is being put back.
  case rollingBack = 5
  /// It is in force for good.
  case confirmed = 6
  /// Somebody has rejected it.
  case rejected = 7
  /// Its text was wrong or is lost: see the reason.
  case refused = 8
  /// It was not applied within seven days.
  case expired = 9
  /// What was in force before is so again: see the reason.
  case rolledBack = 10
}

/// Why a configuration change was refused or rolled back.
public enum ChangeReason: UInt8, Sendable {
  /// Nothing is wrong.
  case none = 0
  /// The text is wrong at a line and column.
  case wrongText = 1
  /// The text could not be stored, or is no longer what was staged.
  case textLost = 2
  /// It was not confirmed in time.
  case notConfirmed = 3
  /// The device started anew before it was confirmed.
  case restarted = 4
  /// It could not be applied, or not in time.
  case applyFailed = 5
}

extension Limits {
  /// Configuration changes that have not ended.
  public static let openChanges = 8
  /// Configuration changes that have ended and are remembered.
  public static let endedChanges = 32
  /// Bytes of a configuration's text.
  public static let configurationSize = 8 * 1024
}
