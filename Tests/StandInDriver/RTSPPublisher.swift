import Foundation
import Synchronization

/// Publishes a made-up stream: 30 small frames a second, a key frame every ten.
public final class RTSPPublisher: Sendable {
  public enum Media: Sendable {
    case h264(packetizationMode: Int)
    /// RFC 2435's type, and the length of the quantization data in bytes.
    case motionJPEG(type: UInt8 = 1, tables: Int = 128)

    fileprivate var description: String {
      switch self {
      case .h264(let mode):
        let sets = "sprop-parameter-sets=\(RTSPPublisher.parameterSet),aO48gA=="
        return "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
          + "a=fmtp:96 packetization-mode=\(mode); \(sets)\r\na=control:streamid=0\r\n"
      case .motionJPEG:
        return "m=video 0 RTP/AVP 26\r\na=control:streamid=0\r\n"
      }
    }
  }

  /// Sequence parameter set of a picture of 640x480 in High 4:4:4 Predictive at level 2.2.
  public static let parameterSet = Data(makeParameterSet()).base64EncodedString()

  public let url: String
  private let client: Mutex<RTSPClient>
  private let media: Media
  private let isPublishing = Atomic(false)

  public init(
    port: UInt16, path: String, media: Media, authorization: String? = nil
  ) throws(LoopbackStream.Failure) {
    url = "rtsp://127.0.0.1:\(port)/\(path)"
    self.media = media
    let client = try RTSPClient(port: port)
    client.authorization = authorization
    self.client = Mutex(client)
  }

  /// Goes through ANNOUNCE, SETUP and RECORD; the first status that is not 200, else 200.
  public func announce() throws -> Int {
    try client.withLock { client in
      let text = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=test\r\nt=0 0\r\n" + media.description
      let type = ["Content-Type": "application/sdp"]
      let announced = try client.request("ANNOUNCE", url, headers: type, body: text)
      if announced.status != 200 { return announced.status }
      let transport = ["Transport": "RTP/AVP/TCP;unicast;interleaved=0-1;mode=record"]
      let prepared = try client.request("SETUP", url + "/streamid=0", headers: transport)
      if prepared.status != 200 { return prepared.status }
      return try client.request("RECORD", url).status
    }
  }

  /// Sends media from a thread of its own until `stop`.
  public func start() {
    isPublishing.store(true, ordering: .relaxed)
    Thread.detachNewThread { [self] in
      var sequence: UInt16 = 0
      for frame in 0... where isPublishing.load(ordering: .relaxed) {
        for packet in packets(frame: frame, &sequence) {
          do { try client.withLock { try $0.send(packet, channel: 0) } } catch { return }
        }
        Thread.sleep(forTimeInterval: 1.0 / 30)
        if !isPublishing.load(ordering: .relaxed) { return }
      }
    }
  }

  /// Ends the stream as a publisher should.
  public func stop() {
    isPublishing.store(false, ordering: .relaxed)
    _ = try? client.withLock { try $0.request("TEARDOWN", url) }
  }

  /// Stops sending, and leaves the connection open.
  public func fallSilent() { isPublishing.store(false, ordering: .relaxed) }

  // MARK: Packets

  /// Bytes of picture in a packet.
  private static let partSize = 500

  /// A frame of two packets.
  func packets(frame: Int, _ sequence: inout UInt16) -> [[UInt8]] {
    var packets: [[UInt8]] = []
    for part in 0..<2 {
      let type: UInt8
      var payload: [UInt8]
      switch media {
      case .h264:
        type = 96
        let unit: UInt8 = frame % 10 == 0 ? 5 : 1
        payload = [0x7C, unit | (part == 0 ? 0x80 : 0x40)]  // FU-A, start and end
      case .motionJPEG(let kind, let tables):
        type = 26
        let offset = part == 0 ? 0 : RTSPPublisher.partSize
        payload = [0, 0, UInt8(offset >> 8), UInt8(offset & 0xFF), kind, 255, 80, 60]
        if kind >= 64 { payload += [0, 4, 0xFF, 0xFF] }
        if part == 0 {
          payload += [0, 0, UInt8(tables >> 8), UInt8(tables & 0xFF)]
          payload += [UInt8](repeating: 16, count: tables)
        }
      }
      let marker: UInt8 = part == 1 ? 0x80 : 0
      let time = UInt32(truncatingIfNeeded: frame * 3000)
      let header: [UInt8] = [
        0x80, type | marker, UInt8(sequence >> 8), UInt8(sequence & 0xFF), UInt8(time >> 24),
        UInt8(time >> 16 & 0xFF), UInt8(time >> 8 & 0xFF), UInt8(time & 0xFF), 0, 0, 0, 7,
      ]
      packets.append(header + payload + [UInt8](repeating: 0xAB, count: RTSPPublisher.partSize))
      sequence &+= 1
    }
    return packets
  }

  private static func makeParameterSet() -> [UInt8] {
    var bits = ""
    func code(_ value: Int) {
      let binary = String(value + 1, radix: 2)
      bits += String(repeating: "0", count: binary.count - 1) + binary
    }
    code(0)  // seq_parameter_set_id
    code(1)  // chroma_format_idc
    code(0)
    code(0)
    bits += "00"
    code(0)  // log2_max_frame_num_minus4
    code(2)  // pic_order_cnt_type
    code(1)
    bits += "0"
    code(39)  // 40 macroblocks across
    code(29)  // 30 down
    bits += "11" + "0" + "0" + "1"
    while bits.count % 8 != 0 { bits += "0" }
    var bytes: [UInt8] = [0x67, 244, 0, 22]
    var rest = Substring(bits)
    while !rest.isEmpty {
      bytes.append(UInt8(rest.prefix(8), radix: 2)!)
      rest = rest.dropFirst(8)
    }
    return bytes
  }
}
