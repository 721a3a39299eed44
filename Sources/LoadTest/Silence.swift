import LoadReport

/// Whether the targets have died: nobody gets in, or all who are in wait in vain.
struct Silence {
  /// Nobody is there for so many seconds.
  static let deadSeconds = 10
  /// Nobody who is there is answered for so long. Longer: a watchdog's reset takes 15 s.
  static let hungSeconds = 30
  /// Answers missing meanwhile, at least: one alone may be an accident.
  private static let leastTimeouts = 3

  private var lonely = 0
  private var answeredAt = 0.0
  private var timeouts = 0

  /// How long no target has answered, once that is too long; `timeouts`: in this second. Whoever is
  /// told BUSY is answered, and so is whoever is refused.
  mutating func note(_ second: RunResult.Second, timeouts new: Int) -> Int? {
    if second.requests > new && second.users > 0 || second.busy > 0 {
      (answeredAt, timeouts) = (second.second, 0)
    } else {
      timeouts += new
    }
    let isAnswered =
      second.requests > second.failures || second.busy > 0 || second.users > 0
    lonely = isAnswered ? 0 : lonely + 1
    if lonely >= Silence.deadSeconds { return Silence.deadSeconds }
    let isHung =
      timeouts >= max(Silence.leastTimeouts, second.users)
      && second.second - answeredAt >= Double(Silence.hungSeconds)
    return isHung ? Silence.hungSeconds : nil
  }
}
