import ControlClient
import EmulatedBoard
import Foundation
import StandInDriver
import Testing
import Wire

/// A kind of camera that streams without being transcoded.
enum StreamingKind: String, CaseIterable, CustomStringConvertible {
  case motionJPEG = "M-JPEG"
  case h264 = "H.264"

  var description: String { rawValue }

  func model(serial: String = "A1B2C3D4") -> CameraModel {
    CameraModel(
      serial: serial, formats: self == .h264 ? [.defaultMJPEG, .defaultH264] : [.defaultMJPEG])
  }

  func sources(_ footage: Footage) throws -> [VideoCodec: any FrameSource] {
    switch self {
    case .motionJPEG: [.mjpeg: try footage.pictures()]
    case .h264: [.h264: try footage.h264()]
    }
  }
}

extension Technician {
  /// Waits until a camera's bytes arrive at MediaMTX; those of a publisher that came after `start`,
  /// where that is given.
  @discardableResult
  func streaming(
    _ name: Name, within limit: Duration = .seconds(20),
    publisherSince start: ContinuousClock.Instant? = nil
  ) async throws -> StreamEntry {
    let deadline = ContinuousClock.now + limit
    var last: StreamEntry?
    while true {
      let streams = try await connection.streams().streams
      last = streams.first { $0.name == name }
      if let last, last.state.known == .flowing, last.ready {
        guard let start else { return last }
        let age = (ContinuousClock.now - start).milliseconds
        if Double(last.readyForMs) < age { return last }
      }
      guard ContinuousClock.now < deadline else {
        let camera = try await connection.camera(name)
        let reason = camera.reason.known.map { "\($0)" } ?? "?"
        throw BoardError(
          "\(name.string) does not stream within \(limit): stream \(last?.state.name ?? "none"), "
            + "\(last?.inboundBytes ?? 0) bytes, camera \(camera.state.name), reason \(reason)")
      }
      try await Task.sleep(for: .milliseconds(30))
    }
  }

  /// Waits until a camera satisfies `condition`.
  @discardableResult
  func camera(
    _ name: Name, _ what: String, within limit: Duration = .seconds(20),
    until condition: (CameraEntry) -> Bool
  ) async throws -> CameraEntry {
    try await poll(within: limit) {
      let camera = try await connection.camera(name)
      if condition(camera) { return .success(camera) }
      let reason = camera.reason.known.map { "\($0)" } ?? "?"
      return .failure(
        BoardError(
          "\(name.string) is not \(what) within \(limit): \(camera.state.name), reason \(reason)"))
    }
  }

  /// Why the device refuses `body`; nil if it does not.
  func refusal<Value>(_ body: () async throws -> Value) async throws -> Status? {
    do {
      _ = try await body()
      return nil
    } catch let error as ControlError {
      guard let status = error.status else { throw error }
      return status
    }
  }
}

extension EmulatedBoard {
  /// The address of a stream for readers on the host.
  func address(of name: Name) throws -> String {
    let port = try #require(hostPort(for: EmulatedBoard.rtspPort))
    return "rtsp://127.0.0.1:\(port)/\(name.string)"
  }

  /// Reads a stream with ffmpeg for some seconds; the pictures that it has decoded, none of them
  /// with an error.
  func watch(
    _ name: Name, seconds: Int, sourceLocation: SourceLocation = #_sourceLocation
  ) async throws -> Int {
    // The pictures' own times: at a constant rate, ffmpeg complains of two within one tick.
    let reader = try FFmpeg([
      "-rtsp_transport", "tcp", "-i", address(of: name), "-t", "\(seconds)", "-vsync",
      "passthrough", "-enc_time_base", "1:90000", "-f", "null", "-",
    ])
    let deadline = ContinuousClock.now + .seconds(seconds + 20)
    while reader.exit(within: .zero) == nil, ContinuousClock.now < deadline {
      try await Task.sleep(for: .milliseconds(50))
    }
    #expect(reader.exit(within: .zero) == 0, sourceLocation: sourceLocation)
    #expect(reader.complaints == "", sourceLocation: sourceLocation)
    return reader.frames
  }
}

extension EmulatedBoard {
  /// Process ids of all feeds.
  func feeds() async throws -> [Int] {
    try await shell("busybox ps w").output.split(separator: "\n").compactMap { line in
      // PID, user, program, role.
      let words = line.split(separator: " ")
      return words.count > 3 && words[3] == "feed" ? Int(words[0]) : nil
    }
  }
}

/// Somebody on the network who wants to see a stream, and tries again until pictures come.
struct Viewer: Sendable {
  private let port: UInt16
  private let name: String

  init(of name: Name, on board: EmulatedBoard) async throws {
    port = try #require(await board.hostPort(for: EmulatedBoard.rtspPort))
    self.name = name.string
  }

  /// When so many pictures have come in a row, over one connection.
  func pictures(_ count: Int, within limit: Duration) async throws -> ContinuousClock.Instant {
    try await withCheckedThrowingContinuation { continuation in
      // The client blocks: it gets a thread of its own.
      Thread.detachNewThread { continuation.resume(with: Result { try see(count, limit) }) }
    }
  }

  private func see(_ count: Int, _ limit: Duration) throws -> ContinuousClock.Instant {
    let deadline = ContinuousClock.now + limit
    while ContinuousClock.now < deadline {
      do { return try watch(count) } catch is LoopbackStream.Failure { usleep(20_000) }
    }
    throw BoardError("no \(count) pictures of \(name) within \(limit)")
  }

  private func watch(_ count: Int) throws -> ContinuousClock.Instant {
    let client = try RTSPClient(port: port)
    let url = "rtsp://127.0.0.1:\(port)/\(name)"
    let transport = ["Transport": "RTP/AVP/TCP;unicast;interleaved=0-1"]
    let steps = [
      try client.request("DESCRIBE", url).status,
      try client.request("SETUP", url + "/trackID=0", headers: transport).status,
      try client.request("PLAY", url).status,
    ]
    guard steps == [200, 200, 200] else { throw LoopbackStream.Failure.refused }
    var seen = 0
    while seen < count {
      let packet = try client.receive()
      // The marker ends a picture, in RFC 2435 as in RFC 6184.
      if packet.channel == 0, packet.bytes.count > 1, packet.bytes[1] & 0x80 != 0 { seen += 1 }
    }
    return .now
  }
}
