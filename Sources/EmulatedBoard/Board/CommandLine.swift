/// QEMU's command line for one life of a board. Everything in the state folder has a relative name,
/// since QEMU runs there: socket addresses are short, and commas in paths do no harm.
struct CommandLine {
  var image: BoardImage
  var configuration: BoardConfiguration
  /// The card's file and its format; nil without a card.
  var card: (file: String, format: String)?
  /// Log of what is written to the card; nil without one.
  var writeLog: String?
  var forwards: [(guest: UInt16, host: UInt16, udp: Bool)]

  /// Number under which the child has its end of the private monitor.
  static let monitorDescriptor: Int32 = 3
  static let networkID = "net0"
  static let throttleGroup = "card-limits"
  /// Node of the card's bytes, beneath what makes it fail or hang.
  static let medium = "card-medium"
  private static let faulty = "card-faults"

  var arguments: [String] {
    machine + console + monitors + network + usb + disk
      + (configuration.clock.map { ["-rtc", "base=\($0),clock=vm"] } ?? [])
  }

  private var machine: [String] {
    var line = image.commandLine
    if configuration.debugShell { line += " watchpost.debug=1" }
    if !configuration.append.isEmpty { line += " " + configuration.append }
    return [
      "qemu-system-aarch64", "-name", "watchpost", "-M", "virt", "-cpu", "cortex-a53",
      "-accel", "tcg", "-smp", "\(configuration.processors)", "-m", "\(configuration.memoryMiB)",
      "-nodefaults", "-no-user-config", "-display", "none",
      // Stopped until everything that observes it is in place.
      "-S",
      "-kernel", image.kernel, "-initrd", image.initramfs, "-append", line,
      "-device", "i6300esb", "-action", "watchdog=reset",
    ]
  }

  /// Outsiders may take the socket; we read the log, which QEMU writes in any case.
  private var console: [String] {
    [
      "-chardev", "socket,id=serial,path=serial,server=on,wait=off,logfile=/dev/stdout",
      "-serial", "chardev:serial",
    ]
  }

  /// One monitor for anybody, and one without a name in the file system for ourselves.
  private var monitors: [String] {
    [
      "-qmp", "unix:qmp,server=on,wait=off",
      "-chardev", "socket,id=private,fd=\(Self.monitorDescriptor)",
      "-mon", "chardev=private,mode=control",
      "-qtest", "unix:qtest,server=on,wait=off", "-qtest-log", "none",
    ]
  }

  private var network: [String] {
    let rules = forwards.flatMap { forward in
      let rule =
        "hostfwd=\(forward.udp ? "udp" : "tcp"):127.0.0.1:\(forward.host)-:\(forward.guest)"
      return forward.udp ? [Self.decoy(for: forward.guest), rule] : [rule]
    }
    let user = (["user,id=\(Self.networkID)"] + rules).joined(separator: ",")
    var arguments = [
      "-netdev", user, "-device", "virtio-net-pci,netdev=\(Self.networkID),romfile=",
    ]
    if configuration.capturesNetwork {
      arguments += [
        "-object", "filter-dump,id=capture,netdev=\(Self.networkID),file=network.pcap",
      ]
    }
    return arguments
  }

  /// A second forward, which takes what the board sends from that port.
  ///
  /// User networking (libslirp 4.7) gives a datagram from this host the gateway's address only
  /// while the board's last one on the same forward went to the gateway's network. After a
  /// multicast it keeps the source 127.0.0.1, and the board's kernel drops it. What the board sends
  /// goes by the forward that was made last, and the rules are carried out from the last to the
  /// first.
  private static func decoy(for guest: UInt16) -> String { "hostfwd=udp:127.0.0.1:0-:\(guest)" }

  private var usb: [String] {
    ["-device", "qemu-xhci,id=xhci,p2=4,p3=4"]
      + USBPort.allCases.flatMap { port in
        [
          "-chardev", "socket,id=\(port.rawValue),path=\(port.rawValue),server=on,wait=off",
          "-device",
          "usb-redir,id=redir-\(port.rawValue),chardev=\(port.rawValue),"
            + "bus=xhci.0,port=\(port.busPort)",
        ]
      }
  }

  /// A card is a throttle filter, which can make it hang, over the faults, over the log of what is
  /// written, over the file. What hangs or fails is not logged.
  private var disk: [String] {
    guard let card else { return [] }
    let bytes: [String: JSONValue] = [
      "driver": .string(card.format),
      "file": ["driver": "file", "filename": .string(card.file)],
      // Flushes need not reach the host's disk: the host keeps running when the board's power goes.
      "cache": ["no-flush": true],
    ]
    var medium = bytes
    if let writeLog {
      medium = [
        "driver": "blklogwrites", "file": .object(bytes),
        "log": [
          "driver": "file", "filename": .string(writeLog), "cache": ["no-flush": true],
        ],
        "log-sector-size": .integer(Int64(WriteLog.sectorBytes)),
      ]
    }
    medium["node-name"] = .string(Self.medium)
    let faults = configuration.cardFaults
    // Each is named by itself: so it can be taken out by itself.
    var nodes = [medium]
    if !faults.isEmpty { nodes.append(Self.failing(faults)) }
    nodes.append(Self.throttled(faults.isEmpty ? Self.medium : Self.faulty))
    var group = "throttle-group,id=\(Self.throttleGroup)"
    if let bytes = configuration.cardHangsAfter {
      group += ",x-bps-total=1,x-bps-total-max=\(max(1, bytes))"
    }
    // Without a write cache that it can flush, the guest would be right not to flush.
    let device = "virtio-blk-pci,drive=card,serial=WATCHPOST0,werror=report,rerror=report"
    return ["-object", group]
      + nodes.flatMap { ["-blockdev", JSONValue.object($0).text] }
      + ["-device", device + ",write-cache=on"]
  }

  /// A `blkdebug` node over the medium.
  static func failing(_ faults: [CardFault]) -> [String: JSONValue] {
    [
      "driver": "blkdebug", "node-name": .string(faulty), "image": .string(medium),
      "inject-error": .array(faults.map(\.injection)),
    ]
  }

  /// The card's topmost node, over the one of this name.
  static func throttled(_ file: String) -> [String: JSONValue] {
    [
      "driver": "throttle", "node-name": "card", "throttle-group": .string(throttleGroup),
      "file": .string(file),
    ]
  }

  /// What QEMU's monitor is told so that the card has these faults, and no others, from now on.
  static func changeFaults(from old: [CardFault], to new: [CardFault])
    -> [(command: String, arguments: [String: JSONValue])]
  {
    func over(_ name: String) -> (String, [String: JSONValue]) {
      ("blockdev-reopen", ["options": .array([.object(throttled(name))])])
    }
    var commands: [(String, [String: JSONValue])] = []
    if !old.isEmpty {
      commands.append(over(medium))
      commands.append(("blockdev-del", ["node-name": .string(faulty)]))
    }
    if !new.isEmpty {
      commands.append(("blockdev-add", failing(new)))
      commands.append(over(faulty))
    }
    return commands
  }
}

extension CardFault {
  /// A rule of QEMU's `blkdebug` driver.
  fileprivate var injection: JSONValue {
    switch self {
    case .errors(let operation, let sector):
      // "none" is the event of a rule that holds from the beginning.
      var rule: [String: JSONValue] = [
        "event": "none", "iotype": .string(operation.rawValue), "errno": 5, "once": false,
      ]
      if let sector { rule["sector"] = .integer(sector) }
      return .object(rule)
    }
  }
}
