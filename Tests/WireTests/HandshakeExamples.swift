@testable import Wire

/// The handshake of the session in `Wire.docc/Access.md`, which the tests of Noise make anew.
extension Example {
  static let accessRequests: [Example] = [
    request(.identity, id: 38),
    request(.handshake, id: 39, title: "handshake, message 1", body: form + hex(firstMessage)),
  ]

  static let accessReplies: [Example] = [
    reply(.identity, id: 38, identityReport),
    reply(.handshake, id: 39, title: "handshake, message 2", body: form + hex(secondMessage)),
  ]

  static let identityReport: IdentityReport = {
    var report = IdentityReport()
    report.publicKey = hex(devicePublicKey).withUnsafeBytes { PublicKey($0) }
    report.pairing = Code(.code)
    report.openForMs = 432_100
    report.name = "barn"
    return report
  }()

  static let welcome: Welcome = {
    var welcome = Welcome()
    welcome.role = Code(.operator)
    welcome.isPaired = true
    for index in welcome.secret.indices { welcome.secret[index] = UInt8(index + 1) }
    return welcome
  }()

  private static let form: [UInt8] = [HandshakeForm.version, 0, 0, 0, 0, 0, 0, 0]

  private static let devicePublicKey =
    "3fde2f8b82f7051830123c75f12dbd1f9168c7c6cd2e968d18037730a766690d"

  private static let firstMessage =
    "900674d4f536ce58c39d4825cde9a76581e97150468235cdc368d857f98f646e"
    + "39f08bbde95f87113a2516304c24d33b0a71f369e07217ef887647f91b87362b"
    + "e20083054d4bdf56cfebe084d5970b0e5817df47c5e6ed9c2d61dbe9bfcf1c34"

  private static let secondMessage =
    "489284c1aa051be29a26d2617e6c273f80d8acfd0767800ba1467ee7f2fa236c"
    + "49c652f09d7c570f29fcb6be9136658d7e05ce83e75066fb4d12ba8b059373ae"
    + "450ef826b92b3145454f5ec05f1273a9ddcf0866fd442019"

  private static func hex(_ text: String) -> [UInt8] {
    stride(from: 0, to: text.count, by: 2).map { start in
      let from = text.index(text.startIndex, offsetBy: start)
      return UInt8(text[from..<text.index(from, offsetBy: 2)], radix: 16)!
    }
  }
}
