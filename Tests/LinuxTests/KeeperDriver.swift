import Appliance
import Foundation
import Glibc
import Noise
import Wire

@testable import Linux

/// A card's FAT partition and a data partition in a temporary folder: in memory, where there is
/// such a folder, since each step waits until everything is on the disk.
final class KeeperPlace {
  let url = KeeperPlace.base.appending(path: "keeper-\(UUID())")
  private static var base: URL {
    Glibc.access("/dev/shm", W_OK) == 0
      ? URL(filePath: "/dev/shm") : FileManager.default.temporaryDirectory
  }
  var card: URL { url.appending(path: "card") }
  var access: URL { card.appending(path: "access") }
  var data: URL { url.appending(path: "data") }
  var console: URL { url.appending(path: "console") }

  init() throws {
    for folder in [card, data] {
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }
  }

  deinit { try? FileManager.default.removeItem(at: url) }

  /// A file on the card; nil: there is none.
  func read(_ name: String) -> [UInt8]? {
    (try? Data(contentsOf: card.appending(path: name))).map { Array($0) }
  }

  func write(_ bytes: [UInt8]?, _ name: String) throws {
    let file = card.appending(path: name)
    let folder = file.deletingLastPathComponent()
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    try? FileManager.default.removeItem(at: file)
    if let bytes { try Data(bytes).write(to: file) }
  }

  func write(_ string: String, _ name: String) throws { try write(Array(string.utf8), name) }

  func exists(_ name: String) -> Bool {
    FileManager.default.fileExists(atPath: card.appending(path: name).path)
  }

  func mode(_ file: URL) -> Int {
    (try? FileManager.default.attributesOfItem(atPath: file.path)[.posixPermissions] as? Int) ?? -1
  }

  var folder: AccessFolder { AccessFolder(text(access.path)) }

  /// What the keeper's console shows.
  var shown: String { (try? String(contentsOf: console, encoding: .utf8)) ?? "" }
}

/// A running `watchpost keeper`, driven over its channel as the agent drives it.
final class Keeper {
  struct Failure: Error { var text: String }

  private let channel: Int32
  private(set) var pid: pid_t = 0
  private var number: UInt32 = 0
  /// Replies of the last request, without its end.
  private(set) var replies: [(KeeperReply, [UInt8])] = []

  private var digests: [UInt32: ConfigurationDigest] = [:]

  static let shares: [UInt16] = [4, 2, 2, 3]

  /// `script` runs in a shell of its own, with the program, its folder and the folder for data as
  /// $0, $1 and $2.
  init(
    _ place: KeeperPlace, hasData: Bool = true, greets: Bool = true, script: String? = nil
  ) throws {
    var pair: [Int32] = [-1, -1]
    let type = Int32(SOCK_SEQPACKET.rawValue | SOCK_CLOEXEC.rawValue)
    guard socketpair(AF_UNIX, type, 0, &pair) == 0 else { throw Failure(text: "no socket pair") }
    channel = pair[0]
    _ = fcntl(pair[1], F_SETFL, O_NONBLOCK)
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    // dup2 to itself would keep close-on-exec: 3 is never what socketpair gives a test.
    posix_spawn_file_actions_adddup2(&actions, pair[1], 3)
    let flags = O_WRONLY | O_CREAT | O_APPEND
    posix_spawn_file_actions_addopen(&actions, 2, place.console.path, flags, 0o600)
    defer { posix_spawn_file_actions_destroy(&actions) }
    let program = StorageWorker.program.path
    let paths = [place.access.path, place.data.path]
    let words =
      script.map { ["/usr/bin/unshare", "-Urm", "sh", "-c", $0, program] + paths }
      ?? [program, "keeper"] + paths
    var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) }
    arguments.append(nil)
    defer { for argument in arguments { free(argument) } }
    let variables = ["SWIFT_BACKTRACE=enable=no", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"]
    var environment: [UnsafeMutablePointer<CChar>?] = variables.map { strdup($0) }
    environment.append(nil)
    defer { for variable in environment { free(variable) } }
    let error = posix_spawn(&pid, words[0], &actions, nil, &arguments, &environment)
    close(pair[1])
    guard error == 0 else { throw Failure(text: "cannot start \(words[0]): \(error)") }
    if greets { try ask(.hello, Self.hello(hasData: hasData)) }
  }

  deinit {
    kill()
    close(channel)
  }

  static func hello(hasData: Bool) -> [UInt8] {
    shares.flatMap { [UInt8(truncatingIfNeeded: $0), UInt8($0 >> 8)] } + [hasData ? 1 : 0]
  }

  /// Ends it without warning.
  func kill() {
    guard pid > 0 else { return }
    Glibc.kill(pid, SIGKILL)
    waitpid(pid, nil, 0)
    pid = 0
  }

  /// Ends it as the agent's end does; its exit code.
  @discardableResult
  func end() -> Int32 {
    shutdown(channel, Int32(SHUT_WR))
    var status: Int32 = 0
    waitpid(pid, &status, 0)
    pid = 0
    return status >> 8
  }

  /// Asks, and waits for the end of the answer.
  @discardableResult
  func ask(_ request: KeeperRequest, _ bytes: [UInt8] = []) throws -> KeeperDone {
    number += 1
    let kind = [request.rawValue, 0, 0, 0] + Self.bytes(number)
    try send(kind + bytes)
    replies = []
    while true {
      let (reply, bytes) = try receive()
      guard reply == .done else {
        replies.append((reply, bytes))
        continue
      }
      let done = try bytes.withUnsafeBytes { bytes in
        var reader = ByteReader(bytes)
        guard bytes.count == KeeperDone.size, let done = KeeperDone(from: &reader) else {
          throw Failure(text: "not understood: \(Array(bytes))")
        }
        return done
      }
      guard done.number == number else { throw Failure(text: "answer to another request") }
      return done
    }
  }

  /// Texts are checked and applied by the digest of what was staged last under this id, here or in
  /// another life.
  func ask(_ request: KeeperRequest, id: UInt32, _ text: String = "") throws -> KeeperDone {
    let text = Array(text.utf8)
    if request == .stage {
      digests[id] = text.withUnsafeBytes { ConfigurationDigest(sha256Of: $0) }
    }
    let isText = request == .check || request == .apply
    let digest = digests[id] ?? ConfigurationDigest()
    let bytes = isText ? digest.bytes.indices.map { digest.bytes[$0] } : []
    return try ask(request, Self.bytes(id) + bytes + text)
  }

  func append(_ lane: UInt8, _ records: [[UInt8]]) throws -> KeeperOutcome {
    try ask(.append, [lane] + records.flatMap { $0 }).outcome
  }

  func send(_ message: [UInt8]) throws {
    guard Glibc.send(channel, message, message.count, Int32(MSG_NOSIGNAL)) == message.count else {
      throw Failure(text: "the keeper does not listen")
    }
  }

  private func receive() throws -> (KeeperReply, [UInt8]) {
    var wait = pollfd(fd: channel, events: Int16(POLLIN), revents: 0)
    guard poll(&wait, 1, 30_000) > 0 else { throw Failure(text: "no answer") }
    var buffer = [UInt8](repeating: 0, count: 64_000)
    let count = recv(channel, &buffer, buffer.count, 0)
    guard count >= 4, count <= KeeperMessage.size, let reply = KeeperReply(rawValue: buffer[0])
    else { throw Failure(text: "a message of \(count) bytes") }
    return (reply, Array(buffer[4..<count]))
  }

  private static func bytes(_ value: UInt32) -> [UInt8] {
    (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
  }

  // MARK: What the last request told

  func blob(_ blob: Blob) throws -> (BlobNews, [UInt8]) {
    for (reply, bytes) in replies where reply == .blob && bytes[0] == blob.rawValue {
      let news = bytes.withUnsafeBytes { bytes in
        var reader = ByteReader(bytes)
        return BlobNews(from: &reader)
      }
      if let news { return (news, Array(bytes[BlobNews.size...])) }
    }
    throw Failure(text: "nothing of \(blob) was told")
  }

  func facts() throws -> KeeperFacts {
    for (reply, bytes) in replies where reply == .facts {
      let facts = bytes.withUnsafeBytes { bytes in
        var reader = ByteReader(bytes)
        return KeeperFacts(from: &reader)
      }
      if let facts { return facts }
    }
    throw Failure(text: "no facts were told")
  }

  /// The records of a lane, and what was said last of it.
  func lane(_ lane: UInt8) throws -> (AuditNews, [[UInt8]]) {
    var records: [[UInt8]] = []
    for (reply, bytes) in replies where reply == .audit && bytes[0] == lane {
      let news = bytes.withUnsafeBytes { bytes in
        var reader = ByteReader(bytes)
        return AuditNews(from: &reader)
      }
      for start in stride(from: AuditNews.size, to: bytes.count, by: AuditLanes.recordSize) {
        records.append(Array(bytes[start..<start + AuditLanes.recordSize]))
      }
      if let news, news.isLast { return (news, records) }
    }
    throw Failure(text: "nothing of lane \(lane) was told")
  }

  /// Ids of what is staged, whole or not.
  func staged() -> [UInt32] {
    for (reply, bytes) in replies where reply == .staged {
      return stride(from: 0, to: bytes.count, by: 4).map { start in
        (0..<4).reduce(0) { $0 | UInt32(bytes[start + $1]) << (8 * $1) }
      }.sorted()
    }
    return []
  }
}
