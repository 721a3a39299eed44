import Wire

/// The way out of a mistyped key: the known key with the fewest edits between.
enum KeySuggestion {
  /// Longer names are nobody's typing error.
  private static let lengthLimit = 40

  static func sentence<let capacity: Int>(for name: borrowing Text<capacity>) -> Text<120> {
    if let key = nearest(to: name) {
      var message = Text<120>("There is no such key; did you mean ")
      message.append(key.facts.name)
      message.append("?")
      return message
    }
    return Text("There is no such key; watchpost check-config --keys lists them.")
  }

  static func nearest<let capacity: Int>(to name: borrowing Text<capacity>) -> ConfigurationKey? {
    guard name.count <= lengthLimit else { return nil }
    if let key = withoutSection(name) { return key }
    var best: ConfigurationKey?
    // More than a third of the letters wrong is another word.
    var bestDistance = name.count / 3 + 1
    for index in 0..<ConfigurationKey.count {
      guard let key = ConfigurationKey(rawValue: index) else { continue }
      let edits = distance(name, key.facts.name)
      if edits < bestDistance { (best, bestDistance) = (key, edits) }
    }
    return best
  }

  /// The first key that bears this name in its section: the section's line was forgotten.
  private static func withoutSection<let capacity: Int>(_ name: borrowing Text<capacity>)
    -> ConfigurationKey?
  {
    for index in 0..<ConfigurationKey.count {
      guard let key = ConfigurationKey(rawValue: index) else { continue }
      let full = key.facts.name
      let start = full.utf8CodeUnitCount - name.count
      guard start > 0, full.utf8Start[start - 1] == UInt8(ascii: ".") else { continue }
      var place = 0
      while place < name.count, name[place] == full.utf8Start[start + place] { place += 1 }
      if place == name.count { return key }
    }
    return nil
  }

  /// Levenshtein's distance, row by row.
  private static func distance<let capacity: Int>(
    _ left: borrowing Text<capacity>, _ right: StaticString
  ) -> Int {
    var row = InlineArray<48, Int>(repeating: 0)
    let width = min(right.utf8CodeUnitCount, 47)
    for column in 0...width { row[column] = column }
    for index in 0..<left.count {
      var diagonal = row[0]
      row[0] = index + 1
      for column in 1...width {
        let replaced = diagonal + (left[index] == right.utf8Start[column - 1] ? 0 : 1)
        diagonal = row[column]
        row[column] = min(replaced, min(row[column], row[column - 1]) + 1)
      }
    }
    return row[width]
  }
}
