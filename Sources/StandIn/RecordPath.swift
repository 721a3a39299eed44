import CLinux

/// A `recordPath` with its placeholders, extension included.
struct RecordPath {
  private enum Piece {
    case text([UInt8])
    case path
    /// `Y m d H M S f s`: a number of this many digits; epoch seconds have any number.
    case field(UInt8, digits: Int)
  }

  private let pieces: [Piece]

  init(_ pattern: String) {
    var pieces: [Piece] = []
    var text: [UInt8] = []
    let bytes = Array(pattern.utf8)
    var position = 0
    while position < bytes.count {
      let rest = bytes[position...]
      if rest.starts(with: "%path".utf8) {
        pieces += [.text(text), .path]
        text = []
        position += 5
      } else if bytes[position] == UInt8(ascii: "%"), position + 1 < bytes.count,
        let digits = RecordPath.digits(bytes[position + 1])
      {
        pieces += [.text(text), .field(bytes[position + 1], digits: digits)]
        text = []
        position += 2
      } else {
        text.append(bytes[position])
        position += 1
      }
    }
    self.pieces = pieces + [.text(text)]
  }

  private static func digits(_ field: UInt8) -> Int? {
    switch field {
    case UInt8(ascii: "Y"): 4
    case UInt8(ascii: "m"), UInt8(ascii: "d"), UInt8(ascii: "H"), UInt8(ascii: "M"),
      UInt8(ascii: "S"):
      2
    case UInt8(ascii: "f"): 6
    case UInt8(ascii: "s"): 0
    default: nil
    }
  }

  /// The folder under which all its files lie.
  var folder: String {
    guard case .text(let text) = pieces[0],
      let slash = text.lastIndex(of: UInt8(ascii: "/"))
    else { return "." }
    return slash == 0 ? "/" : String(decoding: text[..<slash], as: UTF8.self)
  }

  /// The file of a segment that starts at a time (nanoseconds since 1970).
  func name(path: String, start: Nanoseconds) -> String {
    let time = CivilTime(sinceEpoch: start)
    var name = ""
    for piece in pieces {
      switch piece {
      case .text(let text): name += String(decoding: text, as: UTF8.self)
      case .path: name += path
      case .field(let field, let digits):
        switch field {
        case UInt8(ascii: "Y"): name += padded(time.year, digits)
        case UInt8(ascii: "m"): name += padded(time.month, digits)
        case UInt8(ascii: "d"): name += padded(time.day, digits)
        case UInt8(ascii: "H"): name += padded(time.hour, digits)
        case UInt8(ascii: "M"): name += padded(time.minute, digits)
        case UInt8(ascii: "S"): name += padded(time.second, digits)
        case UInt8(ascii: "f"): name += padded(time.nanosecond / 1000, digits)
        default: name += String(start / second)
        }
      }
    }
    return name
  }

  /// The path and start that a file's name tells; nil if the name does not fit.
  func parse(_ name: String) -> (path: String, start: Nanoseconds)? {
    let bytes = Array(name.utf8)
    var position = 0
    var path: String?
    var time = CivilTime(year: 1970)
    var epoch: Nanoseconds?
    for (index, piece) in pieces.enumerated() {
      switch piece {
      case .text(let text):
        guard bytes[position...].starts(with: text) else { return nil }
        position += text.count
      case .path:
        // It reaches to the text behind it; a name with slashes needs the last such place.
        guard let end = endOfPath(bytes, position, piece: index) else { return nil }
        let found = String(decoding: bytes[position..<end], as: UTF8.self)
        if let path, path != found { return nil }
        path = found
        position = end
      case .field(let field, let digits):
        var end = position
        while end < bytes.count, isDigit(bytes[end]), digits == 0 || end < position + digits {
          end += 1
        }
        guard end - position >= max(1, digits),
          let value = Int64(String(decoding: bytes[position..<end], as: UTF8.self))
        else { return nil }
        switch field {
        case UInt8(ascii: "Y"): time.year = value
        case UInt8(ascii: "m"): time.month = value
        case UInt8(ascii: "d"): time.day = value
        case UInt8(ascii: "H"): time.hour = value
        case UInt8(ascii: "M"): time.minute = value
        case UInt8(ascii: "S"): time.second = value
        case UInt8(ascii: "f"): time.nanosecond = value * 1000
        default: epoch = value * second
        }
        position = end
      }
    }
    guard position == bytes.count, let path, (1...12).contains(time.month) else { return nil }
    return (path, epoch.map { $0 + time.nanosecond } ?? time.sinceEpoch)
  }

  private func endOfPath(_ bytes: [UInt8], _ start: Int, piece: Int) -> Int? {
    guard piece + 1 < pieces.count, case .text(let next) = pieces[piece + 1], !next.isEmpty else {
      return nil
    }
    // The slash that ends the path is the last one that leaves as many as the pattern has.
    let slashes = pieces[(piece + 1)...].reduce(0) {
      if case .text(let text) = $1 { $0 + text.count { $0 == UInt8(ascii: "/") } } else { $0 }
    }
    var end = bytes.count - next.count
    while end > start {
      if bytes[end...].starts(with: next),
        bytes[end...].count(where: { $0 == UInt8(ascii: "/") }) == slashes
      {
        return end
      }
      end -= 1
    }
    return nil
  }
}

/// The recordings that lie on the disk.
enum RecordingStore {
  struct Segment {
    var path: String
    var start: Nanoseconds
    var file: String
  }

  private static let maximumFiles = 4096
  private static let maximumDepth = 8

  /// Every segment that a configuration's patterns find, sorted by path and start.
  static func segments(_ configuration: Configuration.Effective) -> [Segment] {
    var patterns: [String] = []
    for path in configuration.paths {
      let settings = Path.Settings(path.values)
      let pattern = settings.recordPath + settings.fileExtension
      if !patterns.contains(pattern) { patterns.append(pattern) }
    }
    var segments: [Segment] = []
    for pattern in patterns {
      let recordPath = RecordPath(pattern)
      var files: [String] = []
      collect(recordPath.folder, depth: 0, into: &files)
      for file in files {
        guard let (path, start) = recordPath.parse(file),
          let owner = configuration.path(for: path)
        else { continue }
        let settings = Path.Settings(owner.values)
        guard settings.recordPath + settings.fileExtension == pattern else { continue }
        segments.append(Segment(path: path, start: start, file: file))
      }
    }
    segments.sort { $0.path == $1.path ? $0.start < $1.start : $0.path < $1.path }
    return segments
  }

  private static func collect(_ folder: String, depth: Int, into files: inout [String]) {
    guard depth < maximumDepth, let handle = si_open_folder(folder) else { return }
    defer { si_close_folder(handle) }
    var name = [CChar](repeating: 0, count: 256)
    while files.count < maximumFiles {
      let kind = si_next_entry(handle, &name, name.count)
      if kind == 0 { return }
      let bytes = name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
      let entry = folder + (folder == "/" ? "" : "/") + String(decoding: bytes, as: UTF8.self)
      if kind == 2 { collect(entry, depth: depth + 1, into: &files) } else { files.append(entry) }
    }
  }
}
