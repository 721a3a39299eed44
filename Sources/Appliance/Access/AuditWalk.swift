import Wire

/// Where a walk through the lanes stands: the next entry of each.
struct AuditWalk {
  fileprivate var at = InlineArray<4, Int>(repeating: 0)
}

extension AuditRing {
  /// A walk from the first entry whose number is at least `cursor`; nil: through all lanes.
  func walk(from cursor: UInt64, lane: AuditLane?) -> AuditWalk {
    var walk = AuditWalk()
    for index in lanes.indices {
      let isWanted = lane == nil || lane?.rawValue == UInt8(index)
      walk.at[index] = isWanted ? lowerBound(cursor, in: index) : lanes[index].count
    }
    return walk
  }

  /// The place of the entry with the lowest number that the walk has not seen.
  func step(_ walk: inout AuditWalk) -> Int? {
    // Without the span each look at a lane would copy them all.
    let lanes = lanes.span
    var found: Int?
    var lowest = UInt64.max
    for index in lanes.indices where walk.at[index] < lanes[index].count {
      let sequence = places[lanes[index].place(walk.at[index])].sequence
      if sequence < lowest { (found, lowest) = (index, sequence) }
    }
    guard let found else { return nil }
    defer { walk.at[found] += 1 }
    return lanes[found].place(walk.at[found])
  }

  private func lowerBound(_ cursor: UInt64, in lane: Int) -> Int {
    var (low, high) = (0, lanes[lane].count)
    while low < high {
      let middle = (low + high) / 2
      if places[lanes[lane].place(middle)].sequence < cursor {
        low = middle + 1
      } else {
        high = middle
      }
    }
    return low
  }
}
