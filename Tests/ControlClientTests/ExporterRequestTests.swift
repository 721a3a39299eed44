import NIOHTTP1
import Testing

@testable import ControlClient

@Suite struct ExporterRequestTests {
  private func request(
    _ uri: String, _ timeout: String? = nil, method: HTTPMethod = .GET
  ) -> ExporterRequest {
    var headers = HTTPHeaders()
    if let timeout { headers.add(name: "x-prometheus-scrape-timeout-seconds", value: timeout) }
    return ExporterRequest(
      HTTPRequestHead(version: .http1_1, method: method, uri: uri, headers: headers))
  }

  @Test(arguments: [
    ("box", "box", 4710), ("10.0.0.5:99", "10.0.0.5", 99), ("box.local:4710", "box.local", 4710),
    ("127.0.0.1%3A99", "127.0.0.1", 99), ("%5Bfe80::1%25eth0%5D:99", "fe80::1%eth0", 99),
    ("[::1]", "::1", 4710), ("box&module=x", "box", 4710),
  ])
  func targets(text: String, host: String, port: Int) {
    #expect(
      request("/probe?target=\(text)")
        == .probe(DeviceAddress(host: host, port: port), limit: nil))
  }

  @Test(arguments: [
    "", "?", "?target", "?target=", "?target=:4710", "?target=box:0", "?target=box:99999",
    "?target=http://box", "?target=box/path", "?target=a%20b", "?target=a+b", "?target=%0a",
    "?target=%ff", "?target=user@box", "?target=a&target=b", "?other=box", "?target=[box]:1",
    "?target=b%C3%BCx", "?target=[::1", "?target=::1%25/x",
    "?target=" + String(repeating: "a", count: 254),
  ])
  func badTargets(query: String) {
    guard case .refused(.badRequest, let sentence) = request("/probe" + query) else {
      Issue.record("\(query) is \(request("/probe" + query))")
      return
    }
    #expect(sentence.hasSuffix("."))
  }

  @Test(arguments: [
    ("10", 9.5), ("1", 0.5), ("0.5", 0.25), ("2.25", 1.75), ("100000", 300),
    ("0.0000001", 0.001),
  ])
  func limits(header: String, seconds: Double) {
    let limit = Duration.milliseconds(Int64(seconds * 1000))
    #expect(
      request("/probe?target=box", header) == .probe(DeviceAddress(host: "box"), limit: limit))
  }

  @Test(arguments: ["", "x", "-1", "0", "inf", "nan", "1e400"])
  func limitsWithoutSense(header: String) {
    #expect(request("/probe?target=box", header) == .probe(DeviceAddress(host: "box"), limit: nil))
  }

  @Test func paths() {
    #expect(request("/") == .form)
    #expect(request("/metrics") == .own)
    #expect(request("/metrics?x=y") == .own)
    for uri in ["", "/x", "/probes", "/probe/", "*", "http://box/probe"] {
      guard case .refused(.notFound, _) = request(uri) else {
        Issue.record("\(uri) is \(request(uri))")
        continue
      }
    }
    guard case .refused(.methodNotAllowed, _) = request("/metrics", method: .POST) else {
      Issue.record("POST is answered")
      return
    }
  }

  @Test func listenAddresses() {
    #expect(ListenAddress("127.0.0.1:9710") == ListenAddress())
    #expect(ListenAddress(":80") == ListenAddress(host: "0.0.0.0", port: 80))
    #expect(ListenAddress("[::1]:0") == ListenAddress(host: "::1", port: 0))
    #expect("\(ListenAddress(host: "::1", port: 1))" == "[::1]:1")
    for text in ["", "9710", "box", "box:", "box:x", "box:65536", "::1:80", "[box]:1", "[::1]"] {
      #expect(ListenAddress(text) == nil, "\(text)")
    }
  }
}
