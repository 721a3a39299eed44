import Appliance
import CLinux
import Wire

/// The keeper's end of its channel to the agent.
struct KeeperChannel {
  static let descriptor: Int32 = 3
  /// How often is looked whether the agent still lives while its queue is full.
  private static let patienceMs: Int32 = 1000

  let memory: UnsafeMutableRawBufferPointer

  /// Tells one message. Waits while the queue is full: the agent waits for nothing of ours, and an
  /// answer that is lost would leave it without its keys.
  func tell(_ reply: KeeperReply, _ body: (inout ByteWriter) -> Void) {
    var writer = ByteWriter(memory)
    writer.write(reply.rawValue)
    writer.zero(KeeperMessage.replyHead - 1)
    body(&writer)
    let count = writer.count
    while lx_send(Self.descriptor, memory.baseAddress!, count) == -Int64(LX_EAGAIN.rawValue) {
      guard lx_wait_writable(Self.descriptor, Self.patienceMs) >= 0 else { break }
    }
    lx_wipe(memory.baseAddress!, count)
  }
}
