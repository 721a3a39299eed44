import Wire

/// Files of a device, page by page as far as they are wanted.
public struct FileListing: Sendable {
  public private(set) var files: [FileEntry] = []
  /// Files of the device in all, whatever was asked for.
  public private(set) var known: UInt32 = 0
  /// Where to go on; 0: there are no more.
  public private(set) var nextCursor: UInt64 = 0
}

extension ControlConnection {
  /// The first `count` files that `request` matches, from its cursor on.
  public func files(_ request: FileListRequest, upTo count: Int) async throws -> FileListing {
    var listing = FileListing()
    var request = request
    repeat {
      request.limit = UInt16(min(count - listing.files.count, Limits.files))
      let page = try await files(request)
      guard listing.take(page, after: request) else {
        throw ControlError.malformedAnswer(.fileList)
      }
      request.cursor = page.head.nextCursor
    } while listing.nextCursor != 0 && listing.files.count < count
    return listing
  }
}

extension FileListing {
  /// Adds a page. False: it has more files than were asked for, or there is to be another page
  /// although this one leads nowhere, so that the listing would never end.
  mutating func take(_ page: FilePage, after request: FileListRequest) -> Bool {
    known = page.head.known
    nextCursor = page.head.nextCursor
    files += page.files
    guard page.files.count <= request.bound else { return false }
    return nextCursor == 0 || (nextCursor != request.cursor && !page.files.isEmpty)
  }
}
