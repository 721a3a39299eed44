import Testing

/// What a soak does follows from its seed; needs no board.
@Suite struct SoakPlanTests {
  @Test func aSeedAlwaysGivesTheSameStepsAndAnotherOneOthers() {
    for seed in [0, 1, 0xF730_F8B5, .max] as [UInt64] {
      let steps = Array(SoakPlan(seed: seed).prefix(200))
      #expect(steps == Array(SoakPlan(seed: seed).prefix(200)))
      #expect(steps != Array(SoakPlan(seed: seed ^ 1).prefix(200)))
    }
  }

  /// A soak that was ended goes on at any step, and a part of a plan is repeated by its numbers.
  @Test func stepsAreNumberedFromZero() {
    #expect(SoakPlan(seed: 7).prefix(50).map(\.number) == Array(0..<50))
  }

  /// That of one seed: so it can be repeated on another machine, with another Swift.
  @Test func stepsOfASeedStayThoseThatTheyWere() {
    let first = SoakPlan(seed: 1).prefix(3).map { "\($0.fault) \($0.pauseMs) \($0.lastsMs)" }
    #expect(first == ["diskFails 1865 7768", "mediaFlaps 1907 7142", "mediaKilled 1985 0"])
  }

  @Test func everyKindComesInAnHour() {
    for seed in 1...20 as ClosedRange<UInt64> {
      let kinds = Set(SoakPlan.steps(seed: seed, minutes: 60).map(\.fault))
      #expect(kinds == Set(SoakFault.allCases), "seed \(seed)")
    }
  }

  @Test func twoMinutesHaveThreeKindsAtLeast() {
    for seed in 1...500 as ClosedRange<UInt64> {
      let kinds = Set(SoakPlan.steps(seed: seed, minutes: 2).map(\.fault))
      #expect(kinds.count >= 3, "seed \(seed): \(kinds)")
    }
  }

  @Test func kindsComeAsOftenAsTheirWeightsSay() {
    let steps = Array(SoakPlan(seed: 3).prefix(20_000))
    let weights = SoakFault.allCases.reduce(0) { $0 + $1.terms.weight }
    for kind in SoakFault.allCases {
      let share = Double(steps.count { $0.fault == kind }) / Double(steps.count)
      let wanted = Double(kind.terms.weight) / Double(weights)
      // The rarest come some 370 times; those that came last are left out, which evens it out.
      #expect(abs(share - wanted) < wanted / 4 + 0.002, "\(kind): \(share), weight \(wanted)")
    }
  }

  @Test func faultsLastAsLongAsTheirTermsSay() {
    for step in SoakPlan(seed: 5).prefix(5000) {
      #expect(step.fault.terms.lastsMs.contains(step.lastsMs))
      #expect((0...2500).contains(step.pauseMs))
      #expect(step.fault.terms.usualMs < step.fault.terms.longestMs)
    }
  }
}
