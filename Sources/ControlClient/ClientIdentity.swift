import Noise
import Wire

/// The key by which devices know this client. The private half stays where it is.
///
/// The file has one line, `watchpost-key 1 PRIVATE PUBLIC`, both 64 hexadecimal digits; lines that
/// begin with `#` say nothing. The public half is there to show damage.
public final class ClientIdentity: @unchecked Sendable {
  /// Loaded while it is made, and only read from then on: a `let` would have to be moved into its
  /// place, and leave a copy where it was.
  private(set) var pair = KeyPair()

  public var publicKey: PublicKey { pair.publicKey }

  init(_ privateKey: SecretBytes) {
    Sodium.begin()
    privateKey.withBytes { pair.load($0) }
  }

  static let file = "key"
  private static let title =
    "# The key of this Watchpost client. Whoever has it can pass for this client.\n"
  private static let mark = "watchpost-key 1 "

  /// nil: this client has none yet.
  public static func find(in folder: KeyFolder) throws(KeyFolderError) -> ClientIdentity? {
    guard let bytes = try folder.read(file) else { return nil }
    guard let identity = bytes.withBytes({ read($0) }) else {
      throw .keyDamaged(path: folder.file(file))
    }
    return identity
  }

  /// Makes one where there is none.
  public static func findOrMake(in folder: KeyFolder) throws(KeyFolderError) -> ClientIdentity {
    if let identity = try find(in: folder) { return identity }
    return try folder.locked { () throws(KeyFolderError) in
      // Somebody else may have been faster.
      if let identity = try find(in: folder) { return identity }
      let privateKey = SecretBytes.random()
      let identity = ClientIdentity(privateKey)
      try folder.write(
        file,
        [
          SecretBytes(title + mark), privateKey.withBytes { Hexadecimal.encode($0) },
          SecretBytes(" \(identity.publicKey.text)\n"),
        ])
      return identity
    }
  }

  private static func read(_ bytes: UnsafeRawBufferPointer) -> ClientIdentity? {
    let lines = bytes.split(separator: UInt8(ascii: "\n")).filter { $0.first != UInt8(ascii: "#") }
    guard lines.count == 1, lines[0].starts(with: mark.utf8) else { return nil }
    let fields = lines[0].dropFirst(mark.utf8.count).split(separator: UInt8(ascii: " "))
    guard fields.count == 2,
      let privateKey = Hexadecimal.decode(UnsafeRawBufferPointer(rebasing: fields[0])),
      let publicKey = Hexadecimal.decode(UnsafeRawBufferPointer(rebasing: fields[1]))
    else { return nil }
    let identity = ClientIdentity(privateKey)
    return identity.publicKey == publicKey.withBytes { PublicKey($0) } ? identity : nil
  }
}
