import Testing
import Wire

@testable import LoadGenerator

/// What a broadcast load takes for the message that was published.
@Suite struct BroadcastTests {
  private let message = (0..<40_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }

  /// The frames of a message, as a device sends them.
  private func frames(_ sequence: UInt64, _ message: [UInt8]) -> [UInt8] {
    var all: [UInt8] = []
    for offset in stride(from: 0, to: message.count, by: MessagePart.capacity) {
      var part = MessagePart()
      part.sequence = sequence
      part.total = UInt32(message.count)
      part.offset = UInt32(offset)
      part.count = UInt32(min(MessagePart.capacity, message.count - offset))
      var frame = [UInt8](repeating: 0, count: Limits.frameSize)
      let size = frame.withUnsafeMutableBytes {
        var writer = FrameWriter($0)
        part.encode(into: &writer.payload)
        message[offset..<offset + Int(part.count)].withUnsafeBytes { writer.payload.write($0) }
        return writer.seal(Header(kind: Kind.message.rawValue, requestID: 0))
      }
      all += frame[..<size]
    }
    return all
  }

  /// Feeds pieces to two subscribers in turn; where the first wrong one was, nil: nowhere.
  private func firstWrong(
    _ stream: inout DeliveryStream, _ bytes: [UInt8], second: [UInt8]? = nil, pieces: Int = 1000
  ) -> Int? {
    for start in stride(from: 0, to: bytes.count, by: pieces) {
      let end = min(start + pieces, bytes.count)
      for copy in [bytes, second ?? bytes] {
        let isRight = copy.withUnsafeBytes {
          stream.take($0.baseAddress! + start, end - start, at: start)
        }
        guard isRight else { return start }
      }
    }
    return nil
  }

  @Test func publicationAndDeliveryHaveTheirSizes() {
    for count in [1, 64, MessagePart.capacity, MessagePart.capacity + 1, 40_000] {
      let message = Array(self.message[..<count])
      #expect(BroadcastDialect.watchpost.deliverySize(count) == frames(1, message).count)
      #expect(
        BroadcastDialect.mqtt.publication(of: message).count
          == BroadcastDialect.mqtt.deliverySize(count))
    }
    // MQTT 3.1.1, table 2.4: the sizes at which the length takes another byte.
    for (count, size) in [(124, 129), (125, 131), (16_380, 16_386), (16_381, 16_388)] {
      #expect(BroadcastDialect.mqtt.deliverySize(count) == size)
    }
  }

  @Test(arguments: [1, 37, 1000, 16_384, 100_000]) func soundFramesAreTaken(pieces: Int) {
    var stream = DeliveryStream(.watchpost, bytes: message.count)
    for sequence in [9, 10, 11] as [UInt64] {
      stream.expect(message, publication: [])
      #expect(firstWrong(&stream, frames(sequence, message), pieces: pieces) == nil)
      #expect(stream.sequence == sequence)
    }
  }

  /// Where the first wrong piece of a first message is.
  private func firstWrong(_ bytes: [UInt8], second: [UInt8]? = nil) -> Int? {
    var stream = DeliveryStream(.watchpost, bytes: message.count)
    stream.expect(message, publication: [])
    return firstWrong(&stream, bytes, second: second)
  }

  @Test func whateverElseComesIsWrong() throws {
    let sound = frames(5, message)
    #expect(firstWrong(sound) == nil)
    for place in [0, 20, 31, 36, 40, 1000, 16_384, 20_000, sound.count - 1] {
      var damaged = sound
      damaged[place] ^= 1
      // Of the one that is ahead, and of one that comes behind.
      #expect(firstWrong(damaged) != nil, "byte \(place)")
      #expect(firstWrong(sound, second: damaged) == place / 1000 * 1000)
    }
    #expect(firstWrong(frames(5, message.reversed())) != nil)
    #expect(firstWrong(sound + [0]) != nil)
    // A number that does not follow: one was lost, or came again.
    for number in [5, 7] as [UInt64] {
      var stream = DeliveryStream(.watchpost, bytes: message.count)
      stream.expect(message, publication: [])
      #expect(firstWrong(&stream, sound) == nil)
      stream.expect(message, publication: [])
      #expect(firstWrong(&stream, frames(number, message)) != nil)
    }
  }

  @Test func publicationsAreWholeFramesInOrder() {
    var rest = BroadcastDialect.watchpost.publication(of: message)[...]
    var offset = 0
    while !rest.isEmpty {
      let size = rest.withUnsafeBytes { bytes in
        guard case .frame(let header, let payload, let size) = Header.next(in: bytes),
          header.kind == Kind.publish.rawValue,
          let (part, content) = try? PublishPart.open(payload),
          Int(part.offset) == offset,
          content.elementsEqual(message[offset...].prefix(content.count))
        else { return 0 }
        offset += content.count
        return size
      }
      #expect(size > 0)
      guard size > 0 else { return }
      rest = rest.dropFirst(size)
    }
    #expect(offset == message.count)
  }

  @Test func nobodyListens() throws {
    var load = try BroadcastLoad(.watchpost, to: Endpoint(port: 1), subscribers: 2, bytes: 10)
    #expect(try load.connect() == 3)
    #expect(try load.run(seconds: 0.01).failures.connect == 1)
  }
}
