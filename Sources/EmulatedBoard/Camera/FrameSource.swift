import Foundation

/// Where a camera's pictures come from.
public protocol FrameSource: Sendable {
  /// A stream begins: the next frame is its first.
  mutating func start(_ selection: StreamSelection)
  /// The frame with this number. Numbers count from 0 at plugging and never go back.
  mutating func frame(_ number: UInt64) -> [UInt8]
}

/// Why files cannot serve as pictures.
public enum FrameSourceError: Error, CustomStringConvertible {
  case noPictures(folder: String)
  case unreadable(file: String)
  case noAccessUnits(file: String)

  public var description: String {
    switch self {
    case .noPictures(let folder):
      "there are no .jpg or .jpeg files in \(folder)"
    case .unreadable(let file):
      "\(file) cannot be read"
    case .noAccessUnits(let file):
      "\(file) holds no H.264 pictures in Annex B form (ffmpeg: -c copy -f h264)"
    }
  }
}

/// Colour bars with the frame's number in large digits. Each picture carries a JPEG comment
/// `watchpost-frame NUMBER realtime NANOSECONDS monotonic NANOSECONDS` with the moment at which it
/// was made, by the host's clocks.
public struct TestPattern: FrameSource {
  private var canvas: MosaicJPEG
  private var background: [UInt8] = []

  public init() { canvas = MosaicJPEG(size: FrameSize(width: 640, height: 480)) }

  public mutating func start(_ selection: StreamSelection) {
    canvas = MosaicJPEG(size: selection.size)
    background = canvas.code(row: Self.bars(columns: canvas.columns))
  }

  public mutating func frame(_ number: UInt64) -> [UInt8] {
    let comment =
      "watchpost-frame \(number)"
      + " realtime \(nanoseconds(of: CLOCK_REALTIME))"
      + " monotonic \(nanoseconds(of: CLOCK_MONOTONIC))"
    var rows = [[UInt8]](repeating: background, count: canvas.rows)
    let scale = max(1, canvas.columns / Self.columnsPerScale)
    let top = (canvas.rows - Digits.height * scale) / 2
    if top >= 0, canvas.columns >= Digits.count * (Digits.width + 1) {
      for line in 0..<Digits.height {
        let coded = canvas.code(row: row(of: number, line: line, scale: scale))
        for copy in 0..<scale { rows[top + line * scale + copy] = coded }
      }
    }
    return canvas.picture(comment: comment, codedRows: rows)
  }

  /// Digits get twice as large with every so many columns.
  private static let columnsPerScale = 32

  private func row(of number: UInt64, line: Int, scale: Int) -> [MosaicColour] {
    var row = Self.bars(columns: canvas.columns)
    let dots = Digits.line(line, of: number)
    let left = (canvas.columns - dots.count * scale) / 2
    for (position, dot) in dots.enumerated() {
      for copy in 0..<scale where left + position * scale + copy >= 0 {
        row[left + position * scale + copy] = dot ? .white : .black
      }
    }
    return row
  }

  /// The eight bars of the usual test picture: white, yellow, cyan, green, magenta, red, blue,
  /// black.
  private static func bars(columns: Int) -> [MosaicColour] {
    let colours: [MosaicColour] = [
      .white, .init(y: 226, cb: 1, cr: 148), .init(y: 179, cb: 170, cr: 1),
      .init(y: 150, cb: 44, cr: 21), .init(y: 105, cb: 212, cr: 235),
      .init(y: 76, cb: 85, cr: 255), .init(y: 29, cb: 255, cr: 107), .black,
    ]
    return (0..<columns).map { colours[$0 * colours.count / columns] }
  }
}

/// Digits of 3 x 5 dots.
private enum Digits {
  static let width = 3
  static let height = 5
  /// Digits shown; a longer number shows its last ones.
  static let count = 6

  /// Rows of a digit from top to bottom, three bits each.
  private static let shapes: [[UInt8]] = [
    [7, 5, 5, 5, 7], [2, 6, 2, 2, 7], [7, 1, 7, 4, 7], [7, 1, 7, 1, 7], [5, 5, 7, 1, 1],
    [7, 4, 7, 1, 7], [7, 4, 7, 5, 7], [7, 1, 2, 2, 2], [7, 5, 7, 5, 7], [7, 5, 7, 1, 7],
  ]

  /// One line of the number's digits as dots, with an empty column after each digit.
  static func line(_ line: Int, of number: UInt64) -> [Bool] {
    var digits: [Int] = []
    var rest = number
    for _ in 0..<count {
      digits.insert(Int(rest % 10), at: 0)
      rest /= 10
    }
    var dots: [Bool] = []
    for digit in digits {
      let shape = shapes[digit][line]
      for column in (0..<width).reversed() { dots.append(shape >> column & 1 == 1) }
      dots.append(false)
    }
    return dots
  }
}

/// JPEG files of a folder, in the order of their names, over and over. They are sent as they are.
public struct JPEGFolder: FrameSource {
  private let pictures: [[UInt8]]
  private var next = 0

  /// Reads the folder's `.jpg` and `.jpeg` files.
  public init(_ folder: String) throws(FrameSourceError) {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    let chosen = names.filter {
      let name = $0.lowercased()
      return name.hasSuffix(".jpg") || name.hasSuffix(".jpeg")
    }
    guard !chosen.isEmpty else { throw .noPictures(folder: folder) }
    var pictures: [[UInt8]] = []
    for name in chosen.sorted() { pictures.append(try readFile("\(folder)/\(name)")) }
    self.pictures = pictures
  }

  public mutating func start(_ selection: StreamSelection) { next = 0 }

  public mutating func frame(_ number: UInt64) -> [UInt8] {
    defer { next = (next + 1) % pictures.count }
    return pictures[next]
  }
}

/// The access units of an H.264 byte stream, over and over. A stream always begins with the first,
/// which is the one that a decoder can start at.
public struct AnnexBFile: FrameSource {
  private let units: [[UInt8]]
  private var next = 0

  public init(_ file: String) throws(FrameSourceError) {
    units = AnnexB.accessUnits(of: try readFile(file))
    guard !units.isEmpty else { throw .noAccessUnits(file: file) }
  }

  public mutating func start(_ selection: StreamSelection) { next = 0 }

  public mutating func frame(_ number: UInt64) -> [UInt8] {
    defer { next = (next + 1) % units.count }
    return units[next]
  }
}

private func readFile(_ path: String) throws(FrameSourceError) -> [UInt8] {
  guard let data = FileManager.default.contents(atPath: path) else {
    throw .unreadable(file: path)
  }
  return [UInt8](data)
}

private func nanoseconds(of clock: clockid_t) -> Int64 {
  var now = timespec()
  clock_gettime(clock, &now)
  return Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec)
}
