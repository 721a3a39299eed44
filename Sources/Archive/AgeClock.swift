/// How long the device has run in all its boots together, in seconds.
///
/// Retention by age counts this time and no other: a board has no clock of its own, the wall clock
/// jumps when somebody sets it, and a file must never go because of that. Time in which the device
/// is switched off does not count, so a file may live longer than its age in calendar days, never
/// shorter.
public struct AgeClock: Equatable, Sendable {
  /// Its value at `atMs`, milliseconds since the kernel of `boot` started.
  public var ageS: UInt32
  public var boot: UInt32
  public var atMs: UInt64

  public init(ageS: UInt32 = 0, boot: UInt32 = 0, atMs: UInt64 = 0) {
    self.ageS = ageS
    self.boot = boot
    self.atMs = atMs
  }

  /// Its value now, `nowMs` after the kernel of `boot` started.
  ///
  /// In a later boot all of that boot has been run since; what the boots between have run without
  /// writing it down is lost, to the files' advantage.
  public func seconds(boot: UInt32, nowMs: UInt64) -> UInt32 {
    let sinceMs = boot == self.boot ? (nowMs > atMs ? nowMs - atMs : 0) : nowMs
    let sum = UInt64(ageS) + sinceMs / 1000
    return sum > UInt64(UInt32.max) ? .max : UInt32(sum)
  }
}
