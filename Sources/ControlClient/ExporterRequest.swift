import Foundation
import NIOHTTP1

/// What somebody asks the exporter for.
enum ExporterRequest: Equatable, Sendable {
  /// A page for people.
  case form
  /// The exporter's own metrics.
  case own
  /// A device's metrics, for at most so long; nil: as long as the exporter was told.
  case probe(DeviceAddress, limit: Duration?)
  /// Nothing of the kind: why, and the way out.
  case refused(HTTPResponseStatus, String)

  /// The header in which Prometheus tells how long it waits for the answer.
  static let timeoutHeader = "X-Prometheus-Scrape-Timeout-Seconds"
  /// Of Prometheus' patience, what is kept for the way of the answer, at most half of it.
  static let margin = 0.5
  /// A probe takes no longer, whatever the header says: seconds.
  static let longestLimit = 300.0

  init(_ head: HTTPRequestHead) {
    guard head.method == .GET || head.method == .HEAD else {
      self = .refused(.methodNotAllowed, "Only GET and HEAD are answered here.")
      return
    }
    let parts = head.uri.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    switch parts.first {
    case "/": self = .form
    case "/metrics": self = .own
    case "/probe":
      let query = parts.count > 1 ? parts[1] : ""
      self = Self.probe(query, limit: Self.limit(head.headers.first(name: Self.timeoutHeader)))
    default:
      self = .refused(
        .notFound, "There is /probe?target=HOST:PORT for a device and /metrics for the exporter.")
    }
  }

  private static func probe(_ query: Substring, limit: Duration?) -> ExporterRequest {
    let targets = query.split(separator: "&").compactMap { pair -> String? in
      let halves = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard halves.first == "target" else { return nil }
      return (halves.count > 1 ? String(halves[1]) : "").removingPercentEncoding ?? ""
    }
    guard targets.count == 1, let device = DeviceAddress(target: targets[0]) else {
      return .refused(
        .badRequest,
        "The target must be one device, as in /probe?target=watchpost.local or "
          + "/probe?target=10.0.0.5:4710.")
    }
    return .probe(device, limit: limit)
  }

  /// nil: the header is missing, or says nothing that makes sense.
  private static func limit(_ text: String?) -> Duration? {
    guard let text, let seconds = Double(text), seconds > 0, seconds.isFinite else { return nil }
    let left = max(seconds - margin, seconds / 2)
    return .milliseconds(Int64(max(min(left, longestLimit) * 1000, 1)))
  }
}

extension DeviceAddress {
  /// A device that a stranger names: HOST, HOST:PORT or [IPv6]:PORT, where HOST is an address or a
  /// name of letters, digits, `-`, `_` and `.`, at most 253. nil: anything else, such as a URL.
  init?(target: String) {
    guard target.utf8.count <= 260, let device = DeviceAddress(target) else { return nil }
    let isIPv6 = device.host.contains(":")
    guard isIPv6 || !target.hasPrefix("[") else { return nil }
    let allowed = device.host.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
        UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "."):
        true
      case UInt8(ascii: "-"), UInt8(ascii: "_"): !isIPv6
      case UInt8(ascii: ":"), UInt8(ascii: "%"): isIPv6
      default: false
      }
    }
    guard allowed, device.host.utf8.count <= 253 else { return nil }
    self = device
  }
}
