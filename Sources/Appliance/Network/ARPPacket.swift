import Wire

/// An ARP packet for IPv4 over Ethernet (RFC 826): 28 bytes, big-endian.
public struct ARPPacket: Equatable, Sendable {
  public enum Operation: UInt16, Sendable {
    case request = 1
    case reply = 2
  }

  public static let size = 28

  public var operation: Operation
  /// An Ethernet address in the low 48 bits.
  public var senderMAC: UInt64
  public var sender: IPv4
  public var target: IPv4

  public init(operation: Operation, senderMAC: UInt64, sender: IPv4, target: IPv4) {
    self.operation = operation
    self.senderMAC = senderMAC & 0xFFFF_FFFF_FFFF
    self.sender = sender
    self.target = target
  }

  /// Nil for anything but ARP for IPv4 over Ethernet. Ethernet pads: bytes behind are ignored.
  public init?(_ bytes: UnsafeRawBufferPointer) {
    guard bytes.count >= ARPPacket.size else { return nil }
    let kinds = ARPPacket.number(bytes, 0, 6)
    guard kinds == 0x0001_0800_0604,
      let operation = Operation(rawValue: UInt16(ARPPacket.number(bytes, 6, 2)))
    else { return nil }
    self.operation = operation
    senderMAC = ARPPacket.number(bytes, 8, 6)
    sender = IPv4(UInt32(ARPPacket.number(bytes, 14, 4)))
    target = IPv4(UInt32(ARPPacket.number(bytes, 24, 4)))
  }

  public func write(to writer: inout ByteWriter) {
    writer.write(UInt64(0x0001_0800_0604) << 16 | UInt64(operation.rawValue), bigEndianBytes: 8)
    writer.write(senderMAC, bigEndianBytes: 6)
    writer.write(UInt64(sender.value), bigEndianBytes: 4)
    writer.write(0, bigEndianBytes: 6)
    writer.write(UInt64(target.value), bigEndianBytes: 4)
  }

  private static func number(_ bytes: UnsafeRawBufferPointer, _ offset: Int, _ count: Int)
    -> UInt64
  {
    var value: UInt64 = 0
    for index in offset..<offset + count { value = value << 8 | UInt64(bytes[index]) }
    return value
  }
}

extension ByteWriter {
  /// The low `bigEndianBytes` bytes of `value`, most significant first: network order.
  mutating func write(_ value: UInt64, bigEndianBytes: Int) {
    var left = bigEndianBytes
    while left > 0 {
      left -= 1
      write(UInt8(truncatingIfNeeded: value >> UInt64(8 * left)))
    }
  }
}
