import Appliance
import Archive
import CLinux
import Wire

// Requests of clients that the storage worker answers.
extension FileArchive {
  /// Does a job and answers it; `retentionRun` is answered later.
  mutating func work(_ job: JobRequest, _ payload: UnsafeRawBufferPointer, nowMs: UInt64) {
    guard isRunning else {
      agent.answer(job.id, .storageUnavailable)
      return
    }
    do throws(Status) {
      switch job.kind {
      case .fileList:
        let count = list(try FileListRequest.decode(payload))
        agent.answer(job.id, UnsafeRawBufferPointer(rebasing: page[..<count]))
      case .fileInfo: answer(job.id, try info(try FileRequest.decode(payload)))
      case .fileRemove:
        try remove(try FileRequest.decode(payload))
        agent.answer(job.id, .ok)
      case .retentionRun:
        guard folder.isWritable, !folder.isFailing else { throw Status.storageUnavailable }
        guard runs.add(job.id, nowMs: nowMs) else { throw Status.busy }
      default: throw Status.unknownOperation
      }
    } catch {
      agent.answer(job.id, error)
    }
  }

  /// Writes the page that is asked for; the number of its bytes.
  ///
  /// A power cut may have undone the record of a removal, but not the removal. Until the folders
  /// have been compared, each file of the page is looked for, so that none is listed that is gone.
  private mutating func list(_ request: FileListRequest) -> Int {
    while true {
      let count = catalog.page(request, into: page)
      if case .idle = scan { return count }
      guard forgetGone(UnsafeRawBufferPointer(rebasing: page[..<count])) else { return count }
    }
  }

  /// Drops files of a page that are not where they were. True: there were such.
  private mutating func forgetGone(_ page: UnsafeRawBufferPointer) -> Bool {
    let before = catalog.totals.files
    var reader = ByteReader(UnsafeRawBufferPointer(rebasing: page[FileListHead.size...]))
    while reader.remaining >= FileEntry.size {
      let entry = FileEntry(from: &reader)
      guard let kind = entry.kind.known,
        let place = catalog.find(kind, camera: entry.camera, name: entry.name),
        catalog[place].seen != round
      else { continue }
      forget(kind, entry.camera, entry.name)
    }
    return catalog.totals.files < before
  }

  private func answer(_ job: UInt32, _ entry: FileEntry) {
    withUnsafeTemporaryAllocation(byteCount: FileEntry.size, alignment: 8) { memory in
      var writer = ByteWriter(memory)
      entry.encode(into: &writer)
      agent.answer(job, writer.written)
    }
  }

  private func place(of request: FileRequest) throws(Status) -> Int {
    guard let place = catalog.find(request.kind, camera: request.camera, name: request.name) else {
      throw .notFound
    }
    return place
  }

  /// What is known of a file, with its size of now.
  private mutating func info(_ request: FileRequest) throws(Status) -> FileEntry {
    let place = try place(of: request)
    guard let facts = facts(request.kind, request.camera, request.name) else {
      throw folder.isFailing ? .storageUnavailable : .notFound
    }
    var entry = catalog.entry(place)
    entry.bytes = facts.bytes
    return entry
  }

  private mutating func remove(_ request: FileRequest) throws(Status) {
    let place = try place(of: request)
    guard catalog[place].state != .open else { throw .state }
    let status = remove(place)
    index.sync()
    guard status == .ok else { throw status }
  }
}
