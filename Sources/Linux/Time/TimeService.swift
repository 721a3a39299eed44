import Appliance
import CLinux
import Wire

/// Keeps the wall clock right by SNTP and tells the agent once it can be trusted. Boards have no
/// clock that survives power-off; nothing but the dates of recordings hangs on this one.
public struct TimeService: ~Copyable {
  /// A clock that is off by more is set at once, by less it is slewed.
  private static let stepUs: Int64 = 128_000
  private static let lookMs: UInt32 = 1000

  private let configuration: Configuration
  private var schedule = SNTPSchedule()
  private var servers = InlineArray<2, IPv4>(repeating: .any)
  private var isTold = false

  public init(configuration: Configuration) { self.configuration = configuration }

  private static var now: Instant { Instant(ms: lx_boot_time_ms()) }

  /// Runs for as long as the process does.
  public mutating func run() {
    while true {
      let found = findServers()
      if found[0] != servers[0] || found[1] != servers[1] {
        servers = found
        schedule.reset(now: TimeService.now)
      }
      let count = servers[0] == .any ? 0 : servers[1] == .any ? 1 : 2
      if schedule.next <= TimeService.now, let server = schedule.server(of: count) {
        ask(server)
      } else {
        lx_sleep_ms(TimeService.lookMs)
      }
    }
  }

  /// The configured servers, otherwise those that DHCP has named.
  private func findServers() -> InlineArray<2, IPv4> {
    if configuration.timeServers[0] != .any { return configuration.timeServers }
    var found = InlineArray<2, IPv4>(repeating: .any)
    var path = Text<128>(configuration.runDirectory)
    path.append("/ntp")
    let lines = withUnsafeTemporaryAllocation(byteCount: 128, alignment: 1) { buffer in
      let count = path.withCString { lx_read_whole_file($0, buffer.baseAddress!, buffer.count) }
      return Text<128>(UnsafeRawBufferPointer(rebasing: buffer[0..<Int(max(count, 0))]))
    }
    let list = AddressList(lines)
    for index in 0..<min(list.count, 2) { found[index] = list[index] }
    return found
  }

  private mutating func ask(_ index: Int) {
    let server = servers[index]
    do throws(SNTPExchange.Failure) {
      let exchange = try SNTPExchange.run(with: server, port: SNTPPacket.port)
      schedule.answered(now: TimeService.now)
      set(exchange, server)
    } catch {
      let refusal: SNTPRefusal? = if case .refused(let refusal) = error { refusal } else { nil }
      schedule.failed(index, refusal, now: TimeService.now)
    }
  }

  private mutating func set(_ exchange: SNTPExchange, _ server: IPv4) {
    // What has passed since the answer came belongs to the time.
    let unixNs = exchange.unixNs + Int64(lx_boot_clock_ns() &- exchange.answeredNs)
    let offsetUs = (unixNs - lx_wall_time_ns()) / 1000
    let isStep = offsetUs.magnitude > TimeService.stepUs
    let error = isStep ? lx_set_wall_time_ns(unixNs) : lx_slew_clock_us(offsetUs)
    if error < 0 {
      BootLog("time").text("clock not set: errno ").number(-error).write()
      return
    }
    _ = lx_declare_synchronised(exchange.errorUs)
    AgentMessage.clockTrusted(unixMs: lx_wall_time_ms()).send(
      runDirectory: configuration.runDirectory)
    if isStep || !isTold {
      BootLog("time").text("clock set by ").address(server).text(", was off by ")
        .number(offsetUs / 1000).text(" ms").write()
      isTold = true
    }
  }
}
