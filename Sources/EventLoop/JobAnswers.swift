import Appliance
import Wire

// The answers of jobs on their way to clients: in one frame, or in parts that share a head.

extension EventLoop where System: ~Copyable {
  /// Takes the head off a picture's answer. False when it does not fit its bytes.
  mutating func openPicture(_ entry: Int, bytes: Int) -> Bool {
    withUnsafeTemporaryAllocation(byteCount: SnapshotPart.size, alignment: 8) { head in
      guard bytes > SnapshotPart.size, system.readJob(entry, at: 0, into: head) else {
        return false
      }
      var reader = ByteReader(UnsafeRawBufferPointer(head))
      var picture = SnapshotPart(from: &reader)
      guard Int(picture.total) == bytes - SnapshotPart.size else { return false }
      let age = system.nowUs() - min(system.nowUs(), picture.capturedUs)
      picture.ageUs = UInt32(clamping: age)
      picture.unixMs = appliance.clock.unixMs(at: Instant(ms: picture.capturedUs / 1000))
      jobs.table[entry].picture = picture
      return true
    }
  }

  /// Sends the next frame of an entry, when its connection takes it. Returns when to come back.
  mutating func sendJob(_ entry: Int) -> Instant {
    let slot = jobs.table[entry].slot
    guard let index = sessions.find(slot, generation: jobs.table[entry].generation),
      sessions.slots[index].phase == .open
    else {
      dropJob(entry)
      return .never
    }
    var yields = jobs.table[entry].yields
    if let later = takesFrame(index, yields: &yields) {
      jobs.table[entry].yields = yields
      return later
    }
    let unsent = sendFrame(index) { loop in loop.writeJobPart(entry) }
    guard let unsent, jobs.table[entry].state != .free else { return .never }
    jobs.table[entry].yields = unsent > 0
    return unsent > 0 ? .never : now
  }

  /// Writes the next frame of an entry to the output, and frees the entry behind its last one.
  private mutating func writeJobPart(_ entry: Int) -> Int {
    let header = jobs.table[entry].header
    switch jobs.table[entry].state {
    case .free, .waiting, .running: preconditionFailure("there is nothing to send")
    case .refused(let status): return refuseJob(entry, status)
    case .sending(let bytes, let offset):
      let form = JobAnswerForm(header)
      // A picture's head lies before its bytes.
      let skipped = form == .picture ? SnapshotPart.size : 0
      let total = bytes - skipped
      let count = min(total - offset, Limits.payloadSize - form.headSize)
      let start = Limits.headerSize + form.headSize
      let room = UnsafeMutableRawBufferPointer(rebasing: buffers.output[start..<start + count])
      guard count == 0 || system.readJob(entry, at: skipped + offset, into: room) else {
        return refuseJob(entry, .internalError)
      }
      writeHead(entry, form, total: total, offset: offset, count: count)
      if header.kind == Kind.fileRead.rawValue { counters[.fileBytesRead] &+= UInt64(count) }
      if offset + count == total {
        counters[.requestsSucceeded] &+= 1
        if form == .picture { counters[.snapshotsSent] &+= 1 }
        recordJob(entry)
        dropJob(entry)
      } else {
        jobs.set(entry, .sending(bytes: bytes, offset: offset + count))
      }
      let frame = UnsafeMutableRawBufferPointer(rebasing: buffers.output[..<(start + count)])
      return header.reply().seal(frame, payloadSize: form.headSize + count)
    }
  }

  /// What stands before the bytes of a part.
  private mutating func writeHead(
    _ entry: Int, _ form: JobAnswerForm, total: Int, offset: Int, count: Int
  ) {
    let end = Limits.headerSize + form.headSize
    var writer = ByteWriter(
      UnsafeMutableRawBufferPointer(rebasing: buffers.output[Limits.headerSize..<end]))
    switch form {
    case .whole: break
    case .bulk:
      BulkPart(total: UInt32(total), offset: UInt32(offset), count: UInt32(count))
        .encode(into: &writer)
    case .picture:
      var part = jobs.table[entry].picture
      part.offset = UInt32(offset)
      part.count = UInt32(count)
      part.encode(into: &writer)
    }
  }

  private mutating func refuseJob(_ entry: Int, _ status: Status) -> Int {
    let header = jobs.table[entry].header
    countFailure(jobs.table[entry].slot, header, status)
    recordJob(entry)
    dropJob(entry)
    return Frame.refusal(
      to: header, status, retryAfterMs: status == .busy ? Jobs.retryAfterMs : 0,
      into: buffers.output)
  }

  /// A job's answer is complete only now, long after the turn of its request.
  private mutating func recordJob(_ entry: Int) {
    let job = jobs.table[entry]
    statistics.record(Int(job.header.kind & 63), us: system.nowUs() - job.askedUs, count: 1)
  }
}

/// How the answer of a job becomes frames.
private enum JobAnswerForm {
  /// It fits into one.
  case whole
  /// In `BulkPart`s.
  case bulk
  /// In `SnapshotPart`s.
  case picture

  init(_ header: Header) {
    switch Kind(rawValue: header.kind) {
    case .fileList, .fileRead: self = .bulk
    case .snapshot: self = .picture
    default: self = .whole
    }
  }

  /// Bytes before those of the answer.
  var headSize: Int {
    switch self {
    case .whole: 0
    case .bulk: BulkPart.size
    case .picture: SnapshotPart.size
    }
  }
}
