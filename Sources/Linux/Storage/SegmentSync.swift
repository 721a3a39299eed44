import Archive
import CLinux
import Wire

// What was written of a file comes onto the disk, also where the disk did not take it at first.
extension FileArchive {
  /// Where the film's header lies, and its length, which MediaMTX writes last.
  private static let headBytes: UInt64 = 4096

  /// Puts what was written of one file onto the disk, if it is time. True: it has.
  mutating func syncSegment(nowMs: UInt64) -> Bool {
    for open in segments.indices
    where segments[open].id != 0 && segments[open].isDirty
      && nowMs >= segments[open].syncedMs + OpenSegments.syncMs
    {
      segments[open].syncedMs = nowMs
      segments[open].isDirty = false
      let directory = folder.open(segments[open].kind, segments[open].camera)
      guard directory >= 0 else { return true }
      defer { lx_close(directory) }
      let file = segments[open].name.withCString { lx_file_open_at(directory, $0, 0) }
      guard file >= 0 else { return true }
      defer { lx_close(file) }
      var facts = lx_file_facts()
      guard lx_file_facts_of(file, &facts) == 0 else { return true }
      // Whatever fails is due again after as long.
      segments[open].isDirty = true
      if segments[open].lost == .tail {
        let from = max(segments[open].syncedBytes, Self.headBytes)
        guard writeAgain(segments[open].name, directory, from..<max(from, facts.bytes)) else {
          return true
        }
      }
      guard sync(open, file, upTo: facts.bytes, isWhole: false) else { return true }
      segments[open].isDirty = false
      if !segments[open].isNamed, folder.judge(lx_fsync(directory)) == 0 {
        segments[open].isNamed = true
      }
      // What is walked over now need not be when it is closed.
      var film = segments[open].film
      walk(&film, file, facts.bytes)
      segments[open].film = film
      return true
    }
    return false
  }

  /// Puts a file onto the disk that nobody writes any longer.
  mutating func syncWhole(
    _ open: Int?, _ name: Text<56>, _ directory: Int32, _ file: Int32, bytes: UInt64
  ) -> Bool {
    guard let open else { return folder.judge(lx_fsync(file)) == 0 }
    if segments[open].lost != .nothing {
      let head = min(Self.headBytes, bytes)
      let from = min(segments[open].syncedBytes, bytes)
      guard writeAgain(name, directory, 0..<head), writeAgain(name, directory, from..<bytes) else {
        return false
      }
    }
    return sync(open, file, upTo: bytes, isWhole: true)
  }

  /// What is behind `syncedBytes`, and is to be there, has been written: now it reaches the disk.
  private mutating func sync(
    _ open: Int, _ file: Int32, upTo bytes: UInt64, isWhole: Bool
  ) -> Bool {
    guard folder.judge(isWhole ? lx_fsync(file) : lx_data_sync(file)) == 0 else {
      segments[open].lost = .tail
      return false
    }
    let isHeadLost = segments[open].lost != .nothing && !isWhole
    segments[open].lost = isHeadLost ? .head : .nothing
    segments[open].syncedBytes = bytes
    return true
  }

  /// Writes what the kernel still has of a file in memory once more. False: it cannot be read or
  /// written.
  private func writeAgain(_ name: Text<56>, _ directory: Int32, _ range: Range<UInt64>) -> Bool {
    guard !range.isEmpty else { return true }
    let file = folder.judge(name.withCString { lx_file_open_at(directory, $0, 1) })
    guard file >= 0 else { return false }
    defer { lx_close(file) }
    var offset = range.lowerBound
    while offset < range.upperBound {
      let wanted = Int(min(UInt64(scratch.count), range.upperBound - offset))
      let count = folder.judge(lx_read_at(file, scratch.baseAddress!, wanted, offset))
      guard count > 0,
        folder.judge(lx_write_at(file, scratch.baseAddress!, Int(count), offset)) == count
      else { return false }
      offset += UInt64(count)
    }
    return true
  }
}
