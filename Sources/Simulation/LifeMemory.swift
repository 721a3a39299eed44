import Appliance
import EventLoop

/// All memory of one life of the agent, claimed once for the whole run, with a seal behind each
/// part of it.
final class LifeMemory {
  private static let sealBytes = 256
  private static let sealByte: UInt8 = 0xA5
  private let arena: UnsafeMutableRawBufferPointer
  private let tables: UnsafeMutableRawBufferPointer
  private let messages: UnsafeMutableRawBufferPointer
  private let claimed: Int

  init(_ configuration: Configuration) {
    messages = Self.sealed(MessageRing.memory)
    var plan = Arena()
    _ = LoopMemory(configuration, from: &plan, messages: messages)
    claimed = plan.claimed
    arena = Self.sealed(claimed)
    tables = Self.sealed(ApplianceMemory.tableBytes)
    seal()
  }

  deinit {
    arena.deallocate()
    tables.deallocate()
    messages.deallocate()
  }

  private static func sealed(_ bytes: Int) -> UnsafeMutableRawBufferPointer {
    .allocate(byteCount: bytes + sealBytes, alignment: 64)
  }

  /// The first byte behind the arena.
  var beyond: UnsafeMutablePointer<UInt8> {
    (arena.baseAddress! + claimed).assumingMemoryBound(to: UInt8.self)
  }

  func seal() {
    for part in [arena, tables, messages] {
      for index in part.count - Self.sealBytes..<part.count { part[index] = Self.sealByte }
    }
  }

  /// What a stray byte was written behind; nil: nothing was.
  var strayByte: String? {
    for (part, name) in [(arena, "arena"), (tables, "tables"), (messages, "messages")] {
      let seal = UnsafeRawBufferPointer(rebasing: part[(part.count - Self.sealBytes)...])
      let word = UInt64(Self.sealByte) &* 0x0101_0101_0101_0101
      for at in stride(from: 0, to: Self.sealBytes, by: 8)
      where seal.loadUnaligned(fromByteOffset: at, as: UInt64.self) != word {
        return name
      }
    }
    return nil
  }

  /// The memory of a new life: as the kernel gives it, zero.
  func loop(_ configuration: Configuration) -> LoopMemory {
    let used = UnsafeMutableRawBufferPointer(rebasing: arena[..<claimed])
    used.initializeMemory(as: UInt8.self, repeating: 0)
    var fresh = Arena(used)
    let memory = LoopMemory(
      configuration, from: &fresh,
      messages: UnsafeMutableRawBufferPointer(rebasing: messages[..<MessageRing.memory]))
    precondition(fresh.claimed == claimed, "a life claims more than was planned")
    return memory
  }

  func machines() -> ApplianceMemory.Tables {
    ApplianceMemory.Tables(
      UnsafeMutableRawBufferPointer(rebasing: tables[..<ApplianceMemory.tableBytes]))
  }
}
