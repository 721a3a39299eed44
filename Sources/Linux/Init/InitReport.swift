import Appliance
import CLinux

extension InitJob {
  /// What the console calls it.
  var title: StaticString {
    switch self {
    case .watchdogModules: "watchdog modules"
    case .bootPartition: "boot partition"
    case .lateModules: "late modules"
    case .dataPartition: "data partition"
    case .unmount: "unmount"
    }
  }
}

extension InitService {
  /// What the console calls it; the role's name on the command line.
  var title: StaticString {
    switch self {
    case .agent: "agent"
    case .network: "network"
    case .time: "time"
    case .mdns: "mdns"
    case .shell: "shell"
    }
  }
}

/// What init says on the console about its children.
enum InitReport {
  static func ended(_ title: StaticString, _ pid: Int32, _ status: ExitStatus) {
    let log = BootLog("init").text(title).text(" ended (pid ").number(pid)
    switch status {
    case .code(let code): log.text(", code ").number(code).text(")").write()
    case .signal(let signal): log.text(", signal ").number(signal).text(")").write()
    }
  }

  static func notStarted(_ title: StaticString, _ error: Int32) {
    BootLog("init").text(title).text(" not started: errno ").number(-error).write()
  }
}
