import Wire

/// A device that this client has a key at, under one of its addresses.
public struct KnownDevice: Sendable {
  /// As it was typed.
  public var address: DeviceAddress
  public let publicKey: PublicKey
  /// The psk of every handshake with it: only this client and the device have it.
  let secret: SecretBytes
  /// When it was paired; the device may have changed it since. nil: newer than this build.
  public let role: Role?
  /// The device's, as it called itself then.
  public let name: String
  /// The key by which the device knows this client; nil: the one in `key`.
  let clientKey: PublicKey?

  public var fingerprint: Fingerprint { Fingerprint(publicKey) }

  /// Lends the secret for as long as `body` takes.
  package func withSecret<Value>(_ body: (UnsafeRawBufferPointer) -> Value) -> Value {
    secret.withBytes(body)
  }

  init(
    address: DeviceAddress, publicKey: PublicKey, secret: SecretBytes, role: Role?, name: String,
    clientKey: PublicKey? = nil
  ) {
    (self.address, self.publicKey, self.secret) = (address, publicKey, secret)
    (self.role, self.name, self.clientKey) = (role, name, clientKey)
  }
}

/// The file of devices that this client knows: one line for each of their addresses.
///
/// ```
/// ADDRESS PUBLIC-KEY SECRET ROLE NAME …
/// 10.0.0.5:4710 3fde…690d e39e…5954 admin barn
/// ```
///
/// A sixth field, `client=PUBLIC-KEY`, names the key that the device knows this client by, where it
/// has changed keys. What else stands behind the name, and lines that begin with `#`, say nothing
/// and are kept.
public struct KnownDevices: Sendable {
  public let folder: KeyFolder

  public init(in folder: KeyFolder) { self.folder = folder }

  static let file = "known-devices"
  private static let title = """
    # The devices that this client has a key at: ADDRESS PUBLIC-KEY SECRET ROLE NAME.
    # Whoever has a SECRET and this client's key can pass for this client.

    """

  /// In the order of the file.
  public func all() throws(KeyFolderError) -> [KnownDevice] { try load().compactMap(\.device) }

  /// The device with this address.
  public func find(_ address: DeviceAddress) throws(KeyFolderError) -> KnownDevice? {
    try all().first { $0.address.isSame(as: address) }
  }

  /// Puts a device in place of whatever has its address. What it shares with this client holds for
  /// its other addresses, too.
  public func remember(_ device: KnownDevice) throws(KeyFolderError) {
    try folder.locked { () throws(KeyFolderError) in
      var lines: [Line] = []
      for line in try load() where line.device?.address.isSame(as: device.address) != true {
        guard let other = line.device, other.publicKey == device.publicKey else {
          lines.append(line)
          continue
        }
        lines.append(
          Line(
            KnownDevice(
              address: other.address, publicKey: device.publicKey, secret: device.secret,
              role: device.role, name: device.name, clientKey: device.clientKey)))
      }
      try store(lines + [Line(device)])
    }
  }

  /// Forgets an address; false: no device has it.
  public func forget(_ address: DeviceAddress) throws(KeyFolderError) -> Bool {
    guard try find(address) != nil else { return false }
    return try folder.locked { () throws(KeyFolderError) in
      let lines = try load()
      let rest = lines.filter { $0.device?.address.isSame(as: address) != true }
      guard rest.count < lines.count else { return false }
      try store(rest)
      return true
    }
  }

  /// A device from the line that an admin's client has printed for this one.
  public static func device(from line: String) -> KnownDevice? {
    Array(line.utf8).withUnsafeBytes { bytes in
      let text = bytes.split(separator: UInt8(ascii: "\n"))
      return text.count == 1 ? Line.device(UnsafeRawBufferPointer(rebasing: text[0])) : nil
    }
  }

  /// The line of a device: a secret.
  static func line(of device: KnownDevice) -> SecretBytes { Line(device).text }

  // MARK: - Lines

  private struct Line {
    /// With the line feed.
    let text: SecretBytes
    /// nil: a comment.
    let device: KnownDevice?

    init(_ text: SecretBytes, _ device: KnownDevice?) { (self.text, self.device) = (text, device) }

    init(_ device: KnownDevice) {
      let head = Array("\(device.address) \(device.publicKey.text) ".utf8)
      let secret = device.secret.withBytes { Hexadecimal.encode($0) }
      let role = device.role.map { "\($0)" } ?? "-"
      let name = String(device.name.map { $0.isWhitespace ? "-" : $0 }).printable
      let client = device.clientKey.map { " client=\($0.text)" } ?? ""
      let tail = Array(" \(role) \(name.isEmpty ? "-" : name)\(client)\n".utf8)
      let whole = SecretBytes(count: head.count + secret.count + tail.count)
      whole.bytes.copyBytes(from: head)
      secret.withBytes {
        UnsafeMutableRawBufferPointer(rebasing: whole.bytes[head.count...]).copyBytes(from: $0)
      }
      UnsafeMutableRawBufferPointer(rebasing: whole.bytes[(head.count + secret.count)...])
        .copyBytes(from: tail)
      text = whole
      self.device = device
    }

    /// nil: the line tells no device, as a comment does not.
    static func device(_ line: UnsafeRawBufferPointer) -> KnownDevice? {
      guard line.first != UInt8(ascii: "#") else { return nil }
      let fields = line.split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
      guard fields.count >= 5,
        let address = DeviceAddress(String(decoding: fields[0], as: UTF8.self)),
        let key = Hexadecimal.decode(UnsafeRawBufferPointer(rebasing: fields[1])),
        let secret = Hexadecimal.decode(UnsafeRawBufferPointer(rebasing: fields[2]))
      else { return nil }
      let publicKey = key.withBytes { PublicKey($0) }
      guard !publicKey.isNone else { return nil }
      var clientKey: PublicKey?
      if fields.count > 5, fields[5].starts(with: "client=".utf8) {
        clientKey = PublicKey(text: String(decoding: fields[5].dropFirst(7), as: UTF8.self))
        if clientKey == nil { return nil }
      }
      return KnownDevice(
        address: address, publicKey: publicKey, secret: secret,
        role: Role(word: String(decoding: fields[3], as: UTF8.self)),
        name: String(decoding: fields[4], as: UTF8.self), clientKey: clientKey)
    }
  }

  private func load() throws(KeyFolderError) -> [Line] {
    guard let bytes = try folder.read(Self.file) else { return [] }
    var lines: [Line] = []
    for piece in bytes.readable.split(
      separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    {
      // Behind the last line feed there is no line.
      if piece.isEmpty, piece.endIndex == bytes.count { break }
      let text = SecretBytes(count: piece.count + 1)
      text.bytes.copyBytes(from: piece)
      text.bytes[piece.count] = UInt8(ascii: "\n")
      let words = UnsafeRawBufferPointer(rebasing: piece)
      let device = Line.device(words)
      guard device != nil || words.isEmpty || words[0] == UInt8(ascii: "#") else {
        throw .lineDamaged(path: folder.file(Self.file), line: lines.count + 1)
      }
      lines.append(Line(text, device))
    }
    withExtendedLifetime(bytes) {}
    return lines
  }

  private func store(_ lines: [Line]) throws(KeyFolderError) {
    let isNew = try folder.read(Self.file) == nil
    try folder.write(Self.file, [SecretBytes(isNew ? Self.title : "")] + lines.map(\.text))
  }
}

extension DeviceAddress {
  /// Names of hosts are the same in capitals and small letters (RFC 4343).
  func isSame(as other: DeviceAddress) -> Bool {
    port == other.port && host.lowercased() == other.host.lowercased()
  }
}

extension Role {
  /// nil: no role of this build has this name.
  public init?(word: String) {
    guard let role = (0...3).compactMap({ Role(rawValue: $0) }).first(where: { "\($0)" == word })
    else { return nil }
    self = role
  }
}
