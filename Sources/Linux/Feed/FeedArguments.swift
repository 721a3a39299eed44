import Appliance
import CLinux
import Feed
import Wire

/// The command line of a feed without an agent.
public enum FeedArguments {
  /// Runs `watchpost feed …`: for the agent, or alone where there is a `--to`.
  public static func run() -> Int32 {
    var target: RTSPTarget?
    var order = FeedOrder()
    var file = Configuration.PlaybackFile()
    file.rate = 30
    var subject = Text<96>()
    var index: Int32 = 2
    while index < lx_argument_count() {
      let name: Text<96> = text(index)
      let value: Text<256> = text(index + 1)
      index += 2
      if name == "--to" {
        guard let parsed = parse(value) else {
          return refuse("--to takes rtsp://[USER:PASSWORD@]A.B.C.D[:PORT]/PATH")
        }
        target = parsed
      } else if name == "--format" {
        guard value.count == 4 else { return refuse("--format takes a fourcc such as MJPG") }
        for byte in 0..<4 { order.mode.format |= UInt32(value[byte]) << UInt32(8 * byte) }
      } else if name == "--size" {
        guard let size = size(value) else { return refuse("--size takes WIDTHxHEIGHT") }
        (order.mode.width, order.mode.height) = size
      } else if name == "--rate" {
        var at = 0
        guard let rate = number(value, &at), at == value.count, (1...240).contains(rate) else {
          return refuse("--rate takes 1 to 240 pictures a second")
        }
        (order.mode.intervalNumerator, order.mode.intervalDenominator) = (1, rate)
        file.rate = rate
      } else {
        subject = name
        index -= 1
      }
    }
    guard let target else { return FeedRole.run() }
    guard !subject.isEmpty else { return refuse("say which camera (video0) or file (/a.mjpeg)") }
    let isFile = subject[0] == UInt8(ascii: "/") || subject[0] == UInt8(ascii: ".")
    if isFile { file.path = subject } else { file = Configuration.PlaybackFile() }
    order.node = isFile ? Text("file") : Text(subject)
    return FeedRole.run(order, file, to: target)
  }

  private static func text<let capacity: Int>(_ index: Int32) -> Text<capacity> {
    lx_argument(index).map { Text(cString: $0) } ?? .empty
  }

  private static func parse(_ text: Text<256>) -> RTSPTarget? {
    text.withBytes { try? RTSPTarget(parsing: $0) }
  }

  private static func number(_ text: Text<256>, _ at: inout Int) -> UInt32? {
    let start = at
    var value: UInt32 = 0
    while at < text.count, at - start < 5, case let digit = text[at] &- UInt8(ascii: "0"),
      digit <= 9
    {
      value = value * 10 + UInt32(digit)
      at += 1
    }
    return at > start ? value : nil
  }

  private static func size(_ text: Text<256>) -> (UInt16, UInt16)? {
    var at = 0
    guard let width = number(text, &at), at < text.count, text[at] == UInt8(ascii: "x") else {
      return nil
    }
    at += 1
    guard let height = number(text, &at), at == text.count else { return nil }
    return (UInt16(clamping: width), UInt16(clamping: height))
  }

  private static func refuse(_ sentence: StaticString) -> Int32 {
    var line = Text<160>("watchpost feed: ")
    line.append(sentence)
    line.append("\n")
    line.withBytes { _ = lx_write_all(2, $0.baseAddress!, $0.count) }
    return 2
  }

  static func complain(of report: FeedReport) {
    var line = Text<160>("watchpost feed: ")
    switch report.failure {
    case .none: line.append("ended")
    case .openFailed: line.append("the camera cannot be opened")
    case .busy:
      line.append("the camera is held by ")
      line.append(report.holderName)
      line.append(", pid ")
      line.append(decimal: UInt64(max(0, report.holder)))
    case .noBandwidth: line.append("the USB bus has no bandwidth left for the camera")
    case .modeRefused: line.append("the driver does not grant this mode")
    case .gone: line.append("the camera is gone")
    case .deviceError: line.append("the camera has failed")
    case .unreadable: line.append("the file cannot be read or holds no pictures")
    }
    if report.errno > 0 {
      line.append(" (errno ")
      line.append(decimal: UInt64(report.errno))
      line.append(")")
    }
    line.append("\n")
    line.withBytes { _ = lx_write_all(2, $0.baseAddress!, $0.count) }
  }
}
