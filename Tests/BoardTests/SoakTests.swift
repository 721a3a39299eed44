import EmulatedBoard
import Foundation
import Testing
import Wire

extension OnTheBoard {
  /// Everything that the other tests do to a board, in an order that nobody has thought of.
  @Suite(.serialized) struct SoakTests {
    /// Few slots, so that a crowd of this machine's size fills all that strangers get; and this
    /// machine is a stranger, so that keys alone open the door. Everybody on it has one address,
    /// which is full before that: who has a key gets in all the same.
    private static let control = """
      [control]
      slots = 128
      public_slots = 64
      public_slots_per_address = 48
      trusted = 127.0.0.0/8

      """

    /// `WATCHPOST_SOAK_MINUTES` (2) of the guest's time, the steps of `WATCHPOST_SEED` or else of
    /// the commit: after each the board becomes healthy within the kind's bound, and throughout the
    /// rules of `SoakRule` hold. `Tests/campaign soak` makes an hour.
    ///
    /// With `WATCHPOST_SOAK_PLANTS` each rule is broken on purpose instead, and must be told.
    @Test(.timeLimit(.minutes(720)))
    func faultsAreSurvived() async throws {
      let run = SoakRun()
      print("seed \(run.seed): the soak, repeated with WATCHPOST_SEED=\(run.seed)")
      if ProcessInfo.processInfo.environment["WATCHPOST_SOAK_PLANTS"] != nil {
        return try await tellOfPlants()
      }
      var progress = try SoakProgress(run)
      // A board that does not become healthy is put away; the next step has a new one.
      while progress.next != nil {
        try await withBoard { board in
          let soak = try await Soak.begin(on: board, Violations(), guestMs: progress.guestMs)
          while let step = progress.next, try await take(step, soak, &progress) {}
          await soak.end()
        }
      }
      print("measured | \(progress.summary)")
      #expect(progress.kinds.count >= min(3, progress.steps), "\(progress.kinds)")
    }

    /// Takes one step; whether the board is fit for the next one.
    private func take(
      _ step: SoakStep, _ soak: Soak, _ progress: inout SoakProgress
    ) async throws -> Bool {
      let terms = step.fault.terms
      var hit = ""
      var convergedMs: Int?
      var factor = HostLoad.factor
      do {
        try await Task.sleep(for: .milliseconds(step.pauseMs))
        if terms.isRough { soak.weather.become(rough: true) }
        hit = try await soak.inflict(step)
        let over = ContinuousClock.now
        if !terms.isRough { _ = try await soak.health() }
        let before = soak.guestMs
        factor = max(factor, HostLoad.factor)
        let trouble = try await soak.converge(within: .milliseconds(terms.longestMs) * factor)
        soak.weather.become(rough: false)
        if let trouble {
          soak.violations.add(.converges, "not within \(terms.longestMs) ms: \(trouble)")
        } else {
          let passed =
            switch step.fault {
            // The whole life.
            case .powerCut, .rebooted: Int(soak.lastReport.uptimeMs)
            // The device cannot be asked for its time when this begins.
            case .agentKilled, .linkDown: Int((ContinuousClock.now - over).milliseconds)
            default: Int(soak.guestMs - before)
            }
          convergedMs = max(0, passed - Int(Soak.steady.milliseconds))
          try await soak.check(
            factor: max(factor, HostLoad.factor), isHard: step.fault.meddlesWithCard)
        }
      } catch {
        convergedMs = nil
        let isTest = error is ExpectationFailedError
        soak.violations.add(.benchWorks, isTest ? "nothing to hit" : "\(error)")
      }
      try progress.note(
        step, hit: hit, convergedMs: convergedMs, soak.violations.take(), guestMs: soak.guestMs)
      return convergedMs != nil
    }

    private func withBoard(_ body: (EmulatedBoard) async throws -> Void) async throws {
      let file = URL(filePath: #filePath).appending(
        path: "../../../board/qemu-arm64/watchpost.conf")
      let text = try String(contentsOf: file.standardizedFileURL, encoding: .utf8)
      let card = try Card.editing(
        configuration: text.replacing(#/\[control\]\n(#.*\n)*trusted.*\n/#, with: Self.control),
        image: Bench.imageFolder)
      defer { card.remove() }
      try await Bench.withBoard(.debugging.with(card: .file(card.path)), body)
    }

    private func tellOfPlants() async throws {
      try await withBoard { board in
        let violations = Violations()
        let soak = try await Soak.begin(on: board, violations, guestMs: 0)
        try await soak.check(factor: 1, isHard: true)
        let before = violations.take()
        #expect(before.isEmpty, "before anything was planted: \(before)")
        for plant in SoakPlant.allCases {
          try await soak.plant(plant)
          let told = violations.take()
          print("measured | planted \(plant): \(told)")
          let missing = plant.rules.subtracting(told.map(\.rule))
          #expect(missing.isEmpty, "planted \(plant), not told: \(missing)")
          if plant == .cameraMissing { break }
          // What was planted passes.
          try await Task.sleep(for: .seconds(plant == .lightsChanged ? 20 : 5))
          _ = try await soak.converge(within: .seconds(40))
          soak.adopt()
          _ = soak.observers.take()
          _ = violations.take()
        }
        await soak.end()
      }
    }
  }
}

extension SoakFault {
  /// What was on the card may have suffered.
  var meddlesWithCard: Bool {
    switch self {
    case .diskFull, .diskFails, .diskHangs, .diskSlow, .powerCut, .rebooted, .clockJumps: true
    default: false
    }
  }
}
