import Foundation
import Testing

@testable import ControlClient
@testable import Wire

/// What `--json` prints against the committed schemas.
@Suite(.timeLimit(.minutes(2))) struct JSONTests {
  @Test(arguments: [
    ("status", ["status"]), ("cameras", ["cameras"]), ("camera", ["camera", "cam-front"]),
    ("streams", ["streams"]), ("metrics", ["metrics"]), ("alerts", ["alerts"]),
    ("subscriptions", ["subscriptions"]),
    ("sources", ["source", "ls"]), ("done", ["source", "rm", "yard"]),
    ("done", ["source", "add", "yard", "rtsp://10.0.0.9/live"]),
    ("done", ["stream", "start", "cam-front"]), ("done", ["stream", "stop", "cam-front"]),
    ("publish", ["publish", #filePath]), ("ping", ["ping"]), ("done", ["identify"]),
    ("done", ["reboot"]), ("done", ["shutdown"]),
    ("recordings", ["record"]), ("recording", ["record", "start", "cam-front", "--for", "1h"]),
    ("recording", ["record", "stop", "cam-front"]), ("files", ["files", "ls", "--limit", "2"]),
    ("file", ["files", "info", "cam-front/a.mp4"]), ("file", ["snapshot", "cam-front", "--save"]),
    ("removed", ["files", "rm", "cam-front/a.mp4", "cam-front/b.jpg"]), ("storage", ["storage"]),
    ("retention", ["retention"]), ("retention", ["retention", "set", "--age", "30d"]),
    ("retention", ["retention", "set", "--manual"]), ("retention-run", ["retention", "run"]),
  ])
  func documents(schema: String, arguments: [String]) async throws {
    let run = try await against(.golden, arguments + ["--json"])
    #expect(run.code == 0)
    #expect(try Schema(schema).faults(in: run.output) == [])
  }

  @Test func snapshots() async throws {
    let file = FileManager.default.temporaryDirectory.appending(path: "\(UUID()).jpg").path
    defer { try? FileManager.default.removeItem(atPath: file) }
    let run = try await against(.golden, ["snapshot", "cam-front", "--json", "-o", file])
    #expect(run.code == 0)
    #expect(try Schema("snapshot").faults(in: run.output) == [])
    let document = try JSONDecoder().decode(SnapshotDocument.self, from: Data(run.output.utf8))
    let written = try Data(contentsOf: URL(filePath: file))
    #expect(written.count == Int(document.bytes) && written.count > 0)
  }

  @Test(arguments: [
    ("event", ["events", "--count", "2"]), ("log-line", ["logs"]),
    ("log-line", ["logs", "--previous", "--media"]),
    ("message", ["messages", "--count", "2"]),
  ])
  func lines(schema: String, arguments: [String]) async throws {
    let run = try await against(.golden, arguments + ["--json"])
    #expect(run.code == 0)
    #expect(!run.lines.isEmpty)
    for line in run.lines { #expect(try Schema(schema).faults(in: line) == []) }
  }

  @Test func everySchemaIsUsed() throws {
    let folder = sourceFolder.appending(path: "ControlClient/Schemas")
    let files = try FileManager.default.contentsOfDirectory(atPath: folder.path)
    let used = [
      "status", "cameras", "camera", "streams", "metrics", "subscriptions", "ping", "done",
      "event", "log-line", "discover", "snapshot", "sources", "publish", "message", "alerts",
      "recordings", "recording", "files", "file", "removed", "storage", "retention",
      "retention-run", "download", "support", "pair", "device", "devices", "forgotten", "own-key",
    ]
    #expect(Set(files) == Set(used.map { $0 + ".json" }))
  }

  /// The name in the array is what the other commands take.
  @Test func namesAreAccepted() async throws {
    let list = try await against(.golden, ["cameras", "--json"])
    let cameras = try JSONDecoder().decode([CameraDocument].self, from: Data(list.output.utf8))
    #expect(cameras.map { $0.name } == ["cam-front", "cam-1-1-3"])
    for camera in cameras {
      #expect(try await against(.golden, ["camera", camera.name]).code == 0)
    }
  }

  /// The validator itself finds what is wrong.
  @Test func schemasRefuse() throws {
    let schema = try Schema("cameras")
    #expect(try schema.faults(in: "{}") == ["$ is no array"])
    #expect(try schema.faults(in: #"[{"name": "Cam"}]"#).contains("$[0].name is `Cam`"))
    #expect(try schema.faults(in: "[{}]").contains("$[0].serial is missing"))
    #expect(try schema.faults(in: #"[{"x": 1}]"#).contains("$[0].x is not in the schema"))
    #expect(try schema.faults(in: #"[{"attempts": -1}]"#).contains("$[0].attempts is less than 0"))
    #expect(try schema.faults(in: #"[{"attempts": true}]"#).contains("$[0].attempts is no integer"))
  }
}
