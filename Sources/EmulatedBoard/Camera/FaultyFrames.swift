/// Frames that a camera spoils on their way, among good ones.
public struct FaultyFrames: Equatable, Sendable {
  /// What is wrong with them. All but `empty` keep their stamp.
  public enum Kind: String, CaseIterable, Sendable {
    /// Ends in the middle of its scan or slice; a JPEG has no end of image.
    case truncated
    /// Zero bytes: a payload header with the end-of-frame bit and nothing else. Linux passes over
    /// it, so a frame is missing.
    case empty
    /// Longer than the camera has announced (dwMaxVideoFrameSize of the commit control), which
    /// also takes the bus some tenths of a second at 720p. Linux drops it where the parameter
    /// nodrop of uvcvideo is 0, as it was by default until the end of 2024; else it hands out
    /// what has room, with an error flag.
    case oversized
    /// Bytes of the scan or slice are other ones, while markers and headers are in order.
    case corrupt
  }

  public var kind: Kind
  /// One of so many frames is faulty: the last one of them. At least 1.
  public var every: Int

  public init(_ kind: Kind, every: Int = 30) {
    precondition(every >= 1, "at most every frame is faulty")
    (self.kind, self.every) = (kind, every)
  }

  /// Whether the frame with this number is a faulty one.
  func include(_ number: UInt64) -> Bool { number % UInt64(every) == UInt64(every) - 1 }

  /// A frame as the camera sends it after spoiling it.
  /// - Parameter announced: bytes that the host has been told to make room for.
  func spoil(_ frame: [UInt8], codec: VideoCodec, announced: Int) -> [UInt8] {
    let picture = Self.codedPicture(of: frame, codec)
    switch kind {
    case .truncated:
      return Array(frame[..<(picture.lowerBound + picture.count / 2)])
    case .empty:
      return []
    case .oversized:
      // More of the same, so that nothing before the limit tells that the frame is too long.
      let filling = picture.isEmpty ? [0] : Array(frame[picture])
      var long = Array(frame[..<picture.upperBound])
      while long.count <= announced { long += filling }
      return long + frame[picture.upperBound...]
    case .corrupt:
      return corrupted(frame, in: picture)
    }
  }

  /// One byte of so many is another one.
  private static let corruptionStride = 16

  /// Changes bytes without making or breaking a marker, start code or emulation prevention: those
  /// consist of FF and what follows it, or of 0 … 3.
  private func corrupted(_ frame: [UInt8], in range: Range<Int>) -> [UInt8] {
    var bytes = frame
    func change(_ index: Int) -> Bool {
      let (old, new) = (bytes[index], bytes[index] ^ 0x55)
      let follows = index > range.lowerBound && bytes[index - 1] == 0xFF
      guard old > 3, new > 3, old != 0xFF, new != 0xFF, !follows else { return false }
      bytes[index] = new
      return true
    }
    var changes = 0
    for index in stride(from: range.upperBound - 1, through: range.lowerBound, by: -1)
    where changes * Self.corruptionStride <= range.upperBound - 1 - index {
      if change(index) { changes += 1 }
    }
    return bytes
  }

  /// Where a frame's entropy-coded data lie: a JPEG's from its first scan up to the end of image,
  /// H.264's last slice after its header byte. Empty, at the frame's end, if there are none.
  static func codedPicture(of frame: [UInt8], _ codec: VideoCodec) -> Range<Int> {
    switch codec {
    case .mjpeg:
      let ends = frame.suffix(2) == [0xFF, JPEG.endOfImage]
      let end = ends ? frame.count - 2 : frame.count
      guard let start = JPEG.startOfData(frame) else { return frame.count..<frame.count }
      return min(start, end)..<end
    case .h264:
      let units = AnnexB.nalUnits(of: frame)
      guard let slice = units.lastIndex(where: { AnnexB.isPicture(frame[$0.payload]) }) else {
        return frame.count..<frame.count
      }
      let end = slice + 1 < units.count ? units[slice + 1].start : frame.count
      return units[slice].payload + 1..<end
    }
  }
}
