/// The keys of plan files, in the order in which they are written.
enum PlanKeys {
  /// `name` and `summary` are required; so are `classes`, and one of `stages` and `ladder`.
  /// - `timeout`: seconds, 10ms … 10m; 10s.
  /// - `payload`: bytes, 1 … 2MiB; 8.
  /// - `thresholds`: `Threshold.required`; what is written takes the place of all of them.
  static let plan = [
    "name", "summary", "timeout", "payload", "classes", "stages", "ladder", "thresholds",
  ]
  /// One of `mix` (a weight of 1 … 1000 for each operation) and `work` (a word) is required.
  /// - `weight`: 1 … 1000; 1.
  /// - `role`: a word; `anybody`.
  /// - `think`: seconds or a range of them, 0s … 1h; 0s.
  /// - `depth`: requests, 1 … 128; 1.
  /// - `users_per_key`: 1 … 16; 10.
  static let userClass = ["weight", "role", "mix", "work", "think", "depth", "users_per_key"]
  /// `name`, `users` (1 … 16384) and `duration` (seconds, 100ms … 168h) are required.
  /// - `rate`: requests a second of all users, 0.01/s … 10000000/s; closed model.
  /// - `ramp`: users a second, 0.01/s … 1000000/s; all at once.
  /// - `judged`: `true` or `false`; `true`.
  static let stage = ["name", "users", "rate", "ramp", "duration", "judged"]
  /// `steps` (1 … 64 numbers of users, ascending) and `duration` (seconds, 100ms … 168h) are
  /// required.
  /// - `ramp`: users a second, 0.01/s … 1000000/s; all at once.
  /// - `rate_per_user`: requests a second, 0.01/s … 10000000/s; closed model.
  /// - `precision`: users, 1 … 16384; 1.
  /// - `recovery`: seconds, 0s … 1h; 60s.
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
