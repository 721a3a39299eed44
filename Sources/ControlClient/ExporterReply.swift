import NIOHTTP1

/// What the exporter answers.
struct ExporterReply: Equatable, Sendable {
  var status = HTTPResponseStatus.ok
  var contentType = "text/plain; charset=utf-8"
  /// Seconds until it is worth to ask again.
  var retryAfter: Int?
  var body: String

  var headers: HTTPHeaders {
    var headers: HTTPHeaders = [
      "Content-Type": contentType, "Content-Length": "\(body.utf8.count)",
      // Readings are as of now: nobody on the way may keep them.
      "Cache-Control": "no-store",
    ]
    if let retryAfter { headers.add(name: "Retry-After", value: "\(retryAfter)") }
    if status == .methodNotAllowed { headers.add(name: "Allow", value: "GET, HEAD") }
    return headers
  }

  static func sentence(_ status: HTTPResponseStatus, _ sentence: String) -> ExporterReply {
    ExporterReply(status: status, body: sentence + "\n")
  }

  static func metrics(_ text: Exposition) -> ExporterReply {
    ExporterReply(contentType: "text/plain; version=0.0.4; charset=utf-8", body: text.text)
  }

  /// What a probe has come to.
  static func probe(
    _ outcome: Result<DeviceReadings, any Error>, took duration: Duration
  ) -> ExporterReply {
    var text = Exposition()
    let readings: DeviceReadings?
    switch outcome {
    case .success(let value): readings = value
    case .failure(let error):
      readings = nil
      text.comment("\(error)")
    }
    text.single(
      "watchpost_up", .gauge, "1: the device answered; 0: see the comment.",
      readings == nil ? 0 : 1)
    text.family("watchpost_probe_duration_seconds", .gauge, "How long the probe took.")
    text.sample("watchpost_probe_duration_seconds", [], duration.inSeconds)
    readings?.write(to: &text)
    return .metrics(text)
  }

  static let form = ExporterReply(
    contentType: "text/html; charset=utf-8",
    body: """
      <!DOCTYPE html>
      <html lang="en">
      <title>Watchpost exporter</title>
      <h1>Watchpost exporter</h1>
      <form action="/probe">
      <label>Device <input name="target" placeholder="host or host:port" required></label>
      <button>Probe</button>
      </form>
      <p><a href="/metrics">Metrics of the exporter itself</a></p>
      </html>

      """)
}
