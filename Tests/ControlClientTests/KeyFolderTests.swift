import Foundation
import Testing

@testable import ControlClient
@testable import Wire

/// A folder for keys of its own, gone when this is.
final class TemporaryKeys: Sendable {
  let folder: KeyFolder

  init() {
    folder = KeyFolder(
      FileManager.default.temporaryDirectory.appending(path: "keys-\(UUID())").path)
  }

  deinit { try? FileManager.default.removeItem(atPath: folder.path) }

  func mode(_ name: String? = nil) throws -> Int {
    let path = name.map { folder.file($0) } ?? folder.path
    return try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as! Int
  }

  func text(_ name: String) throws -> String {
    try String(contentsOfFile: folder.file(name), encoding: .utf8)
  }

  func put(_ text: String, _ name: String, mode: Int = 0o600) throws {
    try? FileManager.default.createDirectory(
      atPath: folder.path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700]
    )
    try text.write(toFile: folder.file(name), atomically: false, encoding: .utf8)
    try FileManager.default.setAttributes(
      [.posixPermissions: mode], ofItemAtPath: folder.file(name))
  }
}

@Suite(.timeLimit(.minutes(1))) struct KeyFolderTests {
  private func device(_ address: String, key: UInt8 = 1, secret: UInt8 = 50) -> KnownDevice {
    KnownDevice(
      address: DeviceAddress(address)!, publicKey: FakeKeys(key).publicKey,
      secret: FakeKeys.bytes(secret).withUnsafeBytes { SecretBytes($0) }, role: .operator,
      name: "barn")
  }

  private func bytes(_ secret: SecretBytes?) -> [UInt8] {
    secret?.withBytes { Array($0) } ?? []
  }

  @Test func whereItIs() {
    #expect(KeyFolder(environment: ["WATCHPOST_KEYS": "/k", "XDG_CONFIG_HOME": "/c"]).path == "/k")
    #expect(KeyFolder(environment: ["XDG_CONFIG_HOME": "/c"]).path == "/c/watchpost")
    for relative in ["", "c"] {
      let path = KeyFolder(environment: ["WATCHPOST_KEYS": "", "XDG_CONFIG_HOME": relative]).path
      #expect(path.hasPrefix("/") && path.hasSuffix("/.config/watchpost"))
    }
  }

  // MARK: - The key

  @Test func aKeyIsMadeOnceForItsOwnerAlone() throws {
    let keys = TemporaryKeys()
    #expect(try ClientIdentity.find(in: keys.folder) == nil)
    #expect(!FileManager.default.fileExists(atPath: keys.folder.path))
    let made = try ClientIdentity.findOrMake(in: keys.folder).publicKey
    #expect(try keys.mode() == 0o700)
    #expect(try keys.mode("key") == 0o600)
    #expect(try ClientIdentity.findOrMake(in: keys.folder).publicKey == made)
    #expect(try ClientIdentity.find(in: keys.folder)?.publicKey == made)
    let files = try FileManager.default.contentsOfDirectory(atPath: keys.folder.path)
    #expect(Set(files) == ["key", "lock"])
    #expect(try ClientIdentity.findOrMake(in: TemporaryKeys().folder).publicKey != made)
  }

  @Test(arguments: [0o640, 0o604, 0o660, 0o602])
  func filesThatOthersSeeAreRefused(mode: Int) throws {
    let keys = TemporaryKeys()
    _ = try ClientIdentity.findOrMake(in: keys.folder)
    try KnownDevices(in: keys.folder).remember(device("a"))
    for name in ["key", "known-devices"] {
      try keys.put(try keys.text(name), name, mode: mode)
      #expect(
        throws: KeyFolderError.seenByOthers(path: keys.folder.file(name), mode: UInt32(mode))
      ) {
        _ = try KnownDevices(in: keys.folder).all()
        _ = try ClientIdentity.find(in: keys.folder)
      }
      try keys.put(try keys.text(name), name)
    }
    _ = try ClientIdentity.find(in: keys.folder)
  }

  @Test func aFolderThatOthersChangeIsRefused() throws {
    let keys = TemporaryKeys()
    _ = try ClientIdentity.findOrMake(in: keys.folder)
    try FileManager.default.setAttributes(
      [.posixPermissions: 0o770], ofItemAtPath: keys.folder.path)
    let error = KeyFolderError.changedByOthers(path: keys.folder.path, mode: 0o770)
    #expect(throws: error) { try ClientIdentity.find(in: keys.folder) }
    #expect(throws: error) { try KnownDevices(in: keys.folder).remember(device("a")) }
  }

  @Test func aDamagedKeyIsRefused() throws {
    let keys = TemporaryKeys()
    _ = try ClientIdentity.findOrMake(in: keys.folder)
    let text = try keys.text("key")
    let line = String(text.split(separator: "\n")[1])
    let other = try ClientIdentity.findOrMake(in: TemporaryKeys().folder).publicKey.text
    for damaged in [
      "", "#\n", String(text.dropLast(2)), line + "\n" + line, line.replacing(" 1 ", with: " 2 "),
      line.dropLast(64) + other, "\(line) more", String(line.prefix(80)),
    ] as [String] {
      try keys.put(damaged, "key")
      #expect(throws: KeyFolderError.keyDamaged(path: keys.folder.file("key")), "\(damaged.count)")
      {
        try ClientIdentity.findOrMake(in: keys.folder)
      }
    }
    try keys.put("# Mine.\n\(line)", "key")
    #expect(try ClientIdentity.find(in: keys.folder) != nil)
  }

  @Test func manyWhoNeedAKeyGetTheSame() async throws {
    let keys = TemporaryKeys()
    let made = try await withThrowingTaskGroup(of: String.self) { group in
      for _ in 0..<8 {
        group.addTask { try ClientIdentity.findOrMake(in: keys.folder).publicKey.text }
      }
      return try await group.reduce(into: Set<String>()) { $0.insert($1) }
    }
    #expect(made.count == 1)
  }

  // MARK: - Known devices

  @Test func devicesAreKept() throws {
    let keys = TemporaryKeys()
    let devices = KnownDevices(in: keys.folder)
    #expect(try devices.all().isEmpty)
    #expect(try devices.forget(DeviceAddress("a")!) == false)
    try devices.remember(device("Barn.local"))
    try devices.remember(device("[fe80::1]:99", key: 2))
    #expect(try keys.mode("known-devices") == 0o600)
    let found = try #require(try devices.find(DeviceAddress("barn.LOCAL:4710")!))
    #expect(found.publicKey == FakeKeys(1).publicKey)
    #expect(found.role == .operator)
    #expect(found.name == "barn")
    #expect(bytes(found.secret) == FakeKeys.bytes(50))
    #expect(try devices.find(DeviceAddress("barn.local:4711")!) == nil)
    #expect(try devices.forget(DeviceAddress("barn.local")!))
    #expect(try devices.all().map { "\($0.address)" } == ["[fe80::1]:99"])
  }

  /// Pairing anew gives a new secret, which holds for all addresses of the device.
  @Test func aNewSecretHoldsForAllAddresses() throws {
    let keys = TemporaryKeys()
    let devices = KnownDevices(in: keys.folder)
    for (address, key) in [("a", 1), ("b", 1), ("c", 2)] as [(String, UInt8)] {
      try devices.remember(device(address, key: key, secret: 50))
    }
    try devices.remember(device("b", key: 1, secret: 60))
    let secrets = try devices.all().map { "\($0.address) \(bytes($0.secret)[0])" }
    let (old, new) = (FakeKeys.bytes(50)[0], FakeKeys.bytes(60)[0])
    #expect(Set(secrets) == ["a:4710 \(new)", "b:4710 \(new)", "c:4710 \(old)"])
  }

  @Test func whatPeopleWriteIsKept() throws {
    let keys = TemporaryKeys()
    let devices = KnownDevices(in: keys.folder)
    try devices.remember(device("a"))
    let line = try #require(try keys.text("known-devices").split(separator: "\n").last)
    let text = "# In the cellar.\n\n\(line)\tseen yesterday\n# The end."
    try keys.put(text, "known-devices")
    try devices.remember(device("b", key: 2))
    _ = try devices.forget(DeviceAddress("b")!)
    #expect(try keys.text("known-devices") == text + "\n")
    let role = String(line).replacing(" operator ", with: " overseer ")
    try keys.put(role, "known-devices")
    #expect(try devices.all().map(\.role) == [nil])
  }

  /// A device that cannot be read is not a stranger.
  @Test func damagedLinesAreRefused() throws {
    let keys = TemporaryKeys()
    let devices = KnownDevices(in: keys.folder)
    try devices.remember(device("a"))
    let line = String(try keys.text("known-devices").split(separator: "\n").last!)
    let fields = line.split(separator: " ").map(String.init)
    let zero = String(repeating: "0", count: 64)
    for damaged in [
      "a", fields.prefix(4).joined(separator: " "), line.replacing(fields[2], with: "12"),
      line.replacing(fields[1], with: zero), line.replacing("a:4710", with: "a:x"),
      line.replacing(fields[1], with: fields[1].dropLast() + "g"),
    ] {
      try keys.put("#\n\(damaged)\n", "known-devices")
      let error = KeyFolderError.lineDamaged(path: keys.folder.file("known-devices"), line: 2)
      #expect(throws: error, "\(damaged)") { try devices.all() }
      #expect(throws: error) { try devices.remember(device("b")) }
    }
  }

  /// Two processes and this one.
  @Test func editedByManyAtOnceNothingIsLost() async throws {
    let keys = TemporaryKeys()
    let devices = KnownDevices(in: keys.folder)
    try devices.remember(device("first"))
    let line = String(try keys.text("known-devices").split(separator: "\n").last!)
    let rest = line.split(separator: " ").dropFirst().joined(separator: " ")
    try await withThrowingTaskGroup(of: Void.self) { group in
      for process in 0..<2 {
        group.addTask {
          for number in 0..<6 {
            let run = try await wpctl(
              "devices", "import", "p\(process)-\(number) \(rest)", "--keys", keys.folder.path)
            #expect(run.code == 0)
          }
        }
      }
      group.addTask {
        for number in 0..<40 { try devices.remember(self.device("own-\(number)")) }
      }
      try await group.waitForAll()
    }
    #expect(Set(try devices.all().map { "\($0.address)" }).count == 1 + 12 + 40)
    let files = try FileManager.default.contentsOfDirectory(atPath: keys.folder.path)
    #expect(Set(files) == ["known-devices", "lock"])
  }

  @Test func fingerprints() {
    #expect(
      "\(Fingerprint(PublicKey(text: String(repeating: "01", count: 32))!))"
        == "72cd-6e84-22c4-07fb-6d09-8690-f113-0b7d")
  }

  @Test func secretsHaveNoText() throws {
    let secret = FakeKeys.bytes(7).withUnsafeBytes { SecretBytes($0) }
    let known = device("a", secret: 7)
    var dumped = ""
    dump(known, to: &dumped)
    let digits = Hexadecimal.encode(secret.readable).withBytes {
      String(decoding: $0, as: UTF8.self)
    }
    #expect("\(secret)" == "***")
    #expect(!dumped.contains(digits) && !"\(known)".contains(digits))
    #expect("\(known)".contains("***"))
  }

  @Test func everyErrorIsASentence() {
    let errors: [KeyFolderError] = [
      .seenByOthers(path: "/k", mode: 0o644), .changedByOthers(path: "/", mode: 0o777),
      .keyDamaged(path: "/k"), .keyMissing(path: "/k"), .lineDamaged(path: "/k", line: 3),
      .unreadable(path: "/k", reason: "no"), .unwritable(path: "/k", reason: "no"),
      .locked(path: "/k"),
    ]
    for error in errors {
      #expect("\(error)".hasSuffix("."))
      #expect(!"\(error)".contains("\n"))
    }
    #expect("\(errors[0])".contains("chmod 600 /k"))
    #expect("\(errors[1])".contains("chmod 700 /"))
  }
}
