import Appliance
import Wire

// The agent's own log: what it has to say and every event, one line each, behind the seconds since
// the kernel started.
//
//     12.345 warning hd-webcam: its feed says nothing; the feed is ended
//     12.345 event cameraStatus hd-webcam 5 sends no more pictures

/// A line with its time.
public typealias StampedLine = Text<256>

extension EventLoop where System: ~Copyable {
  /// Keeps a line where it can be read remotely and after a reset, and shows it.
  public mutating func log(_ line: LogLine) {
    var text = stamp()
    switch line.level {
    case .error: text.append(" error ")
    case .warning: text.append(" warning ")
    case .info: text.append(" info ")
    }
    text.append(line.text)
    keep(text)
    system.showLog(line)
  }

  /// Keeps an event: who reads what was before a reset wants to know what happened. An alert is
  /// told by a line of its own.
  mutating func log(_ event: Event) {
    guard event.code != .alertChanged, let left = thrift.spend(event, now: now) else { return }
    var text = stamp()
    text.append(" event ")
    text.append(event.code.word)
    if !event.subject.isEmpty {
      text.append(" ")
      text.append(event.subject)
    }
    if event.value > 0 {
      text.append(" ")
      text.append(decimal: UInt64(event.value))
    }
    if !event.detail.isEmpty {
      text.append(" ")
      text.append(event.detail)
    }
    if left > 0 {
      text.append(" (")
      text.append(decimal: UInt64(left))
      text.append(" like it left out before)")
    }
    keep(text)
  }

  private func stamp() -> StampedLine {
    var text = StampedLine()
    text.append(decimal: now.ms / 1000)
    text.append(".")
    let fraction = now.ms % 1000
    if fraction < 100 { text.append("0") }
    if fraction < 10 { text.append("0") }
    text.append(decimal: fraction)
    return text
  }

  private mutating func keep(_ line: StampedLine) {
    var line = line
    line.append("\n")
    logs.agent.append(line)
    system.keepLog(line)
  }
}
