import Wire

/// When files may go: a decision over the catalog, and nothing else.
///
/// The oldest file goes first, whatever it holds, damaged ones too; never one that is being
/// written. Age is what the age clock tells (see `AgeClock`): no wall clock has a say in it.
public struct Retention {
  public var policy: RetentionPolicy

  public init(_ policy: RetentionPolicy = RetentionPolicy()) { self.policy = policy }

  /// The place of the file that is to go next; nil: none.
  public func next(in catalog: borrowing Catalog, ageS: UInt32) -> Int? {
    guard policy.maximumAgeS > 0 || policy.maximumBytes > 0 else { return nil }
    let isTooMuch =
      policy.maximumBytes > 0 && catalog.totals.closedBytes > policy.maximumBytes
    var place = catalog.oldest
    while place < catalog.used {
      if catalog[place].isThere, catalog[place].state != .open, !catalog[place].isStuck {
        return isTooMuch || isTooOld(catalog[place].ageS, ageS) ? place : nil
      }
      place += 1
    }
    return nil
  }

  private func isTooOld(_ begunS: UInt32, _ nowS: UInt32) -> Bool {
    policy.maximumAgeS > 0 && nowS >= begunS && nowS - begunS >= policy.maximumAgeS
  }
}
