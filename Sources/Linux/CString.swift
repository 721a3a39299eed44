import Wire

extension StaticString {
  /// The literal as C sees it; lives as long as the program.
  public var cString: UnsafePointer<CChar> {
    UnsafeRawPointer(utf8Start).assumingMemoryBound(to: CChar.self)
  }
}

extension Text {
  /// Runs `body` over a zero-terminated copy, valid only during the call.
  public func withCString<Result>(_ body: (UnsafePointer<CChar>) -> Result) -> Result {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: count + 1) { copy in
      for index in 0..<count { copy[index] = CChar(bitPattern: self[index]) }
      copy[count] = 0
      return body(UnsafePointer(copy.baseAddress!))
    }
  }

  /// A copy of a zero-terminated C string; what does not fit is cut.
  public init(cString: UnsafePointer<CChar>) {
    self.init()
    var index = 0
    while cString[index] != 0 && count < capacity {
      append(UInt8(bitPattern: cString[index]))
      index += 1
    }
  }
}
