/// Colour bars with the frame's number in large digits. Each picture carries a `FrameStamp` as its
/// JPEG comment.
public struct TestPattern: FrameSource {
  private let canvas: MosaicJPEG
  private let bars: [MosaicColour]
  private let background: MosaicJPEG.CodedRow

  public init(_ kind: PictureKind = .yuv420) {
    self.init(kind, size: FrameSize(width: 640, height: 480))
  }

  private init(_ kind: PictureKind, size: FrameSize) {
    canvas = MosaicJPEG(size: size, kind: kind)
    bars = Self.bars(columns: canvas.columns)
    background = canvas.code(row: bars)
  }

  public mutating func start(_ selection: StreamSelection) {
    self = TestPattern(canvas.kind, size: selection.size)
  }

  public mutating func frame(_ number: UInt64) -> [UInt8] {
    var rows = [MosaicJPEG.CodedRow](repeating: background, count: canvas.rows)
    let scale = max(1, canvas.columns / Self.columnsPerScale)
    let top = (canvas.rows - Digits.height * scale) / 2
    if top >= 0, canvas.columns >= Digits.count * (Digits.width + 1) {
      for line in 0..<Digits.height {
        let coded = canvas.code(row: row(of: number, line: line, scale: scale))
        for copy in 0..<scale { rows[top + line * scale + copy] = coded }
      }
    }
    return canvas.picture(comment: FrameStamp(number: number).text, codedRows: rows)
  }

  /// Digits get twice as large with every so many columns.
  private static let columnsPerScale = 32

  private func row(of number: UInt64, line: Int, scale: Int) -> [MosaicColour] {
    var row = bars
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
  static func bars(columns: Int) -> [MosaicColour] {
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
