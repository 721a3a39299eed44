import Appliance
import Wire

// A breaker for each camera: what has failed again and again is not tried by everybody who asks.
//
//   closed ── so many failures in a row ──▶ open ── rest is over ──▶ half open
//     ▲                                      ▲                        │ one try
//     └──────────────── worked ──────────────┼── failed ──────────────┤
//     ▲                                      └────────────────────────┘
//     └──────────────────────────── worked ───────────────────────────┘

struct Breakers {
  /// Jobs that fail in a row before those of the camera are refused.
  static let failures: UInt8 = 3
  /// For how long.
  static let restMs: UInt64 = 30_000

  private struct Breaker {
    var camera = Name()
    var failures: UInt8 = 0
    /// Refused until then.
    var until = Instant(ms: 0)
  }
  private var table = InlineArray<32, Breaker>(repeating: Breaker())

  /// Whether a job of the camera may be tried. A half-open one lets one try through, and no other
  /// until it is known what came of it.
  mutating func isClosed(for camera: Name, now: Instant) -> Bool {
    guard !camera.isEmpty, let index = index(of: camera),
      table[index].failures >= Breakers.failures
    else { return true }
    guard now >= table[index].until else { return false }
    table[index].until = now + Breakers.restMs
    return true
  }

  mutating func worked(_ camera: Name) {
    if !camera.isEmpty, let index = index(of: camera) { table[index] = Breaker() }
  }

  mutating func failed(_ camera: Name, now: Instant) {
    guard !camera.isEmpty, let index = index(of: camera) ?? index(of: .empty) else { return }
    table[index].camera = camera
    table[index].failures = min(table[index].failures, .max - 1) + 1
    if table[index].failures >= Breakers.failures {
      table[index].until = now + Breakers.restMs
    }
  }

  private func index(of camera: Name) -> Int? {
    for index in table.indices where table[index].camera == camera { return index }
    return nil
  }
}
