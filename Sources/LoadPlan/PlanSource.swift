import Glibc
import Yams

/// A plan's text on its way to a tree, and the name by which errors call it.
struct PlanSource {
  let file: String

  /// The bytes of the file, which may be a pipe: one more than allowed at most. All input of this
  /// module.
  static func bytes(of path: String) throws(PlanError) -> [UInt8] {
    errno = 0
    guard let stream = fopen(path, "rbe") else { throw unreadable(path) }
    defer { fclose(stream) }
    let room = PlanBounds.textBytes + 1
    let bytes = [UInt8](unsafeUninitializedCapacity: room) { buffer, count in
      count = fread(buffer.baseAddress, 1, room, stream)
    }
    guard ferror(stream) == 0 else { throw unreadable(path) }
    return bytes
  }

  private static func unreadable(_ path: String) -> PlanError {
    let reason = String(cString: strerror(errno))
    return PlanError(
      file: path,
      text: "cannot be read (\(reason)); name a plan file, or one that `wpload plans` lists.")
  }

  func error(_ mark: Mark?, _ text: String) -> PlanError {
    error(line: mark?.line ?? 1, column: mark?.column ?? 1, text)
  }

  private func error(line: Int, column: Int, _ text: String) -> PlanError {
    PlanError(file: file, line: line, column: column, text: text)
  }

  /// The tree of a text; every node has a mark.
  func root(_ bytes: [UInt8]) throws(PlanError) -> Node {
    guard bytes.count <= PlanBounds.textBytes else {
      throw PlanError(
        file: file,
        text:
          "is larger than \(PlanBounds.textBytes / 1024) KiB, which no plan is; name another file.")
    }
    try check(bytes)
    let text = String(decoding: bytes.trimmingPrefix([0xEF, 0xBB, 0xBF]), as: UTF8.self)
    let root: Node?
    do {
      // `.basic`: all scalars are texts, and only a plan's own rules say what they mean.
      root = try compose(yaml: text, .basic, .default, .utf8)
    } catch let error as YamlError {
      throw refusal(error)
    } catch {
      throw self.error(
        nil, "this cannot be read as YAML; copy one that `wpload plans NAME` prints.")
    }
    guard let root, root.scalar?.string.isEmpty != true else {
      throw error(nil, "no plan is here; copy one that `wpload plans NAME` prints.")
    }
    return root
  }

  /// Refuses what YAML would refuse with a riddle.
  private func check(_ bytes: [UInt8]) throws(PlanError) {
    let lines = bytes.split(separator: 0x0A, omittingEmptySubsequences: false)
    for (index, bytes) in lines.enumerated() {
      let line = Array(String(decoding: bytes, as: UTF8.self).unicodeScalars)
      let fault: (column: Int, text: String)?
      if String(validating: bytes, as: UTF8.self) == nil {
        let column = line.firstIndex(of: "\u{FFFD}") ?? 0
        fault = (column, "this is no UTF-8; save the file as UTF-8.")
      } else {
        fault = unseen(in: line, isFirst: index == 0) ?? reference(in: line)
      }
      guard let fault else { continue }
      throw error(line: index + 1, column: fault.column + 1, fault.text)
    }
  }

  private func unseen(in line: [Unicode.Scalar], isFirst: Bool) -> (Int, String)? {
    for (column, scalar) in line.enumerated() where !Notation.isPrintable(scalar) {
      let isByteOrderMark = scalar == "\u{FEFF}" && isFirst && column == 0
      if isByteOrderMark || (scalar == "\r" && column == line.count - 1) { continue }
      return scalar == "\t"
        ? (column, "a tab stands here; write spaces.")
        : (column, "a character that cannot be seen stands here; remove it.")
    }
    return nil
  }

  /// Anchors, aliases and tags, of which Yams would keep nothing, and be slow: it compares keys
  /// that are aliases of aliases of aliases for ever.
  private func reference(in line: [Unicode.Scalar]) -> (Int, String)? {
    guard line.first(where: { $0 != " " }) != "#" else { return nil }
    for column in line.indices.dropLast()
    where Notation.isSign(line[column], before: line[column + 1]) {
      if column > 0, Notation.isOfName(line[column - 1]) { continue }
      return (
        column,
        "a reference or tag of YAML begins here, and plans have none; write the value "
          + "itself, or a space behind the sign."
      )
    }
    return nil
  }

  /// Yams' problem as a sentence with a way out.
  private func refusal(_ problem: YamlError) -> PlanError {
    switch problem {
    case .parser(_, let problem, let mark, _) where problem.hasPrefix("Maximum nesting level"):
      error(mark, "this is nested a thousand levels deep; a plan has three.")
    case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _):
      error(
        mark, "this is no YAML (\(problem)); look at indentation, colons, quotes and brackets here."
      )
    case .composer(_, _, let mark, _):
      error(mark, "another document begins here; a file holds one plan.")
    case .duplicatedKeysInMapping(let keys, let context):
      error(
        context.mark, "`\(keys.first ?? "")` stands here and again below; leave one of them.")
    case .no, .memory, .reader, .writer, .emitter, .representer, .dataCouldNotBeDecoded:
      error(nil, "this cannot be read as YAML; copy one that `wpload plans NAME` prints.")
    }
  }
}
