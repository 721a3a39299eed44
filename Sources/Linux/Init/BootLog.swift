import Appliance
import CLinux
import Wire

/// Lines on the console, each with the time since the kernel started:
/// `watchpost init: 2.314 s agent started (pid 61, life 1)`.
public struct BootLog {
  private var line: Text<200>

  public init(_ role: StaticString) {
    line = Text("watchpost ")
    line.append(role)
    line.append(": ")
    let ms = lx_boot_time_ms()
    line.append(decimal: ms / 1000)
    line.append(".")
    let rest = ms % 1000
    if rest < 100 { line.append("0") }
    if rest < 10 { line.append("0") }
    line.append(decimal: rest)
    line.append(" s ")
  }

  public func text(_ text: StaticString) -> BootLog {
    var log = self
    log.line.append(text)
    return log
  }

  public func text<let capacity: Int>(_ text: Text<capacity>) -> BootLog {
    var log = self
    log.line.append(text)
    return log
  }

  public func number(_ value: some FixedWidthInteger) -> BootLog {
    var log = self
    if value < 0 { log.line.append("-") }
    log.line.append(decimal: UInt64(value.magnitude))
    return log
  }

  public func address(_ address: IPv4) -> BootLog {
    var log = self
    log.line.append(address.text)
    return log
  }

  /// Writes it in one call, so that lines of several processes do not mix.
  public func write() {
    var whole = Text<202>(line)
    whole.append("\n")
    whole.withBytes { _ = lx_say(1, $0.baseAddress!, $0.count) }
  }
}

extension IPv4 {
  /// The dotted form.
  public var text: Text<15> {
    var text = Text<15>()
    var shift: UInt32 = 32
    while shift > 0 {
      shift -= 8
      if !text.isEmpty { text.append(".") }
      text.append(decimal: UInt64(value >> shift & 0xFF))
    }
    return text
  }
}
