import Wire

// Who a camera is: serial number if it is unique and sane → USB port path → bus name.
//
// A name is a pure function of what the device says of itself, so that the same camera gets the
// same name after a reboot even when the memory of earlier cameras cannot be read. The memory
// decides only who of several units with one serial is the incumbent.

/// What identifies a camera on one rung of the ladder.
public struct IdentityKey: Equatable, Sendable {
  public var rung: IdentityRung
  public var vendorID: UInt16
  public var productID: UInt16
  /// Empty below the serial rungs.
  public var serial: Text<32>
  /// USB port path or bus name; empty on the serial rung, which holds on any port.
  public var place: Text<32>

  public init(_ rung: IdentityRung, of device: DeviceFacts) {
    self.rung = rung
    vendorID = device.vendorID
    productID = device.productID
    serial = .empty
    place = .empty
    switch rung {
    case .none: break
    case .serial: serial = device.serial
    case .serialAndPort:
      serial = device.serial
      place = device.place
    case .port, .bus: place = device.place
    }
  }

  init(_ camera: KnownCamera) {
    rung = camera.rung
    vendorID = camera.vendorID
    productID = camera.productID
    switch camera.rung {
    case .none:
      serial = .empty
      place = .empty
    case .serial:
      serial = camera.serial
      place = .empty
    case .serialAndPort:
      serial = camera.serial
      place = camera.port
    case .port, .bus:
      serial = .empty
      place = camera.port
    }
  }

  /// FNV-1a, 32 bits (RFC 9923), over the fields with a separator behind each text.
  public var hash: UInt32 {
    var hash: UInt32 = 0x811C_9DC5
    func mix(_ byte: UInt8) { hash = (hash ^ UInt32(byte)) &* 0x0100_0193 }
    mix(rung.rawValue)
    mix(UInt8(truncatingIfNeeded: vendorID))
    mix(UInt8(truncatingIfNeeded: vendorID >> 8))
    mix(UInt8(truncatingIfNeeded: productID))
    mix(UInt8(truncatingIfNeeded: productID >> 8))
    for index in 0..<serial.count { mix(serial[index]) }
    mix(0)
    for index in 0..<place.count { mix(place[index]) }
    mix(0)
    return hash
  }

  /// The name of the camera with this identity: the product's words and `digits` (4 or 8)
  /// hexadecimal digits of the hash, e.g. `hd-webcam-c270-a1b2`.
  public func name(product: Text<48>, digits: Int = 4) -> Name {
    var slug = Identity.slug(product, capacity: 31 - digits)
    if slug.isEmpty { slug = Identity.slug(Text<48>(place), capacity: 31 - digits) }
    if slug.isEmpty { slug.append("camera") }
    slug.append(UInt8(ascii: "-"))
    let short = digits == 4 ? (hash >> 16) ^ (hash & 0xFFFF) : hash
    slug.append(hexadecimal: UInt64(short), width: digits)
    return slug
  }
}

/// The rules of the ladder.
public enum Identity {
  /// A serial of fewer characters is no number of a unit.
  public static let shortestSerial = 2

  /// Whether a serial can tell one unit from another, as far as the serial alone shows it:
  /// printable, not short, not one repeated character, not a small number, not a known placeholder.
  public static func isSane(_ serial: Text<32>) -> Bool {
    guard serial.count >= shortestSerial else { return false }
    var digitsOnly = true
    var value: UInt64 = 0
    var repeated = true
    for index in 0..<serial.count {
      let byte = serial[index]
      // Blanks, control characters and bytes of another alphabet come from unset descriptors.
      guard byte > 0x20, byte < 0x7F else { return false }
      if byte != serial[0] { repeated = false }
      if byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") {
        value = value &* 10 &+ UInt64(byte - UInt8(ascii: "0"))
      } else {
        digitsOnly = false
      }
    }
    if repeated { return false }
    // "0001", "00000012": counters of a production line's first units, set alike on every unit.
    if digitsOnly, value < 10_000 { return false }
    return !isPlaceholder(serial)
  }

  /// Serials that many units carry: defaults of vendors' firmware kits.
  private static func isPlaceholder(_ serial: Text<32>) -> Bool {
    serial == "0123456789" || serial == "0123456789ABCDEF" || serial == "0123456789abcdef"
      || serial == "1234567890" || serial == "200901010001" || serial == "01.00.00"
      || serial == "SN0001" || serial == "default" || serial == "unknown" || serial == "serial"
      || serial == "SerialNumber" || serial == "None" || serial == "none" || serial == "null"
  }

  /// Lower-case letters and digits of `text`, everything between them as one hyphen.
  static func slug(_ text: Text<48>, capacity: Int) -> Name {
    var slug = Name()
    var gap = false
    for index in 0..<text.count {
      var byte = text[index]
      if byte >= UInt8(ascii: "A"), byte <= UInt8(ascii: "Z") { byte += 32 }
      let isWord =
        byte >= UInt8(ascii: "a") && byte <= UInt8(ascii: "z")
        || byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
      guard isWord else {
        gap = !slug.isEmpty
        continue
      }
      guard slug.count + (gap ? 2 : 1) <= capacity else { break }
      if gap { slug.append(UInt8(ascii: "-")) }
      gap = false
      slug.append(byte)
    }
    return slug
  }
}

extension DeviceFacts {
  /// Where it is plugged in: the USB port path, or the bus name. Nodes without a port are devices
  /// of their own – drivers such as vivid hang many cameras on one parent – so that their V4L2
  /// index belongs to the place.
  public var place: Text<32> {
    guard port.isEmpty else { return port }
    guard !bus.isEmpty else { return Text(node) }
    guard index > 0 else { return bus }
    var place = Text<32>()
    // Room for the index, whatever the bus is called.
    for position in 0..<min(bus.count, 26) { place.append(bus[position]) }
    place.append(UInt8(ascii: "#"))
    place.append(decimal: UInt64(index))
    return place
  }

  /// Whether `other` is a node of the same device.
  func isSameDevice(as other: DeviceFacts) -> Bool {
    vendorID == other.vendorID && productID == other.productID && serial == other.serial
      && place == other.place
  }
}
