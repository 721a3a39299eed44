import EventLoop
import Glibc

/// The gaps between what the loop has claimed, closed: all its memory is one piece for the
/// allocator, and AddressSanitizer would see nobody step from one table into the next.
struct Fences {
  /// Bytes of each.
  static let gap = 64

  private typealias Region = @convention(c) (UnsafeMutableRawPointer, Int) -> Void

  private let gaps: [UnsafeMutableRawPointer]

  /// Closes the gaps of `arena`, which has claimed all of `memory`.
  init(_ arena: borrowing Arena, in memory: UnsafeMutableRawBufferPointer) {
    var offset = 0
    var gaps: [UnsafeMutableRawPointer] = []
    for index in 0..<arena.itemCount {
      offset += arena.item(index).bytes
      gaps.append(memory.baseAddress! + offset)
      offset += Fences.gap
    }
    precondition(offset == arena.claimed, "the gaps are elsewhere")
    self.gaps = gaps
    call("__asan_poison_memory_region")
  }

  /// Before the memory is given back.
  func open() { call("__asan_unpoison_memory_region") }

  /// Whether this program was built with AddressSanitizer.
  static var areThere: Bool { find("__asan_poison_memory_region") != nil }

  private static func find(_ name: String) -> Region? {
    dlsym(nil, name).map { unsafeBitCast($0, to: Region.self) }
  }

  private func call(_ name: String) {
    guard let function = Fences.find(name) else { return }
    for gap in gaps { function(gap, Fences.gap) }
  }

  /// Reads a byte that nobody has.
  @inline(never)
  func overrun() {
    if gaps[gaps.count / 2].load(as: UInt8.self) == 77 { print("a byte of nobody's") }
  }
}
