import Appliance
import Foundation
import Glibc
import Testing
import Wire

@testable import Linux

/// `watchpost keeper` over its channel.
@Suite(.serialized) struct KeeperTests {
  private let place: KeeperPlace

  init() throws { place = try KeeperPlace() }

  @Test func theKeyIsMadeOnceAndKept() throws {
    let first = try Keeper(place)
    let (news, key) = try first.blob(.device)
    #expect(news.state == .madeAnew && news.storing == .done && key.count == 32)
    #expect(Set(key).count > 8, "of a random number generator")
    #expect(try first.blob(.clients).0.state == .none)
    #expect(first.end() == 0)
    let second = try Keeper(place)
    #expect(try second.blob(.device).0.state == .loaded && second.blob(.device).1 == key)
    for name in ["device.a", "device.b"] {
      #expect(place.mode(place.access.appending(path: name)) == 0o600)
    }
    #expect(place.mode(place.access) == 0o700)
    #expect(place.shown.contains("watchpost keeper: a device key was made\n"))
    let other = try KeeperPlace()
    #expect(try Keeper(other).blob(.device).1 != key)
  }

  @Test(arguments: [KeeperRequest.clients, .changes]) func whatIsPutIsTold(
    request: KeeperRequest
  ) throws {
    let blob: Blob = request == .clients ? .clients : .changes
    for size in [0, 1, 20 * 1024] {
      let keeper = try Keeper(place)
      let bytes = [UInt8](repeating: UInt8(truncatingIfNeeded: size + 7), count: size)
      #expect(try keeper.ask(request, bytes).outcome == .done)
      keeper.kill()
      #expect(try Keeper(place).blob(blob).1 == bytes)
    }
    let keeper = try Keeper(place)
    let long = [UInt8](repeating: 1, count: 20 * 1024 + 1)
    #expect(try keeper.ask(request, long).outcome == .tooLarge)
    #expect(try Keeper(place).blob(blob).1.count == 20 * 1024)
  }

  @Test func aDamagedKeyIsToldAndSetAside() throws {
    let keeper = try Keeper(place)
    let key = try keeper.blob(.device).1
    keeper.end()
    let whole = try #require(place.read("access/device.a"))
    // One copy: the other holds, and is mended.
    try place.write(Array(whole.dropLast()), "access/device.a")
    let mended = try Keeper(place)
    #expect(try mended.blob(.device).0.copies == .aDamaged)
    #expect(try mended.blob(.device).0.state == .loaded && mended.blob(.device).1 == key)
    mended.end()
    #expect(place.read("access/device.a")?.suffix(32) == ArraySlice(key))
    for name in ["device.a", "device.b"] {
      try place.write(Array(whole.dropLast()), "access/" + name)
    }
    let anew = try Keeper(place)
    let (news, fresh) = try anew.blob(.device)
    #expect(news.state == .damaged && news.storing == .done)
    #expect(fresh.count == 32 && fresh != key)
    #expect(place.read("access/device.damaged")?.count == 4 + 2 * (whole.count - 1))
    #expect(place.shown.contains("the device key is damaged; a new one was made"))
    anew.end()
    #expect(try Keeper(place).blob(.device).1 == fresh)
  }

  @Test func aKeyThatCannotBeReadComesBack() throws {
    let keeper = try Keeper(place)
    let key = try keeper.blob(.device).1
    keeper.end()
    for name in ["device.a", "device.b"] {
      try place.write(place.read("access/" + name), name)
      try place.write(nil, "access/" + name)
      try place.write([1], "access/" + name + "/x")
    }
    let later = try Keeper(place)
    let (news, temporary) = try later.blob(.device)
    #expect(news.state == .unreadable && news.storing == .failing)
    #expect(temporary.count == 32 && temporary != key)
    #expect(try later.ask(.retry, [1]).outcome == .done)
    #expect(try later.blob(.device).1 == temporary, "one key as long as it lasts")
    for name in ["device.a", "device.b"] { try place.write(place.read(name), "access/" + name) }
    #expect(try later.ask(.retry, [1]).outcome == .done)
    #expect(try later.blob(.device).0.state == .loaded && later.blob(.device).1 == key)
  }

  @Test func aCardThatComesLaterIsNotWrittenOver() throws {
    let keeper = try Keeper(place)
    let key = try keeper.blob(.device).1
    #expect(try keeper.ask(.clients, [1, 2, 3]).outcome == .done)
    keeper.end()
    let away = place.url.appending(path: "away")
    try FileManager.default.moveItem(at: place.card, to: away)
    let later = try Keeper(place)
    #expect(try later.facts().place == .missing && later.facts().errno == ENOENT)
    #expect(try later.blob(.device).0.storing == .missing && later.blob(.device).1 != key)
    #expect(try later.ask(.clients, [9]).outcome != .done)
    try FileManager.default.moveItem(at: away, to: place.card)
    #expect(try later.ask(.retry, [1]).outcome == .done)
    #expect(try later.facts().place != .missing)
    #expect(try later.blob(.device).1 == key && later.blob(.clients).1 == [1, 2, 3])
    #expect(try later.ask(.clients, [9]).outcome == .done)
  }

  // MARK: Factory reset

  private func fill() throws -> [UInt8] {
    let keeper = try Keeper(place)
    let key = try keeper.blob(.device).1
    try keeper.ask(.clients, [1, 2, 3])
    try keeper.ask(.changes, [4, 5, 6])
    try keeper.ask(.stage, id: 5, "[control]\nslots = 10\n")
    #expect(try keeper.append(1, [[UInt8](repeating: 7, count: 128)]) == .done)
    keeper.end()
    return key
  }

  private func expectForgotten(_ keeper: Keeper, _ key: [UInt8]) throws {
    let (news, fresh) = try keeper.blob(.device)
    #expect(news.state == .loaded && fresh.count == 32 && fresh != key)
    #expect(try keeper.blob(.clients).0.state == .none)
    #expect(try keeper.blob(.changes).0.state == .none && keeper.staged() == [])
    #expect(!place.exists("factory-reset") && !place.exists("factory-reset.txt"))
    keeper.end()
    let later = try Keeper(place)
    #expect(try later.blob(.device).1 == fresh && later.facts().reset == .notAsked)
    #expect(try later.lane(1).1 == [[UInt8](repeating: 7, count: 128)], "the audit is kept")
  }

  @Test(arguments: ["factory-reset", "factory-reset.txt"]) func aFileOnTheCardResets(
    name: String
  ) throws {
    let key = try fill()
    try place.write("", name)
    let keeper = try Keeper(place)
    #expect(try keeper.facts().reset == .carriedOut)
    #expect(place.shown.contains("factory reset: all keys are forgotten"))
    try expectForgotten(keeper, key)
  }

  @Test func theAgentResets() throws {
    let key = try fill()
    try place.write([1], "access/device.damaged")
    let keeper = try Keeper(place)
    #expect(try keeper.ask(.forget).outcome == .done)
    #expect(!place.exists("access/device.damaged"))
    // It can be used at once.
    #expect(try keeper.blob(.clients).0.state == .none)
    try expectForgotten(keeper, key)
  }

  /// What each step of a reset leaves: the mark is there from before the first to behind the last.
  @Test(arguments: 0..<7) func aPowerCutRepeatsAReset(step: Int) throws {
    let key = try fill()
    try place.write("", "factory-reset")
    let gone = ["device.a", "device.b", "clients.a", "clients.b", "changes.a", "staged/5"]
    for name in gone.prefix(step) { try place.write(nil, "access/" + name) }
    if step == 1 { try place.write([UInt8](repeating: 0, count: 56), "access/device.b") }
    if step == 6 {
      // The new key is there, the mark is not gone.
      try place.write(nil, "factory-reset")
      try Keeper(place).end()
      try place.write("", "factory-reset")
    }
    let keeper = try Keeper(place)
    #expect(try keeper.facts().reset == .carriedOut)
    try expectForgotten(keeper, key)
  }

  @Test func aResetThatFailsIsToldAndStaysAskedFor() throws {
    let key = try fill()
    // A folder that is not empty cannot be removed.
    try place.write([1], "factory-reset/x")
    let keeper = try Keeper(place)
    #expect(try keeper.facts().reset == .failed && keeper.blob(.clients).0.state == .none)
    keeper.end()
    try FileManager.default.removeItem(at: place.card.appending(path: "factory-reset/x"))
    let later = try Keeper(place)
    #expect(try later.facts().reset == .carriedOut)
    try expectForgotten(later, key)
  }

  @Test func aResetHalfwayStaysAskedFor() throws {
    let key = try fill()
    // Behind the device key in the order: it is gone, these stay.
    for name in ["clients.a", "clients.b"] {
      try place.write(place.read("access/" + name), name)
      try place.write(nil, "access/" + name)
      try place.write([1], "access/" + name + "/x")
    }
    let keeper = try Keeper(place)
    let done = try keeper.ask(.forget)
    #expect(done.outcome == .failing && done.errno == EISDIR)
    #expect(try keeper.facts().reset == .failed && place.exists("factory-reset"))
    #expect(try keeper.blob(.device).1.count == 32 && keeper.blob(.device).1 != key)
    #expect(place.shown.contains("factory reset failed; it is tried again at the next start"))
    keeper.end()
    for name in ["clients.a", "clients.b"] { try place.write(place.read(name), "access/" + name) }
    let later = try Keeper(place)
    #expect(try later.facts().reset == .carriedOut)
    try expectForgotten(later, key)
  }

  // MARK: Pairing

  @Test func aPairingIsShownAndWithdrawn() throws {
    let keeper = try Keeper(place)
    let note = "Code 1234-5678\u{1B}[2J, until 12:00.\nSecond line.\n"
    #expect(try keeper.ask(.pairing, Array(note.utf8)).outcome == .done)
    #expect(place.read("pairing.txt") == Array(note.utf8))
    // This is no console: the code is not to stay in anybody's journal.
    #expect(place.shown.contains("watchpost keeper: pairing: the code is in pairing.txt\n"))
    #expect(!place.shown.contains("1234") && !place.shown.contains("Second"))
    #expect(try keeper.ask(.pairing).outcome == .done && !place.exists("pairing.txt"))
    #expect(place.shown.contains("pairing is over"))
    #expect(try keeper.ask(.pairing).outcome == .done)
    let long = [UInt8](repeating: 65, count: 513)
    #expect(try keeper.ask(.pairing, long).outcome == .tooLarge)
    // A code of an earlier life opens nothing any more.
    #expect(try keeper.ask(.pairing, Array(note.utf8)).outcome == .done)
    keeper.kill()
    _ = try Keeper(place)
    #expect(!place.exists("pairing.txt"))
  }

  // MARK: Changes

  @Test func changesOverTheChannel() throws {
    let keeper = try Keeper(place)
    try place.write("[control]\nslots = 100\n", "watchpost.conf")
    #expect(try keeper.ask(.stage, id: 3, "[control]\nslots = 10\n").outcome == .done)
    #expect(try keeper.ask(.check, id: 3).outcome == .done)
    #expect(try keeper.ask(.stage, id: 4, "[control]\n\nslots = x\n").outcome == .done)
    let wrong = try keeper.ask(.check, id: 4)
    #expect(wrong.outcome == .wrong && wrong.error.line == 3 && wrong.error.column == 9)
    #expect(try keeper.ask(.check, id: 5).outcome == .unknown)
    #expect(try keeper.ask(.apply, id: 3).outcome == .done)
    #expect(place.read("watchpost.conf") == Array("[control]\nslots = 10\n".utf8))
    keeper.kill()
    let later = try Keeper(place)
    #expect(try later.facts().applied == 3 && later.staged() == [3, 4])
    #expect(try later.ask(.rollBack, id: 3).outcome == .done)
    #expect(place.read("watchpost.conf") == Array("[control]\nslots = 100\n".utf8))
    #expect(try later.ask(.drop, id: 3).outcome == .done)
    #expect(try later.ask(.drop, id: 3).outcome == .done)
    #expect(try later.ask(.rollBack, id: 4).outcome == .already)
  }

  /// With the changes, a factory reset takes the only way back from one that nobody has confirmed.
  @Test(arguments: [
    (true, false), (true, true), (false, false), (false, true),
  ])
  func aFactoryResetTakesBackWhatIsUnconfirmed(_ hadFormer: Bool, isByFile: Bool) throws {
    let former = hadFormer ? Array("[control]\nslots = 100\n".utf8) : nil
    try place.write(former, "watchpost.conf")
    var keeper = try Keeper(place)
    #expect(try keeper.ask(.stage, id: 3, "[control]\nslots = 10\n").outcome == .done)
    #expect(try keeper.ask(.apply, id: 3).outcome == .done)
    if isByFile {
      keeper.kill()
      try place.write("", "factory-reset")
      keeper = try Keeper(place)
    } else {
      #expect(try keeper.ask(.forget).outcome == .done)
    }
    let facts = try keeper.facts()
    #expect(facts.reset == .carriedOut && facts.repair == .putBack && facts.applied == 0)
    #expect(place.read("watchpost.conf") == former)
    // It is told once: the device begins anew with each time.
    #expect(try keeper.ask(.forget).outcome == .done)
    #expect(try keeper.facts().repair == .notNeeded && place.read("watchpost.conf") == former)
  }

  @Test func aFactoryResetLeavesWhatIsConfirmed() throws {
    try place.write("[control]\nslots = 100\n", "watchpost.conf")
    let keeper = try Keeper(place)
    #expect(try keeper.ask(.stage, id: 3, "[control]\nslots = 10\n").outcome == .done)
    #expect(try keeper.ask(.apply, id: 3).outcome == .done)
    #expect(try keeper.ask(.drop, id: 3).outcome == .done)
    #expect(try keeper.ask(.forget).outcome == .done)
    #expect(place.read("watchpost.conf") == Array("[control]\nslots = 10\n".utf8))
    #expect(try keeper.facts().repair == .notNeeded)
  }

  @Test func stagedTextsAreBounded() throws {
    let keeper = try Keeper(place)
    let longest = String(repeating: "#\n", count: 4096)
    #expect(try keeper.ask(.stage, id: 1, longest).outcome == .done)
    #expect(try keeper.ask(.check, id: 1).outcome == .done)
    #expect(try keeper.ask(.stage, id: 1, longest + "#").outcome == .tooLarge)
    #expect(try keeper.ask(.stage, id: 1).outcome == .malformed)
    #expect(try keeper.ask(.stage, id: 0, "#").outcome == .malformed)
    for id in 2...16 { #expect(try keeper.ask(.stage, id: UInt32(id), "#").outcome == .done) }
    #expect(try keeper.ask(.stage, id: .max, "#").outcome == .tooMany)
    #expect(try keeper.ask(.stage, id: 16, "# anew").outcome == .done)
    #expect(try keeper.ask(.drop, id: 2).outcome == .done)
    #expect(try keeper.ask(.stage, id: .max, "#").outcome == .done)
    keeper.kill()
    try place.write([0], "access/staged/7")
    try place.write([0], "access/staged/readme")
    // A torn one takes a place like any other until it is dropped.
    let later = try Keeper(place)
    #expect(later.staged() == [1] + Array(3...16) + [UInt32.max])
    #expect(try later.ask(.stage, id: 17, "#").outcome == .tooMany)
    #expect(try later.ask(.drop, id: 7).outcome == .done)
    #expect(try later.ask(.stage, id: 17, "#").outcome == .done)
  }

  // MARK: Whatever comes

  @Test func noiseIsAnsweredOrIgnored() throws {
    let keeper = try Keeper(place, greets: false)
    #expect(try keeper.ask(.clients, [1]).outcome == .malformed, "not greeted yet")
    #expect(try keeper.ask(.hello, [1]).outcome == .malformed)
    let noShare = [UInt8](repeating: 0, count: 9)
    #expect(try keeper.ask(.hello, noShare).outcome == .malformed)
    #expect(try keeper.ask(.hello, Keeper.hello(hasData: true)).outcome == .done)
    let key = try keeper.blob(.device).1
    for message in [[0], [4], [99, 0, 0, 0], [UInt8](repeating: 3, count: 7)] as [[UInt8]] {
      try keeper.send(message)
    }
    #expect(try keeper.ask(.append, [9]).outcome == .malformed)
    #expect(try keeper.ask(.apply, [1, 2]).outcome == .malformed)
    #expect(try keeper.ask(.drop, id: 1, "text").outcome == .malformed)
    let long = [UInt8](repeating: 1, count: 40_000)
    #expect(try keeper.ask(.changes, long).outcome == .tooLarge)
    #expect(try keeper.ask(.hello, Keeper.hello(hasData: true)).outcome == .done)
    #expect(try keeper.blob(.device).1 == key)
    #expect(keeper.end() == 0)
  }

  // MARK: Secrets

  @Test func secretsStayWithinTheProcess() throws {
    let keeper = try Keeper(place)
    let key = try keeper.blob(.device).1
    try keeper.ask(.clients, key.reversed())
    let hex = key.map { String($0, radix: 16) }.joined()
    for name in ["environ", "cmdline"] {
      // Nobody but root may look at all; then there must be nothing to see.
      let path = "/proc/\(keeper.pid)/\(name)"
      guard let seen = try? Data(contentsOf: URL(filePath: path)) else { continue }
      #expect(seen.range(of: Data(key)) == nil && seen.range(of: Data(hex.utf8)) == nil)
    }
    let limits = try String(contentsOfFile: "/proc/\(keeper.pid)/limits", encoding: .utf8)
    let core = limits.split(separator: "\n").first { $0.hasPrefix("Max core file size") }
    #expect(core?.split(separator: " ").suffix(3).prefix(2) == ["0", "0"])
    var limit = rlimit()
    getrlimit(__rlimit_resource_t(8), &limit)
    let status = try String(contentsOfFile: "/proc/\(keeper.pid)/status", encoding: .utf8)
    let locked = status.split(separator: "\n").first { $0.hasPrefix("VmLck:") }
    let kib = locked?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
    #expect(kib >= 150 || limit.rlim_cur < 1 << 20, "the secrets are locked")
    #expect(!place.shown.contains(hex))
  }
}
