import Appliance
import Foundation
import Noise
import Testing
import Wire

@testable import Linux

/// A staged text comes into force and goes again, wherever the power goes in between.
@Suite struct ConfigurationSwapTests {
  private let place: KeeperPlace
  private let memory = KeeperMemory()

  init() throws { place = try KeeperPlace() }

  private static let former = "# the user's\n[control]\nslots = 100\n"
  private static let fresh = "[control]\nslots = 200\n# and something longer than before\n"

  private var texts: StagedTexts { StagedTexts(place.folder, memory) }

  /// Of what was staged last under each id.
  private final class Digests {
    private var known: [UInt32: ConfigurationDigest] = [:]
    subscript(id: UInt32) -> ConfigurationDigest {
      get { known[id] ?? ConfigurationDigest() }
      set { known[id] = newValue }
    }
  }
  private let digests = Digests()

  private func stage(_ id: UInt32, _ string: String) -> KeeperOutcome {
    Array(string.utf8).withUnsafeBytes { text in
      digests[id] = ConfigurationDigest(sha256Of: text)
      return texts.put(id, text).outcome
    }
  }

  /// What was staged has not come, and something older lies in its place.
  @Test func anotherTextThanTheOneThatWasStagedIsNone() throws {
    try place.write(Self.former, "watchpost.conf")
    #expect(stage(7, Self.fresh) == .done)
    let other = ConfigurationDigest(InlineArray(repeating: 7))
    #expect(texts.check(7, digests[7]).outcome == .done)
    #expect(texts.check(7, other).outcome == .damaged)
    var (swap, _) = start()
    #expect(swap.apply(7, other).outcome == .damaged && swap.applied == 0)
    #expect(inForce == Self.former)
  }

  /// The keeper starts anew.
  private func start() -> (ConfigurationSwap, KeeperFacts.Repair) {
    var swap = ConfigurationSwap(place.folder, memory, texts)
    let repair = swap.load()
    return (swap, repair)
  }

  private var inForce: String? {
    place.read("watchpost.conf").map { String(decoding: $0, as: UTF8.self) }
  }
  private var before: String? {
    place.read("watchpost.conf.before").map { String(decoding: $0, as: UTF8.self) }
  }

  @Test(arguments: [former, nil, ""]) func aChangeIsAppliedAndRolledBack(_ former: String?) throws {
    try place.write(former.map { Array($0.utf8) }, "watchpost.conf")
    #expect(stage(7, Self.fresh) == .done)
    var (swap, _) = start()
    #expect(swap.apply(7, digests[7]).outcome == .done && swap.applied == 7)
    #expect(inForce == Self.fresh && before == former)
    #expect(swap.apply(7, digests[7]).outcome == .already)
    #expect(before == former, "asked twice, what was before is still known")
    // Of another life.
    var (later, repair) = start()
    #expect(repair == .notNeeded && later.applied == 7)
    #expect(later.apply(7, digests[7]).outcome == .already)
    #expect(later.rollBack(7).outcome == .done && later.applied == 0)
    #expect(inForce == former)
    #expect(later.rollBack(7).outcome == .already)
    #expect(later.apply(7, digests[7]).outcome == .done && inForce == Self.fresh)
  }

  @Test func aDroppedChangeStays() throws {
    try place.write(Self.former, "watchpost.conf")
    #expect(stage(7, Self.fresh) == .done)
    var (swap, _) = start()
    #expect(swap.apply(7, digests[7]).outcome == .done && swap.drop(7).outcome == .done)
    #expect(swap.rollBack(7).outcome == .already && inForce == Self.fresh)
    #expect(texts.read(7).state == .missing && before == Self.former)
    #expect(swap.apply(7, digests[7]).outcome == .unknown)
    #expect(stage(8, "[control]\nslots = 300\n") == .done)
    #expect(swap.apply(8, digests[8]).outcome == .done && before == Self.fresh)
    #expect(swap.rollBack(7).outcome == .already && swap.applied == 8)
  }

  @Test func whatIsNoConfigurationIsNotApplied() throws {
    try place.write(Self.former, "watchpost.conf")
    #expect(stage(1, "[control]\nslots = many\n") == .done)
    var (swap, _) = start()
    let done = swap.apply(1, digests[1])
    #expect(done.outcome == .wrong && done.error.line == 2 && done.error.column == 9)
    #expect(!done.error.message.isEmpty)
    #expect(inForce == Self.former && !place.exists("watchpost.conf.before"))
    try place.write([1, 2, 3], "access/staged/1")
    #expect(swap.apply(1, digests[1]).outcome == .damaged)
    #expect(swap.apply(2, digests[2]).outcome == .unknown)
    // A text under another's name.
    #expect(stage(3, Self.fresh) == .done)
    try place.write(place.read("access/staged/3"), "access/staged/4")
    #expect(swap.apply(4, digests[4]).outcome == .damaged && inForce == Self.former)
  }

  @Test func aPersonsChangeIsNotUndone() throws {
    try place.write(Self.former, "watchpost.conf")
    #expect(stage(7, Self.fresh) == .done)
    var (swap, _) = start()
    #expect(swap.apply(7, digests[7]).outcome == .done)
    try place.write("[control]\nslots = 50\n", "watchpost.conf")
    #expect(swap.rollBack(7).outcome == .changedElsewhere)
    #expect(inForce == "[control]\nslots = 50\n")
  }

  @Test func aDamagedConfigurationIsPutBackAllTheSame() throws {
    try place.write(Self.former, "watchpost.conf")
    #expect(stage(7, Self.fresh) == .done)
    var (swap, _) = start()
    #expect(swap.apply(7, digests[7]).outcome == .done)
    try place.write("[control]\nsl\u{1}ts = 50\n", "watchpost.conf")
    #expect(swap.rollBack(7).outcome == .done && inForce == Self.former)
  }

  @Test func withoutWhatWasBeforeNothingIsPutBack() throws {
    try place.write(Self.former, "watchpost.conf")
    #expect(stage(7, Self.fresh) == .done)
    var (swap, _) = start()
    #expect(swap.apply(7, digests[7]).outcome == .done)
    try place.write("[control]\nslots = 1\n", "watchpost.conf.before")
    #expect(swap.rollBack(7).outcome == .damaged && inForce == Self.fresh)
    let (later, repair) = start()
    #expect(repair == .notNeeded && later.applied == 7, "nothing was begun")
  }

  @Test func withADamagedJournalNothingIsSaidToBeRolledBack() throws {
    try place.write(Self.former, "watchpost.conf")
    #expect(stage(7, Self.fresh) == .done)
    var (swap, _) = start()
    #expect(swap.apply(7, digests[7]).outcome == .done)
    try place.write([1], "access/swap.a")
    try place.write([2], "access/swap.b")
    var (later, _) = start()
    #expect(later.rollBack(7).outcome == .damaged && inForce == Self.fresh)
    #expect(later.apply(7, digests[7]).outcome == .done && later.rollBack(7).outcome == .done)
  }

  // MARK: Power cuts

  private func keepJournal(_ phase: ConfigurationSwap.Phase, _ former: String?) {
    var journal = ConfigurationSwap.Journal()
    journal.phase = phase
    journal.id = 7
    journal.hasFormer = former != nil
    journal.fresh = Array(Self.fresh.utf8).withUnsafeBytes { ConfigurationSwap.Mark($0) }
    if let former {
      journal.former = Array(former.utf8).withUnsafeBytes { ConfigurationSwap.Mark($0) }
    }
    var blob = KeptBlob(.swap, place.folder, memory)
    _ = blob.load()
    let bytes = encoded(ConfigurationSwap.Journal.size) { journal.encode(into: &$0) }
    #expect(bytes.withUnsafeBytes { blob.put($0) } == 0)
  }

  /// Every state of the file while one text is written over another, the first and the last left
  /// out: the mark, then any part of the new text, the length of either, then the first byte.
  private static func torn(_ from: String?, _ to: String?) -> [[UInt8]] {
    let (old, new) = (Array((from ?? "").utf8), Array((to ?? "").utf8))
    var states: [[UInt8]] = [[0] + old.dropFirst()]
    for written in stride(from: 1, through: new.count, by: 5) {
      let tail = written < old.count ? Array(old[written...]) : []
      states.append([0] + new[1..<written] + tail)
    }
    states.append([0] + new.dropFirst())
    if from == nil { states.append([]) }
    return states
  }

  @Test(arguments: [former, nil]) func aPowerCutWhileApplying(_ former: String?) throws {
    let states = Self.torn(former, Self.fresh)
    for (index, state) in states.enumerated() {
      try place.write(nil, "access")
      #expect(stage(7, Self.fresh) == .done)
      keepJournal(.applying, former)
      try place.write(former.map { Array($0.utf8) }, "watchpost.conf.before")
      try place.write(state, "watchpost.conf")
      let readAtStart = state.withUnsafeBytes { StagedTexts.error(in: $0) }
      #expect(state.isEmpty || readAtStart != nil, "half a text is never in force")
      var (swap, repair) = start()
      #expect(repair == .putBack && inForce == former, "state \(index)")
      #expect(swap.apply(7, digests[7]).outcome == .done && inForce == Self.fresh)
      #expect(swap.rollBack(7).outcome == .done && inForce == former)
    }
  }

  @Test func aPowerCutBeforeAndBehindTheText() throws {
    for (phase, text, repair, applied) in [
      (.applying, Self.former, .notNeeded, 0), (.applying, Self.fresh, .finished, 7),
      (.rollingBack, Self.former, .finished, 0), (.rollingBack, Self.fresh, .putBack, 0),
    ] as [(ConfigurationSwap.Phase, String, KeeperFacts.Repair, UInt32)] {
      try place.write(nil, "access")
      #expect(stage(7, Self.fresh) == .done)
      keepJournal(phase, Self.former)
      try place.write(Self.former, "watchpost.conf.before")
      try place.write(text, "watchpost.conf")
      let (swap, found) = start()
      #expect(found == repair && swap.applied == applied, "\(phase)")
      #expect(inForce == (applied == 7 ? Self.fresh : Self.former))
      #expect(start().1 == .notNeeded, "once")
    }
  }

  @Test func aPowerCutWhileRollingBack() throws {
    for state in Self.torn(Self.fresh, Self.former) {
      try place.write(nil, "access")
      keepJournal(.rollingBack, Self.former)
      try place.write(Self.former, "watchpost.conf.before")
      try place.write(state, "watchpost.conf")
      var (swap, repair) = start()
      #expect(repair == .putBack && inForce == Self.former)
      #expect(swap.rollBack(7).outcome == .already)
    }
  }

  @Test func whatIsTornTwiceIsFinishedOrTold() throws {
    // The text before is torn as well: the change's own is whole.
    #expect(stage(7, Self.fresh) == .done)
    keepJournal(.applying, Self.former)
    try place.write("[contr", "watchpost.conf.before")
    try place.write([0] + Self.former.utf8.dropFirst(), "watchpost.conf")
    var (swap, repair) = start()
    #expect(repair == .finished && inForce == Self.fresh && swap.applied == 7)
    #expect(swap.drop(7).outcome == .done)
    keepJournal(.applying, Self.former)
    try place.write([0] + Self.former.utf8.dropFirst(), "watchpost.conf")
    #expect(start().1 == .damaged)
  }

  @Test func aCutWhileWhatIsInForceIsKept() throws {
    // Nothing was noted yet: the next change keeps it anew.
    try place.write(Self.former, "watchpost.conf")
    try place.write("# the us", "watchpost.conf.before")
    #expect(stage(7, Self.fresh) == .done)
    var (swap, repair) = start()
    #expect(repair == .notNeeded && swap.rollBack(7).outcome == .already)
    #expect(swap.apply(7, digests[7]).outcome == .done && swap.rollBack(7).outcome == .done)
    #expect(inForce == Self.former)
  }
}
