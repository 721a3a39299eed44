import Foundation
import Testing

/// What every machine does with every input in every state: `Tests/Fixtures/machines.md` holds it
/// as tables. `WATCHPOST_REGENERATE=1 swift test --filter MachineTests` writes it anew; the
/// difference is what has changed.
@Suite struct MachineTests {
  private static let tests = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()
  private static let page = tests.appending(path: "Fixtures/machines.md")

  /// Each pair is met, or listed as impossible with its reason, and never both.
  @Test(arguments: Walk.all.indices)
  func everyPairIsMetOrImpossible(number: Int) {
    let walk = Walk.all[number]
    let met = Walk.met[number]
    for state in walk.states {
      for input in walk.inputs {
        let pair = Walk.Pair(state: state, input: input)
        let isExcused = walk.reason(pair) != nil || walk.unreachable[state] != nil
        #expect((met[pair] != nil) != isExcused, "\(walk.title): \(state), \(input)")
      }
    }
    let known = Set(met.keys.map(\.state)).union(met.values.flatMap(\.self))
    #expect(known.subtracting(walk.states) == [], "\(walk.title): states without a column")
    #expect(known.isDisjoint(with: walk.unreachable.keys), "\(walk.title)")
  }

  /// The page is what the machines do.
  @Test func thePageIsFresh() throws {
    let wanted = Self.text
    if ProcessInfo.processInfo.environment["WATCHPOST_REGENERATE"] != nil {
      try wanted.write(to: Self.page, atomically: true, encoding: .utf8)
      return
    }
    let found = try String(contentsOf: Self.page, encoding: .utf8)
    for (old, new) in zip(found.split(separator: "\n"), wanted.split(separator: "\n")) {
      #expect(old == new)
    }
    #expect(found.count == wanted.count)
  }

  /// Every file of the appliance that declares a machine's states has its table.
  @Test func noMachineIsLeftOut() throws {
    let root = Self.tests.deletingLastPathComponent().appending(path: "Sources/Appliance")
    let pattern =
      /enum (?:\w*State|Phase|Naming|Enumeration|Examination|Order|Life|Mode|Together)\b/
    var found: Set<String> = []
    for case let path as String in FileManager.default.enumerator(atPath: root.path) ?? .init() {
      guard path.hasSuffix(".swift") else { continue }
      let text = try String(contentsOf: root.appending(path: path), encoding: .utf8)
      if text.contains(pattern) { found.insert(String(path.split(separator: "/").last ?? "")) }
    }
    #expect(found.subtracting(Self.others) == Self.files)
  }

  private static let files: Set = [
    "Boot.swift", "Button.swift", "Camera.swift", "Cameras.swift", "Child.swift",
    "Clock.swift", "ConfigurationChange.swift", "ConfigurationChanges.swift", "FeedMachine.swift",
    "InitMachine.swift", "LEDs.swift", "LinkLocalMachine.swift", "MDNSMachine.swift",
    "MediaServer.swift", "Pairing.swift", "Recording.swift", "RecoveryMachine.swift",
    "Session.swift", "Streams.swift", "Watchdog.swift",
  ]

  /// Settings, the data partition as others tell of it, and what is said to the keeper.
  private static let others: Set = ["Configuration.swift", "Input.swift", "KeeperMessages.swift"]

  private static var text: String {
    var text = """
      # What each machine does with each input in each state

      Written by `WATCHPOST_REGENERATE=1 swift test --filter MachineTests`, which walks through
      every machine of `Sources/Appliance`: it begins with a fresh one and says everything in every
      situation that it comes to, until none is new. A cell holds the states that this has led to,
      `·` being the same one; what does not change the state may still have effects. `–` is
      impossible, for the reason below the table.

      """
    for (walk, met) in zip(Walk.all, Walk.met) { text += "\n" + walk.table(met) }
    return text
  }
}

extension Walk {
  static let all: [Walk] = [
    [boot], children, [clock, button], watchdogs, [lights, pairing, change, changes],
    [stream, flow], mediaServers, [camera, naming], feeds, [recovery, recording], partitions,
    [alert], inits, [linkLocal, mdns, session],
  ].flatMap(\.self)

  static let met = all.map { $0.run() }

  /// As Markdown.
  func table(_ met: [Pair: Set<String>]) -> String {
    let columns = states.filter { unreachable[$0] == nil }
    var lines = ["## \(title)", "", "| | " + columns.joined(separator: " | ") + " |"]
    lines.append("|---" + String(repeating: "|---", count: columns.count) + "|")
    for input in inputs {
      let cells = columns.map { state in
        let next = met[Pair(state: state, input: input)] ?? []
        let others = next.subtracting([state]).sorted()
        return next.isEmpty
          ? "–" : ((next.contains(state) ? ["·"] : []) + others).joined(separator: " / ")
      }
      lines.append("| \(input) | " + cells.joined(separator: " | ") + " |")
    }
    var reasons: [String] = []
    for (state, reason) in unreachable.sorted(by: { $0.key < $1.key }) {
      reasons.append("- \(state), with anything: \(reason).")
    }
    for entry in impossible {
      let whole =
        "\(entry.states.joined(separator: ", ")) – \(entry.inputs.joined(separator: ", "))"
      reasons.append("- \(whole): \(entry.reason).")
    }
    if !reasons.isEmpty { lines += ["", "Impossible:"] + reasons }
    return lines.joined(separator: "\n") + "\n"
  }
}
