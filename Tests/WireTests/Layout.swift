import Foundation

@testable import Wire

/// A layout table, as it stands in a type's doc comment.
struct Layout {
  struct Field {
    let offset: Int
    let size: Int
    let name: String
    var isReserved: Bool { name == "reserved" }
  }

  let type: String
  /// The table as text, with its fences.
  let text: String
  /// The fields of the fixed part.
  let fields: [Field]
  /// The field that repeats behind the fixed part: entries, modes, values.
  let repeated: Field?

  /// Bytes of the fixed part.
  var size: Int { fields.last.map { $0.offset + $0.size } ?? 0 }

  /// All layouts of the module, by type.
  static let all: [String: Layout] = {
    let folder = sourceFolder.appending(path: "Wire")
    let files = FileManager.default.enumerator(atPath: folder.path)!.compactMap { $0 as? String }
    let sources = files.filter { $0.hasSuffix(".swift") }
    return sources.reduce(into: [:]) { result, file in
      let source = try! String(contentsOf: folder.appending(path: file), encoding: .utf8)
      for layout in layouts(in: source) { result[layout.type] = layout }
    }
  }()

  private static func layouts(in source: String) -> [Layout] {
    let declaration = /((?:\/\/\/.*\n)+)public struct (\w+)/
    return source.matches(of: declaration).compactMap { match in
      let lines = match.1.split(separator: "\n").map { Substring($0.dropFirst(4)) }
      let fences = lines.indices.filter { lines[$0] == "```" }
      guard fences.count == 2, lines[fences[0] + 1].hasPrefix("offset") else { return nil }
      let rows = lines[fences[0] + 2..<fences[1]]
      return Layout(type: String(match.2), rows: rows, text: lines[fences[0]...fences[1]])
    }
  }

  private init(type: String, rows: ArraySlice<Substring>, text: ArraySlice<Substring>) {
    self.type = type
    self.text = text.joined(separator: "\n")
    var fields: [Field] = []
    var repeated: Field?
    for row in rows {
      // The name may be of two words in the header's table only.
      guard let match = row.wholeMatch(of: /\s*(\d+)\s+(\d+) (\w+(?: \w+)?)(?:\s\s.*)?/) else {
        continue
      }
      let field = Field(offset: Int(match.1)!, size: Int(match.2)!, name: String(match.3))
      if ["entries", "modes", "values"].contains(field.name) {
        repeated = field
      } else {
        fields.append(field)
      }
    }
    self.fields = fields
    self.repeated = repeated
  }
}

/// A property that lies on the wire: its bytes in a field of `size` bytes.
protocol WireField {
  func wireBytes(size: Int) -> [UInt8]
}

extension FixedWidthInteger {
  func wireBytes(size: Int) -> [UInt8] { withUnsafeBytes(of: littleEndian) { [UInt8]($0) } }
}
extension UInt8: WireField {}
extension UInt16: WireField {}
extension UInt32: WireField {}
extension UInt64: WireField {}
extension Bool: WireField {
  func wireBytes(size: Int) -> [UInt8] { [self ? 1 : 0] }
}
extension Code: WireField {
  func wireBytes(size: Int) -> [UInt8] { rawValue.wireBytes(size: size) }
}
extension Topics: WireField {
  func wireBytes(size: Int) -> [UInt8] { rawValue.wireBytes(size: size) }
}
extension HealthReasons: WireField {
  func wireBytes(size: Int) -> [UInt8] { rawValue.wireBytes(size: size) }
}
extension KeyFlags: WireField {
  func wireBytes(size: Int) -> [UInt8] { rawValue.wireBytes(size: size) }
}
extension PublicKey: WireField {
  func wireBytes(size: Int) -> [UInt8] { withBytes { [UInt8]($0) } }
}
extension LogSource: WireField {
  func wireBytes(size: Int) -> [UInt8] { [rawValue] }
}
extension Role: WireField {
  func wireBytes(size: Int) -> [UInt8] { rawValue.wireBytes(size: size) }
}
extension FileKind: WireField {
  func wireBytes(size: Int) -> [UInt8] { [rawValue] }
}
extension Optional: WireField where Wrapped == FileKind {
  func wireBytes(size: Int) -> [UInt8] { [self?.rawValue ?? FileListRequest.allKinds] }
}
extension FileRequest: WireField {
  func wireBytes(size: Int) -> [UInt8] { Example.bytes(of: self) }
}
extension Text: WireField {
  func wireBytes(size: Int) -> [UInt8] {
    let bytes = withBytes { [UInt8]($0) }
    return bytes + [UInt8](repeating: 0, count: size - bytes.count)
  }
}
extension BootID: WireField {
  func wireBytes(size: Int) -> [UInt8] { (0..<16).map { bytes[$0] } }
}
extension ConfigurationDigest: WireField {
  func wireBytes(size: Int) -> [UInt8] { (0..<16).map { bytes[$0] } }
}
extension InlineArray: WireField where Element: FixedWidthInteger & WireField {
  func wireBytes(size: Int) -> [UInt8] {
    indices.flatMap { self[$0].wireBytes(size: Element.bitWidth / 8) }
  }
}
