/// The messages of the USB redirection protocol (usbredir-protocol.txt, version 0.7) that a
/// high-speed bulk device needs, in the direction in which we meet them: we are the `usb-host`
/// side, which has the device; QEMU's `usb-redir` device is the `usb-guest` side.
///
/// All numbers are little-endian, all structures packed. A header is `type`, `length` of what
/// follows the header, and an `id` that an answer repeats; the id has 32 bits until both sides have
/// said that they can do 64.
public enum USBRedir {
  /// Result of a transfer or request (protocol section "usb_redir_status").
  public enum Status: UInt8, Sendable {
    case success = 0
    case cancelled = 1
    case invalid = 2
    case ioError = 3
    case stall = 4
    case timeout = 5
    case babble = 6
  }

  /// Bus speed of the device.
  public enum Speed: UInt8, Sendable {
    case low = 0
    case full = 1
    case high = 2
    case `super` = 3
    case unknown = 255
  }

  /// Capability bits of the hello message.
  public struct Capabilities: OptionSet, Sendable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }
    /// `device_connect` carries the device's release number.
    public static let connectDeviceVersion = Capabilities(rawValue: 1 << 1)
    /// `ep_info` carries packet sizes. QEMU refuses high-speed devices without it.
    public static let endpointMaxPacketSize = Capabilities(rawValue: 1 << 4)
    /// Ids have 64 bits.
    public static let ids64 = Capabilities(rawValue: 1 << 5)
    /// Bulk lengths have 32 bits.
    public static let bulkLength32 = Capabilities(rawValue: 1 << 6)

    /// What this implementation speaks.
    public static let ours: Capabilities = [
      .connectDeviceVersion, .endpointMaxPacketSize, .ids64, .bulkLength32,
    ]
  }

  /// One endpoint as `ep_info` describes it.
  public struct Endpoint: Equatable, Sendable {
    public enum Kind: UInt8, Sendable {
      case control = 0
      case isochronous = 1
      case bulk = 2
      case interrupt = 3
    }
    /// Endpoint address with the direction in bit 7, as in `bEndpointAddress`.
    public var address: UInt8
    public var kind: Kind
    public var interface: UInt8
    /// Bytes per packet, 8 … 1024.
    public var maxPacketSize: UInt16

    public init(address: UInt8, kind: Kind, interface: UInt8, maxPacketSize: UInt16) {
      (self.address, self.kind) = (address, kind)
      (self.interface, self.maxPacketSize) = (interface, maxPacketSize)
    }
  }

  /// One interface as `interface_info` describes it.
  public struct Interface: Equatable, Sendable {
    public var number: UInt8
    public var classCode: UInt8
    public var subclass: UInt8
    public var protocolCode: UInt8

    public init(number: UInt8, classCode: UInt8, subclass: UInt8, protocolCode: UInt8) {
      (self.number, self.classCode) = (number, classCode)
      (self.subclass, self.protocolCode) = (subclass, protocolCode)
    }
  }

  /// A control transfer's fixed part; the same layout goes both ways.
  public struct ControlPacket: Equatable, Sendable {
    public var endpoint: UInt8
    public var setup: USBSetup
    public var status: Status

    public init(endpoint: UInt8, setup: USBSetup, status: Status = .success) {
      (self.endpoint, self.setup, self.status) = (endpoint, setup, status)
    }
  }

  /// A bulk transfer's fixed part. In a request `length` is the room that the guest offers.
  public struct BulkPacket: Equatable, Sendable {
    public var endpoint: UInt8
    public var status: Status
    public var length: Int
    public var streamID: UInt32

    public init(endpoint: UInt8, status: Status = .success, length: Int, streamID: UInt32 = 0) {
      (self.endpoint, self.status) = (endpoint, status)
      (self.length, self.streamID) = (length, streamID)
    }
  }

  /// A message, decoded as far as a bulk device cares.
  public enum Message: Equatable, Sendable {
    case hello(version: String, capabilities: Capabilities)
    case deviceConnect(Speed, vendor: UInt16, product: UInt16, release: UInt16)
    case deviceDisconnect
    case reset
    case interfaceInfo([Interface])
    case endpointInfo([Endpoint])
    case setConfiguration(UInt8)
    case getConfiguration
    case configurationStatus(Status, configuration: UInt8)
    case setAlternate(interface: UInt8, alternate: UInt8)
    case getAlternate(interface: UInt8)
    case alternateStatus(Status, interface: UInt8, alternate: UInt8)
    case cancelDataPacket
    case control(ControlPacket, data: [UInt8])
    case bulk(BulkPacket, data: [UInt8])
    /// A type that a bulk device has no use for; kept so that a log can name it.
    case other(type: UInt32, body: [UInt8])
  }

  /// A message with the id that ties an answer to its question.
  public struct Packet: Equatable, Sendable {
    public var id: UInt64
    public var message: Message

    public init(id: UInt64 = 0, _ message: Message) {
      (self.id, self.message) = (id, message)
    }
  }

  /// Why a stream of bytes is no valid USB redirection.
  public enum DecodeError: Error, Equatable {
    /// A header announces more than any transfer of ours can need.
    case tooLong(type: UInt32, length: Int)
    /// A message's body is shorter than its fixed part.
    case truncated(type: UInt32)
    /// A field has a value that the protocol does not name.
    case invalidField(type: UInt32)
  }

  /// Type numbers on the wire.
  enum TypeCode {
    static let hello: UInt32 = 0
    static let deviceConnect: UInt32 = 1
    static let deviceDisconnect: UInt32 = 2
    static let reset: UInt32 = 3
    static let interfaceInfo: UInt32 = 4
    static let endpointInfo: UInt32 = 5
    static let setConfiguration: UInt32 = 6
    static let getConfiguration: UInt32 = 7
    static let configurationStatus: UInt32 = 8
    static let setAlternate: UInt32 = 9
    static let getAlternate: UInt32 = 10
    static let alternateStatus: UInt32 = 11
    static let cancelDataPacket: UInt32 = 21
    static let control: UInt32 = 100
    static let bulk: UInt32 = 101
  }

  /// Slots in the tables of `interface_info` and `ep_info`.
  static let tableSlots = 32
  /// Bytes of the version text in a hello.
  static let versionLength = 64
  /// Longest body that a peer may announce: a generous bulk transfer.
  static let maxBodyLength = 16 << 20
}
