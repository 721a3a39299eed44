import Foundation

/// A line chart as SVG, which scales with its page.
///
/// Lines differ by dashes and shapes as well as by colour (`LineLook`). There is no library for
/// that in Swift that needs no network and no script, and a report needs no more than this.
struct Chart {
  struct Line {
    var name: String
    /// Ascending in x. What no axis could show is left out: see `Chart.farthest`.
    var points: [(x: Double, y: Double)]
    /// Measured by the scale on the right.
    var isRight = false
  }

  enum Scale {
    case linear
    case logarithmic
  }

  /// What is written at the places of an axis.
  enum Labels {
    case numbers
    /// Durations, each in the unit that suits it; the values are milliseconds.
    case durations
  }

  /// Two of them side by side fill a page, and one fills a telephone.
  static let size = (width: 560.0, height: 304.0)
  private static let frame = (left: 68.0, right: 68.0, top: 32.0, bottom: 56.0)
  /// What a device tells may be any number. Farther from zero, neighbours of a Double lie too far
  /// apart to divide an axis.
  static let farthest = 1e15
  /// Points of a line at most; of more, the extremes are kept.
  static let points = 600

  var id: String
  var title: String
  var xUnit: String
  /// Empty: the labels tell.
  var yUnit: String
  var rightUnit = ""
  var yLabels = Labels.numbers
  var rightLabels = Labels.numbers
  var lines: [Line]
  var xScale = Scale.linear
  var yScale = Scale.linear
  /// What stands at places of the x axis instead of numbers.
  var xNames: [(x: Double, name: String)] = []
  /// Places that are marked, with a word.
  var marks: [(x: Double, name: String)] = []

  /// nil: there is nothing to be seen.
  var svg: String? {
    let drawn = lines.map { line in
      var line = line
      let scale = line.isRight ? .linear : yScale
      line.points = Chart.thinned(
        line.points.filter { visible($0.x, xScale) && visible($0.y, scale) })
      return line
    }.filter { !$0.points.isEmpty }
    guard !drawn.isEmpty else { return nil }
    let marks = marks.filter { visible($0.x, xScale) }
    let x = Axis(drawn.flatMap(\.points).map(\.x) + marks.map(\.x), xScale, startsAtZero: false)
    let left = Axis(drawn.filter { !$0.isRight }.flatMap(\.points).map(\.y), yScale)
    let right = Axis(drawn.filter(\.isRight).flatMap(\.points).map(\.y), .linear)
    let hasRight = drawn.contains(where: \.isRight)
    var text = """
      <svg id="\(id)" viewBox="0 0 \(Int(Chart.size.width)) \(Int(Chart.size.height))" role="img" \
      aria-label="\(escaped(title))"><title>\(escaped(title))</title>
      """
    text += grid(x, left, hasRight ? right : nil)
    for (index, line) in drawn.enumerated() {
      text += path(line, index, x, line.isRight ? right : left)
    }
    return text + words(marks, x) + "</svg>" + legend(drawn)
  }

  private func visible(_ value: Double, _ scale: Scale) -> Bool {
    abs(value) <= Chart.farthest && (scale == .linear || value > 0)
  }

  // MARK: Places

  private var bottom: Double { Chart.size.height - Chart.frame.bottom }
  private func along(_ share: Double) -> Double {
    Chart.frame.left + share * (Chart.size.width - Chart.frame.left - Chart.frame.right)
  }
  private func horizontal(_ share: Double) -> String { number(along(share)) }
  private func height(_ share: Double) -> Double {
    bottom - share * (bottom - Chart.frame.top)
  }
  private func vertical(_ share: Double) -> String { number(height(share)) }
  private func number(_ value: Double) -> String { String(format: "%.1f", value) }

  // MARK: Parts

  private func grid(_ x: Axis, _ left: Axis, _ right: Axis?) -> String {
    let (start, end) = (horizontal(0), horizontal(1))
    var text = ""
    for (tick, label) in left.labels(yLabels) {
      let y = vertical(left.share(tick))
      text += """
        <line class="grid" x1="\(start)" y1="\(y)" x2="\(end)" y2="\(y)"/>\
        <text class="y" x="\(Chart.frame.left - 6)" y="\(y)">\(label)</text>
        """
    }
    if let right {
      for (tick, label) in right.labels(rightLabels) {
        text += """
          <text class="r" x="\(Chart.size.width - Chart.frame.right + 6)" \
          y="\(vertical(right.share(tick)))">\(label)</text>
          """
      }
      text += "<text class=\"end\" x=\"\(Chart.size.width)\" y=\"16\">\(escaped(rightUnit))</text>"
    }
    let names = xNames.isEmpty ? x.labels(.numbers) : xNames
    for (place, name) in names where (0...1).contains(x.share(place)) {
      text += """
        <text class="x" x="\(horizontal(x.share(place)))" y="\(bottom + 14)">\(escaped(name))</text>
        """
    }
    text +=
      "<text class=\"x\" x=\"\(horizontal(0.5))\" y=\"\(bottom + 34)\">\(escaped(xUnit))</text>"
    text += "<text x=\"0\" y=\"16\">\(escaped(yUnit))</text>"
    return text
  }

  /// Marks with their words in two rows. A word without a place in either is left out, for on a
  /// telephone letters are large.
  private func words(_ marks: [(x: Double, name: String)], _ x: Axis) -> String {
    let letter = 8.5
    var taken: [[ClosedRange<Double>]] = [[], []]
    var text = ""
    for mark in marks {
      let share = x.share(mark.x)
      let place = along(share)
      text += """
        <line class="mark" x1="\(number(place))" y1="\(Chart.frame.top)" x2="\(number(place))" \
        y2="\(bottom)"/>
        """
      let name = mark.name.count > 24 ? mark.name.prefix(23) + "…" : mark.name
      let width = Double(name.count) * letter
      let room = share > 0.7 ? place - width...place : place...place + width
      guard let row = taken.indices.first(where: { !taken[$0].contains { $0.overlaps(room) } })
      else { continue }
      taken[row].append(room)
      text += """
        <text class="word\(share > 0.7 ? " end" : "")" x="\(number(place))" \
        y="\(Chart.frame.top + 10 + 17 * Double(row))">\(escaped(name))</text>
        """
    }
    return text
  }

  private func path(_ line: Line, _ index: Int, _ x: Axis, _ y: Axis) -> String {
    let look = LineLook(index, points: line.points.count)
    let all = line.points.map { (x: x.share($0.x), y: y.share($0.y)) }
    let shapes = LineLook.places(all.count).map { all[$0] }
    let drawn = shapes.map { look.shape(along($0.x).rounded(), height($0.y).rounded()) }.joined()
    guard all.count > 1 else { return drawn }
    let places = all.map { "\(horizontal($0.x)),\(vertical($0.y))" }.joined(separator: " ")
    return "<polyline class=\"\(look.style)\"\(look.dashes) points=\"\(places)\"/>" + drawn
  }

  private func legend(_ drawn: [Line]) -> String {
    let entries = drawn.enumerated().map { index, line in
      let look = LineLook(index, points: line.points.count)
      // Where all have one axis, nobody asks which.
      let axis = line.isRight && drawn.contains { !$0.isRight } ? " (right scale)" : ""
      return """
        <span><svg class="key" viewBox="0 0 36 10"><line class="\(look.style)" x1="0" y1="5" \
        x2="36" y2="5"\(look.dashes)/>\(look.shape(18, 5))</svg> \
        \(escaped(line.name))\(axis)</span>
        """
    }
    return "<p class=\"legend\">\(entries.joined(separator: " "))</p>"
  }

  /// At most `points` of them: of each stretch, the lowest and the highest.
  static func thinned(_ all: [(x: Double, y: Double)]) -> [(x: Double, y: Double)] {
    guard all.count > points else { return all }
    let stretches = points / 2
    return (0..<stretches).flatMap { stretch -> [(x: Double, y: Double)] in
      let part = all[all.count * stretch / stretches..<all.count * (stretch + 1) / stretches]
      guard let low = part.min(by: { $0.y < $1.y }), let high = part.max(by: { $0.y < $1.y }) else {
        return []
      }
      return low.x <= high.x ? [low, high] : [high, low]
    }
  }
}

/// A range of values and the round ones in it.
struct Axis {
  let low: Double
  let high: Double
  let scale: Chart.Scale
  let ticks: [Double]

  init(_ values: [Double], _ scale: Chart.Scale, startsAtZero: Bool = true) {
    self.scale = scale
    let least = values.min() ?? 0
    let most = values.max() ?? 1
    switch scale {
    case .logarithmic:
      let first = log10(max(least, 1e-9)).rounded(.down)
      let last = max(first + 1, log10(max(most, 1e-9)).rounded(.up))
      (low, high) = (pow(10, first), pow(10, last))
      // On a telephone there is no room for more.
      let apart = ((last - first) / 8).rounded(.up)
      ticks = stride(from: first, through: last, by: apart).map { pow(10, $0) }
    case .linear:
      // From nearly zero on, it is zero that somebody looks for.
      let isNear = startsAtZero || least >= 0 && least < most / 4
      let start = isNear ? min(0, least) : least
      // Less than a billionth is none.
      let span = most - start > 1e-9 * max(1, abs(most)) ? most - start : 1
      let step = Axis.step(span / 5)
      low = startsAtZero ? (start / step).rounded(.down) * step : start
      high = startsAtZero ? max(low + step, (most / step).rounded(.up) * step) : start + span
      let (first, top) = ((low / step).rounded(.up) * step, high)
      ticks = (0...12).map { first + Double($0) * step }.filter { $0 <= top + step * 1e-6 }
    }
  }

  /// The next round number: 1, 2 or 5 times a power of ten.
  static func step(_ value: Double) -> Double {
    let power = pow(10, log10(value).rounded(.down))
    return ([1, 2, 5, 10].first { $0 * power >= value * 0.999 } ?? 10) * power
  }

  func labels(_ kind: Chart.Labels) -> [(x: Double, name: String)] {
    let apart = scale == .linear && ticks.count > 1 ? ticks[1] - ticks[0] : .infinity
    return ticks.map { tick in
      let tick = scale == .linear && abs(tick) < apart * 1e-6 ? 0 : tick
      return switch kind {
      case .numbers: (tick, Figures.tick(tick, most: high, apart: apart))
      case .durations: (tick, Figures.tick(milliseconds: tick))
      }
    }
  }

  /// Where a value lies, 0 … 1.
  func share(_ value: Double) -> Double {
    switch scale {
    case .linear: (value - low) / (high - low)
    case .logarithmic: (log10(max(value, low)) - log10(low)) / (log10(high) - log10(low))
    }
  }
}

/// Foreign text as HTML.
func escaped(_ text: String) -> String {
  var result = ""
  for character in text.unicodeScalars {
    switch character {
    case "&": result += "&amp;"
    case "<": result += "&lt;"
    case ">": result += "&gt;"
    case "\"": result += "&quot;"
    case "'": result += "&#39;"
    case "\t", "\n": result.unicodeScalars.append(character)
    // Those that steer are none of HTML's.
    default: result.unicodeScalars.append(printable(character))
    }
  }
  return result
}

/// Foreign text for a terminal: it steers nothing, and has one line.
func printable(_ text: String) -> String {
  String(String.UnicodeScalarView(text.unicodeScalars.map(printable)))
}

/// Control characters, and those that turn the direction of what follows, are replaced.
private func printable(_ character: Unicode.Scalar) -> Unicode.Scalar {
  switch character {
  case "\t", "\n": " "
  case "\u{0}"..."\u{1F}", "\u{7F}"..."\u{9F}", "\u{2028}"..."\u{202E}",
    "\u{2066}"..."\u{2069}":
    "\u{FFFD}"
  default: character
  }
}
