import CLinux
import Wire

/// The newest pictures of a feed, in memory that it shares with the picture worker.
///
/// ```
/// offset size
///      0    8 published   pictures written so far; the newest is number `published` - 1
///      8   56 reserved
///     64      two places of 64 + 2,097,152 bytes; picture n lies in place n % 2:
///      0    8 sequence    2 n + 1 while picture n is being written, 2 n + 2 once it is whole
///      8    8 frame       its number in the feed's life
///     16    8 capturedUs  the earliest moment at which it can have been taken
///     24    4 size        bytes
///     28    4 width, height
///     32    1 coding      0: JPEG, 1: a key frame of H.264 with its parameter sets (Annex B)
///     33   31 reserved
///     64      bytes
/// ```
///
/// One process writes, any number read: whoever copies looks at the sequence before and after, and
/// begins again where it has changed.
struct SharedPicture {
  private static let headSize = 64
  private static let placeSize = 64 + Limits.pictureSize
  /// Bytes of the whole memory.
  static let size = headSize + 2 * placeSize

  enum Coding: UInt8 {
    case jpeg = 0
    case h264 = 1
  }

  struct Facts {
    var frame: UInt64 = 0
    var capturedUs: UInt64 = 0
    var size = 0
    var width: UInt16 = 0
    var height: UInt16 = 0
    var coding = Coding.jpeg
  }

  private let base: UnsafeMutableRawPointer

  /// nil: the descriptor is no such memory.
  init?(mapping descriptor: Int32, writable: Bool) {
    guard let base = lx_memory_map(descriptor, SharedPicture.size, writable ? 1 : 0) else {
      return nil
    }
    self.base = base
  }

  /// The last call.
  func unmap() { lx_memory_unmap(base, SharedPicture.size) }

  /// Pictures written so far.
  var published: UInt64 { lx_shared_load(word(0)) }

  private func word(_ offset: Int) -> UnsafeMutablePointer<UInt64> {
    (base + offset).assumingMemoryBound(to: UInt64.self)
  }

  private func place(_ number: UInt64) -> Int {
    SharedPicture.headSize + Int(number % 2) * SharedPicture.placeSize
  }

  /// Publishes a picture, in place of the one before the newest. False when it is too large.
  func publish(_ facts: Facts, _ bytes: UnsafeRawBufferPointer) -> Bool {
    guard !bytes.isEmpty, bytes.count <= Limits.pictureSize else { return false }
    let number = published
    let place = place(number)
    lx_shared_store(word(place), 2 * number + 1)
    lx_shared_write_fence()
    var writer = ByteWriter(UnsafeMutableRawBufferPointer(start: base + place + 8, count: 25))
    writer.write(facts.frame)
    writer.write(facts.capturedUs)
    writer.write(UInt32(bytes.count))
    writer.write(facts.width)
    writer.write(facts.height)
    writer.write(facts.coding.rawValue)
    (base + place + 64).copyMemory(from: bytes.baseAddress!, byteCount: bytes.count)
    lx_shared_store(word(place), 2 * number + 2)
    lx_shared_store(word(0), number + 1)
    return true
  }

  /// When the newest picture was taken; nil where there is none.
  var newestUs: UInt64? {
    let count = published
    guard count > 0, let facts = facts(count - 1) else { return nil }
    return facts.capturedUs
  }

  /// Copies the newest picture to the front of `buffer`, which holds `Limits.pictureSize` bytes.
  /// nil where there is none, or the writer was faster each time.
  func copyNewest(into buffer: UnsafeMutableRawBufferPointer) -> Facts? {
    for _ in 0..<4 {
      let count = published
      guard count > 0 else { return nil }
      guard let facts = facts(count - 1) else { continue }
      let place = place(count - 1)
      buffer.baseAddress!.copyMemory(from: base + place + 64, byteCount: facts.size)
      lx_shared_read_fence()
      if lx_shared_load(word(place)) == 2 * count { return facts }
    }
    return nil
  }

  /// What is told of a picture; nil where another one is being written over it, or what is told
  /// cannot be.
  private func facts(_ number: UInt64) -> Facts? {
    let place = place(number)
    guard lx_shared_load(word(place)) == 2 * number + 2 else { return nil }
    var facts = Facts()
    var reader = ByteReader(UnsafeRawBufferPointer(start: base + place + 8, count: 25))
    facts.frame = reader.read()
    facts.capturedUs = reader.read()
    facts.size = Int(reader.read(UInt32.self))
    facts.width = reader.read()
    facts.height = reader.read()
    let coding = Coding(rawValue: reader.read())
    lx_shared_read_fence()
    guard lx_shared_load(word(place)) == 2 * number + 2, facts.size > 0,
      facts.size <= Limits.pictureSize, let coding
    else { return nil }
    facts.coding = coding
    return facts
  }
}
