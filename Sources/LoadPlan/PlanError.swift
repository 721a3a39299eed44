/// What is wrong with a plan's text. Its description is one sentence with the way out, behind the
/// place as compilers write it.
public struct PlanError: Error, Equatable, Sendable {
  /// As it was named.
  public var file: String
  /// From 1; 0: it is about the file as a whole.
  public var line: Int
  /// From 1, in characters; 0: it is about the file as a whole.
  public var column: Int
  /// What is wrong; the way out.
  public var text: String

  public init(file: String, line: Int = 0, column: Int = 0, text: String) {
    self.file = file
    self.line = line
    self.column = column
    self.text = text
  }
}

extension PlanError: CustomStringConvertible {
  public var description: String {
    line == 0 ? "\(file): \(text)" : "\(file):\(line):\(column): \(text)"
  }
}
