import Foundation

/// Takes secrets out of what leaves the house: passwords in URLs and in settings, tokens, keys.
/// Rather too much than too little: of a line that names a password, the rest goes.
public enum Secrets {
  static let mask = "***"

  /// Text of any number of lines.
  public static func masked(_ text: String) -> String {
    text.replacing(privateKey, with: mask)
      .split(separator: "\n", omittingEmptySubsequences: false)
      .map { masked(line: String($0)) }.joined(separator: "\n")
  }

  private static func masked(line: String) -> String {
    var line = line
    // Most lines hold none of this, and looking for a word is much faster than for a pattern.
    let words = line.lowercased()
    if words.contains("@") {
      line = line.replacing(userInformation) { _ in "://\(mask)@" }
        .replacing(userAndPassword) { "\($0.output.1):\(mask)@" }
    }
    if names.contains(where: words.contains) {
      line = line.replacing(setting) { "\($0.output.1)\(mask)" }
        .replacing(option) { "\($0.output.1)\(mask)" }
    }
    if schemes.contains(where: words.contains) {
      line = line.replacing(scheme) { "\($0.output.1) \(mask)" }
    }
    return line
  }

  /// A line without any of these holds neither `setting` nor `option`.
  private static let names = [
    "pass", "pwd", "secret", "token", "credential", "cookie", "psk", "authori", "key",
  ]
  private static let schemes = ["bearer", "basic", "digest"]

  // Runs are bounded: a line of a log may be long, and made to be slow to look through.

  /// A PEM block, whole or torn off.
  private nonisolated(unsafe) static let privateKey =
    #/-----BEGIN [A-Z ]{0,32}PRIVATE KEY-----(?:.|\n)*?(?:-----END [A-Z ]{0,32}KEY-----|\z)/#

  /// `scheme://USER:PASSWORD@`: all that stands between, which may be a token alone. Passwords that
  /// are not escaped may hold almost anything, so this goes up to the last `@` of the word.
  private nonisolated(unsafe) static let userInformation = #/://[^\s"'<>]{0,512}@/#

  /// `USER:PASSWORD@HOST` without a scheme.
  private nonisolated(unsafe) static let userAndPassword =
    #/([\w.\-]):[^\s"'@\/][^\s"'@]{0,255}@/#

  /// `password=…`, `pass: …`, `"apiKey": …`, and what follows up to the line's end.
  /// `passThrough` is how pictures are delivered.
  private nonisolated(unsafe) static let setting =
    #/
    ((?:pass(?!through)|pwd|secret|token|credential|cookie|psk|authori[sz]ation
    |(?:api|access|private)[_\-]?key)
    [\w.\-]{0,64}["'\]]{0,4}\s{0,8}[:=]\s{0,8})\S.*
    /#
    .ignoresCase()

  /// `--password …`, on a command line.
  private nonisolated(unsafe) static let option =
    #/(--?[\w\-]{0,32}(?:pass|password|token|secret|key)\s+)\S+/#
    .ignoresCase()

  /// `Bearer …`, `Basic …`, as HTTP carries them.
  private nonisolated(unsafe) static let scheme =
    #/\b(Bearer|Basic|Digest)\s+[A-Za-z0-9+\/=._~"\-]{8,}.*/#
    .ignoresCase()

  /// A value of JSON: all texts in it, and whatever a name calls a secret.
  static func masked(json value: Any) -> Any {
    switch value {
    case let text as String: return masked(text)
    case let list as [Any]: return list.map { masked(json: $0) }
    case let object as [String: Any]:
      return Dictionary(
        uniqueKeysWithValues: object.map { name, value in
          let named = "\(name): x"
          let secret = masked(named) != named
          return (name, secret && value is String ? mask : masked(json: value))
        })
    default: return value
    }
  }
}
