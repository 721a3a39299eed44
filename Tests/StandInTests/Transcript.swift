import Foundation
import StandInDriver

@testable import StandIn

/// The exchanges with a real MediaMTX in `Tests/Fixtures/mediamtx/transcript.json`.
struct Transcript {
  struct Exchange {
    var method: String
    var path: String
    var body: JSON
    var status: Int
    var headers: [JSON.Member]
    var answer: JSON
  }

  let exchanges: [Exchange]

  /// Reads it, with what belongs to the recording machine replaced by what belongs to this run.
  init(replacing replacements: [(String, String)]) throws {
    let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appending(path: "Fixtures/mediamtx/transcript.json")
    var text = try String(contentsOf: file, encoding: .utf8)
    for (old, new) in replacements { text = text.replacingOccurrences(of: old, with: new) }
    exchanges = try JSONParser.parse(Array(text.utf8)).list.map { entry in
      guard let request = entry["request"], let response = entry["response"],
        let method = request["method"]?.text, let path = request["path"]?.text,
        case .number(let status)? = response["status"]
      else { throw CocoaError(.coderInvalidValue) }
      return Exchange(
        method: method, path: path, body: request["body"] ?? .null, status: Int(status) ?? 0,
        headers: response["headers"]?.members ?? [], answer: response["body"] ?? .null)
    }
  }

  /// Members whose values belong to one run: times, identifiers, ports and counters. Their type
  /// must still be the same, and a text must have the same form.
  static let volatile: Set<String> = [
    "started", "readyTime", "availableTime", "onlineTime", "created", "start", "duration", "url",
    "id", "session", "remoteAddr", "conns", "inboundBytes", "outboundBytes", "bytesReceived",
    "bytesSent", "inboundRTPPackets", "inboundRTPPacketsLost", "inboundRTPPacketsJitter",
    "inboundRTCPPackets", "rtpPacketsReceived", "rtpPacketsLost", "rtpPacketsJitter",
    "rtcpPacketsReceived",
  ]

  /// Where two answers differ; empty if they do not. Members must come in the same order.
  static func differences(_ wanted: JSON, _ given: JSON, at place: String = "$") -> [String] {
    switch (wanted, given) {
    case (.object(let wanted), .object(let given)):
      let keys = (wanted.map(\.key), given.map(\.key))
      if keys.0 != keys.1 { return ["\(place): members \(keys.1), not \(keys.0)"] }
      return zip(wanted, given).flatMap { wanted, given in
        let place = "\(place).\(wanted.key)"
        return volatile.contains(wanted.key)
          ? formDifferences(wanted.value, given.value, at: place)
          : differences(wanted.value, given.value, at: place)
      }
    case (.array(let wanted), .array(let given)):
      if wanted.count != given.count { return ["\(place): \(given.count), not \(wanted.count)"] }
      return zip(wanted, given).enumerated().flatMap {
        differences($1.0, $1.1, at: "\(place)[\($0)]")
      }
    default:
      if wanted.encoded() == given.encoded() { return [] }
      return ["\(place): \(text(given)), not \(text(wanted))"]
    }
  }

  private static func text(_ value: JSON) -> String {
    String(decoding: value.encoded(), as: UTF8.self)
  }

  private static func formDifferences(_ wanted: JSON, _ given: JSON, at place: String) -> [String] {
    let forms = (form(text(wanted)), form(text(given)))
    return forms.0 == forms.1 ? [] : ["\(place): \(text(given)) is not like \(text(wanted))"]
  }

  /// A text with every run of (hexadecimal) digits made alike.
  static func form(_ text: String) -> String {
    text.replacing(/[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/, with: "U")
      .replacing(/[0-9]+(\.[0-9]+)?/, with: "9")
  }
}
