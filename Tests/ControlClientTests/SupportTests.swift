import Foundation
import Testing

@testable import ControlClient
@testable import Wire

/// The support file: whole, readable by others, without secrets.
@Suite(.timeLimit(.minutes(2))) struct SupportTests {
  /// What must never leave the house; each is in one of the planted lines.
  private static let secrets = [
    "hunter2", "s3cr3t", "p@ss", "correct horse", "deadbeefcafe", "QWxhZGRpbjpvcGVu",
    "MIIEvQIBADAN",
    "topsecret", "eyJhbGciOi", "letmein",
  ]

  private static let log = """
    2026/01/01 00:00:01 INF [path cam] source rtsp://admin:hunter2@10.0.0.9/live
    INF publishing to rtsp://watch:p@ss@127.0.0.1:8554/cam ready
    pass: s3cr3t
    password=correct horse battery
    DEB config {"user":"any","readPass":"s3cr3t","x":1}
    GET /v3/paths?token=deadbeefcafe HTTP/1.1
    Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==
    header Bearer eyJhbGciOi.abc.def
    dialling admin:letmein@10.0.0.7
    mosquitto --password topsecret --id 7
    -----BEGIN PRIVATE KEY-----
    MIIEvQIBADAN
    -----END PRIVATE KEY-----
    INF listener opened on :8554, delivery passThrough: yes

    """

  @Test(arguments: log.split(separator: "\n").map(String.init).filter { !$0.contains("MIIE") })
  func lines(line: String) {
    let masked = Secrets.masked(line)
    for secret in Self.secrets { #expect(!masked.contains(secret), "\(masked)") }
  }

  /// What is no secret stays: it is what a helper looks for.
  @Test(arguments: [
    "INF listener opened on :8554, delivery passThrough: yes",
    "2026/01/01 00:00:01 ERR camera cam-front: probe timeout, exit code 9", "12:30:01 a@b",
    "https://example.org/a?b=c", "", "cam-front/2026-11-21_12-41-32-123456_0a1b2c3d-1.mp4",
    "rtsp://10.0.0.9:8554/live: 404",
  ])
  func whatStays(line: String) { #expect(Secrets.masked(line) == line) }

  @Test func longLinesAreNoTrap() {
    let start = ContinuousClock.now
    for word in ["a", "pass", "://", "--key", "a:b"] {
      let line = String(repeating: word, count: 20_000 / word.count)
      #expect(Secrets.masked(line).count <= line.count)
    }
    #expect(ContinuousClock.now - start < .seconds(60))
  }

  @Test func namesAndTextsOfJSON() throws {
    let value: [String: Any] = [
      "password": "hunter2", "detail": "url rtsp://a:hunter2@h", "port": 8554,
      "list": ["pass: s3cr3t"], "passwords": 3,
    ]
    let masked = try #require(Secrets.masked(json: value) as? [String: Any])
    #expect(masked["password"] as? String == "***")
    #expect(masked["detail"] as? String == "url rtsp://***@h")
    #expect(masked["port"] as? Int == 8554)
    #expect(masked["list"] as? [String] == ["pass: ***"])
    #expect(masked["passwords"] as? Int == 3)
  }

  /// The `tar` of the system reads it, and nothing in it is a secret.
  @Test func theWholeFile() async throws {
    let files = FakeFiles((1...1500).map { FakeFiles.file("cam-front/\($0).mp4", id: UInt64($0)) })
    files.state.withLock {
      $0.configurationError = "`source = rtsp://admin:hunter2@h` and password=letmein: no key."
      $0.logs = [
        .agent: Self.log, .mediaServer: String(repeating: Self.log, count: 200),
        .agentBefore: Self.log, .mediaServerBefore: "",
      ]
    }
    let device = try await FakeDevice(.files(files))
    let folder = FileManager.default.temporaryDirectory.appending(path: "support-\(UUID())")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let file = folder.appending(path: "s.tar").path
    let run = try await wpctl("support", "-o", file, "--device", device.name, "--json")
    await device.stop()
    #expect(run.code == 0)
    #expect(try Schema("support").faults(in: run.output) == [])

    let names = try unpack(file, in: folder)
    #expect(
      names == [
        "status.json", "info.json", "streams.json", "sources.json", "metrics.json", "alerts.json",
        "subscriptions.json", "cameras.json", "cameras/cam-front.json",
        "recovery/cam-front.json", "cameras/cam-1-1-3.json", "recovery/cam-1-1-3.json",
        "recordings.json", "storage.json", "files.json", "logs/agent.log", "logs/mediamtx.log",
        "logs/agent-previous-boot.log", "logs/mediamtx-previous-boot.log", "manifest.json",
      ])
    func text(_ name: String) throws -> String {
      try String(contentsOf: folder.appending(path: name), encoding: .utf8)
    }
    for name in names {
      for secret in Self.secrets {
        let holds = try text(name).contains(secret)
        #expect(!holds, "\(name) holds \(secret)")
      }
    }
    #expect(try text("logs/agent.log").contains("listener opened on :8554"))
    #expect(try text("logs/mediamtx.log").count > 50_000)
    let listed = try JSONDecoder().decode(FilesDocument.self, from: Data(text("files.json").utf8))
    #expect(listed.files.count == 1000 && listed.files.first?.id == 1500)
    let manifest = try JSONDecoder().decode(
      SupportManifest.self, from: Data(text("manifest.json").utf8))
    #expect(manifest.failed.isEmpty && manifest.files.map(\.name) == names.dropLast())
    for entry in manifest.files { #expect(try text(entry.name).utf8.count == entry.bytes) }
  }

  /// What an old device does not know stands in the manifest; the rest is there.
  @Test func whatFailed() async throws {
    let device = try await FakeDevice(
      .refusing([.storageStatus: .unknownOperation, .logTail: .permission]))
    let address = DeviceAddress(host: "127.0.0.1", port: device.port)
    let connection = try await ControlConnection.open(address)
    let bundle = await SupportBundle.collect(connection)
    await connection.close()
    await device.stop()
    // The golden list of files leads nowhere.
    #expect(
      bundle.manifest.failed.map(\.name) == [
        "storage.json", "files.json", "logs/agent.log", "logs/mediamtx.log",
        "logs/agent-previous-boot.log", "logs/mediamtx-previous-boot.log",
      ])
    #expect(bundle.manifest.failed[0].reason.contains("unknownOperation"))
    #expect(bundle.manifest.files.count == 13)
  }

  @Test func aDeviceThatIsGone() async throws {
    let run = try await against(.hangingUp, "support", "-o", "/nowhere/s.tar")
    #expect(run.code == 3)
    let unwritable = try await against(.golden, "support", "-o", "/nowhere/s.tar")
    #expect(unwritable.code == 1)
    #expect(unwritable.complaint.contains("/nowhere/s.tar cannot be written"))
  }

  /// Unpacks an archive with the system's tar; returns the names in order.
  private func unpack(_ file: String, in folder: URL) throws -> [String] {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = ["tar", "-xvf", file, "-C", folder.path]
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let text = try output.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
    return String(decoding: text, as: UTF8.self).split(separator: "\n").map(String.init)
  }
}
