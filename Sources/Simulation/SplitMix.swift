/// The one source of randomness: SplitMix64 (Steele, Lea, Flood 2014). A run is its seed.
///
/// Every subject of the world draws from a stream of its own, so that a schedule that has lost an
/// entry still meets mostly the same world.
public struct SplitMix: Sendable {
  private var state: UInt64

  public init(seed: UInt64) { state = seed }

  /// A stream that belongs to one subject of the run with this seed.
  public init(seed: UInt64, stream: UInt64) {
    var mixed = SplitMix(seed: seed ^ (stream &* 0xD1B5_4A32_D192_ED03))
    state = mixed.next()
  }

  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  /// 0 ..< `bound`, which is at least 1.
  public mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }

  /// `low` … `high`, both included.
  public mutating func between(_ low: UInt64, _ high: UInt64) -> UInt64 {
    low + next() % (high - low + 1)
  }

  /// True in so many of a hundred cases.
  public mutating func chance(_ percent: Int) -> Bool { below(100) < percent }

  public mutating func pick<Value>(_ values: [Value]) -> Value { values[below(values.count)] }

  public mutating func shuffle<Value>(_ values: inout [Value], from first: Int = 0) {
    guard values.count - first > 1 else { return }
    for index in stride(from: values.count - 1, to: first, by: -1) {
      values.swapAt(index, first + below(index - first + 1))
    }
  }
}
