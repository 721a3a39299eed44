import Foundation
import Synchronization

/// Why a camera left the bus.
public enum CameraEnd: Error, Equatable, Sendable, CustomStringConvertible {
  /// It was pulled.
  case unplugged
  /// The board at the other end of the socket ended, or does not speak usb-redir.
  case boardEnded
  /// The board sent something that is no USB redirection.
  case protocolError(USBRedir.DecodeError)
  /// The socket failed.
  case socket(code: Int32)

  public var description: String {
    switch self {
    case .unplugged: "unplugged"
    case .boardEnded: "the emulated board has ended"
    case .protocolError(let error): "the board does not speak usb-redir: \(error)"
    case .socket(let code): "the socket failed: \(String(cString: strerror(code)))"
    }
  }
}

/// A USB camera in a socket of an emulated board. It runs from `plug` until `unplug`, and is gone
/// from the bus when the process ends, in whatever way.
///
/// One thread does everything: it answers control requests at once, and bulk requests when the
/// frame that they ask for is due.
public final class USBCamera: Sendable {
  /// What the host of the bus has done with the camera.
  public enum Event: Equatable, Sendable {
    /// The board has accepted the connection: the plug is in.
    case attached
    case configured
    case streaming(StreamSelection)
    /// The host ended a stream.
    case idle
    /// The camera's fault has set in.
    case faulty
    case ended(CameraEnd)
  }

  public let model: CameraModel
  public let events = Journal<Event>()
  private let socket: StreamSocket
  private let pulled = Mutex(false)

  /// Plugs a camera into the socket of a board's USB port.
  /// - Parameter sources: pictures per codec; a codec without one shows the test pattern.
  public static func plug(
    _ model: CameraModel, into path: String, sources: [VideoCodec: any FrameSource] = [:]
  ) throws -> USBCamera {
    for format in model.formats where format.codec == .h264 {
      precondition(sources[.h264] != nil, "the test pattern has no H.264 form: give a source")
    }
    let camera = USBCamera(model: model, socket: try StreamSocket.connect(toUnixSocket: path))
    let thread = Thread {
      var session = CameraSession(model: model, sources: sources)
      let end = camera.run(&session)
      camera.events.append(.ended(end))
      camera.events.end()
    }
    thread.name = "usb camera"
    thread.start()
    return camera
  }

  private init(model: CameraModel, socket: StreamSocket) {
    (self.model, self.socket) = (model, socket)
  }

  deinit { socket.shut() }

  /// Pulls the plug and returns when the camera has ended.
  public func unplug() async {
    pulled.withLock { $0 = true }
    socket.shut()
    _ = await ended()
  }

  /// Waits for the camera's end.
  public func ended() async -> CameraEnd {
    let entry = try? await events.first("end of the camera", within: .seconds(86400 * 365)) {
      if case .ended = $0 { true } else { false }
    }
    if case .ended(let end) = entry?.value { return end }
    return .unplugged
  }

  private func run(_ session: inout CameraSession) -> CameraEnd {
    do {
      try socket.send(session.greeting())
      while true {
        if try waitForInput(until: session.deadline) {
          let bytes = socket.receive()
          if bytes.isEmpty { return pulled.withLock { $0 } ? .unplugged : .boardEnded }
          try session.receive(bytes, now: .now)
        }
        try session.advance(now: .now)
        let output = session.takeOutput()
        if !output.isEmpty { try socket.send(output) }
        for event in session.takeEvents() { events.append(event) }
      }
    } catch let error as USBRedir.DecodeError {
      return .protocolError(error)
    } catch {
      let code = (error as? SystemCallError)?.code ?? EIO
      if pulled.withLock({ $0 }) { return .unplugged }
      return code == EPIPE || code == ECONNRESET ? .boardEnded : .socket(code: code)
    }
  }

  /// - Returns: true when there is something to read, false when the deadline has come.
  private func waitForInput(until deadline: ContinuousClock.Instant?) throws -> Bool {
    var milliseconds: Int32 = -1
    if let deadline {
      let left = ContinuousClock.now.duration(to: deadline)
      // Rounded up: waking early would only mean to sleep again.
      milliseconds = Int32(max(0, min(1000, (left / .milliseconds(1)).rounded(.up))))
    }
    var request = pollfd(fd: socket.descriptor, events: Int16(POLLIN), revents: 0)
    let count = poll(&request, 1, milliseconds)
    if count < 0, errno != EINTR { throw SystemCallError("cannot wait for the socket") }
    return count > 0
  }
}
