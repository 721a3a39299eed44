import EmulatedBoard
import Foundation
import Testing

extension OnTheBoard {
  /// Power cuts that lose what the card had in a volatile write cache.
  @Suite(.serialized) struct LostWritesTests {
    private static var configuration: BoardConfiguration {
      var configuration = BoardConfiguration.losingWrites
      configuration.debugShell = true
      return configuration
    }

    /// What is synced stays; of what is written without a flush, something is gone.
    @Test(.timeLimit(.minutes(5)))
    func syncedFileIsWholeAndTheRestMayBeLost() async throws {
      try await Bench.withBoard(Self.configuration) { board in
        let cache = try await board.shell("grep -q 'write back' /sys/block/vda/queue/write_cache")
        #expect(cache.status == 0, "without a write cache, the kernel does not flush")
        var isLost = false
        // A flush of somebody else's may come between the last write and the cut, hence the rounds.
        for (seed, mark) in zip(UInt64(1)..., "ABCDE") where !isLost {
          try await dataIsWritten(board)
          let sum = try await writeAndSync(board)
          #expect(try await board.shell(Self.writeLoose(mark)).status == 0)
          let lost = try await board.powerCut(losing: seed)
          #expect(lost.flushes > 0 && lost.flushed > 0)
          try await comeBack(board)
          #expect(try await sumAfterwards(board) == sum, "what was synced is lost")
          let found = try await board.shell(Self.countLoose(mark)).output
          print("measured | power cut: \(lost); \(found) of \(Self.looseBlocks) loose blocks found")
          let count = try #require(found.firstMatch(of: /\d+/).flatMap { Int($0.0) })
          isLost = lost.dropped + lost.torn > 0 && count < Self.looseBlocks
        }
        #expect(isLost, "nothing that was written without a flush was lost")
      }
    }

    private static let looseBlocks = 64
    /// Block of 4 KiB in the gap before the first partition.
    private static let looseFrom = 160

    /// Has the kernel write what is dirty after a tenth of a second.
    private static let hurried =
      "(cd /proc/sys/vm; echo 10 >dirty_expire_centisecs; echo 10 >dirty_writeback_centisecs)"

    /// Writes blocks beside all file systems, which the kernel writes to the card without a flush.
    private static func writeLoose(_ mark: Character) -> String {
      "\(hurried); n=0; while [ $n -lt \(looseBlocks) ]; do printf \(mark) | dd of=/dev/vda bs=4k "
        + "seek=$((\(looseFrom)+n)) conv=notrunc 2>/dev/null || break; n=$((n+1)); done; "
        + "sleep 0.5; [ $n -eq \(looseBlocks) ]"
    }

    private static func countLoose(_ mark: Character) -> String {
      "dd if=/dev/vda bs=4k skip=\(looseFrom) count=\(looseBlocks) 2>/dev/null "
        + "| tr -cd \(mark) | wc -c"
    }

    /// The bench itself: a board that does not flush is found out.
    @Test(.timeLimit(.minutes(4)))
    func withoutFlushesASyncedFileIsLost() async throws {
      try await Bench.withBoard(Self.configuration) { board in
        try await dataIsWritten(board)
        #expect(try await board.shell("sync; mount -o remount,nobarrier /data").status == 0)
        let sum = try await writeAndSync(board)
        // Of the writes that may be lost, this seed keeps one in forty.
        let lost = try await board.powerCut(losing: 21)
        print("measured | power cut without barriers: \(lost)")
        #expect(lost.dropped > 0)
        try await board.powerOn()
        #expect(try await sumAfterwards(board) != sum)
      }
    }

    /// The card is cut off in the middle of writing, from several programs: each file that one of
    /// them had called complete is there.
    @Test(.timeLimit(.minutes(6)))
    func filesCalledCompleteOutliveCutsInTheMiddleOfWriting() async throws {
      let seed = UInt64.random(in: 0...UInt64.max)
      try await Bench.withBoard(Self.configuration) { board in
        for cut in 0..<3 {
          try await dataIsWritten(board)
          let from = board.console.count
          _ = try await board.shell(Self.writers(life: cut))
          try await Task.sleep(for: .milliseconds(.random(in: 1500...4000)))
          let lost = try await board.powerCut(losing: seed &+ UInt64(cut))
          let complete = board.console.entries(from: from).compactMap { entry in
            entry.value.firstMatch(of: /complete (\S+) ([0-9a-f]{32})/).map { ($0.1, $0.2) }
          }
          print("measured | \(complete.count) files complete; power cut: \(lost)")
          #expect(complete.count > 3)
          try await comeBack(board)
          let list = try await board.shell("cd /data && md5sum file-\(cut)-*").output
          for (file, sum) in complete {
            #expect(list.contains("\(sum)  \(file)"), "\(file) is not what it was")
          }
        }
      }
    }

    /// Three programs, each of which writes files, reaches a flush and says so, and one that does
    /// not flush, but whose data the kernel writes after a tenth of a second.
    private static func writers(life: Int) -> String {
      """
      \(hurried); cd /data; (while :; do dd if=/dev/urandom of=loose bs=64k count=4 2>/dev/null; \
      sleep 0.1; done) & \
      for w in 1 2 3; do (n=0; while [ $n -lt 60 ]; do n=$((n+1)); f=file-\(life)-$w-$n; \
      dd if=/dev/urandom of=$f bs=16k count=4 conv=fsync 2>/dev/null; \
      echo "complete $f $(md5sum <$f)"; done) & done; cd /
      """
    }

    private func writeAndSync(_ board: EmulatedBoard) async throws -> String {
      let written = try await board.shell(
        "dd if=/dev/urandom of=/data/synced bs=64k count=32 2>/dev/null && sync "
          + "&& md5sum /data/synced")
      return String(try #require(written.output.firstMatch(of: /[0-9a-f]{32}/)).0)
    }

    /// Checksum of the synced file; nil when it is not there.
    private func sumAfterwards(_ board: EmulatedBoard) async throws -> String? {
      try await dataIsWritten(board)
      let output = try await board.shell("md5sum /data/synced").output
      return output.firstMatch(of: /[0-9a-f]{32}/).map { String($0.0) }
    }

    /// Powers the board on and waits for its data, which e2fsck must have found sound.
    private func comeBack(_ board: EmulatedBoard) async throws {
      let cut = board.console.count
      try await board.powerOn()
      try await board.waitForLine(containing: Bench.readyLine, from: cut)
      try await dataIsWritten(board)
      #expect(!board.console.entries(from: cut).contains { $0.value.contains("not sound") })
    }

    /// Waits until the data partition is mounted for writing, which it is only after its check.
    private func dataIsWritten(_ board: EmulatedBoard) async throws {
      let wait =
        "n=0; until grep -q ' /data ext4 rw' /proc/mounts; do n=$((n+1)); [ $n -lt 200 ] || break; "
        + "sleep 0.1; done; [ $n -lt 200 ]"
      #expect(try await board.shell(wait).status == 0, "the data partition is not writable")
    }
  }
}
