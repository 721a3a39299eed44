import Appliance
import CLinux
import Wire

/// Announces the device on its interface, so that `wpctl discover` and every DNS-SD browser find
/// it. A process of its own, so that a hostile network costs it and never the agent.
public struct MDNSService: ~Copyable {
  /// Bytes of the largest datagram that is read: an Ethernet frame's worth and some.
  private static let datagramLimit = 4096
  /// Datagrams read in one turn before time is looked at again.
  private static let burst = 32

  private let configuration: Configuration
  private let index: Int32
  private let signals: Int32
  private var monitor: RouteMonitor
  private var machine: MDNSMachine
  private var socket: Int32 = -1

  /// Waits for the interface; nil when there is nothing to do.
  public init?(configuration: Configuration) {
    guard configuration.mdns, configuration.network.mode != .off else { return nil }
    let interface = configuration.network.interface
    var index: Int32 = -1
    while index < 0 {
      index = interface.withCString { lx_interface_index($0) }
      if index < 0 { lx_sleep_ms(100) }
    }
    guard let monitor = RouteMonitor(interface: interface) else { return nil }
    self.configuration = configuration
    self.index = index
    self.monitor = monitor
    signals = lx_signals_open()
    var seed: UInt64 = 0
    lx_random(&seed, 8)
    machine = MDNSMachine(identity: MDNSService.identity(configuration), seed: seed)
  }

  private static func identity(_ configuration: Configuration) -> MDNSIdentity {
    var boot = Text<24>("boot=")
    let id = withUnsafeTemporaryAllocation(byteCount: 64, alignment: 1) { buffer in
      let count = lx_read_whole_file(
        "/proc/sys/kernel/random/boot_id", buffer.baseAddress!, buffer.count)
      return Text<8>(UnsafeRawBufferPointer(rebasing: buffer[0..<Int(min(max(count, 0), 8))]))
    }
    boot.append(id)
    return MDNSIdentity(
      name: configuration.name, address: .any, port: configuration.control.port,
      version: Text("protocol=1"), boot: boot)
  }

  /// Runs until it is asked to end, and says goodbye then.
  public mutating func run() {
    while true {
      follow(monitor.state().address)
      let now = lx_boot_time_ms()
      let deadline = min(machine.nextDeadline.ms, now + 60_000)
      let ready = lx_wait_readable_of(
        monitor.descriptor, socket, signals, Int32(deadline > now ? deadline - now : 0))
      if ready > 0, ready & 4 != 0, isAskedToEnd() { break }
      if ready > 0, ready & 1 != 0 { _ = monitor.changed() }
      if ready > 0, ready & 2 != 0 { receive() }
      execute(machine.tick(now: MDNSService.now))
    }
    if machine.isAnnounced { say(.all, goodbye: true) }
  }

  private static var now: Instant { Instant(ms: lx_boot_time_ms()) }

  private func isAskedToEnd() -> Bool {
    while true {
      let signal = lx_signals_next(signals)
      if signal <= 0 { return false }
      if signal == Int32(LX_SIGTERM.rawValue) || signal == Int32(LX_SIGINT.rawValue) {
        return true
      }
    }
  }

  /// Memberships hang on the address: a new one gets a new socket, without the old one's queue.
  private mutating func follow(_ address: IPv4) {
    guard address != machine.identity.address else { return }
    if socket >= 0 { lx_close(socket) }
    socket = -1
    if address != .any {
      socket = lx_mdns_open(index, address.value)
      if socket < 0 {
        BootLog("mdns").text("no socket: errno ").number(-socket).write()
        lx_sleep_ms(1000)
        return
      }
    }
    machine.addressChanged(address, now: MDNSService.now)
  }

  private mutating func receive() {
    let mask = configuration.network.interface.withCString { lx_interface_netmask($0) }
    withUnsafeTemporaryAllocation(byteCount: MDNSService.datagramLimit, alignment: 8) { buffer in
      for _ in 0..<MDNSService.burst {
        var sender: UInt32 = 0
        var port: UInt16 = 0
        var destination: UInt32 = 0
        var interface: Int32 = 0
        let count = lx_receive_datagram(
          socket, buffer.baseAddress!, buffer.count, &sender, &port, &destination, &interface)
        if count == -Int64(LX_EAGAIN.rawValue) { return }
        guard count > 0, interface == index,
          let delivery = MDNSDelivery(
            from: IPv4(sender), to: IPv4(destination), address: machine.identity.address,
            mask: mask)
        else { continue }
        let before = machine.identity.attempt
        let output = machine.receive(
          UnsafeRawBufferPointer(rebasing: buffer[0..<Int(count)]),
          from: MDNSPeer(address: IPv4(sender), port: port), delivery, now: MDNSService.now)
        if machine.identity.attempt != before {
          BootLog("mdns").text("name taken, now ").text(machine.identity.label).write()
        }
        execute(output)
      }
    }
  }

  private func execute(_ output: MDNSOutput) {
    switch output {
    case .none:
      break
    case .probe:
      send(to: MDNSPeer.everybody) { MDNSMessage.writeProbe(machine.identity, to: &$0) }
    case .multicast(let answers, let additionals):
      say(answers, additionals)
    case .unicast(let peer, let answers, let additionals):
      send(to: peer) {
        MDNSMessage.writeResponse(
          machine.identity, answers: answers, additionals: additionals, to: &$0)
      }
    case .legacy(let peer, let id, let question, let answers, let additionals):
      send(to: peer) {
        MDNSMessage.writeLegacy(
          machine.identity, id: id, question: question, answers: answers,
          additionals: additionals, to: &$0)
      }
    }
  }

  private func say(
    _ answers: MDNSRecordSet, _ additionals: MDNSRecordSet = .none, goodbye: Bool = false
  ) {
    send(to: MDNSPeer.everybody) {
      MDNSMessage.writeResponse(
        machine.identity, answers: answers, additionals: additionals, goodbye: goodbye, to: &$0)
    }
  }

  private func send(to peer: MDNSPeer, _ write: (inout ByteWriter) -> Void) {
    withUnsafeTemporaryAllocation(byteCount: MDNSMessage.size, alignment: 8) { buffer in
      var writer = ByteWriter(buffer)
      write(&writer)
      // What the link loses now is asked for again.
      _ = lx_send_datagram(
        socket, buffer.baseAddress!, writer.count, peer.address.value, peer.port)
    }
  }
}

extension MDNSPeer {
  static let everybody = MDNSPeer(address: MDNSMachine.group, port: MDNSMachine.port)
}
