import CLinux
import Foundation
import Glibc
import MadeFilms
import Testing

/// A data partition whose folders are root's, as earlier versions left them.
@Suite(.enabled(if: geteuid() == 0, "only root can give files to another user"))
struct HandOverTests {
  let folder: StorageFolder

  init() throws { folder = try StorageFolder() }

  private func owner(_ name: String) -> UInt32 {
    var found = stat()
    return lstat(folder.url.appending(path: name).path, &found) == 0 ? found.st_uid : .max
  }

  @Test func foldersAndFilesChangeHandsAtTheStart() throws {
    let film = MadeFilm.seconds(1).bytes
    let old = StorageFolder.name(boot: 9, ago: 50)
    try folder.put(film, "cam", old)
    try folder.put([1], "cam", "picture.jpg")
    try folder.put([1], "cam", "state.txt")
    let outside = folder.url.appending(path: "outside")
    try Data([1]).write(to: outside)
    symlink(outside.path, try folder.camera("cam").appending(path: "link.mp4").path)
    symlink(folder.url.path, folder.url.appending(path: "recordings/linked").path)
    let worker = try StorageWorker(folder.url)
    #expect(try worker.files { $0.count == 2 && $0.allSatisfy { $0.bytes > 0 } }.count == 2)
    let media = LX_USER_MEDIA.rawValue
    for name in ["recordings", "recordings/cam", "recordings/cam/" + old] {
      #expect(owner(name) == media, "\(name)")
    }
    #expect(owner("snapshots/cam/picture.jpg") == LX_USER_JOBS.rawValue)
    // Links lead nowhere.
    for name in ["outside", "state", "."] { #expect(owner(name) == 0, "\(name)") }
    // The worker removes what is another's now.
    let listed = try worker.list().1
    for entry in listed { #expect(try worker.remove(entry) == .ok) }
    #expect(owner("recordings/cam/" + old) == .max)
  }

  /// After a cut in the middle, or a folder that an earlier version has added.
  @Test func whatIsLeftOverFollowsAtTheNextStart() throws {
    let newer = StorageFolder.name(ago: 5)
    try folder.put(MadeFilm.seconds(1).bytes, "cam", newer)
    let recordings = folder.url.appending(path: "recordings").path
    chown(recordings, LX_USER_MEDIA.rawValue, LX_USER_MEDIA.rawValue)
    #expect(lx_hand_over(recordings, LX_USER_MEDIA.rawValue) == 0)
    #expect(owner("recordings/cam") == LX_USER_MEDIA.rawValue)
    #expect(owner("recordings/cam/" + newer) == LX_USER_MEDIA.rawValue)
  }

  @Test func aFolderThatIsNotThereIsToldAsSuch() {
    let path = folder.url.appending(path: "nothing").path
    #expect(lx_hand_over(path, LX_USER_MEDIA.rawValue) == -ENOENT)
  }
}
