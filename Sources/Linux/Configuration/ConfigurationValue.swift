import Appliance
import Wire

/// A value that is not what its key wants; the sentence says what is wanted.
struct ValueError: Error {
  var message: Text<120>
  init(_ message: Text<120>) { self.message = message }
  init(_ message: StaticString) { self.message = Text(message) }
}

/// One value of the file, with the readings that keys have of it.
struct ConfigurationValue {
  let text: Text<192>

  func isWord(_ word: StaticString) -> Bool { text == word }

  func integer(_ range: ClosedRange<UInt64>) throws(ValueError) -> UInt64 {
    if let value = decimal(0..<text.count), range.contains(value) { return value }
    var message = Text<120>("Give a whole number from ")
    message.append(decimal: range.lowerBound)
    message.append(" to ")
    message.append(decimal: range.upperBound)
    message.append(", without a unit.")
    throw ValueError(message)
  }

  func flag() throws(ValueError) -> Bool {
    if isWord("on") || isWord("true") || isWord("yes") || isWord("1") { return true }
    if isWord("off") || isWord("false") || isWord("no") || isWord("0") { return false }
    throw ValueError("Give on or off.")
  }

  func word<let capacity: Int>(_: Text<capacity>.Type, limit: Int) throws(ValueError)
    -> Text<capacity>
  {
    guard text.count <= limit else { throw tooLong(limit) }
    for index in 0..<text.count where text[index] <= 0x20 || text[index] == UInt8(ascii: "/") {
      throw ValueError("Give one word without blanks or slashes.")
    }
    return Text(text)
  }

  /// A label of the domain name system, since the name becomes `NAME.local`.
  func deviceName() throws(ValueError) -> Text<32> {
    guard text.count <= 32 else { throw tooLong(32) }
    let hyphen = UInt8(ascii: "-")
    for index in 0..<text.count {
      let byte = text[index]
      let isLetter = (byte | 0x20) >= UInt8(ascii: "a") && (byte | 0x20) <= UInt8(ascii: "z")
      let isDigit = byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
      let isInner = index > 0 && index < text.count - 1
      guard isLetter || isDigit || (byte == hyphen && isInner) else {
        throw ValueError("Give a name of letters, digits and inner hyphens.")
      }
    }
    return Text(text)
  }

  /// An absolute path, or nothing for `off`.
  func path<let capacity: Int>(
    _: Text<capacity>.Type, limit: Int, offAllowed: Bool, relativeAllowed: Bool = false
  ) throws(ValueError) -> Text<capacity> {
    if offAllowed, isWord("off") { return .empty }
    guard text.count <= limit else { throw tooLong(limit) }
    guard relativeAllowed || text[0] == UInt8(ascii: "/") else {
      throw ValueError(
        offAllowed ? "Give a path that begins with /, or off." : "Give a path that begins with /.")
    }
    return Text(text)
  }

  func address() throws(ValueError) -> IPv4 {
    if let address = address(0..<text.count) { return address }
    throw ValueError("Give an address like 192.168.1.10; names are not looked up.")
  }

  func endpoint() throws(ValueError) -> (IPv4, UInt16) {
    if let colon = index(of: UInt8(ascii: ":"), from: 0),
      let address = address(0..<colon), let port = decimal(colon + 1..<text.count),
      port >= 1, port <= 65_535
    {
      return (address, UInt16(port))
    }
    throw ValueError("Give ADDRESS:PORT, like 0.0.0.0:4710.")
  }

  func addressWithPrefix() throws(ValueError) -> (IPv4, UInt8) {
    if let subnet = subnet(0..<text.count), subnet.prefix >= 1, subnet.prefix <= 30,
      index(of: UInt8(ascii: "/"), from: 0) != nil
    {
      return (subnet.address, subnet.prefix)
    }
    throw ValueError("Give ADDRESS/PREFIX, like 192.168.1.10/24.")
  }

  func addresses<let limit: Int>(_: InlineArray<limit, IPv4>.Type) throws(ValueError)
    -> InlineArray<limit, IPv4>
  {
    var result = InlineArray<limit, IPv4>(repeating: .any)
    try eachItem(limit: limit) { (number, range) throws(ValueError) in
      guard let address = address(range) else {
        throw ValueError("Give numeric addresses, separated by commas.")
      }
      result[number] = address
    }
    return result
  }

  func subnets<let limit: Int>(_: InlineArray<limit, Subnet>.Type) throws(ValueError)
    -> InlineArray<limit, Subnet>
  {
    var result = InlineArray<limit, Subnet>(repeating: .none)
    if isWord("none") { return result }
    try eachItem(limit: limit) { (number, range) throws(ValueError) in
      guard let subnet = subnet(range) else {
        throw ValueError("Give addresses or networks like 10.0.0.0/8, separated by commas.")
      }
      result[number] = subnet
    }
    return result
  }

  func networkMode() throws(ValueError) -> Configuration.Network.Mode {
    if isWord("dhcp") { return .dhcp }
    if isWord("static") { return .fixed }
    if isWord("link-local") { return .linkLocal }
    if isWord("off") { return .off }
    throw ValueError("Give dhcp, static, link-local or off.")
  }

  /// `CHIP:OFFSET`, `line:NAME`, `sysfs:NAME` or `off`, each but the last with ` active-low`.
  func led() throws(ValueError) -> LEDMapping {
    if isWord("off") { return .none }
    let blank = index(of: UInt8(ascii: " "), from: 0)
    let end = blank ?? text.count
    if let blank {
      guard trimmed(blank..<text.count, is: "active-low") else { throw ledError }
    }
    let activeLow = blank != nil
    guard let colon = index(of: UInt8(ascii: ":"), from: 0), colon < end else { throw ledError }
    let head = slice(0..<colon)
    let tail = slice(colon + 1..<end)
    guard head.count > 0, tail.count > 0, head.count <= 40, tail.count <= 48 else {
      throw ledError
    }
    if head == "line" {
      return LEDMapping(place: .gpioName, target: Text(tail), activeLow: activeLow)
    }
    if head == "sysfs" {
      return LEDMapping(place: .sysfs, target: Text(tail), activeLow: activeLow)
    }
    guard let offset = decimal(colon + 1..<end), offset < 4096 else { throw ledError }
    var chip = Text<48>()
    if head[0] != UInt8(ascii: "/") { chip.append("/dev/") }
    chip.append(head)
    return LEDMapping(
      place: .gpioOffset, target: chip, offset: UInt32(offset), activeLow: activeLow)
  }

  /// A line of a chip, for a button.
  func line() throws(ValueError) -> LEDMapping {
    let error = ValueError("Give gpiochip0:3, line:NAME or off; active-low may follow.")
    guard let mapping = try? led(), mapping.place != .sysfs else { throw error }
    return mapping
  }

  private var ledError: ValueError {
    ValueError("Give gpiochip0:5, line:NAME, sysfs:NAME or off; active-low may follow.")
  }

  // MARK: Pieces

  func tooLong(_ limit: Int) -> ValueError {
    var message = Text<120>("Shorten it to ")
    message.append(decimal: UInt64(limit))
    message.append(" bytes.")
    return ValueError(message)
  }

  private func index(of byte: UInt8, from start: Int) -> Int? {
    var index = start
    while index < text.count {
      if text[index] == byte { return index }
      index += 1
    }
    return nil
  }

  func slice(_ range: Range<Int>) -> Text<192> {
    var result = Text<192>()
    for index in range { result.append(text[index]) }
    return result
  }

  private func trim(_ range: Range<Int>) -> Range<Int> {
    var (start, end) = (range.lowerBound, range.upperBound)
    while start < end, text[start] == 0x20 || text[start] == 0x09 { start += 1 }
    while end > start, text[end - 1] == 0x20 || text[end - 1] == 0x09 { end -= 1 }
    return start..<end
  }

  private func trimmed(_ range: Range<Int>, is word: StaticString) -> Bool {
    slice(trim(range)) == word
  }

  func decimal(_ range: Range<Int>) -> UInt64? {
    guard !range.isEmpty, range.count <= 18 else { return nil }
    var value: UInt64 = 0
    for index in range {
      let digit = text[index] &- UInt8(ascii: "0")
      guard digit <= 9 else { return nil }
      value = value * 10 + UInt64(digit)
    }
    return value
  }

  private func address(_ range: Range<Int>) -> IPv4? {
    var value: UInt32 = 0
    var parts = 0
    var start = range.lowerBound
    for index in range.lowerBound...range.upperBound {
      guard index == range.upperBound || text[index] == UInt8(ascii: ".") else { continue }
      guard let part = decimal(start..<index), part <= 255, index - start <= 3 else { return nil }
      value = value << 8 | UInt32(part)
      parts += 1
      start = index + 1
      if parts > 4 { return nil }
    }
    return parts == 4 ? IPv4(value) : nil
  }

  private func subnet(_ range: Range<Int>) -> Subnet? {
    var slash = range.lowerBound
    while slash < range.upperBound, text[slash] != UInt8(ascii: "/") { slash += 1 }
    guard let address = address(range.lowerBound..<slash) else { return nil }
    if slash == range.upperBound { return Subnet(address: address, prefix: 32) }
    guard let prefix = decimal(slash + 1..<range.upperBound), prefix <= 32 else { return nil }
    return Subnet(address: address, prefix: UInt8(prefix))
  }

  func eachItem(
    limit: Int, _ body: (Int, Range<Int>) throws(ValueError) -> Void
  ) throws(ValueError) {
    var start = 0
    var number = 0
    for index in 0...text.count {
      guard index == text.count || text[index] == UInt8(ascii: ",") else { continue }
      guard number < limit else {
        var message = Text<120>("Give at most ")
        message.append(decimal: UInt64(limit))
        message.append(" of them.")
        throw ValueError(message)
      }
      try body(number, trim(start..<index))
      number += 1
      start = index + 1
    }
  }
}
