import Foundation
import Wire

/// How far a download is.
public struct DownloadProgress: Sendable, Equatable {
  /// Bytes that the file will have.
  public var total: UInt64
  /// Bytes that are there, those of an earlier attempt included.
  public var done: UInt64
  /// Bytes that came in this attempt.
  public var received: UInt64
  /// Why it has to connect again; nil: it goes on.
  public var trouble: String?
}

/// Gets a file of a device: reads ranges, several at once, into `FILE.part`; goes on from where it
/// stands after a cut; compares size and checksum with what the device finds in the file; and only
/// then gives the file its name.
///
/// A file that is still being written is got as far as it is when the download begins.
public struct Download: Sendable {
  public let device: DeviceAddress
  public let file: DeviceFile
  /// Where the file shall lie.
  public let target: String
  /// The longest time without a byte: of each answer, and of all attempts in a row.
  public let silence: Duration
  private let credentials: Credentials

  /// Ranges that are asked for at once.
  static let rangesAtOnce = 4
  /// Bytes of the first ranges. They double while they come fast: a cut costs what is under way.
  static let firstRange = 64 * 1024

  public init(
    device: DeviceAddress, file: DeviceFile, to target: String, silence: Duration,
    as credentials: Credentials = .none
  ) {
    self.device = device
    self.file = file
    self.target = target
    self.silence = silence
    self.credentials = credentials
  }

  var part: String { target + ".part" }

  /// Runs to the end. Throws `ControlError` or `DownloadError`; `FILE.part` stays for the next
  /// attempt.
  public func run(
    _ progress: (DownloadProgress) -> Void = { _ in }
  ) async throws -> DownloadDocument {
    let start = ContinuousClock.now
    let line = SteadyConnection(
      try await ControlConnection.open(device, timeout: silence, as: credentials), silence)
    do {
      let sink = try PartFile(part)
      var (expected, resumed) = try await fetch(into: sink, line, progress)
      var verdict = try await settle(expected, line)
      var found = try sink.checksum()
      if found != verdict.checksum, expected.verdict != nil || resumed > 0 {
        // An earlier part of another file, or of a segment into whose head MediaMTX has written the
        // length since, when it closed it.
        try sink.cut(to: 0)
        (expected, resumed) = try await fetch(into: sink, line, progress)
        verdict = try await settle(expected, line)
        found = try sink.checksum()
      }
      guard found == verdict.checksum else {
        throw DownloadError.damaged(
          file: "\(file)", part: part, expected: verdict.checksum, found: found)
      }
      await line.connection.close()
      try sink.finish(as: target)
      return document(verdict, resumedAt: resumed, since: start)
    } catch {
      await line.connection.close()
      throw error
    }
  }

  /// What the file is to be in the end: of one that may still change, what it is now.
  private struct Promise {
    var bytes: UInt64
    /// nil: asked for at the end.
    var verdict: FileVerdict?
  }

  private func promise(_ connection: ControlConnection) async throws -> Promise {
    let entry = try await connection.file(file.request)
    guard entry.state == .open || entry.state == .unchecked else {
      return Promise(bytes: entry.bytes)
    }
    let verdict = try await connection.verify(file.request)
    return Promise(bytes: verdict.bytes, verdict: verdict)
  }

  /// What the device finds in the file.
  private func settle(_ expected: Promise, _ line: SteadyConnection) async throws -> FileVerdict {
    if let verdict = expected.verdict { return verdict }
    let verdict = try await line.perform({ try await $0.verify(file.request) })
    guard verdict.bytes == expected.bytes else {
      throw DownloadError.changed(
        file: "\(file)", expected: expected.bytes, found: verdict.bytes)
    }
    return verdict
  }

  private func document(
    _ verdict: FileVerdict, resumedAt: UInt64, since start: ContinuousClock.Instant
  ) -> DownloadDocument {
    DownloadDocument(
      file: "\(file)", target: target, bytes: verdict.bytes, resumedAt: resumedAt,
      checksum: checksumText(verdict.checksum), condition: verdict.condition.name,
      durationMs: verdict.durationMs == 0 ? nil : verdict.durationMs,
      seconds: ((ContinuousClock.now - start).inSeconds * 1000).rounded() / 1000)
  }
}

// MARK: - Ranges and cuts

extension Download {
  /// Reads the file into the part, going on after cuts. Returns what the file is to be, and the
  /// bytes that were there already.
  private func fetch(
    into sink: PartFile, _ line: SteadyConnection, _ progress: (DownloadProgress) -> Void
  ) async throws -> (Promise, resumedAt: UInt64) {
    // What is wrong from the beginning is no cut.
    let expected = try await promise(line.connection)
    if sink.position > expected.bytes { try sink.cut(to: 0) }
    let begun = sink.position
    func report(_ trouble: String?) {
      progress(
        DownloadProgress(
          total: expected.bytes, done: sink.position, received: sink.position - begun,
          trouble: trouble))
    }
    line.alive()
    func came() {
      line.alive()
      report(nil)
    }
    func read(_ connection: ControlConnection) async throws {
      try await readRanges(to: expected.bytes, into: sink, connection, came)
    }
    try await line.perform(read, telling: report)
    return (expected, begun)
  }

  /// Reads ranges in order, several under way at once, until the part has `total` bytes.
  private func readRanges(
    to total: UInt64, into sink: PartFile, _ connection: ControlConnection, _ came: () -> Void
  ) async throws {
    try await withThrowingTaskGroup(of: Range.self) { group in
      var asked = sink.position
      var length = Self.firstRange
      var waiting: [UInt64: Range] = [:]
      for _ in 0..<Self.rangesAtOnce { ask(&group, &asked, total, length, connection) }
      while let range = try await group.next() {
        waiting[range.offset] = range
        // In order: what lies in the part is whole up to its end, whatever happens next.
        while let next = waiting.removeValue(forKey: sink.position) {
          try sink.append(next.bytes)
          came()
        }
        if range.time < .milliseconds(500) { length = min(2 * length, Limits.bulkSize) }
        ask(&group, &asked, total, length, connection)
      }
    }
  }

  /// Asks for the next range, if there is one.
  private func ask(
    _ group: inout ThrowingTaskGroup<Range, any Error>, _ asked: inout UInt64, _ total: UInt64,
    _ length: Int, _ connection: ControlConnection
  ) {
    guard asked < total else { return }
    let (offset, wanted) = (asked, Int(min(UInt64(length), total - asked)))
    asked += UInt64(wanted)
    group.addTask { try await read(connection, offset, wanted) }
  }

  private struct Range: Sendable {
    let offset: UInt64
    let bytes: [UInt8]
    let time: Duration
  }

  private func read(
    _ connection: ControlConnection, _ offset: UInt64, _ wanted: Int
  ) async throws -> Range {
    let start = ContinuousClock.now
    let bytes = try await connection.read(file.request, from: offset, length: wanted)
    guard bytes.count == wanted else {
      throw DownloadError.changed(
        file: "\(file)", expected: offset + UInt64(wanted), found: offset + UInt64(bytes.count))
    }
    return Range(offset: offset, bytes: bytes, time: ContinuousClock.now - start)
  }
}
