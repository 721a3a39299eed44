import Foundation

/// The checkout, as git sees it: tracked files and new ones that are not ignored.
struct SourceTree {
  struct File {
    let path: String
    let lines: [Substring]

    var isSwift: Bool { path.hasSuffix(".swift") }
    /// The first folder below Sources or Tests: the module.
    var module: String? {
      let parts = path.split(separator: "/")
      return parts.count > 2 && (parts[0] == "Sources" || parts[0] == "Tests")
        ? String(parts[1]) : nil
    }
  }

  static let root = URL(filePath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  /// Paths of all files, relative to the root.
  static let paths: [String] = {
    let git = Process()
    git.executableURL = URL(filePath: "/usr/bin/env")
    git.arguments = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    git.currentDirectoryURL = root
    let output = Pipe()
    git.standardOutput = output
    do { try git.run() } catch { fatalError("git cannot be run: \(error)") }
    let bytes = output.fileHandleForReading.readDataToEndOfFile()
    git.waitUntilExit()
    return String(decoding: bytes, as: UTF8.self).split(separator: "\0").map(String.init)
      .filter { FileManager.default.fileExists(atPath: root.appending(path: $0).path) }
  }()

  /// Text files below Sources, Tests, board and image, and the ones at the top.
  static let files: [File] = paths.compactMap { path in
    guard let bytes = try? Data(contentsOf: root.appending(path: path)), !bytes.contains(0),
      let text = String(data: bytes, encoding: .utf8)
    else { return nil }
    return File(path: path, lines: text.split(separator: "\n", omittingEmptySubsequences: false))
  }

  static let swift = files.filter(\.isSwift)
}
