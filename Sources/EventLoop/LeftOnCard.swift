import Appliance
import Wire

// What ended changes have left on the card: their texts, and the way back from the one that was
// confirmed. While that is there, a factory reset goes it.
//
//   ended ── image kept ──▶ asked(number) ── done ──▶ gone
//                 ▲             │ refused, or the keeper ended
//                 └── retry ────┘

/// Changes that the card is to forget, one after the other, until it has.
struct LeftOnCard {
  /// Twice as many as there are texts on a card. More come together only while it takes nothing;
  /// the next keeper tells which texts there are.
  static let capacity = 32

  private struct Entry {
    var id: UInt32 = 0
    /// Of the image that says that it has ended: without it on the card, the change goes on after
    /// the next start.
    var revision: UInt32 = 0
  }

  private var entries = InlineArray<32, Entry>(repeating: Entry())
  private(set) var count = 0
  /// The request under way about `next`, 0: none.
  private(set) var asked: UInt32 = 0
  private var retryAt = Instant(ms: 0)

  /// The change that is asked about next; 0: there is none.
  var next: UInt32 { count > 0 ? entries[0].id : 0 }

  /// To be forgotten once the card has the image of this revision. `spared` is not given up for it
  /// when there are too many: it alone has a way back.
  mutating func add(_ id: UInt32, after revision: UInt32, sparing spared: UInt32) {
    for index in 0..<count where entries[index].id == id { return }
    if count == LeftOnCard.capacity {
      var oldest = asked == 0 ? 0 : 1
      if entries[oldest].id == spared { oldest += 1 }
      remove(oldest)
    }
    entries[count] = Entry(id: id, revision: revision)
    count += 1
  }

  private mutating func remove(_ index: Int) {
    count -= 1
    for place in index..<count { entries[place] = entries[place + 1] }
  }

  /// `next` is of no interest any more.
  mutating func removeNext() { remove(0) }

  func isDue(at now: Instant, _ image: KeptImage) -> Bool { deadline(image) <= now }

  /// When `next` is to be asked about.
  func deadline(_ image: KeptImage) -> Instant {
    asked == 0 && count > 0 && image.isKept(entries[0].revision) ? retryAt : .never
  }

  /// It was asked for with this request; 0: nobody has taken it.
  mutating func ask(_ number: UInt32, now: Instant) {
    asked = number
    if number == 0 { retryAt = now + KeptImage.fullMs }
  }

  /// The request `asked` has ended. One that fails does not keep the others waiting.
  mutating func done(_ isGone: Bool, now: Instant) {
    asked = 0
    let first = entries[0]
    remove(0)
    guard !isGone else { return }
    entries[count] = first
    count += 1
    retryAt = now + KeptImage.retryMs
  }

  /// The keeper that was asked is gone.
  mutating func lose() { asked = 0 }
}
