@testable import EmulatedBoard

/// A JPEG picture as its markers tell it (ITU-T T.81, Annex B).
struct JPEGOutline {
  /// Segments before the scan's data in their order, without marker and length.
  private(set) var segments: [(marker: UInt8, body: [UInt8])] = []
  /// Low bits of the restart markers in the scan, in their order.
  private(set) var restarts: [UInt8] = []
  /// The scan is followed by an end of image, and that by nothing.
  private(set) var isComplete = false

  /// Nil for what does not begin as a picture, or is cut before its scan.
  init?(_ picture: [UInt8]) {
    guard picture.starts(with: [0xFF, JPEG.startOfImage]) else { return nil }
    var index = 2
    while segments.last?.marker != JPEG.startOfScan {
      guard index + 4 <= picture.count, picture[index] == 0xFF else { return nil }
      let end = index + 2 + (Int(picture[index + 2]) << 8 | Int(picture[index + 3]))
      guard end >= index + 4, end <= picture.count else { return nil }
      segments.append((picture[index + 1], Array(picture[index + 4..<end])))
      index = end
    }
    while index + 1 < picture.count {
      switch (picture[index], picture[index + 1]) {
      case (0xFF, 0xD0...0xD7): restarts.append(picture[index + 1] & 7)
      case (0xFF, 0): break
      case (0xFF, JPEG.endOfImage): isComplete = index + 2 == picture.count
      case (0xFF, _): return nil
      default: break
      }
      index += 1
    }
  }

  func bodies(_ marker: UInt8) -> [[UInt8]] { segments.filter { $0.marker == marker }.map(\.body) }

  var comments: [String] { bodies(JPEG.comment).map { String(decoding: $0, as: UTF8.self) } }
}
