import Appliance
import CLinux
import Feed
import Wire

/// A file of concatenated JPEGs or of H.264 (Annex B), played at a rate, over and over.
///
/// Only a window of the file is in memory: as much as the largest picture that there is, and a
/// little more.
struct FilePlayback {
  /// Bytes of the largest picture.
  private static let windowSize = 4 << 20
  /// Bytes read at a time.
  private static let pieceSize = 256 << 10

  private let descriptor: Int32
  private let window: UnsafeMutableRawBufferPointer
  private let intervalNs: UInt64
  /// What of the window is filled, and where the next picture begins.
  private var filled = 0
  private var next = 0
  private var fileOffset: UInt64 = 0
  private var atEnd = false
  /// Pictures since the file was begun anew: a file without one is not read for ever.
  private var pictures = 0
  private(set) var dueNs: UInt64
  private(set) var granted = CaptureMode()

  init(_ file: Configuration.PlaybackFile, nowNs: UInt64) throws(CaptureError) {
    descriptor = file.path.withCString { lx_open($0, LX_READ, 0) }
    guard descriptor >= 0, let memory = lx_reserve(FilePlayback.windowSize) else {
      throw CaptureError(failure: .unreadable, errno: descriptor < 0 ? -descriptor : 0)
    }
    window = UnsafeMutableRawBufferPointer(start: memory, count: FilePlayback.windowSize)
    let rate = max(file.rate, 1)
    intervalNs = 1_000_000_000 / UInt64(rate)
    dueNs = nowNs
    granted.intervalNumerator = 1
    granted.intervalDenominator = rate
    try read()
    guard let mode = PlaybackCamera.mode(of: UnsafeRawBufferPointer(rebasing: window[..<filled]))
    else { throw CaptureError(failure: .unreadable) }
    granted.format = mode.format
    granted.width = mode.width
    granted.height = mode.height
  }

  /// The picture that is due, nil before its time. Its bytes stay until the next one is taken.
  mutating func next(nowNs: UInt64) throws(CaptureError) -> CapturedPicture? {
    guard nowNs >= dueNs else { return nil }
    // Whoever was held up goes on from here: nothing is gained by a burst of old pictures.
    dueNs = nowNs - dueNs > intervalNs ? nowNs + intervalNs : dueNs + intervalNs
    let bytes = try take()
    return CapturedPicture(bytes: bytes, ns: nowNs, earliestNs: nowNs)
  }

  private mutating func take() throws(CaptureError) -> UnsafeRawBufferPointer {
    while true {
      let bytes = UnsafeRawBufferPointer(rebasing: window[..<filled])
      let range =
        granted.format == PlaybackCamera.h264
        ? AccessUnits.next(in: bytes, from: next) : JPEGPicture.next(in: bytes, from: next)
      // What reaches to the end of the window may go on behind it.
      if let range, range.upperBound < filled || atEnd {
        next = range.upperBound
        pictures += 1
        return UnsafeRawBufferPointer(rebasing: bytes[range])
      }
      if atEnd {
        guard pictures > 0 else { throw CaptureError(failure: .unreadable) }
        rewind()
      } else {
        makeRoom()
      }
      try read()
    }
  }

  private mutating func rewind() {
    filled = 0
    next = 0
    fileOffset = 0
    atEnd = false
    pictures = 0
  }

  private mutating func makeRoom() {
    let rest = filled - next
    window.baseAddress!.copyMemory(from: window.baseAddress! + next, byteCount: rest)
    filled = rest
    next = 0
  }

  private mutating func read() throws(CaptureError) {
    let room = min(FilePlayback.pieceSize, window.count - filled)
    // A picture that fills the window is none.
    guard room > 0 else { throw CaptureError(failure: .unreadable) }
    let count = lx_read_at(descriptor, window.baseAddress! + filled, room, fileOffset)
    guard count >= 0 else { throw CaptureError(failure: .unreadable, errno: Int32(-count)) }
    atEnd = count == 0
    filled += Int(count)
    fileOffset += UInt64(count)
  }
}
