/// Memory that is claimed once, at the start, with a list of who holds how much of it.
///
/// The same code runs twice: over no memory, to learn the sum, and over memory of that size. So
/// what `watchpost limits` prints is what the agent claims.
public struct Arena: ~Copyable {
  public struct Item: Sendable {
    public var holder: StaticString
    public var count: Int
    public var bytes: Int
  }

  /// A claim starts on a boundary of this many bytes: a cache line.
  public static let alignment = 64

  private let base: UnsafeMutableRawPointer?
  private let capacity: Int
  /// Bytes behind each claim that nobody has: for tests that watch them.
  private let gap: Int
  /// Bytes claimed so far, gaps included.
  public private(set) var claimed = 0
  private var items = InlineArray<48, Item>(
    repeating: Item(holder: "", count: 0, bytes: 0))
  public private(set) var itemCount = 0

  /// An arena over no memory: it only adds up.
  public init(gap: Int = 0) {
    precondition(gap % Arena.alignment == 0, "claims must stay aligned")
    base = nil
    capacity = .max
    self.gap = gap
  }

  /// An arena over `memory`, which must be zero.
  public init(_ memory: UnsafeMutableRawBufferPointer, gap: Int = 0) {
    precondition(gap % Arena.alignment == 0, "claims must stay aligned")
    base = memory.baseAddress
    capacity = memory.count
    self.gap = gap
  }

  public func item(_ index: Int) -> Item {
    precondition(index < itemCount, "no such item")
    return items[index]
  }

  /// Room for `count` values. While only adding up, the room must not be touched.
  public mutating func claim<Value>(_ holder: StaticString, _ count: Int, of _: Value.Type)
    -> UnsafeMutableBufferPointer<Value>
  {
    precondition(MemoryLayout<Value>.alignment <= Arena.alignment, "alignment too large")
    let bytes = count * MemoryLayout<Value>.stride
    let rounded = (bytes + Arena.alignment - 1) / Arena.alignment * Arena.alignment
    precondition(rounded + gap <= capacity - claimed, "the arena is smaller than its plan")
    let start = claimed
    claimed += rounded + gap
    items[itemCount] = Item(holder: holder, count: count, bytes: rounded)
    itemCount += 1
    guard let base else { return UnsafeMutableBufferPointer(start: nil, count: 0) }
    let typed = (base + start).bindMemory(to: Value.self, capacity: count)
    return UnsafeMutableBufferPointer(start: typed, count: count)
  }
}
