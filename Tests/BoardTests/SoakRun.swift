import EmulatedBoard
import Foundation
import Testing
import Wire

/// What the environment says of a soak.
struct SoakRun {
  let seed: UInt64
  /// Of the guest's time.
  let minutes: Int
  /// These steps alone, to repeat one; nil: all, as long as there is time.
  let numbers: ClosedRange<Int>?

  init() {
    let environment = ProcessInfo.processInfo.environment
    seed = environment["WATCHPOST_SEED"].flatMap { UInt64($0) } ?? Self.commit ?? 1
    minutes = environment["WATCHPOST_SOAK_MINUTES"].flatMap { Int($0) } ?? 2
    let bounds = environment["WATCHPOST_SOAK_STEPS"]?.split(separator: "..").compactMap { Int($0) }
    numbers = bounds.flatMap { bounds in
      guard let first = bounds.first, let last = bounds.last, first <= last else { return nil }
      return first...last
    }
  }

  /// The first digits of the commit's hash: each commit is soaked in another way.
  private static var commit: UInt64? {
    let folder = URL(filePath: #filePath).deletingLastPathComponent()
    let git = Process()
    git.executableURL = URL(filePath: "/usr/bin/env")
    git.arguments = ["git", "-C", folder.path, "rev-parse", "--short=7", "HEAD"]
    let output = Pipe()
    (git.standardOutput, git.standardError) = (output, FileHandle.nullDevice)
    guard (try? git.run()) != nil else { return nil }
    let bytes = output.fileHandleForReading.readDataToEndOfFile()
    git.waitUntilExit()
    let text = String(decoding: bytes, as: UTF8.self)
    return UInt64(text.trimmingCharacters(in: .whitespacesAndNewlines), radix: 16)
  }
}

/// How far a soak is. Each step becomes a line of the results: its number, guest seconds of the
/// whole soak, the fault, what it hit, seconds until all was well again, and "ok" or what was
/// violated.
struct SoakProgress {
  private let run: SoakRun
  private let campaign = CampaignRun("WATCHPOST_SOAK_MINUTES", sample: 2)
  private var plan: SoakPlan
  private var upcoming: SoakStep?
  /// The end of the soak's last step.
  private(set) var guestMs: UInt64 = 0
  private(set) var kinds: Set<SoakFault> = []
  private(set) var steps = 0
  private var failed = 0
  private var longestMs = 0

  init(_ run: SoakRun) throws {
    self.run = run
    plan = SoakPlan(seed: run.seed)
    upcoming = plan.next()
    let first = run.numbers?.lowerBound ?? campaign.done
    while let step = upcoming, step.number < first { upcoming = plan.next() }
    // A soak that was ended goes on with a new board.
    let seconds = campaign.lastFields.dropFirst().first.flatMap { Double($0) } ?? 0
    guestMs = UInt64(seconds * 1000)
  }

  /// nil: the soak is over.
  var next: SoakStep? {
    if let numbers = run.numbers {
      return upcoming.flatMap { numbers.contains($0.number) ? $0 : nil }
    }
    return guestMs < UInt64(run.minutes) * 60_000 ? upcoming : nil
  }

  /// - Parameter convergedMs: nil: it has not.
  mutating func note(
    _ step: SoakStep, hit: String, convergedMs: Int?, _ violations: [Violation], guestMs: UInt64
  ) throws {
    upcoming = plan.next()
    self.guestMs = guestMs
    steps += 1
    kinds.insert(step.fault)
    longestMs = max(longestMs, convergedMs ?? 0)
    let seconds = String(format: "%.1f", Double(guestMs) / 1000)
    let converged = convergedMs.map { String(format: "%.1f", Double($0) / 1000) } ?? "-"
    let words = violations.map(\.description).joined(separator: "; ")
      .replacing(#/[\t\n]+/#, with: " ")
    print("soak | \(step.number) | \(seconds) s | \(step.fault) | \(hit) | \(converged) s \(words)")
    try campaign.note(
      step.number, [seconds, step.fault.rawValue, hit, converged],
      verdict: violations.isEmpty ? "ok" : words)
    guard !violations.isEmpty else { return }
    failed += 1
    Issue.record(
      """
      seed \(run.seed), step \(step.number) (\(step.fault), \(hit)), \(seconds) s of the guest:
      \(violations.map(\.description).joined(separator: "\n"))
      repeat this step with: Tests/campaign soak --seed \(run.seed) \
      --steps \(step.number)..\(step.number)
      repeat all of it with: Tests/campaign soak --seed \(run.seed) --minutes \(run.minutes)
      """)
  }

  var summary: String {
    "soak of \(guestMs / 1000) s: \(steps) steps of \(kinds.count) kinds, \(failed) with "
      + "violations, well again after \(longestMs) ms at most"
  }
}
