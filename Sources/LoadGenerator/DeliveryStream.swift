import Glibc
import Wire

/// What every subscriber gets of a message, as far as anybody has got it.
///
/// All get the same bytes. So whoever is ahead has them checked – header, both checksums, and
/// whether they are what was published – and for all others they only have to be the same again.
struct DeliveryStream: ~Copyable {
  private let dialect: BroadcastDialect
  private let bytes: UnsafeMutableRawPointer
  private var message: [UInt8] = []
  /// Bytes of the present message's stream, and those of them that are known.
  private(set) var size = 0
  private var known = 0
  /// Where the first frame begins that is not checked yet, and how much of the message lies before.
  private var checked = 0
  private var content = 0
  /// The number of the latest message; nil before the first.
  private(set) var sequence: UInt64?

  /// For messages of at most `bytes` bytes.
  init(_ dialect: BroadcastDialect, bytes count: Int) {
    self.dialect = dialect
    bytes = .allocate(byteCount: dialect.deliverySize(count), alignment: 64)
  }

  deinit { bytes.deallocate() }

  /// From now on this message, published by these bytes, is expected.
  mutating func expect(_ message: [UInt8], publication: [UInt8]) {
    self.message = message
    size = dialect.deliverySize(message.count)
    known = 0
    checked = 0
    content = 0
    if case .mqtt = dialect {
      // Passed on as it came.
      bytes.copyMemory(from: publication, byteCount: size)
      known = size
    }
  }

  /// Takes `count` bytes that came at `position` of the stream; false: they are wrong.
  mutating func take(_ more: UnsafeRawPointer, _ count: Int, at position: Int) -> Bool {
    guard position + count <= size else { return false }
    let again = min(count, known - position)
    guard memcmp(bytes + position, more, again) == 0 else { return false }
    guard again < count else { return true }
    (bytes + known).copyMemory(from: more + again, byteCount: count - again)
    known = position + count
    return check()
  }

  /// Checks the frames that have become whole.
  private mutating func check() -> Bool {
    while checked < known {
      let rest = UnsafeRawBufferPointer(start: bytes + checked, count: known - checked)
      switch Header.next(in: rest) {
      case .incomplete: return true
      case .refused: return false
      case .frame(let header, let payload, let size):
        guard header.kind == Kind.message.rawValue, header.flags == 0, header.status == 0,
          header.requestID == 0, checkPart(payload)
        else { return false }
        checked += size
      }
    }
    return true
  }

  private mutating func checkPart(_ payload: UnsafeRawBufferPointer) -> Bool {
    guard let (part, bytes) = try? MessagePart.open(payload), part.total == message.count,
      Int(part.offset) == content, part.missed == 0,
      part.sequence == (content > 0 ? sequence : sequence.map { $0 + 1 } ?? part.sequence)
    else { return false }
    sequence = part.sequence
    content += bytes.count
    return message.withUnsafeBytes {
      memcmp($0.baseAddress! + Int(part.offset), bytes.baseAddress!, bytes.count) == 0
    }
  }
}
