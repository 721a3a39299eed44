extension USBRedir {
  /// Encodes messages for one connection.
  public struct Encoder: Sendable {
    /// What both sides can do; `[]` until the peer's hello has arrived.
    public var agreed: Capabilities

    public init(agreed: Capabilities = []) { self.agreed = agreed }

    /// The packet as it goes over the wire.
    public func encode(_ packet: Packet) -> [UInt8] {
      let (type, body) = encodeBody(packet.message)
      var writer = ByteWriter(capacity: 16 + body.count)
      writer.put32(type)
      writer.put32(UInt32(body.count))
      // A hello is always in the old form: nothing is agreed before it.
      if agreed.contains(.ids64), type != TypeCode.hello {
        writer.put64(packet.id)
      } else {
        writer.put32(UInt32(truncatingIfNeeded: packet.id))
      }
      writer.put(bytes: body)
      return writer.bytes
    }

    private func encodeBody(_ message: Message) -> (type: UInt32, body: [UInt8]) {
      var body = ByteWriter()
      switch message {
      case .hello(let version, let capabilities):
        // The text is cut so that a terminating zero stays.
        body.put(bytes: version.utf8.prefix(versionLength - 1))
        body.pad(to: versionLength)
        body.put32(capabilities.rawValue)
        return (TypeCode.hello, body.bytes)
      case .deviceConnect(let speed, let vendor, let product, let release):
        body.put8(speed.rawValue)
        // Class EF/02/01: the configuration groups its interfaces (USB-IF, interface association).
        body.put(bytes: [0xEF, 2, 1])
        body.put16(vendor)
        body.put16(product)
        if agreed.contains(.connectDeviceVersion) { body.put16(release) }
        return (TypeCode.deviceConnect, body.bytes)
      case .deviceDisconnect:
        return (TypeCode.deviceDisconnect, [])
      case .reset:
        return (TypeCode.reset, [])
      case .interfaceInfo(let interfaces):
        return (TypeCode.interfaceInfo, encode(interfaces))
      case .endpointInfo(let endpoints):
        return (TypeCode.endpointInfo, encode(endpoints))
      case .setConfiguration(let value):
        return (TypeCode.setConfiguration, [value])
      case .getConfiguration:
        return (TypeCode.getConfiguration, [])
      case .configurationStatus(let status, let configuration):
        return (TypeCode.configurationStatus, [status.rawValue, configuration])
      case .setAlternate(let interface, let alternate):
        return (TypeCode.setAlternate, [interface, alternate])
      case .getAlternate(let interface):
        return (TypeCode.getAlternate, [interface])
      case .alternateStatus(let status, let interface, let alternate):
        return (TypeCode.alternateStatus, [status.rawValue, interface, alternate])
      case .cancelDataPacket:
        return (TypeCode.cancelDataPacket, [])
      case .control(let packet, let data):
        return (TypeCode.control, encode(packet) + data)
      case .bulk(let packet, let data):
        return (TypeCode.bulk, encode(packet) + data)
      case .other(let type, let bytes):
        return (type, bytes)
      }
    }

    private func encode(_ interfaces: [Interface]) -> [UInt8] {
      precondition(interfaces.count <= tableSlots)
      var body = ByteWriter()
      body.put32(UInt32(interfaces.count))
      for column in [\Interface.number, \.classCode, \.subclass, \.protocolCode] {
        let values = interfaces.map { $0[keyPath: column] }
        body.put(bytes: values + repeatElement(0, count: tableSlots - values.count))
      }
      return body.bytes
    }

    private func encode(_ endpoints: [Endpoint]) -> [UInt8] {
      let unused: UInt8 = 255
      var kinds = [UInt8](repeating: unused, count: tableSlots)
      var interfaces = [UInt8](repeating: 0, count: tableSlots)
      var sizes = [UInt16](repeating: 0, count: tableSlots)
      for endpoint in endpoints {
        // Slot: number, plus 16 for endpoints towards the host.
        let slot = Int(endpoint.address & 0x0F) + (endpoint.address & 0x80 == 0 ? 0 : 16)
        kinds[slot] = endpoint.kind.rawValue
        interfaces[slot] = endpoint.interface
        sizes[slot] = endpoint.maxPacketSize
      }
      var body = ByteWriter()
      body.put(bytes: kinds)
      body.pad(to: 2 * tableSlots)  // Polling intervals: bulk and control have none.
      body.put(bytes: interfaces)
      if agreed.contains(.endpointMaxPacketSize) { for size in sizes { body.put16(size) } }
      return body.bytes
    }

    private func encode(_ packet: ControlPacket) -> [UInt8] {
      var body = ByteWriter(capacity: 10)
      let setup = packet.setup
      body.put(bytes: [packet.endpoint, setup.request, setup.requestType, packet.status.rawValue])
      body.put16(setup.value)
      body.put16(setup.index)
      body.put16(setup.length)
      return body.bytes
    }

    private func encode(_ packet: BulkPacket) -> [UInt8] {
      var body = ByteWriter(capacity: 10)
      body.put8(packet.endpoint)
      body.put8(packet.status.rawValue)
      body.put16(UInt16(truncatingIfNeeded: packet.length))
      body.put32(packet.streamID)
      if agreed.contains(.bulkLength32) {
        body.put16(UInt16(truncatingIfNeeded: packet.length >> 16))
      }
      return body.bytes
    }
  }

  /// Takes a stream of bytes apart, however it was cut into reads.
  public struct Decoder: Sendable {
    /// What both sides can do. Set when the peer's hello has been answered; it changes how the next
    /// header is read.
    public var agreed: Capabilities = []
    private var buffer: [UInt8] = []
    private var start = 0

    public init() {}

    /// Adds bytes as they came from the peer.
    public mutating func append(_ bytes: some Collection<UInt8>) {
      if start > 0 {
        buffer.removeFirst(start)
        start = 0
      }
      buffer.append(contentsOf: bytes)
    }

    /// The next whole packet, or nil until more bytes have come.
    public mutating func next() throws(DecodeError) -> Packet? {
      var reader = ByteReader(buffer[start...])
      guard let type = reader.take32(), let length = reader.take32() else { return nil }
      guard length <= maxBodyLength else {
        throw .tooLong(type: type, length: Int(length))
      }
      let wide = agreed.contains(.ids64)
      guard let id = wide ? reader.take64() : reader.take32().map(UInt64.init) else { return nil }
      guard let body = reader.take(count: Int(length)) else { return nil }
      start = body.endIndex
      return Packet(id: id, try decodeBody(type: type, ByteReader(body)))
    }

    private func decodeBody(
      type: UInt32, _ body: ByteReader
    ) throws(DecodeError) -> Message {
      var body = body
      func need<Value>(_ value: Value?) throws(DecodeError) -> Value {
        guard let value else { throw .truncated(type: type) }
        return value
      }
      func status(_ raw: UInt8) throws(DecodeError) -> Status {
        guard let status = Status(rawValue: raw) else { throw .invalidField(type: type) }
        return status
      }
      // In a request the field means nothing, and QEMU sends there what was in memory.
      func statusOfRequest(_ raw: UInt8) -> Status { Status(rawValue: raw) ?? .invalid }
      switch type {
      case TypeCode.hello:
        let text = try need(body.take(count: versionLength))
        let version = String(decoding: text.prefix { $0 != 0 }, as: UTF8.self)
        // Very old peers end here: they have no capabilities.
        return .hello(version: version, capabilities: .init(rawValue: body.take32() ?? 0))
      case TypeCode.deviceDisconnect: return .deviceDisconnect
      case TypeCode.reset: return .reset
      case TypeCode.setConfiguration: return .setConfiguration(try need(body.take8()))
      case TypeCode.getConfiguration: return .getConfiguration
      case TypeCode.configurationStatus:
        return .configurationStatus(
          try status(need(body.take8())), configuration: try need(body.take8()))
      case TypeCode.setAlternate:
        return .setAlternate(interface: try need(body.take8()), alternate: try need(body.take8()))
      case TypeCode.getAlternate: return .getAlternate(interface: try need(body.take8()))
      case TypeCode.alternateStatus:
        return .alternateStatus(
          try status(need(body.take8())), interface: try need(body.take8()),
          alternate: try need(body.take8()))
      case TypeCode.cancelDataPacket: return .cancelDataPacket
      case TypeCode.control:
        let (endpoint, request) = (try need(body.take8()), try need(body.take8()))
        let (requestType, state) = (try need(body.take8()), statusOfRequest(try need(body.take8())))
        let setup = USBSetup(
          requestType: requestType, request: request, value: try need(body.take16()),
          index: try need(body.take16()), length: try need(body.take16()))
        let packet = ControlPacket(endpoint: endpoint, setup: setup, status: state)
        return .control(packet, data: body.takeRest())
      case TypeCode.bulk:
        let (endpoint, state) = (try need(body.take8()), statusOfRequest(try need(body.take8())))
        let (low, stream) = (try need(body.take16()), try need(body.take32()))
        let high = agreed.contains(.bulkLength32) ? try need(body.take16()) : 0
        let packet = BulkPacket(
          endpoint: endpoint, status: state, length: Int(high) << 16 | Int(low), streamID: stream)
        return .bulk(packet, data: body.takeRest())
      default:
        return .other(type: type, body: body.takeRest())
      }
    }
  }
}
