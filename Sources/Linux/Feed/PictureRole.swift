import Appliance
import CLinux
import Feed
import Wire

/// `watchpost picture`: copies the newest pictures of feeds for clients, checks that each is a
/// whole JPEG, and adds the Huffman tables that cameras leave out.
///
/// What a camera or a feed has made is looked at here and not in the agent: a fault costs this
/// process, which is started again. It waits for nobody: a picture that is not there yet is looked
/// for every millisecond, for any number of requests at once.
public struct PictureRole: ~Copyable {
  private static let channel: Int32 = 3
  private static let waitMs: Int32 = 1

  private struct Waiting {
    var request = PictureRequest(id: 0, notBeforeUs: 0, deadlineUs: 0)
    /// The feed's memory; -1: a free place.
    var memory: Int32 = -1
  }

  private var waiting = InlineArray<16, Waiting>(repeating: Waiting())
  private var count = 0
  private let copy: UnsafeMutableRawBufferPointer
  private let whole: UnsafeMutableRawBufferPointer

  /// Serves the agent until it ends. The process's exit code.
  public static func run() -> Int32 {
    let size = Limits.pictureSize + JPEGPicture.completionSize
    guard let copy = lx_reserve(size), let whole = lx_reserve(size) else { return 1 }
    var role = PictureRole(
      copy: UnsafeMutableRawBufferPointer(start: copy, count: Limits.pictureSize),
      whole: UnsafeMutableRawBufferPointer(start: whole, count: size))
    return role.serve()
  }

  private init(copy: UnsafeMutableRawBufferPointer, whole: UnsafeMutableRawBufferPointer) {
    self.copy = copy
    self.whole = whole
  }

  private mutating func serve() -> Int32 {
    while true {
      guard lx_wait_readable(Self.channel, count > 0 ? Self.waitMs : -1) >= 0 else { return 1 }
      var ended = false
      while count < waiting.count,
        let (request, memory) = PictureRequest.receive(from: Self.channel, ended: &ended)
      {
        keep(request, memory)
      }
      if ended { return 0 }
      for index in waiting.indices where waiting[index].memory >= 0 { look(index) }
    }
  }

  private mutating func keep(_ request: PictureRequest, _ memory: Int32) {
    for index in waiting.indices where waiting[index].memory < 0 {
      waiting[index] = Waiting(request: request, memory: memory)
      count += 1
      return
    }
  }

  /// Answers a request if its picture is there, or its time is over.
  private mutating func look(_ index: Int) {
    let request = waiting[index].request
    guard let pictures = SharedPicture(mapping: waiting[index].memory, writable: false) else {
      return answer(index, PictureReply(id: request.id, outcome: .damaged))
    }
    defer { pictures.unmap() }
    let nowUs = lx_boot_clock_ns() / 1000
    guard let newestUs = pictures.newestUs, newestUs >= request.notBeforeUs else {
      if nowUs >= request.deadlineUs {
        answer(index, PictureReply(id: request.id, outcome: .late))
      }
      return
    }
    // The writer may be faster than this copy; then the next look finds a newer picture.
    guard let facts = pictures.copyNewest(into: copy) else { return }
    answer(index, facts)
  }

  private mutating func answer(_ index: Int, _ facts: SharedPicture.Facts) {
    let bytes = UnsafeRawBufferPointer(rebasing: copy[..<facts.size])
    let id = waiting[index].request.id
    guard let picture = try? JPEGPicture.inspect(bytes),
      picture.completedSize <= Limits.pictureSize
    else { return answer(index, PictureReply(id: id, outcome: .damaged)) }
    let size = picture.complete(bytes, into: whole)
    let memory = lx_memory_of(whole.baseAddress!, size)
    guard memory >= 0 else { return answer(index, PictureReply(id: id, outcome: .noMemory)) }
    var reply = PictureReply(id: id, outcome: .picture)
    reply.size = size
    reply.width = picture.width
    reply.height = picture.height
    reply.frame = facts.frame
    reply.capturedUs = facts.capturedUs
    reply.completed = picture.huffmanTables == .implied
    answer(index, reply, memory: memory)
    lx_close(memory)
  }

  private mutating func answer(_ index: Int, _ reply: PictureReply, memory: Int32 = -1) {
    _ = reply.send(over: Self.channel, memory: memory)
    lx_close(waiting[index].memory)
    waiting[index] = Waiting()
    count -= 1
  }
}
