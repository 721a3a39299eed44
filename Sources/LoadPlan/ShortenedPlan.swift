extension Plan {
  /// Seconds of the shortest stage of a shortened plan.
  public static let shortestStage = 0.2

  /// The same in at most so many seconds – a stage of `shortestStage` is not made shorter – and
  /// with at most so many users.
  ///
  /// The rate of each user stays, and so does the share of the time in which they come. A threshold
  /// of answers a second is lowered as the number of users is. A ladder loses the steps beyond
  /// `users`. What is judged stays judged.
  public func shortened(to seconds: Double, users: Int) -> Plan {
    precondition(seconds > 0 && PlanBounds.users.contains(users), "out of range")
    let crowd = min(1, Double(users) / Double(max(1, mostUsers)))
    var plan = self
    switch course {
    case .stages(let stages):
      plan.course = .stages(
        shortened(stages, time: min(1, seconds / self.seconds), crowd: crowd, users: users))
    case .ladder(let ladder):
      plan.course = .ladder(ladder.shortened(to: seconds, users: users))
    }
    for index in thresholds.indices where thresholds[index].quantity == .answersPerSecond {
      plan.thresholds[index].limit *= crowd
    }
    return plan
  }

  private func shortened(
    _ stages: [Stage], time: Double, crowd: Double, users most: Int
  ) -> [Stage] {
    var present = 0
    return stages.map { stage in
      var shorter = stage
      // One of each class, where there were.
      let least = min(stage.users, classes.count, most)
      shorter.users = max(least, Int((Double(stage.users) * crowd).rounded()))
      let share = Double(shorter.users) / Double(stage.users)
      shorter.seconds = min(stage.seconds, max(Plan.shortestStage, stage.seconds * time))
      if let rate = stage.rate { shorter.rate = max(PlanBounds.rate.lowerBound, rate * share) }
      if let ramp = stage.ramp {
        // Also where rounding has made more of the users come.
        let inTime = Double(abs(shorter.users - present)) / shorter.seconds
        let faster = ramp * share * stage.seconds / shorter.seconds
        shorter.ramp = min(
          PlanBounds.ramp.upperBound, max(faster, inTime, PlanBounds.ramp.lowerBound))
      }
      present = shorter.users
      return shorter
    }
  }
}

extension Ladder {
  fileprivate func shortened(to seconds: Double, users: Int) -> Ladder {
    var ladder = self
    ladder.steps = steps.filter { $0 <= users }
    if ladder.steps.isEmpty { ladder.steps = [users] }
    let each = seconds / Double(ladder.steps.count)
    ladder.seconds = min(self.seconds, max(Plan.shortestStage, each))
    ladder.ramp = ramp.map { min(PlanBounds.ramp.upperBound, $0 * self.seconds / ladder.seconds) }
    ladder.recoverySeconds = min(recoverySeconds, max(Plan.shortestStage, seconds))
    return ladder
  }
}
