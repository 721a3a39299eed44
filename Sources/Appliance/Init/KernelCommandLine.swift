import Wire

/// What the kernel's command line tells init.
public struct KernelCommandLine: Equatable, Sendable {
  /// `watchpost.boot=DEVICE`: the card's boot partition; empty: there is none.
  public var bootDevice = Text<48>()
  /// `watchpost.data=DEVICE`: the data partition; empty: there is none.
  public var dataDevice = Text<48>()
  /// `watchpost.debug=1`: a shell on the console.
  public var debugShell = false

  public init() {}

  /// Reads the words of `text`. Of a word that comes twice, the last counts, as in the kernel.
  public init(_ text: UnsafeRawBufferPointer) {
    var start = 0
    for index in 0...text.count {
      guard index == text.count || text[index] <= 0x20 else { continue }
      take(UnsafeRawBufferPointer(rebasing: text[start..<index]))
      start = index + 1
    }
  }

  private mutating func take(_ word: UnsafeRawBufferPointer) {
    if let value = value(of: word, after: "watchpost.boot=") {
      bootDevice = Text(value)
    } else if let value = value(of: word, after: "watchpost.data=") {
      dataDevice = Text(value)
    } else if let value = value(of: word, after: "watchpost.debug=") {
      debugShell = value.count == 1 && value[0] == UInt8(ascii: "1")
    }
  }

  private func value(of word: UnsafeRawBufferPointer, after name: StaticString)
    -> UnsafeRawBufferPointer?
  {
    let length = name.utf8CodeUnitCount
    guard word.count >= length else { return nil }
    for index in 0..<length where word[index] != name.utf8Start[index] { return nil }
    return UnsafeRawBufferPointer(rebasing: word[length...])
  }
}
