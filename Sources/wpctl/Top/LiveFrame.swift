import ControlClient
import Foundation

/// What the live view knows of a device.
struct LiveState: Sendable {
  var status: StatusDocument
  /// The reasons of its health in words.
  var reasons: [String]
  var cameras: [CameraDocument] = []
  /// nil, here and below: the device does not tell.
  var recordings: [RecordingDocument]?
  var storage: StorageDocument?
  var alerts: [AlertDocument]?
}

/// A frame of the live view: what stands in each row. Pure: the same state gives the same rows.
///
/// Nothing in it changes by itself but what a person has to know to the minute, so that a device
/// on which nothing happens costs no redrawing.
struct LiveFrame {
  struct Span: Equatable {
    var text: String
    var style: Console.Style = .plain

    init(_ text: String, _ style: Console.Style = .plain) {
      self.text = text.printable
      self.style = style
    }
  }
  typealias Row = [Span]

  let state: LiveState
  /// The last events, the newest last.
  var events: [String] = []
  /// Why nothing comes; nil: it does.
  var trouble: String?

  /// The smallest screen that shows all parts.
  static let columns = 80
  static let rows = 24
  /// Rows that events get where cameras would take all.
  private static let eventRows = 4

  /// At most `rows` rows of at most `columns` columns.
  func rows(columns: Int, rows: Int) -> [String] {
    let head = head(columns: columns)
    var frame = Array(head.prefix(rows))
    let room = rows - frame.count - 2
    if room >= 2, !state.cameras.isEmpty {
      let wanted = min(events.count, Self.eventRows)
      let reserve = wanted > 0 && room >= 2 + Self.eventRows + 2 ? wanted + 1 : 0
      frame.append([])
      frame += cameraRows(columns: columns, rows: room - reserve)
    }
    let left = rows - frame.count - 2
    if left >= 1, !events.isEmpty {
      frame.append([])
      frame += events.suffix(left).map { [Span($0, .dim)] }
    }
    return frame.map { Self.text(of: $0, columns: columns) }
  }

  /// The row as text, cut where the screen ends.
  private static func text(of row: Row, columns: Int) -> String {
    var left = columns
    var text = ""
    for span in row {
      let cut = span.text.clipped(to: left)
      left -= cut.columns
      text += Console.styled(cut, span.style)
    }
    return text
  }
}

// MARK: - The device

extension LiveFrame {
  private func head(columns: Int) -> [Row] {
    var rows = [title(columns: columns)]
    if let trouble { rows.append([Span(trouble, .red)]) }
    rows += facts("Health", [Span(state.status.state, healthStyle)], state.reasons)
    rows.append(fact("MediaMTX", media))
    rows.append(fact("Storage", storage))
    rows.append(fact("Slots", slots))
    if let alerts = state.alerts { rows.append(fact("Alerts", words(of: alerts))) }
    return rows
  }

  /// Who it is on the left, how long it runs on the right.
  private func title(columns: Int) -> Row {
    let status = state.status
    let name = Span("\(status.name) \(status.version) at \(status.device)", .bold)
    let clock = status.unixMs.map { "  \(spoken(unixMs: $0).dropLast(3)) UTC" } ?? ""
    let time = "up \(coarse(ms: status.uptimeMs))\(clock)"
    let gap = columns - name.text.columns - time.columns
    return gap < 2 ? [name] : [name, Span(String(repeating: " ", count: gap) + time, .dim)]
  }

  private func fact(_ title: String, _ spans: [Span]) -> Row {
    [Span(title + String(repeating: " ", count: 10 - title.count), .bold)] + spans
  }

  /// The first reason beside the state, the others below; at most four.
  private func facts(_ title: String, _ spans: [Span], _ reasons: [String]) -> [Row] {
    var shown = Array(reasons.prefix(4))
    if reasons.count > 4 { shown[3] = "and \(reasons.count - 3) more reasons" }
    let first = shown.first.map { [Span(": \($0)", .yellow)] } ?? []
    return [fact(title, spans + first)]
      + shown.dropFirst().map { fact("", [Span($0, .yellow)]) }
  }

  private var healthStyle: Console.Style {
    switch state.status.state {
    case "healthy": .green
    case "failed": .red
    default: .yellow
    }
  }

  private var media: [Span] {
    let media = state.status.mediaServer
    var rest = media.version.map { ", \($0)" } ?? ""
    if media.restarts > 0 { rest += ", \(media.restarts) restarts" }
    if let exit = media.lastExit { rest += ", last exit: \(exit)" }
    return [Span(media.state, media.state == "up" ? .green : .yellow), Span(rest)]
  }

  private var storage: [Span] {
    guard let storage = state.storage else {
      let status = state.status
      guard status.dataTotalBytes > 0 else { return [Span("none", .yellow)] }
      return [
        Span(
          "\(spoken(bytes: status.dataFreeBytes)) free of \(spoken(bytes: status.dataTotalBytes))")
      ]
    }
    guard storage.state == "writable" else { return [Span(storage.state, .red)] }
    let files = storage.recordings.files + storage.snapshots.files
    return [
      Span(storage.level, storage.style), Span(", \(storage.room), \(files) files"),
    ]
  }

  private var slots: [Span] {
    let (slots, status) = (state.status.slots, state.status)
    let refused = slots.refused > 0 ? ", \(slots.refused) refused" : ""
    // In tens: single percents come and go, and each would be a row to draw anew.
    let tens = (status.cpuPermille + 50) / 100 * 10
    let cpu = tens == 0 ? "hardly any" : "\(tens) %"
    return [
      Span(
        "\(slots.used) of \(slots.total) used\(refused); agent "
          + "\(cpu) of a core, \(status.memoryKiB / 1024) MiB")
    ]
  }

  private func words(of alerts: [AlertDocument]) -> [Span] {
    let raised = alerts.filter { $0.level != "none" }
    guard !raised.isEmpty else { return [Span("none", .green)] }
    return raised.enumerated().flatMap { index, alert in
      [
        Span(index == 0 ? "" : ", "),
        Span("\(alert.alert) \(alert.level)", alert.level == "critical" ? .red : .yellow),
      ]
    }
  }
}

// MARK: - Cameras

extension LiveFrame {
  private static let titles = ["CAMERA", "STATE", "RATE", "MODE", "RECORDING", "WRITTEN"]
  /// Columns that may be shortened when the screen is narrow, and to what, in this order.
  private static let shrinking = [(column: 0, least: 12), (1, 12), (4, 12), (3, 4), (0, 6), (1, 6)]

  private func cameraRows(columns: Int, rows: Int) -> [Row] {
    let room = max(rows - 1, 0)
    let fit = state.cameras.count <= room ? state.cameras.count : max(room - 1, 0)
    let cells = state.cameras.prefix(fit).map(cells)
    let title = Self.titles.map { Span($0, .bold) }
    let widths = Self.widths(of: [title] + cells, columns: columns)
    var table = ([title] + cells).map { row in
      row.enumerated().flatMap { column, span -> Row in
        let text = span.text.clipped(to: widths[column])
        guard column < row.count - 1 else { return [Span(text, span.style)] }
        let gap = String(repeating: " ", count: widths[column] - text.columns + 2)
        return [Span(text, span.style), Span(gap)]
      }
    }
    let hidden = state.cameras.count - fit
    if hidden > 0 { table.append([Span("… and \(hidden) more cameras", .dim)]) }
    return Array(table.prefix(rows))
  }

  private func cells(_ camera: CameraDocument) -> Row {
    let recording = state.recordings?.first { $0.camera == camera.name }
    let mode = camera.granted.map { "\($0.format) \($0.width)x\($0.height)" } ?? "–"
    let rate = camera.measuredFramesPerSecond.map { "\(Int($0.rounded()))/s" } ?? "–"
    return [
      Span(camera.name), Span(camera.stateWords, camera.style), Span(rate), Span(mode),
      Span(recording.map(words) ?? "–", recording?.style ?? .plain),
      Span(recording.map { spoken(bytes: $0.bytes) } ?? "–"),
    ]
  }

  private func words(of recording: RecordingDocument) -> String {
    guard recording.state == "recording" else { return recording.stateWords }
    let left = recording.remainingS.map { "\(coarse(ms: UInt64($0) * 1000)) left" }
    return left ?? "for \(coarse(ms: recording.forMs))"
  }

  /// Widths with which the rows fit, as far as they can be made to.
  private static func widths(of rows: [Row], columns: Int) -> [Int] {
    var widths = titles.indices.map { column in rows.map { $0[column].text.columns }.max() ?? 0 }
    var excess = widths.reduce(0) { $0 + $1 + 2 } - 2 - columns
    for (column, least) in shrinking where excess > 0 {
      let cut = min(excess, max(widths[column] - least, 0))
      widths[column] -= cut
      excess -= cut
    }
    return widths
  }
}

/// Milliseconds to the minute: `2 d 3 h`, `1 h 2 min`, `5 min`, `0 min`.
func coarse(ms: UInt64) -> String {
  let minutes = ms / 60_000
  let (days, hours) = (minutes / 1440, minutes / 60 % 24)
  if days > 0 { return "\(days) d \(hours) h" }
  return hours > 0 ? "\(hours) h \(minutes % 60) min" : "\(minutes) min"
}

extension String {
  /// Columns on a terminal.
  var columns: Int { reduce(0) { $0 + $1.columns } }

  /// The text, or its beginning with an ellipsis, in at most so many columns.
  func clipped(to limit: Int) -> String {
    guard columns > limit else { return self }
    guard limit > 0 else { return "" }
    var text = ""
    var left = limit - 1
    for character in self {
      left -= character.columns
      guard left >= 0 else { break }
      text.append(character)
    }
    return text + "…"
  }
}

extension Character {
  /// Two for wide characters (Unicode Standard Annex #11, W and F, by their blocks).
  fileprivate var columns: Int {
    switch unicodeScalars.first?.value ?? 0 {
    case 0x1100...0x115F, 0x2E80...0x303E, 0x3041...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF,
      0xFE30...0xFE6F, 0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x1F300...0x1FAFF, 0x20000...0x3FFFD:
      2
    default: 1
    }
  }
}
