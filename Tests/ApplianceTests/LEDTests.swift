import Foundation
import Testing
import Wire

@testable import Appliance

@Suite struct LEDTests {
  private static let codes = (0..<LEDCode.count).compactMap(LEDCode.init)

  /// Times at which an LED changes, and to what.
  private func edges(_ world: World, _ led: LED) -> [(ms: UInt64, on: Bool)] {
    world.log.compactMap {
      if case .light(led, let on) = $0.effect { ($0.ms, on) } else { nil }
    }
  }

  @Test func everyCodeIsCounted() {
    #expect(LEDTests.codes.count == Int(LEDCode.count))
    #expect(LEDCode(rawValue: LEDCode.count) == nil)
  }

  @Test func codesOfOneLEDDifferInRhythmOrCount() {
    for led in [LED.power, .camera, .link] {
      let codes = LEDTests.codes.filter { $0.led == led || $0.led == nil }
      for (index, code) in codes.enumerated() {
        for other in codes[..<index] { #expect(code.pattern != other.pattern, "\(code) \(other)") }
      }
    }
  }

  @Test(arguments: codes)
  func patternsFollowTheirTimes(code: LEDCode) {
    let pattern = code.pattern
    guard pattern.count > 0 else {
      #expect(pattern.level(elapsedMs: 12_345).changesInMs == nil)
      return
    }
    var start: UInt64 = 3 * pattern.periodMs
    for index in 0..<pattern.count {
      let time = UInt64(pattern[index])
      #expect(time >= 50, "visible")
      for (elapsed, rest) in [(start, time), (start + time - 1, 1)] {
        let light = pattern.level(elapsedMs: elapsed)
        #expect(light.on == (index % 2 == 0) && light.changesInMs == rest)
      }
      start += time
    }
  }

  /// The table in the source is what the README shows: it must say what the data says.
  @Test func theDocumentedTableIsTheData() throws {
    let source = URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "../../Sources/Appliance/LEDCode.swift")
    let rows = try String(contentsOf: source, encoding: .utf8).split(separator: "\n")
      .filter { $0.hasPrefix("/// | ") && !$0.hasPrefix("/// | LED") }
      .map { $0.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) } }
    #expect(rows.count == LEDTests.codes.count)
    for (row, code) in zip(rows, LEDTests.codes) {
      #expect(row[1] == code.led.map { "\($0)" } ?? "all")
      #expect(row[2] == "\(code)" && row[2] == "\(code.label)")
      #expect(row[3] == light(code), "\(code)")
    }
  }

  private func light(_ code: LEDCode) -> String {
    let pattern = code.pattern
    func text(_ ms: UInt16) -> String { "\(ms) ms" }
    switch pattern.count {
    case 0: return pattern.level(elapsedMs: 0).on ? "steady" : "off"
    case 2 where pattern[0] != 200: return "\(text(pattern[0])) on, \(text(pattern[1])) off"
    case _ where pattern[0] == 200:
      return pattern.blinks == 1 ? "1 flash" : "\(pattern.blinks) flashes"
    default:
      return (0..<pattern.count).map { text(pattern[$0]) + ($0 % 2 == 0 ? " on" : " off") }
        .joined(separator: ", ")
    }
  }

  // MARK: On the line

  @Test func startingBlinksAtFiveHertzFromTheFirstInput() {
    let world = World(prepare: { $0.serverAnswers = false })
    world.run(1000)
    let power = edges(world, .power)
    #expect(power.first?.ms == 1000 && power.first?.on == true)
    #expect(power.map(\.ms) == Array(stride(from: 1000, through: 2000, by: 100)))
  }

  @Test func everyLEDHasALevelFromTheStart() {
    let world = World()
    for led in [LED.power, .camera, .link] { #expect(edges(world, led).count == 1) }
  }

  @Test func healthyIsSteady() {
    let world = World.up()
    world.clearLog()
    world.run(20_000)
    #expect(edges(world, .power).isEmpty && edges(world, .link).isEmpty)
  }

  @Test func aChangeShowsInTheSameStep() {
    let world = World.up()
    world.run(10_000)
    world.clearLog()
    world.serverSpawnFails = true
    world.exitServer(.code(1))
    let died = world.now
    // Steady before: the code begins with its dark time.
    world.run(3000)
    let power = edges(world, .power)
    #expect(power.map { $0.ms - died }.prefix(4) == [0, 1200, 1400, 1600])
    #expect(power.map(\.on).prefix(4) == [false, true, false, true])
  }

  @Test func codesByState() {
    func code(_ led: LED, _ change: (inout LEDSituation) -> Void) -> LEDCode {
      var situation = LEDSituation()
      situation.health = .healthy
      change(&situation)
      return LEDs.code(led, of: situation)
    }
    #expect(code(.power) { $0.health = .starting } == .starting)
    #expect(code(.power) { _ in } == .healthy)
    #expect(code(.power) { $0.health = .degraded } == .degraded)
    #expect(code(.power) { $0.health = .failed } == .failed)
    #expect(code(.power) { $0.health = .updating } == .starting)
    #expect(code(.power) { $0.health = .stopping } == .stopping)
    #expect(code(.power) { $0.isStopped = true } == .off)
    #expect(
      code(.power) {
        $0.health = .failed
        $0.reasons = .configurationInvalid | .mediaServerDown
      } == .configurationInvalid)
    #expect(
      code(.power) {
        $0.health = .failed
        $0.reasons = .configurationInvalid | .safeMode
      } == .safeMode)
    for reasons in [
      HealthReasons.dataMissing, .dataReadOnly, .dataFailing, .dataHanging | .recordingSuspended,
    ] {
      #expect(code(.power) { ($0.health, $0.reasons) = (.degraded, reasons) } == .dataUnavailable)
    }
    for reasons in [
      HealthReasons.storageLow, .storageCritical, .recordingStalled, .recordingSuspended,
    ] {
      #expect(code(.power) { ($0.health, $0.reasons) = (.degraded, reasons) } == .storageFull)
    }
    #expect(
      code(.power) {
        ($0.health, $0.reasons) = (.failed, .mediaServerDown | .dataMissing)
      } == .failed)
    #expect(code(.power) { $0.reasons = .storageWarning } == .healthy)
    #expect(code(.camera) { _ in } == .noCamera)
    #expect(code(.camera) { $0.camerasProbing = 1 } == .probing)
    #expect(code(.camera) { ($0.camerasKnown, $0.camerasPresent) = (2, 2) } == .ready)
    #expect(code(.camera) { ($0.camerasKnown, $0.camerasPresent) = (2, 1) } == .cameraAbsent)
    #expect(code(.camera) { $0.reasons = .cameraFailed | .cameraBusy } == .cameraFailed)
    #expect(code(.camera) { $0.reasons = .cameraBusy } == .cameraBusy)
    #expect(code(.camera) { $0.reasons = .noCameraSlot } == .noCameraSlot)
    #expect(code(.link) { _ in } == .noLink)
    #expect(code(.link) { $0.linkUp = true } == .noAddress)
    #expect(code(.link) { ($0.linkUp, $0.hasAddress) = (true, true) } == .address)
    #expect(code(.link) { ($0.linkUp, $0.hasAddress, $0.clients) = (true, true, 3) } == .client)
    #expect(code(.link) { ($0.linkUp, $0.hasAddress, $0.clients) = (false, true, 3) } == .noLink)
    #expect(
      code(.link) {
        ($0.linkUp, $0.hasAddress, $0.clients, $0.isPairing) = (true, true, 3, true)
      } == .pairing)
    #expect(code(.link) { ($0.linkUp, $0.isPairing) = (true, true) } == .noAddress)
  }

  @Test func identifyOverridesAllForItsTime() throws {
    let world = World.up()
    world.run(10_000)
    world.clearLog()
    let asked = world.now
    try world.identify(3000)
    world.run(10_000)
    for led in [LED.power, .camera, .link] {
      let times = edges(world, led).map { $0.ms - asked }
      #expect(times.filter { $0 > 0 && $0 < 900 } == [100, 700, 800])
      #expect(times.allSatisfy { $0 <= 3000 })
    }
    #expect(edges(world, .power).last?.on == true && edges(world, .camera).last?.on == false)
    #expect(world.events(.identify).map(\.event.value) == [3000, 0])
    #expect(world.events(.identify).map { $0.ms - asked } == [0, 3000])
  }

  @Test func identifyCanBeEndedAndIsBounded() throws {
    let world = World.up()
    try world.identify(60_000)
    world.run(1000)
    try world.identify(0)
    #expect(world.events(.identify).map(\.event.value) == [60_000, 0])
    world.clearLog()
    try world.identify(0)
    world.run(100_000)
    #expect(edges(world, .power).isEmpty)
    #expect(world.events(.identify).isEmpty, "it ended once")
    #expect(throws: Status.invalidArgument) { try world.identify(Limits.identifyMs + 1) }
  }

  @Test func identifyingAnewLengthensItAndEndsOnce() throws {
    let world = World.up()
    let asked = world.now
    try world.identify(1000)
    world.run(500)
    try world.identify(2000)
    world.run(5000)
    #expect(world.events(.identify).map(\.event.value) == [1000, 2000, 0])
    #expect(world.events(.identify).last?.ms == asked + 2500)
  }

  @Test func aWrongConfigurationHasItsOwnCode() {
    var facts = World.facts
    facts.configurationError = ConfigurationError(line: 3, column: 7, message: "no such key")
    let world = World(facts: facts)
    world.remember([])
    world.enumerate([])
    world.send(.networkChanged(address: IPv4(10, 0, 0, 1), linkUp: true))
    world.run(500)
    #expect(world.health.state == .degraded)
    world.clearLog()
    world.run(3 * 2200)
    #expect(edges(world, .power).count(where: \.on) == 9)
    let info = world.read { $0.serverInfo() }
    #expect(info.configurationErrorLine == 3 && String(info.configurationError) == "no such key")
  }

  @Test func aFailingLEDIsAReason() {
    let world = World.up { $0.leds[0] = LEDMapping(place: .gpioName, target: "led-power") }
    #expect(!world.health.reasons.contains(.ledsUnavailable))
    world.send(.ledFailed(.power, errno: 5))
    #expect(world.health.reasons.contains(.ledsUnavailable) && world.health.state == .degraded)
  }
}
