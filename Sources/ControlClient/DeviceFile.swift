import Wire

/// A file of a device as commands name it: `CAMERA/NAME`. The kind follows from the name's end.
public struct DeviceFile: Sendable, Equatable, CustomStringConvertible {
  public let request: FileRequest

  /// nil: the text has not this form, or characters that no file of a device has.
  public init?(_ text: String) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, parts[0].utf8.count <= 32, parts[1].utf8.count <= 56 else { return nil }
    let camera = Array(parts[0].utf8).withUnsafeBytes { Name($0) }
    let name = Array(parts[1].utf8).withUnsafeBytes { Text<56>($0) }
    guard camera.isName, name.isFileName else { return nil }
    request = FileRequest(
      kind: parts[1].hasSuffix(".jpg") ? .snapshot : .recording, camera: camera, name: name)
  }

  /// Without its camera: letters, digits, `.`, `_` and `-`, not beginning with a dot.
  public var name: String { request.name.string }

  public var description: String { "\(request.camera.string)/\(name)" }
}
