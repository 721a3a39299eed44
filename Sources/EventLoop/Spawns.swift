import Appliance

/// Processes to be started, oldest first. To start one takes milliseconds on a small board, and one
/// step of the machines may ask for many: they wait here, so that the loop can serve its clients
/// between two of them.
struct Spawns {
  /// Each slot has at most one probe and one feed that was asked for and has not been told of, and
  /// there is one MediaMTX and one step at the USB: twice `Limits.cameras`, and two.
  static let capacity = 66

  private var ring = InlineArray<66, Effect>(repeating: .petWatchdog)
  private var start = 0
  private(set) var count = 0

  var isEmpty: Bool { count == 0 }

  mutating func append(_ effect: Effect) {
    precondition(count < Spawns.capacity, "a child was asked for twice")
    ring[(start + count) % Spawns.capacity] = effect
    count += 1
  }

  mutating func removeFirst() -> Effect? {
    guard count > 0 else { return nil }
    let effect = ring[start]
    start = (start + 1) % Spawns.capacity
    count -= 1
    return effect
  }

  /// Takes the start of this life of a child out of the queue, if it waits there.
  mutating func remove(_ kind: ChildKind, life: UInt32) -> Effect? {
    for place in 0..<count {
      let effect = ring[(start + place) % Spawns.capacity]
      guard effect.starts(kind, life: life) else { continue }
      for next in place..<(count - 1) {
        ring[(start + next) % Spawns.capacity] = ring[(start + next + 1) % Spawns.capacity]
      }
      count -= 1
      return effect
    }
    return nil
  }
}

extension Effect {
  /// This starts that life of that child.
  fileprivate func starts(_ kind: ChildKind, life: UInt32) -> Bool {
    switch (self, kind) {
    case (.spawnMediaServer(let mine), .mediaServer): mine == life
    case (.spawnProbe(let slot, let mine, _), .probe(let wanted)): slot == wanted && mine == life
    case (.spawnFeed(let slot, let mine), .feed(let wanted)): slot == wanted && mine == life
    case (.reauthorise(let slot, let mine, _), .recovery(let wanted)),
      (.cyclePower(let slot, let mine, _), .recovery(let wanted)):
      slot == wanted && mine == life
    default: false
    }
  }
}
