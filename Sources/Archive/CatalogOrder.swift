import Wire

// Files that were found in a folder and not in the index: nothing has told their order yet.
extension Catalog {
  /// A file that a folder holds and the index does not. `key` is what is known of when it began, in
  /// any unit that all found files share. nil: the catalog is full.
  public mutating func addFound(
    _ kind: FileKind, camera: Name, name: Text<56>, key: UInt64
  ) -> Int? {
    guard let place = add(kind, camera: camera, name: name) else { return nil }
    enlist(place, key: key)
    return place
  }

  /// The index has been damaged: what it lost belongs between what it still told, so that the order
  /// of all files is made anew from their dates and names.
  public mutating func doubtOrder() {
    foundCount = 0
    for place in oldest..<used where files[place].isThere {
      let wallMs = SegmentName(name(place))?.wallMs ?? 0
      enlist(place, key: files[place].unixMs == 0 ? wallMs : files[place].unixMs)
    }
  }

  /// Puts the found files in order among themselves; all others keep their places and ids. An id
  /// that a found file had before may be another's now.
  ///
  /// Heapsort (Williams 1964): in place, and no slower on files that somebody has named with that
  /// in mind.
  public mutating func orderFound() {
    let count = foundCount
    guard count > 0 else { return }
    for rank in 0..<count { files[Int(found[rank])].isFound = false }
    foundCount = 0
    var isOrdered = true
    for rank in 1..<count where isOrdered { isOrdered = key(rank - 1) <= key(rank) }
    if isOrdered { return }
    var root = count / 2
    while root > 0 {
      root -= 1
      sink(root, below: count)
    }
    var end = count - 1
    while end > 0 {
      swap(0, end)
      sink(0, below: end)
      end -= 1
    }
    enterAll()
  }

  private mutating func enlist(_ place: Int, key: UInt64) {
    keys[place] = key
    found[foundCount] = UInt32(place)
    foundCount += 1
    files[place].isFound = true
  }

  private func key(_ rank: Int) -> UInt64 { keys[Int(found[rank])] }

  /// Lets the file at a rank sink to where no key below it is larger.
  private func sink(_ root: Int, below end: Int) {
    var root = root
    while true {
      var child = 2 * root + 1
      guard child < end else { return }
      if child + 1 < end, key(child) < key(child + 1) { child += 1 }
      guard key(root) < key(child) else { return }
      swap(root, child)
      root = child
    }
  }

  /// Swaps what two ranks hold, but for their ids.
  private func swap(_ left: Int, _ right: Int) {
    let (left, right) = (Int(found[left]), Int(found[right]))
    let (file, id) = (files[left], files[right].id)
    files[left] = files[right]
    files[left].id = file.id
    files[right] = file
    files[right].id = id
    (keys[left], keys[right]) = (keys[right], keys[left])
  }
}
