import Appliance
import CLinux
import Wire

// A file that holds one version of a blob. Little-endian, as everything here:
//
//   offset size
//        0    4 magic "WPAB"
//        4    2 version, 1
//        6    1 blob
//        7    1 zero
//        8    8 sequence, 1 ... 2^64 - 2
//       16    4 length of what follows byte 24
//       20    4 CRC-32C of bytes 0 ... 19 and of what follows byte 24
//       24    n bytes
//
// What lies behind byte 24 + n is left over from a longer version, when the power went between
// writing and cutting, and is nobody's.

extension Blob {
  var name: StaticString {
    switch self {
    case .device: "device"
    case .clients: "clients"
    case .changes: "changes"
    case .swap: "swap"
    case .staged: "staged"
    }
  }

  /// Lengths that can be right.
  var lengths: ClosedRange<Int> {
    switch self {
    case .device: Blob.keySize...Blob.keySize
    case .clients, .changes: 0...KeeperMessage.blobSize
    case .swap: ConfigurationSwap.Journal.size...ConfigurationSwap.Journal.size
    case .staged: 1...Int(StagedTexts.textSize)
    }
  }
}

extension BlobCopies {
  static let aDamaged = BlobCopies(rawValue: 1)
  static let bDamaged = BlobCopies(rawValue: 2)
  static let aMissing = BlobCopies(rawValue: 4)
  static let bMissing = BlobCopies(rawValue: 8)
  static let aUnreadable = BlobCopies(rawValue: 16)
  static let bUnreadable = BlobCopies(rawValue: 32)
  /// Both are right, have the same sequence and other bytes: `a` holds, both were set aside.
  static let twins = BlobCopies(rawValue: 64)

  func contains(_ other: BlobCopies) -> Bool { rawValue & other.rawValue != 0 }
  mutating func insert(_ other: BlobCopies) { rawValue |= other.rawValue }
}

/// One file of a blob, as it was read.
struct BlobCopy {
  static let headSize = 24
  private static let magic: UInt32 = 0x4241_5057
  private static let version: UInt16 = 1

  enum State: Equatable {
    case missing
    case damaged
    /// A positive errno.
    case unreadable(Int32)
    case right
  }

  let state: State
  let sequence: UInt64
  /// In the memory that it was read into; empty unless it is right.
  let bytes: UnsafeRawBufferPointer

  private init(
    _ state: State, sequence: UInt64 = 0,
    _ bytes: UnsafeRawBufferPointer = UnsafeRawBufferPointer(start: nil, count: 0)
  ) {
    self.state = state
    self.sequence = sequence
    self.bytes = bytes
  }

  /// Reads a file into `memory`.
  static func read(
    _ path: Text<160>, _ blob: Blob, into memory: UnsafeMutableRawBufferPointer
  ) -> BlobCopy {
    let room = min(memory.count, headSize + blob.lengths.upperBound)
    let count = path.withCString { lx_read_whole_file($0, memory.baseAddress!, room) }
    if count == -Int64(LX_ENOENT.rawValue) { return BlobCopy(.missing) }
    // Longer than it may be: what follows was left over.
    let used = count == -Int64(LX_TOO_BIG) ? room : Int(count)
    guard used >= 0 else { return BlobCopy(.unreadable(-Int32(count))) }
    return BlobCopy(blob, UnsafeRawBufferPointer(rebasing: memory[..<used]))
  }

  /// What a file says that holds these bytes.
  init(_ blob: Blob, _ file: UnsafeRawBufferPointer) {
    guard file.count >= BlobCopy.headSize else {
      self.init(.damaged)
      return
    }
    var reader = ByteReader(file)
    let magic = reader.read(UInt32.self)
    let version = reader.read(UInt16.self)
    let kind = reader.read(UInt8.self)
    let zero = reader.read(UInt8.self)
    let sequence = reader.read(UInt64.self)
    let length = Int(reader.read(UInt32.self))
    let sum = reader.read(UInt32.self)
    guard magic == BlobCopy.magic, version == BlobCopy.version, kind == blob.rawValue, zero == 0,
      sequence > 0, sequence < .max, blob.lengths.contains(length), length <= reader.remaining
    else {
      self.init(.damaged)
      return
    }
    let bytes = reader.take(length)
    let head = UnsafeRawBufferPointer(rebasing: file[..<20])
    guard CRC32C.of(bytes, behind: CRC32C.of(head)) == sum else {
      self.init(.damaged)
      return
    }
    self.init(.right, sequence: sequence, bytes)
  }

  /// The file's bytes, in `memory`.
  static func sealed(
    _ blob: Blob, sequence: UInt64, _ bytes: UnsafeRawBufferPointer,
    in memory: UnsafeMutableRawBufferPointer
  ) -> UnsafeRawBufferPointer {
    precondition(blob.lengths.contains(bytes.count), "a blob of a wrong length")
    var writer = ByteWriter(memory)
    writer.write(magic)
    writer.write(version)
    writer.write(blob.rawValue)
    writer.zero(1)
    writer.write(sequence)
    writer.write(UInt32(bytes.count))
    writer.write(CRC32C.of(bytes, behind: CRC32C.of(writer.written)))
    writer.write(bytes)
    return writer.written
  }
}
