// Snapshots are files for people's programs, which want the Huffman tables that cameras leave out.

extension JPEGPicture {
  /// Bytes of the two standard tables of each class in one DHT segment.
  public static let completionSize = 420

  /// Bytes of the complete picture: `end`, and the tables where they are missing.
  public var completedSize: Int {
    end + (huffmanTables == .implied ? JPEGPicture.completionSize : 0)
  }

  /// Copies the picture from `bytes` to the front of `buffer`, with the standard tables before its
  /// scan where it has none; otherwise every byte is the camera's own. Returns `completedSize`, for
  /// which `buffer` must have room.
  public func complete(
    _ bytes: UnsafeRawBufferPointer, into buffer: UnsafeMutableRawBufferPointer
  ) -> Int {
    fatalError()
  }
}
