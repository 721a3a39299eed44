extension Plan {
  /// The plan as the text of a plan file, from which `PlanReader` makes the same plan again. What
  /// is as it is without a word is left out, but for time-out and payload.
  public var text: String {
    var lines = [
      "name: \(name)", "summary: \(Plan.quoted(summary))",
      "timeout: \(Notation.text(seconds: timeout))", "payload: \(Notation.text(bytes: payload))",
      "", "classes:",
    ]
    for users in classes { lines += users.lines.map { "  " + $0 } }
    lines.append("")
    switch course {
    case .stages(let stages):
      lines.append("stages:")
      for stage in stages {
        for (index, line) in stage.lines.enumerated() {
          lines.append((index == 0 ? "  - " : "    ") + line)
        }
      }
    case .ladder(let ladder): lines += ["ladder:"] + ladder.lines.map { "  " + $0 }
    }
    lines += ["", thresholds.isEmpty ? "thresholds: {}" : "thresholds:"]
    lines += thresholds.map { "  \($0.quantity.rawValue): \(Notation.text(number: $0.limit))" }
    return lines.joined(separator: "\n") + "\n"
  }

  /// In double quotes. What `PlanSource` would take for a reference is written by its number.
  private static func quoted(_ text: String) -> String {
    let scalars = Array(text.unicodeScalars)
    var quoted = "\""
    for (scalar, next) in zip(scalars, scalars.dropFirst() + [" "]) {
      if scalar == "\"" || scalar == "\\" {
        quoted += "\\" + String(scalar)
      } else if Notation.isSign(scalar, before: next) {
        quoted += "\\x" + String(scalar.value, radix: 16)
      } else {
        quoted.unicodeScalars.append(scalar)
      }
    }
    return quoted + "\""
  }
}

extension UserClass {
  fileprivate var lines: [String] {
    let usual = UserClass("", work: work)
    var lines: [String] = []
    if weight != usual.weight { lines.append("weight: \(weight)") }
    if role != usual.role { lines.append("role: \(role.rawValue)") }
    if case .mix(let shares) = work {
      lines.append("mix:")
      lines += shares.map { "  \($0.operation.rawValue): \($0.weight)" }
    } else {
      lines += Work.words.filter { $0.value == work }.map { "work: \($0.word)" }
    }
    if think != usual.think { lines.append("think: \(Notation.text(range: think))") }
    if depth != usual.depth { lines.append("depth: \(depth)") }
    if usersPerKey != usual.usersPerKey { lines.append("users_per_key: \(usersPerKey)") }
    return ["\(name):"] + lines.map { "  " + $0 }
  }
}

extension Stage {
  fileprivate var lines: [String] {
    var lines = ["name: \(name)", "users: \(users)"]
    if let rate { lines.append("rate: \(Notation.text(rate: rate))") }
    if let ramp { lines.append("ramp: \(Notation.text(rate: ramp))") }
    lines.append("duration: \(Notation.text(seconds: seconds))")
    if !isJudged { lines.append("judged: false") }
    return lines
  }
}

extension Ladder {
  fileprivate var lines: [String] {
    var lines = [
      "steps: [\(steps.map { "\($0)" }.joined(separator: ", "))]",
      "duration: \(Notation.text(seconds: seconds))",
    ]
    if let ramp { lines.append("ramp: \(Notation.text(rate: ramp))") }
    if let ratePerUser { lines.append("rate_per_user: \(Notation.text(rate: ratePerUser))") }
    return lines + [
      "precision: \(precision)", "recovery: \(Notation.text(seconds: recoverySeconds))",
    ]
  }
}
