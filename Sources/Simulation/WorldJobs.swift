import Appliance
import EventLoop
import Wire

/// A request that a worker carries out.
struct SimulatedJob {
  var entry: Int
  var kind: Kind
  /// nil: it runs.
  var outcome: JobOutcome?
  /// The loop has been told.
  var isTold = false
  var number: Int
}

/// Pictures and jobs: the workers' answers.
extension SimulatedWorld {
  /// A picture's state: bytes it will have; negative while it is awaited.
  var hasPicture: Bool { pictures.values.contains { $0 > 0 && $0 & 1 == 0 } }

  public func askPicture(
    _ entry: Int, of source: PictureSource, notBeforeUs: UInt64, deadlineUs: UInt64
  ) -> Bool {
    if pictures[entry] != nil { broke(OneAnswer.self, "picture \(entry) is asked for twice") }
    let size = 2 * Int(random.between(500, 30_000))
    pictures[entry] = -size
    later(random.between(2, 60)) { world in
      if world.pictures[entry] == -size { world.pictures[entry] = size }
    }
    return true
  }

  public func nextPicture() -> PictureAnswer? {
    // In the order of entries: a dictionary has none.
    for entry in 0..<64 {
      guard let size = pictures[entry], size > 0, size & 1 == 0 else { continue }
      // Told: odd from now on.
      pictures[entry] = size + 1
      var facts = PictureFacts()
      facts.size = size
      facts.width = 1280
      facts.height = 720
      facts.capturedUs = nowUs() - 5000
      return PictureAnswer(entry: entry, facts: facts)
    }
    return nil
  }

  public func readPicture(
    _ entry: Int, at offset: Int, into buffer: UnsafeMutableRawBufferPointer
  ) -> Bool {
    guard let size = pictures[entry], size > 0, offset + buffer.count <= size else { return false }
    buffer.initializeMemory(as: UInt8.self, repeating: UInt8(truncatingIfNeeded: offset))
    return true
  }

  public func closePicture(_ entry: Int) { pictures[entry] = nil }

  // MARK: Jobs

  var hasJobAnswer: Bool { jobs.contains { $0.outcome != nil && !$0.isTold } }

  public func beginJob(
    _ entry: Int, _ kind: Kind, _ request: UnsafeRawBufferPointer, of source: PictureSource?
  ) -> Bool {
    guard jobs.count(where: { $0.outcome == nil }) < 2 else { return false }
    if jobs.contains(where: { $0.entry == entry }) {
      broke(OneAnswer.self, "job \(entry) is begun twice")
    }
    jobsBegun += 1
    let number = jobsBegun
    jobs.append(SimulatedJob(entry: entry, kind: kind, number: number))
    runJob(number)
    return true
  }

  private func runJob(_ number: Int) {
    later(isNow(.diskSlow) ? random.between(500, 15_000) : random.between(3, 100)) { world in
      guard let index = world.jobs.firstIndex(where: { $0.number == number }) else { return }
      if world.isNow(.diskHangs) { return world.runJob(number) }
      world.jobs[index].outcome =
        if world.isNow(.diskFails) {
          .answered(.internalError, bytes: 0)
        } else if world.random.chance(3) {
          .lost
        } else {
          .answered(.ok, bytes: world.jobs[index].kind == .fileList ? 4096 : 80)
        }
    }
  }

  public func nextJob() -> JobAnswer? {
    for index in jobs.indices {
      guard let outcome = jobs[index].outcome, !jobs[index].isTold else { continue }
      jobs[index].isTold = true
      return JobAnswer(entry: jobs[index].entry, outcome: outcome)
    }
    return nil
  }

  public func readJob(
    _ entry: Int, at offset: Int, into buffer: UnsafeMutableRawBufferPointer
  ) -> Bool {
    guard let job = jobs.first(where: { $0.entry == entry }),
      case .answered(.ok, let bytes) = job.outcome, offset + buffer.count <= bytes
    else { return false }
    buffer.initializeMemory(as: UInt8.self, repeating: 0)
    // The head of a picture tells what follows it.
    if offset == 0, buffer.count == SnapshotPart.size {
      var part = SnapshotPart()
      part.total = UInt32(bytes - SnapshotPart.size)
      part.capturedUs = nowUs() - 1000
      var writer = ByteWriter(buffer)
      part.encode(into: &writer)
    }
    return true
  }

  public func closeJob(_ entry: Int, hung: Bool) { jobs.removeAll { $0.entry == entry } }
}
