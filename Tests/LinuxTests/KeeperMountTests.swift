import Appliance
import Foundation
import Glibc
import Testing
import Wire

@testable import Linux

/// Mounts that a board has, in a namespace of the test's own, where a user may have one.
@Suite(
  .serialized, .enabled(if: Mounts.areAllowed, "needs unprivileged user namespaces"))
struct KeeperMountTests {
  private let place: KeeperPlace

  init() throws { place = try KeeperPlace() }

  /// $R is the card, mounted as `options` say; afterwards its state and what it holds are kept.
  private func start(
    _ options: String, prepare: String = "", keeper: String = ""
  ) throws -> Keeper {
    try Keeper(
      place,
      script: """
        R=${1%/access}
        mount -t tmpfs \(options) none "$R" || exit 9
        \(prepare)
        \(keeper) "$0" keeper "$1" "$2" || exit 8
        grep " $R " /proc/self/mounts >"${R%/card}/mounts"
        cp -R "$R" "${R%/card}/copy"
        """)
  }

  /// The mount's options after the keeper's end.
  private func mounted() throws -> Set<String> {
    let line = try String(contentsOf: place.url.appending(path: "mounts"), encoding: .utf8)
    let words = line.split(separator: " ")
    return Set(try #require(words.dropFirst(3).first).split(separator: ",").map { String($0) })
  }

  private func copy(_ name: String) -> [UInt8] {
    (try? Data(contentsOf: place.url.appending(path: "copy/" + name))).map { Array($0) } ?? []
  }

  @Test func aReadOnlyCardIsWrittenAndReadOnlyAgain() throws {
    let keeper = try start("-o ro,nosuid,nodev,noexec")
    let (news, key) = try keeper.blob(.device)
    #expect(news.state == .madeAnew && news.storing == .done)
    #expect(try keeper.ask(.clients, [1, 2, 3]).outcome == .done)
    #expect(try keeper.ask(.stage, id: 1, "[control]\nslots = 9\n").outcome == .done)
    #expect(try keeper.ask(.apply, id: 1).outcome == .done)
    #expect(keeper.end() == 0)
    let options = try mounted()
    #expect(options.isSuperset(of: ["ro", "nosuid", "nodev", "noexec"]), "\(options)")
    #expect(!options.contains("sync"))
    #expect(copy("access/device.a").suffix(32) == ArraySlice(key))
    #expect(copy("access/clients.a").suffix(3) == [1, 2, 3])
    #expect(copy("watchpost.conf") == Array("[control]\nslots = 9\n".utf8))
  }

  @Test func aWritableCardStaysWritable() throws {
    let keeper = try start("-o rw,nosuid")
    #expect(try keeper.facts().place == .memory, "it is told that nothing lasts")
    #expect(try keeper.ask(.clients, [1, 2, 3]).outcome == .done)
    #expect(keeper.end() == 0)
    #expect(try mounted().isSuperset(of: ["rw", "nosuid"]))
  }

  @Test func aCardThatStaysReadOnlyIsToldAndLetsOperatorsIn() throws {
    // A namespace within: the mount is not its own.
    let keeper = try start("-o ro", keeper: "unshare -Ur")
    let (news, key) = try keeper.blob(.device)
    #expect(news.state == .madeAnew && news.storing == .readOnly && key.count == 32)
    #expect(try keeper.ask(.clients, [1]).outcome == .readOnly)
    #expect(try keeper.ask(.stage, id: 1, "#").outcome == .readOnly)
    #expect(try keeper.ask(.pairing, [65]).outcome == .readOnly)
    #expect(place.shown.contains("pairing: the code cannot be written to pairing.txt"))
    #expect(try keeper.ask(.forget).outcome == .readOnly)
    #expect(try keeper.blob(.device).1 == key, "what could not be forgotten is not")
    #expect(keeper.end() == 0)
  }

  /// Takes all room, then gives it back page by page: each step of a change finds the card full.
  @Test func aChangeOnAFullCardIsAppliedWholeOrNotAtAll() throws {
    let keeper = try start("-o size=80k", prepare: "printf '#former' >\"$R/watchpost.conf\"")
    // Longer than a page, so that the file in force has to grow.
    let text = "[control]\nslots = 9\n" + String(repeating: "#\n", count: 4000)
    #expect(try keeper.ask(.stage, id: 1, text).outcome == .done)
    var fillers: [UInt32] = []
    for id in UInt32(2)...16 {
      let size = id < 4 ? 4000 : 10
      let filler = String(repeating: "#\n", count: size)
      guard try keeper.ask(.stage, id: id, filler).outcome == .done else { break }
      fillers.append(id)
    }
    #expect(fillers.count > 4)
    let inside = URL(filePath: "/proc/\(keeper.pid)/root" + place.card.path)
    let file = inside.appending(path: "watchpost.conf")
    var refused = 0
    while true {
      let outcome = try keeper.ask(.apply, id: 1).outcome
      let inForce = try String(contentsOf: file, encoding: .utf8)
      if outcome == .done {
        #expect(inForce == text)
        break
      }
      #expect(outcome == .full && inForce == "#former", "\(outcome)")
      refused += 1
      guard let filler = fillers.popLast() else { break }
      #expect(try keeper.ask(.drop, id: filler).outcome == .done)
    }
    #expect(refused >= 3 && !fillers.isEmpty, "\(refused) times")
    #expect(try keeper.ask(.rollBack, id: 1).outcome == .done)
    #expect(try String(contentsOf: file, encoding: .utf8) == "#former")
    #expect(keeper.end() == 0)
  }

  @Test func aFullCardKeepsWhatItHas() throws {
    // 64 KiB; a page for each file, and four for each text.
    try place.write([UInt8](repeating: 1, count: 30_000), "large")
    let keeper = try start("-o size=64k")
    let key = try keeper.blob(.device).1
    #expect(try keeper.ask(.changes, [1, 2, 3]).outcome == .done)
    let long = [UInt8](repeating: 7, count: 16_384)
    var outcomes: [KeeperOutcome] = []
    for _ in 0..<3 { outcomes.append(try keeper.ask(.clients, long).outcome) }
    outcomes.append(try keeper.ask(.changes, long).outcome)
    #expect(outcomes.last == .full, "\(outcomes)")
    let text = "[control]\nslots = 9\n" + String(repeating: "#\n", count: 4000)
    let staged = try keeper.ask(.stage, id: 1, text).outcome
    #expect(staged == .full, "\(staged)")
    // Less fits.
    #expect(try keeper.ask(.changes, [4, 5]).outcome == .done)
    #expect(keeper.end() == 0)
    #expect(copy("access/device.a").suffix(32) == ArraySlice(key))
    let later = try KeeperPlace()
    try FileManager.default.removeItem(at: later.card)
    try FileManager.default.copyItem(at: place.url.appending(path: "copy"), to: later.card)
    let next = try Keeper(later)
    #expect(try next.blob(.device).1 == key && next.blob(.changes).1 == [4, 5])
    #expect(try next.blob(.clients).1 == long)
    // What there is of the text is told, so that the agent has it dropped.
    #expect(next.staged() == [1])
  }
}

/// Whether this user may mount file systems in a namespace of its own.
private enum Mounts {
  static let areAllowed: Bool = {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/unshare")
    process.arguments = ["-Urm", "sh", "-c", "mount -t tmpfs none /mnt"]
    process.standardError = FileHandle.nullDevice
    guard (try? process.run()) != nil else { return false }
    process.waitUntilExit()
    return process.terminationStatus == 0
  }()
}
