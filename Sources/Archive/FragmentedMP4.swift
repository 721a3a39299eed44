import Wire

/// Walks over a fragmented MP4 (ISO/IEC 14496-12) and finds its whole parts: `ftyp`, `moov`, then
/// `moof` and `mdat` again and again.
///
/// A part is whole when its `moof` and the `mdat` behind it lie wholly in the file; where the last
/// one ends the file may be cut. The walk goes on where it stood when the file has grown. Files
/// come
/// from a card that anybody can write: sizes are never trusted beyond the file's own, and each step
/// moves at least 8 bytes forward.
public struct FragmentedMP4: Sendable {
  /// Bytes of the window that a walk needs. A `moov` or `moof` must fit: that of a part of one
  /// second takes less than 2 KiB as MediaMTX 1.20 writes it.
  public static let windowSize = 64 * 1024
  /// A box is looked at through this much of the window; mostly the next header lies in it too.
  private static let glance = 4096

  /// Behind the last whole part: 0 before `moov`.
  public private(set) var end: UInt64 = 0
  public private(set) var parts: UInt32 = 0
  /// It begins as an MP4 does.
  public private(set) var isMP4 = false
  /// It has the header of a film in front, as only a fragmented one must.
  public private(set) var hasHeader = false
  /// The box to look at next.
  private var offset: UInt64 = 0
  /// No box lies there: nothing behind it is looked at any more.
  private var isLost = false
  private var film = FilmHeader()
  private var ticks: UInt64 = 0
  /// What the fragment that awaits its media lasts.
  private var pending: UInt64?

  public init() {}

  /// What the whole parts of the film's first video track last together; without one, of the first
  /// track. 0: not known.
  public var durationMs: UInt32 {
    guard film.timescale > 0 else { return 0 }
    let scale = UInt64(film.timescale)
    let (whole, rest) = ticks.quotientAndRemainder(dividingBy: scale)
    guard whole < UInt64(UInt32.max) / 1000 else { return .max }
    return UInt32(whole * 1000 + rest * 1000 / scale)
  }

  /// What a file of `size` bytes is, all of which has been walked over.
  public func condition(size: UInt64) -> FileCondition {
    guard hasHeader, parts > 0 else { return .damaged }
    return end == size ? .whole : .unfinished
  }

  /// Walks on over at most `boxes` boxes of a file that has `size` bytes. `read` fills a buffer
  /// from
  /// an offset on and tells how many bytes it got. True: it stands at the end of what is there.
  public mutating func advance(
    size: UInt64, boxes: Int = .max, window: UnsafeMutableRawBufferPointer,
    read: (UInt64, UnsafeMutableRawBufferPointer) -> Int
  ) -> Bool {
    precondition(window.count >= FragmentedMP4.windowSize, "the window is too small")
    var view = View(window: window)
    for _ in 0..<boxes {
      guard !isLost, offset < size else { return true }
      let rest = size - offset
      guard
        let glance = view.bytes(at: offset, min(16, rest), glance: Self.glance, of: size, read)
      else { return true }
      guard let box = BoxHeader(glance) else {
        isLost = rest >= 16
        return true
      }
      guard box.size <= rest else { return true }
      guard offset > 0 || box.type == .ftyp else {
        isLost = true
        return true
      }
      switch box.type {
      case .moov, .moof:
        guard box.size <= UInt64(window.count),
          let bytes = view.bytes(at: offset, box.size, glance: Self.glance, of: size, read),
          take(box, UnsafeRawBufferPointer(rebasing: bytes[box.headerSize...]))
        else {
          isLost = true
          return true
        }
      case .mdat: takeMedia(upTo: offset + box.size)
      default:
        if box.type == .ftyp { isMP4 = true }
        if hasHeader, pending == nil { end = offset + box.size }
      }
      offset += box.size
    }
    return false
  }

  private mutating func take(_ box: BoxHeader, _ body: UnsafeRawBufferPointer) -> Bool {
    if box.type == .moov {
      guard !hasHeader, let film = FilmHeader(body) else { return false }
      self.film = film
      hasHeader = true
      end = offset + box.size
      return true
    }
    guard hasHeader, pending == nil, let ticks = film.ticks(ofFragment: body) else { return false }
    pending = ticks
    return true
  }

  private mutating func takeMedia(upTo end: UInt64) {
    guard let pending else { return }
    parts &+= 1
    let (sum, overflow) = ticks.addingReportingOverflow(pending)
    ticks = overflow ? .max : sum
    self.pending = nil
    self.end = end
  }
}

/// What the window shows of the file.
private struct View {
  let window: UnsafeMutableRawBufferPointer
  private var start: UInt64 = 0
  private var count = 0

  init(window: UnsafeMutableRawBufferPointer) { self.window = window }

  /// `wanted` bytes at an offset, which lie in the file and fit the window. nil: they cannot be
  /// read.
  mutating func bytes(
    at offset: UInt64, _ wanted: UInt64, glance: Int, of size: UInt64,
    _ read: (UInt64, UnsafeMutableRawBufferPointer) -> Int
  ) -> UnsafeRawBufferPointer? {
    let wanted = Int(wanted)
    if offset < start || offset - start > UInt64(count)
      || count - Int(offset - start) < wanted
    {
      start = offset
      count = 0
      let aim = Int(min(UInt64(max(wanted, glance)), size - offset))
      while count < wanted {
        let rest = UnsafeMutableRawBufferPointer(rebasing: window[count..<aim])
        let got = read(offset + UInt64(count), rest)
        guard got > 0, got <= rest.count else { return nil }
        count += got
      }
    }
    let from = Int(offset - start)
    return UnsafeRawBufferPointer(rebasing: window[from..<from + wanted])
  }
}
