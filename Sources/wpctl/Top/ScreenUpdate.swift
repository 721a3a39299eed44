/// What a terminal shows, and what has to be written so that it shows something else: only the rows
/// that differ (ECMA-48 control sequences).
struct ScreenUpdate {
  private var shown: [String] = []
  private var columns = 0
  private var rows = 0

  /// The bytes that turn what is shown into `frame`; empty where nothing differs.
  mutating func show(_ frame: [String], columns: Int, rows: Int) -> String {
    var output = ""
    if (columns, rows) != (self.columns, self.rows) {
      // The terminal may have moved everything: from the beginning.
      output += "\u{1B}[2J"
      (self.columns, self.rows, shown) = (columns, rows, [])
    }
    for row in 0..<min(max(frame.count, shown.count), rows) {
      let text = row < frame.count ? frame[row] : ""
      guard text != (row < shown.count ? shown[row] : "") else { continue }
      output += "\u{1B}[\(row + 1);1H\u{1B}[2K\(text)"
    }
    shown = frame
    return output
  }
}
