import Wire

/// An answer that comes in one frame or more: a picture, or what `BulkPart` carries.
struct PartedAnswer {
  private enum Layout { case snapshot, bulk }

  private let layout: Layout
  /// Of a picture the first part's head, then the bytes of all parts; else the bytes alone.
  private(set) var bytes: [UInt8] = []
  /// Bytes that have come; not the same as those in `bytes`, which may begin with a head.
  private var held = 0

  /// nil: answers of this kind are single frames.
  init?(to kind: Kind) {
    switch kind {
    case .snapshot: layout = .snapshot
    case .fileList, .fileRead: layout = .bulk
    default: return nil
    }
  }

  /// Adds a part. True: it was the last one. Throws where it does not follow the others.
  mutating func take(_ payload: [UInt8]) throws -> Bool {
    switch layout {
    case .snapshot:
      let part = try payload.withUnsafeBytes { try SnapshotPart.open($0).0 }
      if held == 0 { bytes = Array(payload.prefix(SnapshotPart.size)) }
      try append(payload.dropFirst(SnapshotPart.size), at: part.offset, of: part.total)
      return part.isLast
    case .bulk:
      let part = try payload.withUnsafeBytes { try BulkPart.open($0).0 }
      try append(payload.dropFirst(BulkPart.size), at: part.offset, of: part.total)
      return part.isLast
    }
  }

  private mutating func append(
    _ part: ArraySlice<UInt8>, at offset: UInt32, of total: UInt32
  ) throws {
    guard Int(offset) == held else { throw Status.malformed }
    // The bound of `total` is that of the layout, which `open` has checked.
    if held == 0 { bytes.reserveCapacity(bytes.count + Int(total)) }
    bytes += part
    held += part.count
  }
}
