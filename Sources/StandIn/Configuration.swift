/// The configuration as written (`Overlay`) and as it works (`Effective`).
///
/// MediaMTX changes what was written before it checks the whole, and does not take back a rejected
/// change: from then on every change fails, until one makes the whole valid again. What works, and
/// what is listed, stays the last valid one. The two types here behave alike.
enum Configuration {
  /// What was written: only the keys that somebody set.
  struct Overlay {
    var global: [JSON.Member] = []
    var pathDefaults: [JSON.Member] = []
    var paths: [NamedPath] = []

    func index(ofPath name: String) -> Int? { paths.firstIndex { $0.name == name } }
  }

  /// A complete, checked configuration, its paths sorted by name.
  struct Effective {
    var global: [JSON.Member]
    var pathDefaults: [JSON.Member]
    var paths: [NamedPath]

    /// The configuration that a path of this name gets: its own, or that of all others.
    func path(for name: String) -> NamedPath? {
      paths.first { $0.name == name }
        ?? paths.first { Configuration.isCatchAll($0.name) }
    }
  }

  struct NamedPath {
    var name: String
    var values: [JSON.Member]
  }

  /// The two plain names that stand for every other path; other regular expressions are refused.
  static func isCatchAll(_ name: String) -> Bool {
    name == "all" || name == "all_others" || name == "~^.*$"
  }
}

// MARK: - Reading

extension Configuration.Overlay {
  /// Reads a configuration file, and what the environment sets over it.
  static func parse(
    file: [UInt8], environment: (String) -> String?
  ) throws(Refusal) -> Configuration.Overlay {
    var overlay = Configuration.Overlay()
    for member in try YAMLParser.parse(file).members {
      switch member.key {
      case "pathDefaults":
        overlay.pathDefaults = try Configuration.normalised(
          member.value.members, ConfigurationKeys.path)
      case "paths":
        for path in member.value.members {
          let values = try Configuration.normalised(path.value.members, ConfigurationKeys.path)
          overlay.paths.append(Configuration.NamedPath(name: path.key, values: values))
        }
      default:
        overlay.global += try Configuration.normalised([member], ConfigurationKeys.global)
      }
    }
    for key in ConfigurationKeys.global {
      guard case .bool = key.value else { continue }
      guard let text = environment("MTX_" + asciiUppercased(key.key)) else { continue }
      overlay.global.set(key.key, to: .bool(text == "yes" || text == "true"))
    }
    return overlay
  }
}

extension Configuration {
  /// Checks keys and types, and brings values into the form in which they are listed.
  static func normalised(
    _ members: [JSON.Member], _ schema: [JSON.Member]
  ) throws(Refusal) -> [JSON.Member] {
    var output: [JSON.Member] = []
    for member in members {
      guard let initial = schema.value(of: member.key) else {
        throw Refusal("json: unknown field \"\(member.key)\"")
      }
      output.set(member.key, to: try normalised(member.key, member.value, like: initial))
    }
    return output
  }

  private static func normalised(
    _ key: String, _ value: JSON, like initial: JSON
  ) throws(Refusal) -> JSON {
    switch (initial, value) {
    case (.bool, .bool), (.number, .number): return value
    case (_, .null): return initial  // Go leaves a field alone that is null
    case (.array, .array(let items)):
      if key == "authInternalUsers" { return .array(try items.map(user)) }
      return value
    case (.string, .string(let text)):
      guard ConfigurationKeys.isDuration(key), !text.isEmpty else { return value }
      guard let duration = DurationText.parse(text) else {
        throw Refusal("time: invalid duration \"\(text)\"")
      }
      return .string(DurationText.format(duration))
    default:
      throw Refusal(
        "json: cannot unmarshal \(value.typeName) into Go struct field .\(key) of type "
          + initial.typeName)
    }
  }

  private static func user(_ value: JSON) throws(Refusal) -> JSON {
    var user = JSON.object(
      ("user", .string("")), ("pass", .string("")), ("ips", .array([])),
      ("permissions", .array([]))
    ).members
    for member in value.members {
      guard let initial = user.value(of: member.key) else {
        throw Refusal("json: unknown field \"\(member.key)\"")
      }
      var entry = try normalised(member.key, member.value, like: initial)
      if member.key == "permissions" { entry = .array(try entry.list.map(permission)) }
      user.set(member.key, to: entry)
    }
    return .object(user)
  }

  private static func permission(_ value: JSON) throws(Refusal) -> JSON {
    var permission = JSON.object(("action", .string("")), ("path", .string(""))).members
    for member in value.members {
      guard permission.value(of: member.key) != nil, member.value.text != nil else {
        throw Refusal("json: unknown field \"\(member.key)\"")
      }
      permission.set(member.key, to: member.value)
    }
    let actions = ["publish", "read", "playback", "api", "metrics", "pprof"]
    guard let action = permission.value(of: "action")?.text, actions.contains(action) else {
      throw Refusal("invalid auth action")
    }
    return .object(permission)
  }
}

// MARK: - Checking

extension Configuration.Overlay {
  /// Fills in what was not written, and checks the whole.
  func compiled() throws(Refusal) -> Configuration.Effective {
    var global = ConfigurationKeys.global
    for member in self.global { global.set(member.key, to: member.value) }
    try Configuration.check(global: global)
    var defaults = ConfigurationKeys.path
    for member in pathDefaults { defaults.set(member.key, to: member.value) }
    try Configuration.check(path: defaults)
    var complete: [Configuration.NamedPath] = []
    for path in paths {
      try Configuration.check(pathName: path.name)
      var values = defaults
      for member in path.values { values.set(member.key, to: member.value) }
      values.set("name", to: .string(path.name))
      try Configuration.check(path: values)
      complete.append(Configuration.NamedPath(name: path.name, values: values))
    }
    complete.sort { $0.name < $1.name }
    return Configuration.Effective(global: global, pathDefaults: defaults, paths: complete)
  }
}

extension Configuration {
  static func check(pathName name: String) throws(Refusal) {
    if isCatchAll(name) { return }
    if name.isEmpty { throw Refusal("path name cannot be empty") }
    if name.hasPrefix("~") {
      throw Refusal("invalid path name '\(name)': the stand-in knows no regular expressions")
    }
    if name.hasPrefix("/") || name.hasSuffix("/") {
      throw Refusal("invalid path name '\(name)': can't begin or end with a slash")
    }
    for byte in name.utf8 {
      switch byte {
      case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"),
        UInt8(ascii: "."), UInt8(ascii: "~"), UInt8(ascii: "/"):
        continue
      default:
        throw Refusal(
          "invalid path name '\(name)': can contain only alphanumeric characters, underscore, "
            + "dot, tilde, minus or slash")
      }
    }
  }

  fileprivate static func check(path values: [JSON.Member]) throws(Refusal) {
    let recordPath = values.value(of: "recordPath")?.text ?? ""
    if !recordPath.includes("%path") { throw Refusal("'recordPath' must contain %path") }
    let date = ["%Y", "%m", "%d", "%H", "%M", "%S"]
    if !recordPath.includes("%s"), !date.allSatisfy({ recordPath.includes($0) }) {
      throw Refusal("'recordPath' must contain either %s or %Y %m %d %H %M %S")
    }
    if !recordPath.includes("%f") { throw Refusal("'recordPath' must contain %f") }
    let format = values.value(of: "recordFormat")?.text
    if format != "fmp4" && format != "mpegts" { throw Refusal("invalid record format") }
    let kept = duration("recordDeleteAfter", in: values)
    if kept != 0, kept < duration("recordSegmentDuration", in: values) {
      throw Refusal("'recordDeleteAfter' cannot be lower than 'recordSegmentDuration'")
    }
    try check(source: values.value(of: "source")?.text ?? "", ofPath: values)
  }

  private static func check(source: String, ofPath values: [JSON.Member]) throws(Refusal) {
    if source == "publisher" { return }
    guard source.hasPrefix("rtsp://") || source.hasPrefix("rtsps://") else {
      throw Refusal("invalid source: '\(source)'")
    }
    if isCatchAll(values.value(of: "name")?.text ?? "") {
      throw Refusal(
        "a path with a regular expression (or path 'all') cannot have a RTSP source. "
          + "use another path")
    }
    if SourceURL(source) == nil { throw Refusal("'\(source)' is not a valid RTSP URL") }
    if values.value(of: "sourceOnDemand")?.flag == true {
      throw Refusal("the stand-in knows no sources on demand")
    }
  }

  fileprivate static func check(global values: [JSON.Member]) throws(Refusal) {
    if values.value(of: "rtspEncryption")?.text != "no" {
      throw Refusal("the stand-in knows no RTSP encryption")
    }
    let levels = ["error", "warn", "info", "debug"]
    guard let level = values.value(of: "logLevel")?.text, levels.contains(level) else {
      throw Refusal("invalid log level")
    }
    for transport in values.value(of: "rtspTransports")?.list ?? [] {
      guard let name = transport.text, ["udp", "multicast", "tcp"].contains(name) else {
        throw Refusal("invalid transport")
      }
    }
    for method in values.value(of: "rtspAuthMethods")?.list ?? [] {
      guard let name = method.text, name == "basic" || name == "digest" else {
        throw Refusal("invalid authentication method")
      }
    }
    for value in values where value.key.hasSuffix("Address") {
      guard let text = value.value.text, !text.isEmpty, !text.hasPrefix("http") else { continue }
      if ListenAddress(text) == nil {
        throw Refusal("address \(text): missing port in address")
      }
    }
  }

  static func duration(_ key: String, in values: [JSON.Member]) -> Nanoseconds {
    DurationText.parse(values.value(of: key)?.text ?? "") ?? 0
  }

  /// Whether a path may take a new configuration without being recreated.
  static func changesInPlace(_ old: NamedPath, _ new: NamedPath) -> Bool {
    for (before, after) in zip(old.values, new.values)
    where !ConfigurationKeys.isChangedInPlace(before.key) {
      if before.value.encoded() != after.value.encoded() { return false }
    }
    return true
  }
}

/// "host:port" as Go takes it; an empty host means every address.
struct ListenAddress {
  var host: String
  var port: UInt16

  init?(_ text: String) {
    guard let colon = text.lastIndex(of: ":"),
      let port = UInt16(String(text[text.index(after: colon)...]))
    else { return nil }
    var host = String(text[..<colon])
    if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
    self.host = host
    self.port = port
  }
}
