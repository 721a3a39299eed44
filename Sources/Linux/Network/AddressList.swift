import Appliance
import Wire

/// Numeric IPv4 addresses in a text, separated by blanks, commas or line ends; words that are none
/// are left out. At most eight.
public struct AddressList {
  private var addresses = InlineArray<8, IPv4>(repeating: .any)
  public private(set) var count = 0

  public init<let capacity: Int>(_ text: Text<capacity>) {
    var start = 0
    for index in 0...text.count {
      let isEnd = index == text.count || text[index] <= 0x20 || text[index] == UInt8(ascii: ",")
      guard isEnd else { continue }
      var word = Text<192>()
      for place in start..<index { word.append(text[place]) }
      start = index + 1
      guard !word.isEmpty, count < 8,
        let address = try? ConfigurationValue(text: word).address()
      else { continue }
      addresses[count] = address
      count += 1
    }
  }

  public var first: IPv4? { count > 0 ? addresses[0] : nil }

  public subscript(index: Int) -> IPv4 {
    precondition(index < count, "address index out of range")
    return addresses[index]
  }
}
