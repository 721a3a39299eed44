/// Whether tags are closed in the order in which they were opened.
enum Markup {
  private static let void: Set<String> = ["meta"]

  /// The first thing that is wrong; nil: nothing is.
  static func fault(_ page: String) -> String? {
    var open: [String] = []
    var rest = page.unicodeScalars[...]
    while let start = rest.firstIndex(of: "<") {
      if let stray = rest[..<start].firstIndex(of: ">"), open.last != "style" {
        return "a > in text: \(excerpt(rest, stray))"
      }
      guard let end = rest[start...].firstIndex(of: ">") else { return "a tag without an end" }
      let tag = String(rest[rest.index(after: start)..<end])
      rest = rest[rest.index(after: end)...]
      if tag.hasPrefix("!") || tag.hasSuffix("/") { continue }
      if tag.contains("<") { return "a tag within a tag: \(tag)" }
      let name = String(tag.drop { $0 == "/" }.prefix { !$0.isWhitespace })
      if tag.hasPrefix("/") {
        guard open.popLast() == name else { return "</\(name)> closes what is not open" }
      } else if !void.contains(name) {
        open.append(name)
      }
      if tag.count(where: { $0 == "\"" }) % 2 != 0 { return "an odd quote: \(tag)" }
    }
    if rest.contains(">") { return "a > in text at the end" }
    return open.isEmpty ? nil : "never closed: \(open)"
  }

  private static func excerpt(
    _ text: Substring.UnicodeScalarView, _ place: String.Index
  ) -> String { String(String.UnicodeScalarView(text[..<place].suffix(40))) }
}
