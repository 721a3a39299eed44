/// A JPEG picture made field by field, for what no encoder at hand makes. Its scan decodes to
/// nothing.
struct MadeJPEG {
  var frameMarker: UInt8 = 0xC0
  var precision: UInt8 = 8
  var width = 64
  var height = 48
  var sampling: [UInt8] = [0x21, 0x11, 0x11]
  /// The quantization table of each component, and how many are defined.
  var tables: [UInt8] = [0, 1, 1]
  var tableCount = 2
  var tableBits = 8
  var scan: [UInt8] = [1, 2, 3, 4]
  var scans = 1

  var bytes: [UInt8] {
    var bytes: [UInt8] = [0xFF, 0xD8]
    for number in 0..<tableCount {
      let head = UInt8((tableBits == 16 ? 0x10 : 0) | number)
      let values = [UInt8](repeating: UInt8(10 + number), count: tableBits * 8)
      bytes += segment(0xDB, [head] + values)
    }
    var frame = [precision, UInt8(height >> 8), UInt8(height & 0xFF)]
    frame += [UInt8(width >> 8), UInt8(width & 0xFF), UInt8(sampling.count)]
    for (index, factors) in sampling.enumerated() {
      frame += [UInt8(index + 1), factors, tables[index]]
    }
    bytes += segment(frameMarker, frame)
    for number in 0..<scans {
      // Either one scan of all components or a scan for each.
      let selectors: [UInt8] =
        scans == 1 ? [3, 1, 0x00, 2, 0x11, 3, 0x11] : [1, UInt8(number + 1), 0]
      bytes += segment(0xDA, selectors + [0, 63, 0]) + scan
    }
    return bytes + [0xFF, 0xD9]
  }

  private func segment(_ marker: UInt8, _ content: [UInt8]) -> [UInt8] {
    let length = content.count + 2
    return [0xFF, marker, UInt8(length >> 8), UInt8(length & 0xFF)] + content
  }
}
