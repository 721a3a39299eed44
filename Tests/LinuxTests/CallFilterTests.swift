import CLinux
import Foundation
import Glibc
import Testing

/// The filters of system calls, each in a forked process that makes one call behind it.
@Suite struct CallFilterTests {
  /// How a call behind a filter ends.
  enum End: Equatable {
    /// The kernel has ended the process.
    case killed
    /// It came back, with success or an errno.
    case returned
    case other(Int32)
  }

  static let roles: [(name: String, role: lx_role)] = [
    ("agent", LX_ROLE_AGENT), ("storage", LX_ROLE_STORAGE), ("keeper", LX_ROLE_KEEPER),
    ("probe", LX_ROLE_PROBE), ("feed", LX_ROLE_FEED), ("picture", LX_ROLE_PICTURE),
    ("job", LX_ROLE_JOB), ("usb", LX_ROLE_USB), ("network", LX_ROLE_NETWORK),
    ("time", LX_ROLE_TIME), ("mdns", LX_ROLE_MDNS),
  ]

  typealias Arguments = (Int, Int, Int, Int)

  /// What a process of that role gets from a call by its name in the kernel's headers.
  private func end(
    _ name: String, _ role: lx_role, _ arguments: Arguments = (-1, 0, 0, 0)
  ) throws -> End {
    let number = try #require(Self.numbers[name], "the headers do not name \(name)")
    let call = Self.call
    let exit = try #require(Self.numbers["exit_group"])
    let pid = lx_fork_child("filtered", true)
    if pid == 0 {
      guard lx_filter_calls(role) == 0 else { lx_exit_now(9) }
      _ = call(number, arguments.0, arguments.1, arguments.2, arguments.3)
      // Before `_exit` AddressSanitizer asks for the signal stack, which no role may.
      _ = call(exit, 7, 0, 0, 0)
    }
    try #require(pid > 0)
    var status: Int32 = 0
    waitpid(pid, &status, 0)
    if status & 0x7F == SIGSYS { return .killed }
    return status == 7 << 8 ? .returned : .other(status)
  }

  /// What none of them needs, and whoever has taken one over would like to do.
  static let never = [
    "ptrace", "process_vm_writev", "init_module", "finit_module", "delete_module", "kexec_load",
    "bpf", "perf_event_open", "userfaultfd", "io_uring_setup", "unshare", "setns", "pivot_root",
    "chroot", "umount2", "swapon", "reboot", "syslog", "keyctl", "add_key", "request_key",
    "setxattr", "mknodat", "open_by_handle_at", "personality", "quotactl", "acct", "settimeofday",
    "setuid", "setgid", "capget",
  ]

  @Test(arguments: never) func nobodyMayDoWhatNobodyNeeds(_ name: String) throws {
    for (title, role) in Self.roles {
      // Time sets clocks; a child of those that start others gives up what it has.
      if name == "settimeofday", title == "time" { continue }
      if name == "capget", ["agent", "network"].contains(title) { continue }
      #expect(try end(name, role) == .killed, "\(title) may call \(name)")
    }
  }

  /// One role, one call that others may make and it may not.
  @Test(arguments: [
    ("agent", "clock_settime"), ("storage", "execve"), ("storage", "socket"), ("storage", "mount"),
    ("keeper", "execve"), ("keeper", "socket"), ("keeper", "connect"), ("probe", "execve"),
    ("probe", "clone"), ("probe", "socket"), ("probe", "connect"), ("probe", "unlinkat"),
    ("probe", "mkdirat"), ("probe", "kill"), ("probe", "recvfrom"), ("probe", "getpid"),
    ("feed", "execve"), ("feed", "clone"), ("feed", "bind"), ("feed", "listen"), ("feed", "kill"),
    ("feed", "unlinkat"), ("feed", "getdents64"), ("feed", "getpid"), ("picture", "openat"),
    ("picture", "socket"), ("picture", "execve"), ("picture", "clone"), ("job", "execve"),
    ("job", "socket"), ("job", "connect"), ("usb", "socket"), ("usb", "execve"), ("usb", "clone"),
    ("network", "mount"), ("network", "clock_settime"), ("time", "execve"), ("time", "bind"),
    ("time", "unlinkat"), ("mdns", "execve"), ("mdns", "clock_settime"), ("mdns", "unlinkat"),
  ]) func aRoleKeepsToItsColumn(_ title: String, _ name: String) throws {
    let role = try #require(Self.roles.first { $0.name == title }).role
    #expect(try end(name, role) == .killed)
  }

  /// What a program of somebody else's may try next year: it finds a kernel without the call.
  @Test(arguments: ["mq_unlink", "landlock_create_ruleset", "sched_setscheduler"])
  func whoStartsOthersOutlivesWhatIsUnforeseen(_ name: String) throws {
    #expect(try end(name, LX_ROLE_AGENT) == .returned)
    #expect(try end(name, LX_ROLE_NETWORK) == .returned)
    #expect(try end(name, LX_ROLE_FEED) == .killed)
  }

  /// Without this, a filter that kills always would pass.
  @Test func whatTheTableNamesComesBack() throws {
    for (title, role) in Self.roles {
      for name in ["read", "write", "close", "madvise", "nanosleep"] {
        #expect(try end(name, role) == .returned, "\(title) may not call \(name)")
      }
    }
  }

  @Test func argumentsCount() throws {
    let cases: [(String, lx_role, Arguments, End)] = [
      // Memory that can be run (PROT_READ | PROT_EXEC), and memory that cannot.
      ("mmap", LX_ROLE_FEED, (0, 4096, 5, 0x22), .killed),
      ("mmap", LX_ROLE_FEED, (0, 4096, 3, 0x22), .returned),
      ("mprotect", LX_ROLE_JOB, (0, 0, 5, 0), .killed),
      ("mprotect", LX_ROLE_JOB, (0, 0, 1, 0), .returned),
      // Requests of V4L2 ('V') and of terminals ('T': TIOCSTI types into them).
      ("ioctl", LX_ROLE_FEED, (-1, 0x5412, 0, 0), .killed),
      ("ioctl", LX_ROLE_PROBE, (-1, 0x5412, 0, 0), .killed),
      ("ioctl", LX_ROLE_PROBE, (-1, 0x8068_5600, 0, 0), .returned),
      ("ioctl", LX_ROLE_USB, (-1, 0x8068_5600, 0, 0), .killed),
      ("ioctl", LX_ROLE_USB, (-1, 0xC018_5500, 0, 0), .returned),
      // AF_UNIX, AF_NETLINK, AF_INET.
      ("socket", LX_ROLE_FEED, (1, 1, 0, 0), .killed),
      ("socket", LX_ROLE_FEED, (16, 3, 0, 0), .killed),
      ("socket", LX_ROLE_FEED, (2, 1, 0, 0), .returned),
      // A probe changes nothing: O_CREAT, O_TRUNC.
      ("openat", LX_ROLE_PROBE, (-1, 0, 0x42, 0o600), .killed),
      ("openat", LX_ROLE_PROBE, (-1, 0, 0x201, 0), .killed),
      ("openat", LX_ROLE_PROBE, (-1, 0, 2, 0), .returned),
      ("openat", LX_ROLE_TIME, (-1, 0, 1, 0), .killed),
      ("openat", LX_ROLE_MDNS, (-1, 0, 2, 0), .killed),
      ("openat", LX_ROLE_MDNS, (-1, 0, 0, 0), .returned),
      // The keeper changes a mount (MS_REMOUNT), and makes none (MS_BIND).
      ("mount", LX_ROLE_KEEPER, (0, 0, 0, 0x1000), .killed),
      ("mount", LX_ROLE_KEEPER, (0, 0, 0, 0x20), .returned),
    ]
    for (name, role, arguments, wanted) in cases {
      #expect(try end(name, role, arguments) == wanted, "\(name) \(arguments) of \(role.rawValue)")
    }
  }

  @Test func aFilteredProcessCannotGainRights() throws {
    let pid = lx_fork_child("filtered", true)
    if pid == 0 {
      guard lx_filter_calls(LX_ROLE_STORAGE) == 0 else { lx_exit_now(9) }
      while true { lx_sleep_ms(1000) }
    }
    try #require(pid > 0)
    defer {
      kill(pid, SIGKILL)
      waitpid(pid, nil, 0)
    }
    let until = Date().addingTimeInterval(10)
    var status = ""
    repeat {
      status = try String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)
    } while !status.contains("Seccomp:\t2") && Date() < until
    #expect(status.contains("NoNewPrivs:\t1"))
    #expect(status.contains("Seccomp:\t2"))
  }

  // MARK: The kernel's names

  /// `syscall(2)`, which Swift does not import for its variable arguments.
  private static let call = unsafeBitCast(
    dlsym(nil, "syscall"), to: (@convention(c) (Int, Int, Int, Int, Int) -> Int).self)

  /// The numbers of this architecture, from its headers.
  private static let numbers: [String: Int] = {
    let places = [
      "/usr/include/x86_64-linux-gnu/asm/unistd_64.h", "/usr/include/asm/unistd_64.h",
      "/usr/include/asm-generic/unistd.h",
    ]
    #if arch(x86_64)
      let text = places.lazy.compactMap { try? String(contentsOfFile: $0, encoding: .utf8) }.first
    #else
      let text = try? String(contentsOfFile: places[2], encoding: .utf8)
    #endif
    var numbers: [String: Int] = [:]
    for line in (text ?? "").split(separator: "\n") {
      let words = line.split(whereSeparator: \.isWhitespace)
      guard words.count >= 3, words[0] == "#define", words[1].hasPrefix("__NR_"),
        let number = Int(words[2])
      else { continue }
      numbers[String(words[1].dropFirst(5))] = number
    }
    return numbers
  }()
}
