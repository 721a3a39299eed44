import ArgumentParser
import ControlClient
import Foundation
import Wire

struct TopCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "top", abstract: "Shows a device live, on the whole screen.",
    discussion: """
      Asks once a second, shows events as they come, redraws what has changed, and connects again \
      when it is cut. `q` or Ctrl-C ends it. Where there is no terminal it prints one frame.
      """)

  @OptionGroup var options: GlobalOptions

  func validate() throws {
    guard !options.json else {
      throw ValidationError("`top` is for people; `status --json` and the others tell programs.")
    }
  }

  func run() async throws {
    let connection = try await options.connect()
    let state = try await connection.liveState()
    guard TerminalScreen.isThere else {
      await connection.close()
      let columns = ProcessInfo.processInfo.environment["COLUMNS"].flatMap { Int($0) }
      // Nobody's screen ends: all rows.
      let frame = LiveFrame(state: state).rows(columns: columns ?? LiveFrame.columns, rows: 1000)
      for row in frame { Console.line(row) }
      return
    }
    try await live(connection, state)
  }

  /// What the screen is drawn anew for.
  private enum Occasion: Sendable {
    case state(LiveState)
    case event(EventMessage)
    case trouble(String)
    case wish(TerminalScreen.Wish)
  }

  private func live(_ connection: ControlConnection, _ state: LiveState) async throws {
    let (occasions, occur) = AsyncStream.makeStream(of: Occasion.self)
    let screen = TerminalScreen { occur.yield(.wish($0)) }
    let poll = Task { [options] in await Self.poll(connection, options.duration, occur) }
    defer {
      poll.cancel()
      screen.leave()
    }
    var frame = LiveFrame(state: state)
    screen.show(frame.rows)
    for await occasion in occasions {
      switch occasion {
      case .state(let state): frame = LiveFrame(state: state, events: frame.events)
      case .event(let event):
        frame.events = (frame.events + [EventDocument(event).words]).suffix(200)
      case .trouble(let words): frame.trouble = words
      case .wish(.resize): break
      case .wish(.quit): return
      }
      screen.show(frame.rows)
    }
  }

  /// Asks once a second and passes events on, over as many connections as it takes.
  private static func poll(
    _ first: ControlConnection, _ timeout: Duration, _ occur: AsyncStream<Occasion>.Continuation
  ) async {
    var connection = first
    var pauses = Pauses()
    while !Task.isCancelled {
      do {
        try await follow(connection, occur) { pauses = Pauses() }
      } catch {
        occur.yield(.trouble("\(error)"))
      }
      await connection.close()
      repeat {
        try? await Task.sleep(for: pauses.next())
        guard !Task.isCancelled else { return }
        do {
          connection = try await connection.reopened(timeout: timeout)
          break
        } catch {
          occur.yield(.trouble("\(error)"))
        }
      } while true
    }
  }

  private static func follow(
    _ connection: ControlConnection, _ occur: AsyncStream<Occasion>.Continuation,
    _ answered: () -> Void
  ) async throws {
    // Strangers get no events, but may look at the health.
    _ = try await connection.optional { try await $0.subscribe(Topics.all - .messages) }
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        for await event in connection.events { occur.yield(.event(event)) }
        throw connection.endReason ?? ControlError.closed(connection.device)
      }
      defer { group.cancelAll() }
      while !Task.isCancelled {
        occur.yield(.state(try await connection.liveState()))
        answered()
        try await Task.sleep(for: .seconds(1))
      }
    }
  }
}

extension ControlConnection {
  /// Everything that the live view shows: the requests travel in one go.
  func liveState() async throws -> LiveState {
    async let health = health()
    async let info = optional { try await $0.serverInfo() }
    async let media = optional { try await $0.mediaServer() }
    async let cameras = optional { try await $0.cameras().cameras }
    async let recordings = optional { try await $0.recordings() }
    async let storage = optional { try await $0.storage() }
    async let alerts = optional { try await $0.alerts() }
    let status = try await StatusDocument(
      device: device, health: health, info: info, media: media)
    return try await LiveState(
      status: status, reasons: health.reasons.words,
      cameras: (cameras ?? []).map { CameraDocument($0) },
      recordings: recordings?.map { RecordingDocument($0) },
      storage: storage.map { StorageDocument($0) }, alerts: alerts?.map { AlertDocument($0) })
  }
}
