import Wire

/// What is to happen on a connection at some moment.
struct DueAct {
  enum Act {
    /// These bytes are sent.
    case answer([UInt8])
    /// The connection ends.
    case ending
  }

  /// Nanoseconds since the oracle's start.
  let moment: UInt64
  let connection: Int
  /// Of the connection's place: acts of an earlier one at the same place are dropped.
  let generation: UInt32
  let act: Act
}

/// Due acts, the earliest first, and of those due at once the one that came first: a binary heap.
struct DueActs {
  private var heap: [(act: DueAct, number: UInt64)] = []
  private var added: UInt64 = 0

  var count: Int { heap.count }
  /// When the earliest is due.
  var next: UInt64? { heap.first?.act.moment }

  mutating func add(_ act: DueAct) {
    heap.append((act, added))
    added += 1
    var index = heap.count - 1
    while index > 0, precedes(index, (index - 1) / 2) {
      heap.swapAt(index, (index - 1) / 2)
      index = (index - 1) / 2
    }
  }

  /// Takes the earliest, if it is due by `moment`.
  mutating func take(by moment: UInt64) -> DueAct? {
    guard let next, next <= moment else { return nil }
    heap.swapAt(0, heap.count - 1)
    let taken = heap.removeLast().act
    var index = 0
    while 2 * index + 1 < heap.count {
      var child = 2 * index + 1
      if child + 1 < heap.count, precedes(child + 1, child) { child += 1 }
      guard precedes(child, index) else { break }
      heap.swapAt(child, index)
      index = child
    }
    return taken
  }

  private func precedes(_ left: Int, _ right: Int) -> Bool {
    let (one, other) = (heap[left], heap[right])
    return (one.act.moment, one.number) < (other.act.moment, other.number)
  }
}

/// The control protocol as far as the oracle speaks it, in whole frames.
enum OracleAnswer {
  /// The answer to a request. `health` is what the oracle would tell of itself now.
  static func frame(
    to header: Header, _ payload: UnsafeRawBufferPointer, health: @autoclosure () -> HealthReport
  ) -> [UInt8] {
    guard !header.isReply, header.status == 0 else { return refusal(to: header, .reservedBits) }
    switch Kind(rawValue: header.kind) {
    case .ping where payload.count <= Limits.pingSize:
      return made(size: Limits.headerSize + payload.count) {
        var writer = FrameWriter($0)
        writer.payload.write(payload)
        return writer.seal(header.reply())
      }
    case .health where payload.isEmpty:
      let report = health()
      return made(size: Limits.headerSize + HealthReport.size) {
        Frame.reply(to: header, report, into: $0)
      }
    case .ping, .health: return refusal(to: header, .malformed)
    default: return refusal(to: header, .unknownOperation)
    }
  }

  /// The refusal of a request, or with nil of the connection.
  static func refusal(
    to header: Header?, _ status: Status, retryAfterMs: UInt32 = 0
  ) -> [UInt8] {
    let detail: UInt32 =
      switch status {
      case .unsupportedVersion: UInt32(Header.version)
      case .tooLarge: UInt32(Limits.frameSize)
      default: 0
      }
    return made(size: Limits.headerSize + Refusal.size) {
      Frame.refusal(to: header, status, retryAfterMs: retryAfterMs, detail: detail, into: $0)
    }
  }

  private static func made(
    size: Int, _ write: (UnsafeMutableRawBufferPointer) -> Int
  ) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
      count = write(UnsafeMutableRawBufferPointer(buffer))
    }
  }
}
