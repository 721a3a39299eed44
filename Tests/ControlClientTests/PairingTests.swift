import Foundation
import Testing

@testable import ControlClient
@testable import Wire
@testable import wpctl

/// How a client gets a key at a device.
@Suite(.timeLimit(.minutes(2))) struct PairingTests {
  private static let code = "7K3M-0WXY-9ABC"

  /// A device that lets somebody in, and a client that nobody knows.
  private func with(
    _ state: PairingState, newcomer: Status? = nil, handshake: Status? = nil,
    retryAfterMs: UInt32 = 0,
    _ body: (DeviceAddress, FakeKeys, TemporaryKeys) async throws -> Void
  ) async throws {
    let keys = FakeKeys {
      $0.pairing = state
      $0.code = Array(Self.code.utf8).withUnsafeBytes { PairingCode(typed: $0)! }
      $0.newcomer = newcomer
      if let handshake { $0.refusals = [(handshake, retryAfterMs)] }
    }
    let device = try await FakeDevice(.sealed(keys, .golden))
    try await body(
      DeviceAddress(host: "127.0.0.1", port: device.port), keys, TemporaryKeys())
    await device.stop()
  }

  private func run(
    _ own: TemporaryKeys, _ arguments: String..., input: String? = nil
  ) async throws -> WpctlRun {
    try await wpctl(arguments + ["--keys", own.folder.path], input: input)
  }

  /// People leave the dashes out and write small letters.
  @Test(arguments: [code, "7k3m0wxy9abc", "7K3M OWXY 9ABC", " 7k3m-0wxy-9abc "])
  func withTheCode(typed: String) async throws {
    try await with(.code) { device, keys, own in
      let run = try await run(
        own, "pair", "\(device)", "--code", typed, "--name", "desk", "--json")
      #expect(run.code == 0)
      #expect(try Schema("pair").faults(in: run.output) == [])
      let document = try JSONDecoder().decode(PairDocument.self, from: Data(run.output.utf8))
      #expect(document.paired)
      #expect(document.device.role == "admin")
      #expect(document.device.name == "barn")
      #expect(document.device.fingerprint == "\(Fingerprint(keys.publicKey))")
      let state = keys.state.withLock { $0 }
      #expect(state.names == ["desk"])
      // The key counts from the first sealed frame on.
      #expect(state.sealed == [.ping])
      #expect(state.plain == [])
      let connection = try await ControlConnection.open(device, as: .folder(own.folder))
      try await connection.reboot()
      await connection.close()
      let secret = try secret(own)
      #expect(!run.output.contains(secret) && !run.complaint.contains(secret))
    }
  }

  private func secret(_ own: TemporaryKeys) throws -> String {
    let line = try own.text("known-devices").split(separator: "\n").last ?? ""
    return String(line.split(separator: " ")[2])
  }

  @Test func withTheButton() async throws {
    try await with(.button) { device, keys, own in
      let run = try await run(own, "pair", "\(device)")
      #expect(run.code == 0)
      #expect(run.output.hasPrefix("\(device) is paired: this client is an admin of the name "))
      #expect(run.complaint.contains("\(Fingerprint(keys.publicKey))"))
      #expect(try own.mode("known-devices") == 0o600)
      let names = keys.state.withLock { $0.names }
      #expect(names.allSatisfy { ClientName(argument: $0) != nil })
    }
  }

  @Test func aCodeFromStandardInput() async throws {
    try await with(.code) { device, _, own in
      let run = try await run(
        own, "pair", "\(device)", "--code", "-", input: "\(Self.code)\n")
      #expect(run.code == 0)
    }
  }

  @Test func aCodeFromAPerson() async throws {
    try await with(.code) { device, _, own in
      let terminal = try PseudoTerminal(columns: 80, rows: 24)
      let process = Process()
      process.executableURL = wpctlProgram
      process.arguments = ["pair", "\(device)", "--keys", own.folder.path]
      let handle = FileHandle(fileDescriptor: terminal.slave, closeOnDealloc: false)
      process.standardInput = handle
      process.standardOutput = handle
      process.standardError = handle
      try process.run()
      #expect(try await terminal.waits { $0.contains("The code that the device shows: ") })
      terminal.type("7k3m 0wxy 9abc\n")
      #expect(try await terminal.waits { $0.contains("is paired: this client is") })
      process.waitUntilExit()
      #expect(process.terminationStatus == 0)
      terminal.hangUp()
    }
  }

  @Test func nothingIsKeptOfAWrongCode() async throws {
    try await with(.code) { device, keys, own in
      let wrong = try await run(own, "pair", "\(device)", "--code", "7K3M-0WXY-9ABD")
      #expect(wrong.code == 1)
      #expect(wrong.complaint.contains("has another code than this one"))
      let state = keys.state.withLock { $0 }
      #expect(state.sealed == [])
      #expect(try KnownDevices(in: own.folder).all().isEmpty)
      for none in ["7K3M-0WXY", "7K3M-0WXY-9AB!"] {
        #expect(try await run(own, "pair", "\(device)", "--code", none).code == 2)
      }
      #expect(try await run(own, "pair", "\(device)").code == 2)
      #expect(keys.handshakes == 1)
    }
  }

  @Test func aClosedDeviceSaysHowItIsOpened() async throws {
    try await with(.closed) { device, keys, own in
      let run = try await run(own, "pair", "\(device)", "--code", Self.code)
      #expect(run.code == 1)
      for way in ["button", "pairing.txt", "serial console", "`wpctl pairing open`"] {
        #expect(run.complaint.contains(way))
      }
      #expect(keys.handshakes == 0)
      #expect(!FileManager.default.fileExists(atPath: own.folder.file("key")))
    }
  }

  @Test func whoIsPairedIsTold() async throws {
    try await with(.button) { device, keys, own in
      try keys.introduce(own.folder, at: device)
      let before = try own.text("known-devices")
      let paired = try await run(own, "pair", "\(device)")
      #expect(paired.code == 0)
      #expect(paired.output == "\(device) (barn) is paired already; `--again` pairs anew.\n")
      #expect(try own.text("known-devices") == before)
      // The device has forgotten it.
      keys.state.withLock { $0.clients = [] }
      let again = try await run(own, "pair", "\(device)", "--again", "--json")
      #expect(again.code == 0)
      #expect(try Schema("pair").faults(in: again.output) == [])
      #expect(try own.text("known-devices") != before)
      #expect(try await run(own, "ping", "--device", "\(device)").code == 0)
    }
  }

  /// A device that still has the key takes the secret of then.
  @Test func aKeyThatTheDeviceHasIsNotPairedAnew() async throws {
    for (state, words) in [
      (PairingState.button, "has this client's key from before"),
      (.code, "the device has this client's key from before"),
    ] {
      try await with(state) { device, keys, own in
        try keys.introduce(own.folder, at: device)
        _ = try KnownDevices(in: own.folder).forget(device)
        let run = try await run(own, "pair", "\(device)", "--code", Self.code)
        #expect(run.code == 1)
        #expect(run.complaint.contains(words))
        #expect(try KnownDevices(in: own.folder).all().isEmpty)
      }
    }
  }

  /// Not even `--again` takes another device in place of a known one.
  @Test func anotherKeyIsNotPaired() async throws {
    try await with(.button) { device, keys, own in
      try FakeKeys(9).introduce(own.folder, at: device)
      let run = try await run(own, "pair", "\(device)", "--again")
      #expect(run.code == 1)
      #expect(run.complaint.contains("shows another key than the device"))
      #expect(keys.handshakes == 0)
    }
  }

  @Test(arguments: [
    (Status.alreadyExists, "a key of the name desk already", Int32(1)),
    (.busy, "as many keys or connections as it takes", 1),
    (.authentication, "Somebody else was let in", 1),
  ])
  func newcomersThatAreTurnedAway(status: Status, words: String, code: Int32) async throws {
    try await with(.code, newcomer: status) { device, _, own in
      let run = try await run(
        own, "pair", "\(device)", "--code", Self.code, "--name", "desk")
      #expect(run.code == code)
      #expect(run.complaint.contains(words))
      #expect(try KnownDevices(in: own.folder).all().isEmpty)
    }
  }

  /// Where the connection is cut at the worst moment, nobody is locked out: not by a device that
  /// has the key, nor by one that has not.
  @Test(arguments: FakeKeys.Cut.allCases)
  func aCutInsteadOfTheAnswer(when: FakeKeys.Cut) async throws {
    try await with(.code) { device, keys, own in
      keys.state.withLock { $0.cutsNewcomer = when }
      let cut = try await run(own, "pair", "\(device)", "--code", Self.code)
      #expect(cut.code == 4)
      #expect(cut.complaint.contains("`wpctl pair \(device)` once more finds out"))
      keys.state.withLock { $0.cutsNewcomer = nil }
      let again = try await run(own, "pair", "\(device)", "--code", Self.code)
      #expect(again.code == 0)
      #expect(again.output.contains("is paired already") == (when == .after))
      #expect(try await run(own, "ping", "--device", "\(device)").code == 0)
    }
  }

  @Test func aDeviceInAPause() async throws {
    try await with(.code, handshake: .rateLimited) { device, keys, own in
      let run = try await run(own, "pair", "\(device)", "--code", Self.code)
      #expect(run.code == 5)
      #expect(run.complaint.contains("takes a pause after attempts to pair"))
      #expect(keys.handshakes == 1)
    }
  }

  /// A short one is waited for, of a long one it is told when it is over.
  @Test func aPauseWhoseEndIsTold() async throws {
    try await with(.code, handshake: .rateLimited, retryAfterMs: 20) { device, keys, own in
      let run = try await run(own, "pair", "\(device)", "--code", Self.code)
      #expect(run.code == 0)
      #expect(keys.handshakes == 2)
    }
    try await with(.code, handshake: .rateLimited, retryAfterMs: 64_000) { device, keys, own in
      let run = try await run(own, "pair", "\(device)", "--code", Self.code)
      #expect(run.code == 5)
      #expect(run.complaint.contains("try again in 64 s."))
      #expect(keys.handshakes == 1)
    }
  }

  @Test func aDeviceWithoutKeys() async throws {
    let run = try await against(.refusing([.identity: .unknownOperation]), "pair")
    #expect(run.code == 1)
    #expect(run.complaint.contains("takes no keys now"))
  }

  // MARK: - Names

  @Test(arguments: [
    ("Anna", "Desk.example.org", "anna-desk"), ("jörg b.", "büro", "j-rg-b-b-ro"),
    ("", "", "client"), ("äöü", "", "client"), ("_root_", "x", "root-x"),
    ("a", String(repeating: "h", count: 40), "a-" + String(repeating: "h", count: 30)),
  ])
  func namesByDefault(user: String, host: String, name: String) {
    #expect("\(ClientName(user: user, host: host))" == name)
  }

  @Test func namesThatAreNone() async throws {
    for name in ["", "Desk", "a b", String(repeating: "a", count: 33)] {
      #expect(try await wpctl("pair", "--name", name).code == 2)
    }
    #expect(try await wpctl("pair", "--plain").code == 2)
  }

  // MARK: - Devices and keys

  @Test func devicesAreListedAndForgotten() async throws {
    let own = TemporaryKeys()
    let none = try await run(own, "devices")
    #expect(none.code == 0 && none.output == "")
    try FakeKeys(1).introduce(own.folder, at: DeviceAddress(host: "barn.local"))
    try FakeKeys(2).introduce(own.folder, at: DeviceAddress(host: "10.0.0.5"), role: .viewer)
    let list = try await run(own, "devices", "ls")
    #expect(list.lines.count == 3)
    #expect(list.lines[1].hasPrefix("barn.local:4710  barn  admin   "))
    #expect(list.lines[1].hasSuffix("\(Fingerprint(FakeKeys(1).publicKey))"))
    let json = try await run(own, "devices", "--json")
    #expect(try Schema("devices").faults(in: json.output) == [])
    let secret = try secret(own)
    #expect(!json.output.contains(secret) && !list.output.contains(secret))
    let forgotten = try await run(own, "devices", "forget", "10.0.0.5", "elsewhere", "--json")
    #expect(forgotten.code == 1)
    #expect(try Schema("forgotten").faults(in: forgotten.output) == [])
    #expect(try await run(own, "devices", "forget", "barn.local").code == 0)
    #expect(try KnownDevices(in: own.folder).all().isEmpty)
  }

  @Test func aDeviceIsImported() async throws {
    let (one, other) = (TemporaryKeys(), TemporaryKeys())
    try FakeKeys(1).introduce(one.folder, at: DeviceAddress(host: "barn.local"))
    let line = String(try one.text("known-devices").split(separator: "\n").last!)
    let run = try await run(other, "devices", "import", "-", "--json", input: line + "\n")
    #expect(run.code == 0)
    #expect(try Schema("device").faults(in: run.output) == [])
    #expect(String(try other.text("known-devices").split(separator: "\n").last!) == line)
    #expect(try await self.run(other, "devices", "import", "barn.local").code == 2)
  }

  @Test func onesOwnKey() async throws {
    let own = TemporaryKeys()
    let run = try await run(own, "keys", "mine", "--json")
    #expect(run.code == 0)
    #expect(try Schema("own-key").faults(in: run.output) == [])
    let key = try ClientIdentity.find(in: own.folder)?.publicKey
    #expect(run.output.contains("\"\(try #require(key).text)\""))
    try own.put("nonsense", "key")
    let damaged = try await self.run(own, "keys", "mine")
    #expect(damaged.code == 1)
    #expect(!damaged.complaint.contains("nonsense"))
  }

  @Test func helpTellsTheRoles() async throws {
    let help = try await wpctl("--help").output.split(whereSeparator: \.isWhitespace)
      .joined(separator: " ")
    #expect(help.contains("anybody: ping, health, identity, handshake viewer:"))
    #expect(help.contains("admin: logTail, identify, reboot"))
  }

  @Test func everyErrorIsASentence() {
    let device = DeviceAddress(host: "10.0.0.1")
    let errors: [PairingError] = [
      .closed(device), .wrongCode(device), .keyInUse(device), .paused(device, retryAfterMs: 0),
      .paused(device, retryAfterMs: 1500), .nameTaken(device, name: "x"), .noRoom(device),
      .overtaken(device), .unanswered(device),
    ]
    for error in errors {
      #expect("\(error)".hasSuffix("."))
      #expect(!"\(error)".contains("\n"))
    }
  }
}
