import Appliance
import Noise
import Wire

/// What a sealed connection holds besides its slot: the keys of its frames, and whose it is.
///
/// One for each ordinary slot, in memory that never moves: secrets are wiped where they lie.
struct SealedSlots: ~Copyable {
  struct Entry: ~Copyable {
    var transport = Transport()
    var client = SealedClient.nobody
    /// Whose it is, also when its key is gone; of a newcomer: what it wants to be called.
    var name = Name()
    /// What its key allowed when it was last looked at.
    var role = Role.anybody
    /// Of a newcomer: what becomes its client key once it has shown that it knew the code.
    var newKey = PublicKey()
    var newSecret = InlineArray<32, UInt8>(repeating: 0)
  }

  private let entries: UnsafeMutablePointer<Entry>
  let count: Int

  /// Memory for one entry of each ordinary slot.
  init(_ memory: UnsafeMutableBufferPointer<UInt8>, slots: Int) {
    precondition(memory.count >= slots * MemoryLayout<Entry>.stride, "too little memory")
    precondition(MemoryLayout<Entry>.stride <= 512, "more than a slot may cost")
    entries = UnsafeMutableRawPointer(memory.baseAddress!).bindMemory(
      to: Entry.self, capacity: slots)
    count = slots
    for index in 0..<slots { (entries + index).initialize(to: Entry()) }
  }

  static func bytes(_ slots: Int) -> Int { slots * MemoryLayout<Entry>.stride }

  subscript(index: Int) -> Entry {
    @inline(__always) _read { yield entries[index] }
    @inline(__always) nonmutating _modify { yield &entries[index] }
  }

  /// Wipes what a connection had.
  func clear(_ index: Int) { self[index] = Entry() }
}
