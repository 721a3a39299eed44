import Appliance
import CLinux
import CWorld
import Glibc
import Wire

@testable import Linux

extension Fuzzer {
  /// In: a configuration file. Holds: a wrong one names a place in it and says what to do; a right
  /// one is the same with a comment behind it, and with lines ended as on Windows.
  static let configuration = Fuzzer("configuration", longest: 1024) {
    var keys: [[UInt8]] = []
    for index in 0..<ConfigurationKey.count {
      guard let facts = ConfigurationKey(rawValue: index)?.facts else { continue }
      let name = "\(facts.name)".split(separator: ".")
      keys.append(text("[\(name[0])]\n\(name[1]) = \(facts.standard)\n"))
    }
    return keys + [
      text("[cameras]\nmodes = *=MJPG:1280x720@30, cam-1=@15.5\nplayback = /data/a.mjpeg@30\n"),
      text("[led]\npower = gpiochip0:5 active-low\ncamera = line:CAM\nlink = sysfs:led0 ; x\n"),
      text("\u{FEFF}# c\r\n[alerts]\r\nlatency_ms: 500, 1000\r\n"),
    ]
  } run: { bytes in
    withCopy(bytes) { text in
      let text = UnsafeRawBufferPointer(text)
      do throws(ConfigurationError) {
        let read = try ConfigurationParser.parse(text, base: Configuration())
        let commented = [UInt8](text) + [0x0A, UInt8(ascii: "#"), 0x20]
        require(parsed(commented) == told(read), "a comment changes nothing")
        guard !text.contains(0x0D) else { return }
        let lines = text.flatMap { $0 == 0x0A ? [0x0D, 0x0A] : [$0] }
        require(parsed(lines) == told(read), "ends of lines change nothing")
      } catch {
        let lines = text.reduce(1) { $0 + ($1 == 0x0A ? 1 : 0) }
        require((1...lines).contains(Int(error.line)), "a line of the file")
        require(error.column >= 1 && Int(error.column) <= text.count + 1, "a column of it")
        require(error.message.count > 10, "a sentence")
      }
    }
  }

  /// In: an event's number, then what the DHCP server said: variables between zero bytes. Holds: an
  /// address is set only with a sensible prefix; the file for the time service names at most two
  /// addresses, one a line.
  static let dhcp = Fuzzer("dhcp", longest: 512) {
    [
      [0] + text("ip=10.0.0.7\0mask=24\0router=10.0.0.1 10.0.0.2\0ntpsrv=10.0.0.3 10.0.0.4"),
      [1] + text("ip=10.0.0.7\0mask=33"), [2] + text("ip=10.0.0.7"), [3], [0] + text("mask=24"),
    ]
  } run: { bytes in
    var input = Bytes(bytes)
    let events: [Text<32>] = ["bound", "renew", "deconfig", "leasefail", "nak"]
    let event = events[Int(input.byte()) % events.count]
    let names = ["ip", "mask", "router", "ntpsrv"]
    for name in names { unsetenv(name) }
    setenv("interface", "eth0", 1)
    for word in input.rest.split(separator: 0) {
      let word = String(decoding: word, as: UTF8.self)
      for name in names where word.hasPrefix(name + "=") {
        setenv(name, String(word.dropFirst(name.count + 1)), 1)
      }
    }
    world_says(bytes.baseAddress, 0)
    defer { world_ends() }
    let status = DHCPClient.event(event)
    let deeds = world_deeds()
    require((0...2).contains(status), "an exit code")
    require(deeds.is_set == 0 || (1...32).contains(deeds.prefix), "a prefix")
    let isLease = event == "bound" || event == "renew"
    require(isLease || (deeds.is_set == 0 && deeds.has_gateway == 0), "only a lease sets anything")
    require(deeds.is_cleared == 0 || event == "deconfig", "only its loss clears")
    let file = withUnsafeBytes(of: deeds.file) { [UInt8]($0.prefix(Int(deeds.file_size))) }
    let lines = file.split(separator: 0x0A, omittingEmptySubsequences: false)
    require(file.isEmpty || (file.last == 0x0A && lines.count <= 3), "at most two lines")
    for line in lines.dropLast() {
      require(AddressList(Text<192>(String(decoding: line, as: UTF8.self))).count == 1, "one each")
    }
  }

  /// In: which word, then its text: lists of addresses, sources' URLs, codes that people type.
  /// Holds: what is read is written as it is meant; a password is nowhere in what is shown.
  static let words = Fuzzer("words", longest: 256) {
    [
      [0] + text("10.0.0.1, 10.0.0.2 nonsense 1.2.3.4"),
      [1] + text("rtsp://u:p@10.0.0.9:554/s?a=b"),
      [1] + text("rtsps://[::1]/x"), [2] + text("7K3M-0WXY-9ABC"), [2] + text("7k3m owxy 9abc"),
      [3] + text("cam-1"),
    ]
  } run: { bytes in
    var input = Bytes(bytes)
    let kind = input.byte() % 4
    withCopy(input.rest) { word in
      let word = UnsafeRawBufferPointer(word)
      switch kind {
      case 0: addresses(Text<192>(word))
      case 1: source(Text<160>(word))
      case 2:
        guard let code = PairingCode(typed: word) else { return }
        code.withText { require(PairingCode(typed: $0) == code, "the same code") }
      default: utf8(word)
      }
    }
  }

  /// In: a list of the kernel's sockets (/proc/net/tcp), behind a byte for its kind. Holds: pieces
  /// are the same list.
  static let sockets = Fuzzer("sockets", longest: 2048) {
    let head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt\n"
    let rows = """
         0: 0100007F:270D 00000000:0000 0A 00000000:00000000 00:00000000 00000000   0   0 1234 1
         1: 00000000:206A 00000000:0000 0A 00000000:00000000 00:00000000 00000000   0   0 1235 1
         2: 00000000000000000000000001000000:0016 0:0 0A 0:0 00:0 0 0 0 77 1

      """
    return [[0] + text(head + rows), [1] + text(head + rows.replacing(" 0A ", " 07 "))]
  } run: { bytes in
    var input = Bytes(bytes)
    let kind: ListeningSockets.Socket.Kind = input.byte() & 1 == 0 ? .stream : .datagram
    var (whole, pieces) = (ListeningSockets(), ListeningSockets())
    var lines = SocketLines(kind)
    withCopy(input.rest) { _ = lines.take(.init($0), into: &whole) }
    lines = SocketLines(kind)
    var goesOn = true
    chopped(input.rest) { if goesOn { goesOn = lines.take($0, into: &pieces) } }
    require(whole == pieces && whole.count <= ListeningSockets.capacity, "the same list")
    _ = whole.verdict(Configuration().mediaServer).text
  }
}

extension String {
  fileprivate func replacing(_ old: String, _ new: String) -> String {
    var result = ""
    var rest = self[...]
    while let first = rest.first {
      if rest.hasPrefix(old) {
        result += new
        rest = rest.dropFirst(old.count)
      } else {
        result.append(first)
        rest = rest.dropFirst()
      }
    }
    return result
  }
}

extension Text {
  fileprivate init(_ string: String) {
    self.init()
    for byte in string.utf8 { append(byte) }
  }
}

/// Everything of a configuration.
private func told(_ configuration: Configuration) -> String { "\(configuration)" }

private func parsed(_ bytes: [UInt8]) -> String? {
  bytes.withUnsafeBytes { text in
    (try? ConfigurationParser.parse(text, base: Configuration())).map(told)
  }
}

private func addresses(_ words: Text<192>) {
  let list = AddressList(words)
  require(list.count <= 8, "at most eight")
  for index in 0..<list.count {
    let shown: Text<15> = list[index].text
    let again = AddressList(Text<192>(shown))
    require(again.count == 1 && again.first == list[index], "the same address")
  }
}

private func source(_ address: Text<160>) {
  guard let url = SourceURL(address) else { return }
  require(url.text == address, "the address as it is")
  let bytes = address.withBytes { [UInt8]($0) }
  require(bytes.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != 0x22 && $0 != 0x27 }, "no quotes")
  let masked = url.masked.withBytes { [UInt8]($0) }
  require(masked == bytes || masked.count <= 160, "fits")
  // An authority with a password is shown with stars in its place.
  let behind = bytes.drop { $0 != 0x2F }.dropFirst(2)
  let authority = behind.prefix { ![0x2F, 0x3F, 0x23].contains($0) }
  guard let at = authority.lastIndex(of: 0x40), let colon = authority.firstIndex(of: 0x3A),
    colon + 1 < at
  else { return }
  require(Array(masked[..<(colon + 1)]) == Array(bytes[..<(colon + 1)]), "the user is shown")
  require(Array(masked[(colon + 1)...].prefix(3)) == [42, 42, 42], "the password is not")
}

/// A text that is cut stays what it was: never a piece of a character.
private func utf8(_ word: UnsafeRawBufferPointer) {
  let whole = [UInt8](word.prefix { $0 != 0 })
  let cut = Text<16>(word).withBytes { [UInt8]($0) }
  require(whole.starts(with: cut), "the beginning")
  guard String(validating: whole, as: UTF8.self) != nil else { return }
  require(String(validating: cut, as: UTF8.self) != nil, "whole characters")
  require(cut.count >= min(whole.count, 13), "no more is cut than a character")
}
