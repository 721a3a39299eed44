import Appliance
import Archive
import CLinux
import Feed
import Wire

/// `watchpost job DATA`: reads and checks files for clients, and keeps pictures as files, one job
/// at a time.
///
/// What a card, a camera or a feed has made is looked at here and not in the agent: a fault costs
/// this process, and one that hangs is left behind.
public struct JobRole: ~Copyable {
  private static let channel: Int32 = 3
  /// Bytes of a file that are checked at a time.
  private static let piece = 256 * 1024
  /// How long a camera's next picture is waited for.
  private static let pictureUs: UInt64 = 2_000_000
  /// Names that are tried for a picture.
  private static let tries = 100

  private let folder: Text<96>
  private let buffer: UnsafeMutableRawBufferPointer
  /// The answer: of a picture its head, then the JPEG.
  private let whole: UnsafeMutableRawBufferPointer

  /// Serves the agent until it ends. The process's exit code.
  public static func run(dataDirectory: Text<96>) -> Int32 {
    let size = SnapshotPart.size + Limits.pictureSize + JPEGPicture.completionSize
    guard let buffer = lx_reserve(size), let whole = lx_reserve(size) else { return 1 }
    let role = JobRole(
      folder: dataDirectory,
      buffer: UnsafeMutableRawBufferPointer(start: buffer, count: Limits.pictureSize),
      whole: UnsafeMutableRawBufferPointer(start: whole, count: size))
    return role.serve()
  }

  private func serve() -> Int32 {
    while true {
      guard lx_wait_readable(Self.channel, -1) >= 0 else { return 1 }
      let ended = withUnsafeTemporaryAllocation(byteCount: 256, alignment: 8) { message in
        var memory: Int32 = -1
        let count = lx_receive_message(
          Self.channel, message.baseAddress!, message.count, &memory)
        defer { if memory >= 0 { lx_close(memory) } }
        guard count >= Int64(JobRequest.size + 8) else { return count == 0 }
        var reader = ByteReader(UnsafeRawBufferPointer(rebasing: message[..<Int(count)]))
        guard let request = JobRequest(from: &reader) else { return false }
        let notBeforeUs = reader.read(UInt64.self)
        let payload = reader.take(reader.remaining)
        perform(request, payload, notBeforeUs: notBeforeUs, memory: memory)
        return false
      }
      if ended { return 0 }
    }
  }

  private func perform(
    _ request: JobRequest, _ payload: UnsafeRawBufferPointer, notBeforeUs: UInt64, memory: Int32
  ) {
    do throws(Status) {
      let answer: UnsafeRawBufferPointer
      switch request.kind {
      case .fileRead: answer = try read(FileReadRequest.decode(payload))
      case .fileVerify: answer = write(try verify(FileRequest.decode(payload)))
      case .snapshot:
        answer = try snapshot(newestPicture(memory, notBeforeUs: notBeforeUs))
      case .snapshotSave:
        let camera = try CameraRequest.decode(payload).name
        answer = write(try save(camera, newestPicture(memory, notBeforeUs: notBeforeUs)))
      default: throw .unknownOperation
      }
      reply(request, answer)
    } catch {
      send(JobReply(id: request.id, status: error), memory: -1)
    }
  }

  private func reply(_ request: JobRequest, _ answer: UnsafeRawBufferPointer) {
    guard let start = answer.baseAddress, !answer.isEmpty else {
      return send(JobReply(id: request.id, status: .ok), memory: -1)
    }
    let memory = lx_memory_of(start, answer.count)
    guard memory >= 0 else {
      return send(JobReply(id: request.id, status: .internalError), memory: -1)
    }
    send(JobReply(id: request.id, status: .ok, bytes: UInt32(answer.count)), memory: memory)
    lx_close(memory)
  }

  private func send(_ reply: JobReply, memory: Int32) {
    withUnsafeTemporaryAllocation(byteCount: JobReply.size, alignment: 8) { message in
      var writer = ByteWriter(message)
      reply.encode(into: &writer)
      _ = lx_send_message(Self.channel, message.baseAddress!, writer.count, memory)
    }
  }

  /// A payload of fixed size, in the buffer.
  private func write<Body: Payload>(_ body: Body) -> UnsafeRawBufferPointer {
    var writer = ByteWriter(whole)
    body.encode(into: &writer)
    return writer.written
  }

  // MARK: Files

  /// Opens a file; `body` gets its descriptor and size.
  private func open<Result>(
    _ file: FileRequest, _ body: (Int32, UInt64) throws(Status) -> Result
  ) throws(Status) -> Result {
    let directory = folder.withCString { data in
      file.camera.withCString { lx_folder_open(data, file.kind.folder.cString, $0) }
    }
    guard directory >= 0 else { throw Status(errno: -directory) }
    defer { lx_close(directory) }
    let descriptor = file.name.withCString { lx_file_open_at(directory, $0, 0) }
    guard descriptor >= 0 else { throw Status(errno: -descriptor) }
    defer { lx_close(descriptor) }
    var facts = lx_file_facts()
    let told = lx_file_facts_of(descriptor, &facts)
    guard told == 0 else { throw Status(errno: -told) }
    return try body(descriptor, facts.bytes)
  }

  private func read(_ request: FileReadRequest) throws(Status) -> UnsafeRawBufferPointer {
    try open(request.file) { descriptor, bytes throws(Status) in
      let left = bytes - min(bytes, request.offset)
      let wanted = Int(min(left, UInt64(request.length)))
      let count = try fill(descriptor, request.offset, wanted)
      return UnsafeRawBufferPointer(rebasing: buffer[..<count])
    }
  }

  /// Reads up to `wanted` bytes to the front of the buffer; fewer only at the end of the file.
  private func fill(_ descriptor: Int32, _ offset: UInt64, _ wanted: Int) throws(Status) -> Int {
    var filled = 0
    while filled < wanted {
      let count = lx_read_at(
        descriptor, buffer.baseAddress! + filled, wanted - filled, offset + UInt64(filled))
      guard count >= 0 else { throw Status(errno: Int32(-count)) }
      if count == 0 { break }
      filled += Int(count)
    }
    return filled
  }

  private func verify(_ file: FileRequest) throws(Status) -> FileVerdict {
    try open(file) { descriptor, bytes throws(Status) in
      var verdict = FileVerdict()
      while verdict.bytes < bytes {
        let wanted = Int(min(bytes - verdict.bytes, UInt64(Self.piece)))
        let count = try fill(descriptor, verdict.bytes, wanted)
        if count == 0 { break }
        let piece = UnsafeRawBufferPointer(rebasing: buffer[..<count])
        verdict.checksum = CRC32C.of(piece, behind: verdict.checksum)
        verdict.bytes += UInt64(count)
      }
      try examine(file, descriptor, &verdict)
      return verdict
    }
  }

  /// Looks whether what was read is what its name says.
  private func examine(
    _ file: FileRequest, _ descriptor: Int32, _ verdict: inout FileVerdict
  ) throws(Status) {
    guard file.kind == .recording else {
      let count = try fill(descriptor, 0, Int(min(verdict.bytes, UInt64(Limits.pictureSize))))
      let picture = UnsafeRawBufferPointer(rebasing: buffer[..<count])
      let isWhole = (try? JPEGPicture.inspect(picture)) != nil
      verdict.condition = Code(isWhole ? .whole : .damaged)
      return
    }
    var film = FragmentedMP4()
    var failure: Int64 = 0
    _ = film.advance(size: verdict.bytes, window: buffer) { offset, window in
      let count = lx_read_at(descriptor, window.baseAddress!, window.count, offset)
      if count < 0 { failure = count }
      return Int(count)
    }
    guard failure == 0 else { throw Status(errno: Int32(-failure)) }
    verdict.parts = film.parts
    verdict.durationMs = film.durationMs
    verdict.condition = Code(film.condition(size: verdict.bytes))
  }

  // MARK: Pictures

  /// A picture that was taken at `notBeforeUs` or later, in the buffer.
  private func newestPicture(
    _ memory: Int32, notBeforeUs: UInt64
  ) throws(Status) -> SharedPicture.Facts {
    guard memory >= 0, let pictures = SharedPicture(mapping: memory, writable: false) else {
      throw .cameraNotStreaming
    }
    defer { pictures.unmap() }
    let until = lx_boot_clock_ns() / 1000 + Self.pictureUs
    while true {
      if let newestUs = pictures.newestUs, newestUs >= notBeforeUs,
        let facts = pictures.copyNewest(into: buffer)
      {
        return facts
      }
      guard lx_boot_clock_ns() / 1000 < until else { throw .cameraNotStreaming }
      lx_sleep_ms(1)
    }
  }

  /// Makes a whole JPEG of the picture in the buffer. Returns what is told of it, with `total`; its
  /// bytes stand where they do in the answer.
  private func jpeg(_ facts: SharedPicture.Facts) throws(Status) -> SnapshotPart {
    let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<facts.size])
    let room = UnsafeMutableRawBufferPointer(rebasing: whole[SnapshotPart.size...])
    var part = SnapshotPart()
    part.frame = facts.frame
    part.capturedUs = facts.capturedUs
    switch facts.coding {
    case .jpeg:
      guard let picture = try? JPEGPicture.inspect(bytes),
        picture.completedSize <= Limits.pictureSize
      else { throw .cameraNotStreaming }
      part.total = UInt32(picture.complete(bytes, into: room))
      part.width = picture.width
      part.height = picture.height
      part.completed = picture.huffmanTables == .implied
    case .h264:
      let decoded = try KeyFrameDecoder.jpeg(of: bytes, into: room)
      part.total = UInt32(decoded.count)
      part.width = UInt16(decoded.width)
      part.height = UInt16(decoded.height)
      part.transcoded = true
    }
    return part
  }

  private func snapshot(_ facts: SharedPicture.Facts) throws(Status) -> UnsafeRawBufferPointer {
    let part = try jpeg(facts)
    var writer = ByteWriter(whole)
    part.encode(into: &writer)
    return UnsafeRawBufferPointer(rebasing: whole[..<(SnapshotPart.size + Int(part.total))])
  }

  private func save(_ camera: Name, _ facts: SharedPicture.Facts) throws(Status) -> FileEntry {
    let size = Int(try jpeg(facts).total)
    var entry = FileEntry()
    entry.kind = Code(.snapshot)
    entry.state = Code(.complete)
    entry.bytes = UInt64(size)
    entry.startedMs = facts.capturedUs / 1000
    entry.camera = camera
    var path = Text<160>(folder)
    path.append("/")
    path.append(FileKind.snapshot.folder)
    path.append("/")
    path.append(camera)
    let start = whole.baseAddress! + SnapshotPart.size
    // Several workers may keep a picture of one camera in one microsecond: the next one is free.
    var failure = -Int32(LX_EEXIST.rawValue)
    for _ in 0..<Self.tries where failure == -Int32(LX_EEXIST.rawValue) {
      entry.name = name(&entry.boot)
      failure = path.withCString { folder in
        entry.name.withCString { lx_keep_file(folder, $0, start, size) }
      }
    }
    guard failure == 0 else { throw Status(errno: -failure) }
    return entry
  }

  /// A name that no other file has: the wall clock, whatever it says, and the boot.
  private func name(_ boot: inout UInt32) -> Text<56> {
    let bootID = BootIdentity.read()
    for index in 0..<4 { boot |= UInt32(bootID[index]) << UInt32(8 * index) }
    let name = SegmentName(wallMs: lx_wall_time_ms(), boot: boot, life: 0)
    return name.text(.snapshot, micros: lx_boot_clock_ns() / 1000 % 1000)
  }
}

extension Status {
  /// What a failed call on the data partition means to a client.
  init(errno: Int32) {
    switch UInt32(bitPattern: errno) {
    case LX_ENOENT.rawValue, LX_ENOTSUP.rawValue, LX_ELOOP.rawValue: self = .notFound
    case LX_EEXIST.rawValue: self = .busy
    case LX_ENOSPC.rawValue, LX_EDQUOT.rawValue: self = .storageCritical
    default: self = .storageUnavailable
    }
  }
}
