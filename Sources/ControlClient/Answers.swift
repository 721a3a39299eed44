import Wire

// How answers become values. Each function throws `ControlError`.

extension ControlConnection {
  func ask<Reply: Payload>(_ kind: Kind) async throws -> Reply {
    let payload = try await call(kind)
    return try decode(kind, payload) { try Reply.decode($0) }
  }

  func ask<Body: Payload, Reply: Payload>(
    _ kind: Kind, _ body: Body, atLeast least: Duration = .zero
  ) async throws -> Reply {
    let payload = try await call(kind, sending: body, atLeast: least)
    return try decode(kind, payload) { try Reply.decode($0) }
  }

  func list<Head: ListHead, Body: Payload>(
    _ kind: Kind, _: Head.Type, sending body: Body = Empty(), atLeast least: Duration = .zero
  ) async throws -> (Head, [Head.Entry]) {
    let payload = try await call(kind, sending: body, atLeast: least)
    return try decode(kind, payload) { bytes in
      var (head, reader) = try Head.open(bytes)
      var entries: [Head.Entry] = []
      for _ in 0..<head.count { entries.append(try Head.Entry(from: &reader)) }
      return (head, entries)
    }
  }

  func decode<Value>(
    _ kind: Kind, _ payload: [UInt8], _ body: (UnsafeRawBufferPointer) throws -> Value
  ) throws -> Value {
    do {
      return try payload.withUnsafeBytes(body)
    } catch {
      throw ControlError.malformedAnswer(kind)
    }
  }
}
