import Foundation
import Testing

@testable import ControlClient
@testable import Wire

/// Recordings, files and storage as a person or a script meets them.
@Suite(.timeLimit(.minutes(2))) struct FileCommandTests {
  @Test func recordings() async throws {
    let run = try await against(.golden, "record")
    #expect(run.code == 0)
    #expect(
      run.output == """
        CAMERA     STATE                         SINCE        REMAINING    WRITTEN  FILES  GAPS
        cam-front  waiting (cameraNotStreaming)  39 min 26 s  20 min 34 s  1.0 GiB  41     1

        """)
    #expect(try await against(.golden, "record", "ls").output == run.output)
    let start = try await against(.golden, "record", "start", "cam-front", "--for", "1h30m")
    #expect(
      start.output == "cam-front: recording 17 is accepted; `wpctl record` shows when its file "
        + "grows.\n")
    let stop = try await against(.golden, "record", "stop", "cam-front")
    #expect(stop.output == "cam-front: recording 17 stops; 1.0 GiB in 41 files, 1 gap.\n")
  }

  @Test func waitingForARecording() async throws {
    let run = try await against(
      .recording(beginsAfterMs: 100), "record", "start", "cam-front", "--wait")
    #expect(run.code == 0)
    #expect(run.output == "cam-front: recording 17 is accepted; its file grows.\n")
    let late = try await against(
      .recording(beginsAfterMs: nil), "record", "start", "cam-front", "--wait", "--timeout", "1.5")
    #expect(late.code == 4)
    #expect(late.complaint.contains("after 1.5 s: it is waiting (cameraNotStreaming)."))
  }

  @Test(arguments: [
    (Status.alreadyRecording, "stop it first"), (.storageLow, "no new recording starts"),
    (.storageCritical, "delete recordings"), (.mediaServerDown, "being restarted"),
    (.cameraNotStreaming, "look at its status"), (.storageUnavailable, "storage status"),
    (.unknownOperation, "update the device"),
  ])
  func refusedRecordings(status: Status, words: String) async throws {
    let run = try await against(
      .refusing([.recordingStart: status]), "record", "start", "cam-front")
    #expect(run.code == 1)
    #expect(run.complaint.hasPrefix("wpctl: The device refused `recordingStart` (\(status)): "))
    #expect(run.complaint.contains(words))
  }

  @Test func listOfFiles() async throws {
    let run = try await against(.golden, "files", "ls", "--limit", "2")
    #expect(run.code == 0)
    #expect(run.lines[0].hasPrefix("FILE  "))
    #expect(run.lines[0].hasSuffix("  BEGAN                LENGTH     SIZE      STATE"))
    #expect(run.lines[1].hasPrefix("cam-front/2026-11-21_12-41-32-500000_0a1b2c3d-0.jpg  "))
    #expect(run.lines[1].hasSuffix("  2026-10-30 12:41:32  –          82.1 KiB  complete"))
    #expect(run.lines[2].hasSuffix("  1 min 0 s  27.0 MiB  complete, after a gap"))
    #expect(run.lines[3].contains("`--cursor 4712`"))
  }

  @Test func pages() async throws {
    let files = FakeFiles(
      (1...2500).map { id in
        FakeFiles.file("cam-\(id % 2)/\(id).\(id % 5 == 0 ? "jpg" : "mp4")", id: UInt64(id))
      })
    func list(_ arguments: String...) async throws -> FilesDocument {
      let run = try await against(.files(files), ["files", "ls", "--json"] + arguments)
      #expect(run.code == 0, "\(run.complaint)")
      return try JSONDecoder().decode(FilesDocument.self, from: Data(run.output.utf8))
    }
    let first = try await list()
    #expect(first.files.map(\.id) == (2451...2500).reversed().map { UInt64($0) })
    #expect(first.known == 2500 && first.nextCursor == 2450)
    let second = try await list("--cursor", "2450", "--limit", "1200")
    #expect(second.files.first?.id == 2450 && second.files.count == 1200)
    let all = try await list("--all", "--oldest-first")
    #expect(all.files.map(\.id) == (1...2500).map { UInt64($0) } && all.nextCursor == nil)
    let some = try await list("cam-1", "--kind", "snapshots", "--all")
    #expect(some.files.count == 250 && some.files.allSatisfy { $0.file.hasPrefix("cam-1/") })
    let day = try await list(
      "--all", "--since", "2026-09-21T15:00", "--until", "2026-09-21T16:00")
    #expect(day.files.count == 60)
  }

  @Test func noFiles() async throws {
    #expect(try await against(.files(FakeFiles()), "files", "ls").output == "There is no file.\n")
    func others(_ paths: String...) async throws -> String {
      let files = FakeFiles(paths.map { FakeFiles.file($0) })
      return try await against(.files(files), "files", "ls", "cam-rear").output
    }
    #expect(try await others("cam-front/a.mp4") == "The device's one file does not match.\n")
    #expect(
      try await others("cam-front/a.mp4", "cam-front/b.mp4")
        == "None of the device's 2 files matches.\n")
  }

  /// A device whose pages lead nowhere does not keep the client busy for ever.
  @Test func endlessPages() async throws {
    let run = try await against(.golden, "files", "ls", "--all")
    #expect(run.code == 1)
    #expect(run.complaint.contains("`fileList` has another layout"))
  }

  @Test func oneFile() async throws {
    let run = try await against(.golden, "files", "info", "cam-front/a.mp4")
    #expect(run.code == 0)
    #expect(run.lines.contains("Size       27.0 MiB (28311552 bytes)"))
    #expect(run.lines.contains("           1 d 0 h after the start of boot 0a1b2c3d"))
    let none = try await against(.files(FakeFiles()), "files", "info", "cam-front/a.mp4")
    #expect(none.code == 1)
    #expect(none.complaint.contains("(notFound): There is no such file; list the files"))
  }

  @Test func removing() async throws {
    let files = FakeFiles(["a.mp4", "b.jpg", "c.mp4"].map { FakeFiles.file("cam-front/\($0)") })
    files.state.withLock { $0.files[2].entry.state = Code(.open) }
    let run = try await against(
      .files(files), "files", "rm", "cam-front/c.mp4", "cam-front/a.mp4", "cam-front/x.mp4")
    #expect(run.code == 1)
    #expect(run.output == "cam-front/a.mp4 is removed.\n")
    #expect(run.complaint.contains("cam-front/c.mp4: The device refused `fileRemove` (state):"))
    #expect(run.complaint.contains("cam-front/x.mp4: The device refused `fileRemove` (notFound):"))
    #expect(files.state.withLock { $0.files.count } == 2)
    #expect(try await against(.files(files), "files", "rm", "cam-front/b.jpg").code == 0)
  }

  @Test func storage() async throws {
    let run = try await against(.golden, "storage")
    #expect(run.code == 0)
    #expect(run.lines.contains("State          writable"))
    #expect(run.lines.contains("Level          warning"))
    #expect(run.lines.contains("Room           4.9 GiB free of 28.8 GiB, 83.1 % used"))
    #expect(run.lines.contains("Reserve        64.0 MiB for running recordings"))
    #expect(run.lines.contains("Recordings     1870 files, 23.4 GiB"))
    #expect(run.lines.contains("Foreign files  1, which are never touched"))
  }

  /// A rule that is not named stays as it is on the device.
  @Test func retention() async throws {
    let files = FakeFiles()
    func set(_ arguments: String...) async throws -> RetentionPolicy? {
      let run = try await against(.files(files), ["retention", "set"] + arguments)
      #expect(run.code == 0, "\(run.complaint)")
      return files.state.withLock { $0.policy }
    }
    let held = vector("storage-status-reply").dropFirst(Limits.headerSize)
    let before = try Array(held).withUnsafeBytes { RetentionPolicy(try StorageReport.decode($0)) }
    #expect(before.maximumBytes > 0)
    #expect(
      try await set("--age", "7d")
        == RetentionPolicy(maximumAgeS: 604_800, maximumBytes: before.maximumBytes))
    #expect(
      try await set("--size", "20G", "--age", "off") == RetentionPolicy(maximumBytes: 20 << 30))
    #expect(try await set("--manual") == RetentionPolicy())
    let run = try await against(.golden, "retention", "run")
    #expect(run.output == "12 files of 353.8 MiB were removed.\n")
  }

  /// The golden partition has 28.8 GiB, 0.5 of them others', and takes no recordings from 90 % on.
  @Test(arguments: [("25G", false), ("26G", true), ("off", false)])
  func boundsThatComeTooLateAreTold(_ size: String, _ isLate: Bool) async throws {
    let run = try await against(.files(FakeFiles()), "retention", "set", "--size", size)
    #expect(run.code == 0)
    #expect(run.complaint.contains("comes too late, set a smaller `--size`") == isLate)
    #expect(run.complaint.contains("room for 25.") == isLate)
  }

  @Test func savedSnapshots() async throws {
    let run = try await against(.golden, "snapshot", "cam-front", "--save")
    #expect(run.code == 0)
    #expect(
      run.output
        == "cam-front/2026-11-21_12-41-32-500000_0a1b2c3d-0.jpg: 82.1 KiB, on the device\n")
  }

  @Test func aCameraTellsItsRecoveryAndItsRecording() async throws {
    let run = try await against(.golden, "camera", "cam-front")
    #expect(run.lines.contains("Recovery    reauthorise, 5 steps, next step in 12 s"))
    #expect(
      run.lines.contains(
        "            reopened 2, restarted 6, reauthorised 1, power cycled 3, worked again 4 times")
    )
    #expect(run.lines.contains("            at 1 d 0 h: restart (stalled), failed"))
    #expect(
      run.lines.contains(
        "Recording   waiting (cameraNotStreaming), 20 min 34 s left, 1.0 GiB in 41 files, 1 gap"))
    // A device that does not know these operations still shows the camera.
    let old = try await against(
      .refusing([.cameraRecovery: .unknownOperation, .recordingList: .unknownOperation]),
      "camera", "cam-front")
    #expect(old.code == 0)
    #expect(!old.output.contains("Recovery"))
  }

  @Test func logsOfTheBootBefore() async throws {
    let files = FakeFiles()
    files.state.withLock {
      $0.logs = [.agent: "now\n", .agentBefore: "before\n", .mediaServerBefore: "media before\n"]
    }
    #expect(try await against(.files(files), "logs").output == "now\n")
    #expect(try await against(.files(files), "logs", "--previous").output == "before\n")
    #expect(
      try await against(.files(files), "logs", "--previous", "--media").output == "media before\n")
  }

  /// Requests that the device has no room for say of what there is too much.
  @Test func busyWithFiles() async throws {
    let run = try await against(.refusing([.fileList: .busy]), "files", "ls")
    #expect(run.code == 5)
    #expect(run.complaint.contains("too much to do with files and pictures"))
  }

  @Test(arguments: [
    ["record", "start"], ["record", "start", "cam", "--for", "25h"],
    ["record", "start", "cam", "--for", "0s"], ["files", "ls", "--limit", "0"],
    ["files", "ls", "--kind", "films"], ["files", "ls", "--since", "noon"],
    ["files", "ls", "--since", "1h", "--until", "2h"], ["files", "info", "../a.mp4"],
    ["files", "rm"], ["retention", "set"], ["retention", "set", "--age", "30s"],
    ["retention", "set", "--size", "1k"], ["retention", "set", "--manual", "--age", "1d"],
    ["snapshot", "cam", "--save", "-o", "a.jpg"], ["logs", "--previous", "--follow"],
  ])
  func usage(arguments: [String]) async throws {
    let run = try await wpctl(arguments)
    #expect(run.code == 2, "\(arguments)")
    #expect(run.complaint.contains("Usage:"))
    #expect(run.output == "")
  }
}
