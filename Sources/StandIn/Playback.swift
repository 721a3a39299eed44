import CLinux

extension Server {
  /// The playback server: its list. It has no video to give.
  func playback(_ message: Message, _ target: HTTPTarget) -> HTTPAnswer {
    guard message.method == "GET", target.path == "/list" else { return .noRoute }
    let name = target.value("path") ?? ""
    let segments = RecordingStore.segments(running).filter { $0.path == name }
    if segments.isEmpty { return .error(404, "no recording segments found") }
    var spans: [(start: Nanoseconds, duration: Nanoseconds)] = []
    for segment in segments {
      let duration = RecordingFile.duration(of: segment.file) ?? 0
      // Segments that follow each other without a gap are one recording.
      if let last = spans.last, segment.start - last.start - last.duration < second {
        spans[spans.count - 1].duration = segment.start - last.start + duration
      } else {
        spans.append((segment.start, duration))
      }
    }
    let entries = spans.map { span in
      let start = CivilTime(sinceEpoch: span.start).rfc3339
      let duration = DurationText.decimal(span.duration, unit: second)
      return JSON.object(
        ("start", .string(start)), ("duration", .number(duration)),
        (
          "url",
          .string(
            "http://" + (message.header("host") ?? "") + "/get?duration=" + duration + "&path="
              + percentEncoded(name) + "&start=" + percentEncoded(start))
        ))
    }
    return .json(.array(entries))
  }
}

/// Times as Go's RFC3339Nano writes them.
enum Timestamp {
  /// Nanoseconds since 1970; only UTC ("Z") is understood.
  static func parse(_ text: String) -> Nanoseconds? {
    let bytes = Array(text.utf8)
    guard bytes.count >= 20, bytes.last == UInt8(ascii: "Z") else { return nil }
    var time = CivilTime(year: 1970)
    func number(_ range: Range<Int>) -> Int64? {
      Int64(String(decoding: bytes[range], as: UTF8.self))
    }
    guard let year = number(0..<4), let month = number(5..<7), let day = number(8..<10),
      let hour = number(11..<13), let minute = number(14..<16), let second = number(17..<19)
    else { return nil }
    (time.year, time.month, time.day) = (year, month, day)
    (time.hour, time.minute, time.second) = (hour, minute, second)
    guard (1...12).contains(month), (1...31).contains(day) else { return nil }
    if bytes.count > 20 {
      guard bytes[19] == UInt8(ascii: "."), bytes.count <= 30,
        let fraction = number(20..<bytes.count - 1)
      else { return nil }
      time.nanosecond = (0..<30 - bytes.count).reduce(fraction) { value, _ in value * 10 }
    }
    return time.sinceEpoch
  }
}
