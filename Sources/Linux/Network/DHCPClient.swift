import Appliance
import CLinux
import Wire

/// busybox's DHCP client, and what it calls when something happens (`dhcp-event`).
public enum DHCPClient {
  private static let busybox: StaticString = "/bin/busybox"

  /// Starts it for the configured interface; its pid, 0 if that failed.
  static func start(_ configuration: Configuration) -> Int32 {
    var script = Text<128>(configuration.runDirectory)
    script.append("/dhcp-event")
    let program = Program.ownPath()
    // The client calls a path with one argument: the program finds its role in the link's name.
    let linked = script.withCString { script in
      program.withCString { lx_make_link($0, script) }
    }
    guard linked == 0 else {
      BootLog("network").text(script).text(" not made: errno ").number(-linked).write()
      return 0
    }
    writeMark(configuration.runDirectory)
    let pid = lx_fork_child("udhcpc", true)
    if pid == 0 { become(configuration, script) }
    return max(pid, 0)
  }

  /// In the child.
  private static func become(_ configuration: Configuration, _ script: Text<128>) -> Never {
    var directory = Text<128>("WATCHPOST_RUN=")
    directory.append(configuration.runDirectory)
    var host = Text<64>("hostname:")
    host.append(configuration.name)
    let words = DHCPWords()
    script.withCString { script in
      configuration.network.interface.withCString { interface in
        host.withCString { host in
          directory.withCString { directory in
            Program.execute(
              busybox.cString,
              [
                words.udhcpc.cString, words.foreground.cString, words.interface.cString, interface,
                words.script.cString, script, words.tries.cString, words.three.cString,
                words.pause.cString, words.two.cString, words.rest.cString, words.five.cString,
                words.ask.cString, words.ntp.cString, words.tell.cString, host,
              ], environment: [directory])
          }
        }
      }
    }
  }

  /// The client's command line: three requests two seconds apart, then five seconds of rest, for
  /// ever; asks for NTP servers too.
  private struct DHCPWords {
    let udhcpc: StaticString = "udhcpc"
    let foreground: StaticString = "-f"
    let interface: StaticString = "-i"
    let script: StaticString = "-s"
    let tries: StaticString = "-t"
    let three: StaticString = "3"
    let pause: StaticString = "-T"
    let two: StaticString = "2"
    let rest: StaticString = "-A"
    let five: StaticString = "5"
    let ask: StaticString = "-O"
    let ntp: StaticString = "ntpsrv"
    let tell: StaticString = "-x"
  }

  // MARK: Events

  /// The client reports `deconfig` whenever it starts. After a restart of our own that must not
  /// take a good address away: the first one is skipped.
  private static func writeMark(_ runDirectory: Text<96>) {
    markPath(runDirectory).withCString { _ = lx_replace_file($0, "\n", 1, false) }
  }

  private static func takeMark(_ runDirectory: Text<96>) -> Bool {
    markPath(runDirectory).withCString { lx_unlink($0) == 0 }
  }

  private static func markPath(_ runDirectory: Text<96>) -> Text<128> {
    var path = Text<128>(runDirectory)
    path.append("/dhcp-starting")
    return path
  }

  /// The role `dhcp-event`: one event by its name, details in the environment; an exit code.
  public static func event(_ name: Text<32>) -> Int32 {
    guard let interface: Text<16> = variable("interface"), !interface.isEmpty else { return 2 }
    let runDirectory = variable("WATCHPOST_RUN") ?? Text<96>("/run/watchpost")
    if name == "deconfig" {
      if !takeMark(runDirectory) { _ = interface.withCString { lx_clear_address($0) } }
      return 0
    }
    // `leasefail` and `nak` change nothing: `deconfig` comes when a lease is really lost.
    guard name == "bound" || name == "renew" else { return 0 }
    guard let leased = address(of: "ip"), let prefix = prefix() else { return 1 }
    let error = interface.withCString { lx_set_address($0, leased.value, prefix) }
    if let gateway = address(of: "router") { _ = lx_add_gateway(gateway.value) }
    writeServers(runDirectory)
    return error == 0 ? 0 : 1
  }

  private static func variable<let capacity: Int>(_ name: StaticString) -> Text<capacity>? {
    lx_environment(name.cString).map { Text(cString: $0) }
  }

  /// The first address of a variable.
  private static func address(of name: StaticString) -> IPv4? {
    guard let text: Text<192> = variable(name) else { return nil }
    return AddressList(text).first
  }

  private static func prefix() -> UInt8? {
    guard let text: Text<8> = variable("mask") else { return 24 }
    var value = 0
    for index in 0..<text.count {
      let digit = Int(text[index]) - 48
      guard (0...9).contains(digit), value <= 32 else { return nil }
      value = value * 10 + digit
    }
    return (1...32).contains(value) ? UInt8(value) : nil
  }

  /// The NTP servers that the lease names (option 42), one per line, for the role `time`.
  private static func writeServers(_ runDirectory: Text<96>) {
    var path = Text<128>(runDirectory)
    path.append("/ntp")
    var lines = Text<128>()
    if let text: Text<192> = variable("ntpsrv") {
      let list = AddressList(text)
      for index in 0..<min(list.count, 2) {
        lines.append(list[index].text)
        lines.append("\n")
      }
    }
    path.withCString { path in
      lines.withBytes { bytes in
        if let start = bytes.baseAddress { _ = lx_replace_file(path, start, bytes.count, false) }
      }
    }
  }
}
