/// How a line of a chart is told from the others, in print and by who sees no colours, too.
///
/// The first five differ by their dashes; those after them have the same dashes with shapes. What
/// is one point has no dashes, so it has a shape from the first on.
struct LineLook: Equatable {
  private static let allDashes = ["", "7 4", "2 4", "10 3 2 3", "1 3"]
  /// Shapes on a line at most.
  private static let shapes = 8

  private enum Shape: Int, CaseIterable {
    case circle, square, triangle, diamond
  }

  private let colour: Int
  private let shape: Shape?

  init(_ index: Int, points: Int) {
    colour = index % Self.allDashes.count
    let ordinal = points > 1 ? index / Self.allDashes.count - 1 : index
    shape = ordinal < 0 ? nil : Shape(rawValue: ordinal % Shape.allCases.count)
  }

  /// The class of its colour.
  var style: String { "c\(colour)" }

  var dashes: String {
    let dash = Self.allDashes[colour]
    return dash.isEmpty ? "" : " stroke-dasharray=\"\(dash)\""
  }

  /// Which of so many points bear the shape.
  static func places(_ count: Int) -> [Int] {
    count <= shapes ? Array(0..<count) : (0..<shapes).map { ($0 * 2 + 1) * count / (shapes * 2) }
  }

  /// Empty: it has none.
  func shape(_ x: Double, _ y: Double) -> String {
    func polygon(_ corners: [(Double, Double)]) -> String {
      let points = corners.map { "\(x + $0.0),\(y + $0.1)" }.joined(separator: " ")
      return "<polygon class=\"\(style)\" points=\"\(points)\"/>"
    }
    return switch shape {
    case nil: ""
    case .circle: "<circle class=\"\(style)\" cx=\"\(x)\" cy=\"\(y)\" r=\"4\"/>"
    case .square: polygon([(-4, -4), (4, -4), (4, 4), (-4, 4)])
    case .triangle: polygon([(0, -5), (5, 4), (-5, 4)])
    case .diamond: polygon([(0, -5), (5, 0), (0, 5), (-5, 0)])
    }
  }
}
