import Appliance
import CLinux
import Wire

// What the agent and a feed say to each other over a SOCK_SEQPACKET pair (descriptor 3 of the
// feed): whole messages in a queue that the kernel bounds. Both ends are the same program, so the
// layout is nobody else's business. The password travels here and nowhere else: not on a command
// line, not in an environment.

/// What a feed is told.
enum FeedMessage {
  /// First of all: what to capture; the file where the node stands for one.
  case order(FeedOrder, Configuration.PlaybackFile)
  /// MediaMTX answers: publish on this port of loopback.
  case publish(port: UInt16, path: Name, user: Text<16>, password: Text<32>)
  /// There is no MediaMTX.
  case silence

  static let size = 256

  private enum Kind: UInt8 {
    case order = 1
    case publish = 2
    case silence = 3
  }

  func encode(into writer: inout ByteWriter) {
    switch self {
    case .order(let order, let file):
      writer.write(Kind.order.rawValue)
      writer.write(order.camera)
      writer.write(order.node)
      order.mode.encode(into: &writer)
      writer.write(file.path)
      writer.write(file.rate)
    case .publish(let port, let path, let user, let password):
      writer.write(Kind.publish.rawValue)
      writer.write(port)
      writer.write(path)
      writer.write(user)
      writer.write(password)
    case .silence: writer.write(Kind.silence.rawValue)
    }
  }

  init?(decoding bytes: UnsafeRawBufferPointer) {
    guard bytes.count > 0 else { return nil }
    var reader = ByteReader(bytes)
    switch Kind(rawValue: reader.read(UInt8.self)) {
    case .order:
      guard reader.remaining == 32 + 16 + CaptureMode.encodedSize + 96 + 4 else { return nil }
      let order = FeedOrder(
        camera: reader.read(), node: reader.read(), mode: CaptureMode(from: &reader))
      var file = Configuration.PlaybackFile()
      file.path = reader.read()
      file.rate = reader.read()
      self = .order(order, file)
    case .publish:
      guard reader.remaining == 2 + 32 + 16 + 32 else { return nil }
      self = .publish(
        port: reader.read(), path: reader.read(), user: reader.read(), password: reader.read())
    case .silence: self = .silence
    case nil: return nil
    }
  }

  /// False when the other end's queue is full, or it is gone.
  func send(over channel: Int32) -> Bool {
    withUnsafeTemporaryAllocation(byteCount: FeedMessage.size, alignment: 8) { memory in
      var writer = ByteWriter(memory)
      encode(into: &writer)
      let sent = lx_send(channel, memory.baseAddress!, writer.count)
      lx_wipe(memory.baseAddress!, memory.count)
      return sent == Int64(writer.count)
    }
  }
}

extension CaptureMode {
  static let encodedSize = 16

  func encode(into writer: inout ByteWriter) {
    writer.write(format)
    writer.write(width)
    writer.write(height)
    writer.write(intervalNumerator)
    writer.write(intervalDenominator)
  }

  init(from reader: inout ByteReader) {
    self.init()
    format = reader.read()
    width = reader.read()
    height = reader.read()
    intervalNumerator = reader.read()
    intervalDenominator = reader.read()
  }
}

extension FeedReport {
  static let encodedSize = 6 + 2 + 4 + 4 + 16 + CaptureMode.encodedSize + 4 * 8 + 3 * 4

  func encode(into writer: inout ByteWriter) {
    writer.write(stage.rawValue)
    writer.write(failure.rawValue)
    writer.write(delivery.rawValue)
    writer.write(deliveryReason.rawValue)
    writer.write(publish.rawValue)
    writer.write(hasPicture)
    writer.write(publishStatus)
    writer.write(errno)
    writer.write(holder)
    writer.write(holderName)
    granted.encode(into: &writer)
    writer.write(frames)
    writer.write(published)
    writer.write(self.bytes)
    writer.write(damaged)
    writer.write(reopens)
    writer.write(measuredRateMilli)
    writer.write(residentKiB)
  }

  /// The report in `bytes`, nil unless they are one: a feed is another process, which a driver may
  /// have corrupted.
  init?(decoding bytes: UnsafeRawBufferPointer) {
    self.init()
    guard bytes.count == FeedReport.encodedSize else { return nil }
    var reader = ByteReader(bytes)
    guard let stage = FeedStage(rawValue: reader.read()),
      let failure = FeedFailure(rawValue: reader.read()),
      let delivery = Delivery(rawValue: reader.read()),
      let deliveryReason = DeliveryReason(rawValue: reader.read()),
      let publish = PublishStage(rawValue: reader.read())
    else { return nil }
    self.stage = stage
    self.failure = failure
    self.delivery = delivery
    self.deliveryReason = deliveryReason
    self.publish = publish
    hasPicture = reader.read(UInt8.self) != 0
    publishStatus = reader.read()
    errno = reader.read()
    holder = reader.read()
    holderName = reader.read()
    granted = CaptureMode(from: &reader)
    frames = reader.read()
    published = reader.read()
    self.bytes = reader.read()
    damaged = reader.read()
    reopens = reader.read()
    measuredRateMilli = reader.read()
    residentKiB = reader.read()
  }

  /// False when the agent does not read.
  func send(over channel: Int32) -> Bool {
    withUnsafeTemporaryAllocation(byteCount: FeedReport.encodedSize, alignment: 8) { memory in
      var writer = ByteWriter(memory)
      encode(into: &writer)
      return lx_send(channel, memory.baseAddress!, writer.count) == Int64(writer.count)
    }
  }
}
