/// A tar archive of plain files, in the ustar format (POSIX.1-2017, pax, "ustar Interchange
/// Format"): what every system can open.
public struct TarArchive: Sendable {
  private static let blockSize = 512

  /// Of all files, seconds since 1970.
  private let modified: UInt64
  private var blocks: [UInt8] = []

  public init(modified: UInt64) { self.modified = modified }

  /// Adds a file. The name is at most 100 bytes of ASCII, in folders that need not be there.
  public mutating func add(_ name: String, _ contents: [UInt8]) {
    let header = Self.header(name, size: contents.count, modified: modified)
    blocks += header + contents
    let rest = contents.count % Self.blockSize
    if rest > 0 { blocks += [UInt8](repeating: 0, count: Self.blockSize - rest) }
  }

  /// The whole archive: two blocks of zeros end it.
  public var bytes: [UInt8] { blocks + [UInt8](repeating: 0, count: 2 * Self.blockSize) }

  private static func header(_ name: String, size: Int, modified: UInt64) -> [UInt8] {
    precondition(name.utf8.count <= 100 && name.allSatisfy(\.isASCII), "a name beyond ustar")
    precondition(size < 1 << 33, "a size beyond ustar")
    var header = [UInt8](repeating: 0, count: blockSize)
    func put(_ text: String, at offset: Int) {
      header.replaceSubrange(offset..<offset + text.utf8.count, with: text.utf8)
    }
    /// Octal digits, the last byte of the field being zero.
    func put(octal value: UInt64, at offset: Int, width: Int) {
      let digits = String(value, radix: 8)
      put(String(repeating: "0", count: width - 1 - digits.count) + digits, at: offset)
    }
    put(name, at: 0)
    put(octal: 0o644, at: 100, width: 8)
    put(octal: 0, at: 108, width: 8)
    put(octal: 0, at: 116, width: 8)
    put(octal: UInt64(size), at: 124, width: 12)
    put(octal: modified, at: 136, width: 12)
    put("0", at: 156)
    put("ustar", at: 257)
    put("00", at: 263)
    // The sum of all bytes, those of itself taken as blanks.
    put("        ", at: 148)
    let sum = header.reduce(UInt64(0)) { $0 + UInt64($1) }
    put(octal: sum, at: 148, width: 7)
    header[154] = 0
    return header
  }
}
