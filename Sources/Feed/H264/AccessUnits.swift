/// Finds the access units of a byte stream (Annex B) file.
public enum AccessUnits {
  /// Where the next one lies, at or behind `offset`: from its first start code to that of the next
  /// one. Nil when there is none.
  public static func next(
    in bytes: UnsafeRawBufferPointer, from offset: Int
  ) -> Range<Int>? {
    fatalError()
  }
}
