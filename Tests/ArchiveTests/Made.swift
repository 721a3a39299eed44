import Wire

@testable import Archive

/// Records and catalogs for tests.
enum Made {
  static func text<let capacity: Int>(_ string: String) -> Text<capacity> {
    var string = string
    return string.withUTF8 { Text(UnsafeRawBufferPointer($0)) }
  }

  static func entry(_ id: UInt64, camera: String = "cam-1", boot: UInt32 = 3) -> FileEntry {
    var entry = FileEntry()
    entry.id = id
    entry.state = Code(.complete)
    entry.recording = 4
    entry.bytes = 1000 + id
    entry.startedMs = id * 60_000
    entry.durationMs = 60_000
    entry.boot = boot
    entry.camera = text(camera)
    entry.name = text("1970-01-01_00-00-00-000000_03000000-\(id).mp4")
    return entry
  }

  static func bytes(_ records: [IndexRecord]) -> [UInt8] {
    records.flatMap { record in
      [UInt8](unsafeUninitializedCapacity: IndexRecord.size) { buffer, count in
        record.encode(into: UnsafeMutableRawBufferPointer(buffer))
        count = IndexRecord.size
      }
    }
  }
}

/// Its argument: the macros of the tests would take a call on a catalog apart, which they cannot
/// copy.
func told<Value>(_ value: Value) -> Value { value }

/// Owns the memory of a catalog.
final class CatalogMemory {
  let bytes = UnsafeMutableRawBufferPointer.allocate(
    byteCount: Catalog.memorySize, alignment: 16)

  func catalog() -> Catalog {
    bytes.initializeMemory(as: UInt8.self, repeating: 0)
    return Catalog(bytes)
  }

  deinit { bytes.deallocate() }
}

extension Catalog {
  /// The entries of a page, and its head.
  func list(_ change: (inout FileListRequest) -> Void = { _ in }) -> (FileListHead, [FileEntry]) {
    var request = FileListRequest()
    change(&request)
    return withUnsafeTemporaryAllocation(byteCount: Catalog.pageSize, alignment: 8) { memory in
      let count = page(request, into: memory)
      let page = UnsafeRawBufferPointer(rebasing: memory[..<count])
      guard let (head, rest) = try? FileListHead.open(page) else {
        return (FileListHead(nextCursor: .max, known: 0, count: 0), [])
      }
      var reader = rest
      return (head, (0..<Int(head.count)).map { _ in FileEntry(from: &reader) })
    }
  }
}
