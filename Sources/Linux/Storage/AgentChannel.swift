import Appliance
import Archive
import CLinux
import Wire

/// The worker's end of its channel to the agent.
struct AgentChannel {
  static let descriptor: Int32 = 3
  /// How long a full queue is waited for. The agent takes messages in each of its turns: one that
  /// does not for so long misses what is told.
  private static let patienceMs: Int32 = 1000

  func tell(_ reply: StorageReply, _ body: (inout ByteWriter) -> Void = { _ in }) {
    withUnsafeTemporaryAllocation(byteCount: 32 * 1024, alignment: 8) { message in
      var writer = ByteWriter(message)
      writer.write(reply.rawValue)
      body(&writer)
      send(writer.written, passing: -1)
    }
  }

  /// Answers a job that has nothing to say but how it went.
  func answer(_ job: UInt32, _ status: Status) {
    reply(JobReply(id: job, status: status), passing: -1)
  }

  /// Answers a job.
  func answer(_ job: UInt32, _ bytes: UnsafeRawBufferPointer) {
    guard bytes.count > 0 else {
      answer(job, .ok)
      return
    }
    let memory = lx_memory_of(bytes.baseAddress!, bytes.count)
    guard memory >= 0 else {
      answer(job, .internalError)
      return
    }
    reply(JobReply(id: job, status: .ok, bytes: UInt32(bytes.count)), passing: memory)
    lx_close(memory)
  }

  private func reply(_ reply: JobReply, passing memory: Int32) {
    withUnsafeTemporaryAllocation(byteCount: 1 + JobReply.size, alignment: 8) { message in
      var writer = ByteWriter(message)
      writer.write(StorageReply.job.rawValue)
      reply.encode(into: &writer)
      send(writer.written, passing: memory)
    }
  }

  private func send(_ message: UnsafeRawBufferPointer, passing memory: Int32) {
    let sent = { lx_send_message(Self.descriptor, message.baseAddress!, message.count, memory) }
    guard sent() == -Int64(LX_EAGAIN.rawValue) else { return }
    if lx_wait_writable(Self.descriptor, Self.patienceMs) > 0 { _ = sent() }
  }
}
