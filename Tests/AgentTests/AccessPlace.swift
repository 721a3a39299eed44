import Foundation
import Glibc
import Wire

/// A folder for lives of an agent, which goes with its test.
final class TemporaryPlace {
  let url = FileManager.default.temporaryDirectory.appending(path: "watchpost-\(UUID())")
  deinit { try? FileManager.default.removeItem(at: url) }
}

/// Waits for what another process does: looks until there is something, at most `seconds`.
func poll<Result>(
  _ what: String, within seconds: Int = 10, everyMs: UInt32 = 20, _ look: () throws -> Result?
) throws -> Result {
  let end = ContinuousClock.now + .seconds(seconds)
  while ContinuousClock.now < end {
    if let found = try look() { return found }
    usleep(1000 * everyMs)
  }
  throw TestError("\(what): not within \(seconds) s")
}

extension AgentProcess {
  /// What stands for the card's partition.
  var card: URL { folder.appending(path: "card") }

  /// Who it says that it is, once its keeper has told, and pairing is in this state.
  func identity(_ pairing: PairingState? = nil) throws -> IdentityReport {
    try poll("identity") {
      let report: IdentityReport = try Connection(self).ask(.identity).read()
      guard !report.publicKey.isNone else { return nil }
      return pairing == nil || report.pairing.known == pairing ? report : nil
    }
  }

  /// The code that is shown on the card.
  func code() throws -> String {
    try poll("pairing.txt") {
      let file = card.appending(path: "pairing.txt")
      guard let text = try? String(contentsOf: file, encoding: .utf8) else { return nil }
      let line = text.prefix { $0 != "\n" }
      return line.count == PairingCode.textSize ? String(line) : nil
    }
  }

  /// Waits until no code is shown on the card.
  func seesNoCode() throws {
    try poll("the end of pairing.txt") {
      FileManager.default.fileExists(atPath: card.path + "/pairing.txt") ? nil : ()
    }
  }

  /// Its keeper's process.
  func keeper() throws -> Int32 {
    try poll("a keeper") {
      try children().first { pid in
        let line = try? String(contentsOfFile: "/proc/\(pid)/cmdline", encoding: .utf8)
        return line?.split(separator: "\0").dropFirst().first == "keeper"
      }
    }
  }

  /// Waits until the file of the audit about keys holds these entries.
  func hasKept(_ codes: [AuditCode]) throws {
    let file = folder.appending(path: "data/state/audit-keys")
    try poll("the audit on the disk") { () -> Void? in
      guard let data = try? Data(contentsOf: file) else { return nil }
      let text = [UInt8](data)
      // The number of the code stands at the same place of each record.
      let kept = stride(from: 0, to: text.count - 127, by: 128).map { start in
        UInt16(text[start + 32]) | UInt16(text[start + 33]) << 8
      }
      return codes.allSatisfy { kept.contains($0.rawValue) } ? () : nil
    }
  }

  /// The whole log.
  func log() throws -> String {
    let request = LogRequest(source: .agent)
    let answer = try Connection(self).ask(.logTail, bytes(of: request))
    guard answer.status == nil else { throw TestError("no log") }
    return String(decoding: answer.payload, as: UTF8.self)
  }
}

extension ClientPass {
  func request(_ role: Role) -> KeyRequest {
    var request = KeyRequest()
    request.name = Text(name)
    request.publicKey = publicKey
    request.role = role
    return request
  }

  /// The same with what the device has granted.
  func granted(_ answer: KeyedClient.Answer) throws -> ClientPass {
    let grant: KeyGrant = try answer.read()
    guard grant.devicePublicKey == device else { throw TestError("another device's key") }
    var pass = self
    pass.secret = grant.secret.indices.map { grant.secret[$0] }
    return pass
  }
}

extension KeyedClient {
  /// Gives another client a key.
  func add(_ name: String, _ role: Role) throws -> ClientPass {
    let pass = ClientPass(name, secret: [], device: pass.device)
    return try pass.granted(ask(.keyAdd, pass.request(role)))
  }

  /// Codes of the whole audit, the oldest first.
  func audit() throws -> [AuditCode] {
    var codes: [AuditCode] = []
    var cursor: UInt64 = 0
    while true {
      let answer = try ask(.auditList, AuditRequest(cursor: cursor))
      let page = try answer.list(AuditListHead.self)
      if page.isEmpty { return codes }
      codes += page.compactMap(\.code.known)
      cursor = try answer.read(AuditListHead.self).nextCursor
    }
  }
}

extension Text {
  /// Of characters that fit.
  init(_ string: String) {
    self = Array(string.utf8).withUnsafeBytes { Text($0) }
  }
}
