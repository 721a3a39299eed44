import Foundation

/// Where a client keeps its own key and what it shares with devices: for its owner alone.
///
/// ```
/// key            this client's key pair
/// known-devices  the devices that it has a key at
/// lock           held by whoever changes one of them
/// ```
public struct KeyFolder: Sendable, Equatable {
  public let path: String

  public init(_ path: String) { self.path = path }

  /// `$WATCHPOST_KEYS`, else `$XDG_CONFIG_HOME/watchpost`, else `~/.config/watchpost`.
  public init(
    environment: [String: String] = ProcessInfo.processInfo.environment
  ) {
    if let named = environment["WATCHPOST_KEYS"], !named.isEmpty {
      path = named
      return
    }
    // The XDG Base Directory Specification has relative paths ignored.
    let base = environment["XDG_CONFIG_HOME"].flatMap { $0.hasPrefix("/") ? $0 : nil }
    let home = FileManager.default.homeDirectoryForCurrentUser.path
    path = (base ?? home + "/.config") + "/watchpost"
  }

  /// Bytes of the largest file that is read.
  static let fileSize = 1024 * 1024
  /// How long somebody else may hold the lock.
  static let patience: Duration = .seconds(10)

  func file(_ name: String) -> String { path + "/" + name }

  // MARK: - Reading

  /// A file; nil: it is not there. Refuses what others can read, and a folder in which they can put
  /// another file in its place.
  func read(_ name: String) throws(KeyFolderError) -> SecretBytes? {
    let file = file(name)
    let opened = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard opened >= 0 else {
      if errno == ENOENT || errno == ENOTDIR { return nil }
      throw .unreadable(path: file, reason: reasonText)
    }
    defer { close(opened) }
    try checkFolder()
    var facts = stat()
    guard fstat(opened, &facts) == 0 else { throw .unreadable(path: file, reason: reasonText) }
    guard facts.st_mode & S_IFMT == S_IFREG else {
      throw .unreadable(path: file, reason: "it is no file")
    }
    guard facts.st_mode & 0o077 == 0 else {
      throw .seenByOthers(path: file, mode: facts.st_mode & 0o777)
    }
    guard (0...Self.fileSize).contains(Int(facts.st_size)) else {
      throw .unreadable(path: file, reason: "it has \(facts.st_size) bytes")
    }
    let bytes = SecretBytes(count: Int(facts.st_size))
    var done = 0
    while done < bytes.count {
      let count = Foundation.read(opened, bytes.bytes.baseAddress! + done, bytes.count - done)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else {
        throw .unreadable(path: file, reason: count == 0 ? "it is being changed" : reasonText)
      }
      done += count
    }
    return bytes
  }

  private func checkFolder() throws(KeyFolderError) {
    var facts = stat()
    guard stat(path, &facts) == 0 else { throw .unreadable(path: path, reason: reasonText) }
    guard facts.st_mode & 0o022 == 0 else {
      throw .changedByOthers(path: path, mode: facts.st_mode & 0o7777)
    }
  }

  // MARK: - Writing

  /// Does `body` while nobody else changes anything here; makes the folder where there is none.
  func locked<Value>(
    _ body: () throws(KeyFolderError) -> Value
  ) throws(KeyFolderError) -> Value {
    try make()
    let file = file("lock")
    let lock = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard lock >= 0 else { throw .unwritable(path: file, reason: reasonText) }
    // Closing releases it.
    defer { close(lock) }
    let deadline = ContinuousClock.now + Self.patience
    while flock(lock, LOCK_EX | LOCK_NB) != 0 {
      guard errno == EWOULDBLOCK || errno == EINTR else {
        throw .unwritable(path: file, reason: reasonText)
      }
      guard ContinuousClock.now < deadline else { throw .locked(path: file) }
      usleep(5000)
    }
    return try body()
  }

  private func make() throws(KeyFolderError) {
    var facts = stat()
    if stat(path, &facts) != 0 {
      do {
        try FileManager.default.createDirectory(
          atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
      } catch {
        throw .unwritable(path: path, reason: (error as NSError).localizedDescription)
      }
    }
    try checkFolder()
  }

  /// Puts a file in place of the one there is: whoever reads sees the old one or the new one, also
  /// after the power was cut. Only while locked.
  func write(_ name: String, _ pieces: [SecretBytes]) throws(KeyFolderError) {
    let file = file(name)
    let temporary = file + ".\(getpid())-\(UInt32.random(in: 0 ... .max))"
    let opened = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard opened >= 0 else { throw .unwritable(path: file, reason: reasonText) }
    var isWritten = pieces.allSatisfy { writeAll($0.readable, to: opened) }
    isWritten = isWritten && fsync(opened) == 0
    var reason = reasonText
    isWritten = close(opened) == 0 && isWritten
    if isWritten {
      isWritten = rename(temporary, file) == 0
      reason = reasonText
    }
    guard isWritten else {
      unlink(temporary)
      throw .unwritable(path: file, reason: reason)
    }
    let folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard folder >= 0 else { return }
    _ = fsync(folder)
    close(folder)
  }

  private func writeAll(_ piece: UnsafeRawBufferPointer, to file: Int32) -> Bool {
    var done = 0
    while done < piece.count {
      let count = Foundation.write(file, piece.baseAddress! + done, piece.count - done)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return false }
      done += count
    }
    return true
  }

  private var reasonText: String { String(cString: strerror(errno)) }
}

/// Why a client's own keys cannot be used. Its description is one sentence with the way out.
public enum KeyFolderError: Error, Equatable, Sendable {
  /// Others can read a secret.
  case seenByOthers(path: String, mode: UInt32)
  /// Others can put files of theirs into the folder.
  case changedByOthers(path: String, mode: UInt32)
  /// The client's key has another form than it must have.
  case keyDamaged(path: String)
  /// The client's key is missing although devices know it.
  case keyMissing(path: String)
  /// A line of the known devices has another form than it must have. Such a device is not taken for
  /// an unknown one: that would be talked to in plain text.
  case lineDamaged(path: String, line: Int)
  case unreadable(path: String, reason: String)
  case unwritable(path: String, reason: String)
  /// Somebody else does not stop changing the folder.
  case locked(path: String)
}

extension KeyFolderError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .seenByOthers(let path, let mode):
      "Others can read \(path) (mode \(octal(mode))), which holds secrets; `chmod 600 \(path)`, "
        + "and if somebody may have read it, remove this client's key from the devices."
    case .changedByOthers(let path, let mode):
      "Others can write into \(path) (mode \(octal(mode))), where this client keeps its keys; "
        + "`chmod 700 \(path)`."
    case .keyDamaged(let path):
      "\(path) holds no key; restore it from a copy, or remove it and pair with the devices anew."
    case .keyMissing(let path):
      "\(path) is missing, the key that the known devices have of this client; restore it from a "
        + "copy, or pair with the devices anew: `wpctl pair --again`."
    case .lineDamaged(let path, let line):
      "Line \(line) of \(path) tells no device (ADDRESS KEY SECRET ROLE NAME); correct or "
        + "remove it."
    case .unreadable(let path, let reason):
      "\(path) cannot be read (\(reason)); `--keys FOLDER` names another folder, `--plain` does "
        + "without keys."
    case .unwritable(let path, let reason):
      "\(path) cannot be written (\(reason)); `--keys FOLDER` names another folder."
    case .locked(let path):
      "Another program has held \(path) for \(KeyFolder.patience.inSeconds.brief) s; try again "
        + "when it is done."
    }
  }

  private func octal(_ mode: UInt32) -> String { String(mode, radix: 8) }
}
