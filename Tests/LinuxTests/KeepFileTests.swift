import CLinux
import Foundation
import Glibc
import Synchronization
import Testing

/// Lets several begin in the same microsecond.
private final class Start: Sendable {
  private let ready = Atomic(0)

  /// Returns when so many have come, or after 100 ms.
  func wait(for count: Int) {
    ready.add(1, ordering: .relaxed)
    let until = ContinuousClock.now + .milliseconds(100)
    while ready.load(ordering: .relaxed) < count, ContinuousClock.now < until {}
  }
}

/// Files that are kept for good, by several at once.
@Suite struct KeepFileTests {
  private let folder = FileManager.default.temporaryDirectory
    .appending(path: "keep-\(UUID().uuidString)").path()

  private func keep(_ name: String, _ bytes: [UInt8]) -> Int32 {
    bytes.withUnsafeBytes { lx_keep_file(folder, name, $0.baseAddress!, $0.count) }
  }

  private func bytes(of name: String) -> [UInt8]? {
    FileManager.default.contents(atPath: folder + "/" + name).map { [UInt8]($0) }
  }

  @Test func whatIsThereIsNotWrittenOver() {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    #expect(keep("a.jpg", [1, 2, 3]) == 0)
    #expect(keep("a.jpg", [4]) == -EEXIST)
    #expect(bytes(of: "a.jpg") == [1, 2, 3])
    #expect(try! FileManager.default.contentsOfDirectory(atPath: folder) == ["a.jpg"])
  }

  /// Two workers that keep a picture of one camera within a microsecond want the same name. Both
  /// wrote to one file, and the slower one was told that there is no such camera.
  @Test func oneOfThoseWhoWantANameGetsIt() async throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let size = 100_000
    for round in 0..<100 {
      let start = Start()
      let results = await withTaskGroup(of: (UInt8, Int32).self) { group in
        for worker in [UInt8](0..<2) {
          group.addTask {
            let picture = [UInt8](repeating: worker, count: size)
            start.wait(for: 2)
            return (worker, keep("\(round).jpg", picture))
          }
        }
        return await group.reduce(into: [UInt8: Int32]()) { $0[$1.0] = $1.1 }
      }
      #expect(results.values.sorted() == [-EEXIST, 0])
      let kept = try #require(bytes(of: "\(round).jpg"))
      let winner = try #require(results.first { $0.value == 0 }?.key)
      #expect(kept == [UInt8](repeating: winner, count: size))
    }
    let left = try FileManager.default.contentsOfDirectory(atPath: folder)
    #expect(left.allSatisfy { !$0.hasPrefix(".") })
  }
}
