import Foundation
import Testing

@testable import LoadReport

enum Chromium {
  static let program: String? = {
    let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
    let names = ["chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"]
    return names.flatMap { name in folders.map { "\($0)/\(name)" } }
      .first { FileManager.default.isExecutableFile(atPath: $0) }
  }()
}

/// The page of a run in a real browser, as wide as a desk and as a telephone.
@Suite(
  .enabled(if: Chromium.program != nil, "there is no Chromium (board/setup tries to get one)"))
struct ChromiumTests {
  private struct Seen: Decodable {
    /// Of the page's content, in pixels.
    var width: Double
    var charts: [String: Box]

    struct Box: Decodable {
      var width: Double
      var height: Double
      /// Lines and points that take room.
      var marks: Int
      /// Words that stand outside of the chart.
      var outside: Int
    }
  }

  /// Loads the page in a frame of this width, and tells what is to be seen in it.
  private static func wrapper(_ width: Int) -> String {
    """
    <!DOCTYPE html><iframe id="f" src="report.html" style="width:\(width)px;height:900px;border:0">
    </iframe><script>
    f.onload = () => {
      const page = f.contentDocument, charts = {};
      for (const svg of page.querySelectorAll('svg[id]')) {
        const box = svg.getBoundingClientRect();
        const marks = [...svg.querySelectorAll('polyline,circle')].filter(e => {
          const b = e.getBoundingClientRect(); return b.width + b.height > 2; });
        const outside = [...svg.querySelectorAll('text')].filter(e => {
          const b = e.getBoundingClientRect();
          return b.left < box.left - 1 || b.right > box.right + 1; });
        charts[svg.id] = {width: box.width, height: box.height, marks: marks.length,
          outside: outside.length};
      }
      document.body.textContent = 'SEEN' + JSON.stringify(
        {width: page.documentElement.scrollWidth, charts}) + 'END';
    };
    </script>
    """
  }

  private func browse(_ folder: URL, _ page: String, _ arguments: [String]) throws -> String {
    let process = Process()
    process.executableURL = URL(filePath: try #require(Chromium.program))
    process.arguments =
      [
        "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
        "--allow-file-access-from-files", "--virtual-time-budget=2000",
        "--user-data-dir=\(folder.path)/profile",
      ] + arguments + [folder.appending(path: page).absoluteString]
    let output = folder.appending(path: "output")
    FileManager.default.createFile(atPath: output.path, contents: nil)
    process.standardOutput = try FileHandle(forWritingTo: output)
    process.standardError = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    return try String(contentsOf: output, encoding: .utf8)
  }

  @Test(arguments: [1200, 360]) func chartsAreSeenAtEveryWidth(width: Int) throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "pages-\(UUID())")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    var run = Made.climbed
    run.targets = Made.small.targets
    try HTMLReport(run).text.write(
      to: folder.appending(path: "report.html"), atomically: true, encoding: .utf8)
    try Self.wrapper(width).write(
      to: folder.appending(path: "wrapper.html"), atomically: true, encoding: .utf8)

    let dom = try browse(folder, "wrapper.html", ["--dump-dom"])
    let told = try #require(dom.firstMatch(of: #/SEEN(.*)END/#))
    let seen = try JSONDecoder().decode(Seen.self, from: Data(told.1.utf8))
    #expect(seen.width <= Double(width), "nothing is wider than the page")
    #expect(
      Set(seen.charts.keys) == [
        "chart-latency", "chart-throughput", "chart-percentiles", "chart-ladder", "chart-target",
      ])
    for (id, chart) in seen.charts {
      #expect(chart.width > 0.8 * Double(min(width, 960)) && chart.height > 100, "\(id)")
      #expect(chart.marks > 0 && chart.outside == 0, "\(id): \(chart)")
    }

    let picture = folder.appending(path: "report.png")
    _ = try browse(
      folder, "report.html",
      ["--screenshot=\(picture.path)", "--window-size=\(max(width, 500)),2400"])
    let bytes = try Data(contentsOf: picture)
    #expect(bytes.starts(with: [0x89, 0x50, 0x4E, 0x47]))
    // A page without anything on it compresses to less than 20 kB.
    #expect(bytes.count > 60_000, "\(bytes.count) bytes")
  }
}
