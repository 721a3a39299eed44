/// MediaMTX's control API, version 3, as far as its transcript goes.
enum ControlAPI {
  static let version = "v1.20.1"

  /// One page of a list: `?itemsPerPage=` (100) and `?page=` (0).
  static func page(_ items: [JSON], _ target: HTTPTarget) throws(Refusal) -> JSON {
    let size = Int(target.value("itemsPerPage") ?? "100")
    let page = Int(target.value("page") ?? "0")
    guard let size, size > 0 else { throw Refusal("invalid itemsPerPage") }
    guard let page, page >= 0 else { throw Refusal("invalid page") }
    let first = min(items.count, page.multipliedReportingOverflow(by: size).partialValue)
    let last = min(items.count, first + size)
    return .object(
      ("itemCount", .int(items.count)),
      ("pageCount", .int((items.count + size - 1) / size)),
      ("items", .array(first < 0 ? [] : Array(items[first..<last]))))
  }
}

/// A failure with its status.
private struct APIFailure: Error {
  var status: Int
  var reason: String

  init(_ status: Int, _ reason: String) {
    self.status = status
    self.reason = reason
  }

  init(_ refusal: Refusal) { self.init(400, refusal.reason) }
}

extension Server {
  func controlAPI(_ message: Message, _ target: HTTPTarget) -> HTTPAnswer {
    do throws(APIFailure) {
      if let answer = try configurationAnswer(message, target) { return answer }
      switch message.method {
      case "GET": return try stateAnswer(target)
      case "POST": return try kick(target)
      case "DELETE": return try deleteSegment(target)
      default: return .noRoute
      }
    } catch {
      // MediaMTX passes the text as a format: a percent sign comes out mangled.
      log(.error, "[API] " + mangled(error.reason))
      return .error(error.status, error.reason)
    }
  }

  private func mangled(_ text: String) -> String {
    var output: [UInt8] = []
    var follows = false
    for byte in text.utf8 {
      if follows {
        output += "%!".utf8
        output.append(byte)
        output += "(MISSING)".utf8
        follows = false
      } else if byte == UInt8(ascii: "%") {
        follows = true
      } else {
        output.append(byte)
      }
    }
    return String(decoding: output, as: UTF8.self)
  }

  private func list(_ items: [JSON], _ target: HTTPTarget) throws(APIFailure) -> HTTPAnswer {
    do throws(Refusal) {
      return .json(try ControlAPI.page(items, target))
    } catch {
      throw APIFailure(error)
    }
  }

  // MARK: State

  private func stateAnswer(_ target: HTTPTarget) throws(APIFailure) -> HTTPAnswer {
    switch target.path {
    case "/v3/info":
      return .json(
        .object(
          ("version", .string(ControlAPI.version)),
          ("started", .string(CivilTime(sinceEpoch: started).rfc3339))))
    case "/v3/paths/list": return try list(paths.map { $0.description }, target)
    case "/v3/rtspconns/list": return try list(rtspConnections.map { $0.description }, target)
    case "/v3/rtspsessions/list": return try list(sessions.map { $0.description }, target)
    case "/v3/recordings/list": return try list(recordings(), target)
    default: break
    }
    if let name = target.rest(after: "/v3/paths/get/") {
      guard let path = path(named: name) else { throw APIFailure(404, "path not found") }
      return .json(path.description)
    }
    if let id = target.rest(after: "/v3/rtspconns/get/") {
      guard let connection = rtspConnections.first(where: { $0.id == id }) else {
        throw APIFailure(404, "connection not found")
      }
      return .json(connection.description)
    }
    if let id = target.rest(after: "/v3/rtspsessions/get/") {
      return .json(try session(id).description)
    }
    if let name = target.rest(after: "/v3/recordings/get/") {
      if running.path(for: name) == nil, !name.isEmpty {
        return .json(.object(("name", .string(name)), ("segments", .array([]))))
      }
      return .json(recording(name, of: RecordingStore.segments(running)))
    }
    return .noRoute
  }

  private func session(_ id: String) throws(APIFailure) -> Session {
    guard id.utf8.count == 36 else {
      throw APIFailure(400, "invalid UUID length: \(id.utf8.count)")
    }
    guard let session = sessions.first(where: { $0.id == id }) else {
      throw APIFailure(404, "session not found")
    }
    return session
  }

  private func kick(_ target: HTTPTarget) throws(APIFailure) -> HTTPAnswer {
    guard let id = target.rest(after: "/v3/rtspsessions/kick/") else { return .noRoute }
    let session = try session(id)
    session.connection.ending = "terminated"
    return .ok
  }

  // MARK: Recordings

  private func recordings() -> [JSON] {
    let segments = RecordingStore.segments(running)
    var names: [String] = []
    for segment in segments where names.last != segment.path { names.append(segment.path) }
    return names.map { recording($0, of: segments) }
  }

  private func recording(_ name: String, of segments: [RecordingStore.Segment]) -> JSON {
    let starts = segments.filter { $0.path == name }.map {
      JSON.object(("start", .string(CivilTime(sinceEpoch: $0.start).rfc3339)))
    }
    return .object(("name", .string(name)), ("segments", .array(starts)))
  }

  private func deleteSegment(_ target: HTTPTarget) throws(APIFailure) -> HTTPAnswer {
    guard target.path == "/v3/recordings/deletesegment" else { return .noRoute }
    guard let start = Timestamp.parse(target.value("start") ?? "") else {
      throw APIFailure(400, "invalid 'start' parameter")
    }
    let name = target.value("path") ?? ""
    guard let configuration = running.path(for: name) else {
      throw APIFailure(400, "path '\(name)' is not configured")
    }
    let settings = Path.Settings(configuration.values)
    let file = RecordPath(settings.recordPath + settings.fileExtension)
      .name(path: name, start: start)
    let result = RecordingFile.delete(file)
    if result < 0 {
      throw APIFailure(400, "remove \(file): " + FileError(code: -result).reason)
    }
    return .ok
  }

  // MARK: Configuration

  /// The answer to a call under /v3/config; nil if it is none.
  private func configurationAnswer(
    _ message: Message, _ target: HTTPTarget
  ) throws(APIFailure) -> HTTPAnswer? {
    guard let call = target.rest(after: "/v3/config/") else { return nil }
    if faults.poison { throw APIFailure(400, "'recordPath' must contain %path") }
    if message.method == "GET" { return try configurationRead(call, target) }
    guard let (change, name) = change(message.method, call) else { return .noRoute }
    var overlay = overlay
    do throws(Refusal) {
      try Server.edit(&overlay, change, name, body: message.body)
    } catch {
      throw APIFailure(
        error.reason == "path configuration not found" ? 404 : 400, error.reason)
    }
    // From here on the change stays, even if the whole is refused.
    self.overlay = overlay
    do throws(Refusal) {
      accept(try overlay.compiled())
    } catch {
      throw APIFailure(error)
    }
    return .ok
  }

  private func configurationRead(
    _ call: String, _ target: HTTPTarget
  ) throws(APIFailure) -> HTTPAnswer {
    switch call {
    case "global/get": return .json(.object(running.global))
    case "pathdefaults/get": return .json(.object(running.pathDefaults))
    case "paths/list": return try list(running.paths.map { .object($0.values) }, target)
    default: break
    }
    guard call.hasPrefix("paths/get/") else { return .noRoute }
    let name = String(call.dropFirst("paths/get/".count))
    guard let path = running.paths.first(where: { $0.name == name }) else {
      throw APIFailure(404, "path configuration not found")
    }
    return .json(.object(path.values))
  }

  fileprivate enum Change {
    case global, pathDefaults, add, patch, replace, delete
  }

  private func change(_ method: String, _ call: String) -> (Change, name: String)? {
    switch (method, call) {
    case ("PATCH", "global/patch"): return (.global, "")
    case ("PATCH", "pathdefaults/patch"): return (.pathDefaults, "")
    default: break
    }
    let calls: [(String, String, Change)] = [
      ("POST", "paths/add/", .add), ("PATCH", "paths/patch/", .patch),
      ("POST", "paths/replace/", .replace), ("DELETE", "paths/delete/", .delete),
    ]
    for (verb, prefix, change) in calls where method == verb && call.hasPrefix(prefix) {
      return (change, String(call.dropFirst(prefix.count)))
    }
    return nil
  }

  private static func edit(
    _ overlay: inout Configuration.Overlay, _ change: Change, _ name: String, body: [UInt8]
  ) throws(Refusal) {
    if change == .delete {
      guard let index = overlay.index(ofPath: name) else {
        throw Refusal("path configuration not found")
      }
      overlay.paths.remove(at: index)
      return
    }
    let schema = change == .global ? ConfigurationKeys.global : ConfigurationKeys.path
    let values = try Configuration.normalised(try JSONParser.parse(body).members, schema)
    let index = overlay.index(ofPath: name)
    switch change {
    case .global:
      for value in values { overlay.global.set(value.key, to: value.value) }
    case .pathDefaults:
      for value in values { overlay.pathDefaults.set(value.key, to: value.value) }
    case .add:
      if index != nil { throw Refusal("path already exists") }
      try Configuration.check(pathName: name)
      overlay.paths.append(Configuration.NamedPath(name: name, values: values))
    case .patch:
      guard let index else { throw Refusal("path configuration not found") }
      for value in values { overlay.paths[index].values.set(value.key, to: value.value) }
    case .replace:
      let path = Configuration.NamedPath(name: name, values: values)
      if let index { overlay.paths[index] = path } else { overlay.paths.append(path) }
    case .delete: break
    }
  }
}
