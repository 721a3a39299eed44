import Testing
import Wire

@testable import Appliance

/// Configuration changes over starts of the agent and of the device, and images that are not ours.
@Suite struct ChangeImageTests {
  /// A desk with changes in many states, and one of the given state beside them.
  private func crowded() throws -> ChangeDesk {
    let desk = ChangeDesk()
    for number in 0..<Limits.endedChanges + 3 {
      let id = try desk.stage(ChangeDesk.text("0.\(number)"), by: "key \(number)")
      switch number % 4 {
      case 0: desk.checked(id, .lost)
      case 1:
        desk.checked(id, .wrong(ConfigurationError(line: 3, column: 9, message: "No such key.")))
      case 2:
        desk.checked(id)
        try desk.reject(id)
      default:
        desk.checked(id)
        try desk.approve(id)
        try desk.apply(id)
        desk.applied(id, number % 8 == 3)
        if number % 8 == 3 {
          try desk.confirm(id, begunAt: desk.now + 1)
        } else {
          desk.rolledBack(id)
        }
      }
    }
    _ = try desk.stage(ChangeDesk.text("2.0"))
    desk.checked(try desk.stage(ChangeDesk.text("2.1")))
    _ = try desk.approved(ChangeDesk.text("2.2"))
    _ = try desk.unconfirmed(ChangeDesk.text("2.3"))
    return desk
  }

  @Test func everythingIsKept() throws {
    let desk = try crowded()
    let before = (try desk.list(ended: false), try desk.list(ended: true))
    let inForce = desk.read { $0.inForce }
    desk.now(desk.now)
    try desk.restart(afterMs: 0)
    #expect(try desk.list(ended: false) == before.0 && before.0.count == 4)
    #expect(try desk.list(ended: true) == before.1 && before.1.count == Limits.endedChanges)
    #expect(desk.read { $0.inForce } == inForce && inForce != nil)
    #expect(try desk.stage(ChangeDesk.text("3.0")) == before.0.last!.id + 1)
  }

  @Test func theOldestOfTheHistoryIsDropped() throws {
    let desk = try crowded()
    let ended = try desk.list(ended: true)
    #expect(ended.map(\.id) == (4...35).map { UInt32($0) })
    #expect(throws: Status.notFound) { try desk.approve(3) }
    #expect(throws: Status.state) { try desk.approve(4) }
    // What is in force is known even when it is forgotten otherwise.
    let inForce = try #require(desk.read { $0.inForce })
    for number in 0..<40 {
      let id = try desk.stage(ChangeDesk.text("4.\(number)"))
      desk.checked(id, .lost)
    }
    #expect(desk.state(inForce.id) == .confirmed)
    #expect(try desk.stage(inForce.text, by: String(inForce.stager)) == inForce.id)
    #expect(try desk.list(ended: false).count == 4)
  }

  @Test func nothingIsTakenBeforeTheStart() throws {
    let memory = UnsafeMutableBufferPointer<ConfigurationChange>.allocate(
      capacity: ConfigurationChanges.capacity)
    defer { memory.deallocate() }
    let table = Table(memory, repeating: ConfigurationChange())
    var changes = ConfigurationChanges(table, ChangePolicy())
    var effects = ChangeEffects()
    let time = ChangeTime(now: Instant(ms: 10), unixMs: 0)
    #expect(throws: Status.storageUnavailable) {
      try changes.stage(ChangeDesk.text(), by: "anna", at: time, &effects)
    }
    #expect(throws: Status.storageUnavailable) {
      try changes.approve(1, by: ChangeApprover("anna"), at: time, &effects)
    }
    changes.tick(at: time, &effects)
    changes.checked(1, .right, at: time, &effects)
    #expect(effects.count == 0 && !effects.mustKeep && changes.nextDeadline == .never)
    changes.begin(boot: ChangeDesk.boot(1))
    let image = try crowded().disk!
    #expect(throws: ChangeImageError.state) {
      try image.withUnsafeBytes {
        try changes.restore($0, boot: ChangeDesk.boot(1), at: time, &effects)
      }
    }
  }

  // MARK: Starts

  @Test func aRebootRollsBackWhatIsUnconfirmed() throws {
    let desk = ChangeDesk()
    let id = try desk.unconfirmed()
    try desk.powerCut()
    #expect(desk.asked == [.rollBack(id: id)] && desk.reason(id) == .restarted)
    // Again, if the power fails meanwhile.
    try desk.powerCut()
    #expect(desk.asked == [.rollBack(id: id)])
    desk.rolledBack(id)
    #expect(desk.state(id) == .rolledBack && desk.reason(id) == .restarted)
    try desk.powerCut()
    #expect(desk.asked.isEmpty && desk.state(id) == .rolledBack)
  }

  @Test func aRebootLeavesWhatIsConfirmed() throws {
    let desk = ChangeDesk()
    let id = try desk.unconfirmed()
    try desk.confirm(id, begunAt: desk.now + 1)
    try desk.powerCut()
    // Again: the power may have failed before anybody else knew.
    #expect(desk.asked == [.forget(id: id)] && desk.state(id) == .confirmed)
    desk.now(desk.now + 1000)
    try desk.restart()
    #expect(desk.asked == [.forget(id: id)])
  }

  @Test func aConfirmationThatWasNotKeptIsNone() throws {
    let desk = ChangeDesk()
    let id = try desk.unconfirmed()
    desk.diskFails = true
    try desk.confirm(id, begunAt: desk.now + 1)
    desk.diskFails = false
    try desk.powerCut()
    #expect(desk.asked == [.rollBack(id: id)])
  }

  @Test func aRebootWhileItIsAppliedRollsBack() throws {
    let desk = ChangeDesk()
    let id = try desk.approved()
    try desk.apply(id)
    try desk.powerCut()
    #expect(desk.asked == [.rollBack(id: id)])
    desk.applied(id)
    #expect(desk.state(id) == .rollingBack)
  }

  @Test func aStartOfTheAgentGoesOn() throws {
    let desk = ChangeDesk()
    let id = try desk.stage()
    try desk.restart()
    #expect(desk.asked == [.check(id: id)])
    desk.checked(id)
    try desk.approve(id)
    try desk.restart()
    #expect(desk.asked.isEmpty && desk.state(id) == .approved)
    try desk.apply(id)
    let since = desk.now
    // A configuration with which the agent cannot live is not tried for ever.
    while desk.now + 300 < since + ChangeTiming.applyMs {
      try desk.restart()
      #expect(desk.asked == [.apply(id: id)])
    }
    try desk.restart()
    #expect(desk.work.contains(.rollBack(id: id)) && desk.state(id) == .rollingBack)
    try desk.restart()
    #expect(desk.asked == [.rollBack(id: id)])
  }

  @Test func theTimeToConfirmGoesOnInTheSameBoot() throws {
    let desk = ChangeDesk()
    let id = try desk.unconfirmed()
    let since = desk.now
    desk.pass(60_000)
    try desk.restart(afterMs: 30_000)
    #expect(desk.asked.isEmpty && desk.entry(id)?.remainingS == 30)
    // A life counts that began behind it.
    #expect(throws: Status.state) { try desk.confirm(id, begunAt: since) }
    try desk.restart(afterMs: 30_000)
    #expect(desk.asked == [.rollBack(id: id)] && desk.reason(id) == .notConfirmed)
  }

  @Test func anImageFromTheFutureIsOfAnotherBoot() throws {
    let desk = ChangeDesk()
    desk.pass(1_000_000)
    let id = try desk.unconfirmed()
    desk.now(2000)
    try desk.restart()
    #expect(desk.asked == [.rollBack(id: id)])
  }

  // MARK: Seven days

  @Test(arguments: [ChangeState.checking, .pending, .approved])
  func changesExpire(_ state: ChangeState) throws {
    let desk = ChangeDesk()
    let id = try desk.stage()
    if state != .checking { desk.checked(id) }
    if state == .approved { try desk.approve(id) }
    desk.pass(ChangeTiming.expiryMs - 1)
    #expect(desk.state(id) == state)
    desk.pass(1)
    #expect(desk.asked == [.tell(ChangeNews(.expired, id: id, by: "")), .forget(id: id)])
    #expect(desk.state(id) == .expired && desk.nextDeadline == .max)
  }

  @Test func onlyTimeInWhichTheDeviceRunsCounts() throws {
    let desk = ChangeDesk()
    let id = try desk.stage()
    desk.checked(id)
    let day: UInt64 = 24 * 3_600_000
    for _ in 0..<6 {
      // Nothing but the clock, and it stops at a different moment of each hour.
      for _ in 0..<24 { desk.pass(desk.nextDeadline - desk.now) }
      try desk.powerCut(upMs: 1000)
      #expect(desk.state(id) == .pending && desk.asked.isEmpty)
    }
    // The second before each restore counts, too.
    #expect(desk.entry(id)?.remainingS == UInt32(day / 1000) - 6)
    desk.pass(day - 6001)
    #expect(desk.state(id) == .pending)
    desk.pass(1)
    #expect(desk.state(id) == .expired)
  }

  @Test func theTimeLeftIsKeptEveryHour() throws {
    let desk = ChangeDesk()
    desk.checked(try desk.stage())
    let keeps = desk.keeps
    for _ in 0..<24 * 60 { desk.pass(60_000) }
    #expect(desk.keeps == keeps + 24)
  }

  @Test func aBootIsToldByItsFirstFourBytes() {
    var bytes = InlineArray<16, UInt8>(repeating: 0)
    for index in bytes.indices { bytes[index] = UInt8(index + 1) }
    #expect(BootID(bytes).number == 0x0403_0201)
  }

  @Test func aCheckIsAskedForAgain() throws {
    let desk = ChangeDesk()
    let id = try desk.stage()
    desk.pass(ChangeTiming.checkMs)
    #expect(desk.asked == [.check(id: id)])
    desk.checked(id)
    desk.checked(id, .lost)
    #expect(desk.state(id) == .pending)
  }

  @Test func theLargestStepsFit() throws {
    let desk = ChangeDesk()
    for number in 0..<Limits.openChanges { _ = try desk.stage(ChangeDesk.text("1.\(number)")) }
    let disk = desk.disk
    desk.pass(ChangeTiming.expiryMs)
    #expect(desk.mostEffects == 2 * Limits.openChanges)
    desk.disk = disk
    // Checks are asked for, and find that time is over.
    try desk.powerCut(upMs: ChangeTiming.expiryMs)
    #expect(try desk.list(ended: true).count == Limits.openChanges)
    #expect(desk.mostEffects < ChangeEffects.capacity)
  }

  // MARK: Images that are not ours

  private func restore(_ image: [UInt8]) -> ChangeImageError? {
    let desk = ChangeDesk()
    desk.disk = image
    do {
      try desk.restart()
      return nil
    } catch {
      // What cannot be used leaves nothing behind.
      #expect((try? desk.list(ended: false).count) == 0 && (try? desk.list(ended: true).count) == 0)
      return error as? ChangeImageError ?? .state
    }
  }

  /// The same by itself, without a machine around it.
  private func errors(_ images: [UInt8], _ change: (inout [UInt8], Int) -> Void, count: Int)
    -> [ChangeImageError?]
  {
    let memory = UnsafeMutableBufferPointer<ConfigurationChange>.allocate(
      capacity: ConfigurationChanges.capacity)
    defer { memory.deallocate() }
    let table = Table(memory, repeating: ConfigurationChange())
    return (0..<count).map { number in
      var image = images
      change(&image, number)
      return image.withUnsafeBytes { bytes in
        do throws(ChangeImageError) {
          _ = try ChangeImage(bytes, into: table)
          return nil
        } catch {
          return error
        }
      }
    }
  }

  private func sealed(_ image: [UInt8]) -> [UInt8] {
    let sum = image[4...].withUnsafeBytes { CRC32C.of($0) }
    return (0..<4).map { UInt8(truncatingIfNeeded: sum >> (8 * $0)) } + image[4...]
  }

  @Test func anyFlippedBitShows() throws {
    let image = try crowded().disk!
    #expect(restore(image) == nil)
    let head = errors(image, { $0[$1 / 8] ^= 1 << UInt8($1 % 8) }, count: 8 * 176)
    let bytes = errors(image, { $0[$1] ^= 1 << UInt8($1 % 8) }, count: image.count)
    #expect((head + bytes).allSatisfy { $0 == .checksum })
  }

  @Test func anyOtherLengthShows() throws {
    let image = try crowded().disk!
    #expect(image.count == 16_816)
    let lengths = errors(image, { $0.removeLast($0.count - $1) }, count: image.count)
    #expect(lengths.allSatisfy { $0 == .length })
    #expect(restore(image + [0]) == .length && restore([]) == .length)
  }

  /// A byte that is wrong although the checksum is right; offsets as in the table beside the code.
  struct Lie: Sendable {
    var offset: Int
    var value: UInt8
    var error = ChangeImageError.content

    /// In the nth record. The open ones are checking, pending, approved and unconfirmed; the ninth
    /// is the first that has ended.
    static func record(_ number: Int, _ offset: Int, _ value: UInt8) -> Lie {
      Lie(offset: 176 + 416 * number + offset, value: value)
    }
  }

  static let lies: [Lie] = [
    Lie(offset: 4, value: 0, error: .version), Lie(offset: 8, value: 2, error: .version),
    Lie(offset: 9, value: 1, error: .version), Lie(offset: 10, value: 33),
    Lie(offset: 10, value: 31), Lie(offset: 40, value: 1), Lie(offset: 44, value: 200),
    .record(0, 4, 11), .record(0, 4, 6), .record(0, 5, 6), .record(0, 5, 1), .record(0, 4, 2),
    .record(0, 64, 0x41), .record(0, 96, 0), .record(0, 14, 1), .record(0, 359, 1),
    .record(1, 0, 39), .record(1, 34, 0x30), .record(1, 128, 0x41), .record(2, 4, 4),
    .record(2, 128, 0), .record(3, 4, 8), .record(3, 366, 1), .record(3, 4, 3),
    .record(1, 0, 200), .record(4, 0, 38), .record(8, 4, 0), .record(8, 0, 5), .record(39, 0, 0),
  ]

  @Test(arguments: lies)
  func whatCannotBeShows(_ lie: Lie) throws {
    var image = try crowded().disk!
    #expect(image[lie.offset] != lie.value)
    image[lie.offset] = lie.value
    #expect(restore(sealed(image)) == lie.error)
  }

  /// Whatever an image says with a right checksum, nothing traps, then or later.
  @Test(arguments: UInt64(1)...4)
  func arbitraryImages(seed: UInt64) throws {
    var random = SplitMix(state: seed)
    let image = try crowded().disk!
    var taken = 0
    for _ in 0..<400 {
      var damaged = image
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        // Where something is said, rather than in texts.
        let record = 176 + 416 * Int.random(in: 0..<12, using: &random)
        let offset = [
          Int.random(in: 4..<176, using: &random), record + Int.random(in: 0..<16, using: &random),
          record + Int.random(in: 352..<369, using: &random),
          Int.random(in: 4..<image.count, using: &random),
        ].randomElement(using: &random)!
        damaged[offset] = [0, 1, 0x7F, 0xFF, .random(in: 0...255, using: &random)]
          .randomElement(using: &random)!
      }
      let desk = ChangeDesk()
      desk.disk = sealed(damaged)
      if Bool.random(using: &random) { desk.now(.random(in: 0...UInt64.max, using: &random)) }
      guard (try? desk.restart(afterMs: 0)) != nil else { continue }
      taken += 1
      let open = try desk.list(ended: false)
      #expect(open.filter { $0.state.isUnderWay }.count <= 1)
      for entry in open {
        desk.checked(entry.id)
        desk.applied(entry.id)
        desk.rolledBack(entry.id)
      }
      for _ in 0..<12 where desk.nextDeadline != .max {
        desk.pass(desk.nextDeadline - min(desk.now, desk.nextDeadline))
      }
      _ = try? desk.stage(ChangeDesk.text("9.9"))
    }
    #expect(taken > 30, "the test must reach what it bounds")
  }
}

extension Code<ChangeState> {
  var isUnderWay: Bool { self == .applying || self == .unconfirmed || self == .rollingBack }
}
