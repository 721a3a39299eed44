import Wire

// The file of keys: what is on the card, byte for byte.
//
//   offset size
//        0    4 magic "WPKY"
//        4    2 version, 1
//        6    2 count of entries, 0 … 64
//        8    8 reserved, zero
//       16  224 entries
//           4   CRC-32C of everything before
//
// An entry:
//
//   offset size
//        0   32 name
//       32   32 addedBy
//       64   32 public key
//       96   32 secret
//      128   32 former public key, zero: none
//      160   32 former secret
//      192    8 added, Unix milliseconds
//      200    4 milliseconds for which the former key is still taken
//      204    4 rate
//      208    2 slots
//      210    1 role
//      211    1 flags
//      212    4 id of the newest configuration change when it got its role
//      216    8 reserved, zero
//
// The checksum finds damage, not malice: against that the folder is sealed by whoever keeps it. So
// every field is checked as if a stranger had sent it.

/// What is wrong with an image of the keys; entries are counted from 0.
public enum KeyImageError: Error, Equatable, Sendable {
  /// It is not as long as its number of entries says.
  case length
  /// It is something else.
  case magic
  case checksum
  /// It was written by a version that this build does not know.
  case version(UInt16)
  case count(UInt16)
  /// Reserved bytes are not zero, or there is something behind the end of a text.
  case reserved(entry: Int)
  case name(entry: Int)
  case addedBy(entry: Int)
  case role(entry: Int)
  case flags(entry: Int)
  /// The public key or the secret is missing, or half of a former one is.
  case key(entry: Int)
  /// The former key is taken for longer than one ever is.
  case former(entry: Int)
  /// An entry before it has this name.
  case nameTwice(entry: Int)
  /// An entry before it, or this one, has a public key of it already.
  case keyTwice(entry: Int)
  /// There are keys, but no admin.
  case noAdmin
}

extension ClientKeys {
  static let imageHead = 16
  static let imageEntry = 224
  static let imageVersion: UInt16 = 1
  static let imageMagic: UInt32 = 0x594B_5057

  /// Bytes of the image of so many keys.
  public static func imageSize(_ count: Int) -> Int { imageHead + count * imageEntry + 4 }
  /// Bytes of the largest image.
  public static let imageCapacity = imageSize(capacity)

  /// Writes the image of all keys and tells its size. It holds secrets: the caller wipes it.
  public func encode(into buffer: UnsafeMutableRawBufferPointer, now: Instant) -> Int {
    let size = ClientKeys.imageSize(count)
    var writer = ByteWriter(UnsafeMutableRawBufferPointer(rebasing: buffer[..<size]))
    writer.write(ClientKeys.imageMagic)
    writer.write(ClientKeys.imageVersion)
    writer.write(UInt16(count))
    writer.zero(8)
    for place in table.indices where !table[place].isFree { encode(place, into: &writer, now) }
    writer.write(CRC32C.of(writer.written))
    return size
  }

  private func encode(_ place: Int, into writer: inout ByteWriter, _ now: Instant) {
    writer.write(table[place].name)
    writer.write(table[place].addedBy)
    table[place].publicKey.withBytes { writer.write($0) }
    table[place].secret.lend { writer.write($0) }
    table[place].formerKey.withBytes { writer.write($0) }
    table[place].formerSecret.lend { writer.write($0) }
    writer.write(table[place].addedUnixMs)
    writer.write(UInt32(table[place].formerUntil.since(now)))
    writer.write(table[place].limits.rate)
    writer.write(table[place].limits.slots)
    writer.write(table[place].role.rawValue)
    writer.write(table[place].limits.flags.rawValue)
    writer.write(table[place].sinceChange)
    writer.zero(8)
  }

  /// Takes the keys of an image, all or none. It holds secrets: the caller wipes it.
  public mutating func load(
    image: UnsafeRawBufferPointer, now: Instant
  ) throws(KeyImageError) {
    let count = try ClientKeys.check(image)
    let table = table
    load(count) { place in
      let entry = ClientKeyImage(image, place)
      table[place] = ClientKey()
      table[place].name = entry.name
      table[place].addedBy = entry.addedBy
      table[place].publicKey = entry.publicKey
      table[place].secret.fill(entry.secret)
      table[place].formerKey = entry.formerKey
      table[place].formerSecret.fill(entry.formerSecret)
      if !entry.formerKey.isNone {
        table[place].formerUntil = now + UInt64(entry.formerForMs)
      }
      table[place].addedUnixMs = entry.addedUnixMs
      table[place].role = entry.role ?? .viewer
      table[place].sinceChange = entry.sinceChange
      table[place].limits = entry.limits
    }
  }

  /// The number of keys in an image without a fault.
  private static func check(_ image: UnsafeRawBufferPointer) throws(KeyImageError) -> Int {
    guard image.count >= imageSize(0) else { throw .length }
    var reader = ByteReader(image)
    guard reader.read(UInt32.self) == imageMagic else { throw .magic }
    let end = image.count - 4
    let sum = image.loadUnaligned(fromByteOffset: end, as: UInt32.self)
    guard UInt32(littleEndian: sum) == CRC32C.of(UnsafeRawBufferPointer(rebasing: image[..<end]))
    else { throw .checksum }
    let version = reader.read(UInt16.self)
    guard version == imageVersion else { throw .version(version) }
    let count = reader.read(UInt16.self)
    guard count <= capacity else { throw .count(count) }
    guard image.count == imageSize(Int(count)) else { throw .length }
    for byte in reader.take(8) where byte != 0 { throw .reserved(entry: 0) }
    var hasAdmin = count == 0
    for place in 0..<Int(count) {
      try check(image, place)
      if ClientKeyImage(image, place).role == .admin { hasAdmin = true }
    }
    guard hasAdmin else { throw .noAdmin }
    return Int(count)
  }

  private static func check(
    _ image: UnsafeRawBufferPointer, _ place: Int
  ) throws(KeyImageError) {
    let entry = ClientKeyImage(image, place)
    guard entry.hasZeros else { throw .reserved(entry: place) }
    guard entry.name.isName else { throw .name(entry: place) }
    guard entry.addedBy.isEmpty || entry.addedBy.isName else { throw .addedBy(entry: place) }
    guard let role = entry.role, role != .anybody else { throw .role(entry: place) }
    guard KeyFlags.all.contains(entry.limits.flags) else { throw .flags(entry: place) }
    guard !entry.publicKey.isNone, !entry.isZero(entry.secret) else { throw .key(entry: place) }
    let hasFormer = !entry.formerKey.isNone
    guard hasFormer != entry.isZero(entry.formerSecret) else { throw .key(entry: place) }
    guard hasFormer ? entry.formerForMs <= formerMs : entry.formerForMs == 0 else {
      throw .former(entry: place)
    }
    guard entry.publicKey != entry.formerKey else { throw .keyTwice(entry: place) }
    for earlier in 0..<place {
      let other = ClientKeyImage(image, earlier)
      guard entry.name != other.name else { throw .nameTwice(entry: place) }
      guard entry.publicKey != other.publicKey, entry.publicKey != other.formerKey,
        entry.formerKey != other.publicKey, !hasFormer || entry.formerKey != other.formerKey
      else { throw .keyTwice(entry: place) }
    }
  }
}

/// One entry of an image, where it lies: secrets are not copied.
private struct ClientKeyImage {
  private let bytes: UnsafeRawBufferPointer

  init(_ image: UnsafeRawBufferPointer, _ place: Int) {
    let start = ClientKeys.imageHead + place * ClientKeys.imageEntry
    bytes = UnsafeRawBufferPointer(rebasing: image[start..<(start + ClientKeys.imageEntry)])
  }

  var name: Name { Name(part(0, 32)) }
  var addedBy: Name { Name(part(32, 32)) }
  var publicKey: PublicKey { PublicKey(part(64, 32)) }
  var secret: UnsafeRawBufferPointer { part(96, 32) }
  var formerKey: PublicKey { PublicKey(part(128, 32)) }
  var formerSecret: UnsafeRawBufferPointer { part(160, 32) }
  var addedUnixMs: UInt64 { number(192) }
  var formerForMs: UInt32 { number(200) }
  /// nil: there is no such role.
  var role: Role? { Role(rawValue: number(210)) }
  var limits: KeyLimits {
    KeyLimits(rate: number(204), slots: number(208), flags: KeyFlags(rawValue: number(211)))
  }

  var sinceChange: UInt32 { number(212) }

  /// Everything that must be zero is.
  var hasZeros: Bool {
    isZero(part(216, 8)) && isZero(part(name.count, 32 - name.count))
      && isZero(part(32 + addedBy.count, 32 - addedBy.count))
  }

  func isZero(_ bytes: UnsafeRawBufferPointer) -> Bool {
    var bits: UInt8 = 0
    for byte in bytes { bits |= byte }
    return bits == 0
  }

  private func part(_ offset: Int, _ size: Int) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(rebasing: bytes[offset..<(offset + size)])
  }

  private func number<Value: FixedWidthInteger>(_ offset: Int) -> Value {
    Value(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Value.self))
  }
}
