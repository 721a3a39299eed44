/// What is going to happen in the world, by time; at one time in the order in which it was planned.
struct Agenda {
  struct Entry {
    /// The life of the agent that it belongs to; nil: it happens whatever becomes of the agent.
    var epoch: Int?
    var action: (SimulatedWorld) -> Void
  }

  /// What the heap moves about has no reference in it that would be counted.
  private struct Date {
    var atUs: UInt64
    var order: UInt64
    /// In `entries`.
    var place: Int
  }

  private var heap: [Date] = []
  private var planned: UInt64 = 0
  private var entries: [Entry?] = []
  private var free: [Int] = []

  var nextUs: UInt64 { heap.isEmpty ? .max : heap[0].atUs }

  mutating func add(atUs: UInt64, epoch: Int?, _ action: @escaping (SimulatedWorld) -> Void) {
    planned += 1
    let entry = Entry(epoch: epoch, action: action)
    let place = free.popLast() ?? entries.count
    if place == entries.count { entries.append(entry) } else { entries[place] = entry }
    heap.append(Date(atUs: atUs, order: planned, place: place))
    var child = heap.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard comes(child, before: parent) else { return }
      heap.swapAt(child, parent)
      child = parent
    }
  }

  /// The first entry, when its time has come by `us`.
  mutating func next(by us: UInt64) -> Entry? {
    guard let first = heap.first, first.atUs <= us else { return nil }
    removeFirst()
    free.append(first.place)
    return entries[first.place].take()
  }

  private mutating func removeFirst() {
    let last = heap.removeLast()
    guard !heap.isEmpty else { return }
    heap[0] = last
    var parent = 0
    while true {
      var least = parent
      for child in (2 * parent + 1)...(2 * parent + 2)
      where child < heap.count && comes(child, before: least) { least = child }
      guard least != parent else { return }
      heap.swapAt(parent, least)
      parent = least
    }
  }

  private func comes(_ left: Int, before right: Int) -> Bool {
    heap[left].atUs < heap[right].atUs
      || heap[left].atUs == heap[right].atUs && heap[left].order < heap[right].order
  }
}
