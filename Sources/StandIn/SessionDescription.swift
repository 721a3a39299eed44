/// What one media of a stream is made of.
struct Track {
  enum Codec {
    case h264, motionJPEG
    case named(String)
  }

  var codec: Codec
  var payloadType: Int
  /// The lines that describe it to readers: m=, a=rtpmap, a=fmtp.
  var lines: [String]
  var control: String
  /// The parameter sets of H.264, from sprop-parameter-sets or from the stream itself.
  private(set) var sequenceSet: [UInt8] = []
  private(set) var pictureSet: [UInt8] = []
  /// What the sequence parameter set says.
  private(set) var parameterSet: H264.ParameterSet?

  init(codec: Codec, payloadType: Int, lines: [String], control: String) {
    self.codec = codec
    self.payloadType = payloadType
    self.lines = lines
    self.control = control
  }

  /// Keeps what is a parameter set among the units.
  mutating func learn(_ units: [[UInt8]]) {
    for unit in units {
      switch unit[0] & 0x1F {
      case H264.sequenceSet where unit != sequenceSet:
        guard let set = H264.ParameterSet(unit) else { continue }
        (sequenceSet, parameterSet) = (unit, set)
      case H264.pictureSet: pictureSet = unit
      default: break
      }
    }
  }

  var name: String {
    switch codec {
    case .h264: "H264"
    case .motionJPEG: "M-JPEG"
    case .named(let name): name
    }
  }

  /// What a recording can be made of.
  var isVideo: Bool {
    switch codec {
    case .h264, .motionJPEG: true
    case .named: false
    }
  }

  /// What a recording that begins with the frame says of the track; nil as long as the parameter
  /// sets are unknown, where MediaMTX makes some up.
  func format(of frame: AssembledFrame) -> VideoFormat? {
    switch frame {
    case .picture(let picture):
      return .motionJPEG(width: picture.width, height: picture.height)
    case .accessUnit:
      guard let parameterSet, !pictureSet.isEmpty else { return nil }
      return .h264(sequenceSet: sequenceSet, pictureSet: pictureSet, picture: parameterSet)
    }
  }

  var properties: JSON {
    guard case .h264 = codec else { return .null }
    let known = parameterSet ?? H264.ParameterSet(width: 0, height: 0, profile: "", level: "")
    return .object(
      ("width", .int(known.width)), ("height", .int(known.height)),
      ("profile", .string(known.profile)), ("level", .string(known.level)))
  }
}

/// Session descriptions (RFC 8866), as far as RTSP publishers send and readers need them.
enum SessionDescription {
  private static let maximumTracks = 8

  static func tracks(_ text: [UInt8]) throws(Refusal) -> [Track] {
    var tracks: [Track] = []
    var codecName = ""
    var formatParameters = ""
    for raw in text.split(separator: UInt8(ascii: "\n")) {
      let line = String(decoding: raw, as: UTF8.self).trimmed
      if line.hasPrefix("m=") {
        try finish(&tracks, codecName, formatParameters)
        (codecName, formatParameters) = ("", "")
        let words = line.parts(" ")
        guard words.count >= 4, let type = Int(words[3]) else {
          throw Refusal("invalid SDP: invalid media line")
        }
        if tracks.count == maximumTracks { throw Refusal("invalid SDP: too many media") }
        tracks.append(
          Track(codec: .named("Generic"), payloadType: type, lines: [line], control: ""))
      } else if let last = tracks.indices.last {
        if let value = attribute("rtpmap", line) {
          codecName = asciiUppercased(value.cut(at: " ")?.1.cut(at: "/")?.0 ?? "")
          tracks[last].lines.append(line)
        } else if let value = attribute("fmtp", line) {
          formatParameters = value.cut(at: " ")?.1 ?? ""
          tracks[last].lines.append(line)
        } else if let value = attribute("control", line) {
          tracks[last].control = value
        }
      }
    }
    try finish(&tracks, codecName, formatParameters)
    if tracks.isEmpty { throw Refusal("invalid SDP: no media") }
    return tracks
  }

  private static func attribute(_ name: String, _ line: String) -> String? {
    let prefix = "a=" + name + ":"
    return line.hasPrefix(prefix) ? String(line.dropFirst(prefix.count)) : nil
  }

  /// Settles the codec of the last track once all its lines are known.
  private static func finish(
    _ tracks: inout [Track], _ name: String, _ parameters: String
  ) throws(Refusal) {
    guard let last = tracks.indices.last else { return }
    if tracks[last].payloadType == 26 {
      tracks[last].codec = .motionJPEG
      return
    }
    switch name {
    case "H264":
      var mode = 0
      for field in parameters.parts(";") {
        guard let (key, value) = field.trimmed.cut(at: "=") else { continue }
        if key == "packetization-mode" { mode = Int(value) ?? 0 }
        if key == "sprop-parameter-sets" {
          let sets = value.parts(",").compactMap { base64Decoded($0) }
          tracks[last].learn(sets.filter { !$0.isEmpty })
        }
      }
      // Measured: anything else is answered with 400.
      if mode != 1 { throw Refusal("unsupported packetization-mode \(mode)") }
      tracks[last].codec = .h264
    case "H265": tracks[last].codec = .named("H265")
    case "OPUS": tracks[last].codec = .named("Opus")
    case "MPEG4-GENERIC": tracks[last].codec = .named("MPEG-4 Audio")
    case "PCMU", "PCMA": tracks[last].codec = .named("G711")
    default: tracks[last].codec = .named("Generic")
    }
  }

  /// The description that readers get; track N has the control "trackID=N".
  static func text(_ tracks: [Track], base: String) -> String {
    var text = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=Stream\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n"
    for (index, track) in tracks.enumerated() {
      for line in track.lines {
        // The publisher's port says nothing to a reader.
        guard line.hasPrefix("m=") else {
          text += line + "\r\n"
          continue
        }
        let words = line.parts(" ")
        text += words[0] + " 0 RTP/AVP \(track.payloadType)\r\n"
      }
      text += "a=control:" + base + "/trackID=\(index)\r\n"
    }
    return text
  }
}
