import Foundation
import Wire

/// What became of a published message.
public struct PublishDocument: Codable, Equatable, Sendable {
  public var sequence: UInt64
  public var subscribers: Int
  public var bytes: Int

  public init(_ reply: PublishReply, bytes: Int) {
    (sequence, subscribers) = (reply.sequence, Int(reply.subscribers))
    self.bytes = bytes
  }
}

/// A message that another client has published, its bytes in base64.
public struct MessageDocument: Codable, Equatable, Sendable {
  public var sequence: UInt64
  public var missed: Int
  public var bytes: Data

  public init(_ message: Message) {
    (sequence, missed) = (message.sequence, Int(message.missed))
    bytes = Data(message.bytes)
  }
}
