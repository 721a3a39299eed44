import Wire

extension Catalog {
  /// Bytes of the largest page.
  public static let pageSize = FileListHead.size(count: Limits.files)

  /// What the protocol tells of the file at a place.
  public func entry(_ place: Int) -> FileEntry {
    var entry = FileEntry()
    entry.id = self[place].id
    entry.kind = Code(self[place].kind)
    entry.state = Code(self[place].isUnchecked ? .unchecked : self[place].state)
    entry.afterGap = self[place].afterGap
    entry.recording = self[place].recording
    entry.bytes = self[place].bytes
    entry.unixMs = self[place].unixMs
    entry.startedMs = self[place].startedMs
    entry.durationMs = self[place].durationMs
    entry.boot = self[place].boot
    entry.camera = camera(self[place].camera)
    entry.name = name(place)
    return entry
  }

  public func name(_ place: Int) -> Text<56> {
    var name = Text<56>()
    for index in 0..<Int(self[place].nameCount) { name.append(self[place].name[index]) }
    return name
  }

  /// Writes the page that is asked for into `bytes`, `pageSize` of them. The number written.
  ///
  /// The cursor is the id of the page's last file. Files that come and go in between change nothing
  /// of what lies beyond it, so that no file which stays is told twice or left out. A file without
  /// a date lies within no bounds of time.
  public func page(_ request: FileListRequest, into bytes: UnsafeMutableRawBufferPointer) -> Int {
    var writer = ByteWriter(bytes)
    var head = FileListHead(nextCursor: 0, known: UInt32(totals.files), count: 0)
    head.encode(into: &writer)
    var filter = Filter(request)
    if !request.camera.isEmpty {
      guard let number = knownNumber(of: request.camera) else { return writer.count }
      filter.camera = UInt16(number)
    }
    let step = request.oldestFirst ? 1 : -1
    var place = begin(request)
    var last: UInt64 = 0
    while place >= oldest, place < used {
      if filter.takes(self[place]) {
        if Int(head.count) == request.bound {
          // There is one more: only then is there a next page.
          head.nextCursor = last
          break
        }
        entry(place).encode(into: &writer)
        last = self[place].id
        head.count += 1
      }
      place += step
    }
    var front = ByteWriter(UnsafeMutableRawBufferPointer(rebasing: bytes[..<FileListHead.size]))
    head.encode(into: &front)
    return writer.count
  }

  /// The first place that the page may tell.
  private func begin(_ request: FileListRequest) -> Int {
    if request.oldestFirst {
      return request.cursor == .max ? used : max(oldest, firstPlace(from: request.cursor + 1))
    }
    return request.cursor == 0 ? used - 1 : firstPlace(from: request.cursor) - 1
  }

  /// What a page is asked for, in the catalog's own numbers.
  private struct Filter {
    var kind: FileKind?
    var camera: UInt16?
    var fromUnixMs: UInt64
    var untilUnixMs: UInt64

    init(_ request: FileListRequest) {
      kind = request.kind
      // A file without a date has 0, and lies before any bound.
      fromUnixMs = request.untilUnixMs > 0 ? max(request.fromUnixMs, 1) : request.fromUnixMs
      untilUnixMs = request.untilUnixMs == 0 ? .max : request.untilUnixMs
    }

    func takes(_ file: borrowing CatalogFile) -> Bool {
      guard file.isThere, file.unixMs >= fromUnixMs, file.unixMs < untilUnixMs else {
        return false
      }
      if let camera, file.camera != camera { return false }
      if let kind, file.kind != kind { return false }
      return true
    }
  }
}
