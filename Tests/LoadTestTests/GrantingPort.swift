import ControlClient
import Foundation
import Glibc
import LoadGenerator
import Synchronization
import Wire

@testable import LoadTest

/// A device on loopback that knows nothing but keys, and gives them to everybody.
final class GrantingPort: Sendable {
  /// What a client is given.
  struct Grant {
    var name: String
    var role: Role
    var isForTests: Bool
    var slots: UInt16
  }

  private struct State {
    var names: [String]
    var given: [Grant] = []
    var removed: [String] = []
  }

  let address: DeviceAddress
  private let listener: Int32
  private let places: Int
  private let state: Mutex<State>

  /// With keys of these names, and room for so many.
  init(has names: [String] = [], places: Int = 64) throws {
    // It has bound the port, and its own descriptor goes with it.
    let place = try OracleListener(Endpoint(port: 0))
    listener = dup(place.descriptor)
    _ = fcntl(listener, F_SETFL, 0)
    address = DeviceAddress(host: "127.0.0.1", port: Int(place.endpoint.port))
    self.places = places
    state = Mutex(State(names: names))
    Thread.detachNewThread { [weak self, listener] in
      while true {
        let connection = accept(listener, nil, nil)
        guard connection >= 0 else { break }
        while let (header, payload) = GrantingPort.request(connection) {
          guard let answer = self?.answer(header, payload) else { break }
          _ = send(connection, answer, answer.count, Int32(MSG_NOSIGNAL))
        }
        close(connection)
      }
      close(listener)
    }
  }

  /// Ends the thread.
  deinit { shutdown(listener, Int32(SHUT_RDWR)) }

  var names: [String] { state.withLock { $0.names } }
  var given: [Grant] { state.withLock { $0.given } }
  var removed: [String] { state.withLock { $0.removed } }

  /// The next whole frame, which a client sends when it has the answer to the last.
  private static func request(_ connection: Int32) -> (Header, [UInt8])? {
    var bytes: [UInt8] = []
    while true {
      var buffer = [UInt8](repeating: 0, count: 4096)
      let count = recv(connection, &buffer, buffer.count, 0)
      guard count > 0 else { return nil }
      bytes += buffer[..<count]
      let whole: (Header, [UInt8])? = bytes.withUnsafeBytes {
        guard case .frame(let header, let payload, _) = Header.next(in: $0) else { return nil }
        return (header, Array(payload))
      }
      if let whole { return whole }
    }
  }

  private func answer(_ header: Header, _ payload: [UInt8]) -> [UInt8] {
    var reply = Header(
      flags: Header.replyFlag, kind: header.kind, requestID: header.requestID)
    var content: [UInt8]
    do {
      content = try self.content(for: Kind(rawValue: header.kind), payload)
    } catch {
      reply.status = ((error as? Status) ?? .malformed).rawValue
      content = [UInt8](repeating: 0, count: Refusal.size)
    }
    var bytes = [UInt8](repeating: 0, count: Limits.headerSize) + content
    bytes.withUnsafeMutableBytes { _ = reply.seal($0, payloadSize: content.count) }
    return bytes
  }

  private func content(for kind: Kind?, _ payload: [UInt8]) throws -> [UInt8] {
    switch kind {
    case .health: return encoded(HealthReport())
    case .keyList:
      return names.reduce(into: encoded(KeyListHead(count: UInt16(names.count)))) {
        var entry = KeyEntry()
        entry.name = Text(string: $1)
        $0 += encoded(entry)
      }
    case .keyAdd:
      guard names.count < places else { throw Status.busy }
      let wanted = try payload.withUnsafeBytes { try KeyRequest.decode($0) }
      let own = Grant(
        name: wanted.name.string, role: wanted.role, isForTests: wanted.flags == .loadTest,
        slots: wanted.slots)
      state.withLock {
        $0.given.append(own)
        $0.names.append(own.name)
      }
      var grant = KeyGrant()
      grant.secret = InlineArray(repeating: 5)
      return encoded(grant)
    case .keyRemove:
      let name = try payload.withUnsafeBytes { try KeyName.decode($0) }.name.string
      state.withLock { state in
        state.names.removeAll { $0 == name }
        state.removed.append(name)
      }
      return []
    default: throw Status.unknownOperation
    }
  }
}
