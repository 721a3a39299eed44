import Foundation
import Testing

@testable import Wire

/// The client printed in the documents, run as a reader would run it.
@Suite struct PythonClientTests {
  static let python: String? = {
    let folders = ProcessInfo.processInfo.environment["PATH"]?.split(separator: ":") ?? []
    return folders.map { "\($0)/python3" }.first(where: FileManager.default.isExecutableFile)
  }()

  @Test(.enabled(if: python != nil, "python3 is not installed: the printed client is not run"))
  func readsHealth() throws {
    let output = try run(answer: Example.named("health-reply").bytes)
    #expect(output == "degraded reasons 0x40208 up 3723 s\n")
  }

  @Test(.enabled(if: python != nil, "python3 is not installed: the printed client is not run"))
  func saysWhatARefusalSays() throws {
    let output = try run(answer: Example.busy.bytes)
    #expect(output == "status 11: \(Status.busy.sentence)\n")
  }

  @Test func fitsOnAScreen() throws { #expect(try client().split(separator: "\n").count <= 30) }

  // MARK: -

  private func client() throws -> String {
    let file = SpecificationTests.folder.appending(path: "WritingAClient.md")
    let text = try String(contentsOf: file, encoding: .utf8)
    let start = try #require(text.range(of: "```python\n"))
    let end = try #require(text.range(of: "```", range: start.upperBound..<text.endIndex))
    return String(text[start.upperBound..<end.lowerBound])
  }

  /// Runs the client against a device that, for want of a server in this test, lives in the same
  /// interpreter: it compares the request with the vector and sends `answer`.
  private func run(answer: [UInt8]) throws -> String {
    let device = """
      import socket, sys, threading
      server = socket.create_server(("127.0.0.1", 0))
      def serve():
          link, _ = server.accept()
          request = link.recv(32, socket.MSG_WAITALL)
          expected = bytes.fromhex(sys.argv[3])
          link.sendall(bytes.fromhex(sys.argv[4]) if request == expected else b"not the vector")
          link.close()
      threading.Thread(target=serve, daemon=True).start()
      sys.argv[1:3] = ["127.0.0.1", str(server.getsockname()[1])]

      """
    // The documents' request has id 1, the vector's is 2.
    let request = Example.build {
      Frame.request(.health, id: 1, Empty(), into: $0)
    }
    let process = Process()
    process.executableURL = URL(filePath: try #require(Self.python))
    process.arguments = ["-c", device + (try client()), "HOST", "PORT", hex(request), hex(answer)]
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    try process.run()
    let output = try pipe.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    return String(decoding: output, as: UTF8.self)
  }

  private func hex(_ bytes: [UInt8]) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}
