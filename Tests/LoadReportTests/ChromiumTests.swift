import Foundation
import Testing

@testable import LoadReport

/// The browser of this machine.
enum Chromium {
  private static let program: String? = {
    let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
    let names = ["chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"]
    return names.flatMap { name in folders.map { "\($0)/\(name)" } }
      .first { FileManager.default.isExecutableFile(atPath: $0) }
  }()

  /// Whether it shows a page at all: there are machines with a browser that does not start, which
  /// says nothing about our pages.
  static let shows: Bool = {
    guard program != nil else { return false }
    do {
      return try inFolder { folder in
        try "<p>shown</p>".write(
          to: folder.appending(path: "page.html"), atomically: true, encoding: .utf8)
        return try dom(folder, "page.html").contains("shown")
      }
    } catch {
      print("no page is shown: \(error)")
      return false
    }
  }()

  struct Mute: Error, CustomStringConvertible {
    var status: Int32
    var errors: String

    var description: String { "the browser ended with \(status), mute, and told: \(errors)" }
  }

  static func inFolder<Result>(_ body: (URL) throws -> Result) throws -> Result {
    let folder = FileManager.default.temporaryDirectory.appending(path: "pages-\(UUID())")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    return try body(folder)
  }

  static func dom(_ folder: URL, _ page: String) throws -> String {
    try browse(folder, page, "--dump-dom", folder.appending(path: "output"))
  }

  /// - Returns: a PNG.
  static func screenshot(_ folder: URL, _ page: String, width: Int) throws -> Data {
    let picture = folder.appending(path: "report.png")
    _ = try browse(
      folder, page, "--screenshot=\(picture.path)", picture, "--window-size=\(width),2400")
    return try Data(contentsOf: picture)
  }

  /// - Returns: what it prints. Its home is the folder.
  /// - Throws: `Mute` if it ends with nothing in the `result`.
  private static func browse(
    _ folder: URL, _ page: String, _ task: String, _ result: URL, _ more: String...
  ) throws -> String {
    let process = Process()
    guard let program else { throw CocoaError(.fileNoSuchFile) }
    process.executableURL = URL(filePath: program)
    process.arguments =
      [
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
        "--hide-scrollbars", "--no-first-run", "--allow-file-access-from-files",
        "--virtual-time-budget=2000", "--user-data-dir=\(folder.path)/profile", task,
      ] + more + [folder.appending(path: page).absoluteString]
    var environment = ProcessInfo.processInfo.environment
    for name in ["HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"] { environment[name] = folder.path }
    process.environment = environment
    let (output, errors) = (folder.appending(path: "output"), folder.appending(path: "errors"))
    for file in [output, errors] { try Data().write(to: file) }
    process.standardOutput = try FileHandle(forWritingTo: output)
    process.standardError = try FileHandle(forWritingTo: errors)
    try process.run()
    process.waitUntilExit()
    let bytes = (try? Data(contentsOf: result).count) ?? 0
    guard process.terminationStatus == 0, bytes > 0 else {
      throw Mute(
        status: process.terminationStatus,
        errors: String(try String(contentsOf: errors, encoding: .utf8).suffix(500)))
    }
    return try String(contentsOf: output, encoding: .utf8)
  }
}

/// The page of a run in a real browser, as wide as a desk and as a telephone.
@Suite(
  .serialized,
  .enabled(if: Chromium.shows, "there is no Chromium that works (board/setup tries to get one)"))
struct ChromiumTests {
  private struct Seen: Decodable {
    /// Of the page's content, in pixels.
    var width: Double
    var charts: [String: Box]
    /// Figures and words of tables that are broken into lines.
    var broken: [String]
    /// The narrowest column of prose, in pixels.
    var narrowest: Double

    struct Box: Decodable {
      var width: Double
      var height: Double
      /// Lines and points that take room.
      var marks: Int
      /// Words that stand outside of the chart, and those that meet.
      var outside: [String]
      var met: [String]
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
        const marks = [...svg.querySelectorAll('polyline,polygon,circle')].filter(e => {
          const b = e.getBoundingClientRect(); return b.width + b.height > 2; });
        const outside = [...svg.querySelectorAll('text')].filter(e => {
          const b = e.getBoundingClientRect();
          return b.left < box.left - 1 || b.right > box.right + 1
            || b.top < box.top - 1 || b.bottom > box.bottom + 1; });
        const texts = [...svg.querySelectorAll('text:not(.word)')].map(e => [
          e.textContent, e.getBoundingClientRect()]);
        const met = texts.flatMap(([one, a], index) => texts.slice(index + 1).filter(([, b]) =>
          a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom
        ).map(([other]) => one + ' and ' + other));
        charts[svg.id] = {width: box.width, height: box.height, marks: marks.length,
          outside: outside.map(e => e.textContent), met};
      }
      const lines = cell => {
        const all = page.createRange();
        all.selectNodeContents(cell);
        return new Set([...all.getClientRects()].map(r => Math.round(r.top))).size;
      };
      const width = page.documentElement.scrollWidth, cells = [...page.querySelectorAll('td')];
      const prose = cells.filter(e => e.matches('.prose'));
      const broken = cells.filter(e => !prose.includes(e) && lines(e) > 1);
      document.body.textContent = 'SEEN' + JSON.stringify({
        width, charts, broken: broken.map(e => e.textContent),
        narrowest: Math.min(...prose.map(e => e.getBoundingClientRect().width))}) + 'END';
    };
    </script>
    """
  }

  @Test(arguments: [1200, 360], [false, true])
  func chartsAreSeenAtEveryWidth(width: Int, isExtreme: Bool) throws {
    try Chromium.inFolder { try look(at: $0, width, isExtreme ? Self.extreme : Self.ordinary) }
  }

  private static let ordinary: RunResult = {
    var run = Made.climbed
    run.targets = Made.small.targets
    run.thresholds = Made.small.thresholds
    return run
  }()

  /// From a nanosecond to a day, of a device that tells a thousand million of everything.
  private static let extreme: RunResult = {
    var run = ordinary
    run.seconds = 86_400
    for index in run.series.indices {
      run.series[index].second = Double(index) * 1728
      run.series[index].requests = 1_000_000_000
      run.series[index].users = 16_384
      run.series[index].p50Ns = 1
      run.series[index].p99Ns = 100_000_000_000_000
    }
    run.stages[0].operations[0].latency = Made.latencies(
      nanoseconds: [1, 1000, 1_000_000, 100_000_000_000_000])
    run.targets[0].readings = [
      Made.reading(0, memoryKiB: 0.0001), Made.reading(86_400, memoryKiB: 1e9, cpuMs: 1e13),
    ]
    run.ladder?.steps[0].answersPerSecond = 1e9
    run.ladder?.steps[1].p95Ns = 86_400_000_000_000
    return run
  }()

  private func look(at folder: URL, _ width: Int, _ run: RunResult) throws {
    try HTMLReport(run).text.write(
      to: folder.appending(path: "report.html"), atomically: true, encoding: .utf8)
    try Self.wrapper(width).write(
      to: folder.appending(path: "wrapper.html"), atomically: true, encoding: .utf8)

    let dom = try Chromium.dom(folder, "wrapper.html")
    let told = try #require(dom.firstMatch(of: #/SEEN(.*)END/#))
    let seen = try JSONDecoder().decode(Seen.self, from: Data(told.1.utf8))
    #expect(seen.width <= Double(width), "nothing is wider than the page")
    #expect(seen.broken == [] && seen.narrowest > 120, "\(seen.broken), \(seen.narrowest)")
    #expect(
      Set(seen.charts.keys) == [
        "chart-latency", "chart-throughput", "chart-percentiles", "chart-ladder", "chart-target",
      ])
    for (id, chart) in seen.charts {
      // Two side by side on a desk.
      #expect(chart.width > 0.4 * Double(width) && chart.width > 300, "\(id)")
      #expect(chart.height > 150 && chart.marks > 0, "\(id): \(chart)")
      #expect(chart.outside == [] && chart.met == [], "\(id): \(chart)")
    }

    let bytes = try Chromium.screenshot(folder, "report.html", width: max(width, 500))
    #expect(bytes.starts(with: [0x89, 0x50, 0x4E, 0x47]))
    // A page without anything on it compresses to less than 20 kB.
    #expect(bytes.count > 60_000, "\(bytes.count) bytes")
  }
}
