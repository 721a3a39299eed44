/// Finds the access units of a byte stream (Annex B) file.
public enum AccessUnits {
  /// Where the next one lies, at or behind `offset`: from its first start code to that of the next
  /// one. Nil when there is none.
  ///
  /// A new one begins with the first delimiter, parameter set or SEI behind the slices of a picture
  /// and with the first slice of another (H.264, section 7.4.1.2.3). A picture whose slices come in
  /// arbitrary order, which only the Extended and Baseline profiles allow, would be cut in pieces.
  public static func next(
    in bytes: UnsafeRawBufferPointer, from offset: Int
  ) -> Range<Int>? {
    var reader = AnnexBReader(bytes, from: offset)
    guard reader.offset < bytes.count else { return nil }
    let start = withZeroByte(reader.offset, in: bytes, from: offset)
    var hasSlices = false
    var place = start
    while let range = reader.next() {
      let unit = bytes.unit(range)
      if unit.defect == nil {
        if hasSlices, unit.precedesPicture || unit.beginsPicture {
          return start..<withZeroByte(place, in: bytes, from: start)
        }
        if unit.isSlice { hasSlices = true }
      }
      place = reader.offset
    }
    return start..<bytes.count
  }

  /// A zero byte before a start code belongs to it (zero_byte, section B.1.2).
  private static func withZeroByte(
    _ place: Int, in bytes: UnsafeRawBufferPointer, from start: Int
  ) -> Int {
    place > start && bytes[place - 1] == 0 ? place - 1 : place
  }
}
