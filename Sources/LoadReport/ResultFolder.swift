import Foundation

/// Where the results of a run are kept, as they come.
///
/// ```
/// stats_history.csv   a line for each second, while the plan runs
/// stats.csv           a line for each operation
/// failures.csv        a line for each cause
/// summary.json        everything; while the plan runs, up to the stage that has ended last
/// report.html         to be looked at
/// ```
public final class ResultFolder: @unchecked Sendable {
  public let path: String
  /// Nothing was there before.
  private var isNew = false
  private let lock = NSLock()
  private var history: FileHandle?
  private var startedUnixS = 0.0
  private var totals = LocustCSV.Totals()
  private var failure: ResultError?

  /// Makes the folder, and begins the history in it.
  public init(_ path: String, startedUnixS: Double) throws(ResultError) {
    self.path = path
    self.startedUnixS = startedUnixS
    isNew = !FileManager.default.fileExists(atPath: path)
    try make()
    let file = "\(path)/stats_history.csv"
    do {
      try Data().write(to: URL(filePath: file))
      let handle = try FileHandle(forWritingTo: URL(filePath: file))
      try handle.write(contentsOf: Data(LocustCSV.historyHead.utf8))
      history = handle
    } catch {
      throw .unwritable(path: file, reason: ResultFolder.reason(error))
    }
  }

  private init(reading path: String) { self.path = path }

  /// `baseline-20261123-142501`, in UTC.
  public static func name(of plan: String, at date: Date = Date()) -> String {
    let formatter = DateFormatter()
    formatter.locale = Locale(identifier: "en_US_POSIX")
    formatter.timeZone = TimeZone(identifier: "UTC")
    formatter.dateFormat = "yyyyMMdd-HHmmss"
    return "\(plan)-\(formatter.string(from: date))"
  }

  private func make() throws(ResultError) {
    do {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    } catch {
      throw .unwritable(path: path, reason: ResultFolder.reason(error))
    }
  }

  /// Takes a folder away that was made for a run which has not begun.
  public func discard() {
    guard isNew else { return }
    try? FileManager.default.removeItem(atPath: "\(path)/stats_history.csv")
    rmdir(path)
  }

  /// Keeps a second at once: it is there even if the run never ends. What cannot be written is told
  /// by `finish`.
  public func note(_ second: RunResult.Second) {
    lock.withLock {
      guard failure == nil, let history else { return }
      let line = LocustCSV.history(second, startedUnixS: startedUnixS, totals: &totals)
      do {
        try history.write(contentsOf: Data(line.utf8))
      } catch {
        failure = .unwritable(
          path: "\(path)/stats_history.csv", reason: ResultFolder.reason(error))
      }
    }
  }

  /// Keeps what is known by now, in case that the run never ends. What cannot be written now is
  /// tried again by `finish`.
  public func keep(_ run: RunResult) {
    try? write("summary.json", ResultFile.encode(run))
  }

  /// Writes everything else, into a new folder where the first one has gone. Each file is whole or
  /// as it was before; the first that cannot be written is told when all have been tried.
  public func finish(_ run: RunResult) throws(ResultError) {
    try make()
    let summary: Page = ("summary.json", { ResultFile.encode(run) })
    try writeAll([summary, ("stats_history.csv", history(of: run))] + pages(of: run))
  }

  /// Writes what is made of `summary.json`.
  public func writePages(_ run: RunResult) throws(ResultError) { try writeAll(pages(of: run)) }

  private typealias Page = (name: String, content: () -> Data?)

  private func pages(of run: RunResult) -> [Page] {
    [
      ("stats.csv", { Data(LocustCSV.stats(run).utf8) }),
      ("failures.csv", { Data(LocustCSV.failures(run).utf8) }),
      ("report.html", { Data(HTMLReport(run).text.utf8) }),
    ]
  }

  /// nil: it is there already. Where a second could not be kept, or somebody has taken the file
  /// away, it is written once more.
  private func history(of run: RunResult) -> () -> Data? {
    let isWhole = lock.withLock { failure == nil }
    return { [path, startedUnixS] in
      if isWhole, FileManager.default.fileExists(atPath: "\(path)/stats_history.csv") { return nil }
      var totals = LocustCSV.Totals()
      let lines = run.series.map {
        LocustCSV.history($0, startedUnixS: startedUnixS, totals: &totals)
      }
      return Data((LocustCSV.historyHead + lines.joined()).utf8)
    }
  }

  private func writeAll(_ pages: [Page]) throws(ResultError) {
    var first: ResultError?
    for page in pages {
      guard let content = page.content() else { continue }
      do throws(ResultError) { try write(page.name, content) } catch { first = first ?? error }
    }
    if let first { throw first }
  }

  private func write(_ name: String, _ data: Data) throws(ResultError) {
    do {
      try data.write(to: URL(filePath: "\(path)/\(name)"), options: .atomic)
    } catch {
      throw .unwritable(path: "\(path)/\(name)", reason: ResultFolder.reason(error))
    }
  }

  /// The run that is kept in a folder, or in a file, and the folder, if it was one.
  public static func read(
    _ path: String
  ) throws(ResultError) -> (run: RunResult, folder: ResultFolder?) {
    var isFolder: ObjCBool = false
    let exists = FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
    let file = exists && isFolder.boolValue ? "\(path)/summary.json" : path
    let data: Data
    do {
      data = try Data(contentsOf: URL(filePath: file))
    } catch {
      throw .unreadable(path: file, reason: reason(error))
    }
    return (
      try ResultFile.decode(data, from: file),
      isFolder.boolValue ? ResultFolder(reading: path) : nil
    )
  }

  /// The kernel's word, which Foundation keeps for itself in some errors.
  private static func reason(_ error: any Error) -> String {
    // A POSIXError, which is an NSError only after it has been taken for an Error.
    let cause = (error as NSError).userInfo[NSUnderlyingErrorKey] as? any Error ?? error
    let told = cause as NSError
    let code: Int32
    switch (told.domain, CocoaError.Code(rawValue: told.code)) {
    case (NSPOSIXErrorDomain, _): code = Int32(told.code)
    case (_, .fileReadNoSuchFile), (_, .fileNoSuchFile): code = ENOENT
    case (_, .fileReadNoPermission), (_, .fileWriteNoPermission): code = EACCES
    case (_, .fileWriteOutOfSpace): code = ENOSPC
    case (_, .fileWriteVolumeReadOnly): code = EROFS
    default: return error.localizedDescription
    }
    return String(cString: strerror(code))
  }
}
