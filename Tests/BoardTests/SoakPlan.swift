import EmulatedBoard

/// What a soak does to a board. Each of them is over at the end of its step: what was done is
/// undone where it does not pass by itself.
enum SoakFault: String, CaseIterable, Sendable {
  // Cameras.
  case unplugged, swapped, silent
  case feedKilled, feedStopped
  // MediaMTX; the later ones are faults of its stand-in.
  case mediaKilled, mediaStopped, mediaCrashes, mediaHangs, mediaExits, mediaFlaps
  case mediaPoisoned, mediaDeaf, mediaSlow
  // The data partition.
  case diskFull, diskFails, diskHangs, diskSlow
  // The board.
  case agentKilled, powerCut, rebooted, clockJumps, linkDown, button
  // Clients.
  case clientsStall, crowd, garbage

  /// How a kind of fault is drawn, and what is demanded after it.
  struct Terms: Sendable {
    /// Chances among all kinds.
    var weight: Int
    /// How long it lasts, milliseconds; what is over at once lasts 0.
    var lastsMs: ClosedRange<Int> = 0...0
    /// The time from its end until all is well again that the plan reckons with, milliseconds.
    var usualMs: Int
    /// The longest such time that is right, milliseconds of the guest.
    var longestMs: Int
    /// Connections may end, and answers may stay away, until all is well again.
    var isRough = false
  }

  var terms: Terms {
    switch self {
    case .unplugged: Terms(weight: 10, lastsMs: 300...8000, usualMs: 5000, longestMs: 30_000)
    case .swapped: Terms(weight: 4, lastsMs: 100...3000, usualMs: 6000, longestMs: 30_000)
    case .silent: Terms(weight: 3, lastsMs: 0...5000, usualMs: 12_000, longestMs: 60_000)
    case .feedKilled: Terms(weight: 6, usualMs: 4000, longestMs: 30_000)
    case .feedStopped: Terms(weight: 5, usualMs: 6000, longestMs: 30_000)
    case .mediaKilled: Terms(weight: 6, usualMs: 5000, longestMs: 30_000)
    case .mediaStopped: Terms(weight: 4, usualMs: 10_000, longestMs: 45_000)
    case .mediaCrashes: Terms(weight: 3, usualMs: 5000, longestMs: 45_000)
    case .mediaHangs: Terms(weight: 4, lastsMs: 500...9000, usualMs: 10_000, longestMs: 60_000)
    case .mediaExits: Terms(weight: 3, lastsMs: 1000...8000, usualMs: 8000, longestMs: 60_000)
    case .mediaFlaps: Terms(weight: 3, lastsMs: 1000...8000, usualMs: 8000, longestMs: 60_000)
    case .mediaPoisoned: Terms(weight: 3, lastsMs: 1000...8000, usualMs: 5000, longestMs: 60_000)
    case .mediaDeaf: Terms(weight: 3, lastsMs: 1000...8000, usualMs: 10_000, longestMs: 60_000)
    case .mediaSlow: Terms(weight: 3, lastsMs: 1000...8000, usualMs: 5000, longestMs: 60_000)
    case .diskFull: Terms(weight: 4, lastsMs: 0...5000, usualMs: 8000, longestMs: 120_000)
    case .diskFails:
      // One that fails again within ten minutes is mounted at growing intervals, up to 600 s
      // (`DataPartition.longestRemountMs`): nothing can be said sooner.
      Terms(weight: 2, lastsMs: 0...8000, usualMs: 22_000, longestMs: 660_000)
    case .diskHangs: Terms(weight: 3, lastsMs: 500...10_000, usualMs: 15_000, longestMs: 150_000)
    case .diskSlow: Terms(weight: 3, lastsMs: 1000...10_000, usualMs: 10_000, longestMs: 120_000)
    case .agentKilled: Terms(weight: 5, usualMs: 8000, longestMs: 45_000, isRough: true)
    case .powerCut: Terms(weight: 5, usualMs: 25_000, longestMs: 90_000, isRough: true)
    case .rebooted: Terms(weight: 2, usualMs: 30_000, longestMs: 90_000, isRough: true)
    case .clockJumps: Terms(weight: 5, lastsMs: 500...5000, usualMs: 3000, longestMs: 30_000)
    case .linkDown:
      Terms(weight: 5, lastsMs: 200...6000, usualMs: 6000, longestMs: 60_000, isRough: true)
    case .button: Terms(weight: 4, lastsMs: 0...3000, usualMs: 3000, longestMs: 30_000)
    case .clientsStall: Terms(weight: 5, lastsMs: 500...12_000, usualMs: 3000, longestMs: 90_000)
    case .crowd: Terms(weight: 5, lastsMs: 500...8000, usualMs: 8000, longestMs: 90_000)
    case .garbage: Terms(weight: 5, usualMs: 12_000, longestMs: 90_000)
    }
  }
}

/// One fault of a soak, with the pause before it.
struct SoakStep: Equatable, Sendable {
  /// From 0.
  var number: Int
  var pauseMs: Int
  var fault: SoakFault
  var lastsMs: Int
  /// Which camera, how many, how far: the kind's own number.
  var subject: UInt64

  /// The time that the plan reckons with, milliseconds. What is done and looked at takes some of it
  /// in every step.
  var usualMs: Int { pauseMs + lastsMs + fault.terms.usualMs + 6000 }
}

/// The steps of a soak: all of them follow from the seed, and none from what the board did.
struct SoakPlan: Sequence, IteratorProtocol {
  /// So many other kinds come before one comes again.
  static let apart = 3
  /// A kind that has not come in so many steps is the next one.
  static let longestAbsence = 100

  private var generator: SplitMix
  private var number = 0
  private var latest: [SoakFault] = []
  /// The step in which each kind came last.
  private var seen: [SoakFault: Int] = [:]

  init(seed: UInt64) { generator = SplitMix(seed: seed) }

  mutating func next() -> SoakStep? {
    let fault = draw()
    latest = latest.suffix(Self.apart - 1) + [fault]
    seen[fault] = number
    defer { number += 1 }
    return SoakStep(
      number: number, pauseMs: .random(in: 0...2500, using: &generator), fault: fault,
      lastsMs: .random(in: fault.terms.lastsMs, using: &generator), subject: generator.next() >> 16)
  }

  private mutating func draw() -> SoakFault {
    let kinds = SoakFault.allCases.filter { !latest.contains($0) }
    if let missing = kinds.first(where: { number - (seen[$0] ?? 0) > Self.longestAbsence }) {
      return missing
    }
    var ticket = Int.random(
      in: 0..<kinds.reduce(0) { $0 + $1.terms.weight }, using: &generator)
    for kind in kinds {
      ticket -= kind.terms.weight
      if ticket < 0 { return kind }
    }
    preconditionFailure("the ticket is below the sum of all weights")
  }

  /// The steps that are reckoned to fit into a time.
  static func steps(seed: UInt64, minutes: Int) -> [SoakStep] {
    var left = minutes * 60_000
    return SoakPlan(seed: seed).prefix { step in
      left -= step.usualMs
      return left >= 0
    }
  }
}
