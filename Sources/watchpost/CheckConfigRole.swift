import Appliance
import CLinux
import Linux
import Wire

/// `watchpost check-config FILE | --keys`: prints `ok` (exit 0) or `FILE:LINE:COLUMN: sentence`
/// (exit 1); with `--keys`, the table of all keys as Markdown.
func checkConfigRole(_ argument: UnsafePointer<CChar>?) -> Int32 {
  guard let argument else {
    writeLine("usage: watchpost check-config FILE | --keys", to: 2)
    return 2
  }
  let file = Text<128>(cString: argument)
  if file == "--keys" {
    ConfigurationTable.write { line in writeLine(line, to: 1) }
    return 0
  }
  let source = ConfigurationSource.load(board: .empty, user: file)
  var line = Text<300>(file)
  if source.unreadable != 0 {
    line.append(": The file cannot be read (errno ")
    line.append(decimal: UInt64(source.unreadable))
    line.append("); check its name and permissions.")
  } else if source.error.line == 0 {
    writeLine("ok", to: 1)
    return 0
  } else {
    line.append(":")
    line.append(decimal: UInt64(source.error.line))
    line.append(":")
    line.append(decimal: UInt64(source.error.column))
    line.append(": ")
    line.append(source.error.message)
  }
  writeLine(line, to: 1)
  return 1
}

private func writeLine(_ text: StaticString, to descriptor: Int32) {
  writeLine(Text<300>(text), to: descriptor)
}

private func writeLine(_ text: Text<300>, to descriptor: Int32) {
  var line = Text<301>(text)
  line.append("\n")
  line.withBytes { _ = lx_write_all(descriptor, $0.baseAddress!, $0.count) }
}
