/// Finds a smaller schedule that still fails: delta debugging (Zeller, Hildebrandt 2002) over the
/// entries.
public struct Shrinker {
  /// Whether a run with these entries still fails in the same way.
  private let fails: ([Int]) -> Bool
  /// Runs at most.
  private let budget: Int

  public init(budget: Int = 300, fails: @escaping ([Int]) -> Bool) {
    self.fails = fails
    self.budget = budget
  }

  /// A part of `0 ..< count` that fails, of which no entry can be left out; larger when the budget
  /// was spent before.
  public func shrink(_ count: Int) -> [Int] {
    var kept = Array(0..<count)
    var runs = 0
    func stillFails(_ part: [Int]) -> Bool {
      runs += 1
      return fails(part)
    }
    if stillFails([]) { return [] }
    var pieces = 2
    while kept.count >= 2, runs < budget {
      let size = (kept.count + pieces - 1) / pieces
      var smaller: [Int]?
      for start in stride(from: 0, to: kept.count, by: size) where runs < budget {
        let rest = Array(kept[..<start] + kept[min(start + size, kept.count)...])
        if stillFails(rest) {
          smaller = rest
          break
        }
      }
      if let smaller {
        kept = smaller
        pieces = max(pieces - 1, 2)
      } else if pieces >= kept.count {
        break
      } else {
        pieces = min(pieces * 2, kept.count)
      }
    }
    return kept
  }
}
