import Testing
import Wire

@testable import EventLoop

@Suite struct LogRingTests {
  @Test func cursorsFollowTheText() {
    var log = TestLog(size: 64)
    log.append("one\ntwo\n")
    var (text, cursor) = log.read(from: 0)
    #expect(text == "one\ntwo\n")
    log.append("three\n")
    (text, cursor) = log.read(from: cursor)
    #expect(text == "three\n")
    #expect(log.read(from: cursor).text == "")
  }

  @Test func oldTextIsOverwrittenByWholeLines() {
    var log = TestLog(size: 64)
    for number in 10..<40 { log.append("line \(number)\n") }
    let (text, cursor) = log.read(from: 1)
    #expect(text.hasPrefix("line "))
    #expect(text.hasSuffix("line 39\n"))
    #expect(cursor == log.ring.end)
    // A cursor of the future, as from an earlier life, is answered from the oldest text on.
    #expect(log.read(from: 1_000_000).text == text)
  }

  @Test func boundedReadingsEndWithALine() {
    var log = TestLog(size: 64)
    log.append("first line\nsecond line\n")
    let (text, cursor) = log.read(from: 0, bound: 15)
    #expect(text == "first line\n")
    #expect(log.read(from: cursor, bound: 15).text == "second line\n")
  }

  @Test func controlBytesBecomeSpacesAndLongLinesAreBroken() {
    var log = TestLog(size: 8192)
    log.append("a\u{1B}[31mb\n")
    #expect(log.read(from: 0).text == "a [31mb\n")
    log.append(String(repeating: "x", count: 3000) + "\n")
    #expect(log.ring.lines == 4)
  }

  @Test func theLastLineIsTheLastComplete() {
    var log = TestLog(size: 64)
    #expect(log.ring.lastLine(Text<40>.self).isEmpty)
    log.append("ERR: port in use\nunfin")
    #expect(log.ring.lastLine(Text<40>.self) == "ERR: port in use")
  }
}

private struct TestLog: ~Copyable {
  var ring: LogRing
  private let memory: UnsafeMutableBufferPointer<UInt8>

  init(size: Int) {
    memory = .allocate(capacity: size)
    memory.initialize(repeating: 0)
    ring = LogRing(memory)
  }

  deinit { memory.deallocate() }

  mutating func append(_ text: String) {
    Array(text.utf8).withUnsafeBytes { ring.append($0) }
  }

  func read(from cursor: UInt64, bound: Int = 8192) -> (text: String, cursor: UInt64) {
    let range = ring.range(from: cursor, bound: bound)
    var bytes = [UInt8](repeating: 0, count: range.count)
    bytes.withUnsafeMutableBytes {
      var writer = ByteWriter($0)
      ring.write(range, into: &writer)
    }
    return (String(decoding: bytes, as: UTF8.self), range.upperBound)
  }
}
