/// A fixed number of elements in memory that somebody else owns: a view, not a container.
///
/// Tables are mapped and touched when the process starts and never grow. The embedded build forbids
/// the heap here, and a global array of 16,384 slots would fix its size at compile time.
public struct Table<Element> {
  private let base: UnsafeMutablePointer<Element>
  public let count: Int

  /// A view over `memory`, whose elements are all set to `value`.
  public init(_ memory: UnsafeMutableBufferPointer<Element>, repeating value: Element) {
    base = memory.baseAddress!
    count = memory.count
    memory.initialize(repeating: value)
  }

  public var indices: Range<Int> { 0..<count }

  public subscript(index: Int) -> Element {
    unsafeAddress {
      precondition(index >= 0 && index < count, "table index out of range")
      return UnsafePointer(base + index)
    }
    nonmutating unsafeMutableAddress {
      precondition(index >= 0 && index < count, "table index out of range")
      return base + index
    }
  }
}
