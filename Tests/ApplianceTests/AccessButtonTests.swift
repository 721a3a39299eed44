import Testing
import Wire

@testable import Appliance

@Suite struct AccessButtonTests {
  /// Feeds edges (the first goes down), wakes the machine at its deadlines in between, and tells
  /// what came of it and when.
  private func presses(
    _ times: [UInt64], startsDown: Bool = false, until: UInt64 = 60_000
  ) -> [String] {
    var button = Button(isDown: startsDown)
    var told: [String] = []
    func note(_ press: Button.Press?, _ at: UInt64) {
      if let press { told.append("\(press) \(at)") }
    }
    func sleep(to end: UInt64) {
      while button.deadline.ms < end {
        let at = button.deadline
        note(button.tick(now: at), at.ms)
        #expect(button.deadline > at)
      }
    }
    for (index, time) in times.enumerated() {
      sleep(to: time)
      note(button.edge(isDown: (index % 2 == 0) != startsDown, now: Instant(ms: time)), time)
    }
    sleep(to: until)
    return told
  }

  @Test(
    arguments: [
      ([100, 300], ["short 330"]), ([100, 131], ["short 161"]),
      ([100, 3099], ["short 3129"]),
      // Thought better of.
      ([100, 3100], []), ([100, 10_099], []),
      ([100, 10_100], ["long 10100"]), ([100], ["long 10100"]), ([100, 30_000], ["long 10100"]),
      ([100, 300, 1000, 1200], ["short 330", "short 1230"]),
      ([100, 11_000, 12_000, 12_500], ["long 10100", "short 12530"]),
    ] as [([UInt64], [String])])
  func lengthsOfPresses(edges: [UInt64], expected: [String]) {
    #expect(presses(edges) == expected)
  }

  @Test(
    arguments: [
      // Noise on the line: never down for 30 ms.
      ([100, 110], []), ([100, 129, 140, 169, 180, 200], []),
      // A contact that bounces at both ends.
      ([100, 105, 110, 112, 115, 500, 503, 504], ["short 534"]),
      // It is down from the end of the bouncing on, and up from then on likewise.
      ([100, 120, 130, 3129], ["short 3159"]), ([100, 120, 130, 3130], []),
      // It slips for a moment: the press goes on.
      ([100, 5000, 5020], ["long 10100"]),
      // Also where the ten seconds end within the slip.
      ([100, 10_090, 10_110], ["long 10100"]),
    ] as [([UInt64], [String])])
  func contactsBounce(edges: [UInt64], expected: [String]) {
    #expect(presses(edges) == expected)
  }

  /// A button that is stuck, or held while the power comes, resets nothing.
  @Test func aButtonThatIsDownAtTheStartDoesNotCount() {
    #expect(presses([], startsDown: true) == [])
    #expect(presses([20_000], startsDown: true) == [])
    #expect(presses([200], startsDown: true) == [])
    #expect(presses([200, 1000, 1200], startsDown: true) == ["short 1230"])
    #expect(presses([200, 1000], startsDown: true) == ["long 11000"])
  }

  /// What the line was like when it was opened; edges before the start, which waits for seconds
  /// after a watchdog reset, and how many presses they are.
  @Test(
    arguments: [
      (true, [1500], 0), (true, [1500, 2000, 2300], 1), (false, [1500], 0),
      (false, [1500, 2000], 1), (true, [], 0), (false, [], 0),
    ] as [(Bool, [UInt64], Int)])
  func anEdgeBeforeTheStartIsNewerThanItsFacts(wasDown: Bool, edges: [UInt64], before: Int) {
    let world = World(start: false)
    var isDown = wasDown
    func turn(at ms: UInt64) {
      world.run(ms - world.now)
      isDown.toggle()
      world.send(.button(isDown: isDown))
    }
    func presses() -> Int {
      world.log.count { if case .press(.short) = $0.effect { true } else { false } }
    }
    for edge in edges { turn(at: edge) }
    world.run(5000 - world.now)
    var facts = World.facts
    facts.buttonIsDown = wasDown
    world.send(.started(facts))
    #expect(presses() == before)
    if isDown { turn(at: 6000) }
    world.run(1000)
    let sum = presses()
    // One that is down since before the device looked at it counts for nothing.
    turn(at: 8000)
    turn(at: 8500)
    world.run(1000)
    #expect(presses() == sum + 1)
  }

  /// Who holds it while the start waits is not taken for one that nobody has watched.
  @Test func aLongPressMayBeginBeforeTheStart() {
    let world = World(start: false)
    world.send(.button(isDown: true))
    world.run(6000)
    world.send(.started(World.facts))
    let isLong: () -> Bool = {
      world.log.contains { if case .press(.long) = $0.effect { true } else { false } }
    }
    world.run(Button.longMs - 6001)
    #expect(!isLong())
    world.run(1)
    #expect(isLong())
  }

  @Test func anEdgeThatChangesNothingIsIgnored() {
    var button = Button(isDown: false)
    #expect(button.edge(isDown: false, now: Instant(ms: 5)) == nil && button.deadline == .never)
    #expect(button.edge(isDown: true, now: Instant(ms: 10)) == nil)
    #expect(button.edge(isDown: true, now: Instant(ms: 30)) == nil)
    #expect(button.deadline == Instant(ms: 40))
  }

  /// The executor was busy, and nobody knows when the button was let go: that erases nothing,
  /// whether the line or the time is looked at first.
  @Test(arguments: [false, true]) func whatNobodyHasWatchedIsNotLong(looksFirst: Bool) {
    var button = Button(isDown: false)
    #expect(button.edge(isDown: true, now: Instant(ms: 100)) == nil)
    #expect(button.edge(isDown: false, now: Instant(ms: 400)) == nil)
    #expect(button.tick(now: Instant(ms: 5000)) == .short)
    #expect(button.edge(isDown: true, now: Instant(ms: 6000)) == nil)
    #expect(button.tick(now: Instant(ms: 6500)) == nil)
    let late = Instant(ms: 16_500)
    if looksFirst { #expect(button.tick(now: late) == nil) }
    #expect(button.edge(isDown: false, now: late) == nil)
    #expect(button.tick(now: Instant(ms: 17_000)) == nil)
    // The next one counts.
    #expect(button.edge(isDown: true, now: Instant(ms: 20_000)) == nil)
    for half in UInt64(1)...19 {
      #expect(button.tick(now: Instant(ms: 20_000 + 500 * half)) == nil)
    }
    #expect(button.tick(now: Instant(ms: 30_000)) == .long)
  }
}
