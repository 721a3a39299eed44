import Glibc

/// Inputs as lines of hexadecimal digits: what a corpus looks like in the repository. Empty lines
/// and what begins with # are passed over.
enum HexCorpus {
  static func write(_ inputs: [[UInt8]], into folder: String, as prefix: String = "seed") {
    for (number, input) in inputs.enumerated() {
      guard let file = fopen("\(folder)/\(prefix)-\(number)", "w") else { fail(folder) }
      fwrite(input, 1, input.count, file)
      fclose(file)
    }
  }

  static func unpack(_ path: String, into folder: String, as prefix: String) {
    let text = String(decoding: read(path), as: UTF8.self)
    let lines = text.split(separator: "\n").filter { !$0.hasPrefix("#") }
    write(lines.map(bytes), into: folder, as: prefix)
  }

  /// The shortest first.
  static func pack(_ folder: String) {
    guard let listing = opendir(folder) else { fail(folder) }
    var inputs: [[UInt8]] = []
    while let entry = readdir(listing) {
      let name = withUnsafeBytes(of: entry.pointee.d_name) {
        String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
      }
      if !name.hasPrefix(".") { inputs.append(read("\(folder)/\(name)")) }
    }
    closedir(listing)
    let digits = Array("0123456789abcdef".utf8)
    let lines = inputs.map { input in
      let line = input.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
      return String(decoding: line, as: UTF8.self)
    }
    for line in lines.sorted(by: { ($0.count, $0) < ($1.count, $1) }) where !line.isEmpty {
      print(line)
    }
  }

  private static func bytes(_ line: Substring) -> [UInt8] {
    let digits = line.utf8.compactMap { UInt8(String(UnicodeScalar($0)), radix: 16) }
    return stride(from: 0, to: digits.count - 1, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
  }

  private static func read(_ path: String) -> [UInt8] {
    guard let file = fopen(path, "r") else { fail(path) }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var byte = getc(file)
    while byte != EOF {
      bytes.append(UInt8(byte))
      byte = getc(file)
    }
    return bytes
  }

  private static func fail(_ path: String) -> Never {
    perror("fuzz: \(path)")
    exit(2)
  }
}
