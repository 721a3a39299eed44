import CLinux

/// Lines on standard output in MediaMTX's format.
struct Log {
  enum Level: Int {
    case debug, info, warn, error

    fileprivate var label: String {
      switch self {
      case .debug: "DEB"
      case .info: "INF"
      case .warn: "WAR"
      case .error: "ERR"
      }
    }

    init(_ name: String) {
      switch name {
      case "debug": self = .debug
      case "warn": self = .warn
      case "error": self = .error
      default: self = .info
      }
    }
  }

  var threshold = Level.info

  func callAsFunction(_ level: Level, _ text: String) {
    if level.rawValue < threshold.rawValue { return }
    let time = CivilTime(sinceEpoch: si_realtime_ns()).logTime
    Log.plain(time + " " + level.label + " " + text)
  }

  /// A line without time and level.
  static func plain(_ text: String) {
    let bytes = Array((text + "\n").utf8)
    _ = bytes.withUnsafeBytes { si_write(1, $0.baseAddress!, $0.count) }
  }
}
