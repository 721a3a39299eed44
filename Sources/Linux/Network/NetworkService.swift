import Appliance
import CLinux
import Wire

/// Keeps one interface set up, as the configuration says, for as long as the process lives:
/// DHCP by busybox's udhcpc, a static address, or a link-local one – which also fills in for a DHCP
/// server that does not answer, while udhcpc keeps asking. A process of its own, so that a hostile
/// network costs it and never the agent.
public struct NetworkService: ~Copyable {
  /// Milliseconds without a lease after which a link-local address is looked for.
  public static let leasePatienceMs: UInt64 = 15_000
  /// Children and interfaces are looked after this often.
  private static let turnMs: UInt64 = 500

  private let configuration: Configuration
  private let index: Int32
  private var monitor: RouteMonitor
  private var linkLocal: LinkLocalMachine
  private var arp: Int32 = -1
  private var client: Int32 = 0
  private var clientStarted = Instant(ms: 0)
  private var announced = NetworkState()
  private var leaselessSince: Instant

  /// Waits for the interface; nil when there is nothing to do.
  public init?(configuration: Configuration) {
    guard configuration.network.mode != .off else { return nil }
    let interface = configuration.network.interface
    var index: Int32 = -1
    while index < 0 {
      index = interface.withCString { lx_interface_index($0) }
      if index < 0 { lx_sleep_ms(50) }
    }
    guard let monitor = RouteMonitor(interface: interface) else { return nil }
    self.configuration = configuration
    self.index = index
    self.monitor = monitor
    linkLocal = LinkLocalMachine(mac: NetworkService.mac(of: interface))
    leaselessSince = NetworkService.now
  }

  private static var now: Instant { Instant(ms: lx_boot_time_ms()) }

  private static func mac(of interface: Text<16>) -> UInt64 {
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 6) { bytes in
      bytes.initialize(repeating: 0)
      _ = interface.withCString { lx_interface_mac($0, bytes.baseAddress!) }
      var value: UInt64 = 0
      for byte in bytes { value = value << 8 | UInt64(byte) }
      return value
    }
  }

  /// Runs for as long as the process does.
  public mutating func run() {
    setUp()
    while true {
      turn()
      let now = NetworkService.now
      let deadline = min(linkLocal.nextDeadline.ms, now.ms + NetworkService.turnMs)
      _ = lx_wait_readable_of(
        monitor.descriptor, arp, -1, Int32(deadline > now.ms ? deadline - now.ms : 0))
    }
  }

  private mutating func setUp() {
    let network = configuration.network
    _ = network.interface.withCString { lx_interface_up($0) }
    if network.mode == .fixed {
      _ = network.interface.withCString {
        lx_set_address($0, network.address.value, network.prefix)
      }
      if network.gateway != .any { _ = lx_add_gateway(network.gateway.value) }
    }
  }

  private mutating func turn() {
    let before = announced
    _ = monitor.changed()
    let state = monitor.state()
    if state != before { changed(from: before, to: state) }
    let now = NetworkService.now
    switch configuration.network.mode {
    case .off, .fixed:
      break
    case .dhcp:
      keepClient(now, linkUp: state.linkUp)
      fillIn(state, now)
    case .linkLocal:
      if state.linkUp { startLinkLocal(now) }
    }
    serveLinkLocal(now)
  }

  // MARK: Addresses

  private mutating func changed(from before: NetworkState, to state: NetworkState) {
    announced = state
    if state.linkUp != before.linkUp {
      BootLog("network").text(configuration.network.interface)
        .text(state.linkUp ? " has a carrier" : " has no carrier").write()
      // Another network may be at the cable's end: ask for the lease anew.
      if state.linkUp, client > 0 { _ = lx_send_signal(client, 10) }
    }
    guard state.address != before.address else { return }
    leaselessSince = NetworkService.now
    writeAddress(state.address)
    guard state.address != .any else { return }
    announce(state.address)
  }

  /// The line that a person at the serial console looks for.
  private func announce(_ address: IPv4) {
    var line = Text<160>("watchpost: address ")
    line.append(address.text)
    line.append(" on ")
    line.append(configuration.network.interface)
    line.append(" (")
    line.append(origin(of: address))
    line.append("), control port ")
    line.append(decimal: UInt64(configuration.control.port))
    line.append("\n")
    line.withBytes { _ = lx_write(1, $0.baseAddress!, $0.count) }
  }

  private func origin(of address: IPv4) -> StaticString {
    if NetworkService.linkLocalNetwork.contains(address) { return "link-local" }
    return configuration.network.mode == .dhcp ? "dhcp" : "static"
  }

  private static let linkLocalNetwork = Subnet(address: IPv4(169, 254, 0, 0), prefix: 16)

  private func writeAddress(_ address: IPv4) {
    var path = Text<128>(configuration.runDirectory)
    path.append("/address")
    var text = Text<16>(address == .any ? Text<15>("none") : address.text)
    text.append("\n")
    path.withCString { path in
      text.withBytes { _ = lx_replace_file(path, $0.baseAddress!, $0.count, false) }
    }
  }

  // MARK: DHCP

  private mutating func keepClient(_ now: Instant, linkUp: Bool) {
    if client > 0 {
      guard lx_wait_for(client, 0) != -Int32(LX_ETIMEDOUT) else { return }
      client = 0
    }
    // Without a carrier it would only ask the void; a client that dies is not started in a rush.
    guard linkUp, clientStarted.ms == 0 || now.since(clientStarted) >= 2000 else { return }
    clientStarted = now
    client = DHCPClient.start(configuration)
  }

  /// A lease ends the link-local address (dhcp-event sets the new one in its place); its lack
  /// begins one.
  private mutating func fillIn(_ state: NetworkState, _ now: Instant) {
    let isLeased =
      state.address != .any && !NetworkService.linkLocalNetwork.contains(state.address)
    if isLeased {
      if !linkLocal.isIdle { stopLinkLocal() }
    } else if state.linkUp, now.since(leaselessSince) >= NetworkService.leasePatienceMs {
      startLinkLocal(now)
    }
  }

  // MARK: Link-local

  private mutating func startLinkLocal(_ now: Instant) {
    guard linkLocal.isIdle else { return }
    if arp < 0 { arp = lx_arp_open(index) }
    if arp >= 0 { linkLocal.start(now: now) }
  }

  private mutating func stopLinkLocal() {
    linkLocal.stop()
    if arp >= 0 { lx_close(arp) }
    arp = -1
  }

  private mutating func serveLinkLocal(_ now: Instant) {
    guard arp >= 0 else { return }
    var packets = 0
    while packets < 64, let packet = receiveARP() {
      execute(linkLocal.receive(packet, now: now))
      packets += 1
    }
    while linkLocal.nextDeadline <= now {
      execute(linkLocal.tick(now: now))
    }
  }

  private func receiveARP() -> ARPPacket? {
    withUnsafeTemporaryAllocation(byteCount: 64, alignment: 8) { buffer in
      var reads = 0
      while reads < 64 {
        let count = lx_receive(arp, buffer.baseAddress!, buffer.count)
        guard count >= 0 else { return nil }
        let bytes = UnsafeRawBufferPointer(rebasing: buffer[0..<Int(count)])
        if let packet = ARPPacket(bytes) { return packet }
        reads += 1
      }
      return nil
    }
  }

  private func execute(_ output: LinkLocalMachine.Output) {
    let interface = configuration.network.interface
    switch output {
    case .nothing:
      break
    case .send(let packet):
      withUnsafeTemporaryAllocation(byteCount: ARPPacket.size, alignment: 8) { buffer in
        var writer = ByteWriter(buffer)
        packet.write(to: &writer)
        _ = lx_arp_broadcast(arp, index, buffer.baseAddress!, buffer.count)
      }
    case .claim(let address):
      _ = interface.withCString { lx_set_address($0, address.value, 16) }
    case .release:
      _ = interface.withCString { lx_clear_address($0) }
    }
  }
}
