import Wire

/// RTSP sources on the network, in the order in which they were added; kept on the data partition.
///
/// MediaMTX pulls them: each is a wanted path with a URL. What is added before the memory has been
/// read stays, and is written once it has been.
public struct ExternalSources {
  private let table: Table<KnownSource>
  public private(set) var count = 0
  private var isLoaded = false
  private var isDirty = false

  init(_ table: Table<KnownSource>) { self.table = table }

  public subscript(index: Int) -> KnownSource {
    precondition(index < count, "source index out of range")
    return table[index]
  }

  func index(of name: Name) -> Int? {
    for index in 0..<count where table[index].name == name { return index }
    return nil
  }

  /// `.busy` when the table is full, `.alreadyExists` when a source has the name.
  mutating func add(_ source: KnownSource) throws(Status) {
    guard index(of: source.name) == nil else { throw .alreadyExists }
    guard count < table.count else { throw .busy }
    table[count] = source
    count += 1
    isDirty = true
  }

  /// `.notFound` when there is none of this name.
  mutating func remove(_ name: Name) throws(Status) {
    guard let index = index(of: name) else { throw .notFound }
    for position in index + 1..<max(count, index + 1) { table[position - 1] = table[position] }
    count -= 1
    isDirty = true
  }

  /// Takes one that the data partition remembers.
  mutating func recall(_ source: KnownSource) {
    guard index(of: source.name) == nil, count < table.count else { return }
    table[count] = source
    count += 1
  }

  /// The memory has been read: changes may be written.
  mutating func recalled() { isLoaded = true }

  /// What was to be kept may not have reached the data partition.
  mutating func keepAgain() { if isLoaded { isDirty = true } }

  /// True once after each change that is to be written.
  mutating func takeChange() -> Bool {
    guard isDirty, isLoaded else { return false }
    isDirty = false
    return true
  }
}
