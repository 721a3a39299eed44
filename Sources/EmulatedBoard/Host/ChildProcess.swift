import Foundation
import Synchronization

/// How a child process ended.
public enum ExitStatus: Equatable, Sendable, CustomStringConvertible {
  case exited(code: Int32)
  case signalled(Int32)

  init(waitStatus: Int32) {
    let signal = waitStatus & 0x7F
    self = signal == 0 ? .exited(code: waitStatus >> 8 & 0xFF) : .signalled(signal)
  }

  public var description: String {
    switch self {
    case .exited(let code): "exit code \(code)"
    case .signalled(let signal): "signal \(signal)"
    }
  }
}

/// A child process that ends with its parent, however that ends.
///
/// `setpriv --pdeathsig KILL` (util-linux, so on every Debian) asks the kernel for it. The kernel
/// takes "parent" to be the thread that forked, so each child gets a thread of its own, which
/// starts it, waits for it and reaps it. The child has its own process group: Ctrl-C in a terminal
/// reaches us alone, and we end things in order.
final class ChildProcess: Sendable {
  let pid: pid_t
  /// One entry, when the child has ended.
  let ended = Journal<ExitStatus>()
  /// False once the child is reaped, after which its number may belong to somebody else.
  private let alive = Mutex(true)

  /// Starts a program.
  /// - Parameters:
  ///   - arguments: program, found by PATH, and its arguments.
  ///   - folder: working directory of the child.
  ///   - descriptors: which of our descriptors the child gets, by the child's number. Standard
  ///     input is empty, everything else stays with us.
  static func start(
    _ arguments: [String], in folder: String, descriptors: [Int32: StreamSocket]
  ) throws -> ChildProcess {
    let command = ["env", "--chdir=\(folder)", "setpriv", "--pdeathsig", "KILL"] + arguments
    let start = Start()
    Thread.detachNewThread {
      let result = spawn(command, descriptors).map(ChildProcess.init(pid:))
      start.result.withLock { $0 = result }
      start.done.signal()
      if case .success(let child) = result { child.reap() }
    }
    start.done.wait()
    guard let result = start.result.withLock({ $0 }) else {
      preconditionFailure("the thread signals after it has set the result")
    }
    return try result.get()
  }

  /// Where the new thread leaves the child for whoever started it.
  private final class Start: Sendable {
    let result = Mutex<Result<ChildProcess, SystemCallError>?>(nil)
    let done = DispatchSemaphore(value: 0)
  }

  private static func spawn(
    _ command: [String], _ descriptors: [Int32: StreamSocket]
  ) -> Result<pid_t, SystemCallError> {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    // Sources lie above all targets, so that no copy overwrites a source.
    var copies: [Int32] = []
    defer { for copy in copies { close(copy) } }
    for (target, source) in descriptors {
      let copy = fcntl(source.descriptor, F_DUPFD_CLOEXEC, 64)
      guard copy >= 0 else { return .failure(SystemCallError("too many open files")) }
      copies.append(copy)
      posix_spawn_file_actions_adddup2(&actions, copy, target)
    }
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setpgroup(&attributes, 0)
    posix_spawnattr_setflags(
      &attributes, Int16(POSIX_SPAWN_SETPGROUP) | Int16(POSIX_SPAWN_SETSIGMASK))

    var arguments: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) }
    arguments.append(nil)
    defer { for argument in arguments { free(argument) } }
    var pid: pid_t = 0
    let code = posix_spawnp(&pid, command[0], &actions, &attributes, arguments, environ)
    guard code == 0 else {
      return .failure(SystemCallError("cannot start \(command[0])", code: code))
    }
    return .success(pid)
  }

  private init(pid: pid_t) { self.pid = pid }

  /// Sends a signal, unless the child has ended.
  func signal(_ number: Int32) {
    alive.withLock { if $0 { _ = kill(pid, number) } }
  }

  /// Waits for the end, with SIGKILL when it takes longer than `patience`.
  @discardableResult
  func end(within patience: Duration) async -> ExitStatus? {
    if let status = try? await ended.first("exit", within: patience, where: { _ in true }) {
      return status.value
    }
    signal(SIGKILL)
    return try? await ended.first("exit", within: .seconds(10), where: { _ in true }).value
  }

  private func reap() {
    var information = siginfo_t()
    while waitid(P_PID, id_t(pid), &information, WEXITED | Int32(WNOWAIT)) < 0, errno == EINTR {}
    var status: Int32 = 0
    alive.withLock { alive in
      waitpid(pid, &status, 0)
      alive = false
    }
    ended.append(ExitStatus(waitStatus: status))
  }
}
