/// What is going to happen in the world, by time; at one time in the order in which it was planned.
struct Agenda {
  struct Entry {
    var atUs: UInt64
    var order: UInt64
    /// The life of the agent that it belongs to; nil: it happens whatever becomes of the agent.
    var epoch: Int?
    var action: (SimulatedWorld) -> Void
  }

  private var heap: [Entry] = []
  private var planned: UInt64 = 0

  var nextUs: UInt64 { heap.isEmpty ? .max : heap[0].atUs }

  mutating func add(atUs: UInt64, epoch: Int?, _ action: @escaping (SimulatedWorld) -> Void) {
    planned += 1
    heap.append(Entry(atUs: atUs, order: planned, epoch: epoch, action: action))
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
    guard nextUs <= us, !heap.isEmpty else { return nil }
    heap.swapAt(0, heap.count - 1)
    let first = heap.removeLast()
    guard !heap.isEmpty else { return first }
    var parent = 0
    while true {
      var least = parent
      for child in (2 * parent + 1)...(2 * parent + 2)
      where child < heap.count && comes(child, before: least) { least = child }
      guard least != parent else { return first }
      heap.swapAt(parent, least)
      parent = least
    }
  }

  private func comes(_ left: Int, before right: Int) -> Bool {
    heap[left].atUs < heap[right].atUs
      || heap[left].atUs == heap[right].atUs && heap[left].order < heap[right].order
  }
}
