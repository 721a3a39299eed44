import Appliance
import CLinux
import Wire

/// Reads the JSON of MediaMTX's answers as its pieces come by: nothing is kept but what is wanted.
///
///     { "pageCount": 1, "items": [ { "name": …, "readers": [ {…}, … ] }, … ] }
///     1                          2 3                       4 5
///
/// The numbers are depths. Members that are not named here are passed over, whatever they hold.
struct MediaDocument: ~Copyable {
  private enum Member { case other, version, pageCount, items, error }
  private enum ItemMember { case other, name, ready, inboundBytes, bytesReceived, errors, readers }

  /// The server's version.
  private(set) var version = Text<24>()
  /// The pages of the list; nil until told.
  private(set) var pageCount: UInt64?
  /// The reason of a refusal.
  private(set) var error = Text<120>()
  private(set) var pathCount = 0
  /// The list of items was there, and complete.
  private(set) var hasItems = false

  private let paths: UnsafeMutableBufferPointer<MediaPath>
  private var depth = 0
  private var member = Member.other
  private var itemMember = ItemMember.other
  private var inItems = false
  private var path = MediaPath()
  private var hasName = false
  private var isForeign = false
  private var hasInboundBytes = false

  init(paths: UnsafeMutableBufferPointer<MediaPath>) { self.paths = paths }

  /// Reads one document. False where it is no JSON, or a wanted member has another type than
  /// MediaMTX gives it.
  mutating func read(_ bytes: UnsafeRawBufferPointer) -> Bool {
    guard let start = bytes.baseAddress, bytes.count > 0 else { return false }
    return withUnsafeMutablePointer(to: &self) { context in
      lx_json_parse(
        start.assumingMemoryBound(to: UInt8.self), bytes.count,
        { context, event, bytes, count in
          let text = UnsafeRawBufferPointer(start: bytes, count: bytes == nil ? 0 : count)
          return context.assumingMemoryBound(to: MediaDocument.self).pointee.take(event, text)
        }, context)
    }
  }

  private mutating func take(_ event: lx_json_event, _ text: UnsafeRawBufferPointer) -> Bool {
    switch event {
    case LX_JSON_MAP_START, LX_JSON_ARRAY_START: return open(isMap: event == LX_JSON_MAP_START)
    case LX_JSON_MAP_END, LX_JSON_ARRAY_END: return close()
    case LX_JSON_KEY:
      name(text)
      return true
    default: break
    }
    switch depth {
    case 0: return false  // no answer of MediaMTX is a bare value
    case 1: return takeMember(event, text)
    case 2 where inItems: return false  // an item is a map
    case 3 where inItems: return takeItemMember(event, text)
    default: return true
    }
  }

  // MARK: Where we are

  private mutating func open(isMap: Bool) -> Bool {
    defer { depth += 1 }
    switch (depth, isMap) {
    case (0, true): return true
    case (0, false): return false
    case (1, true): return member == .other
    case (1, false):
      inItems = member == .items
      return member == .items || member == .other
    case (2, true) where inItems:
      (path, itemMember) = (MediaPath(), .other)
      (hasName, isForeign, hasInboundBytes) = (false, false, false)
      return true
    case (2, false) where inItems: return false
    case (3, _) where inItems:
      return itemMember == .other || (itemMember == .readers && !isMap)
    case (4, true) where inItems && itemMember == .readers:
      path.readers += 1
      return true
    default: return true
    }
  }

  private mutating func close() -> Bool {
    depth -= 1
    switch depth {
    case 1 where inItems:
      inItems = false
      hasItems = true
    case 2 where inItems: return finishItem()
    default: break
    }
    return true
  }

  /// A path whose name cannot be one of ours is passed over: it is not ours to remove either.
  private mutating func finishItem() -> Bool {
    guard hasName else { return false }
    if isForeign { return true }
    guard pathCount < paths.count else { return false }
    paths[pathCount] = path
    pathCount += 1
    return true
  }

  private mutating func name(_ key: UnsafeRawBufferPointer) {
    if depth == 1 {
      member =
        switch true {
        case key.spells("version"): .version
        case key.spells("pageCount"): .pageCount
        case key.spells("items"): .items
        case key.spells("error"): .error
        default: .other
        }
    } else if depth == 3, inItems {
      itemMember =
        switch true {
        case key.spells("name"): .name
        case key.spells("ready"): .ready
        case key.spells("inboundBytes"): .inboundBytes
        case key.spells("bytesReceived"): .bytesReceived
        case key.spells("inboundFramesInError"): .errors
        case key.spells("readers"): .readers
        default: .other
        }
    }
  }

  // MARK: Values

  private mutating func takeMember(_ event: lx_json_event, _ text: UnsafeRawBufferPointer) -> Bool {
    switch member {
    case .other: return true
    case .items: return false
    case .version:
      version = Text(text)
      return event == LX_JSON_STRING
    case .error:
      error = Text(text)
      return event == LX_JSON_STRING
    case .pageCount:
      pageCount = event == LX_JSON_NUMBER ? text.number : nil
      return pageCount != nil
    }
  }

  private mutating func takeItemMember(
    _ event: lx_json_event, _ text: UnsafeRawBufferPointer
  ) -> Bool {
    switch itemMember {
    case .other: return true
    case .readers: return false
    case .name:
      guard event == LX_JSON_STRING else { return false }
      hasName = true
      path.name = Name(text)
      isForeign = path.name.count != text.count || !path.name.isPathName
      return true
    case .ready:
      path.ready = event == LX_JSON_TRUE
      return event == LX_JSON_TRUE || event == LX_JSON_FALSE
    case .inboundBytes, .bytesReceived, .errors: break
    }
    guard event == LX_JSON_NUMBER, let value = text.number else { return false }
    switch itemMember {
    case .inboundBytes:
      path.inboundBytes = value
      hasInboundBytes = true
    case .bytesReceived:
      // What versions before 1.18 call it; later ones tell both.
      if !hasInboundBytes { path.inboundBytes = value }
    default: path.inboundFramesInError = value
    }
    return true
  }
}

extension Text {
  /// Whether a URL can carry it as it is: MediaMTX's own alphabet of path names.
  fileprivate var isPathName: Bool {
    for index in 0..<count {
      switch self[index] {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"),
        UInt8(ascii: "."), UInt8(ascii: "~"), UInt8(ascii: "/"):
        continue
      default: return false
      }
    }
    return count > 0
  }
}

extension UnsafeRawBufferPointer {
  fileprivate func spells(_ word: StaticString) -> Bool {
    elementsEqual(UnsafeRawBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount))
  }

  /// A whole number without sign; nil for any other.
  fileprivate var number: UInt64? {
    guard count > 0 else { return nil }
    var value: UInt64 = 0
    for byte in self {
      guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
      let (product, tooLarge) = value.multipliedReportingOverflow(by: 10)
      let (sum, overflow) = product.addingReportingOverflow(UInt64(byte - UInt8(ascii: "0")))
      if tooLarge || overflow { return nil }
      value = sum
    }
    return value
  }
}
