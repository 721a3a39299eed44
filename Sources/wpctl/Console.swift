import ControlClient
import Foundation

/// Where text goes. Colour only on a terminal, and not when NO_COLOR is set (no-color.org).
enum Console {
  enum Style: String {
    case plain = "0"
    case bold = "1"
    case dim = "2"
    case red = "31"
    case green = "32"
    case yellow = "33"
  }

  static let coloured: Bool = {
    let environment = ProcessInfo.processInfo.environment
    return isatty(1) == 1 && environment["NO_COLOR", default: ""].isEmpty
      && environment["TERM"] != "dumb"
  }()

  static func styled(_ text: String, _ style: Style) -> String {
    coloured && style != .plain ? "\u{1B}[\(style.rawValue)m\(text)\u{1B}[0m" : text
  }

  /// A line on standard output, at once: whoever reads a followed log through a pipe waits for it.
  static func line(_ text: String) { raw(Data((text + "\n").utf8)) }

  /// Bytes on standard output as they are.
  static func raw(_ bytes: Data) {
    do {
      try FileHandle.standardOutput.write(contentsOf: bytes)
    } catch {
      // The reader has gone (`| head`): there is nobody left to write for.
      exit(Outcome.done.rawValue)
    }
  }

  /// A line on standard error.
  static func complain(_ text: String, prefix: String = "wpctl: ") {
    try? FileHandle.standardError.write(contentsOf: Data((prefix + text + "\n").utf8))
  }

  /// A question on standard error; the answer is typed behind it.
  static func ask(_ text: String) {
    try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
  }

  /// Indented JSON.
  static func document(_ value: some Encodable) throws {
    line(try encoded(value, [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]))
  }

  /// JSON on one line, for what has no end.
  static func record(_ value: some Encodable) throws {
    line(try encoded(value, [.sortedKeys, .withoutEscapingSlashes]))
  }

  private static func encoded(
    _ value: some Encodable, _ formatting: JSONEncoder.OutputFormatting
  ) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = formatting
    return String(decoding: try encoder.encode(value), as: UTF8.self)
  }

  /// From now on Ctrl-C is the proper end: exit code 0.
  static func endCleanlyOnInterrupt() {
    signal(SIGINT) { _ in _exit(0) }
  }

  /// Asks on a terminal; a script has made up its mind.
  static func confirms(_ question: String) -> Bool {
    guard isatty(0) == 1 else { return true }
    complain("\(question) [y/N] ", prefix: "")
    return ["y", "yes"].contains(readLine()?.lowercased())
  }
}

/// Rows of cells, printed in aligned columns.
struct TextTable {
  struct Cell {
    let text: String
    let style: Console.Style
    init(_ text: String, _ style: Console.Style = .plain) {
      self.text = text.printable
      self.style = style
    }
  }

  private var rows: [[Cell]]

  init(_ titles: String...) { rows = [titles.map { Cell($0, .bold) }] }

  mutating func add(_ cells: Cell...) { rows.append(cells) }

  func print() {
    let widths = rows[0].indices.map { column in rows.map { $0[column].text.count }.max() ?? 0 }
    for row in rows {
      var text = ""
      for (column, cell) in row.enumerated() {
        text += Console.styled(cell.text, cell.style)
        if column < row.count - 1 {
          text += String(repeating: " ", count: widths[column] - cell.text.count + 2)
        }
      }
      Console.line(text)
    }
  }
}

/// Titles and texts, one pair a line.
struct TextFacts {
  private var facts: [(title: String, text: String, style: Console.Style)] = []

  mutating func add(_ title: String, _ text: String?, _ style: Console.Style = .plain) {
    if let text, !text.isEmpty { facts.append((title, text.printable, style)) }
  }

  func print() {
    let width = facts.map(\.title.count).max() ?? 0
    for fact in facts {
      let padding = String(repeating: " ", count: width - fact.title.count + 2)
      Console.line(
        Console.styled(fact.title, .bold) + padding + Console.styled(fact.text, fact.style))
    }
  }
}
