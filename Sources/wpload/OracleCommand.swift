import ArgumentParser
import Foundation
import LoadTest

struct OracleCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "oracle",
    abstract: "A server whose delays are known, to check testers with; or this one at once.",
    discussion: """
      Without `--check` it answers the protocol's pings until it is interrupted. With it, wpload \
      loads an oracle of its own, and what it reports stands beside what is true.
      """)

  @Option(help: "\(OracleOption.listen.expectation). Default: any free port of 127.0.0.1.")
  var listen: String?
  @Option(help: "Every answer takes so long: \(OracleOption.delay.expectation).")
  var delay: String?
  @Option(help: "Answers take log-normally long: \(OracleOption.logNormal.expectation).")
  var logNormal: String?
  @Option(help: "It stops and goes on again: \(OracleOption.freeze.expectation).")
  var freeze: String?
  @Option(help: "Requests that are never answered: \(OracleOption.loss.expectation).")
  var loss: String?
  @Option(help: "Connections that it serves: \(OracleOption.slots.expectation).")
  var slots: String?
  @Option(help: "It dies then: \(OracleOption.diesAfter.expectation).")
  var diesAfter: String?
  @Option(help: "Of what is drawn at random: \(OracleOption.seed.expectation).")
  var seed: String?

  @Flag(help: "Check this tester against it.")
  var check = false
  @Option(help: ArgumentHelp("Requests a second of the check.", valueName: "n"))
  var rate = 500.0
  @Option(help: ArgumentHelp("Seconds of the check.", valueName: "s"))
  var seconds = 60.0
  @Option(help: ArgumentHelp("Users of the check. Default: as many as suffice.", valueName: "n"))
  var users: Int?

  func validate() throws {
    guard (0.1...100_000).contains(rate), (1...86_400).contains(seconds),
      (1...OracleOptions.mostSlots).contains(users ?? 1)
    else {
      throw ValidationError(
        "`--rate` is 0.1 to 100000, `--seconds` 1 to 86400, and `--users` 1 to "
          + "\(OracleOptions.mostSlots).")
    }
  }

  func run() throws {
    let given: [(OracleOption, String?)] = [
      (.listen, listen), (.delay, delay), (.logNormal, logNormal), (.freeze, freeze),
      (.loss, loss), (.slots, slots), (.diesAfter, diesAfter), (.seed, seed),
    ]
    let options: OracleOptions
    do {
      options = try OracleOptions(
        given.flatMap { option, value in value.map { ["--\(option.rawValue)", $0] } ?? [] })
    } catch {
      throw ValidationError("\(error)")
    }
    guard check else {
      let tally = try OracleServer.run(options)
      print("oracle: \(tally.answers) answers, \(tally.lost) lost, \(tally.refused) refused")
      return
    }
    try report(OracleCheck(options, rate: rate, seconds: seconds, users: users(options)))
  }

  private func users(_ options: OracleOptions) throws -> Int {
    let enough = OracleCheck.users(options, rate: rate, seconds: seconds)
    let users = users ?? enough
    guard users >= enough, users <= OracleOptions.mostSlots else {
      throw ValidationError(
        "With these delays up to \(enough) requests are under way, each of a user of its own, but "
          + "there are \(min(users, OracleOptions.mostSlots)) users: lower `--rate` or the delays, "
          + "or leave out `--users`.")
    }
    return users
  }

  private func report(_ found: OracleCheck) throws {
    print("           truth      reported   deviation")
    for row in found.rows {
      print(
        row.name.padding(toLength: 7, withPad: " ", startingAt: 0)
          + String(
            format: "%9.3f ms %10.3f ms %+9.2f %%", row.truth / 1e6, row.reported / 1e6,
            100 * row.deviation))
    }
    print("lost    \(found.unanswered.truth)  reported \(found.unanswered.reported)")
    print(
      String(format: "the tester was late by %.3f ms at 99 %%", Double(found.latenessP99Ns) / 1e6))
    guard !found.isTesterTheLimit else {
      print("That is too late to say anything; free the machine of other work.")
      throw ExitCode(Outcome.invalid.rawValue)
    }
  }
}
