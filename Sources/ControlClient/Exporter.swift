import NIOCore
import NIOHTTP1
import NIOPosix

/// Where the exporter listens: `ADDRESS:PORT`; without the address on all, port 0: any free one.
public struct ListenAddress: Sendable, Equatable, CustomStringConvertible {
  public static let exporterPort = 9710

  public var host: String
  public var port: Int

  public init(host: String = "127.0.0.1", port: Int = exporterPort) {
    (self.host, self.port) = (host, port)
  }

  /// nil: the text is not `ADDRESS:PORT`, `[IPv6]:PORT` or `:PORT`.
  public init?(_ text: String) {
    guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...])
    else { return nil }
    var host = text[..<colon]
    if host.hasPrefix("["), host.hasSuffix("]") {
      host = host.dropFirst().dropLast()
      guard host.contains(":") else { return nil }
    } else if host.contains(":") || host.contains("[") {
      return nil
    }
    self.init(host: host.isEmpty ? "0.0.0.0" : String(host), port: Int(port))
  }

  public var description: String { "\(DeviceAddress(host: host, port: port))" }
}

/// The exporter cannot listen. Its description is one sentence with the way out.
public struct CannotListen: Error, CustomStringConvertible {
  public let address: ListenAddress
  public let reason: String

  public var description: String {
    "Cannot listen on \(address) (\(reason)); name an address of this machine and a free port "
      + "with `--listen ADDRESS:PORT`."
  }
}

/// A Prometheus exporter for any number of devices, which Prometheus names as targets:
/// `GET /probe?target=HOST:PORT` asks that device, then and there. Nothing is kept.
///
/// Everything is bounded: probes at once, connections, the size of a request, and how long a
/// client may take to send one or to read the answer.
public final class Exporter: Sendable {
  /// Connections at once; more are closed unheard.
  static let connections = 256
  /// How long a client may take to send its request, to read its answer, and to ask again.
  static let patience = TimeAmount.seconds(10)
  /// How long `stop` waits for answers that are due.
  static let grace = Duration.seconds(5)

  /// Where it listens, with the port that it got.
  public let address: ListenAddress
  private let listener: any Channel
  private let probes: Probes

  private init(address: ListenAddress, listener: any Channel, probes: Probes) {
    (self.address, self.listener, self.probes) = (address, listener, probes)
  }

  /// Starts one; throws `CannotListen`. A probe may take `limit` where Prometheus does not say.
  public static func start(
    on address: ListenAddress = ListenAddress(), limit: Duration = .seconds(5),
    as credentials: Credentials = .none
  ) async throws -> Exporter {
    try await start(on: address, limit: limit, patience: patience, as: credentials)
  }

  static func start(
    on address: ListenAddress, limit: Duration, patience: TimeAmount,
    as credentials: Credentials = .none
  ) async throws -> Exporter {
    let probes = Probes(limit: limit, as: credentials)
    do {
      let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
        // A burst beyond the backlog leaves clients connected to nobody, for as long as they wait.
        .serverChannelOption(.backlog, value: 4 * Int32(connections))
        .childChannelInitializer { channel in configure(channel, probes, patience) }
        .bind(host: address.host, port: address.port).get()
      var bound = address
      bound.port = listener.localAddress?.port ?? address.port
      return Exporter(address: bound, listener: listener, probes: probes)
    } catch {
      let reason = (error as? IOError)?.reasonText ?? "the address is not known"
      throw CannotListen(address: address, reason: reason)
    }
  }

  private static func configure(
    _ channel: any Channel, _ probes: Probes, _ patience: TimeAmount
  ) -> EventLoopFuture<Void> {
    channel.eventLoop.makeCompletedFuture {
      let hasRoom = probes.connectionOpened(of: connections)
      channel.closeFuture.whenComplete { _ in probes.connectionClosed() }
      guard hasRoom else { throw ChannelError.operationUnsupported }
      let pipeline = channel.pipeline.syncOperations
      try pipeline.addHandler(RequestLimit())
      try pipeline.configureHTTPServerPipeline()
      try pipeline.addHandler(Scrape(probes, patience: patience))
    }
  }

  /// Listens no longer, and waits for the answers that are due, though not for ever.
  public func stop() async {
    try? await listener.close()
    let deadline = ContinuousClock.now + Self.grace
    while !probes.areAllAnswered, ContinuousClock.now < deadline {
      try? await Task.sleep(for: .milliseconds(20))
    }
  }
}
