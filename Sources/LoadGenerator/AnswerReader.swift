import Glibc
import Wire

/// What lies at the front of what a server has sent.
enum Answer: Equatable {
  /// More bytes are needed.
  case incomplete
  /// The awaited answer, of so many bytes.
  case accepted(size: Int)
  /// A well-formed answer that says no: a time-out, an error.
  case refused
  /// The one that says that there is no place.
  case busy
  /// Anything else.
  case wrong
}

/// Reads the answers of one dialect, in place and without the heap.
struct AnswerReader: ~Copyable {
  private enum Form {
    case bytes(size: Int, framed: Bool)
    case frame(kind: UInt16)
    case line
  }

  private let form: Form
  /// What an answer has to be: the ring of them, or a line's beginning.
  private let wanted: UnsafeMutableRawBufferPointer

  init(_ expectation: Dialect.Expectation) {
    var bytes: [UInt8] = []
    switch expectation {
    case .bytes(let ring, let framed):
      form = .bytes(size: ring.count / Dialect.ring, framed: framed)
      bytes = ring
    case .frame(let kind): form = .frame(kind: kind)
    case .line(let start):
      form = .line
      bytes = start
    }
    wanted = .allocate(byteCount: bytes.count, alignment: 16)
    wanted.copyBytes(from: bytes)
  }

  deinit { wanted.deallocate() }

  /// Examines the front of `bytes` on a connection that awaits the answer to request `id`.
  func read(_ bytes: UnsafeRawBufferPointer, to id: Int) -> Answer {
    switch form {
    case .bytes(let size, let framed):
      let count = min(size, bytes.count)
      let same = memcmp(bytes.baseAddress!, wanted.baseAddress! + id * size, count) == 0
      if same { return count == size ? .accepted(size: size) : .incomplete }
      return framed ? AnswerReader.refusal(bytes) : .wrong
    case .frame(let kind): return AnswerReader.frame(bytes, kind: kind, id: id)
    case .line: return line(bytes)
    }
  }

  private static func frame(_ bytes: UnsafeRawBufferPointer, kind: UInt16, id: Int) -> Answer {
    switch Header.next(in: bytes, ignoringReserved: true) {
    case .incomplete: return .incomplete
    case .refused: return .wrong
    case .frame(let header, _, let size):
      guard header.isReply else { return .wrong }
      guard header.status == 0 else { return AnswerReader.no(header) }
      return header.kind == kind && header.requestID == UInt32(id) ? .accepted(size: size) : .wrong
    }
  }

  /// What stands in place of the awaited bytes.
  private static func refusal(_ bytes: UnsafeRawBufferPointer) -> Answer {
    switch Header.next(in: bytes, ignoringReserved: true) {
    case .incomplete: return .incomplete
    case .refused: return .wrong
    case .frame(let header, _, _):
      return header.isReply && header.status != 0 ? AnswerReader.no(header) : .wrong
    }
  }

  private static func no(_ header: Header) -> Answer {
    header.status == Status.busy.rawValue ? .busy : .refused
  }

  private func line(_ bytes: UnsafeRawBufferPointer) -> Answer {
    let start = bytes.baseAddress!
    guard memcmp(start, wanted.baseAddress!, min(wanted.count, bytes.count)) == 0 else {
      return .wrong
    }
    guard let end = memchr(start, 0x0A, bytes.count) else { return .incomplete }
    return .accepted(size: UnsafeRawPointer(end) - start + 1)
  }
}
