import Wire

@testable import Appliance

// This file does not import Testing, which has an `ExitStatus` of its own.
typealias ChildStatus = ExitStatus

extension Text: ExpressibleByStringLiteral {
  public init(stringLiteral value: String) { self.init(value) }
  init(_ string: String) {
    self.init()
    for byte in string.utf8 { append(byte) }
  }

  /// What a literal in a comparison means: without it, it could be a text or a static string.
  static func == (left: Self, right: String) -> Bool { String(left) == right }
}

extension Text: ExpressibleByUnicodeScalarLiteral {}
extension Text: ExpressibleByExtendedGraphemeClusterLiteral {}

extension String {
  init<let capacity: Int>(_ text: Text<capacity>) {
    self = text.withBytes { String(decoding: $0, as: UTF8.self) }
  }
}
