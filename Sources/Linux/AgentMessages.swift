import Appliance
import CLinux
import Wire

/// What other processes of the board tell the agent: one datagram of 16 bytes on the UNIX socket
/// `RUN/agent.sock`, little-endian: magic `WPA1`, kind, value, zero (u16), number (u64).
///
/// A datagram that finds no agent is lost, and nothing depends on it: the kernel itself remembers
/// whether its clock is synchronised (`lx_clock_synchronised`), init gives a new agent the storage
/// state in its environment (`WATCHPOST_STORAGE`), and addresses come from rtnetlink.
public enum AgentMessage: Equatable, Sendable {
  /// The wall clock has been set or confirmed.
  case clockTrusted(unixMs: UInt64)
  case storage(StorageFacts.State)

  public static let size = 16
  private static let magic: UInt32 = 0x3141_5057

  /// The message in `bytes`, nil if they hold none.
  public init?(_ bytes: UnsafeRawBufferPointer) {
    guard bytes.count == AgentMessage.size else { return nil }
    var reader = ByteReader(bytes)
    let magic = reader.read(UInt32.self)
    let kind = reader.read(UInt8.self)
    let value = reader.read(UInt8.self)
    let zero = reader.read(UInt16.self)
    let number = reader.read(UInt64.self)
    guard magic == AgentMessage.magic, zero == 0 else { return nil }
    switch kind {
    case 1:
      self = .clockTrusted(unixMs: number)
    case 2:
      guard let state = StorageFacts.State(rawValue: value) else { return nil }
      self = .storage(state)
    default:
      return nil
    }
  }

  public func write(to writer: inout ByteWriter) {
    writer.write(AgentMessage.magic)
    switch self {
    case .clockTrusted(let unixMs):
      writer.write(UInt8(1))
      writer.zero(3)
      writer.write(unixMs)
    case .storage(let state):
      writer.write(UInt8(2))
      writer.write(state.rawValue)
      writer.zero(10)
    }
  }

  /// Sends it to the agent, if there is one; never waits.
  public func send(runDirectory: Text<96>) {
    var path = Text<128>(runDirectory)
    path.append("/agent.sock")
    withUnsafeTemporaryAllocation(byteCount: AgentMessage.size, alignment: 8) { memory in
      var writer = ByteWriter(memory)
      write(to: &writer)
      _ = path.withCString { lx_mailbox_send($0, memory.baseAddress!, AgentMessage.size) }
    }
  }
}

/// The names of environment variables that init gives the agent.
public enum AgentEnvironment {
  /// Lives of the agent in this boot, this one included, in decimal.
  public static let starts: StaticString = "WATCHPOST_AGENT_STARTS"
  /// The raw value of `StorageFacts.State` in decimal.
  public static let storage: StaticString = "WATCHPOST_STORAGE"

  /// The number in a variable, nil where it is missing or no number below a million.
  public static func number(_ name: StaticString) -> UInt32? {
    guard let text = lx_environment(name.cString) else { return nil }
    var value: UInt32 = 0
    var index = 0
    while text[index] != 0 {
      let digit = UInt8(bitPattern: text[index]) &- UInt8(ascii: "0")
      guard digit <= 9, index < 6 else { return nil }
      value = value * 10 + UInt32(digit)
      index += 1
    }
    return index > 0 ? value : nil
  }
}
