/// Markers of JPEG (T.81, table B.1): the byte after FF.
enum JPEG {
  static let startOfFrame: UInt8 = 0xC0
  static let huffmanTables: UInt8 = 0xC4
  static let startOfImage: UInt8 = 0xD8
  static let endOfImage: UInt8 = 0xD9
  static let startOfScan: UInt8 = 0xDA
  static let quantizationTables: UInt8 = 0xDB
  static let restartInterval: UInt8 = 0xDD
  static let comment: UInt8 = 0xFE

  /// A marker segment: its length counts itself (T.81, B.1.1.4).
  static func segment(_ marker: UInt8, _ body: [UInt8]) -> [UInt8] {
    let length = body.count + 2
    return [0xFF, marker, UInt8(length >> 8), UInt8(length & 0xFF)] + body
  }

  /// Where a picture's first scan has its entropy-coded data, or nil if it has none. Segments are
  /// walked by their lengths, as an application's own may hold a picture, too.
  static func startOfData(_ picture: [UInt8]) -> Int? {
    var index = 2
    while index + 4 <= picture.count, picture[index] == 0xFF {
      let end = index + 2 + (Int(picture[index + 2]) << 8 | Int(picture[index + 3]))
      if picture[index + 1] == startOfScan { return end < picture.count ? end : nil }
      index = end
    }
    return nil
  }
}
