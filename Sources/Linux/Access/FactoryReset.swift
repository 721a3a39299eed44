import Appliance
import CLinux
import Wire

/// Whether the device is to forget whom it admits: a file on the card says so until that is done.
///
/// A person puts it there with a computer; the agent's `forget` has the keeper do it. It is removed
/// last, so that a power cut repeats the reset and never loses it.
struct FactoryReset {
  private let folder: AccessFolder

  init(_ folder: AccessFolder) { self.folder = folder }

  /// Some systems hide the ending of a name, and give it one.
  private var marks: InlineArray<2, Text<160>> {
    [folder.rootFile("factory-reset"), folder.rootFile("factory-reset.txt")]
  }

  var isAsked: Bool {
    for index in 0..<2 where marks[index].withCString({ lx_exists($0) }) != 0 { return true }
    return false
  }

  /// Carries it out: `work` removes everything and makes what there must be.
  func carryOut(_ work: () -> Int32) -> Int32 {
    folder.writing {
      if !isAsked {
        let word: StaticString = "The device is about to forget its keys.\n"
        let text = UnsafeRawBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount)
        let asked = folder.overwrite(marks[0], text)
        guard asked == 0 else { return asked }
      }
      let result = work()
      guard result == 0 else { return result }
      for index in 0..<2 {
        // A person may have made it a folder; it goes if it is empty.
        let removed = marks[index].withCString { lx_remove($0) }
        guard removed == 0 else { return removed }
      }
      return folder.sync()
    }
  }
}
