import Foundation
import NIOCore
import NIOPosix

@testable import ControlClient

/// What a server has sent on one connection until it was closed.
struct HTTPAnswer: Sendable {
  let whole: String

  /// 0: nothing that begins like HTTP.
  var status: Int { Int(whole.split(separator: " ").dropFirst().first ?? "") ?? 0 }
  var head: String { whole.components(separatedBy: "\r\n\r\n")[0] }
  var body: String {
    whole.components(separatedBy: "\r\n\r\n").dropFirst().joined(separator: "\r\n\r\n")
  }
}

extension Exporter {
  func get(_ uri: String, _ header: String? = nil) async throws -> HTTPAnswer {
    try await address.get(uri, header)
  }

  func exchange(_ text: String) async throws -> HTTPAnswer { try await address.exchange(text) }

  /// A value of its own metrics.
  func own(_ name: String) async throws -> String? {
    let lines = try await get("/metrics").body.split(separator: "\n")
    return lines.first { $0.hasPrefix(name + " ") }.map { String($0.dropFirst(name.count + 1)) }
  }

}

extension ListenAddress {
  func get(_ uri: String, _ header: String? = nil) async throws -> HTTPAnswer {
    let more = header.map { $0 + "\r\n" } ?? ""
    return try await exchange(
      "GET \(uri) HTTP/1.1\r\nHost: \(self)\r\n\(more)Connection: close\r\n\r\n")
  }

  /// Sends bytes and reads until the other side closes.
  func exchange(_ text: String) async throws -> HTTPAnswer {
    let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .connect(host: host, port: port) { channel in
        channel.eventLoop.makeCompletedFuture {
          let collecting = Collecting(answer: channel.eventLoop.makePromise())
          try channel.pipeline.syncOperations.addHandler(collecting)
          return (channel, collecting.answer.futureResult)
        }
      }
    // Where the other side has closed already, reading tells.
    try? await channel.0.writeAndFlush(ByteBuffer(string: text))
    return HTTPAnswer(whole: try await channel.1.get())
  }
}

private final class Collecting: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer

  let answer: EventLoopPromise<String>
  private var received = ByteBuffer()

  init(answer: EventLoopPromise<String>) { self.answer = answer }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    var incoming = unwrapInboundIn(data)
    received.writeBuffer(&incoming)
  }

  func channelInactive(context: ChannelHandlerContext) {
    answer.succeed(String(buffer: received))
  }

  /// A reset is an end too: what was sent to a server that had closed.
  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    context.close(promise: nil)
  }
}
