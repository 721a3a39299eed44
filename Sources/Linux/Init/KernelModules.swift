import CLinux
import Wire

/// The kernel modules of the image: lines `PHASE FILE [ARGUMENT...]` in `/etc/modules`, in the
/// order in which they are loaded.
enum KernelModules {
  static let listPath: StaticString = "/etc/modules"
  private static let listLimit = 16 * 1024

  /// Loads the modules of one phase. What fails is reported and left out: a board without its
  /// camera driver is still a board that can be asked why.
  static func load(phase: StaticString) {
    withUnsafeTemporaryAllocation(byteCount: listLimit, alignment: 1) { memory in
      let count = lx_read_whole_file(listPath.cString, memory.baseAddress!, memory.count)
      guard count >= 0 else {
        BootLog("init").text(listPath).text(" not readable: errno ").number(-count).write()
        return
      }
      let text = UnsafeRawBufferPointer(rebasing: memory[0..<Int(count)])
      var start = 0
      for index in 0...text.count where index == text.count || text[index] == UInt8(ascii: "\n") {
        load(UnsafeRawBufferPointer(rebasing: text[start..<index]), phase: phase)
        start = index + 1
      }
    }
  }

  private static func load(_ line: UnsafeRawBufferPointer, phase: StaticString) {
    var words = ModuleLine(line)
    guard words.next() == phase else { return }
    let path = words.next()
    guard !path.isEmpty else { return }
    let arguments = words.rest()
    let error = path.withCString { file in
      arguments.withCString { lx_load_module(file, $0) }
    }
    if error < 0 {
      BootLog("init").text(path).text(" not loaded: errno ").number(-error).write()
    }
  }
}

/// The words of one line.
private struct ModuleLine {
  private let line: UnsafeRawBufferPointer
  private var index = 0

  init(_ line: UnsafeRawBufferPointer) { self.line = line }

  mutating func next() -> Text<160> {
    skipBlanks()
    var word = Text<160>()
    while index < line.count, line[index] > 0x20 {
      word.append(line[index])
      index += 1
    }
    return word
  }

  mutating func rest() -> Text<160> {
    skipBlanks()
    return Text(UnsafeRawBufferPointer(rebasing: line[index...]))
  }

  private mutating func skipBlanks() {
    while index < line.count, line[index] <= 0x20 { index += 1 }
  }
}
