import Appliance
import CLinux

/// All memory that secrets and texts pass through: claimed once, locked, and wiped after each use.
struct KeeperMemory {
  /// A request, and one byte more to tell one that is too long.
  let request: UnsafeMutableRawBufferPointer
  let reply: UnsafeMutableRawBufferPointer
  /// Both copies of a blob as they were read, and one as it is written.
  let first: UnsafeMutableRawBufferPointer
  let second: UnsafeMutableRawBufferPointer
  let fresh: UnsafeMutableRawBufferPointer
  /// A change's text as its file has it.
  let staged: UnsafeMutableRawBufferPointer
  /// A configuration file, or a lane's newest records.
  let former: UnsafeMutableRawBufferPointer
  /// A device key that could not be stored yet.
  let key: UnsafeMutableRawBufferPointer
  private let whole: UnsafeMutableRawBufferPointer

  init() {
    let copy = BlobCopy.headSize + KeeperMessage.blobSize
    let text = BlobCopy.headSize + StagedTexts.textSize
    let sizes: InlineArray<8, Int> = [
      KeeperMessage.size + 8, KeeperMessage.size, copy, copy, copy, text,
      ConfigurationParser.fileLimit, Blob.keySize,
    ]
    var bytes = 0
    for index in sizes.indices { bytes += sizes[index] }
    guard let base = lx_map(bytes) else { preconditionFailure("no memory") }
    whole = UnsafeMutableRawBufferPointer(start: base, count: bytes)
    var used = 0
    func part(_ index: Int) -> UnsafeMutableRawBufferPointer {
      defer { used += sizes[index] }
      return UnsafeMutableRawBufferPointer(start: base + used, count: sizes[index])
    }
    request = part(0)
    reply = part(1)
    first = part(2)
    second = part(3)
    fresh = part(4)
    staged = part(5)
    former = part(6)
    key = part(7)
  }

  /// Keeps the process to itself, and this memory from swap. True when all of the process is.
  func keepSecret() -> Bool {
    // Locked memory must not have to grow later.
    lx_stack_populate()
    return lx_keep_secret(whole.baseAddress!, whole.count) != 0
  }

  static func wipe(_ memory: UnsafeMutableRawBufferPointer) {
    lx_wipe(memory.baseAddress!, memory.count)
  }

  /// Wipes what blobs passed through.
  func wipeCopies() {
    Self.wipe(first)
    Self.wipe(second)
    Self.wipe(fresh)
  }
}
