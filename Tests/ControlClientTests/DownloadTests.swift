import Foundation
import Testing

@testable import ControlClient
@testable import Wire
@testable import wpctl

/// Files of a device that are got, against cuts, refusals and lies.
@Suite(.timeLimit(.minutes(2))) struct DownloadTests {
  private static let path = "cam-front/2026-11-21_12-41-32-123456_0a1b2c3d-1.mp4"
  private static let bytes: [UInt8] = {
    var state: UInt32 = 1
    return (0..<5_000_001).map { _ in
      state = state &* 1_664_525 &+ 1_013_904_223
      return UInt8(truncatingIfNeeded: state >> 24)
    }
  }()

  /// A folder that goes with the test, and a device with one file.
  private func with(
    _ faults: FakeFiles.Faults = .init(), state: FileState = .complete,
    _ body: (FakeFiles, FakeDevice, URL) async throws -> Void
  ) async throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "get-\(UUID())")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    var file = FakeFiles.file(Self.path, bytes: Self.bytes)
    file.entry.state = Code(state)
    let files = FakeFiles([file], faults: faults)
    let device = try await FakeDevice(.files(files))
    try await body(files, device, folder)
    await device.stop()
  }

  private func download(
    _ device: FakeDevice, to folder: URL, silence: Duration = .seconds(20)
  ) -> Download {
    Download(
      device: DeviceAddress(host: "127.0.0.1", port: device.port), file: DeviceFile(Self.path)!,
      to: folder.appending(path: "a.mp4").path, silence: silence)
  }

  private func contents(_ folder: URL, _ name: String = "a.mp4") throws -> [UInt8] {
    [UInt8](try Data(contentsOf: folder.appending(path: name)))
  }

  @Test func aWholeFile() async throws {
    try await with { files, device, folder in
      let document = try await download(device, to: folder).run()
      #expect(try contents(folder) == Self.bytes)
      #expect(document.bytes == 5_000_001 && document.resumedAt == 0)
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["a.mp4"])
      let lengths = files.reads.map(\.length)
      #expect(lengths.allSatisfy { $0 <= UInt32(Limits.bulkSize) })
      #expect(files.reads.reduce(0) { $0 + Int($1.length) } == 5_000_001)
    }
  }

  @Test func anEmptyFile() async throws {
    let files = FakeFiles([FakeFiles.file("cam-front/a.jpg")])
    let device = try await FakeDevice(.files(files))
    let target = FileManager.default.temporaryDirectory.appending(path: "\(UUID()).jpg")
    defer { try? FileManager.default.removeItem(at: target) }
    let address = DeviceAddress(host: "127.0.0.1", port: device.port)
    let document = try await Download(
      device: address, file: DeviceFile("cam-front/a.jpg")!, to: target.path, silence: .seconds(5)
    ).run()
    #expect(document.bytes == 0 && document.checksum == "00000000")
    #expect(try Data(contentsOf: target).isEmpty)
    await device.stop()
  }

  /// Cuts in the middle of frames, and a device that refuses connections for a while.
  @Test func cuts() async throws {
    let faults = FakeFiles.Faults(cutReads: [2, 9, 14], refusedConnections: [3, 4])
    try await with(faults) { files, device, folder in
      var troubles: [String] = []
      var done: [UInt64] = []
      let document = try await download(device, to: folder).run { progress in
        if let trouble = progress.trouble { troubles.append(trouble) }
        done.append(progress.done)
      }
      #expect(try contents(folder) == Self.bytes)
      #expect(document.resumedAt == 0)
      #expect(troubles.count >= 3)
      #expect(troubles.allSatisfy { $0.contains("closed the connection") })
      // It goes on where it stood: never back, and not from the beginning.
      #expect(done == done.sorted())
      #expect(files.reads.filter { $0.offset == 0 }.count == 1)
      #expect(files.state.withLock { $0.connections } >= 6)
    }
  }

  @Test func busyAndLate() async throws {
    try await with(.init(busyReads: [1, 3, 4])) { files, device, folder in
      _ = try await download(device, to: folder).run()
      #expect(try contents(folder) == Self.bytes)
      // A device with too much to do is asked again on the same connection.
      #expect(files.state.withLock { $0.connections } == 1)
    }
  }

  @Test func silenceEndsIt() async throws {
    try await with(.init(silentReads: Set(3...100))) { files, device, folder in
      let start = ContinuousClock.now
      await #expect(throws: ControlError.self) {
        try await download(device, to: folder, silence: .seconds(1)).run()
      }
      // Without an end it would ask a hundred times; the machine may be busy with other tests.
      #expect(ContinuousClock.now - start < .seconds(60))
      let left = try contents(folder, "a.mp4.part")
      #expect(left == Array(Self.bytes[..<131_072]))
    }
  }

  /// On a slow line a read waits for those before it for longer than the time-out, and parts keep
  /// coming: that is no silence.
  @Test func aSlowLine() async throws {
    // Between two parts there are two seconds left for what else the machine has to do.
    try await with(.init(partMs: 400)) { files, device, folder in
      files.state.withLock { state in
        state.files[0].bytes = Array(Self.bytes[..<250_000])
        state.files[0].entry.bytes = 250_000
      }
      let start = ContinuousClock.now
      _ = try await download(device, to: folder, silence: .milliseconds(2400)).run()
      #expect(try contents(folder) == Array(Self.bytes[..<250_000]))
      #expect(ContinuousClock.now - start > .seconds(4))
      #expect(files.state.withLock { $0.connections } == 1)
    }
  }

  /// A second run goes on where the first one ended, whatever ended it.
  @Test func theNextRunGoesOn() async throws {
    try await with { files, device, folder in
      let half = Data(Self.bytes.prefix(2_500_000))
      try half.write(to: folder.appending(path: "a.mp4.part"))
      let document = try await download(device, to: folder).run()
      #expect(document.resumedAt == 2_500_000)
      #expect(files.reads.map(\.offset).min() == 2_500_000)
      #expect(try contents(folder) == Self.bytes)
    }
  }

  /// A run that is killed leaves what it has got; the next one asks for the rest and no more.
  @Test func aKilledRunIsGoneOnWith() async throws {
    // After half a megabyte nothing more comes.
    try await with(.init(silentReads: Set(9...100))) { files, device, folder in
      let target = folder.appending(path: "a.mp4")
      let arguments = [
        "files", "get", Self.path, "-o", target.path, "--device", device.name, "--json",
        "--timeout", "60",
      ]
      let killed = try await wpctl(
        arguments,
        interruptedWhen: { _ in
          let part = try? FileManager.default.attributesOfItem(atPath: target.path + ".part")
          return part?[.size] as? Int ?? 0 >= 500_000
        }, by: SIGKILL)
      #expect(killed.code == SIGKILL && !FileManager.default.fileExists(atPath: target.path))
      let left = try contents(folder, "a.mp4.part")
      #expect((500_000..<Self.bytes.count).contains(left.count))
      #expect(left == Array(Self.bytes[..<left.count]))
      let before = files.reads.count
      files.state.withLock { $0.faults.silentReads = [] }
      let run = try await wpctl(arguments)
      let document = try JSONDecoder().decode(DownloadDocument.self, from: Data(run.output.utf8))
      #expect(run.code == 0 && document.resumedAt == left.count)
      let reads = files.reads[before...]
      #expect(reads.map(\.offset).min() == UInt64(left.count))
      #expect(reads.reduce(0) { $0 + Int($1.length) } == Self.bytes.count - left.count)
      #expect(try contents(folder) == Self.bytes)
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["a.mp4"])
    }
  }

  /// What lies there is of another file: it is got anew, once.
  @Test func aPartOfAnother() async throws {
    try await with { files, device, folder in
      try Data(count: 70_000).write(to: folder.appending(path: "a.mp4.part"))
      #expect(try await download(device, to: folder).run().resumedAt == 0)
      #expect(try contents(folder) == Self.bytes)
    }
  }

  /// What lies there is longer than the file: it cannot be its beginning.
  @Test func anotherPart() async throws {
    try await with { files, device, folder in
      try Data(count: 6_000_000).write(to: folder.appending(path: "a.mp4.part"))
      #expect(try await download(device, to: folder).run().resumedAt == 0)
      #expect(try contents(folder) == Self.bytes)
    }
  }

  @Test func aWrongChecksum() async throws {
    try await with(.init(checksum: 0x1234_5678)) { files, device, folder in
      let download = download(device, to: folder)
      let found = Self.bytes.withUnsafeBytes { CRC32C.of($0) }
      let error = DownloadError.damaged(
        file: Self.path, part: download.target + ".part", expected: 0x1234_5678, found: found)
      await #expect(throws: error) { try await download.run() }
      #expect("\(error)".contains("12345678") && "\(error)".hasSuffix("get it again."))
      let left = try FileManager.default.contentsOfDirectory(atPath: folder.path)
      #expect(left == ["a.mp4.part"])
    }
  }

  @Test func aFileThatShrinks() async throws {
    try await with(.init(shrink: (read: 6, bytes: 300_000))) { files, device, folder in
      await #expect(throws: DownloadError.self) { try await download(device, to: folder).run() }
      #expect(!FileManager.default.fileExists(atPath: folder.appending(path: "a.mp4").path))
    }
  }

  /// What is written after the download began is left out, and does not make it fail.
  @Test func aFileThatIsBeingWritten() async throws {
    try await with(state: .open) { files, device, folder in
      let document = try await download(device, to: folder).run { _ in
        files.state.withLock { $0.files[0].bytes.append(7) }
      }
      #expect(document.bytes == 5_000_001)
      #expect(try contents(folder) == Self.bytes)
    }
  }

  /// MediaMTX writes into the head of a segment when it closes it.
  @Test func aFileThatIsClosedMeanwhile() async throws {
    try await with(state: .open) { files, device, folder in
      _ = try await download(device, to: folder).run { progress in
        guard progress.done < 200_000 else { return }
        files.state.withLock {
          $0.files[0].bytes[5] = 99
          $0.files[0].bytes[4_000_000] = 99
          $0.files[0].entry.state = Code(.complete)
        }
      }
      #expect(try contents(folder) == files.state.withLock { $0.files[0].bytes })
    }
  }

  @Test func anUnwritablePlace() async throws {
    try await with { files, device, folder in
      let download = Download(
        device: DeviceAddress(host: "127.0.0.1", port: device.port),
        file: DeviceFile(Self.path)!, to: folder.appending(path: "none/a.mp4").path,
        silence: .seconds(5))
      await #expect(throws: DownloadError.self) { try await download.run() }
      #expect(files.reads.isEmpty)
    }
  }

  @Test func theCommand() async throws {
    try await with(.init(cutReads: [3])) { files, device, folder in
      let run = try await wpctl(
        "files", "get", Self.path, "-o", folder.path, "--device", device.name, "--json")
      #expect(run.code == 0)
      #expect(try Schema("download").faults(in: run.output) == [])
      #expect(run.complaint.contains("Going on at "))
      #expect(try contents(folder, DeviceFile(Self.path)!.name) == Self.bytes)
      let none = try await wpctl(
        "files", "get", "cam-front/x.mp4", "-o", folder.path, "--device", device.name)
      #expect(none.code == 1)
      #expect(none.complaint.contains("There is no such file"))
      // A name that ends so is a folder's, even of one that is not there.
      let nowhere = try await wpctl(
        "files", "get", Self.path, "-o", folder.path + "/none/", "--device", device.name)
      #expect(nowhere.code == 1)
      #expect(nowhere.complaint.contains("/none/\(DeviceFile(Self.path)!.name).part cannot be"))
      files.state.withLock { $0.faults.checksum = 1 }
      let wrong = try await wpctl(
        "files", "get", Self.path, "-o", folder.appending(path: "b").path, "--device", device.name)
      #expect(wrong.code == 1)
      #expect(wrong.complaint.contains("has the checksum 00000001 on the device"))
    }
  }

  @Test func progressLines() {
    let progress = DownloadProgress(total: 4 << 20, done: 1 << 20, received: 1 << 20)
    let line = ProgressLine(name: "a.mp4", progress: progress, time: .seconds(2))
    #expect(line.words == "a.mp4: 25 %, 1.0 MiB of 4.0 MiB, 512.0 KiB/s, 6 s left")
    #expect(
      line.bar(columns: 80)
        == "a.mp4  [#####................]  25 %, 1.0 MiB of 4.0 MiB, 512.0 KiB/s, 6 s left")
    for columns in 0...200 { #expect(line.bar(columns: columns).count <= max(columns - 1, 0)) }
  }
}
