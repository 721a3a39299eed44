/// The keys of plan files, in the order in which they are written.
enum PlanKeys {
  static let plan = [
    "name", "summary", "timeout", "payload", "classes", "stages", "ladder", "thresholds",
  ]
  static let userClass = ["weight", "role", "mix", "work", "think", "depth", "users_per_key"]
  static let stage = ["name", "users", "rate", "ramp", "duration", "judged"]
  static let ladder = ["steps", "duration", "ramp", "rate_per_user", "precision", "recovery"]
}

extension UserClass.Work {
  /// Those that are one word in a plan.
  static let words: [(word: String, value: UserClass.Work)] = [
    ("deployment", .deployment), ("approval", .approval), ("subscriber", .subscriber),
    ("listener", .listener), ("publisher", .publisher), ("visitor", .visitor),
  ]

  /// Changes need the key of an admin, also where plain requests may do everything else.
  var isForAdminsAlone: Bool { self == .deployment || self == .approval }
}
