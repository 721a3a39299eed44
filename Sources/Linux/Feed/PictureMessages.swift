import Appliance
import CLinux
import Wire

// What the agent and the picture worker say to each other over a SOCK_SEQPACKET pair (descriptor 3
// of the worker). Memory travels as a descriptor beside a message.

/// Asks for the newest picture in a feed's memory.
struct PictureRequest {
  var id: UInt32
  /// The picture must not have been taken before, on the agent's clock.
  var notBeforeUs: UInt64
  /// There is no sense in waiting longer.
  var deadlineUs: UInt64

  static let size = 20

  func send(over channel: Int32, memory: Int32) -> Bool {
    withUnsafeTemporaryAllocation(byteCount: PictureRequest.size, alignment: 8) { message in
      var writer = ByteWriter(message)
      writer.write(id)
      writer.write(notBeforeUs)
      writer.write(deadlineUs)
      let sent = lx_send_message(channel, message.baseAddress!, message.count, memory)
      return sent == Int64(message.count)
    }
  }

  /// The next request with the feed's memory, which is the caller's from now on; `ended` becomes
  /// true when the agent is gone.
  static func receive(
    from channel: Int32, ended: inout Bool
  ) -> (request: PictureRequest, memory: Int32)? {
    withUnsafeTemporaryAllocation(byteCount: PictureRequest.size, alignment: 8) { message in
      var memory: Int32 = -1
      let count = lx_receive_message(channel, message.baseAddress!, message.count, &memory)
      if count == 0 { ended = true }
      guard count == Int64(PictureRequest.size), memory >= 0 else {
        if memory >= 0 { lx_close(memory) }
        return nil
      }
      var reader = ByteReader(UnsafeRawBufferPointer(message))
      let request = PictureRequest(
        id: reader.read(), notBeforeUs: reader.read(), deadlineUs: reader.read())
      return (request, memory)
    }
  }
}

/// What came of a request.
struct PictureReply {
  enum Outcome: UInt8 {
    /// The picture's memory comes with the message.
    case picture = 0
    /// None came in time.
    case late = 1
    /// What lies in the memory is no picture.
    case damaged = 2
    /// There is no memory for a copy.
    case noMemory = 3
  }

  var id: UInt32
  var outcome: Outcome
  /// Bytes of the picture.
  var size = 0
  var width: UInt16 = 0
  var height: UInt16 = 0
  var frame: UInt64 = 0
  var capturedUs: UInt64 = 0
  var completed = false

  init(id: UInt32, outcome: Outcome) {
    self.id = id
    self.outcome = outcome
  }

  static let messageSize = 30

  /// Sends it with the picture's memory, -1 where there is none.
  func send(over channel: Int32, memory: Int32 = -1) -> Bool {
    withUnsafeTemporaryAllocation(byteCount: PictureReply.messageSize, alignment: 8) { message in
      var writer = ByteWriter(message)
      writer.write(id)
      writer.write(outcome.rawValue)
      writer.write(completed)
      writer.write(UInt32(size))
      writer.write(width)
      writer.write(height)
      writer.write(frame)
      writer.write(capturedUs)
      let sent = lx_send_message(channel, message.baseAddress!, message.count, memory)
      return sent == Int64(message.count)
    }
  }

  /// The next reply with the memory that came with it, -1 or the caller's from now on.
  static func receive(from channel: Int32) -> (reply: PictureReply, memory: Int32)? {
    withUnsafeTemporaryAllocation(byteCount: messageSize, alignment: 8) { message in
      var memory: Int32 = -1
      let count = lx_receive_message(channel, message.baseAddress!, message.count, &memory)
      var reader = ByteReader(UnsafeRawBufferPointer(message))
      guard count == Int64(messageSize), case let id = reader.read(UInt32.self),
        let outcome = Outcome(rawValue: reader.read())
      else {
        if memory >= 0 { lx_close(memory) }
        return nil
      }
      var reply = PictureReply(id: id, outcome: outcome)
      reply.completed = reader.read(UInt8.self) != 0
      reply.size = Int(reader.read(UInt32.self))
      reply.width = reader.read()
      reply.height = reader.read()
      reply.frame = reader.read()
      reply.capturedUs = reader.read()
      return (reply, memory)
    }
  }
}
