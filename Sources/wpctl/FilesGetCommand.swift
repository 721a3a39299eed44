import ArgumentParser
import ControlClient
import Foundation
import Wire

extension FilesCommand {
  struct Get: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Gets a file, and makes sure that it is whole.",
      discussion: """
        It is written to FILE.part, from where an earlier attempt ended, goes on after a cut \
        connection until there was silence for `--timeout` seconds, and is compared with the \
        device's size and checksum before it gets its name. A file that is being written is got \
        as far as it is now.
        """)
    @OptionGroup var options: GlobalOptions
    @Argument(help: "The file, as `wpctl files ls` lists it.") var file: DeviceFile
    @Option(
      name: .shortAndLong,
      help: ArgumentHelp("Where to write it, a file or a folder. Default: NAME.", valueName: "file")
    )
    var output: String?

    /// The name comes from the command line, where it was checked; nothing that a device says
    /// becomes part of a path.
    private var target: String {
      guard let output else { return file.name }
      if output.hasSuffix("/") { return output + file.name }
      var isFolder: ObjCBool = false
      let exists = FileManager.default.fileExists(atPath: output, isDirectory: &isFolder)
      return exists && isFolder.boolValue ? "\(output)/\(file.name)" : output
    }

    func run() async throws {
      let download = Download(
        device: try options.address(), file: file, to: target, silence: options.duration,
        as: options.credentials)
      let display = ProgressDisplay(file.name)
      let document: DownloadDocument
      do {
        document = try await download.run { display.show($0) }
        display.end()
      } catch {
        display.end()
        throw error
      }
      if options.json { return try Console.document(document) }
      let length = document.durationMs.map { ", \(spoken(ms: UInt64($0)))" } ?? ""
      let resumed =
        document.resumedAt == 0 ? "" : ", of which \(spoken(bytes: document.resumedAt)) were here"
      Console.line(
        "\(target): \(spoken(bytes: document.bytes))\(length), checksum \(document.checksum) as on "
          + "the device\(resumed)")
    }
  }
}

/// How far a download is, on standard error: a bar on a terminal, else a line now and then.
final class ProgressDisplay {
  private let name: String
  private let start = ContinuousClock.now
  private let onTerminal = isatty(2) == 1
  private var lastShown = ContinuousClock.now
  private var lastTenth: UInt64 = 0
  private var drawn = false

  init(_ name: String) { self.name = name }

  func show(_ progress: DownloadProgress) {
    if let trouble = progress.trouble {
      end()
      return Console.complain("\(trouble) Going on at \(spoken(bytes: progress.done)).")
    }
    let now = ContinuousClock.now
    let line = ProgressLine(name: name, progress: progress, time: now - start)
    if onTerminal {
      guard now - lastShown >= .milliseconds(100) || progress.done == progress.total else { return }
      lastShown = now
      drawn = true
      write("\r" + line.bar(columns: Terminal.size(of: 2)?.columns ?? 80) + "\u{1B}[K")
    } else {
      let tenth = line.tenth
      guard tenth > lastTenth, now - lastShown >= .seconds(1) else { return }
      (lastTenth, lastShown) = (tenth, now)
      Console.complain(line.words, prefix: "")
    }
  }

  /// Takes the bar away, so that lines may follow.
  func end() {
    if drawn { write("\r\u{1B}[K") }
    drawn = false
  }

  private func write(_ text: String) {
    try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
  }
}

/// A download in one line.
struct ProgressLine {
  let name: String
  let progress: DownloadProgress
  /// Since it began.
  let time: Duration

  private var share: Double {
    progress.total == 0 ? 1 : Double(progress.done) / Double(progress.total)
  }

  /// Tenths of the file that are there.
  var tenth: UInt64 { UInt64(share * 10) }

  /// Bytes a second in this attempt.
  private var rate: Double {
    let seconds = Double(time.components.seconds) + Double(time.components.attoseconds) / 1e18
    return seconds > 0 ? Double(progress.received) / seconds : 0
  }

  /// `45 %, 12.3 MiB of 27.1 MiB, 4.2 MiB/s, 3 s left`
  private var numbers: String {
    let left =
      rate > 0
      ? ", \(spoken(ms: UInt64(Double(progress.total - progress.done) / rate) * 1000)) left" : ""
    return "\(Int(share * 100)) %, \(spoken(bytes: progress.done)) of "
      + "\(spoken(bytes: progress.total)), \(spoken(bytes: UInt64(rate)))/s\(left)"
  }

  var words: String { "\(name): \(numbers)" }

  /// At most so many columns, so that it never wraps: the bar gives way, then the name.
  func bar(columns: Int) -> String {
    let room = columns - 1
    let cells = min(room - numbers.count - name.count - 6, 40)
    if cells >= 10 {
      let full = Int(Double(cells) * share)
      let bar = String(repeating: "#", count: full) + String(repeating: ".", count: cells - full)
      return "\(name)  [\(bar)]  \(numbers)"
    }
    let named = "\(name)  \(numbers)"
    return String((named.count <= room ? named : numbers).prefix(max(room, 0)))
  }
}

extension Terminal {
  /// nil: it is none, or does not say.
  static func size(of descriptor: Int32) -> (columns: Int, rows: Int)? {
    var size = winsize()
    guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else {
      return nil
    }
    return (Int(size.ws_col), Int(size.ws_row))
  }
}
