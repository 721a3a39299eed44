import Wire

/// One event; `events --json` prints one document a line.
public struct EventDocument: Codable, Sendable {
  public var sequence: UInt64
  public var uptimeMs: UInt64
  /// nil: the device's clock is not trusted.
  public var unixMs: UInt64?
  public var topics: [String]
  public var event: String
  public var value: UInt32
  /// Of `alertChanged`: which alert, and its level from now on. nil with other events.
  public var alert: String?
  public var level: String?
  public var missed: UInt32
  public var subject: String
  public var detail: String

  public init(_ event: EventMessage) {
    sequence = event.sequence
    uptimeMs = event.uptimeMs
    unixMs = event.unixMs == 0 ? nil : event.unixMs
    topics = event.topic.names
    self.event = event.code.name
    value = event.value
    if event.code == .alertChanged {
      alert = Code<Alert>(rawValue: UInt8(truncatingIfNeeded: event.value)).name
      level = Code<AlertLevel>(rawValue: UInt8(truncatingIfNeeded: event.value >> 8)).name
    }
    missed = event.missed
    subject = event.subject.string
    detail = event.detail.string
  }
}

/// One line of a log; `logs --json` prints one document a line.
public struct LogLineDocument: Codable, Sendable {
  public var source: String
  public var line: String

  public init(source: LogSource, line: String) {
    self.source = "\(source)"
    self.line = line
  }
}

public struct SubscriptionsDocument: Codable, Sendable {
  public var topics: [String]
  public var queued: UInt32
  public var delivered: UInt64
  public var missed: UInt64
  public var subscribers: UInt32
  public var published: UInt64
  public var missedTotal: UInt64
  public var nextSequence: UInt64

  public init(_ statistics: SubscriptionStatistics) {
    topics = statistics.topics.names
    queued = statistics.queued
    delivered = statistics.delivered
    missed = statistics.missed
    subscribers = statistics.subscribers
    published = statistics.published
    missedTotal = statistics.missedTotal
    nextSequence = statistics.nextSequence
  }
}

public struct PingDocument: Codable, Sendable {
  public var sent: Int
  public var received: Int
  public var minimumMs: Double?
  public var averageMs: Double?
  public var maximumMs: Double?

  public init(sent: Int, times: [Duration]) {
    let ms = times.map { $0.inSeconds * 1000 }
    self.sent = sent
    received = ms.count
    minimumMs = ms.min().map(Self.rounded)
    averageMs = ms.isEmpty ? nil : Self.rounded(ms.reduce(0, +) / Double(ms.count))
    maximumMs = ms.max().map(Self.rounded)
  }

  private static func rounded(_ ms: Double) -> Double { (ms * 1000).rounded() / 1000 }
}

/// What commands print that have nothing to tell but that it is done.
public struct DoneDocument: Codable, Sendable {
  public var done: String
  public init(_ operation: Kind) { done = "\(operation)" }
}

public struct DeviceDocument: Codable, Sendable {
  public var name: String
  public var host: String
  public var addresses: [String]
  public var port: Int
  public var texts: [String]

  public init(_ device: DiscoveredDevice) {
    name = device.name
    host = device.host
    addresses = device.addresses
    port = device.port
    texts = device.texts
  }
}
