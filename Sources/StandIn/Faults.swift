import CLinux

/// What the stand-in has been told to do wrong.
///
/// Faults come from the file `standin.faults` in the working folder, one per line, read at start
/// and at SIGUSR1, or from `POST /standin/fault/NAME[/N]` on the API's port. The file replaces all.
struct Faults {
  static let file = "standin.faults"

  /// Abort at once.
  var crash = false
  /// Accept connections and never answer, like a stopped server.
  var hang = false
  /// Take no notice of SIGTERM and SIGINT.
  var ignoresTermination = false
  /// At every start, exit with code 1 after 300 ms.
  var flap = false
  /// Exit with code 0 at start.
  var exitsAtStart = false
  /// Configuration calls of the API fail.
  var poison = false
  /// Open no listener.
  var noListen = false
  /// Write log lines without end.
  var logFlood = false
  /// Delay of every answer of the API.
  var apiDelay: Nanoseconds = 0
  /// Delay between the answer of a configuration call and its effect.
  var effectDelay: Nanoseconds = 3 * millisecond
  /// Delay of the answer to a wrong password; random in 0–4 s unless set.
  var authenticationDelay: Nanoseconds?

  /// How far the wall clock of recordings is from the system's: a clock that is set.
  var clockOffset: Nanoseconds = 0

  /// The faults in a file's words; what is not a fault is named in the log.
  static func read(log: Log) -> Faults {
    var faults = Faults()
    guard case .success(let content) = fileContent(file, limit: 4096) else { return faults }
    for line in content.split(separator: UInt8(ascii: "\n")) {
      let text = String(decoding: line, as: UTF8.self).trimmed
      if text.isEmpty || text.hasPrefix("#") { continue }
      if !faults.set(text) { log(.warn, "[standin] unknown fault '\(text)'") }
    }
    return faults
  }

  /// Sets one fault: a word, and milliseconds where it takes some. False if there is no such fault.
  mutating func set(_ text: String) -> Bool {
    let words = text.parts(" ")
    let milliseconds = words.count > 1 ? Int64(words[1]) : nil
    switch words.first {
    case "crash": crash = true
    case "hang": hang = true
    case "ignore-sigterm": ignoresTermination = true
    case "flap": flap = true
    case "exit0": exitsAtStart = true
    case "poison": poison = true
    case "no-listen": noListen = true
    case "log-flood": logFlood = true
    case "slow-api": apiDelay = (milliseconds ?? 1000) * millisecond
    case "effect-delay": effectDelay = (milliseconds ?? 1000) * millisecond
    case "auth-delay": authenticationDelay = (milliseconds ?? 0) * millisecond
    case "clock-offset": clockOffset = (milliseconds ?? 0) * millisecond
    case "none": self = Faults()
    default: return false
    }
    return true
  }
}
