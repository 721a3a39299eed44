import Testing
import Wire

@testable import LoadGenerator

/// What a broadcast load takes for the message that was published.
@Suite struct BroadcastTests {
  private let message = (0..<40_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }

  private func frames(_ sequence: UInt64, _ message: [UInt8]) -> [UInt8] {
    LoopbackBroadcaster.frames(sequence, message)
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

  /// Publishes to five subscribers for a moment.
  private func result(
    of conduct: LoopbackBroadcaster.Conduct, bytes: Int, seconds: Double = 0.1
  ) throws -> LoadResult {
    let server = try LoopbackBroadcaster(conduct)
    var load = try BroadcastLoad(.watchpost, to: server.endpoint, subscribers: 5, bytes: bytes)
    #expect(try load.connect() == 0)
    return try load.run(seconds: seconds)
  }

  @Test(arguments: [1, 64, 100_000, 1_380_000]) func everybodyGetsEverything(bytes: Int) throws {
    let result = try result(of: .delivers, bytes: bytes)
    #expect(result.failures == Failures())
    #expect(result.latency.count >= 1)
    #expect(result.answers == 5 * Int(result.latency.count))
    #expect(result.latency.max <= UInt64(result.seconds * 1e9))
  }

  @Test func everyKindOfFailureIsCounted() throws {
    // One message each. Whoever got something wrong or was closed is lost, the others go on.
    let damaged = try result(of: .damages, bytes: 40_000, seconds: 0)
    #expect(damaged.failures.wrong == 1)
    #expect(damaged.failures.total == 1)
    #expect(damaged.answers == 4)
    let closed = try result(of: .closes, bytes: 64, seconds: 0)
    #expect(closed.failures.closed == 1)
    #expect(closed.failures.total == 1)
    #expect(closed.answers == 4)
    let forgotten = try result(of: .forgets, bytes: 64, seconds: 0)
    #expect(forgotten.failures.unanswered == 1)
    #expect(forgotten.failures.total == 1)
    let refused = try result(of: .refuses, bytes: 64, seconds: 0)
    #expect(refused.answers == 0)
    #expect(refused.failures.unanswered == 5)
  }

  @Test func nobodyListens() throws {
    var load = try BroadcastLoad(.watchpost, to: Endpoint(port: 1), subscribers: 2, bytes: 10)
    #expect(try load.connect() == 3)
    #expect(try load.run(seconds: 0.01).failures.connect == 1)
  }
}
