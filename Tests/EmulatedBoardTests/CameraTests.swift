import Foundation
import Testing

@testable import EmulatedBoard

/// The camera's descriptors and its side of the control pipe.
struct CameraTests {
  private static let formats: [VideoFormat] = [
    VideoFormat(.mjpeg, sizes: VideoFormat.defaultMJPEG.sizes, rates: [30, 15, 5]), .defaultH264,
  ]
  private static let model = CameraModel(name: "Kamera Größe", serial: "S1", formats: formats)

  /// Walks a chain of descriptors by their first byte.
  private func descriptors(_ bytes: [UInt8]) -> [[UInt8]] {
    var found: [[UInt8]] = []
    var index = 0
    while index < bytes.count, bytes[index] >= 2, index + Int(bytes[index]) <= bytes.count {
      found.append(Array(bytes[index..<index + Int(bytes[index])]))
      index += Int(bytes[index])
    }
    #expect(index == bytes.count, "descriptors fill their configuration exactly")
    return found
  }

  private func length16(_ bytes: [UInt8], at index: Int) -> Int {
    Int(bytes[index]) | Int(bytes[index + 1]) << 8
  }

  @Test func lengthsOfTheConfigurationAddUp() throws {
    let whole = UVCDescriptor.configuration(formats: Self.formats)
    #expect(length16(whole, at: 2) == whole.count)
    let chain = descriptors(whole)
    let interfaces = chain.filter { $0[1] == USBDescriptor.Kind.interface }
    #expect(interfaces.count == Int(whole[4]))

    let headers = chain.indices.filter { chain[$0][1] == 0x24 && chain[$0][2] == 1 }
    try #require(headers.count == 2)
    for (header, lengthAt) in zip(headers, [5, 4]) {
      // A class header's total covers itself and the class descriptors that follow.
      let group = chain[header...].prefix { $0[1] == 0x24 }
      #expect(length16(chain[header], at: lengthAt) == group.reduce(0) { $0 + $1.count })
    }
  }

  @Test func frameDescriptorsAreAsLongAsTheirIntervalsNeed() {
    let chain = descriptors(UVCDescriptor.configuration(formats: Self.formats))
    let mjpeg = chain.filter { $0[1] == 0x24 && $0[2] == 7 }
    let h264 = chain.filter { $0[1] == 0x24 && $0[2] == 0x11 }
    #expect(mjpeg.map(\.count) == [26 + 12, 26 + 12])
    #expect(mjpeg.map { $0[25] } == [3, 3])
    #expect(h264.map(\.count) == [26 + 4])
    #expect(h264.map { $0[21] } == [1])
  }

  @Test func cameraWithoutSerialHasNoSuchString() {
    let nameless = CameraModel(serial: "")
    #expect(nameless.deviceDescriptor[16] == 0)
    #expect(nameless.stringDescriptor(3) == nil)
    #expect(Self.model.deviceDescriptor[16] == 3)
    #expect(Self.model.stringDescriptor(3) == [6, 3, 0x53, 0, 0x31, 0])
  }

  @Test func negotiationTakesTheNearestThatExists() {
    var negotiation = StreamNegotiation(formats: Self.formats)
    var accepted = false
    let wish: [UInt8] = [0, 0, 1, 2] + bytes(of: 700_000)
    accepted = negotiation.propose(wish)
    #expect(accepted)
    #expect(
      negotiation.selection
        == StreamSelection(
          codec: .mjpeg, size: FrameSize(width: 640, height: 480), interval: 666_666))
    accepted = negotiation.propose([0, 0, 9, 9, 0, 0, 0, 0])
    #expect(accepted)
    #expect(negotiation.selection.size == FrameSize(width: 1280, height: 720))
    accepted = negotiation.propose([0, 0, 1])
    #expect(!accepted)
    #expect(negotiation.bytes.count == 34)
  }

  @Test func commitStartsAndClearHaltEndsAStream() {
    var function = CameraFunction(model: Self.model)
    var answer: CameraFunction.Answer
    let configured = function.setConfiguration(1)
    #expect(configured)
    let commit = USBSetup(
      requestType: 0x21, request: 1, value: 0x0200, index: 1, length: 34)
    answer = function.answer(commit, data: [0, 0, 2, 1, 0, 0, 0, 0])
    #expect(answer == .accepted)
    #expect(function.streaming?.codec == .h264)
    let clearHalt = USBSetup(requestType: 2, request: 1, value: 0, index: 0x81, length: 0)
    answer = function.answer(clearHalt, data: [])
    #expect(answer == .accepted)
    #expect(function.streaming == nil)
    let unknown = USBSetup(requestType: 0xA1, request: 0x81, value: 0x0900, index: 1, length: 1)
    answer = function.answer(unknown, data: [])
    #expect(answer == .stall)
  }

  @Test func payloadsMarkFrameBordersAndLoseNothing() {
    var packer = PayloadPacker()
    let frame = (0..<40_000).map { UInt8(truncatingIfNeeded: $0) }
    packer.load(frame)
    var received: [UInt8] = []
    var flags: [UInt8] = []
    while !packer.isEmpty {
      let payload = packer.next(room: 20_000)
      #expect(payload.count <= UVC.maxPayloadSize && payload[0] == 2)
      flags.append(payload[1])
      received += payload[2...]
    }
    #expect(received == frame)
    #expect(flags == [0x81, 0x81, 0x83])
    packer.load([1])
    let next = packer.next(room: 512)
    #expect(next == [2, 0x82, 1])
  }

  private func bytes(of value: UInt32) -> [UInt8] {
    (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * UInt32($0))) }
  }
}
