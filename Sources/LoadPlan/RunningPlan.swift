// What whoever runs a plan asks of it.

extension Plan {
  /// The most users that are there at a time.
  public var mostUsers: Int {
    switch course {
    case .stages(let stages): stages.map(\.users).max() ?? 0
    case .ladder(let ladder): ladder.steps.last ?? 0
    }
  }

  /// How long it takes: a ladder that does not break, and whose users are there at once.
  public var seconds: Double {
    switch course {
    case .stages(let stages): stages.reduce(0) { $0 + $1.seconds }
    case .ladder(let ladder): ladder.seconds * Double(ladder.steps.count)
    }
  }

  /// The class, as an index into `classes`, of each of so many users, in the order of their coming.
  ///
  /// Each user is of the class that has the fewest for its weight (Adams' method), so that every
  /// class has one before any has two, and nobody changes class when more come. A publisher of
  /// weight 1 beside listeners of weight 1000 stays alone up to 1001 users.
  public func dealt(_ users: Int) -> [Int] {
    var counts = [Int](repeating: 0, count: classes.count)
    return (0..<users).map { _ in
      var next = 0
      for index in classes.indices.dropFirst()
      where counts[index] * classes[next].weight < counts[next] * classes[index].weight {
        next = index
      }
      counts[next] += 1
      return next
    }
  }
}

extension Stage {
  /// Seconds until its users are there (or gone), when so many were there before it.
  public func arrivalSeconds(from present: Int) -> Double {
    ramp.map { Double(abs(users - present)) / $0 } ?? 0
  }

  /// How many users are to be there so many seconds after it has begun, when so many were there
  /// before it. The first of a ramp comes at once.
  public func users(at second: Double, from present: Int) -> Int {
    guard let ramp, second < arrivalSeconds(from: present) else { return users }
    let changed = min(abs(users - present), Int(second * ramp) + 1)
    return users > present ? present + changed : present - changed
  }
}

extension Ladder {
  /// The stage that so many users are, when `present` are there; the time in which they come is
  /// added to the ladder's.
  public func stage(_ users: Int, after present: Int = 0) -> Stage {
    var stage = Stage(
      "users-\(users)", users: users, rate: ratePerUser.map { $0 * Double(users) }, ramp: ramp,
      seconds: seconds)
    stage.seconds += stage.arrivalSeconds(from: present)
    return stage
  }

  /// The next number of users to be tried between one that held (nil: none did) and one that broke;
  /// nil: they are as near to each other as the plan wants.
  public func between(held: Int?, broke: Int) -> Int? {
    let held = held ?? 0
    return broke - held > max(1, precision) ? held + (broke - held) / 2 : nil
  }
}
