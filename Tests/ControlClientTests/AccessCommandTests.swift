import Foundation
import Testing

@testable import ControlClient
@testable import Wire
@testable import wpctl

/// Keys, pairing, the audit and changes of the configuration, as an admin meets them.
@Suite(.timeLimit(.minutes(2))) struct AccessCommandTests {
  private static let key = String(repeating: "1f", count: 32)

  @Test func keysAreListed() async throws {
    let run = try await against(.golden, "keys")
    #expect(run.code == 0)
    #expect(run.lines.count == 2)
    #expect(run.lines[1].hasPrefix("anna-laptop  operator  3 of 12      250/s, load test  "))
    #expect(run.lines[1].contains(" by workshop  now        "))
  }

  @Test func whatIsNotNamedStays() async throws {
    let run = try await against(.golden, "keys", "change", "anna-laptop", "--no-load-test")
    #expect(run.output == "anna-laptop is an operator now.\n")
    let unknown = try await against(.golden, "keys", "change", "otto", "--role", "admin")
    #expect(unknown.code == 1)
    #expect(unknown.complaint.contains("(notFound): There is no such key"))
    #expect(try await against(.golden, "keys", "change", "anna-laptop").code == 2)
    var wanted = KeyRequest()
    (wanted.flags, wanted.slots, wanted.rate) = (.loadTest, 3, 4)
    try KeyLimitOptions.parse(["--rate", "0"]).put(into: &wanted)
    #expect(wanted.flags == .loadTest && wanted.slots == 3 && wanted.rate == 0)
    try KeyLimitOptions.parse(["--no-load-test", "--slots", "9"]).put(into: &wanted)
    #expect(wanted.flags == .none && wanted.slots == 9)
  }

  @Test(arguments: [
    ["add", "desk", "12"], ["add", "Desk", key], ["add", "desk", key, "--role", "anybody"],
    ["add", "desk", String(repeating: "0", count: 64)], ["rm"], ["change", "desk", "--rate", "-1"],
  ])
  func argumentsThatAreWrong(arguments: [String]) async throws {
    #expect(try await wpctl(["keys"] + arguments).code == 2)
  }

  /// One client is added by another one, and gets in.
  @Test func aClientIsAddedByAnAdmin() async throws {
    let keys = FakeKeys()
    let device = try await FakeDevice(.sealed(keys, .golden))
    let address = DeviceAddress(host: "127.0.0.1", port: device.port)
    let (admin, desk) = (TemporaryKeys(), TemporaryKeys())
    try keys.introduce(admin.folder, at: address)
    let mine = try await wpctl("keys", "mine", "--json", "--keys", desk.folder.path)
    let own = try JSONDecoder().decode(OwnKeyDocument.self, from: Data(mine.output.utf8))
    let added = try await wpctl(
      "keys", "add", "desk", own.publicKey, "--role", "operator", "--device", "\(address)",
      "--keys", admin.folder.path)
    #expect(added.code == 0)
    #expect(added.lines.count == 1)
    let imported = try await wpctl(
      "devices", "import", "-", "--keys", desk.folder.path, input: added.output)
    #expect(imported.code == 0)
    let ping = try await wpctl(
      "ping", "--device", "\(address)", "--keys", desk.folder.path)
    #expect(ping.code == 0)
    #expect(keys.state.withLock { $0.plain } == [])
    await device.stop()
  }

  @Test func pairingIsOpened() async throws {
    let open = try await against(.golden, "pairing", "open", "--role", "viewer")
    #expect(open.output == "7K3M-0WXY-9ABC\n")
    #expect(open.complaint.contains("the code makes one client a viewer of"))
    #expect(try await against(.golden, "pairing", "cancel").code == 0)
  }

  // MARK: - New keys

  private func ownKey(_ keys: TemporaryKeys) throws -> PublicKey? {
    try ClientIdentity.find(in: keys.folder)?.publicKey
  }

  private func keyFiles(_ keys: TemporaryKeys) throws -> Set<String> {
    Set(try FileManager.default.contentsOfDirectory(atPath: keys.folder.path))
  }

  /// Two devices: one of them is off at first, and is told later.
  @Test func aKeyIsRenewedAtOneDeviceAfterTheOther() async throws {
    let (near, far) = (FakeKeys(1), FakeKeys(2))
    let device = try await FakeDevice(.sealed(near, .golden))
    let other = try await FakeDevice(.sealed(far, .golden))
    let own = TemporaryKeys()
    let address = DeviceAddress(host: "127.0.0.1", port: device.port)
    let otherAddress = DeviceAddress(host: "127.0.0.1", port: other.port)
    try near.introduce(own.folder, at: address)
    try far.introduce(own.folder, at: otherAddress)
    let first = try #require(try ownKey(own))

    far.state.withLock { $0.grants = .storageUnavailable }
    let half = try await wpctl("keys", "rotate", "--all", "--json", "--keys", own.folder.path)
    #expect(half.code == 1)
    #expect(try Schema("rotation").faults(in: half.output) == [])
    let document = try JSONDecoder().decode(RenewalDocument.self, from: Data(half.output.utf8))
    #expect(document.renewed == ["\(address)"])
    #expect(document.failed.map(\.device) == ["\(otherAddress)"])
    #expect(try ownKey(own) == first)
    #expect(try keyFiles(own).count == 4)
    for address in [address, otherAddress] {
      let connection = try await ControlConnection.open(address, as: .folder(own.folder))
      _ = try await connection.serverInfo()
      await connection.close()
    }

    far.state.withLock { $0.grants = nil }
    let whole = try await wpctl("keys", "rotate", "--all", "--keys", own.folder.path)
    #expect(whole.code == 0)
    #expect(whole.lines.count == 2)
    #expect(try keyFiles(own) == ["key", "known-devices", "lock"])
    let last = try #require(try ownKey(own))
    #expect(last != first)
    for keys in [near, far] {
      #expect(keys.state.withLock { $0.clients.map(\.key) } == [last])
      #expect(keys.state.withLock { $0.plain } == [])
    }
    await device.stop()
    await other.stop()
  }

  @Test func oneDeviceIsNamed() async throws {
    let own = TemporaryKeys()
    try FakeKeys(1).introduce(own.folder, at: DeviceAddress(host: "barn.local"))
    let run = try await wpctl("keys", "rotate", "-d", "10.0.0.5", "--keys", own.folder.path)
    #expect(run.code == 2)
    #expect(try keyFiles(own) == ["key", "known-devices", "lock"])
  }

  // MARK: - Audit

  /// What an entry's number means is told in words, also by a device that knows more of them.
  @Test(
    arguments: [
      (.adminOperation, UInt64(Kind.reboot.rawValue), "reboot"),
      (.roleRefused, 999, "operation 999"),
      (.adminRefused, 53 | 8 << 16, "changeApprove: permission"),
      (.adminRefused, 999 | 99 << 16, "operation 999: status 99"),
      (.keyRefused, UInt64(Status.rateLimited.rawValue), "rateLimited"),
      (.frameRefused, UInt64(Status.malformed.rawValue), "malformed"),
      (.pairingOpened, UInt64(PairingState.button.rawValue), "by button"),
      (.changeApplied, 7, "change 7"),
      (.sessionOpened, 7, nil),
    ] as [(AuditCode, UInt64, String?)])
  func numbersOfTheAuditAreWords(code: AuditCode, detail: UInt64, words: String?) {
    var entry = AuditEntry()
    (entry.code, entry.detail) = (Code(code), detail)
    #expect(AuditDocument(entry).detailWords == words)
  }

  @Test func theAuditInWords() async throws {
    let run = try await against(.golden, "audit", "--lane", "keys")
    #expect(run.code == 0)
    #expect(run.lines.count == 1)
    #expect(
      run.lines[0].hasSuffix(
        "keyAdded  of cam-front  by anna-laptop (admin)  from 10.0.0.5  6 times in 42 s"))
    #expect(try await against(.golden, "audit", "--lane", "doors").code == 2)
  }

  @Test func theAuditIsFollowed() async throws {
    let device = try await FakeDevice(.golden)
    let counted = try await wpctl("audit", "--follow", "--count", "1", "-d", device.name)
    #expect(counted.code == 0 && counted.lines.count == 1)
    let run = try await wpctl(
      ["audit", "-f", "-d", device.name], interruptedWhen: { $0.contains("\n") })
    #expect(run.code == 0 && run.lines.count == 1)
    await device.stop()
  }

  // MARK: - Configuration

  private func with(
    _ text: String, _ body: (String) async throws -> Void
  ) async throws {
    let file = FileManager.default.temporaryDirectory.appending(path: "\(UUID()).ini").path
    try text.write(toFile: file, atomically: false, encoding: .utf8)
    defer { try? FileManager.default.removeItem(atPath: file) }
    try await body(file)
  }

  @Test func aWrongTextIsTold() async throws {
    try await with("[control]\nslot = 4\n") { file in
      let run = try await against(.golden, "config", "check", file)
      #expect(run.code == 1)
      #expect(run.output.hasPrefix("\(file):2:1: `control.slot` is no key; write"))
      let json = try await against(.golden, "config", "check", file, "--json")
      #expect(json.code == 1)
      #expect(try Schema("proof").faults(in: json.output) == [])
    }
  }

  @Test func aTextIsStaged() async throws {
    try await with("[control]\n") { file in
      let run = try await against(
        .golden, "config", "stage", file, "2026.3.1", "--ring", "barns", "--json")
      #expect(run.code == 0)
      #expect(try Schema("change").faults(in: run.output) == [])
      for wrong in [["2026/3"], [""], ["1", "--ring", "Barns"]] {
        #expect(try await against(.golden, ["config", "stage", file] + wrong).code == 2)
      }
    }
    for text in ["", String(repeating: "#", count: Limits.configurationSize + 1)] {
      try await with(text) { file in
        let run = try await against(.golden, "config", "stage", file, "1")
        #expect(run.code == 2)
      }
    }
    #expect(try await against(.golden, "config", "check", "/nowhere").code == 2)
  }

  @Test func changesInWords() async throws {
    let list = try await against(.golden, "config", "pending")
    #expect(list.code == 0)
    #expect(
      list.lines[1].hasPrefix(
        "41      2026.3.1  barns  refused (textLost)  anna       bernd's table"))
    let show = try await against(.golden, "config", "show", "41")
    #expect(show.code == 0)
    #expect(show.output.contains("Change      41, version 2026.3.1 for barns\n"))
    #expect(show.output.contains("line 7, column 13: `control.slot` is no key; write"))
    let text = try await against(.golden, "config", "get", "41")
    #expect(show.output.hasSuffix("\n\n" + text.output) && !text.output.isEmpty)
    let unknown = try await against(.golden, "config", "show", "7")
    #expect(unknown.code == 1)
    #expect(unknown.complaint.contains("There is no such change"))
  }

  @Test func aTextThatIsGone() async throws {
    let run = try await against(
      .refusing([.configurationText: .notFound]), "config", "show", "41", "--json")
    #expect(run.code == 0)
    #expect(try Schema("shown-change").faults(in: run.output) == [])
    #expect(!run.output.contains("\"text\""))
  }
}
