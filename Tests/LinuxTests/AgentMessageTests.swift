import Appliance
import Testing
import Wire

@testable import Linux

@Suite struct AgentMessageTests {
  private func written(_ message: AgentMessage) -> [UInt8] {
    var bytes = [UInt8](repeating: 0xFF, count: AgentMessage.size)
    bytes.withUnsafeMutableBytes {
      var writer = ByteWriter($0)
      message.write(to: &writer)
      #expect(writer.count == AgentMessage.size)
    }
    return bytes
  }

  @Test func messagesAreTheseBytes() {
    #expect(
      written(.clockTrusted(unixMs: 0x0102_0304_0506))
        == [0x57, 0x50, 0x41, 0x31, 1, 0, 0, 0, 6, 5, 4, 3, 2, 1, 0, 0])
    #expect(
      written(.storage(.readOnly))
        == [0x57, 0x50, 0x41, 0x31, 2, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
  }

  @Test func everyMessageComesBack() {
    let messages: [AgentMessage] = [
      .clockTrusted(unixMs: .max), .storage(.unknown), .storage(.missing), .storage(.writable),
    ]
    for message in messages {
      #expect(written(message).withUnsafeBytes { AgentMessage($0) } == message)
    }
  }

  @Test func anythingElseIsNoMessage() {
    let bytes = written(.storage(.writable))
    for length in 0..<bytes.count {
      #expect(bytes[..<length].withUnsafeBytes { AgentMessage($0) } == nil)
    }
    for index in 0..<8 {
      var wrong = bytes
      wrong[index] ^= 0x80
      #expect(wrong.withUnsafeBytes { AgentMessage($0) } == nil)
    }
  }
}
