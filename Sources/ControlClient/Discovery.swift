import NIOConcurrencyHelpers
import NIOCore
import NIOPosix

/// A device that answered to a search.
public struct DiscoveredDevice: Sendable, Equatable {
  /// The service instance's name, e.g. `watchpost-1f2e`.
  public var name: String
  /// The host's name, e.g. `watchpost-1f2e.local`.
  public var host: String
  /// The host's IPv4 addresses; where it told none, the one that the answer came from.
  public var addresses: [String]
  public var port: Int
  /// What it tells of itself, `key=value`.
  public var texts: [String]
}

/// Searches for devices on the local network: one-shot multicast DNS (RFC 6762 section 5.1) for
/// `_watchpost._tcp.local` (RFC 6763).
public enum Discovery {
  static let service = ["_watchpost", "_tcp", "local"]
  /// The multicast group and port of RFC 6762.
  public static let group = DeviceAddress(host: "224.0.0.251", port: 5353)

  /// Asks every interface, or one `server` by unicast, and collects answers for `duration`.
  /// The question is repeated after a second, because multicast over wireless loses much.
  public static func search(server: DeviceAddress? = nil, for duration: Duration) async throws
    -> [DiscoveredDevice]
  {
    let target = try SocketAddress.makeAddressResolvingHost(
      (server ?? group).host, port: (server ?? group).port)
    let found = NIOLockedValueBox<[DiscoveredDevice]>([])
    let sockets = try await sockets(for: server == nil ? nil : target, found: found)
    guard !sockets.isEmpty else {
      throw DiscoveryError(
        description: "No network interface can send a search; "
          + "connect to a network or name the device with `--device HOST:PORT`.")
    }
    let query = ByteBuffer(
      bytes: DNSMessage.query(id: UInt16.random(in: 1...UInt16.max), pointersOf: service))
    let start = ContinuousClock.now
    var sent = 0
    while true {
      for socket in sockets {
        let envelope = AddressedEnvelope(remoteAddress: target, data: query)
        if (try? await socket.writeAndFlush(envelope)) != nil { sent += 1 }
      }
      let rest = duration - (ContinuousClock.now - start)
      if rest <= .zero { break }
      try await Task.sleep(for: min(rest, .seconds(1)))
      if ContinuousClock.now - start >= duration { break }
    }
    for socket in sockets { try? await socket.close() }
    guard sent > 0 else {
      throw DiscoveryError(
        description: "The search could not be sent to \(server ?? group); "
          + "connect to a network or name the device with `--device HOST:PORT`.")
    }
    return found.withLockedValue { $0 }.sorted { ($0.name, $0.port) < ($1.name, $1.port) }
  }

  /// A socket per interface: Linux sends a multicast datagram through the interface that has the
  /// socket's own address. One socket for a unicast target.
  private static func sockets(
    for target: SocketAddress?, found: NIOLockedValueBox<[DiscoveredDevice]>
  ) async throws -> [any Channel] {
    var local: [SocketAddress] = []
    if target == nil {
      local = try System.enumerateDevices().compactMap { device in
        guard device.multicastSupported, case .v4? = device.address else { return nil }
        return device.address
      }
    } else {
      local = [try SocketAddress(ipAddress: "0.0.0.0", port: 0)]
    }
    var channels: [any Channel] = []
    for var address in local {
      address.port = 0
      let bootstrap = DatagramBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        .channelInitializer { channel in
          channel.eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.addHandler(Collector(found: found))
          }
        }
      if let channel = try? await bootstrap.bind(to: address).get() { channels.append(channel) }
    }
    return channels
  }

  /// The devices that an answer tells of. `source` is where it came from.
  static func devices(in message: DNSMessage, from source: String?) -> [DiscoveredDevice] {
    message.records.compactMap { record -> DiscoveredDevice? in
      guard case .pointer(let instance) = record.data, matches(record.name, service) else {
        return nil
      }
      var device: DiscoveredDevice?
      for case .service(let port, let target) in data(of: instance, in: message) {
        let addresses = data(of: target, in: message).compactMap { data -> String? in
          guard case .address(let bytes) = data else { return nil }
          return bytes.map(String.init).joined(separator: ".")
        }
        device = DiscoveredDevice(
          name: instance.first ?? "", host: target.joined(separator: "."),
          addresses: addresses.isEmpty ? [source].compactMap { $0 } : addresses,
          port: Int(port), texts: [])
      }
      for case .texts(let texts) in data(of: instance, in: message) { device?.texts = texts }
      return device
    }
  }

  private static func data(of name: [String], in message: DNSMessage) -> [DNSMessage.Record.Data] {
    message.records.filter { matches($0.name, name) }.map(\.data)
  }

  /// Names are compared without regard to case (RFC 1035 section 2.3.3).
  private static func matches(_ left: [String], _ right: [String]) -> Bool {
    left.map { $0.lowercased() } == right.map { $0.lowercased() }
  }

  private final class Collector: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>
    private let found: NIOLockedValueBox<[DiscoveredDevice]>

    init(found: NIOLockedValueBox<[DiscoveredDevice]>) { self.found = found }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      let envelope = unwrapInboundIn(data)
      guard let message = DNSMessage([UInt8](envelope.data.readableBytesView)) else { return }
      let devices = Discovery.devices(in: message, from: envelope.remoteAddress.ipAddress)
      found.withLockedValue { list in
        for device in devices {
          if let index = list.firstIndex(where: { $0.name == device.name && $0.host == device.host }
          ) {
            list[index].addresses += device.addresses.filter { !list[index].addresses.contains($0) }
          } else if list.count < 1000 {
            list.append(device)
          }
        }
      }
    }
  }
}

/// Why a search could not be made: one sentence with the way out.
public struct DiscoveryError: Error, CustomStringConvertible {
  public let description: String
}
