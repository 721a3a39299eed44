import Foundation
import Glibc
import Wire

@testable import Linux

/// A running `watchpost storage`, driven over its channel as the agent drives it.
final class StorageWorker {
  struct Failure: Error { var text: String }

  private let channel: Int32
  private let folder: URL
  private(set) var pid: pid_t = 0
  private var jobs: UInt32 = 0
  /// Replies that nobody has waited for yet.
  private(set) var replies: [(StorageReply, [UInt8])] = []

  static var program: URL {
    if let path = ProcessInfo.processInfo.environment["WATCHPOST"] { return URL(filePath: path) }
    return URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
      .deletingLastPathComponent().appending(path: "watchpost")
  }

  /// Whether the shipped program is under test: the Embedded build, named by WATCHPOST.
  static var isShipped: Bool { ProcessInfo.processInfo.environment["WATCHPOST"] != nil }

  /// `boot` fills the boot's id.
  init(_ folder: URL, boot: UInt8 = 1) throws {
    var pair: [Int32] = [-1, -1]
    let type = Int32(SOCK_SEQPACKET.rawValue | SOCK_CLOEXEC.rawValue)
    guard socketpair(AF_UNIX, type, 0, &pair) == 0 else {
      throw Failure(text: "no socket pair")
    }
    channel = pair[0]
    self.folder = folder
    _ = fcntl(pair[1], F_SETFL, O_NONBLOCK)
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    // dup2 to itself would keep close-on-exec: 3 is never what socketpair gives a test.
    posix_spawn_file_actions_adddup2(&actions, pair[1], 3)
    defer { posix_spawn_file_actions_destroy(&actions) }
    let words = [Self.program.path, "storage", folder.path]
    var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) }
    arguments.append(nil)
    defer { for argument in arguments { free(argument) } }
    var environment: [UnsafeMutablePointer<CChar>?] = [strdup("SWIFT_BACKTRACE=enable=no"), nil]
    defer { free(environment[0]) }
    let error = posix_spawn(&pid, Self.program.path, &actions, nil, &arguments, &environment)
    close(pair[1])
    guard error == 0 else { throw Failure(text: "cannot start \(Self.program.path): \(error)") }
    send(.hello, [UInt8](repeating: boot, count: 16) + [0, 0])
  }

  deinit {
    kill()
    close(channel)
  }

  /// Ends it without warning.
  func kill() {
    guard pid > 0 else { return }
    Glibc.kill(pid, SIGKILL)
    waitpid(pid, nil, 0)
    pid = 0
  }

  /// Ends it as the agent's end does.
  func end() {
    shutdown(channel, Int32(SHUT_WR))
    waitpid(pid, nil, 0)
    pid = 0
  }

  func send(_ request: StorageRequest, _ bytes: [UInt8] = []) {
    let message = [request.rawValue] + bytes
    _ = Glibc.send(channel, message, message.count, Int32(MSG_NOSIGNAL))
  }

  /// The first reply of that kind which `filter` takes.
  @discardableResult
  func wait(
    _ kind: StorageReply, seconds: Double = 10, where filter: ([UInt8]) -> Bool = { _ in true }
  ) throws -> [UInt8] {
    let until = Date().addingTimeInterval(seconds)
    var looked = 0
    while true {
      while looked < replies.count {
        if replies[looked].0 == kind, filter(replies[looked].1) {
          return replies.remove(at: looked).1
        }
        looked += 1
      }
      guard let (reply, bytes, _) = receive(until) else {
        throw Failure(text: "no \(kind) came")
      }
      replies.append((reply, bytes))
    }
  }

  /// Waits until it has looked through the folders of a new card, and has begun an index.
  func begun() throws {
    let index = folder.appending(path: "state/index").path
    let until = Date().addingTimeInterval(10)
    while !FileManager.default.fileExists(atPath: index) {
      guard Date() < until else { throw Failure(text: "no index was begun") }
      usleep(1000)
    }
  }

  /// Does a job; its status and its answer.
  func job(_ kind: Kind, _ payload: [UInt8] = []) throws -> (Status, [UInt8]) {
    jobs += 1
    let id = jobs
    let head = encoded(8) { JobRequest(id: id, kind: kind).encode(into: &$0) }
    send(.job, head + payload)
    let until = Date().addingTimeInterval(20)
    while let (reply, bytes, memory) = receive(until) {
      guard reply == .job else {
        replies.append((reply, bytes))
        continue
      }
      let told = bytes.withUnsafeBytes { bytes in
        var reader = ByteReader(bytes)
        return JobReply(from: &reader)
      }
      guard told.id == id else { throw Failure(text: "answer to another job") }
      guard memory >= 0 else { return (told.status, []) }
      defer { close(memory) }
      var answer = [UInt8](repeating: 0, count: Int(told.bytes))
      guard pread(memory, &answer, answer.count, 0) == answer.count else {
        throw Failure(text: "the answer's memory is shorter than it says")
      }
      return (told.status, answer)
    }
    throw Failure(text: "no answer to \(kind)")
  }

  private func receive(_ until: Date) -> (StorageReply, [UInt8], Int32)? {
    var wait = pollfd(fd: channel, events: Int16(POLLIN), revents: 0)
    let ms = Int32(max(0, until.timeIntervalSinceNow * 1000))
    guard poll(&wait, 1, ms) > 0 else { return nil }
    var buffer = [UInt8](repeating: 0, count: 33_000)
    var passed: Int32 = -1
    let count = buffer.withUnsafeMutableBytes {
      receiveMessage(channel, $0, &passed)
    }
    guard count > 0, let reply = StorageReply(rawValue: buffer[0]) else { return nil }
    return (reply, Array(buffer[1..<count]), passed)
  }

  // MARK: Jobs

  func list(_ change: (inout FileListRequest) -> Void = { _ in }) throws
    -> (FileListHead, [FileEntry])
  {
    var request = FileListRequest()
    request.limit = 1000
    change(&request)
    let payload = encoded(FileListRequest.size) { request.encode(into: &$0) }
    let (status, answer) = try job(.fileList, payload)
    guard status == .ok else { throw Failure(text: "list: \(status)") }
    return try answer.withUnsafeBytes { bytes in
      let (head, rest) = try FileListHead.open(bytes)
      var reader = rest
      return (head, (0..<Int(head.count)).map { _ in FileEntry(from: &reader) })
    }
  }

  /// Lists until the files are as wanted.
  func files(
    within seconds: Double = 10, until isDone: ([FileEntry]) -> Bool
  ) throws -> [FileEntry] {
    let end = Date().addingTimeInterval(seconds)
    while true {
      let files = try list().1
      if isDone(files) { return files }
      guard Date() < end else { throw Failure(text: "files stay \(files)") }
      usleep(20_000)
    }
  }

  func remove(_ entry: FileEntry) throws -> Status {
    let request = FileRequest(
      kind: entry.kind.known ?? .recording, camera: entry.camera, name: entry.name)
    return try job(
      .fileRemove, encoded(FileRequest.size) { request.encode(into: &$0) }
    ).0
  }
}

/// What `body` writes.
func encoded(_ size: Int, _ body: (inout ByteWriter) -> Void) -> [UInt8] {
  [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
    var writer = ByteWriter(UnsafeMutableRawBufferPointer(buffer))
    body(&writer)
    count = writer.count
  }
}

/// recvmsg(2) with one descriptor.
private func receiveMessage(
  _ channel: Int32, _ buffer: UnsafeMutableRawBufferPointer, _ passed: inout Int32
) -> Int {
  var control = [UInt64](repeating: 0, count: 8)
  var part = iovec(iov_base: buffer.baseAddress, iov_len: buffer.count)
  return control.withUnsafeMutableBytes { control in
    withUnsafeMutablePointer(to: &part) { part in
      var message = msghdr()
      message.msg_iov = part
      message.msg_iovlen = 1
      message.msg_control = control.baseAddress
      message.msg_controllen = control.count
      let count = recvmsg(channel, &message, Int32(MSG_CMSG_CLOEXEC))
      // A cmsghdr of 16 bytes, then the descriptor.
      if message.msg_controllen >= 20 {
        passed = control.load(fromByteOffset: 16, as: Int32.self)
      }
      return count
    }
  }
}

func text<let capacity: Int>(_ string: String) -> Text<capacity> {
  var string = string
  return string.withUTF8 { Text(UnsafeRawBufferPointer($0)) }
}

extension Text {
  var string: String { withBytes { String(decoding: $0, as: UTF8.self) } }
}
