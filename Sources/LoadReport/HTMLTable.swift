/// A table of a page. Where it is wider than the page, it scrolls by itself.
struct HTMLTable {
  /// How the cells of a column are set, below its name.
  enum Column {
    /// In one line.
    case words(String)
    /// In one line, the last digits below one another.
    case figure(String)
    /// In as many lines as it takes, but never in a column of letters.
    case prose(String)
  }

  struct Row {
    var cells: [String]
    var isBad = false
  }

  let html: String

  /// On a telephone, the prose of what is `stacked` stands below the rest of its row, without the
  /// columns' names.
  init(_ columns: [Column], _ rows: [Row], isStacked: Bool = false) {
    let head = columns.map { $0.cell("th", $0.name) }.joined()
    let body = rows.map { row in
      let cells = zip(columns, row.cells).map { $0.cell("td", $1) }.joined()
      return "<tr\(row.isBad ? " class=\"bad\"" : "")>\(cells)</tr>"
    }
    let style = isStacked ? " class=\"stacked\"" : ""
    html =
      "<div class=\"scroll\"><table\(style)><thead><tr>\(head)</tr></thead>"
      + "<tbody>\(body.joined())</tbody></table></div>"
  }
}

extension HTMLTable.Column {
  fileprivate var name: String {
    switch self {
    case .words(let name), .figure(let name), .prose(let name): name
    }
  }

  fileprivate func cell(_ tag: String, _ text: String) -> String {
    let style =
      switch self {
      case .words: ""
      case .figure: " class=\"figure\""
      case .prose: " class=\"prose\""
      }
    // Elsewhere nothing is broken.
    let unbroken = if case .prose = self { Figures.unbroken(text) } else { text }
    return "<\(tag)\(style)>\(escaped(unbroken))</\(tag)>"
  }
}
