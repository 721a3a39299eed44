import Appliance
import CLinux
import EventLoop
import Wire

/// `watchpost limits`: what the agent claims when it starts, line by line, each naming its holder,
/// and what it needs besides. Nothing is added to it later, whatever the load.
public enum LimitsRole {
  /// The stack is touched down to its deepest call, and libudev and the C library keep some pages.
  private static let stack = Int(LX_STACK_BYTES) + 32 * 1024

  /// Prints the sum for a configuration. The process's exit code.
  public static func run(_ configuration: Configuration) -> Int32 {
    var arena = Arena()
    _ = AgentMemory(configuration, from: &arena)
    for index in 0..<arena.itemCount {
      let item = arena.item(index)
      line(item.bytes, item.holder)
    }
    let program = Int(lx_program_bytes())
    line(program, "program: code, constants and data")
    line(stack, "stack and what libraries keep")
    line(arena.claimed + program + stack, "sum: what is resident")
    line(MessageRing.memory, "more at most, while messages are on their way")
    var slots = Text<64>()
    slots.append(decimal: UInt64(configuration.control.slots))
    slots.append(" connection slots, ")
    slots.append(decimal: UInt64(SessionLimits.trials))
    slots.append(" for showing a key beyond them, and ")
    slots.append(decimal: UInt64(SessionLimits.refusals))
    slots.append(" for telling BUSY\n")
    slots.withBytes { _ = lx_write_all(1, $0.baseAddress!, $0.count) }
    return 0
  }

  private static func line(_ bytes: Int, _ holder: StaticString) {
    var number = Text<20>()
    number.append(decimal: UInt64(bytes))
    var line = Text<96>()
    for _ in number.count..<12 { line.append(UInt8(ascii: " ")) }
    line.append(number)
    line.append("  ")
    line.append(holder)
    line.append("\n")
    line.withBytes { _ = lx_write_all(1, $0.baseAddress!, $0.count) }
  }
}
