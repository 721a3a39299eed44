import Foundation
import Synchronization

@testable import Wire

/// The files and logs of a `FakeDevice`, with what may go wrong when they are read.
final class FakeFiles: Sendable {
  struct File: Sendable {
    var entry = FileEntry()
    var bytes: [UInt8] = []
  }

  /// What happens to requests, counted from 1 by their kind.
  struct Faults: Sendable {
    /// Reads in whose answer the connection is cut in the middle of a frame.
    var cutReads: Set<Int> = []
    /// Reads that are told to come back.
    var busyReads: Set<Int> = []
    /// Reads that get no answer.
    var silentReads: Set<Int> = []
    /// Connections that are closed at once.
    var refusedConnections: Set<Int> = []
    /// Milliseconds that each part of an answer takes, one after the other.
    var partMs: Int64 = 0
    /// What `fileVerify` says instead of the truth.
    var checksum: UInt32?
    /// The files are cut to this many bytes from this read on.
    var shrink: (read: Int, bytes: Int)?
  }

  struct State: Sendable {
    var files: [File] = []
    var faults = Faults()
    var logs: [LogSource: String] = [:]
    var policy: RetentionPolicy?
    var configurationError = ""
    var reads: [FileReadRequest] = []
    var verified = 0
    var connections = 0
  }

  /// What to do about a request.
  enum Answer {
    case payload([UInt8])
    /// An answer in parts; `cut`: the connection ends in the middle of it.
    case parts([UInt8], cut: Bool = false)
    case refusal(Status)
    case silence
    /// These files have nothing to do with it.
    case golden
  }

  let state = Mutex(State())

  init(_ files: [File] = [], faults: Faults = Faults()) {
    state.withLock { $0.files = files }
    state.withLock { $0.faults = faults }
  }

  /// `CAMERA/NAME` with these bytes.
  static func file(_ path: String, id: UInt64 = 1, bytes: [UInt8] = []) -> File {
    let parts = path.split(separator: "/").map { Array($0.utf8) }
    var entry = FileEntry()
    entry.id = id
    entry.kind = Code(path.hasSuffix(".jpg") ? FileKind.snapshot : .recording)
    entry.state = Code(.complete)
    entry.bytes = UInt64(bytes.count)
    entry.unixMs = 1_790_000_000_000 + id * 60_000
    entry.camera = parts[0].withUnsafeBytes { Name($0) }
    entry.name = parts[1].withUnsafeBytes { Text<56>($0) }
    return File(entry: entry, bytes: bytes)
  }

  var reads: [FileReadRequest] { state.withLock { $0.reads } }

  /// Counts a connection; false: it is closed at once.
  func accept() -> Bool {
    state.withLock { state in
      state.connections += 1
      return !state.faults.refusedConnections.contains(state.connections)
    }
  }

  func answer(_ header: Header, _ payload: [UInt8]) -> Answer {
    state.withLock { state in
      do {
        return try payload.withUnsafeBytes { bytes in
          try state.answer(Request.decode(header, payload: bytes))
        }
      } catch {
        return .refusal(error as? Status ?? .internalError)
      }
    }
  }
}

extension FakeFiles.State {
  fileprivate mutating func answer(_ request: Request) throws(Status) -> FakeFiles.Answer {
    switch request {
    case .fileList(let bytes): return .parts(list(try FileListRequest.decode(bytes)))
    case .fileInfo(let bytes):
      return .payload(encoded(try find(try FileRequest.decode(bytes)).entry))
    case .fileRead(let bytes): return try read(try FileReadRequest.decode(bytes))
    case .fileRemove(let bytes):
      let request = try FileRequest.decode(bytes)
      guard try find(request).entry.state != .open else { throw .state }
      files.removeAll { $0.entry.name == request.name && $0.entry.camera == request.camera }
      return .payload([])
    case .fileVerify(let bytes):
      let file = try find(try FileRequest.decode(bytes))
      verified += 1
      var verdict = FileVerdict()
      verdict.bytes = UInt64(file.bytes.count)
      verdict.checksum = faults.checksum ?? file.bytes.withUnsafeBytes { CRC32C.of($0) }
      return .payload(encoded(verdict))
    case .retentionSet(let policy):
      self.policy = policy
      return .payload([])
    case .logTail(let request): return .payload(log(request))
    case .serverInfo:
      var info = ServerInfo()
      info.name = "watchpost"
      info.configurationErrorLine = configurationError.isEmpty ? 0 : 3
      info.configurationError = Array(configurationError.utf8).withUnsafeBytes { Text($0) }
      return .payload(encoded(info))
    default: return .golden
    }
  }

  private func find(_ request: FileRequest) throws(Status) -> FakeFiles.File {
    let file = files.first {
      $0.entry.kind == request.kind && $0.entry.camera == request.camera
        && $0.entry.name == request.name
    }
    guard let file else { throw .notFound }
    return file
  }

  private mutating func read(_ request: FileReadRequest) throws(Status) -> FakeFiles.Answer {
    reads.append(request)
    if let shrink = faults.shrink, reads.count == shrink.read {
      for index in files.indices { files[index].bytes.removeSubrange(shrink.bytes...) }
    }
    let bytes = try find(request.file).bytes
    let start = min(Int(request.offset), bytes.count)
    let range = Array(bytes[start..<min(start + Int(request.length), bytes.count)])
    if faults.busyReads.contains(reads.count) { throw .busy }
    if faults.silentReads.contains(reads.count) { return .silence }
    return .parts(range, cut: faults.cutReads.contains(reads.count))
  }

  /// The cursor is the id of the file that comes next.
  private func list(_ request: FileListRequest) -> [UInt8] {
    var matching = files.map(\.entry)
    if let kind = request.kind { matching.removeAll { $0.kind != kind } }
    if !request.camera.isEmpty { matching.removeAll { $0.camera != request.camera } }
    matching.removeAll { $0.unixMs < request.fromUnixMs }
    if request.untilUnixMs > 0 {
      matching.removeAll { $0.unixMs == 0 || $0.unixMs >= request.untilUnixMs }
    }
    matching.sort { request.oldestFirst ? $0.id < $1.id : $0.id > $1.id }
    if request.cursor > 0 {
      let next = matching.firstIndex { $0.id == request.cursor } ?? matching.endIndex
      matching.removeSubrange(..<next)
    }
    let page = matching.prefix(request.bound)
    let next = matching.dropFirst(request.bound).first?.id ?? 0
    let head = FileListHead(
      nextCursor: next, known: UInt32(files.count), count: UInt16(page.count))
    return encoded(head) + page.flatMap { encoded($0) }
  }

  private func log(_ request: LogRequest) -> [UInt8] {
    let text = Array((logs[request.source] ?? "").utf8)
    let start = min(Int(clamping: request.cursor), text.count)
    let piece = text[start..<min(start + request.bound, text.count)]
    let head = LogHead(
      nextCursor: UInt64(start + piece.count), oldestCursor: 0, count: UInt32(piece.count))
    return encoded(head) + piece
  }
}

/// A payload's bytes.
func encoded<Body: Payload>(_ body: Body) -> [UInt8] {
  [UInt8](unsafeUninitializedCapacity: Body.size) { buffer, count in
    var writer = ByteWriter(UnsafeMutableRawBufferPointer(buffer))
    body.encode(into: &writer)
    count = writer.count
  }
}
